// The phone: calls of the line "browser" ring here. A click answers, and the sound goes through this page. Calls that run
// elsewhere can be listened to.

import { useCallback, useEffect, useReducer, useRef, useState } from "preact/hooks";
import { useAccount } from "../account";
import * as api from "../api";
import { clock, phone as written, title } from "../format";
import { useCall } from "../live";
import { Icon } from "../parts/icon";
import { Live } from "../parts/live";
import { Phone, type PhoneState } from "../phone";
import { Link } from "../router";
import type { Call } from "../types";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

export function PhonePage() {
  const phone = useRef<Phone | null>(null);
  const [state, setState] = useState<PhoneState>({ kind: "connecting" });
  useEffect(() => {
    const made = new Phone(setState);
    phone.current = made;
    return () => made.close();
  }, []);
  const act = (work: (phone: Phone) => unknown) => () => {
    if (phone.current) work(phone.current);
  };
  return (
    <div class="phonepage">
      <section class={`card handset ${state.kind}`} aria-labelledby="phone-title">
        <h1 id="phone-title">Phone</h1>
        <Status state={state} act={act} />
      </section>
      {state.kind === "talking" && <Words call={state.call} />}
      {(state.kind === "ready" || state.kind === "connecting") && (
        <>
          <Running />
          <CallMe />
        </>
      )}
    </div>
  );
}

type Act = (work: (phone: Phone) => unknown) => () => void;

function Status({ state, act }: { state: PhoneState; act: Act }) {
  switch (state.kind) {
    case "connecting":
      return <p class="hint" role="status">Connecting to the server…</p>;
    case "ready":
      return (
        <div class="idle" role="status">
          <span class="pulse"><Icon name="phone" /></span>
          <p><strong>Ready.</strong> Calls to the line “browser” ring here.</p>
          {state.note && (
            <p class="hint">{state.note} {state.call && <Link href={`/call/${state.call}`}>See the call</Link>}</p>
          )}
        </div>
      );
    case "ringing":
      return (
        <div class="idle">
          <span class="pulse ring"><Icon name="phone" /></span>
          <p role="alert"><strong>A call rings.</strong> For {written(state.caller)}.</p>
          {state.note && <p class="error" role="alert">{state.note}</p>}
          <div class="downloads">
            <button type="button" class="answer" autofocus onClick={act((phone) => phone.answer())}><Icon name="phone" /> Answer</button>
            <button type="button" class="danger" onClick={act((phone) => phone.decline())}><Icon name="hang_up" /> Decline</button>
          </div>
        </div>
      );
    case "talking":
      return <Talking state={state} act={act} />;
  }
}

function Talking({ state, act }: { state: Extract<PhoneState, { kind: "talking" }>; act: Act }) {
  const [, tick] = useReducer((count: number) => count + 1, 0);
  const [keypad, setKeypad] = useState(false);
  useEffect(() => {
    const timer = window.setInterval(tick, 250);
    return () => window.clearInterval(timer);
  }, []);
  const words = { connecting: "connecting…", connected: "connected", broken: "the network broke; trying again…" }[state.media];
  return (
    <div class="idle talking">
      <Meter level={state.level} />
      <p role="status" data-media={state.media}>
        <strong>{written(state.caller)}</strong> · {words} {state.since !== null && <span class="timer">{clock(Date.now() - state.since)}</span>}
      </p>
      {state.note && <p class="hint">{state.note}</p>}
      <div class="buttons">
        <button type="button" class={state.muted ? "toggle on" : "toggle"} aria-pressed={state.muted} onClick={act((phone) => phone.mute(!state.muted))}>
          <Icon name={state.muted ? "mute" : "mic"} /> {state.muted ? "Muted" : "Microphone"}
        </button>
        <button type="button" class="toggle" aria-expanded={keypad} onClick={() => setKeypad(!keypad)}><Icon name="keypad" /> Keys</button>
      </div>
      {keypad && (
        <div class="keypad" role="group" aria-label="Keypad">
          {KEYS.map((key) => <button type="button" key={key} onClick={act((phone) => phone.press(key))}>{key}</button>)}
        </div>
      )}
      <button type="button" class="danger wide" onClick={act((phone) => phone.hangUp())}><Icon name="hang_up" /> Hang up</button>
    </div>
  );
}

/** What both sides say, as the server hears it. */
function Words({ call }: { call: string }) {
  const followed = useCall(call);
  return (
    <section class="card talk" aria-label="Conversation">
      <Live conversation={followed.conversation} />
    </section>
  );
}

/** How loud the agent is, drawn as a bar. */
function Meter({ level }: { level: () => number }) {
  const bar = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let frame = 0;
    const draw = () => {
      bar.current?.style.setProperty("transform", `scaleX(${Math.min(1, level() * 4).toFixed(3)})`);
      frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, [level]);
  return <span class="meter" aria-hidden="true"><span ref={bar} /></span>;
}

function CallMe() {
  const [objective, setObjective] = useState("Ask whether they are open on Sunday and until when");
  const [error, setError] = useState("");
  const call = (event: SubmitEvent) => {
    event.preventDefault();
    setError("");
    api
      .createCall({ to_phone_number: "+14155550100", objective: objective.trim(), line: "browser" })
      .catch((problem: Error) => setError(problem.message));
  };
  return (
    <section class="card" aria-labelledby="callme-title">
      <h2 id="callme-title">Let the agent call you</h2>
      <form class="callme" onSubmit={call} noValidate>
        <label for="callme">What it should accomplish</label>
        <textarea id="callme" rows={3} value={objective} onInput={(event) => setObjective(event.currentTarget.value)} />
        {error && <p class="error" role="alert">{error}</p>}
        <button type="submit" class="primary"><Icon name="phone" /> Call me here</button>
      </form>
      <p class="hint">It rings on this page. Answer as the place that is called, and try to interrupt it.</p>
    </section>
  );
}

/** Calls of the account that run now; one of them can be joined as a listener. */
function Running() {
  const [calls, setCalls] = useState<Call[]>([]);
  const [joined, setJoined] = useState<string | null>(null);
  useEffect(() => {
    // What does not come here comes by the socket when something happens.
    api.calls("status=in_progress&limit=25").then((page) => setCalls(page.data), () => undefined);
  }, []);
  useAccount(useCallback((call: Call) => {
    setCalls((known) => {
      const others = known.filter((other) => other.call_id !== call.call_id);
      return call.status === "in_progress" ? [call, ...others] : others;
    });
  }, []));
  if (calls.length === 0 && !joined) return null;
  return (
    <section class="card" aria-labelledby="running-title">
      <h2 id="running-title">Running now</h2>
      <ul class="rows plain">
        {calls.map((call) => (
          <li class="row" key={call.call_id}>
            <span class="dot live" aria-hidden="true" />
            <span class="who"><Link href={`/call/${call.call_id}`}>{title(call)}</Link><span>{call.objective}</span></span>
            <button
              type="button"
              class={joined === call.call_id ? "toggle on" : "toggle"}
              aria-pressed={joined === call.call_id}
              onClick={() => setJoined(joined === call.call_id ? null : call.call_id)}
            >
              <Icon name="listen" /> {joined === call.call_id ? "Listening" : "Listen in"}
            </button>
          </li>
        ))}
      </ul>
      {joined && <Listened call={joined} key={joined} />}
    </section>
  );
}

/** A call that this page only hears. */
function Listened({ call }: { call: string }) {
  const followed = useCall(call);
  useEffect(() => followed.listen(true), []);
  return (
    <div class="talk listened" role="region" aria-label="The call you listen to">
      <Live conversation={followed.conversation} />
    </div>
  );
}
