// How numbers, times and states are written for people.

import type { Call, Status } from "./types";

export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const rest = String(seconds % 60).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

const TODAY = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const OTHER = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

export function when(iso: string): string {
  const date = new Date(iso);
  return (date.toDateString() === new Date().toDateString() ? TODAY : OTHER).format(date);
}

/** +14155551234 as +1 415 555 1234. */
export function phone(number: string): string {
  const parts = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  return parts ? `+1 ${parts[1]} ${parts[2]} ${parts[3]}` : number;
}

export const isFinal = (status: Status) => ["completed", "canceled", "failed"].includes(status);

const STATUS: Record<Status, string> = {
  queued: "Queued",
  dialing: "Ringing",
  in_progress: "In progress",
  completed: "Completed",
  canceled: "Canceled",
  failed: "Failed",
};

/** The state of a call in one or two words, and the colour that goes with it. */
export function state(call: Call): { text: string; tone: "live" | "good" | "fair" | "bad" | "plain" } {
  if (!isFinal(call.status)) return { text: STATUS[call.status], tone: call.status === "queued" ? "plain" : "live" };
  if (call.status === "completed" && call.outcome) {
    const tones = { achieved: "good", partial: "fair", not_achieved: "bad" } as const;
    const words = { achieved: "Achieved", partial: "Partly achieved", not_achieved: "Not achieved" };
    return { text: words[call.outcome], tone: tones[call.outcome] };
  }
  return { text: STATUS[call.status], tone: call.status === "failed" ? "bad" : "plain" };
}

/** snake_case as words. */
export const words = (name: string) => name.replaceAll("_", " ");

export const title = (call: Call) => call.business_name ?? phone(call.to_phone_number);
