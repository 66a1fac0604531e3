/* What sections are made of: elements, numbers in words, tables, curves, histograms. */
const SVG = ["svg", "g", "path", "line", "rect", "circle", "text", "polyline", "title"];
const el = (name, attrs = {}, ...children) => {
  const node = SVG.includes(name) ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attrs)) node.setAttribute(key, value);
  node.append(...children.map(child => child instanceof Node ? child : String(child)));
  return node;
};
const none = value => value === null || value === undefined;
const percent = share => none(share) ? "–" : (100 * share).toFixed(1) + " %";
const whole = value => none(value) ? "–" : Math.round(value) + "";
const tenth = value => none(value) ? "–" : value.toFixed(1);
const spaced = name => name.replaceAll("_", " ");
const content = document.getElementById("content");

function section(title, note) {
  content.append(el("h2", {}, title));
  if (note) content.append(el("p", { class: "note" }, note));
}
const part = title => content.append(el("h3", {}, title));
/* The first row of `rows` is of everything, if `strong`. Rows are cells. */
function table(head, rows, { strong = false, words = false } = {}) {
  const body = rows.map((row, index) => el("tr", strong && index === 0 ? { class: "strong" } : {}, ...row.map(cell => el("td", {}, cell))));
  const made = el("table", words ? { class: "words" } : {}, el("thead", {}, el("tr", {}, ...head.map(cell => el("th", {}, cell)))), el("tbody", {}, ...body));
  content.append(el("div", { class: "wide" }, made));
  return made;
}

/* A plot with axes: x in per cent on a scale of square roots, so that few per cent have room and all have a place; y up to
   `yMax`. `series` are {name, color, points: [[x, y, label]…], dots}, `target` the corner that shall be reached. */
function plot({ x, y, yMax, series, target, caption }) {
  const [W, H, L, B, T] = [760, 330, 55, 40, 12];
  const sx = value => L + (W - L - 10) * Math.sqrt(value / 100);
  const sy = value => T + (H - T - B) * (1 - Math.min(value / yMax, 1));
  const svg = el("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": caption });
  svg.append(el("rect", { x: L, y: sy(target[1]), width: sx(target[0]) - L, height: H - B - sy(target[1]), fill: "var(--c)", opacity: .18 },
    el("title", {}, `the bar: at most ${target[0]} % cut and ${target[1]} ms`)));
  for (let i = 0; i <= 5; i++) {
    const value = yMax * i / 5;
    svg.append(el("line", { x1: L, x2: W - 10, y1: sy(value), y2: sy(value), stroke: "var(--line)" }));
    svg.append(el("text", { x: L - 6, y: sy(value) + 4, "text-anchor": "end" }, value));
  }
  for (const value of [0, 1, 3, 5, 10, 20, 30, 40, 60, 80, 100]) svg.append(el("text", { x: sx(value), y: H - B + 16, "text-anchor": "middle" }, value));
  svg.append(el("text", { x: (W + L) / 2, y: H - 6, "text-anchor": "middle" }, x));
  svg.append(el("text", { x: 14, y: H / 2, transform: `rotate(-90 14 ${H / 2})`, "text-anchor": "middle" }, y));
  series.forEach(({ name, color, points, dots }, index) => {
    const shown = points.filter(([px, py]) => !none(px) && !none(py));
    if (!dots) svg.append(el("polyline", { points: shown.map(([px, py]) => `${sx(px)},${sy(py)}`).join(" "), fill: "none", stroke: color, "stroke-width": 2 }));
    shown.forEach(([px, py, label]) => svg.append(el("circle", { cx: sx(px), cy: sy(py), r: dots ? 4 : 2.5, fill: color }, el("title", {}, label))));
    svg.append(el("rect", { x: W - 230, y: T + 4 + index * 17, width: 10, height: 10, fill: color }));
    svg.append(el("text", { x: W - 215, y: T + 13 + index * 17 }, name));
  });
  content.append(el("figure", {}, svg, el("figcaption", {}, caption)));
}

/* Bars of `step` from 0; the last one holds all that is longer. */
function histogram({ values, step, max, x, caption }) {
  if (!values.length) {
    content.append(el("p", { class: "note" }, `Nothing to draw: ${caption}`));
    return;
  }
  const bins = Array(Math.ceil(max / step)).fill(0);
  values.forEach(value => bins[Math.min(Math.floor(value / step), bins.length - 1)]++);
  const [W, H, L, B] = [760, 200, 55, 36];
  const top = Math.max(...bins);
  const svg = el("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": caption });
  svg.append(el("line", { x1: L, x2: W - 10, y1: H - B, y2: H - B, stroke: "var(--line)" }));
  const every = Math.ceil(bins.length / 10);
  bins.forEach((count, index) => {
    const [left, width] = [L + (W - L - 10) * index / bins.length, (W - L - 10) / bins.length - 1];
    const height = (H - B - 12) * count / top;
    const last = index === bins.length - 1;
    const range = last ? `${index * step} and more` : `${index * step} to ${(index + 1) * step}`;
    svg.append(el("rect", { x: left, y: H - B - height, width, height, fill: "var(--a)" }, el("title", {}, `${range}: ${count}`)));
    if (index % every === 0) svg.append(el("text", { x: left, y: H - B + 16, "text-anchor": "middle" }, index * step));
  });
  svg.append(el("text", { x: (W + L) / 2, y: H - 4, "text-anchor": "middle" }, x));
  svg.append(el("text", { x: L - 6, y: 18, "text-anchor": "end" }, top));
  content.append(el("figure", {}, svg, el("figcaption", {}, `${caption} ${values.length} in all; the last bar holds all longer ones.`)));
}

/* How far the run is from every bar of an experiment. */
const UNITS = {
  ms: value => `${+value.toFixed(1)} ms`, share: value => `${+(100 * value).toFixed(2)} %`, ratio: value => `${+value.toFixed(2)} times`,
  count: value => `${value}`, cores: value => `${+value.toFixed(5)} processors`, megabytes: value => `${+value.toFixed(3)} MB`,
};
function bars(experiment) {
  const mine = R.bars.filter(bar => bar.experiment === experiment);
  if (!mine.length) return;
  const met = mine.filter(bar => bar.met).length;
  part(`Bars: ${met} of ${mine.length} met`);
  if (R.part === "tuning") content.append(el("p", { class: "note" }, "These recordings are those that the engine is tuned on: what is met here is not met for that reason yet."));
  const rows = mine.map(bar => {
    const show = UNITS[bar.unit];
    const name = el("span", {}, bar.name);
    if (bar.note) name.append(el("span", { class: "small" }, bar.note));
    const verdict = bar.met ? "met" : bar.met === null ? "not decided" : none(bar.missed_by) ? "missed" : `missed by ${show(bar.missed_by)}`;
    return [name, `${bar.limit === "below" ? "<" : "≤"} ${show(bar.bound)}`, none(bar.measured) ? "–" : show(bar.measured), none(bar.count) ? "" : bar.count,
      el("span", { class: bar.met ? "met" : bar.met === null ? "open" : "missed" }, verdict)];
  });
  table(["", "bar", "measured", "of", ""], rows).classList.add("bars");
}
/* What the documents say of an experiment: definitions, and what was tried. Both are ours, as HTML. */
function documents(experiment) {
  const notes = N.notes[experiment];
  if (!notes) return;
  const missed = R.bars.some(bar => bar.experiment === experiment && bar.met === false);
  for (const [title, html, open] of [["What the figures mean", notes.definitions, true], ["What was tried, and limits", notes.tried, missed]]) {
    if (none(html)) continue;
    const body = el("div", { class: "doc" });
    body.innerHTML = html;
    content.append(el("details", open ? { open: "" } : {}, el("summary", {}, title), el("p", { class: "note" }, `From ${notes.document}, where there is more.`), body));
  }
}
