// Settings seen: which line and which providers are in use, and whether they answer. For administrators; nothing can be
// changed here, because the configuration is a file.

import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import type { SettingsPart } from "../types";

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
      {parts && (
        <ul class="rows plain">
          {parts.map((part, place) => (
            <li key={place} class="row">
              <span class={`dot ${part.state === "note" ? "fair" : part.state}`} role="img" aria-label={WORDS[part.state]} />
              <span class="who">
                <strong>{part.role}</strong>
                <span>{part.text}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
