// Calls: making one, and the list of them with those that are running on top, kept fresh while it is looked at.

import { useCallback, useEffect, useState } from "preact/hooks";
import { useAccount } from "../account";
import * as api from "../api";
import { clock, isFinal, phone, state, title, when } from "../format";
import { NewCall } from "../parts/new-call";
import { Link, go } from "../router";
import type { Call, Offer, Status } from "../types";

const FILTERS: { label: string; status: Status | "" }[] = [
  { label: "All", status: "" },
  { label: "Completed", status: "completed" },
  { label: "Failed", status: "failed" },
  { label: "Canceled", status: "canceled" },
];

export function CallsPage({ offer, onCreated }: { offer: Offer | null; onCreated: () => void }) {
  const [calls, setCalls] = useState<Call[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [status, setStatus] = useState<Status | "">("");
  const [error, setError] = useState("");
  const more = (from: string | null) => {
    const query = new URLSearchParams({ limit: "25" });
    if (status) query.set("status", status);
    if (from) query.set("cursor", from);
    api.calls(query.toString()).then(
      (page) => {
        setError("");
        setCalls((known) => (from && known ? [...known, ...page.data] : page.data));
        setCursor(page.next_cursor);
      },
      (problem: Error) => setError(problem.message),
    );
  };
  useEffect(() => more(null), [status]);
  const learn = useCallback((call: Call) => {
    setCalls((known) => {
      if (!known) return known;
      const at = known.findIndex((other) => other.call_id === call.call_id);
      if (at >= 0) return known.map((other, place) => (place === at ? call : other));
      return !status || call.status === status ? [call, ...known] : known;
    });
  }, [status]);
  useAccount(learn);

  return (
    <div class="calls">
      <NewCall
        offer={offer}
        onCreated={(id) => {
          onCreated();
          go(`/call/${id}`);
        }}
      />
      <section class="card list" aria-labelledby="list-title">
        <div class="head">
          <h2 id="list-title">Calls</h2>
          <div class="tabs" role="group" aria-label="Which calls">
            {FILTERS.map((filter) => (
              <button
                type="button"
                key={filter.label}
                aria-pressed={filter.status === status}
                onClick={() => setStatus(filter.status)}
              >
                {filter.label}
              </button>
            ))}
          </div>
        </div>
        {error && <p class="error" role="alert">{error}</p>}
        {calls === null && !error && <p class="hint" role="status">Loading…</p>}
        {calls?.length === 0 && (
          <div class="nothing">
            <p><strong>No calls here yet.</strong></p>
            <p class="hint">Make the first one on this page. It appears here at once, and you can listen to it.</p>
          </div>
        )}
        {calls && calls.length > 0 && (
          <ul class="rows">
            {calls.map((call) => <Row call={call} key={call.call_id} />)}
          </ul>
        )}
        {cursor && <button type="button" class="quiet wide" onClick={() => more(cursor)}>Show older calls</button>}
      </section>
    </div>
  );
}

function Row({ call }: { call: Call }) {
  const shown = state(call);
  const running = !isFinal(call.status);
  return (
    <li>
      <Link href={`/call/${call.call_id}`} class="row">
        <span class={`dot ${shown.tone}`} aria-hidden="true" />
        <span class="who">
          <strong>{title(call)}</strong>
          <span class="what">{call.objective}</span>
        </span>
        <span class="meta">
          <span class={`chip ${shown.tone}`}>{shown.text}</span>
          <span class="times">
            {call.business_name ? `${phone(call.to_phone_number)} · ` : ""}
            {running ? when(call.created_at) : call.duration_seconds === null ? when(call.created_at)
              : `${when(call.created_at)} · ${clock(call.duration_seconds * 1000)}`}
          </span>
        </span>
      </Link>
    </li>
  );
}
