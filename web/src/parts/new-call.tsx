// The form that makes a call. What is wrong is said by the server, beside the field it is about. On the simulated line it
// offers the scenarios that can play the callee, so that a first call needs one click.

import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import type { Offer } from "../types";
import { Field } from "./field";
import { Icon } from "./icon";

const EXAMPLE = {
  to_phone_number: "+14155551234",
  objective: "Book a table for 2 at 7pm tonight",
  business_name: "Nopa",
};

const EMPTY = {
  to_phone_number: "",
  objective: "",
  business_name: "",
  website: "",
  language: "",
  first_message: "",
  instructions: "",
  transfer_to: "",
  from_phone_number: "",
  scheduled_at: "",
  max_duration_seconds: "",
  voicemail: "",
  voicemail_message: "",
  webhook_url: "",
  metadata: "",
  result_schema: "",
  scenario: "",
  line: "",
};

/** Fields that are shown only when asked for. */
const MORE = [
  "website", "language", "first_message", "instructions", "transfer_to", "from_phone_number", "scheduled_at", "max_duration_seconds",
  "voicemail", "webhook_url", "metadata", "result_schema",
];

type Name = keyof typeof EMPTY;

export function NewCall({ offer, onCreated }: { offer: Offer | null; onCreated: (id: string) => void }) {
  const [values, setValues] = useState(EMPTY);
  const [errors, setErrors] = useState<Partial<Record<Name, string>>>({});
  const [general, setGeneral] = useState<api.ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const [open, setOpen] = useState(false);

  const line = values.line || offer?.default_line || "";
  const scenarios = offer?.lines.find((other) => other.name === line)?.scenarios ?? null;
  const demo = scenarios !== null;
  const chosen = scenarios?.find((scenario) => scenario.name === values.scenario);

  useEffect(() => {
    // With nobody real to ring, the example is a fair start.
    if (demo && !values.to_phone_number && !values.objective) setValues((old) => ({ ...old, ...EXAMPLE }));
  }, [demo]);

  const set = (name: Name) => (event: Event) => {
    const { value } = event.currentTarget as HTMLInputElement;
    setValues((old) => ({ ...old, [name]: value }));
    setErrors((old) => ({ ...old, [name]: undefined }));
  };

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const made = body(values, line, demo);
    setGeneral(null);
    if ("wrong" in made) {
      setErrors(made.wrong);
      setOpen(true);
      return;
    }
    setBusy(true);
    setErrors({});
    api.createCall(made.body).then(
      (answer) => onCreated(answer.data.call_id),
      (problem: api.ApiError) => {
        setBusy(false);
        const field = problem.field;
        if (field !== null && field in EMPTY) {
          setErrors({ [field]: problem.message });
          if (MORE.includes(field)) setOpen(true);
          requestAnimationFrame(() => document.getElementById(field)?.focus());
        } else setGeneral(problem);
      },
    );
  };

  const area = (name: Name, label: string, rows: number, hint?: string, code = false) => (
    <Field name={name} label={label} hint={hint} error={errors[name]}>
      {(attributes) => (
        <textarea {...attributes} class={code ? "code" : undefined} rows={rows} spellcheck={!code} value={values[name]} onInput={set(name)} />
      )}
    </Field>
  );
  const text = (name: Name, label: string, hint?: string, more: object = {}) => (
    <Field name={name} label={label} hint={hint} error={errors[name]}>
      {(attributes) => <input {...attributes} type="text" value={values[name]} onInput={set(name)} {...more} />}
    </Field>
  );

  return (
    <section class="card new" aria-labelledby="new-title">
      <h1 id="new-title">Make a call</h1>
      {demo && (
        <p class="demo">
          <strong>Demo line.</strong> No telephone rings: a simulated callee answers, over real telephone sound, and you can
          listen.
        </p>
      )}
      <form onSubmit={submit} noValidate>
        <div class="pair">
          {offer && offer.lines.length > 1 && (
            <Field name="line" label="Line" error={errors.line}>
              {(attributes) => (
                <select {...attributes} value={line} onChange={set("line")}>
                  {offer.lines.map((other) => <option value={other.name} key={other.name}>{lineName(other.name)}</option>)}
                </select>
              )}
            </Field>
          )}
          {demo && (
            <Field name="scenario" label="Who picks up" error={errors.scenario}>
              {(attributes) => (
                <select {...attributes} aria-describedby="scenario-about" value={values.scenario} onChange={set("scenario")}>
                  <option value="">Friendly</option>
                  {scenarios.map((scenario) => (
                    <option value={scenario.name} key={scenario.name}>{scenario.name.replaceAll("-", " ")}</option>
                  ))}
                </select>
              )}
            </Field>
          )}
          {demo && <p class="hint" id="scenario-about">{chosen?.about ?? "The server's default callee."}</p>}
        </div>
        <Field name="to_phone_number" label="Number" required error={errors.to_phone_number} hint="US or Canada, as in +14155551234">
          {(attributes) => (
            <input {...attributes} type="tel" autocomplete="off" value={values.to_phone_number} onInput={set("to_phone_number")} />
          )}
        </Field>
        <Field name="objective" label="What the agent should accomplish" required error={errors.objective}>
          {(attributes) => (
            <textarea {...attributes} rows={2} value={values.objective} onInput={set("objective")} />
          )}
        </Field>
        {text("business_name", "Who is called", undefined, { autocomplete: "off", placeholder: "A business or a person" })}
        <details open={open} onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
          <summary>More about the call</summary>
          {text("website", "Website", "Where the agent may read about them", { inputMode: "url", autocomplete: "off" })}
          {text("language", "Language", "A name or a tag, such as spanish or es-MX. English when empty")}
          {text("first_message", "First words", "Said word for word when somebody answers")}
          {area("instructions", "Context for the agent", 2)}
          {area("result_schema", "Result to bring back", 3, "A JSON Schema", true)}
          <Field name="voicemail" label="At a voice mailbox" error={errors.voicemail}>
            {(attributes) => (
              <select {...attributes} value={values.voicemail} onChange={set("voicemail")}>
                <option value="">Hang up</option>
                <option value="leave_message">Leave a message</option>
              </select>
            )}
          </Field>
          {values.voicemail === "leave_message" && area("voicemail_message", "The message", 2, "The agent makes one of its own when empty")}
          <Field name="scheduled_at" label="When" hint="At once when empty; by this browser's clock" error={errors.scheduled_at}>
            {(attributes) => <input {...attributes} type="datetime-local" value={values.scheduled_at} onInput={set("scheduled_at")} />}
          </Field>
          {text("max_duration_seconds", "Longest call, in seconds", "600 when empty", { inputMode: "numeric" })}
          {text("transfer_to", "May connect to", "A number the agent may transfer to", { inputMode: "tel", autocomplete: "off" })}
          {text("from_phone_number", "Calls from", "One of the server's own numbers", { inputMode: "tel", autocomplete: "off" })}
          {text("webhook_url", "Webhook", "Where events of this call are sent", { inputMode: "url", autocomplete: "off" })}
          {area("metadata", "Metadata", 2, "JSON that comes back with the call", true)}
        </details>
        {general && (
          <p class="error" role="alert">
            {general.message} {general.buyUrl && <a href={general.buyUrl}>Buy credits</a>}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy}>
          <Icon name="phone" /> {busy ? "Calling…" : "Call now"}
        </button>
      </form>
    </section>
  );
}

function lineName(name: string): string {
  if (name === "simulated") return "Simulated";
  if (name === "browser") return "This browser";
  return name;
}

type Made = { body: object } | { wrong: Partial<Record<Name, string>> };

/** The request, with what is empty left out; or what is wrong with the JSON in it. */
function body(values: typeof EMPTY, line: string, demo: boolean): Made {
  const made: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    const text = value.trim();
    if (text && (name !== "scenario" || demo)) made[name] = text;
  }
  const { voicemail, voicemail_message: message } = made;
  delete made.voicemail_message;
  if (voicemail) made.voicemail = { action: voicemail, ...(voicemail === "leave_message" && message ? { message } : {}) };
  if (made.scheduled_at) {
    const at = new Date(made.scheduled_at as string);
    if (!Number.isNaN(at.getTime())) made.scheduled_at = at.toISOString();
  }
  if (line) made.line = line;
  if (made.max_duration_seconds) {
    const seconds = Number(made.max_duration_seconds);
    if (!Number.isNaN(seconds)) made.max_duration_seconds = seconds;
  }
  for (const name of ["result_schema", "metadata"] as const) {
    if (!made[name]) continue;
    try {
      made[name] = JSON.parse(made[name] as string);
    } catch {
      const example = name === "metadata" ? '{"order": 77}' : '{"type": "object"}';
      return { wrong: { [name]: `This is no JSON. Expected something like ${example}.` } };
    }
  }
  return { body: made };
}
