//! How many calls a machine carries, and what each costs: on the real clock, over real sockets.
//!
//! The program runs as a process of its own (`twilio/engine.rs`), the rig in this one: telephones that call in over a carrier's
//! streams or by SIP and hold the dialogue of the workload again and again. A few calls first give the latency without load. What
//! the rig costs is told beside; a run in which the rig itself was late, or anything was dropped, is not valid and says why.

use std::{path::Path, time::Duration};

use serde::Serialize;

use self::{
    dialogue::{Outcome, Turn},
    load::{Load, rise},
    process::Measured,
    usage::usage,
};
use super::stats::Percentiles;
use crate::driver::clock;

mod dialogue;
pub mod endurance;
mod load;
mod phone;
mod process;
mod sip;
mod twilio;
pub mod usage;
pub mod workload;

use self::twilio::callee;
pub use self::twilio::engine;

/// The line that calls come over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// A carrier's media stream.
    Stream,
    /// SIP and RTP, without any carrier.
    Sip,
}

impl Carried {
    /// Returns the line's name as in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "twilio",
            Self::Sip => "sip",
        }
    }
}

/// Calls at once from which the latency without load is taken.
const BASELINE: usize = 2;
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The share of failed calls from which a run is not sustained.
const FAILED: f64 = 0.005;
/// How much the 95th percentile of the turn latency may rise over that without load.
const SLOWER: f64 = 1.25;
/// The share of its ticks that the rig may miss by a frame.
const RIG_LATE: f64 = 0.01;

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Over which line.
    pub line: Carried,
    /// Calls at once.
    pub calls: usize,
    /// How long the full load is measured.
    pub length: Duration,
    /// How many dialogues two callees hold one after another before, to know the latency without load.
    pub unloaded: usize,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Capacity {
    /// Over which line: `twilio` or `sip`.
    pub line: &'static str,
    /// Calls at once.
    pub calls: usize,
    /// How long the full load was measured, in seconds.
    pub seconds: f64,
    /// Processors that one call occupies, all of the program included.
    pub cores_per_call: f64,
    /// Megabytes that one call adds to the program.
    pub mb_per_call: f64,
    /// Megabytes of the program before the first call.
    pub idle_mb: f64,
    /// How late the 20 ms steps of all calls were carried out.
    pub late_frame_ms: Late,
    /// From a turn's last voiced frame to the first frame of the answer, as the callee's side of the stream sees it.
    pub turn_latency_ms: Percentiles,
    /// The same with two calls.
    pub unloaded_turn_latency_ms: Percentiles,
    /// Calls that were held to their end.
    pub completed: usize,
    /// Calls that failed.
    pub failed: usize,
    /// Why the first of them did.
    pub first_failure: Option<String>,
    /// Answers that came into a hesitation.
    pub cut_in: usize,
    /// Frames that the program dropped.
    pub dropped: u64,
    /// Processors that the rig occupied meanwhile.
    pub rig_cores: f64,
    /// The share of its ticks that the rig missed by a frame.
    pub rig_late_share: f64,
    /// Whether the load was sustained and the run can be believed.
    pub valid: bool,
    /// Why not.
    pub doubts: Vec<String>,
}

/// Percentiles of lateness, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Late {
    /// Of half of the frames.
    pub p50: Option<f64>,
    /// Of 99 of 100.
    pub p99: Option<f64>,
    /// Of 999 of 1000.
    pub p999: Option<f64>,
}

/// Runs the experiment; `program` is this program. `tell` hears what goes on.
///
/// # Errors
/// When the measured process does not start or breaks down; a sentence.
pub async fn run(
    program: &Path,
    options: &Options,
    tell: impl Fn(&str),
) -> Result<Capacity, String> {
    let mut measured = Measured::start(program, options.calls, options.line).await?;
    let turns: Vec<_> = workload::callee()?.iter().map(Turn::new).collect();
    let idle = usage(measured.id)?;
    let load = |most| Load::new(options.line, &measured.ready, &turns, most);

    tell("the latency without load");
    let unloaded = load(BASELINE * options.unloaded)?;
    unloaded.hold(BASELINE).await;
    let unloaded = unloaded.outcomes();

    tell("the load rises");
    let load = load(usize::MAX)?;
    let places = load.begin(options.calls);
    clock::sleep(rise(options.calls)).await;
    tell("full load");
    measured.ask().await?;
    let (rig, engine) = (usage(std::process::id())?, usage(measured.id)?);
    let from = clock::real();
    let mut megabytes = Vec::new();
    while clock::real() - from < options.length {
        clock::sleep(LOOK).await;
        megabytes.push(usage(measured.id)?.megabytes);
    }
    let seconds = (clock::real() - from).as_secs_f64();
    let said = measured.ask().await?;
    let cores = |before: usage::Usage, after: usage::Usage| {
        (after.processor.saturating_sub(before.processor)).as_secs_f64() / seconds
    };
    let cores_engine = cores(engine, usage(measured.id)?);
    let rig_cores = cores(rig, usage(std::process::id())?);
    load.end();
    for place in places {
        place.await.map_err(|error| error.to_string())?;
    }
    measured.stop().await?;

    let outcomes = load.outcomes();
    let mean = megabytes.iter().sum::<f64>() / megabytes.len().max(1) as f64;
    Ok(judge(Capacity {
        line: options.line.as_str(),
        calls: options.calls,
        seconds: (seconds * 10.0).round() / 10.0,
        cores_per_call: digits(cores_engine / options.calls as f64, 5),
        mb_per_call: digits((mean - idle.megabytes) / options.calls as f64, 3),
        idle_mb: digits(idle.megabytes, 1),
        late_frame_ms: Late {
            p50: said.late_p50_ms,
            p99: said.late_p99_ms,
            p999: said.late_p999_ms,
        },
        turn_latency_ms: gaps(&outcomes),
        unloaded_turn_latency_ms: gaps(&unloaded),
        completed: outcomes.iter().filter(|call| call.failed.is_none()).count(),
        failed: outcomes.iter().filter(|call| call.failed.is_some()).count(),
        first_failure: outcomes.iter().find_map(|call| call.failed.clone()),
        cut_in: outcomes.iter().map(|call| call.cut_in).sum(),
        dropped: said.dropped,
        rig_cores: digits(rig_cores, 3),
        rig_late_share: digits(rig_late(&outcomes), 4),
        valid: true,
        doubts: Vec::new(),
    }))
}

fn digits(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}

fn gaps(outcomes: &[Outcome]) -> Percentiles {
    Percentiles::of(outcomes.iter().flat_map(|call| call.gaps.iter().copied()))
}

fn rig_late(outcomes: &[Outcome]) -> f64 {
    let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>() as f64;
    sum(|call| call.late) / sum(|call| call.ticks).max(1.0)
}

/// Says whether a run can be believed.
fn judge(mut found: Capacity) -> Capacity {
    let all = found.completed + found.failed;
    let mut doubts = Vec::new();
    if all == 0 {
        doubts.push("No call came to its end; measure for longer.".to_owned());
    } else if found.failed as f64 / all as f64 >= FAILED {
        doubts.push(format!("{} of {all} calls failed.", found.failed));
    }
    if found.dropped > 0 {
        doubts.push(format!("{} frames were dropped.", found.dropped));
    }
    if found.rig_late_share > RIG_LATE {
        doubts.push("The rig itself was late; use a machine with more processors.".to_owned());
    }
    if let (Some(loaded), Some(unloaded)) = (
        found.turn_latency_ms.p95,
        found.unloaded_turn_latency_ms.p95,
    ) && loaded > unloaded * SLOWER
    {
        doubts.push(format!(
            "The turn latency rose from {unloaded:.0} to {loaded:.0} ms (p95)."
        ));
    }
    found.valid = doubts.is_empty();
    found.doubts = doubts;
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Capacity {
        let percentiles = Percentiles::of([Duration::from_millis(900)]);
        Capacity {
            line: "twilio",
            calls: 10,
            seconds: 60.0,
            cores_per_call: 0.001,
            mb_per_call: 0.2,
            idle_mb: 20.0,
            late_frame_ms: Late {
                p50: Some(0.1),
                p99: Some(1.0),
                p999: Some(3.0),
            },
            turn_latency_ms: percentiles,
            unloaded_turn_latency_ms: percentiles,
            completed: 400,
            failed: 1,
            first_failure: None,
            cut_in: 0,
            dropped: 0,
            rig_cores: 0.1,
            rig_late_share: 0.0,
            valid: false,
            doubts: Vec::new(),
        }
    }

    #[test]
    fn a_run_is_doubted_for_what_spoils_it() {
        assert!(judge(found()).valid);
        let spoiled: [fn(&mut Capacity); 5] = [
            |run| run.failed = 3,
            |run| run.dropped = 1,
            |run| run.rig_late_share = 0.02,
            |run| (run.completed, run.failed) = (0, 0),
            |run| run.turn_latency_ms = Percentiles::of([Duration::from_millis(1200)]),
        ];
        for spoil in spoiled {
            let mut run = found();
            spoil(&mut run);
            let run = judge(run);
            assert!(!run.valid && run.doubts.len() == 1, "{run:?}");
        }
    }
}
