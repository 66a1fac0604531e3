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

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use call::Action;
use serde::Serialize;

use super::{
    Trial,
    run::play_all,
    stage::{Played, Stage, StageError, samples},
    stats::{Percentiles, share},
    trial::Label,
    turns::index_of,
};

mod splice;

use splice::{Pause, Reference, Resumed, Since};

/// A silence of the agent this long or longer after it was paused is a stop, however natural; in samples: 40 ms.
const STOPPED: usize = 320;

/// What the sound over the agent's speech was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// The callee took the floor.
    Interruption,
    /// Anything else, by kind.
    Disturbance(&'static str),
    /// Nothing but the agent's own echo.
    Echo,
}

/// What happened in one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Which trial.
    pub trial: String,
    /// Its group.
    pub group: &'static str,
    /// Its line.
    pub line: &'static str,
    /// What was heard.
    pub what: What,
    /// From the first voiced sample to the agent's last; `None` when it did not stop, or was silent already.
    pub stop: Option<Duration>,
    /// Whether the agent's speech ended there for good.
    pub ended: bool,
    /// How often it fell silent and went on.
    pub resumed: Vec<Resumed>,
    /// From the disturbance's end to the agent's first sound, when it went on.
    pub resumption: Option<Duration>,
}

/// The figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BargeIn {
    /// From the callee's first voiced sample to the agent's last.
    pub stop_ms: Percentiles,
    /// The same by line.
    pub stop_ms_by_line: BTreeMap<&'static str, Percentiles>,
    /// How many true interruptions there were.
    pub interruptions: usize,
    /// Share of them that the agent talked through.
    pub missed_share: Option<f64>,
    /// The same by line.
    pub missed_share_by_line: BTreeMap<&'static str, Option<f64>>,
    /// Share of those noticed in which the agent spoke on in between.
    pub talked_over_share: Option<f64>,
    /// How many backchannels, coughs and other disturbances there were.
    pub disturbances: usize,
    /// Share of them that ended the agent's turn.
    pub backchannel_ended_share: Option<f64>,
    /// The same by kind.
    pub ended_share_by_kind: BTreeMap<&'static str, Option<f64>>,
    /// The same by line.
    pub ended_share_by_line: BTreeMap<&'static str, Option<f64>>,
    /// Share of disturbances that made the agent fall silent for a moment.
    pub paused_share: Option<f64>,
    /// From the end of a disturbance to the agent's first sound after it.
    pub resumed_ms: Percentiles,
    /// Speech that was never sent although the agent went on, of each time that it did.
    pub lost_ms: Percentiles,
    /// The most that was lost.
    pub most_lost_ms: f64,
    /// Speech that was sent twice.
    pub repeated_ms: Percentiles,
    /// Echo trials in which the agent's turn was over before its end.
    pub echo_ended: usize,
    /// How many echo trials there were.
    pub echo_trials: usize,
    /// Echo trials in which the agent fell silent for a moment.
    pub echo_paused: usize,
}

/// Plays the trials and sums up. `done` hears of every trial; [`plays`] says how many there are.
///
/// # Errors
/// When a trial cannot be played.
pub fn measure(
    stage: &Stage,
    trials: &[Trial],
    threads: usize,
    done: impl Fn() + Sync,
) -> Result<(BargeIn, Vec<Outcome>), StageError> {
    let undisturbed = undisturbed(trials);
    let sounds = play_all(stage, &undisturbed, threads, &done, |_, played| {
        Reference::new(&played.agent)
    })?;
    let texts = undisturbed.iter().map(|trial| trial.agent[0].clone());
    let references: HashMap<String, Reference> = texts.zip(sounds).collect();
    let outcomes = play_all(stage, trials, threads, &done, |trial, played| {
        let speech = trial.agent.first().and_then(|text| references.get(text));
        speech.map(|speech| judge(trial, played, speech))
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
        stop,
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

impl BargeIn {
    /// Sums up.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Self {
        let of = |wanted: fn(&What) -> bool| -> Vec<&Outcome> {
            outcomes
                .iter()
                .filter(|outcome| wanted(&outcome.what))
                .collect()
        };
        let interruptions = of(|what| *what == What::Interruption);
        let disturbances = of(|what| matches!(what, What::Disturbance(_)));
        let echoes = of(|what| *what == What::Echo);
        let noticed: Vec<_> = interruptions
            .iter()
            .filter(|outcome| outcome.ended)
            .collect();
        let talked_over = |outcome: &&&&Outcome| !outcome.resumed.is_empty();
        let stops = |outcomes: &[&Outcome]| Percentiles::of(outcomes.iter().filter_map(|o| o.stop));
        let ended = |outcomes: &[&Outcome]| {
            share(outcomes.iter().filter(|o| o.ended).count(), outcomes.len())
        };
        let missed = |outcomes: &[&Outcome]| {
            share(outcomes.iter().filter(|o| !o.ended).count(), outcomes.len())
        };
        let paused = |outcome: &&&Outcome| outcome.ended || !outcome.resumed.is_empty();
        let resumed = || disturbances.iter().flat_map(|outcome| &outcome.resumed);
        let kind = |outcome: &Outcome| match outcome.what {
            What::Disturbance(kind) => kind,
            What::Interruption | What::Echo => outcome.group,
        };
        Self {
            stop_ms: stops(&interruptions),
            stop_ms_by_line: by(&interruptions, |outcome| outcome.line, stops),
            interruptions: interruptions.len(),
            missed_share: missed(&interruptions),
            missed_share_by_line: by(&interruptions, |outcome| outcome.line, missed),
            talked_over_share: share(noticed.iter().filter(talked_over).count(), noticed.len()),
            disturbances: disturbances.len(),
            backchannel_ended_share: ended(&disturbances),
            ended_share_by_kind: by(&disturbances, kind, ended),
            ended_share_by_line: by(&disturbances, |outcome| outcome.line, ended),
            paused_share: share(
                disturbances.iter().filter(paused).count(),
                disturbances.len(),
            ),
            resumed_ms: Percentiles::of(disturbances.iter().filter_map(|o| o.resumption)),
            lost_ms: Percentiles::of(resumed().map(|resumed| resumed.lost)),
            most_lost_ms: super::stats::ms(resumed().map(|r| r.lost).max().unwrap_or_default()),
            repeated_ms: Percentiles::of(resumed().map(|resumed| resumed.repeated)),
            echo_ended: echoes.iter().filter(|outcome| outcome.ended).count(),
            echo_trials: echoes.len(),
            echo_paused: echoes.iter().filter(paused).count(),
        }
    }
}

fn by<T>(
    outcomes: &[&Outcome],
    key: impl Fn(&Outcome) -> &'static str,
    figure: impl Fn(&[&Outcome]) -> T,
) -> BTreeMap<&'static str, T> {
    let mut groups: BTreeMap<&'static str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        groups.entry(key(outcome)).or_default().push(outcome);
    }
    let figures = groups.into_iter().map(|(key, group)| (key, figure(&group)));
    figures.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(what: What, stop: u64, ended: bool) -> Outcome {
        let resumed = Resumed {
            lost: Duration::ZERO,
            repeated: Duration::from_millis(40),
        };
        Outcome {
            trial: "trial".into(),
            group: "group",
            line: "quiet",
            what,
            stop: (stop > 0).then(|| Duration::from_millis(stop)),
            ended,
            resumed: if ended { Vec::new() } else { vec![resumed] },
            resumption: (!ended).then(|| Duration::from_millis(300)),
        }
    }

    #[test]
    fn figures_are_shares_of_what_they_are_about() {
        let figures = BargeIn::of(&[
            outcome(What::Interruption, 80, true),
            outcome(What::Interruption, 120, true),
            outcome(What::Interruption, 0, false),
            outcome(What::Disturbance("cough"), 100, false),
            outcome(What::Disturbance("cough"), 100, true),
            outcome(What::Disturbance("door"), 100, false),
            outcome(What::Disturbance("door"), 0, false),
            outcome(What::Echo, 0, false),
            outcome(What::Echo, 0, true),
        ]);
        assert_eq!(figures.stop_ms.p50, Some(80.0));
        assert_eq!(figures.stop_ms.p95, Some(120.0));
        assert_eq!(figures.missed_share, share(1, 3));
        assert_eq!(figures.backchannel_ended_share, Some(0.25));
        assert_eq!(figures.ended_share_by_kind["cough"], Some(0.5));
        assert_eq!(figures.ended_share_by_kind["door"], Some(0.0));
        assert_eq!((figures.echo_ended, figures.echo_trials), (1, 2));
        assert_eq!(figures.resumed_ms.count, 3);
        assert_eq!(figures.most_lost_ms, 0.0);
        assert_eq!(figures.repeated_ms.p50, Some(40.0));
    }
}
