// What the HTTP interface and the live socket send, as docs/api.md and docs/control-plane.md describe it.

export type Status = "queued" | "dialing" | "in_progress" | "completed" | "canceled" | "failed";
export type Speaker = "agent" | "callee";

export interface Latency {
  end_of_turn_ms: number;
  words_ms: number;
  first_token_ms: number;
  first_sound_ms: number;
  wire_ms: number;
  felt_silence_ms: number;
}

export interface Turn {
  speaker: Speaker;
  text: string;
  started_ms: number;
  ended_ms: number;
  interrupted: boolean;
  latency: Latency | null;
}

export interface Evidence {
  claim: string;
  turn: number;
  quote: string;
  audio_ms: number;
}

export interface Call {
  call_id: string;
  status: Status;
  direction: "outbound" | "inbound";
  to_phone_number: string;
  from_phone_number: string | null;
  objective: string;
  business_name: string | null;
  website: string | null;
  language: string;
  line: string;
  outcome: "achieved" | "partial" | "not_achieved" | null;
  outcome_details: string | null;
  summary: string | null;
  transcript: string | null;
  turns: Turn[];
  result: unknown;
  evidence: Evidence[];
  duration_seconds: number | null;
  recording_url: string | null;
  answered_by: string | null;
  end_reason: string | null;
  failure: { reason: string; message: string; at_fault: string } | null;
  metrics: Metrics | null;
  warnings: string[];
  started_at: string | null;
  ended_at: string | null;
  created_at: string;
}

export interface Metrics {
  answers: number;
  felt_silence_ms: { p50: number; p95: number };
  interruptions: number;
  false_alarms: number;
  talk_share: { agent: number; callee: number };
}

export type WordState = "pending" | "generated" | "sent" | "heard";
export interface Word {
  text: string;
  state: WordState;
}

export type LiveEvent = { seq: number; t_ms: number; call_id: string } & (
  | { type: "snapshot"; call: Call }
  | { type: "call.status"; status: Status }
  | { type: "call.answered_by"; answered_by: string }
  | { type: "callee.partial"; text: string }
  | { type: "callee.final"; text: string }
  | { type: "agent.thinking"; generation: number }
  | { type: "agent.speech"; generation: number; clause: number; text: string; words: Word[] }
  | { type: "turn.interrupted"; heard: string }
  | { type: "turn.resumed" }
  | { type: "turn.latency"; generation: number; latency: Latency }
  | { type: "dtmf"; key: string; from: Speaker }
  | { type: "tool"; name: string; argument: string | null }
  | { type: "question"; question: number; text: string; answer_within_ms: number }
  | { type: "question.closed"; question: number; answered: boolean }
  | { type: "warning"; message: string }
  | { type: "call.ended"; call: Call }
);

export type Command =
  | { type: "say" | "instruct"; text: string }
  | { type: "interrupt" | "hang_up" }
  | { type: "dtmf"; keys: string }
  | { type: "transfer"; to: string }
  | { type: "mute"; on: boolean }
  | { type: "answer"; question: number; text: string };

/** Who is signed in. */
export interface Session {
  account_id: string;
  account_name: string;
  credits_remaining: number;
  /** Whether it may see settings and other keys. */
  admin: boolean;
  /** Whether its calls use the simulated line and cost nothing. */
  test: boolean;
  /** Sent with every request that changes something. */
  csrf: string;
  expires_at: string;
}

export interface LineOffer {
  name: string;
  scenarios: { name: string; about: string }[] | null;
}

export interface Offer {
  default_line: string;
  lines: LineOffer[];
}

export interface SettingsPart {
  role: string;
  state: "good" | "note" | "bad";
  text: string;
}

export type Scope = "calls:read" | "calls:write" | "control" | "admin";

export interface Key {
  key_id: string;
  name: string;
  mode: "live" | "test";
  starts_with: string;
  scopes: Scope[];
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  revoked_at: string | null;
  /** The key itself: only in the answer to its creation. */
  key?: string;
}

export interface LedgerLine {
  seq: number;
  at: string;
  kind: string;
  call_id: string | null;
  reference: string | null;
  amount: number;
  balance: number;
}

export interface LedgerPage {
  data: LedgerLine[];
  has_more: boolean;
  next_cursor: string | null;
}
