// The recording: both sides as a waveform, and the transcript under it. A click on a word, or on the waveform, plays there.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { clock } from "../format";
import { places } from "../places";
import type { Call, Turn } from "../types";
import { readWave, type Wave } from "../wave";
import { Icon } from "./icon";
import { LatencyBar, Legend } from "./latency";
import { Waveform } from "./waveform";

interface Props {
  call: Call;
  /** Where to play next. */
  wanted: { ms: number } | null;
  onSeek: (ms: number) => void;
}

export function Recording({ call, wanted, onSeek }: Props) {
  const audio = useRef<HTMLAudioElement>(null);
  const [wave, setWave] = useState<Wave | null>(null);
  const [playing, setPlaying] = useState(false);
  const [now, setNow] = useState(0);
  const url = call.recording_url ? `/api/v1/calls/${call.call_id}/recording` : null;

  useEffect(() => {
    if (!url) return;
    let gone = false;
    fetch(url, { credentials: "same-origin" })
      .then((response) => (response.ok ? response.arrayBuffer() : null))
      .then((file) => {
        if (!gone && file) setWave(readWave(file));
      })
      .catch(() => undefined);
    return () => void (gone = true);
  }, [url]);

  useEffect(() => {
    const element = audio.current;
    if (!element || !wanted) return;
    element.currentTime = wanted.ms / 1000;
    setNow(wanted.ms);
    void element.play().catch(() => undefined);
  }, [wanted]);

  useEffect(() => {
    if (!playing) return;
    let frame = 0;
    const step = () => {
      if (audio.current) setNow(audio.current.currentTime * 1000);
      frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    return () => cancelAnimationFrame(frame);
  }, [playing]);

  const toggle = () => {
    const element = audio.current;
    if (!element) return;
    if (element.paused) void element.play().catch(() => undefined);
    else element.pause();
  };
  const length = wave ? wave.seconds * 1000 : (call.duration_seconds ?? 0) * 1000;

  return (
    <section class="card recording" aria-labelledby="recording-title">
      <h2 id="recording-title">Recording and transcript</h2>
      {url ? (
        <div class="player">
          <audio
            ref={audio}
            src={url}
            preload="metadata"
            onPlay={() => setPlaying(true)}
            onPause={() => setPlaying(false)}
            onTimeUpdate={(event) => setNow(event.currentTarget.currentTime * 1000)}
          />
          <button type="button" class="round" onClick={toggle} aria-label={playing ? "Pause" : "Play"}>
            <Icon name={playing ? "pause" : "play"} />
          </button>
          <div class="wave">
            <Waveform wave={wave} turns={call.turns} evidence={call.evidence.map((one) => one.audio_ms)} now={now} />
            <input
              type="range"
              aria-label="Place in the recording"
              aria-valuetext={`${clock(now)} of ${clock(length)}`}
              min={0}
              max={Math.max(1, Math.round(length))}
              step={100}
              value={now}
              onInput={(event) => {
                const ms = Number(event.currentTarget.value);
                if (audio.current) audio.current.currentTime = ms / 1000;
                setNow(ms);
              }}
            />
          </div>
          <span class="timer">{clock(now)} / {clock(length)}</span>
        </div>
      ) : (
        <p class="hint">There is no recording of this call.</p>
      )}
      {call.turns.some((turn) => turn.latency) && <Legend />}
      {call.turns.length === 0 && <p class="hint">Nothing was said.</p>}
      <ol class="transcript">
        {call.turns.map((turn, place) => (
          <Said turn={turn} key={place} now={playing || now > 0 ? now : -1} wave={wave} onSeek={onSeek} playable={url !== null} />
        ))}
      </ol>
    </section>
  );
}

interface SaidProps {
  turn: Turn;
  now: number;
  wave: Wave | null;
  playable: boolean;
  onSeek: (ms: number) => void;
}

function Said({ turn, now, wave, playable, onSeek }: SaidProps) {
  const words = useMemo(() => places(turn, wave), [turn, wave]);
  const current = now >= turn.started_ms && now < turn.ended_ms;
  const name = turn.speaker === "agent" ? "Agent" : "Callee";
  // One tab stop a turn; the words in it are for the mouse and the finger.
  return (
    <li class={`said ${turn.speaker}${current ? " current" : ""}`}>
      <button type="button" class="place" disabled={!playable} onClick={() => onSeek(turn.started_ms)} aria-label={`Play ${name} at ${clock(turn.started_ms)}`}>
        {clock(turn.started_ms)}
      </button>
      <div>
        <p class="by">{name}{turn.interrupted && <span class="badge">interrupted</span>}</p>
        <p class="text">
          {words.map((word, place) => (
            <span
              key={place}
              class={now >= word.from && now < word.to ? "word now" : "word"}
              data-ms={Math.round(word.from)}
              onClick={playable ? () => onSeek(word.from) : undefined}
            >
              {word.text}{" "}
            </span>
          ))}
        </p>
        {turn.latency && <LatencyBar latency={turn.latency} />}
      </div>
    </li>
  );
}
