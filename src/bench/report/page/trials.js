/* Any trial: what was true, what was heard, what the agent did, and what came of it. */
const NEVER = 5000;
const million = 1e6;
/* Per experiment what happened in a trial: a mark for the list, sentences, how bad it was, spans to draw, pauses that were cut. */
function ofTurns(trace, turns) {
  const ends = trace.labels.filter(([name]) => name.startsWith("turn"));
  const marks = turns.map(turn => {
    const cut = turn.pauses.filter(pause => pause.cut).length;
    return (cut ? "CUT, " : "") + (turn.delay >= NEVER ? "never answered" : `${whole(turn.delay)} ms`);
  });
  const spans = turns.length === ends.length ? turns.flatMap((turn, index) => {
    const end = ends[index][2];
    return [[end, end + turn.delay, turn.delay >= NEVER ? "never answered" : `delay ${whole(turn.delay)} ms`],
      ...(none(turn.felt) ? [] : [[end, end + turn.felt, `felt silence ${whole(turn.felt)} ms`]])];
  }) : [];
  return {
    group: turns[0].group, mark: marks.join("; "), spans,
    cuts: turns.flatMap(turn => turn.pauses.map(pause => pause.cut)),
    bad: Math.max(...turns.map(turn => turn.pauses.filter(pause => pause.cut).length * million + turn.delay)),
    story: turns.flatMap(turn => [`Said: “${turn.text}”.`,
      ...turn.pauses.map(pause => `A pause of ${whole(pause.length)} ms (${spaced(pause.kind)}): ${pause.cut ? "the agent cut in." : "waited out."}`),
      turn.delay >= NEVER ? "Nobody answered within 5 s." : `Answered ${whole(turn.delay)} ms after its true end` + (none(turn.felt) ? "; the agent's sound overlaps the end, or never came." : `, heard on the wire after ${whole(turn.felt)} ms.`)]),
  };
}
function ofBargeIn(trace, o) {
  const over = trace.labels.find(([name]) => name.startsWith("interruption") || name.startsWith("disturbance"));
  const [taken, quiet] = [o.what === "interruption", !o.paused];
  const sound = taken ? "An interruption" : o.what === "echo" ? `Nothing but the agent's own echo at ${tenth(o.echo)} dB` : `A disturbance (${o.kind})`;
  const lost = Math.max(0, ...o.resumed.map(r => r.lost));
  const state = taken
    ? (o.ended ? (o.resumed.length ? "talked over" : "gave way") : "MISSED")
    : (o.ended ? "ENDED" : quiet ? "went on" : o.what === "echo" ? "paused" : "paused and resumed");
  const spans = [];
  if (over && !none(o.stop)) spans.push([over[1], over[1] + o.stop, `stop ${whole(o.stop)} ms`]);
  if (over && !none(o.resumption)) {
    const from = Math.max(over[2], over[1] + (o.stop ?? 0));
    spans.push([from, from + o.resumption, `resumed ${whole(o.resumption)} ms`]);
  }
  return {
    group: o.group, spans, cuts: [],
    mark: state + (none(o.stop) ? "" : `, stop ${whole(o.stop)} ms`) + (none(o.resumption) ? "" : `, resumed ${whole(o.resumption)} ms`),
    bad: (taken !== o.ended ? 4 * million : taken && o.resumed.length ? 3 * million : o.what === "echo" && !quiet ? 2 * million : 0) + lost * 1000 + (o.resumption ?? 0) + (o.stop ?? 0),
    story: [`${sound}: ${{ "gave way": "the agent gave way", "talked over": "the agent gave way, but spoke on in between", MISSED: "the agent spoke to its end all the same", ENDED: "it ended the agent's turn",
      "went on": "the agent spoke on without falling silent" }[state] ?? "the agent fell silent and went on"}.`,
      none(o.stop) ? "No stop was measured." : `The agent's last sound came ${whole(o.stop)} ms after the first voiced sample.`,
      ...(none(o.resumption) ? [] : [`It was heard again ${whole(o.resumption)} ms after the disturbance's end or its own stop, whichever was later.`]),
      ...o.resumed.map(r => `When it went on, ${tenth(r.lost)} ms of its speech were lost and ${tenth(r.repeated)} ms repeated.`)],
  };
}
function ofSpeech(trace, said) {
  return {
    group: `${said.recogniser}: ${said.set}`, spans: [], cuts: [], bad: said.faults * 1000 + said.faults / Math.max(1, said.words),
    mark: said.faults ? `${said.faults} of ${said.words} words wrong` : "as said",
    story: [el("span", {}, "Said and heard: ", compared(said.aligned)), `Heard: “${said.heard}”.`, `Final words: ${said.final_ms.map(tenth).join(", ") || "none"} ms of computing after the flush.`],
  };
}
function ofLatency(trace, answers) {
  return {
    group: trace.id.replace(/ \d+$/, ""), spans: [], cuts: [], bad: Math.max(...answers.map(answer => answer.engine_ms)),
    mark: answers.map(answer => `${tenth(answer.engine_ms)} ms`).join(", "),
    story: answers.map((a, index) => `Answer ${index + 1}: ${tenth(a.engine_ms)} ms in all; words ${tenth(a.words_ms)}, first text ${tenth(a.first_token_ms)}, first sound ${tenth(a.first_sound_ms)}, wire ${tenth(a.wire_ms)} ms.`),
  };
}
function happened(trace) {
  const mine = list => list.filter(one => one.trial === trace.id);
  const [turns, over, said, answers] = [N.turns, N.barge_in, N.speech, N.latency].map(mine);
  const found = turns.length ? ofTurns(trace, turns) : over.length ? ofBargeIn(trace, over[0]) : said.length ? ofSpeech(trace, said[0])
    : answers.length ? ofLatency(trace, answers) : { group: trace.id.replace(/ \d+$/, ""), mark: "in no figure", story: ["Nothing of this trial is in the figures: the call did not come to it."], bad: 0, spans: [], cuts: [] };
  return { ...found, trace };
}

/* Envelopes are letters, 64 steps from silence to full scale, one every 10 ms. */
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
function timeline({ trace, spans, cuts }, zoom) {
  const end = Math.max(...trace.labels.map(label => label[2]), ...trace.events.map(event => event[0]), ...spans.map(span => span[1]),
    trace.start + 10 * Math.max(trace.agent.length, trace.callee.length)) + 200;
  const [W, L] = [1020 * zoom, 60];
  const sx = at => L + (W - L - 5) * at / end;
  const H = 196 + 14 * spans.length + 15 * trace.events.length;
  const svg = el("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "img", "aria-label": `Timeline of ${trace.id}` });
  const box = (from, to, y, height, attrs, title) => svg.append(el("rect", { x: sx(from), y, width: Math.max(1, sx(to) - sx(from)), height, ...attrs }, el("title", {}, title)));
  let pauses = 0;
  const begins = trace.labels.filter(([name]) => !name.startsWith("pause")).map(label => label[1]);
  trace.labels.forEach(([name, from, to]) => {
    if (name.startsWith("pause")) {
      const cut = cuts[pauses++];
      box(from, to, 22, 64, { fill: "var(--b)", opacity: cut ? .45 : .16 }, `${name}, ${to - from} ms${cut ? ", CUT" : ""}`);
    } else {
      box(from, to, 16, 5, { fill: "var(--dim)" }, name);
      const next = Math.min(W, ...begins.filter(begin => begin > from).map(sx));
      const room = Math.floor((next - sx(from)) / 6);
      svg.append(el("text", { x: sx(from), y: 12 }, name.length > room ? name.slice(0, room - 1) + "…" : name));
    }
  });
  for (const [name, envelope, middle, color] of [["callee", trace.callee, 52, "var(--c)"], ["agent", trace.agent, 118, "var(--a)"]]) {
    if (!envelope) continue;
    svg.append(el("text", { x: L - 6, y: middle + 4, "text-anchor": "end" }, name));
    let path = "";
    [...envelope].forEach((letter, index) => {
      const half = LETTERS.indexOf(letter) / 63 * 28;
      if (half > 0) path += `M${sx(trace.start + index * 10).toFixed(1)} ${(middle - half).toFixed(1)}v${(2 * half).toFixed(1)}`;
    });
    svg.append(el("path", { d: path, stroke: color, "stroke-width": Math.max(.8, (W - L) / end * 7) }));
  }
  trace.voice.forEach(([from, to]) => box(from, to, 83, 4, { fill: "var(--c)" }, `taken for voice, ${from} to ${to} ms`));
  const grain = end / zoom > 12000 ? 1000 : end / zoom > 4000 ? 500 : 200;
  for (let at = 0; at < end; at += grain) {
    svg.append(el("line", { x1: sx(at), x2: sx(at), y1: 150, y2: 154, stroke: "var(--dim)" }));
    svg.append(el("text", { x: sx(at), y: 166, "text-anchor": "middle" }, `${+(at / 1000).toFixed(1)} s`));
  }
  spans.forEach(([from, to, name], index) => {
    const y = 176 + 14 * index;
    box(from, to, y, 6, { fill: "var(--d)" }, name);
    svg.append(el("text", { x: sx(to) + 5, y: y + 7, style: "fill:var(--d)" }, name));
  });
  const colors = { speak: "var(--a)", final: "var(--c)", partial: "var(--dim)" };
  trace.events.forEach(([at, what, text], index) => {
    const y = 190 + 14 * spans.length + 15 * index;
    if (["speak", "pause", "resume", "cancel"].includes(what)) svg.append(el("line", { x1: sx(at), x2: sx(at), y1: 15, y2: 150, stroke: colors[what] ?? "var(--d)", "stroke-dasharray": "3 3" }, el("title", {}, `${what} ${text}`)));
    const late = sx(at) > W * .6;
    svg.append(el("text", { x: sx(at) + (late ? -4 : 4), y, "text-anchor": late ? "end" : "start", style: `fill:${colors[what] ?? "var(--d)"}` }, `${at} ms ${what} ${text}`));
  });
  return svg;
}

if (N.traces.length) {
  section("Any trial", "Above the callee: what is true, orange where a pause lies inside a turn, darker where it was cut. Green below the callee: what the engine took for voice. " +
    "Dashed: the agent begins, pauses, resumes, or its speech is cancelled. Heights are the square roots of the peaks of every 10 ms. Violet: what was measured. Times count from the start of the call, in a trial of speech from the utterance's first sample.");
  if (N.left_out) content.append(el("p", { class: "note" }, `${N.left_out} echo trials in which the agent never fell silent are left out here, to keep this file small; they are in the figures.`));
  const all = N.traces.map(happened);
  const groups = [...new Set(all.map(one => one.group))].sort();
  const choose = (label, options, changed) => {
    const made = el("select", { "aria-label": label }, ...options.map(([value, text]) => el("option", { value }, text)));
    made.addEventListener("change", changed);
    return made;
  };
  let shown = all;
  const place = el("div", { class: "scroll", tabindex: "0", "aria-label": "timeline" });
  const story = el("ul", { id: "story" });
  const trial = choose("trial", [], () => show());
  const group = choose("group", [["", "all groups"], ...groups.map(name => [name, name])], () => list());
  const order = choose("order", [["name", "by name"], ["worst", "worst first"]], () => list());
  const zoom = choose("zoom", [1, 2, 4, 8].map(times => [times, `${times} ×`]), () => show());
  const button = (text, act) => {
    const made = el("button", { type: "button" }, text);
    made.addEventListener("click", act);
    return made;
  };
  function show() {
    const one = shown[trial.selectedIndex];
    if (!one) return;
    place.replaceChildren(timeline(one, +zoom.value));
    story.replaceChildren(...one.story.map(line => el("li", {}, line)));
    history.replaceState(null, "", "#" + encodeURIComponent(one.trace.id));
  }
  function list(wanted) {
    shown = all.filter(one => !group.value || one.group === group.value);
    if (order.value === "worst") shown = [...shown].sort((a, b) => b.bad - a.bad);
    trial.replaceChildren(...shown.map(({ trace, mark }) => el("option", { value: trace.id }, `${trace.id} (${trace.line}) – ${mark}`)));
    trial.selectedIndex = Math.max(0, shown.findIndex(one => one.trace.id === wanted));
    show();
  }
  const step = by => {
    trial.selectedIndex = (trial.selectedIndex + by + shown.length) % shown.length;
    show();
  };
  content.append(
    el("div", { class: "controls" }, order, group, trial),
    el("div", { class: "controls" }, button("◀ Previous", () => step(-1)), button("Next ▶", () => step(1)),
      button("A random trial", () => { trial.selectedIndex = Math.floor(Math.random() * shown.length); show(); }), el("label", {}, "zoom ", zoom)),
    story, place);
  list(decodeURIComponent(location.hash.slice(1)));
}
