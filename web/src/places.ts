// Where in a recording each word of a turn is. Records have the times of turns and not of words, so a turn's words are laid
// over what its side can be heard saying: pauses get none, and each word as much of the rest as it has letters.

import type { Turn } from "./types";
import { FRAME_MS, type Wave } from "./wave";

export interface Place {
  text: string;
  /** Milliseconds. */
  from: number;
  to: number;
}

/** Quieter than this part of a turn's loud frames is a pause. */
const PAUSE = 0.1;
/** Quieter than this, of 1, is silence whatever the turn. */
const SILENCE = 0.002;

/** Returns the words of a turn with their places. */
export function places(turn: Turn, wave: Wave | null): Place[] {
  const texts = turn.text.split(/\s+/).filter(Boolean);
  const heard = spoken(turn, wave);
  const weight = (text: string) => text.replace(/[^\p{L}\p{N}]/gu, "").length + (/[\p{L}\p{N}]/u.test(text) ? 2 : 0);
  const whole = Math.max(1, texts.reduce((sum, text) => sum + weight(text), 0));
  const length = heard.reduce((sum, [from, to]) => sum + to - from, 0);
  let before = 0;
  return texts.map((text) => {
    const from = after((length * before) / whole, heard, "next");
    before += weight(text);
    return { text, from, to: after((length * before) / whole, heard, "last") };
  });
}

/** The stretches of a turn in which its side speaks, in milliseconds; all of it as long as there is no sound to look at. */
function spoken(turn: Turn, wave: Wave | null): [number, number][] {
  const whole: [number, number][] = [[turn.started_ms, Math.max(turn.started_ms, turn.ended_ms)]];
  if (!wave) return whole;
  const first = Math.floor(turn.started_ms / FRAME_MS);
  const frames = wave.loudness[turn.speaker].subarray(first, Math.ceil(turn.ended_ms / FRAME_MS));
  const sorted = [...frames].sort((one, other) => one - other);
  const threshold = Math.max(SILENCE, PAUSE * (sorted[Math.floor(sorted.length * 0.9)] ?? 0));
  const stretches: [number, number][] = [];
  frames.forEach((loudness, frame) => {
    if (loudness < threshold) return;
    const [from, to] = [(first + frame) * FRAME_MS, (first + frame + 1) * FRAME_MS];
    const last = stretches.at(-1);
    // The silence inside a word, before a t or a p, is no pause.
    if (last && from - last[1] <= 4 * FRAME_MS) last[1] = to;
    else stretches.push([from, to]);
  });
  return stretches.length > 0 ? stretches : whole;
}

/** Where one is after so much speech. At the end of a stretch that is there, or where the next one begins. */
function after(ms: number, stretches: [number, number][], at: "last" | "next"): number {
  let left = ms;
  for (const [from, to] of stretches) {
    if (left < to - from || (at === "last" && left === to - from)) return from + left;
    left -= to - from;
  }
  return stretches.at(-1)![1];
}
