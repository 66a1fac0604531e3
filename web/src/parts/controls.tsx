// Taking part in a running call: answer what the agent asks, speak through it, guide it, press keys, stop it, connect elsewhere, hang up.

import { useState } from "preact/hooks";
import * as api from "../api";
import type { Followed } from "../live";
import type { Command } from "../types";
import { Icon } from "./icon";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

export function Controls({ followed }: { followed: Followed }) {
  const [text, setText] = useState("");
  const [to, setTo] = useState("");
  const [keypad, setKeypad] = useState(false);
  const [transfer, setTransfer] = useState(false);
  const [muted, setMuted] = useState(false);
  const [told, setTold] = useState({ text: "", bad: false });
  const [answer, setAnswer] = useState("");
  const { call, question } = followed.conversation;
  const talking = call?.status === "in_progress" && followed.connected;

  const send = (command: Command, done: string, then = () => {}) =>
    followed.send(command).then(
      () => {
        setTold({ text: done, bad: false });
        then();
      },
      (error: Error) => setTold({ text: error.message, bad: true }),
    );
  const speak = (type: "say" | "instruct") => {
    const words = text.trim();
    if (!words) return setTold({ text: "Write something first.", bad: true });
    void send({ type, text: words }, type === "say" ? "The agent says it next." : "The agent knows; the callee does not hear it.", () => setText(""));
  };
  const hangUp = () => {
    if (talking) void send({ type: "hang_up" }, "The agent says goodbye and hangs up.");
    else if (call) api.cancelCall(call.call_id).catch((error: Error) => setTold({ text: error.message, bad: true }));
  };

  return (
    <section class="card controls" aria-labelledby="controls-title">
      <h2 id="controls-title">Take part</h2>
      {talking && question && (
        <form
          class="question"
          key={question.number}
          onSubmit={(event) => {
            event.preventDefault();
            if (!answer.trim()) return setTold({ text: "Write an answer first.", bad: true });
            void send({ type: "answer", question: question.number, text: answer.trim() }, "The agent has your answer.", () => setAnswer(""));
          }}
        >
          <label for="answer"><span class="hint">The agent asks you</span>{question.text}</label>
          <div class="transfer">
            <input id="answer" autocomplete="off" value={answer} onInput={(event) => setAnswer(event.currentTarget.value)} />
            <button type="submit">Answer</button>
          </div>
        </form>
      )}
      <label for="words" class="hidden">Words for the agent</label>
      <textarea
        id="words"
        rows={2}
        placeholder="Words for the agent"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) speak("say");
        }}
      />
      <div class="buttons two">
        <button type="button" disabled={!talking} onClick={() => speak("say")}>Say it</button>
        <button type="button" disabled={!talking} onClick={() => speak("instruct")}>Guide only</button>
      </div>
      <div class="buttons">
        <button type="button" disabled={!talking} onClick={() => send({ type: "interrupt" }, "The agent stops speaking.")}>
          <Icon name="stop" /> Interrupt
        </button>
        <button
          type="button"
          class={muted ? "toggle on" : "toggle"}
          aria-pressed={muted}
          disabled={!talking}
          onClick={() => send({ type: "mute", on: !muted }, muted ? "The agent may speak again." : "The agent is mute and listens.", () => setMuted(!muted))}
        >
          <Icon name="mute" /> {muted ? "Muted" : "Mute"}
        </button>
        <button type="button" class="toggle" aria-expanded={keypad} disabled={!talking} onClick={() => setKeypad(!keypad)}>
          <Icon name="keypad" /> Keys
        </button>
        <button type="button" class="toggle" aria-expanded={transfer} disabled={!talking} onClick={() => setTransfer(!transfer)}>
          <Icon name="phone" /> Transfer
        </button>
      </div>
      {keypad && talking && (
        <div class="keypad" role="group" aria-label="Keypad">
          {KEYS.map((key) => (
            <button type="button" key={key} aria-label={key === "*" ? "star" : key === "#" ? "hash" : key} onClick={() => send({ type: "dtmf", keys: key }, `Pressed ${key}.`)}>
              {key}
            </button>
          ))}
        </div>
      )}
      {transfer && talking && (
        <form
          class="transfer"
          onSubmit={(event) => {
            event.preventDefault();
            void send({ type: "transfer", to: to.trim() }, "The callee is being connected.");
          }}
        >
          <label for="to" class="hidden">Number to connect to</label>
          <input id="to" type="tel" placeholder="+14155550100" value={to} onInput={(event) => setTo(event.currentTarget.value)} />
          <button type="submit">Connect</button>
        </form>
      )}
      <p class={told.bad ? "told error" : "told hint"} role="status">{told.text}</p>
      <button type="button" class="danger wide" onClick={hangUp}>
        <Icon name="hang_up" /> {call?.status === "in_progress" ? "Hang up" : "Cancel the call"}
      </button>
    </section>
  );
}
