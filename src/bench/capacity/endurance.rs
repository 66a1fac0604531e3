//! Whether memory stays what it is while calls come and go: many short dialogues, and the memory of the program after some, more,
//! and all of them.

use std::{path::Path, time::Duration};

use serde::Serialize;

use super::{
    Carried, dialogue::Turn, digits, load::Load, process::Measured, usage::usage, workload,
};
use crate::driver::clock;

/// Turns of the callee in a short dialogue: how the phone is picked up, which the agent answers with all that it opens with.
const TURNS: usize = 1;
/// At these shares of all calls memory is read; growth counts from the first.
const READ_AT: [f64; 4] = [0.05, 0.25, 0.5, 1.0];
/// How much memory may grow from the first reading to any later one, as a share of the first: readings of the same
/// calls differ by some per cent.
const GROWTH: f64 = 0.1;
/// The share of failed calls from which the run is not sustained.
const FAILED: f64 = 0.005;
/// How often it is looked how many calls have ended.
const LOOK: Duration = Duration::from_millis(100);
/// Readings of memory that are averaged, a second in all.
const READINGS: u32 = 10;

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Over which line.
    pub line: Carried,
    /// Calls at once.
    pub calls: usize,
    /// Calls in all.
    pub total: usize,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Endurance {
    /// Over which line.
    pub line: &'static str,
    /// Calls at once.
    pub calls: usize,
    /// Calls in all.
    pub total_calls: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Megabytes of the program before the first call.
    pub idle_mb: f64,
    /// Resident memory of the program, with so many calls at once, after so many had ended.
    pub memory_mb: Vec<Reading>,
    /// From the first reading to the highest of the others, in megabytes.
    pub growth_mb: f64,
    /// How much it may be.
    pub growth_limit_mb: f64,
    /// Calls that failed.
    pub failed: usize,
    /// Why the first of them did.
    pub first_failure: Option<String>,
    /// Frames that the program dropped.
    pub dropped: u64,
    /// Whether memory stayed what it was, and the calls were held.
    pub valid: bool,
    /// Why not.
    pub doubts: Vec<String>,
}

/// The memory at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reading {
    /// Calls that had ended.
    pub ended: usize,
    /// Megabytes.
    pub mb: f64,
}

/// Runs the experiment; `program` is this program. `tell` hears what goes on.
///
/// # Errors
/// When the measured process does not start or breaks down; a sentence.
pub async fn run(
    program: &Path,
    options: &Options,
    tell: impl Fn(&str),
) -> Result<Endurance, String> {
    let mut measured = Measured::start(program, options.calls, options.line).await?;
    let turns: Vec<_> = workload::callee()?
        .iter()
        .take(TURNS)
        .map(Turn::new)
        .collect();
    let idle = usage(measured.id)?.megabytes;
    measured.ask().await?;
    let from = clock::real();
    // Those that begin beyond the total keep the number at once what it is until the last reading.
    let most = options.total + options.calls;
    let load = Load::new(options.line, &measured.ready, &turns, most)?;
    let places = load.begin(options.calls);
    let mut memory = Vec::new();
    for share in READ_AT {
        let ended = (share * options.total as f64).ceil() as usize;
        while load.ended() < ended {
            clock::sleep(LOOK).await;
        }
        let mut sum = 0.0;
        for _ in 0..READINGS {
            clock::sleep(LOOK).await;
            sum += usage(measured.id)?.megabytes;
        }
        let mb = digits(sum / f64::from(READINGS), 1);
        tell(&format!("{ended} calls ended, {mb} MB"));
        memory.push(Reading { ended, mb });
    }
    let seconds = (clock::real() - from).as_secs_f64();
    let said = measured.ask().await?;
    load.end();
    for place in places {
        place.await.map_err(|error| error.to_string())?;
    }
    measured.stop().await?;
    let outcomes = load.outcomes();
    Ok(judge(Endurance {
        line: options.line.as_str(),
        calls: options.calls,
        total_calls: options.total,
        seconds: digits(seconds, 1),
        idle_mb: digits(idle, 1),
        memory_mb: memory,
        growth_mb: 0.0,
        growth_limit_mb: 0.0,
        failed: outcomes.iter().filter(|call| call.failed.is_some()).count(),
        first_failure: outcomes.iter().find_map(|call| call.failed.clone()),
        dropped: said.dropped,
        valid: true,
        doubts: Vec::new(),
    }))
}

/// Says whether memory stayed what it was.
fn judge(mut found: Endurance) -> Endurance {
    let first = found.memory_mb.first().map_or(0.0, |reading| reading.mb);
    let later = found.memory_mb.iter().map(|reading| reading.mb);
    found.growth_mb = digits(later.fold(first, f64::max) - first, 1);
    found.growth_limit_mb = digits(first * GROWTH, 1);
    let mut doubts = Vec::new();
    if found.growth_mb > found.growth_limit_mb {
        doubts.push(format!(
            "Memory grew by {} MB, and {} are allowed.",
            found.growth_mb, found.growth_limit_mb
        ));
    }
    if found.failed as f64 / found.total_calls.max(1) as f64 >= FAILED {
        doubts.push(format!(
            "{} of {} calls failed.",
            found.failed, found.total_calls
        ));
    }
    if found.dropped > 0 {
        doubts.push(format!("{} frames were dropped.", found.dropped));
    }
    found.valid = doubts.is_empty();
    found.doubts = doubts;
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(mb: [f64; 4]) -> Endurance {
        let at = [1_000, 5_000, 10_000, 20_000];
        Endurance {
            line: "sip",
            calls: 200,
            total_calls: 20_000,
            seconds: 900.0,
            idle_mb: 30.0,
            memory_mb: at
                .into_iter()
                .zip(mb)
                .map(|(ended, mb)| Reading { ended, mb })
                .collect(),
            growth_mb: 0.0,
            growth_limit_mb: 0.0,
            failed: 3,
            first_failure: None,
            dropped: 0,
            valid: true,
            doubts: Vec::new(),
        }
    }

    #[test]
    fn memory_that_grows_fails_the_run() {
        let flat = judge(found([100.0, 104.0, 99.0, 103.0]));
        assert!(flat.valid, "{flat:?}");
        assert_eq!((flat.growth_mb, flat.growth_limit_mb), (4.0, 10.0));
        // A hill counts, even if it is gone at the end.
        for grown in [[100.0, 101.0, 105.0, 111.0], [100.0, 130.0, 100.0, 100.0]] {
            let grown = judge(found(grown));
            assert!(!grown.valid && grown.doubts.len() == 1, "{grown:?}");
        }
        let mut lossy = found([100.0; 4]);
        (lossy.failed, lossy.dropped) = (100, 1);
        assert_eq!(judge(lossy).doubts.len(), 2);
    }
}
