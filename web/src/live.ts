// Following one call: the socket, what was missed after it broke, and the commands.

import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "./api";
import { after, empty, type Conversation } from "./conversation";
import { Listener } from "./listener";
import type { Command, LiveEvent } from "./types";

export interface Followed {
  conversation: Conversation;
  /** The difference between this clock and the server's, in milliseconds. */
  skew: number;
  connected: boolean;
  missing: boolean;
  listening: boolean;
  listen: (on: boolean) => void;
  /** Resolves when the call has taken the command; rejects with a sentence. */
  send: (command: Command) => Promise<void>;
}

const RETRIES = [300, 1000, 2000, 4000];

export function useCall(id: string): Followed {
  const [conversation, setConversation] = useState<Conversation>(empty);
  const [skew, setSkew] = useState(0);
  const [connected, setConnected] = useState(false);
  const [missing, setMissing] = useState(false);
  const [listening, setListening] = useState(false);
  const socket = useRef<WebSocket | null>(null);
  const listener = useRef<Listener | null>(null);
  const waiting = useRef(new Map<string, { done: () => void; failed: (error: Error) => void }>());
  const state = useRef(empty());
  const followed = useRef("");

  useEffect(() => {
    let gone = false;
    let tries = 0;
    let timer = 0;
    // Listening opens the socket anew, and goes on where it was; another call begins from nothing.
    if (followed.current !== id) {
      followed.current = id;
      state.current = empty();
      setConversation(state.current);
      setMissing(false);
    }

    const take = (message: MessageEvent) => {
      if (typeof message.data !== "string") {
        listener.current?.play(message.data as ArrayBuffer);
        return;
      }
      const event = JSON.parse(message.data);
      if (event.type === "ack" || event.type === "error") {
        const asked = waiting.current.get(event.id);
        waiting.current.delete(event.id);
        if (event.type === "ack") asked?.done();
        else asked?.failed(new Error(event.error));
        return;
      }
      const live = event as LiveEvent;
      if (live.type === "snapshot") setSkew(Date.now() - Date.parse(live.call.created_at) - live.t_ms);
      state.current = after(state.current, live);
      setConversation(state.current);
    };

    const open = async () => {
      try {
        const query = new URLSearchParams();
        if (state.current.seq > 0) query.set("after", String(state.current.seq));
        if (listening) query.set("audio", "1");
        const opened = await api.socket(`/api/v1/calls/${id}/live?${query}`);
        if (gone) return opened.close();
        socket.current = opened;
        opened.onopen = () => {
          tries = 0;
          setConnected(true);
        };
        opened.onmessage = take;
        opened.onclose = (event) => {
          setConnected(false);
          for (const asked of waiting.current.values()) asked.failed(new Error("The connection broke. Try again."));
          waiting.current.clear();
          if (!gone && event.code !== 1000) retry();
        };
      } catch (error) {
        if (error instanceof api.ApiError && error.status === 401) return;
        if (!gone) retry();
      }
    };
    const retry = () => {
      const wait = RETRIES[Math.min(tries, RETRIES.length - 1)];
      tries += 1;
      timer = window.setTimeout(open, wait);
    };

    // A socket cannot tell why it was refused, so the call is asked for first.
    api.call(id).then(
      (call) => {
        if (gone) return;
        state.current = { ...state.current, call };
        setConversation(state.current);
        void open();
      },
      (error) => {
        if (gone) return;
        if (error instanceof api.ApiError && error.status === 404) setMissing(true);
        else retry();
      },
    );
    return () => {
      gone = true;
      window.clearTimeout(timer);
      socket.current?.close();
      socket.current = null;
    };
  }, [id, listening]);

  useEffect(() => () => listener.current?.stop(), []);

  const listen = (on: boolean) => {
    listener.current?.stop();
    listener.current = on ? new Listener() : null;
    setListening(on);
  };

  const send = (command: Command) =>
    new Promise<void>((done, failed) => {
      const open = socket.current;
      if (open?.readyState !== WebSocket.OPEN) return failed(new Error("Not connected to the call. Try again."));
      const id = crypto.randomUUID();
      waiting.current.set(id, { done, failed });
      open.send(JSON.stringify({ id, ...command }));
    });

  return { conversation, skew, connected, missing, listening, listen, send };
}
