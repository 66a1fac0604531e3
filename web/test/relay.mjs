// The browser phone where there is no direct way: all its sound goes through a real TURN server, which is killed and comes
// back in the middle of the call, as a network that changes. A person's recorded voice is the microphone. Started by
// `cargo test --test web`, which starts the program.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { faults, launch, need, url, visitor } from "./browser.mjs";

const key = need("AGENTPHONE_KEY");
const [port, folder] = [need("AGENTPHONE_TURN_PORT"), need("AGENTPHONE_TURN_FOLDER")];

let browser;
let page;
let turn;
/** The words of some weight that the microphone's voice says again and again. */
const READ_ALOUD = ["disposed", "young", "man", "might", "even", "have", "been", "made", "amiable", "himself"];
/** What the TURN servers logged. */
let log = "";

async function startTurn() {
  const nothingElse = ["-n", "--no-tls", "--no-dtls", "--no-cli", "--simple-log", "--log-file=stdout"];
  const here = ["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", `--listening-port=${port}`];
  const files = [`--userdb=${folder}/turn.db`, `--pidfile=${folder}/turn.pid`];
  const who = ["--lt-cred-mech", "--realm=agentphone", "--user=agent:s3cret"];
  turn = spawn("turnserver", [...nothingElse, ...here, ...files, ...who], { stdio: ["ignore", "pipe", "pipe"] });
  const ready = new Promise((resolve, reject) => {
    turn.once("error", () => reject(new Error("turnserver is missing; `scripts/setup test` installs it")));
    turn.once("exit", () => reject(new Error(`turnserver ended: ${log}`)));
    const read = (text) => {
      log += text;
      if (log.includes("IO method (admin thread)")) resolve();
    };
    turn.stdout.on("data", read);
    turn.stderr.on("data", read);
  });
  await ready;
}

async function killTurn() {
  const ended = once(turn, "exit");
  turn.kill("SIGKILL");
  await ended;
}

/** Asks the REST interface with the owner's key. */
async function ask(path, method = "GET") {
  const response = await fetch(`${url}/api/v1${path}`, { method, headers: { "x-api-key": key } });
  return (await response.json()).data;
}

/** The kinds of the two addresses between which the sound goes. */
function way() {
  return page.evaluate(async () => {
    const stats = [...(await globalThis.peers.at(-1).getStats()).values()];
    const used = stats.find((one) => one.type === "transport")?.selectedCandidatePairId;
    const pair = stats.find((one) => one.id === used);
    const address = (id) => stats.find((one) => one.id === id)?.candidateType;
    return pair && [address(pair.localCandidateId), address(pair.remoteCandidateId)];
  });
}

before(async () => {
  await startTurn();
  browser = await launch(need("AGENTPHONE_MICROPHONE"));
  page = await visitor(browser);
  // This page knows no way but the relay.
  await page.addInitScript(() => {
    globalThis.peers = [];
    globalThis.states = [];
    globalThis.offers = 0;
    globalThis.sockets = [];
    globalThis.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        globalThis.sockets.push(this);
      }
    };
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(options) {
        super({ ...options, iceTransportPolicy: "relay" });
        globalThis.peers.push(this);
        this.addEventListener("signalingstatechange", () => {
          if (this.signalingState === "have-local-offer") globalThis.offers += 1;
        });
        this.addEventListener("connectionstatechange", () => globalThis.states.push(this.connectionState));
      }
    };
  });
});
after(async () => {
  await browser?.close();
  if (turn?.exitCode === null) await killTurn();
});

test("the sound goes through the relay, both ways", async () => {
  await page.goto(need("AGENTPHONE_LINK"));
  await page.getByRole("link", { name: "Phone", exact: true }).click();
  await page.getByText("Ready.").waitFor();
  await page.getByRole("button", { name: "Call me here" }).click();
  await page.getByRole("button", { name: "Answer" }).click();
  await page.locator('[data-media="connected"]').waitFor();
  const [ours] = await way();
  assert.equal(ours, "relay");
  // The person is heard and understood: this voice is in none of the fixtures, so not every word of it is.
  await page.waitForFunction((read) => {
    const heard = [...document.querySelectorAll(".bubble.callee")].flatMap((one) => one.textContent.toLowerCase().split(/[^a-z]+/));
    return new Set(heard.filter((word) => read.includes(word))).size >= 3;
  }, READ_ALOUD);
  await page.waitForFunction(() => {
    const scale = /scaleX\(([0-9.]+)\)/.exec(document.querySelector(".meter span")?.style.transform ?? "");
    return scale !== null && Number(scale[1]) > 0.05;
  });
});

test("when the network changes another way is found, and the call goes on", async () => {
  await killTurn();
  log = "";
  await startTurn();
  // The old way is gone with the server that was it; the page notices, and offers again.
  await page.waitForFunction(() => globalThis.states.join(" ").endsWith("connected disconnected connected"));
  await page.locator('[data-media="connected"]').waitFor();
  assert.equal((await way())[0], "relay");
  assert.equal(await page.evaluate(() => globalThis.peers.length), 1, "the same connection");
  const heard = await page.locator(".bubble.callee").count();
  await page.waitForFunction((heard) => document.querySelectorAll(".bubble.callee .heard, .bubble.callee .partial").length > 0
    && document.querySelectorAll(".bubble.callee").length > heard, heard);
});

test("a page whose socket breaks keeps its call, and has it in hand again", async () => {
  const phones = () => page.evaluate(() => globalThis.sockets.filter((one) => one.url.endsWith("/phone")).length);
  const before = await phones();
  await page.evaluate(() => globalThis.sockets.filter((one) => one.url.endsWith("/phone")).at(-1).close());
  // It comes back, says by an offer which call it has, and gets an answer.
  await page.waitForFunction((before) => {
    const known = globalThis.sockets.filter((one) => one.url.endsWith("/phone"));
    return known.length > before && known.at(-1).readyState === WebSocket.OPEN;
  }, before);
  await page.waitForFunction(() => globalThis.offers > 2 && globalThis.peers.at(-1).signalingState === "stable");
  await page.locator('[data-media="connected"]').waitFor();
});

test("a key that is revoked ends the call that it has in a page", async () => {
  const [running] = (await ask("/calls?status=in_progress&limit=1"));
  assert.equal(running.line, "browser");
  const session = (await ask("/keys")).find((one) => one.revoked_at === null && one.scopes.includes("admin") && one.name.includes("browser"));
  await ask(`/keys/${session.key_id}`, "DELETE");
  await page.getByLabel("API key").waitFor();
  let call;
  do call = await ask(`/calls/${running.call_id}`);
  while (call.status === "in_progress");
  assert.equal(call.end_reason, "callee_hung_up");
  assert.equal(call.failure, null);
});

test("nothing went wrong in the page", () => {
  // That the session has ended is what was wanted.
  assert.deepEqual(faults.filter((fault) => !/status of 401|WebSocket/.test(fault)), []);
});
