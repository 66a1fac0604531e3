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
  max_duration_seconds: "",
  result_schema: "",
  scenario: "",
  line: "",
};

/** Fields that are shown only when asked for. */
const MORE = ["website", "language", "first_message", "instructions", "transfer_to", "max_duration_seconds", "result_schema"];

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
    if (typeof made === "string") {
      setErrors({ result_schema: made });
      setOpen(true);
      return;
    }
    setBusy(true);
    setErrors({});
    api.createCall(made).then(
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
          <Field name="scenario" label="Who picks up" error={errors.scenario} hint={chosen?.about ?? "The server's default callee."}>
            {(attributes) => (
              <select {...attributes} value={values.scenario} onChange={set("scenario")}>
                <option value="">Somebody friendly</option>
                {scenarios.map((scenario) => (
                  <option value={scenario.name} key={scenario.name}>{scenario.name.replaceAll("-", " ")}</option>
                ))}
              </select>
            )}
          </Field>
        )}
        <Field name="to_phone_number" label="Number" required error={errors.to_phone_number} hint="US or Canada, as in +14155551234">
          {(attributes) => (
            <input {...attributes} type="tel" autocomplete="off" value={values.to_phone_number} onInput={set("to_phone_number")} />
          )}
        </Field>
        <Field name="objective" label="What the agent should accomplish" required error={errors.objective}>
          {(attributes) => (
            <textarea {...attributes} rows={3} value={values.objective} onInput={set("objective")} />
          )}
        </Field>
        {text("business_name", "Who is called", "The name of the business or person", { autocomplete: "off" })}
        <details open={open} onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
          <summary>More about the call</summary>
          {text("website", "Website", "Where the agent may read about them", { inputMode: "url", autocomplete: "off" })}
          {text("language", "Language", "A name or a tag, such as spanish or es-MX. English when empty")}
          {text("first_message", "First words", "Said word for word when somebody answers")}
          <Field name="instructions" label="Context for the agent" error={errors.instructions}>
            {(attributes) => <textarea {...attributes} rows={2} value={values.instructions} onInput={set("instructions")} />}
          </Field>
          {text("transfer_to", "May connect to", "A number the agent may transfer to", { inputMode: "tel" })}
          {text("max_duration_seconds", "Longest call, in seconds", "600 when empty", { inputMode: "numeric" })}
          <Field name="result_schema" label="Result to bring back" hint="A JSON Schema" error={errors.result_schema}>
            {(attributes) => (
              <textarea {...attributes} class="code" rows={3} spellcheck={false} value={values.result_schema} onInput={set("result_schema")} />
            )}
          </Field>
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
  if (name === "simulated") return "Simulated (demo)";
  if (name === "browser") return "This browser (you answer)";
  return name;
}

/** The request, with what is empty left out; or what is wrong with the schema. */
function body(values: typeof EMPTY, line: string, demo: boolean): object | string {
  const made: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    const text = value.trim();
    if (text && (name !== "scenario" || demo)) made[name] = text;
  }
  if (line) made.line = line;
  if (made.max_duration_seconds) {
    const seconds = Number(made.max_duration_seconds);
    if (!Number.isNaN(seconds)) made.max_duration_seconds = seconds;
  }
  if (made.result_schema) {
    try {
      made.result_schema = JSON.parse(made.result_schema as string);
    } catch {
      return "This is no JSON. Expected a JSON Schema, such as {\"type\": \"object\"}.";
    }
  }
  return made;
}
