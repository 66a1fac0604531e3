// Signing in: with a key, or with the one-time link that `agentphone serve` prints.

import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import type { Session } from "../types";

export function SignInPage({ onEnter }: { onEnter: (session: Session) => void }) {
  const [key, setKey] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);

  const enter = (body: { key: string } | { link: string }) => {
    setBusy(true);
    setError("");
    api.signIn(body).then(onEnter, (problem: Error) => {
      setError(problem.message);
      setBusy(false);
    });
  };

  useEffect(() => {
    // The link's secret is behind the #, which browsers keep to themselves; it is taken out of the address at once.
    const link = new URLSearchParams(location.hash.slice(1)).get("link");
    if (!link) return;
    history.replaceState(null, "", location.pathname);
    enter({ link });
  }, []);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (key.trim()) enter({ key: key.trim() });
    else setError("Paste a key first; it begins with ak_.");
  };

  return (
    <main class="door">
      <section class="card">
        <img src="/favicon.svg" alt="" width="52" height="52" />
        <h1>agentphone</h1>
        <p class="lead">Phone calls by software agents: watch them live, listen in, take over.</p>
        <form onSubmit={submit} noValidate>
          <label for="key">API key</label>
          <input
            id="key"
            type="password"
            autocomplete="current-password"
            spellcheck={false}
            placeholder="ak_live_…"
            value={key}
            aria-invalid={error ? true : undefined}
            aria-describedby={error ? "key-error" : "key-hint"}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
          {error ? (
            <p class="error" id="key-error" role="alert">{error}</p>
          ) : (
            <p class="hint" id="key-hint">It stays in this browser's session only and is not stored.</p>
          )}
          <button type="submit" class="primary" disabled={busy}>{busy ? "Signing in…" : "Sign in"}</button>
        </form>
        <p class="hint">
          On the machine where it runs, <code>agentphone serve</code> prints a one-time link for the browser, and{" "}
          <code>agentphone keys create</code> makes a key.
        </p>
      </section>
    </main>
  );
}
