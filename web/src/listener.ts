// Plays both sides of a running call, 16 kHz stereo as the live socket sends it, through an audio worklet.

import workletUrl from "./worklet.js?url";

export class Listener {
  private readonly context = new AudioContext({ sampleRate: 16000 });
  private node: AudioWorkletNode | null = null;
  /** The loudest sample of each side lately, 0 to 1. */
  readonly level = { agent: 0, callee: 0 };
  /** Pieces of sound that arrived, for whoever wants to know whether any does. */
  pieces = 0;

  constructor() {
    void this.start();
  }

  private async start() {
    await this.context.audioWorklet.addModule(workletUrl);
    if (this.context.state === "closed") return;
    this.node = new AudioWorkletNode(this.context, "stereo-player", { outputChannelCount: [2] });
    this.node.connect(this.context.destination);
    await this.context.resume();
  }

  play(piece: ArrayBuffer) {
    this.pieces += 1;
    this.node?.port.postMessage(piece, [piece]);
  }

  stop() {
    void this.context.close();
  }
}
