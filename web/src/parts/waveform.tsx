// The waveform: the agent above, the callee below, each in its colour; interruptions and evidence marked.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Turn } from "../types";
import { COLUMNS, type Wave } from "../wave";

const HEIGHT = 112;

interface Props {
  wave: Wave | null;
  turns: Turn[];
  evidence: number[];
  now: number;
}

export function Waveform({ wave, turns, evidence, now }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useScheme();
  useEffect(() => {
    const element = canvas.current;
    const paint = element?.getContext("2d");
    if (!element || !paint) return;
    const width = COLUMNS;
    element.width = width * 2;
    element.height = HEIGHT * 2;
    paint.setTransform(2, 0, 0, 2, 0, 0);
    paint.clearRect(0, 0, width, HEIGHT);
    if (!wave) return;
    const style = getComputedStyle(element);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const lanes = [
      { side: wave.agent, middle: HEIGHT * 0.25, colour: colour("--agent") },
      { side: wave.callee, middle: HEIGHT * 0.75, colour: colour("--callee") },
    ];
    for (const { side, middle, colour } of lanes) {
      // Quiet recordings fill their lane too.
      const loudest = side.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0.02);
      const scale = (HEIGHT * 0.22) / loudest;
      paint.fillStyle = colour;
      for (let column = 0; column < COLUMNS; column += 1) {
        const low = side[column * 2]! * scale;
        const high = side[column * 2 + 1]! * scale;
        paint.fillRect(column, middle - high, 0.8, Math.max(0.6, high - low));
      }
    }
    const x = (ms: number) => (ms / 1000 / wave.seconds) * width;
    paint.fillStyle = colour("--bad");
    for (const turn of turns.filter((turn) => turn.interrupted)) paint.fillRect(x(turn.ended_ms) - 1, 0, 2, HEIGHT / 2);
    paint.fillStyle = colour("--good");
    for (const ms of evidence) {
      paint.beginPath();
      paint.arc(x(ms), HEIGHT - 5, 4, 0, 7);
      paint.fill();
    }
  }, [wave, turns, scheme]);
  const place = wave ? Math.min(100, (now / 10 / wave.seconds)) : 0;
  return (
    <div class="canvas">
      <canvas ref={canvas} role="img" aria-label="Waveform: the agent above, the callee below" />
      {wave && <span class="head" style={{ left: `${place}%` }} />}
    </div>
  );
}

/** Tells when dark becomes light, because a canvas does not follow by itself. */
function useScheme(): boolean {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const changed = () => setDark(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return dark;
}
