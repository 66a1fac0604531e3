// Plays both sides of a running call, 16 kHz stereo as the live socket sends it, through an audio worklet.

import workletUrl from "./worklet.js?url";

export class Listener {
  private readonly context = new AudioContext({ sampleRate: 16000 });
  private node: AudioWorkletNode | null = null;

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
    this.node?.port.postMessage(piece, [piece]);
  }

  stop() {
    void this.context.close();
  }
}
