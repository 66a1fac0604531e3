// What came of a call: the outcome, the evidence for it, each linked to its place, the result and the figures.

import { clock, seconds, state, words } from "../format";
import type { Call } from "../types";
import { Icon } from "./icon";

export function Outcome({ call, onSeek }: { call: Call; onSeek: (ms: number) => void }) {
  const shown = state(call);
  const json = `/api/v1/calls/${call.call_id}`;
  return (
    <section class="card outcome" aria-labelledby="outcome-title">
      <div class="verdict">
        <h2 id="outcome-title"><span class={`dot ${shown.tone}`} aria-hidden="true" /> {shown.text}</h2>
        <p class="lead">{call.outcome_details ?? call.failure?.message ?? call.summary ?? "The call ended before anything came of it."}</p>
        {call.summary && call.outcome_details && <p>{call.summary}</p>}
        {call.failure && <p class="hint">Reason: {words(call.failure.reason)}. At fault: {call.failure.at_fault === "us" ? "this server" : call.failure.at_fault}.</p>}
        <p class="downloads">
          {call.recording_url && (
            <a class="button" href={`${json}/recording`} download={`${call.call_id}.wav`}><Icon name="download" /> Recording</a>
          )}
          <a class="button" href={json} download={`${call.call_id}.json`}><Icon name="download" /> JSON</a>
        </p>
      </div>
      {call.evidence.length > 0 && (
        <div class="evidence">
          <h3>Evidence</h3>
          <ul>
            {call.evidence.map((evidence, place) => (
              <li key={place}>
                <button type="button" class="place" onClick={() => onSeek(evidence.audio_ms)} aria-label={`Play at ${clock(evidence.audio_ms)}: ${evidence.quote}`}>
                  <Icon name="play" /> {clock(evidence.audio_ms)}
                </button>
                <span>
                  {evidence.claim}
                  <q>{evidence.quote}</q>
                </span>
              </li>
            ))}
          </ul>
        </div>
      )}
      {call.result !== null && (
        <div class="result">
          <h3>Result</h3>
          <pre tabIndex={0}>{JSON.stringify(call.result, null, 2)}</pre>
        </div>
      )}
      {call.metrics && call.metrics.answers > 0 && (
        <dl class="figures">
          <div><dt>Silence before an answer</dt><dd>{seconds(call.metrics.felt_silence_ms.p50)}</dd></div>
          <div><dt>Silence, slowest 5 %</dt><dd>{seconds(call.metrics.felt_silence_ms.p95)}</dd></div>
          <div><dt>Interruptions</dt><dd>{call.metrics.interruptions}</dd></div>
          <div><dt>Agent spoke</dt><dd>{Math.round(call.metrics.talk_share.agent * 100)} %</dd></div>
        </dl>
      )}
    </section>
  );
}
