// The pages against the running program, in a real Chromium. Started by `cargo test --test web`, which starts the program.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectingFailures, faults, inspect, launch, need, signIn, url, visitor } from "./browser.mjs";
import { silences, sounds } from "./recording.mjs";

const key = need("AGENTPHONE_KEY");
const strangersKey = need("AGENTPHONE_OTHER_KEY");
const link = need("AGENTPHONE_LINK");

/** Returns a file as the page gets it. */
async function fetched(page, path) {
  const bytes = await page.evaluate(async (path) => Array.from(new Uint8Array(await (await fetch(path)).arrayBuffer())), path);
  return Buffer.from(bytes);
}

let browser;
let page;
/** The address of the call that the first tests make. */
let call;

before(async () => {
  browser = await launch(need("AGENTPHONE_MICROPHONE"));
  page = await visitor(browser);
});
after(() => browser?.close());

test("somebody who is not signed in sees the door only", async () => {
  await page.goto(`${url}/keys`);
  await page.getByRole("heading", { name: "agentphone" }).waitFor();
  assert.equal(await page.getByRole("navigation").count(), 0);
  await inspect(page, "sign-in");
  await page.getByLabel("API key").fill("ak_live_nonsense");
  await expectingFailures(401, async () => {
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").filter({ hasText: "no API key" }).waitFor();
  });
});

test("the one-time link signs in, once", async () => {
  await page.goto(link);
  await page.getByRole("heading", { name: "Make a call" }).waitFor();
  assert.equal(page.url(), `${url}/`);
  const cookies = await page.context().cookies();
  assert.deepEqual(
    cookies.map(({ httpOnly, sameSite, path }) => ({ httpOnly, sameSite, path })),
    [{ httpOnly: true, sameSite: "Strict", path: "/" }],
  );
  const second = await visitor(browser);
  await expectingFailures(401, async () => {
    await second.goto(link);
    await second.getByRole("alert").filter({ hasText: "used before" }).waitFor();
  });
  await second.context().close();
});

test("mistakes are said beside their fields", async () => {
  await page.getByLabel("Number").fill("+1415");
  await expectingFailures(422, async () => {
    await page.getByRole("button", { name: "Call now" }).click();
    await page.locator("#to_phone_number-error").waitFor();
  });
  assert.equal(await page.getByLabel("Number").getAttribute("aria-invalid"), "true");
  assert.equal(await page.evaluate(() => document.activeElement.id), "to_phone_number");
  await page.getByText("More about the call").click();
  await page.getByLabel("Website").fill("no address");
  await page.getByLabel("Number").fill("+14155551234");
  await expectingFailures(422, async () => {
    await page.getByRole("button", { name: "Call now" }).click();
    await page.locator("#website-error").waitFor();
  });
  await page.getByLabel("Website").fill("");
  await page.getByLabel("Metadata").fill("no JSON");
  await page.getByRole("button", { name: "Call now" }).click();
  await page.locator("#metadata-error").filter({ hasText: "no JSON" }).waitFor();
  await page.getByLabel("Metadata").fill("");
  await page.getByLabel("At a voice mailbox").selectOption("Leave a message");
  await page.getByLabel("The message").fill("Please call us back.");
  await inspect(page, "calls-more");
  await page.getByText("More about the call").click();
});

test("a call is made, followed, heard and steered", async () => {
  await page.getByLabel("Who picks up").selectOption("cuts-in");
  await inspect(page, "calls");
  await page.getByRole("button", { name: "Call now" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/call\/cl_/);
  call = page.url();
  await page.locator(".partial").first().waitFor();
  await page.locator(".bubble.callee .heard").first().waitFor();
  await page.getByRole("button", { name: "Listen in" }).click();
  await page.getByRole("button", { name: "Listening" }).waitFor();
  await page.locator(".bubble.agent .heard").first().waitFor();
  await page.locator(".latency-bar .total").first().waitFor();
  // Cut off in mid-sentence: shown as interrupted, with what was not heard struck out.
  await page.locator(".bubble.cut").first().waitFor();
  await page.locator(".bubble.cut del").first().waitFor();
  await inspect(page, "call-live");
  // Another page of the same person joins as a listener, from the phone.
  const listener = await page.context().newPage();
  const sound = new Promise((resolve) => listener.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => {
    if (typeof payload !== "string" && payload.some((byte) => byte !== 0)) resolve();
  })));
  await listener.goto(`${url}/phone`);
  await listener.getByRole("button", { name: "Listen in" }).click();
  await listener.locator(".listened .bubble").first().waitFor();
  await listener.getByRole("button", { name: "Listening" }).waitFor();
  await sound;
  await inspect(listener, "phone-listening");
  await listener.close();
  await page.getByLabel("Words for the agent").fill("Accept any time before nine.");
  await page.getByRole("button", { name: "Guide only" }).click();
  await page.locator(".told").filter({ hasText: "the callee does not hear it" }).waitFor();
  await page.getByRole("button", { name: "Keys" }).click();
  await page.getByRole("button", { name: "hash" }).click();
  await page.locator(".note").filter({ hasText: "pressed #" }).waitFor();
});

test("after the call its sound and its outcome are there", async () => {
  await page.getByRole("heading", { name: "Recording and transcript" }).waitFor({ timeout: 40_000 });
  await page.locator(".canvas .head").waitFor();
  assert.ok((await page.locator(".said.agent").count()) >= 1);
  await page.locator(".said .badge").first().waitFor();
  const word = page.locator(".said.callee .word").nth(3);
  const at = Number(await word.getAttribute("data-ms")) / 1000;
  await word.click();
  const place = () => page.evaluate(() => document.querySelector("audio").currentTime);
  await page.waitForFunction((at) => document.querySelector("audio").currentTime > at + 0.2, at);
  assert.ok((await place()) < at + 4, `plays at ${await place()}, and not at ${at}`);
  await page.getByRole("button", { name: "Pause" }).click();
  const file = await fetched(page, `/api/v1/calls/${call.split("/").at(-1)}/recording`);
  for (const side of ["agent", "callee"]) {
    const places = await page.locator(`.said.${side} .word`).evaluateAll((words) =>
      words.filter((word) => /[a-z]/i.test(word.textContent)).map((word) => Number(word.dataset.ms)),
    );
    assert.ok(places.length > 5);
    // On a busy machine the words of a sentence can come too late for their place.
    const silent = places.filter((ms) => !sounds(file, side, ms, ms + 160));
    assert.ok(silent.length <= places.length / 4, `the ${side} says nothing at ${silent}, of ${places}`);
  }
  await inspect(page, "call-ended");
  const [saved] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "JSON" }).click(),
  ]);
  assert.match(saved.suggestedFilename(), /^cl_.*\.json$/);
});

test("a stranger sees nothing of it", async () => {
  const stranger = await visitor(browser);
  await signIn(stranger, strangersKey);
  assert.equal(await stranger.locator(".row").count(), 0);
  await expectingFailures(404, async () => {
    await stranger.goto(call);
    await stranger.getByRole("heading", { name: "No such call" }).waitFor();
  });
  const id = call.split("/").at(-1);
  const seen = await expectingFailures(404, () =>
    stranger.evaluate(async (id) => {
      const paths = [`/api/v1/calls/${id}`, `/api/v1/calls/${id}/recording`, `/api/v1/calls/${id}/live`];
      return Promise.all(paths.map((path) => fetch(path).then((response) => response.status)));
    }, id),
  );
  assert.deepEqual(seen, [404, 404, 404]);
  // Without the token of the session nothing can be changed, whatever cookies are sent.
  const forged = await expectingFailures(403, () =>
    stranger.evaluate(() => fetch("/api/v1/calls", { method: "POST", body: "{}" }).then((response) => response.status)),
  );
  assert.equal(forged, 403);
  await stranger.getByRole("button", { name: "Sign out" }).click();
  await stranger.getByLabel("API key").waitFor();
  assert.deepEqual(await stranger.context().cookies(), []);
  await stranger.context().close();
});

test("keys are made, shown once and revoked", async () => {
  await page.getByRole("link", { name: "Calls", exact: true }).click();
  await page.locator(".row").filter({ hasText: "Nopa" }).first().waitFor();
  await inspect(page, "calls-list");
  await page.getByRole("link", { name: "Keys & credits" }).click();
  await page.getByRole("cell", { name: "Free credits of a new account" }).waitFor();
  await page.getByRole("cell", { name: "Call" }).first().waitFor();
  await page.getByText("Make a key").click();
  await page.getByRole("textbox", { name: "Name" }).fill("laptop");
  await page.getByLabel("It works").selectOption("For 30 days");
  await page.getByRole("button", { name: "Make the key" }).click();
  const made = await page.locator(".made code").textContent();
  assert.match(made, /^ak_live_[0-9a-z]{32}$/);
  await inspect(page, "keys");
  await page.getByRole("button", { name: "Done" }).click();
  assert.equal(await page.getByText(made).count(), 0);
  const row = page.locator(".row").filter({ hasText: "laptop" });
  await row.getByText("until").waitFor();
  await row.getByRole("button", { name: "Revoke" }).click();
  await row.getByRole("button", { name: "Revoke now" }).click();
  await row.getByText("revoked").waitFor();
  // Back from the payment service, which has not told of the payment yet.
  await page.goto(`${url}/billing?session_id=cs_nobody`);
  await page.getByRole("status").filter({ hasText: "as soon as the payment is confirmed" }).waitFor();
  await page.getByRole("link", { name: "Keys & credits" }).click();
});

test("settings say what is in use", async () => {
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByText("speech to text").waitFor();
  for (const subject of ["configuration", "data folder", "disk space", "open files", "clock", "public url"]) {
    await page.getByText(subject, { exact: true }).waitFor();
  }
  await inspect(page, "settings");
});

test("a call rings in the page, is answered, talked over and hung up", async () => {
  let answers = 0;
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => {
    if (String(payload).startsWith('{"type":"answer"')) answers += 1;
  }));
  await page.getByRole("link", { name: "Phone", exact: true }).click();
  await page.getByText("Ready.").waitFor();
  await page.getByLabel("What it should accomplish").fill("Book a table for 2 at 7pm tonight under the name Lee");
  await page.getByRole("button", { name: "Call me here" }).click();
  await page.getByRole("button", { name: "Answer" }).waitFor();
  await inspect(page, "phone-ringing");
  await page.getByRole("button", { name: "Answer" }).click();
  await page.locator('[data-media="connected"]').waitFor();
  // The agent's voice reaches the page: its level is drawn.
  await page.waitForFunction(() => {
    const scale = /scaleX\(([0-9.]+)\)/.exec(document.querySelector(".meter span")?.style.transform ?? "");
    return scale !== null && Number(scale[1]) > 0.05;
  });
  assert.equal(answers, 1);
  // Another network: a new way is looked for, and the call goes on.
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await page.locator(".bubble.callee .heard").first().waitFor();
  await page.locator(".bubble.cut").first().waitFor();
  assert.equal(answers, 2);
  await page.locator('[data-media="connected"]').waitFor();
  await inspect(page, "phone-talking");
  await page.getByRole("button", { name: "Hang up" }).click();
  await page.getByText("You hung up.").waitFor();
  await page.getByRole("link", { name: "See the call" }).click();
  await page.getByRole("heading", { name: "Recording and transcript" }).waitFor();
  const id = page.url().split("/").at(-1);
  const { data } = await page.evaluate((id) => fetch(`/api/v1/calls/${id}`).then((answer) => answer.json()), id);
  assert.equal(data.line, "browser");
  assert.equal(data.end_reason, "callee_hung_up");
  const callee = data.turns.filter((turn) => turn.speaker === "callee").map((turn) => turn.text).join(" ");
  assert.match(callee, /hello|nopa|help you/, "the agent heard what the microphone said");
  const cut = data.turns.find((turn) => turn.speaker === "agent" && turn.interrupted);
  assert.ok(cut, "the agent was cut off");
  // On the clock of the wire: from when the callee begins to talk over the agent until the agent is silent.
  const stops = silences(await fetched(page, `/api/v1/calls/${id}/recording`), cut.started_ms);
  console.log(`the agent was silent ${stops.agentSilent - stops.calleeSpeaks} ms after the callee spoke over it`);
  assert.ok(stops.agentSilent - stops.calleeSpeaks < 500, JSON.stringify(stops));
});

test("nothing went wrong in any page", () => {
  assert.deepEqual(faults, []);
  assert.notEqual(key, strangersKey);
});
