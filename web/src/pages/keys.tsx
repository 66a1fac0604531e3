// Keys: making, naming, revoking; the new one is shown once. Credits: what is left, where it went, and buying more.

import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { when } from "../format";
import { Credits } from "../parts/credits";
import { Field } from "../parts/field";
import type { Key, Scope, Session } from "../types";

const SCOPES: { scope: Scope; label: string }[] = [
  { scope: "calls:read", label: "See calls, recordings and live events" },
  { scope: "calls:write", label: "Make and cancel calls" },
  { scope: "control", label: "Steer running calls" },
  { scope: "admin", label: "Manage keys and credits" },
];

export function KeysPage({ session, onCredits }: { session: Session; onCredits: () => void }) {
  return (
    <div class="keys">
      <Credits session={session} onChange={onCredits} />
      {session.admin ? <Keys /> : (
        <section class="card" aria-labelledby="keys-title">
          <h1 id="keys-title">Keys</h1>
          <p class="hint">The key you signed in with may not manage keys. Sign in with one that has the scope admin.</p>
        </section>
      )}
    </div>
  );
}

function Keys() {
  const [keys, setKeys] = useState<Key[] | null>(null);
  const [made, setMade] = useState<Key | null>(null);
  const [error, setError] = useState("");
  const load = () => api.keys().then((keys) => setKeys(keys.reverse()), (problem: Error) => setError(problem.message));
  useEffect(() => void load(), []);
  const tried = (work: Promise<unknown>) =>
    work.then(() => {
      setError("");
      void load();
    }, (problem: Error) => setError(problem.message));
  return (
    <section class="card keylist" aria-labelledby="keys-title">
      <h1 id="keys-title">Keys</h1>
      {made && <Made made={made} onDone={() => setMade(null)} />}
      <NewKey
        onMade={(key) => {
          setMade(key);
          void load();
        }}
      />
      {error && <p class="error" role="alert">{error}</p>}
      {keys === null && !error && <p class="hint" role="status">Loading…</p>}
      <ul class="rows plain">
        {keys?.map((key) => <Row key={key.key_id} of={key} tried={tried} />)}
      </ul>
    </section>
  );
}

function Made({ made, onDone }: { made: Key; onDone: () => void }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    // Without https or on an old browser it can be selected and copied by hand.
    navigator.clipboard?.writeText(made.key ?? "").then(() => setCopied(true), () => setCopied(false));
  };
  return (
    <div class="made" role="status">
      <p><strong>Your new key.</strong> It is shown this once; copy it now.</p>
      <code tabIndex={0}>{made.key}</code>
      <div class="downloads">
        <button type="button" class="primary" onClick={copy}>{copied ? "Copied" : "Copy"}</button>
        <button type="button" onClick={onDone}>Done</button>
      </div>
    </div>
  );
}

function NewKey({ onMade }: { onMade: (key: Key) => void }) {
  const [name, setName] = useState("");
  const [mode, setMode] = useState<Key["mode"]>("live");
  const [days, setDays] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(["calls:read", "calls:write", "control"]);
  const [error, setError] = useState<api.ApiError | null>(null);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setError(null);
    const expires_at = days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : undefined;
    api.createKey({ name: name.trim(), mode, scopes, expires_at }).then((key) => {
      setName("");
      onMade(key);
    }, setError);
  };
  const about = (field: string) => (error?.field === field ? error.message : undefined);
  return (
    <details class="newkey">
      <summary>Make a key</summary>
      <form onSubmit={submit} noValidate>
        <Field name="key_name" label="Name" hint="To recognise it by" error={about("name")}>
          {(attributes) => <input {...attributes} type="text" value={name} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />}
        </Field>
        <Field name="mode" label="Kind" error={about("mode")}>
          {(attributes) => (
            <select {...attributes} value={mode} onChange={(event) => setMode(event.currentTarget.value as Key["mode"])}>
              <option value="live">Live: real calls, a credit each</option>
              <option value="test">Test: the simulated line only, free</option>
            </select>
          )}
        </Field>
        <Field name="expires_at" label="It works" error={about("expires_at")}>
          {(attributes) => (
            <select {...attributes} value={days} onChange={(event) => setDays(event.currentTarget.value)}>
              <option value="">Until it is revoked</option>
              <option value="7">For 7 days</option>
              <option value="30">For 30 days</option>
              <option value="90">For 90 days</option>
              <option value="365">For a year</option>
            </select>
          )}
        </Field>
        <fieldset>
          <legend>It may</legend>
          {SCOPES.map(({ scope, label }) => (
            <label class="check" key={scope}>
              <input
                type="checkbox"
                checked={scopes.includes(scope)}
                onChange={(event) => setScopes(event.currentTarget.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope))}
              />
              {label}
            </label>
          ))}
          {about("scopes") && <p class="error" role="alert">{error?.message}</p>}
        </fieldset>
        {error && !["name", "mode", "expires_at", "scopes"].includes(error.field ?? "") && <p class="error" role="alert">{error.message}</p>}
        <button type="submit" class="primary">Make the key</button>
      </form>
    </details>
  );
}

function Row({ of: key, tried }: { of: Key; tried: (work: Promise<unknown>) => void }) {
  const [sure, setSure] = useState(false);
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState(key.name);
  const ended = key.revoked_at !== null || (key.expires_at !== null && Date.parse(key.expires_at) <= Date.now());
  const called = key.name || "without a name";
  const facts = [
    key.mode === "test" ? "test" : null,
    key.scopes.join(", "),
    `made ${when(key.created_at)}`,
    key.last_used_at ? `used ${when(key.last_used_at)}` : "never used",
    key.expires_at && !ended ? `until ${when(key.expires_at)}` : null,
  ].filter(Boolean);
  return (
    <li class="row">
      <span class={`dot ${ended ? "plain" : "good"}`} aria-hidden="true" />
      <span class="who">
        {naming ? (
          <form
            class="rename"
            onSubmit={(event) => {
              event.preventDefault();
              setNaming(false);
              tried(api.renameKey(key.key_id, name.trim()));
            }}
          >
            <label class="hidden" for={`name-${key.key_id}`}>New name</label>
            <input id={`name-${key.key_id}`} value={name} onInput={(event) => setName(event.currentTarget.value)} />
            <button type="submit">Save</button>
          </form>
        ) : (
          <strong>{called} <code>{key.starts_with}…</code></strong>
        )}
        <span>{facts.join(" · ")}</span>
      </span>
      {ended ? (
        <span class="chip">{key.revoked_at ? "revoked" : "expired"}</span>
      ) : sure ? (
        <span class="acts">
          <button type="button" class="danger" onClick={() => tried(api.revokeKey(key.key_id))}>Revoke now</button>
          <button type="button" onClick={() => setSure(false)}>Keep</button>
        </span>
      ) : (
        <span class="acts">
          <button type="button" class="quiet" onClick={() => setNaming(!naming)} aria-label={`Rename ${called}`}>Rename</button>
          <button type="button" class="quiet" onClick={() => setSure(true)} aria-label={`Revoke ${called}`}>Revoke</button>
        </span>
      )}
    </li>
  );
}
