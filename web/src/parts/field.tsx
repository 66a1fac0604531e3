// One field of a form: its label, a hint, and the error about it right beside it.

import type { ComponentChildren } from "preact";

export interface FieldAttributes {
  id: string;
  name: string;
  "aria-invalid": true | undefined;
  "aria-describedby": string | undefined;
  "aria-required": true | undefined;
}

interface Props {
  name: string;
  label: string;
  hint?: ComponentChildren;
  error?: string | undefined;
  required?: boolean;
  children: (attributes: FieldAttributes) => ComponentChildren;
}

export function Field({ name, label, hint, error, required, children }: Props) {
  const note = error ? `${name}-error` : hint ? `${name}-hint` : undefined;
  return (
    <div class={error ? "field wrong" : "field"}>
      <label for={name}>
        {label}
        {required && <span class="must"> required</span>}
      </label>
      {children({
        id: name,
        name,
        "aria-invalid": error ? true : undefined,
        "aria-describedby": note,
        "aria-required": required || undefined,
      })}
      {error ? <p class="error" id={note} role="alert">{error}</p> : hint ? <p class="hint" id={note}>{hint}</p> : null}
    </div>
  );
}
