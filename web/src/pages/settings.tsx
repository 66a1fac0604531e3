// Settings seen: which line and which providers are in use, whether they answer, and how the server itself stands. For
// administrators; nothing can be changed here, because the configuration is a file.

import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import type { SettingsPart } from "../types";

/** What calls are made with; everything else is about the server. */
const SERVICES = ["line", "speech to text", "language model", "text to speech"];
const GROUPS = [
  { title: "What calls are made with", holds: (role: string) => SERVICES.includes(role) },
  { title: "This server", holds: (role: string) => !SERVICES.includes(role) },
];
const WORDS = { good: "works", note: "works, with a note", bad: "does not work" };

export function SettingsPage() {
  const [parts, setParts] = useState<SettingsPart[] | null>(null);
  const [error, setError] = useState("");
  const load = () => {
    setParts(null);
    setError("");
    api.settings().then(setParts, (problem: Error) => setError(problem.message));
  };
  useEffect(load, []);
  return (
    <section class="card settings" aria-labelledby="settings-title" aria-busy={parts === null && !error}>
      <div class="head">
        <h1 id="settings-title">What is in use</h1>
        <button type="button" class="quiet" onClick={load} disabled={parts === null && !error}>Check again</button>
      </div>
      <p class="hint">As <code>agentphone doctor</code> says it. Settings are changed in the configuration file, or by the environment.</p>
      {error && <p class="error" role="alert">{error}</p>}
      {parts === null && !error && <p class="hint" role="status">Checking; services on the network are asked too…</p>}
      {parts && GROUPS.map(({ title, holds }) => {
        const shown = subjects(parts.filter((part) => holds(part.role)));
        return shown.length > 0 && (
          <section key={title} aria-label={title}>
            <h2>{title}</h2>
            <ul class="rows plain">
              {shown.map((subject) => <Row key={subject.role} {...subject} />)}
            </ul>
          </section>
        );
      })}
    </section>
  );
}

interface Subject {
  role: string;
  parts: SettingsPart[];
}

/** What was found of the same thing stands together, and what would be better below what is. */
function subjects(parts: SettingsPart[]): Subject[] {
  const subjects: Subject[] = [];
  for (const part of parts) {
    const known = subjects.find((subject) => subject.role === part.role);
    if (known) known.parts.push(part);
    else subjects.push({ role: part.role, parts: [part] });
  }
  return subjects;
}

function Row({ role, parts }: Subject) {
  const worst = (["bad", "good", "note"] as const).find((state) => parts.some((part) => part.state === state)) ?? "note";
  const sayings = parts.map((part) => ({ ...part, better: part.text.replace(/^better: /, "") }));
  return (
    <li class="row">
      <span class={`dot ${worst === "note" ? "fair" : worst}`} role="img" aria-label={WORDS[worst]} />
      <span class="who">
        <strong>{role.replaceAll("_", " ")}</strong>
        {sayings.map(({ text, better, state }, place) => text === better
          ? <span key={place} class={state === "bad" ? "error" : undefined}>{text}</span>
          : <span key={place} class="better">Better: {better}</span>)}
      </span>
    </li>
  );
}
