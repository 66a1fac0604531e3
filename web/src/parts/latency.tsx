// Where the time before each answer went, as a bar against the budget.

import { sounds, type Item, type Spoken } from "../conversation";
import { clock, seconds } from "../format";
import type { Latency } from "../types";

/** Callees feel a longer silence than this; people among themselves leave about a fifth of a second. */
export const BUDGET_MS = 800;
/** What the width of a bar stands for. */
const FULL_MS = 1200;

const STAGES: { name: keyof Latency; label: string }[] = [
  { name: "end_of_turn_ms", label: "end of turn" },
  { name: "words_ms", label: "words" },
  { name: "first_token_ms", label: "first token" },
  { name: "first_sound_ms", label: "first sound" },
  { name: "wire_ms", label: "wire" },
];

export function LatencyPanel({ items }: { items: Item[] }) {
  const turns = items.filter((item): item is Spoken => item.kind === "turn" && item.latency !== null && sounds(item));
  return (
    <section class="card latency" aria-labelledby="latency-title">
      <h2 id="latency-title">Silence before each answer</h2>
      <Legend />
      {turns.length === 0 ? (
        <p class="hint">Measured with the agent's first answer.</p>
      ) : (
        <ol>
          {turns.map((turn) => (
            <li key={turn.key}>
              <span class="at">{clock(turn.at)}</span>
              <LatencyBar latency={turn.latency!} />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

export function Legend() {
  return (
    <p class="legend">
      {STAGES.map((stage, place) => (
        <span key={stage.name}><i class={`stage s${place}`} aria-hidden="true" /> {stage.label}</span>
      ))}
      <span><i class="budget" aria-hidden="true" /> budget {seconds(BUDGET_MS)}</span>
    </p>
  );
}

export function LatencyBar({ latency }: { latency: Latency }) {
  const total = latency.felt_silence_ms;
  const said = STAGES.map((stage) => `${stage.label} ${seconds(latency[stage.name])}`).join(", ");
  const share = (ms: number) => `${Math.min(100, (100 * ms) / FULL_MS)}%`;
  return (
    <span class="latency-bar">
      <span class="track" role="img" aria-label={`${seconds(total)} of silence: ${said}`} title={said}>
        {STAGES.map((stage, place) => (
          <span class={`stage s${place}`} key={stage.name} style={{ width: share(latency[stage.name]) }} />
        ))}
        <span class="mark" style={{ left: share(BUDGET_MS) }} />
      </span>
      <span class={total > BUDGET_MS ? "total over" : "total"}>{seconds(total)}</span>
    </span>
  );
}
