//! Examples for fitting the decision at the end of a turn: what the core knew a moment into each silence, and whether the
//! callee had finished.
//!
//! The kept events of a played trial go through a fresh core again; labels join what it knew only afterwards.

use std::time::{Duration, Instant};

use call::{Call, Event, VoiceEvent};

use super::{
    Trial,
    stage::Played,
    trial::{Label, PauseKind},
};

/// How far into a silence the core is asked: the final words are there by then.
const ASKED_AFTER: Duration = Duration::from_millis(260);
/// How far the end of a voice may be from the label that it belongs to.
const NEAR: Duration = Duration::from_millis(350);

/// One silence.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Of which trial.
    pub trial: String,
    /// Its group.
    pub group: &'static str,
    /// What surrounds it; `None` at the end of the turn.
    pub pause: Option<PauseKind>,
    /// How long the silence was as the engine heard it; endless at the end of the turn.
    pub length: Duration,
    /// What the core knew.
    pub features: Vec<f32>,
    /// The words it had.
    pub words: String,
}

/// Returns the silences of a trial that lasted long enough to be asked about.
#[must_use]
pub fn of(trial: &Trial, played: &Played, origin: Instant) -> Vec<Example> {
    let labels = labels(trial, played);
    let mut core = Call::new(played.log.config.clone(), origin);
    let mut actions = Vec::new();
    core.start(origin, &mut actions);
    let mut examples: Vec<Example> = Vec::new();
    // The end of the last voice, until it was asked about.
    let mut ended: Option<Duration> = None;
    // The example whose silence lasts.
    let mut open: Option<(Duration, usize)> = None;
    for (at, event) in &played.log.events {
        if let Some(end) = ended.filter(|end| *at >= *end + ASKED_AFTER) {
            ended = None;
            let near = labels.iter().find(|(label, _)| label.abs_diff(end) <= NEAR);
            if let (Some((_, pause)), Some(features)) = (near, core.end_features()) {
                open = Some((end, examples.len()));
                examples.push(Example {
                    trial: trial.id.clone(),
                    group: trial.group,
                    pause: *pause,
                    length: Duration::MAX,
                    features,
                    words: core.open_words(),
                });
            }
        }
        match event {
            Event::Voice(VoiceEvent::Started { .. }) => {
                ended = None;
                if let Some((end, index)) = open.take() {
                    examples[index].length = at.saturating_sub(end);
                }
            }
            Event::Voice(VoiceEvent::Ended { silence, .. }) => {
                ended = Some(at.saturating_sub(*silence))
            }
            _ => {}
        }
        core.handle(event.clone(), origin + *at, &mut actions);
        actions.clear();
    }
    examples
}

/// Where the silences of a trial begin, on the call's own time.
fn labels(trial: &Trial, played: &Played) -> Vec<(Duration, Option<PauseKind>)> {
    let mut labels = Vec::new();
    for (index, cue) in trial.cues.iter().enumerate() {
        let Label::Turn { voiced, pauses, .. } = &cue.label else {
            continue;
        };
        for pause in pauses {
            labels.extend(
                played
                    .time(index, pause.at.start)
                    .map(|at| (at, Some(pause.kind))),
            );
        }
        labels.extend(played.time(index, voiced.end).map(|at| (at, None)));
    }
    labels
}
