//! The bars of each experiment, and which of its figures each takes.

use std::collections::BTreeMap;

use super::{Bar, Unit};
use crate::bench::{
    barge_in::BargeIn,
    capacity::{Capacity, Carried, endurance::Endurance},
    end_of_turn::EndOfTurn,
    latency::Latency,
    speech::{EMBEDDED, Speech},
    turns::{Comparison, best},
};

/// The name of the experiment on ends of turn in a report.
pub const END_OF_TURN: &str = "end_of_turn";
/// The name of the experiment on barge-in.
pub const BARGE_IN: &str = "barge_in";
/// The name of the experiment on hearing.
pub const SPEECH: &str = "speech";
/// The name of the experiment on the engine's own share.
pub const LATENCY: &str = "latency";
/// The name of the experiment on what calls cost.
pub const CAPACITY: &str = "capacity";
/// The name of the experiment on memory over many calls.
pub const ENDURANCE: &str = "endurance";

/// The share of mid-turn pauses that may be cut for the delays to count.
const CUT: f64 = 0.03;
/// How many echo trials the bar on echo is about.
const ECHOES: usize = 1000;
/// Speech that may be passed over when the agent goes on, in milliseconds. The shortest word of all its speeches, an "a",
/// lasts longer (a test measures them), so that none is skipped.
pub const NO_WORD: f64 = 29.0;

/// The bars on ends of turn.
#[must_use]
pub fn end_of_turn(found: &EndOfTurn) -> Vec<Bar> {
    let paused = found.figures.cut_share.is_some();
    let point = best(&found.curve, CUT);
    let delay = |name, bound, measured: Option<f64>| {
        let bar = Bar::at_most(END_OF_TURN, name, Unit::Ms, bound, measured);
        match point {
            Some(point) => bar.of(point.figures.turns).noted(format!(
                "at patience {}, where {} of the pauses are cut",
                point.setting,
                share(point.figures.cut_share)
            )),
            None if paused => bar.unreached("no setting of patience cuts so few"),
            None => bar.undecided("no turn had a pause"),
        }
    };
    let delays = point.map(|point| point.figures.delay_ms);
    let mut bars = vec![
        delay("delay p50 at ≤ 3 % cut", 350.0, delays.and_then(|d| d.p50)),
        delay("delay p90 at ≤ 3 % cut", 900.0, delays.and_then(|d| d.p90)),
    ];
    bars.extend(found.compared.iter().map(|row| compared(row, paused)));
    let entity = found.cut_by_pause.get("entity");
    bars.push(
        Bar::at_most(
            END_OF_TURN,
            "pauses of entities cut, at patience 1",
            Unit::Share,
            0.02,
            found.figures.entity_cut_share,
        )
        .of(entity.map_or(0, |pauses| pauses.count)),
    );
    bars
}

fn compared(row: &Comparison, paused: bool) -> Bar {
    let ratio = |index: usize| {
        let (engine, fixed) = (row.engine_ms?[index], row.fixed_ms?[index]);
        (fixed > 0.0).then(|| (engine / fixed * 1000.0).round() / 1000.0)
    };
    let name = format!(
        "delay p50 over the best fixed silence's at ≤ {:.0} %",
        row.cut_share * 100.0
    );
    let bar = Bar::below(END_OF_TURN, name, Unit::Ratio, 0.5, ratio(0));
    match (row.engine_ms, row.fixed_ms) {
        (Some(engine), Some(fixed)) => bar.noted(format!(
            "{:.0} ms and {:.0} ms; p90 {:.0} and {:.0} ms",
            engine[0], fixed[0], engine[1], fixed[1]
        )),
        (None, _) if paused => bar.unreached("no setting of patience cuts so few"),
        (Some(_), None) => bar.undecided("no fixed silence up to 3 s cuts so few"),
        (None, _) => bar.undecided("no turn had a pause"),
    }
}

/// The bars on barge-in.
#[must_use]
pub fn barge_in(found: &BargeIn) -> Vec<Bar> {
    let figures = &found.figures;
    let bar = |name, unit, bound, measured| Bar::at_most(BARGE_IN, name, unit, bound, measured);
    let echo = bar(
        "echo trials in which the agent's turn was ended",
        Unit::Count,
        0.0,
        (figures.echo_trials > 0).then_some(figures.echo_ended as f64),
    )
    .of(figures.echo_trials);
    let few = figures.echo_ended == 0 && figures.echo_trials < ECHOES;
    vec![
        bar("stop p50", Unit::Ms, 100.0, figures.stop_ms.p50).of(figures.stop_ms.count),
        bar("stop p95", Unit::Ms, 180.0, figures.stop_ms.p95).of(figures.stop_ms.count),
        bar(
            "interruptions missed",
            Unit::Share,
            0.02,
            figures.missed_share,
        )
        .of(figures.interruptions),
        bar(
            "disturbances that ended the agent's turn",
            Unit::Share,
            0.03,
            figures.backchannel_ended_share,
        )
        .of(figures.disturbances),
        bar(
            "longest until the agent went on",
            Unit::Ms,
            500.0,
            figures.most_resumed_ms,
        )
        .of(figures.resumed_ms.count),
        bar(
            "most speech that was passed over",
            Unit::Ms,
            NO_WORD,
            figures.most_lost_ms,
        )
        .of(figures.lost_ms.count)
        .noted("every word of the agent's speeches is longer, so that none is skipped"),
        if few {
            echo.undecided("the bar is about 1,000 trials: --echoes 1000")
        } else {
            echo
        },
    ]
}

/// The bars on hearing; they are about the recogniser that comes with the program.
#[must_use]
pub fn speech(found: &BTreeMap<&'static str, Speech>) -> Vec<Bar> {
    let Some(embedded) = found.get(EMBEDDED) else {
        return Vec::new();
    };
    let wer = |name, set, bound, nothing: &str| {
        let figures = embedded.sets.get(set);
        let bar = Bar::at_most(SPEECH, name, Unit::Share, bound, figures.map(|f| f.wer));
        match figures {
            Some(figures) => bar.of(figures.words),
            None => bar.undecided(nothing),
        }
    };
    let finals = &embedded.total.final_ms;
    let bar = Bar::at_most(SPEECH, "final words p95", Unit::Ms, 60.0, finals.p95).of(finals.count);
    vec![
        wer(
            "words of phone-call sentences misheard",
            "phone",
            0.03,
            "no sentence was said",
        ),
        wer(
            "words of independent sentences misheard",
            "independent",
            0.25,
            "no recording came with a sentence: --audio",
        ),
        wer(
            "words of recordings misheard",
            "recordings",
            0.39,
            "there was no recording: --audio",
        ),
        match finals.p50 {
            Some(p50) => bar.noted(format!("computing on this machine; p50 {p50} ms")),
            None => bar,
        },
    ]
}

/// The bars on the engine's own share.
#[must_use]
pub fn latency(found: &Latency) -> Vec<Bar> {
    let engine = &found.engine_ms;
    let bar = |name, bound, measured| Bar::at_most(LATENCY, name, Unit::Ms, bound, measured);
    vec![
        bar("engine's own share p50", 5.0, engine.p50).of(engine.count),
        bar("engine's own share p99", 25.0, engine.p99).of(engine.count),
    ]
}

/// The bars on what a call costs.
#[must_use]
pub fn capacity(found: &Capacity) -> Vec<Bar> {
    let cores = if found.line == Carried::Sip.as_str() {
        0.002
    } else {
        0.0015
    };
    let bar = |name, unit, bound, measured| Bar::at_most(CAPACITY, name, unit, bound, measured);
    let (cost, memory) = (found.cores_per_call, found.mb_per_call);
    let late = found.late_frame_ms.p99;
    vec![
        bar("processors per call", Unit::Cores, cores, Some(cost)).of(found.calls),
        bar("memory per call", Unit::Megabytes, 0.3, Some(memory)).of(found.calls),
        bar("lateness of outgoing frames p99", Unit::Ms, 5.0, late),
        dropped(CAPACITY, found.dropped),
    ]
}

/// The bars on memory over many calls.
#[must_use]
pub fn endurance(found: &Endurance) -> Vec<Bar> {
    let (limit, growth) = (found.growth_limit_mb, found.growth_mb);
    vec![
        Bar::at_most(
            ENDURANCE,
            "growth of memory",
            Unit::Megabytes,
            limit,
            Some(growth),
        )
        .of(found.total_calls),
        dropped(ENDURANCE, found.dropped),
    ]
}

fn dropped(experiment: &'static str, frames: u64) -> Bar {
    let name = "frames dropped";
    Bar::at_most(experiment, name, Unit::Count, 0.0, Some(frames as f64))
}

fn share(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| Unit::Share.show(share))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::bench::{
        barge_in::{What, figures::tests::outcome},
        stats::Percentiles,
        turns::{Figures, Point, compare},
    };

    fn delays(p50: u64) -> Percentiles {
        Percentiles::of([Duration::from_millis(p50), Duration::from_millis(2 * p50)])
    }

    /// Points of a curve: setting, share of pauses cut, median delay.
    fn curve(points: &[(f64, f64, u64)]) -> Vec<Point> {
        let point = |(setting, cut, p50): &(f64, f64, u64)| Point {
            setting: *setting,
            figures: Figures {
                turns: 2,
                pauses: 100,
                cut_share: Some(*cut),
                entity_cut_share: Some(0.01),
                delay_ms: delays(*p50),
            },
        };
        points.iter().map(point).collect()
    }

    fn ends(engine: &[(f64, f64, u64)]) -> EndOfTurn {
        let (curve, fixed) = (
            curve(engine),
            curve(&[(500.0, 0.2, 535), (1600.0, 0.01, 1635)]),
        );
        EndOfTurn {
            figures: curve[0].figures.clone(),
            by_group: BTreeMap::new(),
            cut_by_pause: BTreeMap::new(),
            compared: compare(&curve, &fixed),
            fixed_silence: Vec::new(),
            rivals: BTreeMap::new(),
            fixed_curve: fixed,
            curve,
        }
    }

    #[test]
    fn delays_count_at_the_best_setting_that_cuts_few_enough() {
        let found = ends(&[(1.0, 0.08, 200), (1.4, 0.03, 340), (2.2, 0.02, 900)]);
        let bars = end_of_turn(&found);
        assert_eq!(bars[0].measured, Some(340.0));
        assert_eq!(bars[0].met, Some(true));
        assert!(bars[0].note.as_ref().unwrap().contains("patience 1.4"));
        assert_eq!(bars[1].measured, Some(680.0));
        // At 1 % the engine has no setting; at 2 % it takes 900 of 1635 ms, from 3 % on 340, from 8 % on 200.
        let compared = &bars[2..12];
        assert_eq!((compared[0].measured, compared[0].met), (None, Some(false)));
        assert_eq!(compared[1].verdict(), "missed by 0.05 times");
        assert!(compared[2..].iter().all(|bar| bar.met == Some(true)));
        assert_eq!(compared[9].measured, Some(0.122));
        assert_eq!((bars.len(), bars[12].met), (13, Some(true)));
    }

    #[test]
    fn a_curve_that_never_cuts_few_enough_misses_its_bars() {
        let bars = end_of_turn(&ends(&[(1.0, 0.5, 200)]));
        assert!(
            bars[..12].iter().all(|bar| bar.met == Some(false)),
            "{bars:?}"
        );
        let mut nothing = ends(&[(1.0, 0.0, 200)]);
        nothing.figures.cut_share = None;
        nothing.curve.clear();
        nothing.compared = compare(&[], &[]);
        let bars = end_of_turn(&nothing);
        assert!(bars[..12].iter().all(|bar| bar.met.is_none()), "{bars:?}");
    }

    #[test]
    fn echo_is_decided_by_a_thousand_trials_or_by_one_that_ended() {
        let echo = |trials: usize, ended: usize| {
            let outcomes: Vec<_> = (0..trials)
                .map(|index| outcome(What::Echo, 0, index < ended))
                .collect();
            barge_in(&BargeIn::of(&outcomes)).pop().unwrap().verdict()
        };
        assert_eq!(echo(0, 0), "not decided");
        assert_eq!(echo(999, 0), "not decided");
        assert_eq!(echo(1000, 0), "met");
        assert_eq!(echo(3, 1), "missed by 1");
    }
}
