// The part of the listener that runs beside the sound: keeps about a fifth of a second, drops what is older.

class StereoPlayer extends AudioWorkletProcessor {
  constructor() {
    super();
    this.left = new Float32Array(16000);
    this.right = new Float32Array(16000);
    this.read = 0;
    this.filled = 0;
    this.playing = false;
    this.port.onmessage = (message) => this.take(new Int16Array(message.data));
  }

  take(samples) {
    const size = this.left.length;
    for (let at = 0; at + 1 < samples.length; at += 2) {
      if (this.filled === size) {
        this.read = (this.read + 1) % size;
        this.filled -= 1;
      }
      const write = (this.read + this.filled) % size;
      this.left[write] = samples[at] / 32768;
      this.right[write] = samples[at + 1] / 32768;
      this.filled += 1;
    }
    // More than half a second behind: the network had stalled. Go on with what is new.
    if (this.filled > 8000) {
      const skip = this.filled - 3200;
      this.read = (this.read + skip) % size;
      this.filled -= skip;
    }
  }

  process(_inputs, outputs) {
    const [left, right] = outputs[0];
    if (!this.playing && this.filled < 1600) return true;
    this.playing = true;
    for (let at = 0; at < left.length; at += 1) {
      if (this.filled === 0) {
        this.playing = false;
        break;
      }
      // Each side mostly in its own ear, and a little in the other one.
      const agent = this.left[this.read];
      const callee = this.right[this.read];
      left[at] = agent * 0.8 + callee * 0.35;
      right[at] = callee * 0.8 + agent * 0.35;
      this.read = (this.read + 1) % this.left.length;
      this.filled -= 1;
    }
    return true;
  }
}

registerProcessor("stereo-player", StereoPlayer);
