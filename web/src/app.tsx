// The frame around all pages: who is signed in, where one can go, and which page is shown.

import { useCallback, useEffect, useState } from "preact/hooks";
import * as api from "./api";
import { Icon } from "./parts/icon";
import { CallPage } from "./pages/call";
import { CallsPage } from "./pages/calls";
import { KeysPage } from "./pages/keys";
import { PhonePage } from "./pages/phone";
import { SettingsPage } from "./pages/settings";
import { SignInPage } from "./pages/signin";
import { Link, go, usePath } from "./router";
import type { Offer, Session } from "./types";

export function App() {
  const path = usePath();
  const [session, setSession] = useState<Session | null | undefined>(undefined);
  const [offer, setOffer] = useState<Offer | null>(null);

  useEffect(() => {
    api.whenSignedOut(() => setSession(null));
    api.session().then(setSession, () => setSession(null));
  }, []);
  useEffect(() => {
    if (session) api.offer().then(setOffer, () => setOffer(null));
  }, [session?.account_id]);
  const refresh = useCallback(() => {
    api.session().then(setSession, () => undefined);
  }, []);

  if (session === undefined) return <div class="booting" role="status" aria-label="Loading" />;
  if (session === null || path === "/sign-in") {
    return <SignInPage onEnter={(entered) => { setSession(entered); if (path === "/sign-in") go("/", true); }} />;
  }
  const leave = () => {
    api.signOut().finally(() => {
      setSession(null);
      go("/", true);
    });
  };
  const canPhone = offer?.lines.some((line) => line.name === "browser") ?? false;
  return (
    <>
      <a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <Link href="/" class="brand">
          <img src="/favicon.svg" alt="" width="28" height="28" />
          <span>agentphone</span>
        </Link>
        <nav aria-label="Pages">
          <Link href="/" current={path === "/" || path.startsWith("/call/")}><Icon name="calls" /> Calls</Link>
          {canPhone && <Link href="/phone" current={path === "/phone"}><Icon name="phone" /> Phone</Link>}
          <Link href="/keys" current={path === "/keys" || path === "/billing"}><Icon name="key" /> Keys & credits</Link>
          {session.admin && <Link href="/settings" current={path === "/settings"}><Icon name="settings" /> Settings</Link>}
        </nav>
        <div class="me">
          <span class="credits" title="Credits left; a call costs one">
            {session.test ? "test key" : <><strong>{session.credits_remaining}</strong> credits</>}
          </span>
          <button type="button" class="quiet" onClick={leave}>Sign out</button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <Page path={path} session={session} offer={offer} refresh={refresh} />
      </main>
    </>
  );
}

interface PageProps {
  path: string;
  session: Session;
  offer: Offer | null;
  refresh: () => void;
}

function Page({ path, session, offer, refresh }: PageProps) {
  const call = /^\/call\/(cl_[0-9a-z]+)$/.exec(path)?.[1];
  if (call) return <CallPage id={call} key={call} onEnded={refresh} />;
  switch (path) {
    case "/":
      return <CallsPage offer={offer} onCreated={refresh} />;
    case "/phone":
      return <PhonePage />;
    case "/keys":
    case "/billing":
      return <KeysPage session={session} onCredits={refresh} />;
    case "/settings":
      return <SettingsPage />;
    default:
      return (
        <section class="card message">
          <h1>There is nothing here</h1>
          <p>The address is wrong, or what was here is gone. <Link href="/">Go to your calls</Link></p>
        </section>
      );
  }
}
