/* The sections: one for each experiment that was run. */
const R = N.report;
document.getElementById("about").textContent = `agentphone ${R.version}` + (R.audio
  ? `, seed ${R.seed}, ${R.size} trials a group, ${spaced(R.part)} part; ` +
    `${R.audio.recordings} recordings, SHA-256 ${R.audio.hash.slice(0, 16)}…. Played on the virtual clock: the same seed gives the same figures again; only times of computing are this machine's.`
  : ". Measured on the real clock: the figures are this machine's, and of what else it had to do.");

if (R.end_of_turn) {
  const E = R.end_of_turn;
  const row = (name, f) => [name, f.turns, f.pauses, percent(f.cut_share), percent(f.entity_cut_share), whole(f.delay_ms.p50), whole(f.delay_ms.p90), whole(f.delay_ms.p95)];
  section("Ends of turn", "When the agent takes its turn: whether it cuts into pauses, and how long it waits after true ends.");
  bars("end_of_turn");
  part("Figures");
  table(["", "turns", "pauses", "cut", "of entities", "delay p50", "p90", "p95 ms"], [
    row("all", E), ...Object.entries(E.by_group).map(([name, f]) => row(name, f)),
    ...E.fixed_silence.map(p => row(`fixed silence of ${p.setting} ms`, p)),
    ...Object.entries(E.rivals).map(([name, f]) => row(name, f))], { strong: true });
  content.append(el("p", {}, `Felt silence on the wire: p50 ${whole(R.felt_silence_ms.p50)} ms, p95 ${whole(R.felt_silence_ms.p95)} ms, of ${R.felt_silence_ms.count} turns.`));
  part("Delay against error");
  const curve = (points, which) => points.map(p => [none(p.cut_share) ? null : 100 * p.cut_share, p.delay_ms[which], `${p.setting}: ${percent(p.cut_share)} cut, ${whole(p.delay_ms[which])} ms`]);
  for (const which of ["p50", "p90"]) plot({
    x: "mid-turn pauses cut, %", y: `delay ${which}, ms`, yMax: 2500, target: [3, which === "p50" ? 350 : 900], series: [
      { name: "engine, patience turned", color: "var(--a)", points: curve(E.curve, which) },
      { name: "fixed silence turned", color: "var(--b)", points: curve(E.fixed_curve, which) },
      { name: "rivals' default timers", color: "var(--d)", dots: true, points: Object.entries(E.rivals).map(([name, f]) => [none(f.cut_share) ? null : 100 * f.cut_share, f.delay_ms[which], `${name}: ${percent(f.cut_share)} cut, ${whole(f.delay_ms[which])} ms`]) }],
    caption: `Lower and further left is better; green is the bar. ${which === "p50" ? "Half" : "Nine tenths"} of the turns are answered within the delay. Delays of more than 2500 ms are drawn there.` });
  const pair = delays => none(delays) ? "–" : delays.map(whole).join(" / ");
  table(["at most cut", "engine p50 / p90 ms", "best fixed silence p50 / p90 ms", "p50 over p50"], E.compared.map(row => [percent(row.cut_share), pair(row.engine_ms), pair(row.fixed_ms),
    row.engine_ms && row.fixed_ms ? (row.engine_ms[0] / row.fixed_ms[0]).toFixed(2) : "–"]));
  part("Pauses by what surrounds them");
  table(["", "pauses", "cut"], Object.entries(E.cut_by_pause).map(([name, s]) => [spaced(name), s.count, percent(s.share)]));
  part("Delays");
  histogram({ values: N.turns.map(turn => turn.delay), step: 50, max: 2500, x: "delay, ms", caption: "From the true end to the decision." });
  histogram({ values: N.turns.map(turn => turn.felt).filter(felt => !none(felt)), step: 50, max: 2500, x: "felt silence, ms", caption: "From the callee's last sound to the agent's first on the wire." });
  documents("end_of_turn");
}

if (R.barge_in) {
  const B = R.barge_in;
  section("Barge-in", "What happens when something is heard over the agent's speech: words that take the floor, a listener's words, coughs and noises, its own echo.");
  bars("barge_in");
  const all = [["all", B], ...Object.entries(B.by_kind), ...Object.entries(B.by_line).map(([name, f]) => [`line: ${name}`, f])];
  const some = (which, cells) => all.filter(([, f]) => f[which] > 0).map(([name, f]) => [name, f[which], ...cells(f)]);
  part("Words that take the floor");
  table(["", "trials", "missed", "talked over", "stop p50", "p90", "p95", "p99 ms"], some("interruptions", f => [
    percent(f.missed_share), percent(f.talked_over_share), whole(f.stop_ms.p50), whole(f.stop_ms.p90), whole(f.stop_ms.p95), whole(f.stop_ms.p99)]), { strong: true });
  histogram({ values: N.barge_in.filter(o => o.what === "interruption" && !none(o.stop)).map(o => o.stop), step: 10, max: 400, x: "stop, ms", caption: "From the callee's first voiced sample to the agent's last sound." });
  part("What shall not end the agent's turn");
  table(["", "trials", "ended", "paused", "resumed p50", "p95", "most ms", "lost p95", "most ms", "repeated p50", "p95 ms"], some("disturbances", f => [
    percent(f.backchannel_ended_share), percent(f.paused_share), whole(f.resumed_ms.p50), whole(f.resumed_ms.p95), whole(f.most_resumed_ms),
    whole(f.lost_ms.p95), whole(f.most_lost_ms), whole(f.repeated_ms.p50), whole(f.repeated_ms.p95)]), { strong: true });
  const disturbed = N.barge_in.filter(o => o.what === "disturbance");
  histogram({ values: disturbed.map(o => o.resumption).filter(value => !none(value)), step: 20, max: 800, x: "resumed, ms", caption: "From a disturbance's end, or the stop where that is later, to the agent's sound again." });
  histogram({ values: disturbed.flatMap(o => o.resumed.map(r => r.lost)), step: 5, max: 150, x: "lost, ms", caption: "Speech that was never sent although the agent went on." });
  histogram({ values: disturbed.flatMap(o => o.resumed.map(r => r.repeated)), step: 5, max: 150, x: "repeated, ms", caption: "Speech that was sent twice." });
  part("The agent's own echo");
  const echoes = N.barge_in.filter(o => o.what === "echo");
  const echoRow = (name, chosen) => [name, chosen.length, chosen.filter(o => o.paused).length, chosen.filter(o => o.ended).length];
  const levels = [[-10, -20], [-20, -30], [-30, -41]].map(([loud, faint]) => echoRow(`${loud} to ${Math.max(faint, -40)} dB`, echoes.filter(o => o.echo <= loud && o.echo > faint)));
  const lines = [...new Set(echoes.map(o => o.line))].sort().map(line => echoRow(`line: ${line}`, echoes.filter(o => o.line === line)));
  table(["", "trials", "paused", "ended"], [echoRow("all", echoes), ...levels, ...lines].filter(row => row[1] > 0 || row[0] === "all"), { strong: true });
  documents("barge_in");
}

if (R.speech) {
  for (const [recogniser, S] of Object.entries(R.speech)) {
    section(`Speech: ${recogniser}`, "How many words are misheard on a telephone, and how late words come.");
    bars("speech");
    const row = (name, f) => [name, f.utterances, f.words, percent(f.wer), whole(f.partial_ms.p50), tenth(f.final_ms.p50), tenth(f.final_ms.p95)];
    part("Figures");
    table(["", "utterances", "words", "misheard", "partial p50 ms", "final p50", "p95 ms"], [row("all", S),
      ...Object.entries(S.sets).map(([name, f]) => row(name, f)), ...Object.entries(S.speakers).map(([name, f]) => row(`speaker: ${name}`, f))], { strong: true });
    const mine = N.speech.filter(said => said.recogniser === recogniser);
    histogram({ values: mine.flatMap(said => said.final_ms), step: 5, max: 200, x: "final words, ms", caption: "From the flush that ends a stretch to its words, computing on this machine." });
    const faulty = mine.filter(said => said.faults > 0).sort((a, b) => b.faults - a.faults);
    part(`Misheard: ${faulty.length} of ${mine.length} utterances`);
    content.append(el("p", { class: "note" }, "Struck out: said and not heard so; underlined: heard instead. Worst first; any utterance is among the trials below."));
    table(["trial", "speaker", "words", "faults", "said and heard"], faulty.map(said => [said.trial, said.speaker, said.words, said.faults, compared(said.aligned)]), { words: true });
    documents("speech");
  }
}
/* Words as said and as heard: [said, heard] of each place; null where there is none. */
function compared(aligned) {
  const line = el("span");
  for (const [said, heard] of aligned) {
    if (said === heard) line.append(said, " ");
    else {
      if (!none(said)) line.append(el("del", {}, said), " ");
      if (!none(heard)) line.append(el("ins", {}, heard), " ");
    }
  }
  return line;
}

if (R.latency) {
  const L = R.latency;
  section("Latency", "What the engine itself adds between the stages, with services that answer at once.");
  bars("latency");
  part("Figures");
  const parts = [["engine_ms", "all of it, for each answer: from the decision that the callee has finished to the answer's first frame"],
    ["words_ms", "from the decision to the final words"], ["first_token_ms", "from the final words to the model's first text"],
    ["first_sound_ms", "from the first text to the voice's first sound"], ["wire_ms", "from the first sound to its first frame on the line"]];
  table(["", "answers", "p50", "p90", "p95", "p99 ms"], parts.map(([name, text]) => [el("span", {}, name, el("span", { class: "small" }, text)),
    L[name].count, ...["p50", "p90", "p95", "p99"].map(which => tenth(L[name][which]))]));
  histogram({ values: N.latency.map(answer => answer.engine_ms), step: 1, max: 40, x: "engine's own share, ms", caption: "What the engine adds to each answer." });
  documents("latency");
}
