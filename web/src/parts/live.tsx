// The conversation while it goes on: words that may still change look it, what was not heard looks it, and the newest is
// in view unless somebody has scrolled up to read.

import { useEffect, useRef } from "preact/hooks";
import { sounds, type Conversation, type Spoken } from "../conversation";
import { clock, isFinal } from "../format";

export function Live({ conversation }: { conversation: Conversation }) {
  const { items, thinking, speaking, call } = conversation;
  const list = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  useEffect(() => {
    const element = list.current;
    if (element && follow.current) element.scrollTop = element.scrollHeight;
  }, [conversation]);
  // What the agent has ready and does not say yet is shown as long as nobody else speaks.
  const newest = items.at(-1);
  const shown = items.filter((item) => item.kind === "note" || sounds(item) || (item === newest && speaking === null));
  const scrolled = () => {
    const element = list.current;
    if (element) follow.current = element.scrollHeight - element.scrollTop - element.clientHeight < 60;
  };
  return (
    <>
      <div class="speakers">
        <Side name="Agent" kind="agent" active={speaking === "agent"} note={thinking && speaking !== "agent" ? "thinking" : ""} />
        <Side name={call?.business_name ?? "Callee"} kind="callee" active={speaking === "callee"} note="" />
      </div>
      <div class="turns" ref={list} onScroll={scrolled} tabIndex={0} role="log" aria-label="What was said" aria-live="off">
        {shown.length === 0 && (
          <p class="hint waiting">
            {call?.status === "in_progress" ? "Answered. Waiting for the first words…"
              : call && isFinal(call.status) ? "Nothing was said." : "Ringing… what both sides say appears here."}
          </p>
        )}
        {shown.map((item) =>
          item.kind === "note" ? (
            <p class="note" key={item.key}>{item.text}</p>
          ) : item.words.length === 0 && !item.partial ? null : (
            <Bubble turn={item} key={item.key} />
          ),
        )}
        {/* To those who do not see it, the status beside the agent's name says it. */}
        {thinking && <p class="bubble agent dots" aria-hidden="true"><i /><i /><i /></p>}
      </div>
    </>
  );
}

function Side({ name, kind, active, note }: { name: string; kind: string; active: boolean; note: string }) {
  return (
    <div class={`side-name ${kind}${active ? " active" : ""}`}>
      <span class="bars" aria-hidden="true"><i /><i /><i /><i /></span>
      <span>{name}</span>
      <span class="doing" role="status">{active ? "speaking" : note}</span>
    </div>
  );
}

function Bubble({ turn }: { turn: Spoken }) {
  return (
    <div class={`bubble ${turn.speaker}${turn.interrupted ? " cut" : ""}`}>
      <p class="by">
        <span>{turn.speaker === "agent" ? "Agent" : "Callee"}</span> <time>{clock(turn.at)}</time>
        {turn.interrupted && <span class="badge">interrupted</span>}
      </p>
      <p class="words">
        {turn.words.map((word, place) => {
          const lost = turn.interrupted && word.state !== "heard";
          const kind = turn.speaker === "callee" ? "heard" : lost ? "lost" : word.state;
          const text = `${word.text} `;
          return lost ? <del class="lost" key={place}>{text}</del> : <span class={kind} key={place}>{text}</span>;
        })}
        {turn.partial && <span class="partial">{turn.partial}</span>}
      </p>
    </div>
  );
}
