// Credits: what is left, where they went, and the way to buy more.

import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { when } from "../format";
import { Link } from "../router";
import type { LedgerLine, Session } from "../types";

const WHY: Record<string, string> = {
  welcome: "Free credits of a new account",
  reserve: "Call",
  settle: "Call settled",
  give_back: "Given back: the call did not connect",
  purchase: "Bought",
  refund: "Refunded",
  grant: "Given by the operator",
};

/** How often, and how many times, a purchase that was just made is looked for. */
const LOOK_MS = 2000;
const LOOKS = 15;

export function Credits({ session, onChange }: { session: Session; onChange: () => void }) {
  const [lines, setLines] = useState<LedgerLine[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const more = (from: string | null) => {
    api.ledger(from).then(
      (page) => {
        setLines((known) => (from && known ? [...known, ...page.data] : page.data));
        setCursor(page.next_cursor);
      },
      (problem: Error) => setError(problem.message),
    );
  };
  useEffect(() => more(null), []);
  // Whoever comes back from the payment service brings the id of what was paid; the service itself tells a little later.
  const [paid] = useState(() => new URLSearchParams(location.search).get("session_id"));
  const [looks, setLooks] = useState(0);
  const arrived = lines?.some((line) => line.kind === "purchase" && line.reference === paid) ?? false;
  useEffect(() => {
    if (!paid) return;
    if (arrived) return onChange();
    if (looks >= LOOKS) return;
    const timer = window.setTimeout(() => {
      more(null);
      setLooks(looks + 1);
    }, LOOK_MS);
    return () => window.clearTimeout(timer);
  }, [paid, arrived, looks]);
  const buy = () => {
    setBusy(true);
    api.checkout().then(
      (page) => {
        const shop = new URL(page.url);
        // Without a payment service the address is this page's own.
        if (shop.host !== location.host) return location.assign(page.url);
        setBusy(false);
        setError("This server sells no credits itself. Its operator can give some.");
      },
      (problem: Error) => {
        setBusy(false);
        setError(problem.message);
      },
    );
  };
  // What a settled call cost was taken when it was made, so settling moves nothing.
  const moved = lines?.filter((line) => line.amount !== 0);
  return (
    <section class="card money" aria-labelledby="credits-title">
      <div class="head">
        <h2 id="credits-title">Credits</h2>
        <button type="button" onClick={buy} disabled={busy}>{busy ? "Opening…" : "Buy credits"}</button>
      </div>
      <p class="balance"><strong>{session.credits_remaining}</strong> left for {session.account_name}</p>
      <p class="hint">A call costs one. It comes back when nobody answers or something of ours fails.</p>
      {paid && (
        <p class="thanks" role="status">
          {arrived ? "Thank you. Your credits are here." : "Thank you. Your credits come as soon as the payment is confirmed."}
        </p>
      )}
      {error && <p class="error" role="alert">{error}</p>}
      {moved && moved.length > 0 && (
        <table>
          <caption class="hidden">Ledger, newest first</caption>
          <thead>
            <tr><th scope="col">When</th><th scope="col">Why</th><th scope="col" class="number">Credits</th><th scope="col" class="number">Balance</th></tr>
          </thead>
          <tbody>
            {moved.map((line) => (
              <tr key={line.seq}>
                <td>{when(line.at)}</td>
                <td>
                  {line.call_id ? <Link href={`/call/${line.call_id}`}>{WHY[line.kind] ?? line.kind}</Link> : (WHY[line.kind] ?? line.kind)}
                </td>
                <td class="number">{line.amount > 0 ? `+${line.amount}` : `\u2212${-line.amount}`}</td>
                <td class="number">{line.balance}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {cursor && <button type="button" class="quiet wide" onClick={() => more(cursor)}>Show older entries</button>}
    </section>
  );
}
