//! Barge-in: what the engine does when something is heard over the agent's speech, read from the wire.
//!
//! Definitions, also in `docs/turn-taking.md`:
//! - the *stop* is the time from the callee's first voiced sample, as it left the callee, to the last sample other than
//!   silence that the agent sent before it fell silent;
//! - an interruption was *missed* when the agent's speech left for the line to its end all the same, and *talked over* when
//!   the agent gave way, but had gone on speaking in between;
//! - a disturbance or an echo *ended* the agent's turn when the end of its speech never left for the line;
//! - the *resumption* is the time from the last sample of a disturbance that can be heard, or from the stop where that is
//!   later, to the agent's first sample afterwards;
//! - *lost* is speech that was never sent although the agent went on, *repeated* what was sent twice; both are found by
//!   looking for the sound after a pause in the same speech, sent without any disturbance, sample by sample.

use std::{collections::HashMap, sync::Arc, time::Duration};

use call::Action;
use serde::Serialize;

use super::{
    Trial,
    run::play_all,
    stage::{Played, Stage, StageError, samples},
    stats::as_maybe_ms,
    trial::Label,
    turns::index_of,
};

pub(crate) mod figures;
mod splice;

pub use self::{
    figures::{BargeIn, Figures},
    splice::Resumed,
};

use self::splice::{Pause, Reference, Since};

/// A silence of the agent this long or longer after it was paused is a stop, however natural; in samples: 40 ms.
const STOPPED: usize = 320;

/// What the sound over the agent's speech was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "what", content = "kind")]
pub enum What {
    /// The callee took the floor.
    Interruption,
    /// Anything else, by kind.
    Disturbance(&'static str),
    /// Nothing but the agent's own echo.
    Echo,
}

/// What happened in one trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Which trial.
    pub trial: String,
    /// Its group.
    pub group: &'static str,
    /// Its line.
    pub line: &'static str,
    /// What was heard.
    #[serde(flatten)]
    pub what: What,
    /// How loud the agent's echo is, in dB; `None` without one.
    pub echo: Option<f32>,
    /// From the first voiced sample to the agent's last; `None` when it did not stop, or was silent already.
    #[serde(serialize_with = "as_maybe_ms")]
    pub stop: Option<Duration>,
    /// Whether the agent fell silent at all, for a moment or for good.
    pub paused: bool,
    /// Whether its speech ended there for good.
    pub ended: bool,
    /// How often it fell silent and went on, where what was lost and repeated can be told.
    pub resumed: Vec<Resumed>,
    /// From the disturbance's end to the agent's first sound, when it went on.
    #[serde(serialize_with = "as_maybe_ms")]
    pub resumption: Option<Duration>,
}

/// Plays the trials and sums up. `done` hears of every trial, [`plays`] says how many there are, and `look` sees each that
/// was judged.
///
/// # Errors
/// When a trial cannot be played.
pub fn measure(
    stage: &Stage,
    trials: &[Trial],
    threads: usize,
    done: impl Fn() + Sync,
    look: impl Fn(&Trial, &Played, &Outcome) + Sync,
) -> Result<(BargeIn, Vec<Outcome>), StageError> {
    let undisturbed = undisturbed(trials);
    let sounds = play_all(stage, &undisturbed, threads, &done, |_, played| {
        Reference::new(&played.agent)
    })?;
    let texts = undisturbed.iter().map(|trial| trial.agent[0].clone());
    let references: HashMap<String, Reference> = texts.zip(sounds).collect();
    let outcomes = play_all(stage, trials, threads, &done, |trial, played| {
        let speech = references.get(trial.agent.first()?)?;
        let outcome = judge(trial, played, speech);
        look(trial, played, &outcome);
        Some(outcome)
    })?;
    let outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
    Ok((BargeIn::of(&outcomes), outcomes))
}

/// Returns how many trials [`measure`] plays.
#[must_use]
pub fn plays(trials: &[Trial]) -> usize {
    trials.len() + undisturbed(trials).len()
}

/// One trial for each speech of the agent, with nothing over it on a perfect line.
fn undisturbed(trials: &[Trial]) -> Vec<Trial> {
    let mut found: Vec<Trial> = Vec::new();
    for trial in trials {
        let known = |other: &Trial| other.agent.first() == trial.agent.first();
        if trial.agent.is_empty() || found.iter().any(known) {
            continue;
        }
        found.push(Trial {
            id: format!("undisturbed {}", trial.id),
            cues: trial.cues.iter().take(1).cloned().collect(),
            network: media::impair::NetworkConfig::CLEAN,
            background: Some(Arc::from([0_i16; media::FRAME])),
            echo: None,
            ..trial.clone()
        });
    }
    found
}

/// Judges a trial against its speech as it sounds without disturbance.
fn judge(trial: &Trial, played: &Played, speech: &Reference) -> Outcome {
    let cue = trial.cues.iter().enumerate().find_map(|(index, cue)| {
        let (what, voiced) = match &cue.label {
            Label::Interruption { voiced, .. } => (What::Interruption, voiced),
            Label::Disturbance { voiced, kind } => (What::Disturbance(kind), voiced),
            Label::Turn { .. } | Label::Prelude => return None,
        };
        let (from, to) = (
            played.time(index, voiced.start)?,
            played.time(index, voiced.end)?,
        );
        Some((what, from, to))
    });
    let pauses = pauses(played);
    let resumed = resumptions(played, &pauses, speech);
    let stop = cue.and_then(|(_, from, _)| stop(played, &pauses, from));
    let ended = !speech.is_complete(&played.agent);
    let resumption = cue.filter(|_| !ended).and_then(|(_, from, to)| {
        let first = index_of(played, from);
        let (silent, back) = pauses.iter().copied().rfind(|pause| pause.0 >= first)?;
        let since = silent.max(index_of(played, to).min(played.agent.len()));
        let back = back?;
        let heard = back
            + played.agent[back..]
                .iter()
                .position(|sample| *sample != 0)?;
        Some(samples(heard.saturating_sub(since)))
    });
    Outcome {
        trial: trial.id.clone(),
        group: trial.group,
        line: trial.line,
        what: cue.map_or(What::Echo, |(what, ..)| what),
        echo: trial.echo.map(|echo| echo.gain),
        stop,
        paused: ended || !pauses.is_empty(),
        ended,
        resumed,
        resumption,
    }
}

/// What was lost and repeated at each pause after which the agent went on, where that can be told.
fn resumptions(
    played: &Played,
    pauses: &[(usize, Option<usize>)],
    speech: &Reference,
) -> Vec<Resumed> {
    let mut resumed = Vec::new();
    let mut since = Since::Sample(0);
    for (index, (silent, back)) in pauses.iter().enumerate() {
        let Some(back) = *back else { break };
        let next = pauses.get(index + 1).map(|(silent, _)| *silent);
        let pause = Pause {
            silent: *silent,
            back,
            until: next.unwrap_or(played.agent.len()).max(back),
            since,
        };
        let found = speech.resumed(&played.agent, pause);
        since = found.map_or(Since::Sample(back), |(_, place)| Since::Place(place));
        resumed.extend(found.map(|(resumed, _)| resumed));
    }
    resumed
}

/// Where the agent fell silent because it was paused, and where it was let on again, in samples of the recording.
fn pauses(played: &Played) -> Vec<(usize, Option<usize>)> {
    let mut pauses: Vec<(usize, Option<usize>)> = Vec::new();
    for (at, action) in &played.log.actions {
        let at = index_of(played, *at).min(played.agent.len());
        match action {
            Action::Pause => pauses.push((at, None)),
            Action::Resume => {
                if let Some((_, back @ None)) = pauses.last_mut() {
                    *back = Some(at);
                }
            }
            _ => {}
        }
    }
    // The pause before the first word is none.
    pauses.retain(|(at, _)| played.agent[..*at].iter().any(|sample| *sample != 0));
    for (at, back) in &mut pauses {
        // What is on its way into the frame still goes out; then there is nothing.
        let end = back.unwrap_or(played.agent.len()).min(*at + 2 * STOPPED);
        let last = played.agent[..end].iter().rposition(|sample| *sample != 0);
        *at = last.map_or(*at, |last| last + 1);
    }
    pauses
}

/// From a time to the agent's last sample in the first pause after it; `None` when the agent was not speaking.
fn stop(played: &Played, pauses: &[(usize, Option<usize>)], from: Duration) -> Option<Duration> {
    let from = index_of(played, from);
    let (silent, _) = pauses.iter().find(|(silent, _)| *silent >= from)?;
    Some(samples(silent - from))
}
