//! The experiment on ends of turn: every trial at every setting of patience, beside fixed silences on the same sound.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    Trial,
    run::play_all,
    stage::{Played, Stage, StageError},
    stats::Percentiles,
    turns::{self, Comparison, Figures, Point, TurnOutcome},
};

/// The settings of patience at which the curve is measured; 1.0 is the default and gives the figures themselves.
pub const PATIENCE: [f32; 9] = [0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.2, 3.0];
/// The default.
const DEFAULT: f32 = 1.0;
/// What rivals wait after the last sound with their default timers, in milliseconds: the part of their rule that is a
/// fixed silence. Their models, where they have any, are not rebuilt here.
pub const RIVALS: [(&str, u64); 6] = [
    ("vocode: endpointing 0.4 s", 400),
    ("bolna: endpointing 500 ms", 500),
    ("LiveKit: VAD 0.55 s", 550),
    ("SignalWire: 700 ms", 700),
    ("pipecat: VAD 0.2 s and speech timeout 0.6 s", 800),
    ("LiveKit: VAD 0.55 s and 0.5 s at least", 1050),
];

/// What is measured of ends of turn.
#[derive(Debug, Clone, Serialize)]
pub struct EndOfTurn {
    /// The figures at the default patience.
    #[serde(flatten)]
    pub figures: Figures,
    /// The same by group of trials.
    pub by_group: BTreeMap<String, Figures>,
    /// Share of cut pauses by what surrounds them.
    pub cut_by_pause: BTreeMap<String, Share>,
    /// The whole curve as patience is turned.
    pub curve: Vec<Point>,
    /// Fixed silences on the same sound.
    pub fixed_silence: Vec<Point>,
    /// The default timers of rivals on the same sound.
    pub rivals: BTreeMap<String, Figures>,
    /// The finer curve of fixed silences, for the comparison.
    pub fixed_curve: Vec<Point>,
    /// The engine against the best fixed silence at the same error rate.
    pub compared: Vec<Comparison>,
}

/// A share and what it is of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many there are.
    pub count: usize,
    /// Which share of them.
    pub share: Option<f64>,
}

/// Everything that comes of the experiment.
#[derive(Debug, Clone)]
pub struct Result {
    /// Ends of turn.
    pub end_of_turn: EndOfTurn,
    /// From the callee's last sound to the agent's first, on the wire.
    pub felt_silence: Percentiles,
    /// Every turn at the default patience.
    pub turns: Vec<TurnOutcome>,
}

/// One trial at the default setting, judged by the engine and by every fixed silence.
struct Judged {
    engine: Vec<TurnOutcome>,
    fixed: Vec<Vec<TurnOutcome>>,
}

/// How many trials are played in all: for progress.
#[must_use]
pub fn plays(trials: &[Trial]) -> usize {
    trials.len() * PATIENCE.len()
}

/// Runs the experiment. `done` hears of every trial that was played; `look` sees every one at the default setting.
///
/// # Errors
/// When a trial cannot be played.
pub fn measure(
    stage: &Stage,
    trials: &[Trial],
    threads: usize,
    done: &(impl Fn() + Sync),
    look: &(impl Fn(&Trial, &Played) + Sync),
) -> std::result::Result<Result, StageError> {
    let silences: Vec<Duration> = turns::fixed_curve()
        .chain(turns::FIXED_SILENCES.map(Duration::from_millis))
        .chain(RIVALS.map(|(_, silence)| Duration::from_millis(silence)))
        .collect();
    let (mut judged, mut curve) = (Vec::new(), Vec::new());
    for patience in PATIENCE {
        let mut stage = stage.clone();
        stage.config.patience *= patience;
        let outcomes: Vec<TurnOutcome>;
        if patience == DEFAULT {
            judged = play_all(&stage, trials, threads, done, |trial, played| {
                look(trial, played);
                let fixed = |silence: &Duration| turns::judge_fixed(trial, played, *silence);
                Judged {
                    engine: turns::judge(trial, played),
                    fixed: silences.iter().map(fixed).collect(),
                }
            })?;
            outcomes = judged
                .iter()
                .flat_map(|trial| trial.engine.clone())
                .collect();
        } else {
            let all = play_all(&stage, trials, threads, done, turns::judge)?;
            outcomes = all.into_iter().flatten().collect();
        }
        curve.push(Point {
            // As it is written, not as it is kept.
            setting: (f64::from(patience) * 100.0).round() / 100.0,
            figures: Figures::of(outcomes.iter()),
        });
    }
    let turns: Vec<_> = judged
        .iter()
        .flat_map(|trial| trial.engine.clone())
        .collect();
    let fixed = |index: usize| {
        let outcomes = judged.iter().flat_map(move |trial| &trial.fixed[index]);
        turns::fixed_point(silences[index], outcomes)
    };
    let curve_length = turns::fixed_curve().count();
    let fixed_curve: Vec<_> = (0..curve_length).map(fixed).collect();
    let rivals_from = curve_length + turns::FIXED_SILENCES.len();
    let rivals = RIVALS
        .iter()
        .enumerate()
        .map(|(index, (name, _))| ((*name).to_owned(), fixed(rivals_from + index).figures));
    Ok(Result {
        end_of_turn: EndOfTurn {
            figures: Figures::of(turns.iter()),
            by_group: by_group(&turns),
            cut_by_pause: cut_by_pause(&turns),
            fixed_silence: (curve_length..rivals_from).map(fixed).collect(),
            rivals: rivals.collect(),
            compared: turns::compare(&curve, &fixed_curve),
            fixed_curve,
            curve,
        },
        felt_silence: Percentiles::of(turns.iter().filter_map(|turn| turn.felt)),
        turns,
    })
}

fn by_group(turns: &[TurnOutcome]) -> BTreeMap<String, Figures> {
    let groups: std::collections::BTreeSet<_> = turns.iter().map(|turn| turn.group).collect();
    let of = |group: &'static str| {
        let figures = Figures::of(turns.iter().filter(move |turn| turn.group == group));
        (group.to_owned(), figures)
    };
    groups.into_iter().map(of).collect()
}

fn cut_by_pause(turns: &[TurnOutcome]) -> BTreeMap<String, Share> {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for pause in turns.iter().flat_map(|turn| &turn.pauses) {
        let (all, cut) = counts.entry(pause.kind.name().to_owned()).or_default();
        *all += 1;
        *cut += usize::from(pause.cut);
    }
    let share = |(all, cut)| Share {
        count: all,
        share: super::stats::share(cut, all),
    };
    counts
        .into_iter()
        .map(|(kind, counts)| (kind, share(counts)))
        .collect()
}
