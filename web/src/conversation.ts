// The conversation as it is shown, built from live events one by one. What was really heard is decided by the call; here
// it is only put in order: turns, words that may still change, what was cut off, and what happened in between.

import type { Call, Latency, LiveEvent, Speaker, Word } from "./types";

export interface Spoken {
  kind: "turn";
  key: string;
  speaker: Speaker;
  /** Words that will not change. Of the agent, with how far each has come. */
  words: Word[];
  /** The callee's words that may still change. */
  partial: string;
  /** Since the answer. */
  at: number;
  interrupted: boolean;
  latency: Latency | null;
}

export interface Note {
  kind: "note";
  key: string;
  at: number;
  text: string;
}

export type Item = Spoken | Note;

export interface Conversation {
  items: Item[];
  thinking: boolean;
  speaking: Speaker | null;
  /** What the agent asks its requester and waits for. */
  question: { number: number; text: string } | null;
  /** When the callee answered, in milliseconds since the call was created. */
  answered: number | null;
  call: Call | null;
  seq: number;
}

export const empty = (): Conversation => ({
  items: [],
  thinking: false,
  speaking: null,
  question: null,
  answered: null,
  call: null,
  seq: 0,
});

const heard = (text: string): Word[] =>
  text.split(/\s+/).filter(Boolean).map((text) => ({ text, state: "heard" }));

/** Whether a turn has begun to sound. A reply is made before it is spoken, and some never are. */
export const sounds = (turn: Spoken) =>
  turn.speaker === "callee" || turn.words.some((word) => word.state === "sent" || word.state === "heard");

function lastTurn(items: Item[], speaker: Speaker): Spoken | null {
  for (let place = items.length - 1; place >= 0; place -= 1) {
    const item = items[place];
    if (item?.kind === "turn" && sounds(item)) return item.speaker === speaker ? item : null;
  }
  return null;
}

function agentTurn(items: Item[], generation: number): Spoken | null {
  const found = items.find((item) => item.kind === "turn" && item.key === `g${generation}`);
  return (found as Spoken | undefined) ?? null;
}

/** Clauses of a reply by their number, so that a clause that came again replaces itself. */
const clauses = new WeakMap<Spoken, Map<number, Word[]>>();

function replace(items: Item[], old: Spoken, change: Partial<Spoken>): Item[] {
  const made: Spoken = { ...old, ...change };
  const known = clauses.get(old);
  if (known) clauses.set(made, known);
  return items.map((item) => (item === old ? made : item));
}

/** Returns the conversation after an event. */
export function after(state: Conversation, event: LiveEvent): Conversation {
  const at = event.t_ms - (state.answered ?? event.t_ms);
  const next = { ...state, seq: event.type === "snapshot" ? state.seq : event.seq };
  const key = `e${event.seq}`;
  const note = (text: string): Conversation => ({
    ...next,
    items: [...next.items, { kind: "note", key, at, text }],
  });
  switch (event.type) {
    case "snapshot":
      return { ...next, call: event.call };
    case "call.status": {
      const call = next.call && { ...next.call, status: event.status };
      const answered = event.status === "in_progress" ? event.t_ms : next.answered;
      return { ...next, call, answered };
    }
    case "call.answered_by":
      return { ...next, call: next.call && { ...next.call, answered_by: event.answered_by } };
    case "callee.partial":
    case "callee.final": {
      const final = event.type === "callee.final";
      const open = lastTurn(next.items, "callee");
      const words = final ? heard(event.text) : [];
      const partial = final ? "" : event.text;
      const items = open
        ? replace(next.items, open, { words: [...open.words, ...words], partial })
        : [...next.items, spoken(key, "callee", words, partial, at)];
      return { ...next, items, speaking: final ? null : "callee" };
    }
    case "agent.thinking":
      return { ...next, thinking: true };
    case "agent.speech": {
      const open = agentTurn(next.items, event.generation);
      const turn = open ?? spoken(`g${event.generation}`, "agent", [], "", at);
      const known = clauses.get(turn) ?? new Map<number, Word[]>();
      known.set(event.clause, event.words);
      clauses.set(turn, known);
      const words = [...known.entries()].sort(([a], [b]) => a - b).flatMap(([, words]) => words);
      const changed: Spoken = { ...turn, words };
      clauses.set(changed, known);
      const begins = !sounds(turn) && sounds(changed);
      // A reply stands where it begins to sound, not where it was thought of.
      const others = next.items.filter((item) => item !== open);
      const items = !open || begins ? [...others, begins ? { ...changed, at } : changed] : replace(next.items, open, { words });
      const last = items.at(-1) as Spoken;
      if (!open || begins) clauses.set(last, known);
      const busy = words.some((word) => word.state === "sent") && !turn.interrupted;
      const speaking = busy ? "agent" : next.speaking === "agent" ? null : next.speaking;
      return { ...next, items, speaking, thinking: false };
    }
    case "turn.interrupted": {
      const turns = next.items.filter((item): item is Spoken => item.kind === "turn" && item.speaker === "agent");
      const last = turns.filter(sounds).at(-1);
      if (!last) return next;
      return { ...next, items: replace(next.items, last, { interrupted: true }), speaking: "callee" };
    }
    case "turn.resumed":
      return note("The agent had paused for a noise, and went on");
    case "turn.latency": {
      const turn = agentTurn(next.items, event.generation);
      if (turn) return { ...next, items: replace(next.items, turn, { latency: event.latency }) };
      const made = spoken(`g${event.generation}`, "agent", [], "", at);
      return { ...next, items: [...next.items, { ...made, latency: event.latency }] };
    }
    case "dtmf":
      return note(`${event.from === "agent" ? "The agent" : "The callee"} pressed ${event.key}`);
    case "question":
      return { ...note(`The agent asks you: ${event.text}`), question: { number: event.question, text: event.text } };
    case "question.closed":
      return { ...note(event.answered ? "You answered the agent" : "The agent goes on without an answer"), question: null };
    case "tool":
      // The question is an event of its own.
      return event.name === "wait" || event.name === "ask_customer" ? next : note(`The agent uses ${event.name.replaceAll("_", " ")}${event.argument ? ` ${event.argument}` : ""}`);
    case "warning":
      return note(event.message);
    case "call.ended":
      return { ...next, call: event.call, speaking: null, thinking: false, question: null };
    default:
      return next;
  }
}

function spoken(key: string, speaker: Speaker, words: Word[], partial: string, at: number): Spoken {
  return { kind: "turn", key, speaker, words, partial, at, interrupted: false, latency: null };
}
