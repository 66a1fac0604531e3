// The browser's end of the line "browser": signalling by a socket, sound by WebRTC. The page offers, the server answers;
// when the network changes the page offers again with new addresses, and the call goes on.

import * as api from "./api";

export type PhoneState =
  | { kind: "connecting" }
  /** `call` is the one that has just ended here. */
  | { kind: "ready"; note: string; call: string | null }
  | { kind: "ringing"; call: string; caller: string; note: string }
  | {
      kind: "talking";
      call: string;
      caller: string;
      note: string;
      media: "connecting" | "connected" | "broken";
      /** When sound began to flow. */
      since: number | null;
      muted: boolean;
      level: () => number;
    };

type FromServer =
  | { type: "hello"; ice_servers: RTCIceServer[] }
  | { type: "ring"; call_id: string; caller: string }
  | { type: "answer"; call_id: string; sdp: string }
  | { type: "candidate"; call_id: string; candidate: RTCIceCandidateInit }
  | { type: "ended"; call_id: string; reason: string };

const REASONS: Record<string, string> = {
  answered_elsewhere: "The call was answered in another page.",
  hung_up: "The call has ended.",
  no_answer: "It rang, and nobody answered.",
  failed: "The sound could not be connected. Is UDP between this browser and the server blocked?",
};

export class Phone {
  private socket: WebSocket | null = null;
  private peer: RTCPeerConnection | null = null;
  private microphone: MediaStream | null = null;
  private readonly audio = new Audio();
  private context: AudioContext | null = null;
  private meter: AnalyserNode | null = null;
  private iceServers: RTCIceServer[] = [];
  private waiting: string[] = [];
  private state: PhoneState = { kind: "connecting" };
  private closed = false;
  private timer = 0;
  private readonly samples = new Float32Array(512);

  constructor(private readonly show: (state: PhoneState) => void) {
    void this.connect();
    addEventListener("online", this.moved);
  }

  close() {
    this.closed = true;
    window.clearTimeout(this.timer);
    removeEventListener("online", this.moved);
    this.drop();
    this.socket?.close();
  }

  private set(state: PhoneState) {
    this.state = state;
    if (!this.closed) this.show(state);
  }

  private async connect() {
    try {
      const socket = await api.socket("/api/v1/phone");
      if (this.closed) return socket.close();
      this.socket = socket;
      socket.onmessage = (message) => void this.take(JSON.parse(message.data as string) as FromServer);
      socket.onopen = () => {
        if (this.state.kind === "connecting") this.set({ kind: "ready", note: "", call: null });
        for (const message of this.waiting.splice(0)) socket.send(message);
        // The server knows this page as another one now; the offer says which call it has.
        this.moved();
      };
      socket.onclose = () => this.again();
    } catch {
      this.again();
    }
  }

  private again() {
    if (this.closed) return;
    this.socket = null;
    if (this.state.kind !== "talking") this.set({ kind: "connecting" });
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.connect(), 1500);
  }

  private send(message: object) {
    const text = JSON.stringify(message);
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(text);
    else this.waiting.push(text);
  }

  private async take(message: FromServer) {
    switch (message.type) {
      case "hello":
        this.iceServers = message.ice_servers;
        break;
      case "ring":
        if (this.state.kind !== "talking") {
          this.set({ kind: "ringing", call: message.call_id, caller: message.caller, note: "" });
        }
        break;
      case "answer":
        if (this.isOurs(message.call_id)) {
          await this.peer?.setRemoteDescription({ type: "answer", sdp: message.sdp }).catch(() => undefined);
        }
        break;
      case "candidate":
        if (this.isOurs(message.call_id)) await this.peer?.addIceCandidate(message.candidate).catch(() => undefined);
        break;
      case "ended":
        if (this.isOurs(message.call_id)) {
          this.drop();
          this.set({ kind: "ready", note: REASONS[message.reason] ?? "The call has ended.", call: message.call_id });
        }
        break;
    }
  }

  private isOurs(call: string): boolean {
    return (this.state.kind === "ringing" || this.state.kind === "talking") && this.state.call === call;
  }

  /** Asks for the microphone and connects the sound. */
  async answer() {
    if (this.state.kind !== "ringing") return;
    const ringing = this.state;
    const { call, caller } = ringing;
    try {
      this.microphone = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
    } catch {
      const note = "The microphone cannot be used. Allow it for this page, and answer again.";
      if (this.isOurs(call)) this.set({ ...ringing, note });
      return;
    }
    if (!this.isOurs(call)) return this.drop();
    this.set({
      kind: "talking", call, caller, note: "", media: "connecting", since: null, muted: false, level: () => this.level(),
    });
    const peer = new RTCPeerConnection({ iceServers: this.iceServers });
    this.peer = peer;
    for (const track of this.microphone.getAudioTracks()) peer.addTrack(track, this.microphone);
    peer.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.send({ type: "candidate", call_id: call, candidate: candidate.toJSON() });
    };
    peer.ontrack = ({ track, streams }) => this.play(streams[0] ?? new MediaStream([track]));
    peer.onnegotiationneeded = () => void this.offer(peer, call);
    peer.onconnectionstatechange = () => {
      if (this.state.kind !== "talking") return;
      const state = peer.connectionState;
      if (state === "connected") {
        this.set({ ...this.state, media: "connected", since: this.state.since ?? Date.now() });
      } else if (state === "disconnected" || state === "failed") {
        this.set({ ...this.state, media: "broken" });
        this.restart();
      }
    };
  }

  private async offer(peer: RTCPeerConnection, call: string) {
    await peer.setLocalDescription();
    this.send({ type: "offer", call_id: call, sdp: peer.localDescription?.sdp });
  }

  /** Looks for a new way for the sound, when the old one is broken. */
  private readonly restart = () => {
    if (this.peer && ["disconnected", "failed"].includes(this.peer.connectionState)) this.peer.restartIce();
  };

  /** Another network: the old way may seem to stand for a while, and does not. */
  private readonly moved = () => this.peer?.restartIce();

  private play(stream: MediaStream) {
    this.audio.srcObject = stream;
    void this.audio.play().catch(() => undefined);
    this.context ??= new AudioContext();
    this.meter = this.context.createAnalyser();
    this.meter.fftSize = this.samples.length;
    this.context.createMediaStreamSource(stream).connect(this.meter);
    void this.context.resume();
  }

  /** How loud the agent is now: the root of the mean square, 0 to 1. */
  level(): number {
    if (!this.meter) return 0;
    this.meter.getFloatTimeDomainData(this.samples);
    const sum = this.samples.reduce((sum, sample) => sum + sample * sample, 0);
    return Math.sqrt(sum / this.samples.length);
  }

  decline() {
    if (this.state.kind !== "ringing") return;
    this.send({ type: "decline", call_id: this.state.call });
    this.set({ kind: "ready", note: "Declined.", call: this.state.call });
  }

  hangUp() {
    if (this.state.kind !== "talking") return;
    this.send({ type: "hang_up", call_id: this.state.call });
    const { call } = this.state;
    this.drop();
    this.set({ kind: "ready", note: "You hung up.", call });
  }

  press(key: string) {
    if (this.state.kind === "talking") this.send({ type: "key", call_id: this.state.call, key });
  }

  mute(on: boolean) {
    for (const track of this.microphone?.getAudioTracks() ?? []) track.enabled = !on;
    if (this.state.kind === "talking") this.set({ ...this.state, muted: on });
  }

  private drop() {
    this.peer?.close();
    this.peer = null;
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.microphone = null;
    this.audio.srcObject = null;
    this.meter = null;
    void this.context?.close();
    this.context = null;
  }
}
