//! End of turn and felt silence: when the engine takes a callee to have finished, against when the callee had.
//!
//! Definitions, also in `docs/turn-taking.md`:
//! - a *decision* is the moment at which the engine lets a reply sound (its first clause goes to the voice);
//! - a pause inside a turn was *cut* when a decision fell between its start and the start of the next pause or, for the
//!   last pause, the end of the turn; each pause counts once;
//! - the *delay* is the time from the turn's last voiced sample, as it was spoken, to the first decision after it; a turn
//!   without one within [`NEVER`] counts with that;
//! - the *felt silence* is read from the wire: from the callee's last voiced sample to the agent's first one after the
//!   decision.
//!
//! Beside it, on the same sound and the same edges of voice, the decision is taken by a fixed silence.

use std::{ops::Range, time::Duration};

use call::{Event, VoiceEvent};
use serde::Serialize;

use super::{
    PauseKind, Trial,
    stage::{Played, samples},
    stats::{Percentiles, as_maybe_ms, as_ms, ms, share},
    trial::Label,
};

/// A turn that nobody answered within this time.
pub const NEVER: Duration = Duration::from_secs(5);
/// The fixed silences that are compared, in milliseconds.
pub const FIXED_SILENCES: [u64; 5] = [300, 500, 550, 800, 1000];
/// The steps of the curve of fixed silences, in milliseconds.
const FIXED_CURVE: std::ops::RangeInclusive<u64> = 4..=60;
const FIXED_STEP: u64 = 50;
/// Quieter samples of the agent are not heard (-50 dB of full scale).
const AUDIBLE: u16 = 100;

/// What happened at one pause.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PauseOutcome {
    /// What surrounds it.
    pub kind: PauseKind,
    /// How long it was.
    #[serde(serialize_with = "as_ms")]
    pub length: Duration,
    /// Whether somebody cut in.
    pub cut: bool,
}

/// What happened at one turn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TurnOutcome {
    /// Which trial.
    pub trial: String,
    /// Its group.
    pub group: &'static str,
    /// What was said.
    pub text: String,
    /// Every pause.
    pub pauses: Vec<PauseOutcome>,
    /// From the true end to the decision; [`NEVER`] without one.
    #[serde(serialize_with = "as_ms")]
    pub delay: Duration,
    /// From the true end to the agent's first sound on the wire, if it was silent at the end and spoke.
    #[serde(serialize_with = "as_maybe_ms")]
    pub felt: Option<Duration>,
}

/// A turn on the call's own time.
struct Placed {
    pauses: Vec<(Range<Duration>, PauseKind)>,
    begin: Duration,
    end: Duration,
}

/// Judges every turn of a trial by the engine's decisions.
#[must_use]
pub fn judge(trial: &Trial, played: &Played) -> Vec<TurnOutcome> {
    judge_by(trial, played, &played.decisions(), true)
}

/// Judges every turn by the decisions that a fixed silence would have taken on the same edges of voice.
#[must_use]
pub fn judge_fixed(trial: &Trial, played: &Played, silence: Duration) -> Vec<TurnOutcome> {
    judge_by(trial, played, &fixed_decisions(played, silence), false)
}

fn judge_by(
    trial: &Trial,
    played: &Played,
    decisions: &[Duration],
    wire: bool,
) -> Vec<TurnOutcome> {
    let mut outcomes = Vec::new();
    for (index, cue) in trial.cues.iter().enumerate() {
        let Label::Turn { text, .. } = &cue.label else {
            continue;
        };
        let Some(turn) = place(&cue.label, index, played) else {
            continue;
        };
        let until = (index + 1..trial.cues.len())
            .find_map(|next| played.cues[next])
            .unwrap_or(Duration::MAX);
        let borders = turn.pauses.iter().skip(1).map(|(at, _)| at.start);
        let pauses = turn.pauses.iter().zip(borders.chain([turn.end]));
        let cut = |from: Duration, to: Duration| decisions.iter().any(|at| *at > from && *at < to);
        let pauses = pauses.map(|((at, kind), border)| PauseOutcome {
            kind: *kind,
            length: at.end - at.start,
            cut: cut(at.start, border),
        });
        let decided = decisions
            .iter()
            .find(|at| **at >= turn.end && **at < until)
            .map(|at| *at - turn.end);
        outcomes.push(TurnOutcome {
            trial: trial.id.clone(),
            group: trial.group,
            text: text.clone(),
            pauses: pauses.collect(),
            delay: decided.unwrap_or(NEVER).min(NEVER),
            felt: wire.then(|| felt_silence(played, &turn)).flatten(),
        });
    }
    outcomes
}

fn place(label: &Label, cue: usize, played: &Played) -> Option<Placed> {
    let Label::Turn { voiced, pauses, .. } = label else {
        return None;
    };
    let at = |sample| played.time(cue, sample);
    let mut placed = Vec::with_capacity(pauses.len());
    for pause in pauses {
        placed.push((at(pause.at.start)?..at(pause.at.end)?, pause.kind));
    }
    Some(Placed {
        pauses: placed,
        begin: at(voiced.start)?,
        end: at(voiced.end)?,
    })
}

/// The agent's first audible sample after the end of the turn, when it was silent there.
fn felt_silence(played: &Played, turn: &Placed) -> Option<Duration> {
    let index = |at: Duration| index_of(played, at);
    let end = index(turn.end).min(played.agent.len());
    let audible = |sample: &i16| sample.unsigned_abs() > AUDIBLE;
    let overlap = played.agent[index(turn.begin).min(end)..end].iter();
    // What still sounds in the last 200 ms is an agent that talks over the end.
    if overlap.rev().take(1600).any(audible) {
        return None;
    }
    let first = played.agent[end..].iter().position(audible)?;
    Some(samples(first))
}

/// Returns the sample of the recording that was heard or sent at a time; 0 for what was before it.
pub(super) fn index_of(played: &Played, at: Duration) -> usize {
    let since = at.saturating_sub(played.start);
    usize::try_from(since.as_micros() / 125).unwrap_or(usize::MAX)
}

/// When a fixed silence would have decided, on the engine's own edges of voice.
fn fixed_decisions(played: &Played, silence: Duration) -> Vec<Duration> {
    let mut decisions = Vec::new();
    // When the voice ended, and when that was known.
    let mut ended: Option<(Duration, Duration)> = None;
    let due = |(end, known): (Duration, Duration)| (end + silence).max(known);
    for (at, event) in &played.log.events {
        let Event::Voice(event) = event else { continue };
        match event {
            VoiceEvent::Started { .. } | VoiceEvent::Going { .. } => {
                decisions.extend(ended.take().map(due).filter(|due| due <= at));
            }
            VoiceEvent::Ended { silence, .. } => {
                ended = Some((at.saturating_sub(*silence), *at));
            }
            VoiceEvent::Tone(_) | VoiceEvent::Music(_) => {}
        }
    }
    decisions.extend(ended.map(due));
    decisions
}

/// The figures of many turns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// How many turns.
    pub turns: usize,
    /// How many pauses inside them.
    pub pauses: usize,
    /// Share of the pauses at which the agent cut in.
    pub cut_share: Option<f64>,
    /// The same of pauses inside numbers, addresses and spelled names.
    pub entity_cut_share: Option<f64>,
    /// From the true end to the decision.
    pub delay_ms: Percentiles,
}

impl Figures {
    /// Sums up.
    #[must_use]
    pub fn of<'a>(outcomes: impl Iterator<Item = &'a TurnOutcome> + Clone) -> Self {
        let pauses = || outcomes.clone().flat_map(|turn| &turn.pauses);
        let entity = |pause: &&PauseOutcome| pause.kind == PauseKind::Entity;
        let cut = |pause: &&PauseOutcome| pause.cut;
        Self {
            turns: outcomes.clone().count(),
            pauses: pauses().count(),
            cut_share: share(pauses().filter(cut).count(), pauses().count()),
            entity_cut_share: share(
                pauses().filter(entity).filter(cut).count(),
                pauses().filter(entity).count(),
            ),
            delay_ms: Percentiles::of(outcomes.clone().map(|turn| turn.delay)),
        }
    }
}

/// One point of a curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The setting: patience, or the silence in milliseconds.
    pub setting: f64,
    /// What comes of it.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Both at one error rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// At most this share of the pauses cut.
    pub cut_share: f64,
    /// The engine's median and 90th percentile of the delay, at the hastiest setting within the rate.
    pub engine_ms: Option<[f64; 2]>,
    /// The best fixed silence's.
    pub fixed_ms: Option<[f64; 2]>,
}

/// Compares two curves at the error rates from 1 to 10 %.
#[must_use]
pub fn compare(engine: &[Point], fixed: &[Point]) -> Vec<Comparison> {
    (1..=10)
        .map(|percent| {
            let rate = f64::from(percent) / 100.0;
            let delays = |curve| {
                let delay = best(curve, rate)?.figures.delay_ms;
                Some([delay.p50?, delay.p90?])
            };
            Comparison {
                cut_share: rate,
                engine_ms: delays(engine),
                fixed_ms: delays(fixed),
            }
        })
        .collect()
}

/// Returns the setting with the shortest median delay among those whose error rate is within `rate`.
#[must_use]
pub fn best(curve: &[Point], rate: f64) -> Option<&Point> {
    let within = curve
        .iter()
        .filter(|point| point.figures.cut_share.is_some_and(|share| share <= rate));
    let timed = within.filter_map(|point| Some((point, point.figures.delay_ms.p50?)));
    let best = timed.min_by(|(_, a), (_, b)| a.total_cmp(b));
    best.map(|(point, _)| point)
}

/// The silences of the curve of fixed silences.
pub fn fixed_curve() -> impl Iterator<Item = Duration> {
    FIXED_CURVE.map(|step| Duration::from_millis(step * FIXED_STEP))
}

/// A point of the curve of fixed silences.
#[must_use]
pub fn fixed_point<'a>(
    silence: Duration,
    outcomes: impl Iterator<Item = &'a TurnOutcome> + Clone,
) -> Point {
    Point {
        setting: ms(silence),
        figures: Figures::of(outcomes),
    }
}
