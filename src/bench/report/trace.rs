//! One played trial as a picture needs it: the envelope of both sides, the labels, what the engine heard and did.

use std::time::Duration;

use call::{Action, Event, Speaker, VoiceEvent, WordsEvent};
use serde::Serialize;

use crate::bench::{Label, Trial, stage::Played};

/// Samples of one value of an envelope: 10 ms.
const STEP: usize = 80;

/// Everything that a timeline shows. Times are milliseconds from the start of the call.
#[derive(Debug, Clone, Serialize)]
pub struct Trace {
    /// The trial.
    pub id: String,
    /// Its line.
    pub line: &'static str,
    /// The time of the first value of the envelopes.
    pub start: u64,
    /// The peaks of every 10 ms of the agent's sound as it left, 0 to 99 on a scale of decibels.
    pub agent: Vec<u8>,
    /// The same of the callee's as it was heard.
    pub callee: Vec<u8>,
    /// What is true: name, from, to.
    pub labels: Vec<(String, u64, u64)>,
    /// Stretches that the engine took for voice: from, to.
    pub voice: Vec<(u64, u64)>,
    /// What happened: time, what, words.
    pub events: Vec<(u64, &'static str, String)>,
}

impl Trace {
    /// Takes the trace of a trial.
    #[must_use]
    pub fn of(trial: &Trial, played: &Played) -> Self {
        Self {
            id: trial.id.clone(),
            line: trial.line,
            start: ms(played.start),
            agent: envelope(&played.agent),
            callee: envelope(&played.callee),
            labels: labels(trial, played),
            voice: voice(played),
            events: events(played),
        }
    }
}

fn ms(at: Duration) -> u64 {
    at.as_millis() as u64
}

/// Peaks in decibels: 0 is -60 dB of full scale and below, 99 is full scale.
fn envelope(samples: &[i16]) -> Vec<u8> {
    let peak = |piece: &[i16]| {
        let peak = piece.iter().map(|sample| sample.unsigned_abs()).max();
        let decibels = 20.0 * (f32::from(peak.unwrap_or(0).max(1)) / 32_768.0).log10();
        ((decibels + 60.0) / 60.0 * 99.0).clamp(0.0, 99.0) as u8
    };
    samples.chunks(STEP).map(peak).collect()
}

fn labels(trial: &Trial, played: &Played) -> Vec<(String, u64, u64)> {
    let mut labels = Vec::new();
    for (index, cue) in trial.cues.iter().enumerate() {
        let mut add = |name: &str, range: &std::ops::Range<usize>| {
            if let (Some(from), Some(to)) = (
                played.time(index, range.start),
                played.time(index, range.end),
            ) {
                labels.push((name.to_owned(), ms(from), ms(to)));
            }
        };
        match &cue.label {
            Label::Turn {
                text,
                voiced,
                pauses,
            } => {
                add(&format!("turn: {text}"), voiced);
                for pause in pauses {
                    add(&format!("pause, {}", pause.kind.name()), &pause.at);
                }
            }
            Label::Interruption { text, voiced } => add(&format!("interruption: {text}"), voiced),
            Label::Disturbance { kind, voiced } => add(kind, voiced),
            Label::Prelude => add("hello", &(0..cue.sound.len())),
        }
    }
    labels
}

fn voice(played: &Played) -> Vec<(u64, u64)> {
    let mut stretches = Vec::new();
    let mut since = None;
    for (at, event) in &played.log.events {
        match event {
            Event::Voice(VoiceEvent::Started { voiced, .. }) => {
                since = Some(at.saturating_sub(*voiced));
            }
            Event::Voice(VoiceEvent::Ended { silence, .. }) => {
                if let Some(since) = since.take() {
                    stretches.push((ms(since), ms(at.saturating_sub(*silence))));
                }
            }
            _ => {}
        }
    }
    stretches
}

fn events(played: &Played) -> Vec<(u64, &'static str, String)> {
    let mut events = Vec::new();
    for (at, event) in &played.log.events {
        let (what, words) = match event {
            Event::Words(WordsEvent::Partial(text)) => ("partial", text.clone()),
            Event::Words(WordsEvent::Final { text, .. }) => ("final", text.clone()),
            _ => continue,
        };
        events.push((ms(*at), what, words));
    }
    for (at, action) in &played.log.actions {
        let (what, words) = match action {
            Action::Speak { text, .. } => ("speak", text.clone()),
            Action::Pause => ("pause", String::new()),
            Action::Resume => ("resume", String::new()),
            Action::Cancel(_) => ("cancel", String::new()),
            Action::Turn(turn) if turn.speaker == Speaker::Callee => {
                ("callee's turn", turn.text.clone())
            }
            _ => continue,
        };
        events.push((ms(*at), what, words));
    }
    events.sort_by_key(|(at, _, _)| *at);
    events
}
