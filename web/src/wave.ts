// A recording as it is drawn: the loudest and quietest sample of each column, for each side. And how loud each side is,
// frame by frame.

export interface Wave {
  seconds: number;
  /** Columns of agent and callee, -1 to 1, as pairs of lowest and highest. */
  agent: Float32Array;
  callee: Float32Array;
  /** The root of the mean square of each frame, 0 to 1. */
  loudness: { agent: Float32Array; callee: Float32Array };
}

export const COLUMNS = 900;
export const FRAME_MS = 20;

/** Reads a WAV file of 16-bit stereo. */
export function readWave(file: ArrayBuffer): Wave | null {
  const view = new DataView(file);
  const tag = (at: number) => String.fromCharCode(...new Uint8Array(file, at, 4));
  if (file.byteLength < 44 || tag(0) !== "RIFF" || tag(8) !== "WAVE") return null;
  let rate = 0;
  let at = 12;
  while (at + 8 <= file.byteLength) {
    const size = view.getUint32(at + 4, true);
    if (tag(at) === "fmt ") {
      if (view.getUint16(at + 10, true) !== 2 || view.getUint16(at + 22, true) !== 16) return null;
      rate = view.getUint32(at + 12, true);
    }
    if (tag(at) === "data" && rate > 0) {
      const length = Math.min(size, file.byteLength - at - 8);
      return columns(view, at + 8, Math.floor(length / 4), rate);
    }
    at += 8 + size + (size % 2);
  }
  return null;
}

function columns(view: DataView, start: number, frames: number, rate: number): Wave {
  const agent = new Float32Array(COLUMNS * 2);
  const callee = new Float32Array(COLUMNS * 2);
  for (let column = 0; column < COLUMNS; column += 1) {
    const from = Math.floor((frames * column) / COLUMNS);
    const to = Math.max(from + 1, Math.floor((frames * (column + 1)) / COLUMNS));
    for (let frame = from; frame < to && frame < frames; frame += 1) {
      for (const [side, offset] of [[agent, 0], [callee, 2]] as const) {
        const sample = view.getInt16(start + frame * 4 + offset, true) / 32768;
        side[column * 2] = Math.min(side[column * 2]!, sample);
        side[column * 2 + 1] = Math.max(side[column * 2 + 1]!, sample);
      }
    }
  }
  const loudness = { agent: loud(view, start, frames, rate), callee: loud(view, start + 2, frames, rate) };
  return { seconds: frames / rate, agent, callee, loudness };
}

function loud(view: DataView, start: number, frames: number, rate: number): Float32Array {
  const size = Math.round((rate * FRAME_MS) / 1000);
  const result = new Float32Array(Math.ceil(frames / size));
  for (let place = 0; place < result.length; place += 1) {
    const last = Math.min(frames, (place + 1) * size);
    let sum = 0;
    for (let frame = place * size; frame < last; frame += 1) sum += (view.getInt16(start + frame * 4, true) / 32768) ** 2;
    result[place] = Math.sqrt(sum / size);
  }
  return result;
}
