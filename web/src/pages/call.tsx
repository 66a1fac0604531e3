// One call: while it runs, both sides as they speak and the controls; afterwards, what came of it, with the sound.

import { useEffect, useState } from "preact/hooks";
import { clock, isFinal, phone, state, title, when, words } from "../format";
import { useCall, type Followed } from "../live";
import { Controls } from "../parts/controls";
import { Icon } from "../parts/icon";
import { LatencyPanel } from "../parts/latency";
import { Live } from "../parts/live";
import { Outcome } from "../parts/outcome";
import { Recording } from "../parts/recording";
import { Link } from "../router";
import type { Call } from "../types";

export function CallPage({ id, onEnded }: { id: string; onEnded: () => void }) {
  const followed = useCall(id);
  const { call, items } = followed.conversation;
  const over = call !== null && isFinal(call.status) && call.ended_at !== null;
  useEffect(() => {
    if (over) onEnded();
  }, [over]);
  useEffect(() => {
    document.title = call ? `${title(call)} · agentphone` : "agentphone";
    return () => void (document.title = "agentphone");
  }, [call?.call_id]);

  if (followed.missing) {
    return (
      <section class="card message">
        <h1>No such call</h1>
        <p>It does not exist, or it belongs to another account. <Link href="/">Go to your calls</Link></p>
      </section>
    );
  }
  if (!call) return <p class="hint" role="status">Loading…</p>;
  return (
    <article class="call">
      <Header call={call} followed={followed} />
      {call.warnings.map((warning) => <p class="warning" key={warning}>{warning}</p>)}
      {over ? (
        <Finished call={call} />
      ) : (
        <div class="columns">
          <section class="card talk" aria-label="Conversation">
            <Live conversation={followed.conversation} />
          </section>
          <div class="side">
            <Controls followed={followed} />
            <LatencyPanel items={items} />
          </div>
        </div>
      )}
    </article>
  );
}

function Header({ call, followed }: { call: Call; followed: Followed }) {
  const shown = state(call);
  const running = !isFinal(call.status);
  return (
    <header class="card callhead">
      <div class="line1">
        <Link href="/" class="back"><Icon name="back" /><span class="hidden">Back to the calls</span></Link>
        <h1>{title(call)}</h1>
        <span class={`chip big ${shown.tone}`} role="status">{shown.text}</span>
        <Timer call={call} followed={followed} />
        {running && (
          <button
            type="button"
            class={followed.listening ? "toggle on" : "toggle"}
            aria-pressed={followed.listening}
            disabled={call.status !== "in_progress"}
            onClick={() => followed.listen(!followed.listening)}
          >
            <Icon name="listen" /> {followed.listening ? "Listening" : "Listen in"}
          </button>
        )}
      </div>
      <p class="objective">{call.objective}</p>
      <p class="facts">
        <span>{phone(call.to_phone_number)}</span>
        <span>{call.line} line</span>
        <span>{when(call.created_at)}</span>
        {call.answered_by && <span>answered by {words(call.answered_by)}</span>}
        {call.end_reason && <span>{words(call.end_reason)}</span>}
        {running && !followed.connected && <span class="lost">connecting…</span>}
      </p>
    </header>
  );
}

function Timer({ call, followed }: { call: Call; followed: Followed }) {
  const [now, setNow] = useState(Date.now());
  const running = call.status === "in_progress";
  useEffect(() => {
    if (!running) return;
    const timer = window.setInterval(() => setNow(Date.now()), 500);
    return () => window.clearInterval(timer);
  }, [running]);
  if (call.duration_seconds !== null) return <span class="timer">{clock(call.duration_seconds * 1000)}</span>;
  if (!running) return null;
  const { answered } = followed.conversation;
  const created = Date.parse(call.created_at) + followed.skew;
  const since = call.started_at ? Date.parse(call.started_at) + followed.skew : answered === null ? now : created + answered;
  return <span class="timer" role="timer">{clock(now - since)}</span>;
}

function Finished({ call }: { call: Call }) {
  const [wanted, setWanted] = useState<{ ms: number } | null>(null);
  return (
    <>
      <Outcome call={call} onSeek={(ms) => setWanted({ ms })} />
      <Recording call={call} wanted={wanted} onSeek={(ms) => setWanted({ ms })} />
    </>
  );
}
