// What a recording shows, frame by frame: 16-bit stereo, the agent left, the callee right.

const FRAME_MS = 20;
/** Louder than this, of 32768, is speech: the recordings are clean. */
const LOUD = 300;

/** Returns which frames of a side, 0 or 1, are loud. */
function loudness(file, side) {
  const rate = file.readUInt32LE(24);
  const data = file.indexOf("data") + 8;
  const size = (rate * FRAME_MS) / 1000;
  const frames = Math.floor((file.length - data) / 4 / size);
  return Array.from({ length: frames }, (_, frame) => {
    let sum = 0;
    for (let sample = 0; sample < size; sample += 1) sum += file.readInt16LE(data + (frame * size + sample) * 4 + side * 2) ** 2;
    return Math.sqrt(sum / size) > LOUD;
  });
}

/** Returns whether a side, `agent` or `callee`, can be heard between two times in milliseconds. */
export function sounds(file, side, from, to) {
  const loud = loudness(file, side === "agent" ? 0 : 1);
  return loud.slice(Math.floor(from / FRAME_MS), Math.ceil(to / FRAME_MS)).some(Boolean);
}

/** Finds when, after `from` (milliseconds) and while the agent speaks, the callee begins to speak for good, and when the
 *  agent falls silent then. */
export function silences(file, from) {
  const [agent, callee] = [loudness(file, 0), loudness(file, 1)];
  const frames = agent.length;
  const share = (side, frame, count) => side.slice(Math.max(0, frame), frame + count).filter(Boolean).length / count;
  let speaks = Math.ceil(from / FRAME_MS) + 10;
  while (speaks < frames && !(callee[speaks] && share(callee, speaks, 10) > 0.6 && share(agent, speaks - 10, 10) > 0.3)) speaks += 1;
  let silent = speaks;
  while (silent < frames && share(agent, silent, 25) > 0) silent += 1;
  return { calleeSpeaks: speaks * FRAME_MS, agentSilent: silent * FRAME_MS };
}
