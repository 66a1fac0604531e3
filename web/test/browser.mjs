// A real Chromium, headless, and what all tests want of its pages: nothing fetched from elsewhere, no error in the console,
// no serious fault of accessibility.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const url = need("AGENTPHONE_URL");
const pictures = need("AGENTPHONE_SCREENSHOTS");
mkdirSync(pictures, { recursive: true });

export function need(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set; these tests are run by \`cargo test --test web\``);
  return value;
}

function executable() {
  const places = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = places.find((place) => place && existsSync(place));
  assert.ok(found, "Chromium is missing; `scripts/setup test` installs it");
  return found;
}

/** Starts the browser. Its microphone plays a file, once, from when a page asks for it. */
export function launch(microphone) {
  return chromium.launch({
    executablePath: executable(),
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--mute-audio",
      "--autoplay-policy=no-user-gesture-required",
      "--allow-loopback-in-peer-connection",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      `--use-file-for-fake-audio-capture=${microphone}%noloop`,
    ],
  });
}

/** What went wrong in any page, by itself. */
export const faults = [];

export async function visitor(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: "light", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(40_000);
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`page: ${error.stack ?? error}`));
  page.on("request", (request) => {
    if (new URL(request.url()).host !== new URL(url).host) faults.push(`fetched from elsewhere: ${request.url()}`);
  });
  return page;
}

/** Does what makes the browser say that a request failed, which is no fault then. */
export async function expectingFailures(status, work) {
  const before = faults.length;
  const result = await work();
  const own = faults.splice(before);
  faults.push(...own.filter((fault) => !fault.includes(`status of ${status}`)));
  return result;
}

export async function signIn(page, key) {
  await page.goto(`${url}/`);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
}

/** Looks for faults of accessibility, in light and in dark, takes a picture of each, and one on a phone. */
export async function inspect(page, name) {
  const wide = page.viewportSize();
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.evaluate(() => scrollTo(0, 0));
    await page.waitForTimeout(60);
    await page.screenshot({ path: `${pictures}/${name}-${scheme}.png` });
    // By the debugger, because the page's own policy forbids scripts from elsewhere.
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const serious = found.violations
      .filter((violation) => ["serious", "critical"].includes(violation.impact))
      .map((violation) => `${violation.id}: ${violation.nodes.map((node) => `${node.html}\n   ${node.failureSummary}`).join("\n   ")}`);
    assert.deepEqual(serious, [], `${name}, ${scheme}`);
  }
  await page.setViewportSize({ width: 375, height: 740 });
  await page.waitForTimeout(60);
  const spare = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await page.screenshot({ path: `${pictures}/${name}-phone.png` });
  assert.ok(spare <= 0, `${name} is ${spare} pixels too wide for a phone`);
  await page.setViewportSize(wide);
  await page.emulateMedia({ colorScheme: "light" });
}
