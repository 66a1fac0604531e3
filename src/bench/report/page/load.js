/* What calls cost on the real clock, while many are held and over many more. */
const believed = doubts => content.append(el("p", doubts.length ? { class: "missed" } : {}, doubts.length ? `The run cannot be believed. ${doubts.join(" ")}` : "The run can be believed."));

if (R.capacity) {
  const C = R.capacity;
  section("Capacity", `${C.calls} calls at once over ${C.line}, for ${C.seconds} s.`);
  believed(C.doubts);
  bars("capacity");
  part("Beside");
  const of = turn => `${whole(turn.p50)} / ${whole(turn.p95)} ms of ${turn.count}`;
  table(["", ""], [
    ["calls held to their end, and that failed", `${C.completed}, ${C.failed}`],
    ["memory before the first call", `${C.idle_mb} MB`],
    ["lateness of outgoing frames p50 / p99 / p99.9", `${tenth(C.late_frame_ms.p50)} / ${tenth(C.late_frame_ms.p99)} / ${tenth(C.late_frame_ms.p999)} ms`],
    ["turn latency p50 / p95", of(C.turn_latency_ms)],
    ["the same with two calls", of(C.unloaded_turn_latency_ms)],
    ["processors that the rig occupied", C.rig_cores],
    ["steps that the rig missed by a frame", percent(C.rig_late_share)]]);
  documents("capacity");
}

if (R.endurance) {
  const M = R.endurance;
  section("Memory over many calls", `${M.total_calls} short calls over ${M.line}, ${M.calls} at once, in ${whole(M.seconds)} s.`);
  believed(M.doubts);
  bars("endurance");
  part("Beside");
  table(["", ""], [
    ["memory before the first call", `${M.idle_mb} MB`],
    ...M.memory_mb.map(at => [`memory after ${at.ended} calls had ended`, `${at.mb} MB`]),
    ["calls that failed", M.failed]]);
  documents("endurance");
}
