// All calls of the account: a socket that tells when one begins, changes its state or ends.

import { useEffect, useRef } from "preact/hooks";
import * as api from "./api";
import type { Call, LiveEvent } from "./types";

/** Follows all calls of the account, and tells of each when its state changes. */
export function useAccount(learn: (call: Call) => void) {
  const told = useRef(learn);
  told.current = learn;
  useEffect(() => {
    let gone = false;
    let socket: WebSocket | null = null;
    let timer = 0;
    const known = new Map<string, Call>();
    const open = async () => {
      try {
        socket = await api.socket("/api/v1/live");
        if (gone) return socket.close();
        socket.onmessage = (message) => {
          const event = JSON.parse(message.data as string) as LiveEvent;
          if (event.type === "snapshot" || event.type === "call.ended") known.set(event.call_id, event.call);
          else if (event.type === "call.status") {
            const call = known.get(event.call_id);
            if (!call) return;
            known.set(event.call_id, { ...call, status: event.status });
          } else return;
          told.current(known.get(event.call_id)!);
        };
        socket.onclose = () => {
          if (!gone) timer = window.setTimeout(open, 3000);
        };
      } catch (error) {
        if (error instanceof api.ApiError && error.status === 401) return;
        if (!gone) timer = window.setTimeout(open, 3000);
      }
    };
    void open();
    return () => {
      gone = true;
      window.clearTimeout(timer);
      socket?.close();
    };
  }, []);
}
