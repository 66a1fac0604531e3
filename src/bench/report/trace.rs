//! One played trial as a picture needs it: the envelope of both sides, the labels, what the engine heard and did.

use std::time::Duration;

use call::{Action, Event, Speaker, VoiceEvent, WordsEvent};
use serde::Serialize;

use crate::bench::{
    Label, Trial,
    speech::{Partial, Said},
    stage::Played,
};

/// Samples of one letter of an envelope: 10 ms.
const STEP: usize = 80;
/// The letters of an envelope, from silent to loud; the page has the same.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Everything that a timeline shows. Times are milliseconds from the start of the call, or of the utterance.
#[derive(Debug, Clone, Serialize)]
pub struct Trace {
    /// The trial.
    pub id: String,
    /// Its line.
    pub line: &'static str,
    /// The time of the first value of the envelopes.
    pub start: u64,
    /// The peaks of every 10 ms of the agent's sound as it left: a letter each, 64 steps. A trial
    /// of twenty seconds is 4 KB so, and a thousand of them a file that a browser opens.
    pub agent: String,
    /// The same of the callee's as it was heard.
    pub callee: String,
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

    /// Takes the trace of an utterance that was only heard.
    #[must_use]
    pub fn of_said(said: &Said) -> Self {
        let heard = &said.measured.heard;
        let length = ms(crate::bench::stage::samples(said.utterance.sound.len()));
        let partial = |partial: &Partial| (ms(partial.at), "partial", partial.text.clone());
        let mut events: Vec<_> = heard.partials.iter().map(partial).collect();
        // What repeats the words before it says nothing new.
        events.dedup_by(|next, before| next.2 == before.2);
        let last = events.last().map_or(0, |(at, ..)| *at).max(length);
        events.push((last, "final", heard.text.clone()));
        Self {
            id: said.trial.clone(),
            line: "µ-law",
            start: 0,
            agent: String::new(),
            callee: envelope(&said.utterance.sound),
            labels: vec![(format!("said: {}", said.utterance.text), 0, length)],
            voice: Vec::new(),
            events,
        }
    }
}

fn ms(at: Duration) -> u64 {
    at.as_millis() as u64
}

/// Square roots of peaks, so that faint sound is seen beside loud: the first letter is silence, the last full scale.
fn envelope(samples: &[i16]) -> String {
    let letter = |piece: &[i16]| {
        let peak = piece.iter().map(|sample| sample.unsigned_abs()).max();
        let height = (f32::from(peak.unwrap_or(0)) / 32_768.0).sqrt();
        char::from(LETTERS[(height * 63.0).round() as usize])
    };
    samples.chunks(STEP).map(letter).collect()
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
            Label::Disturbance { kind, voiced } => add(&format!("disturbance: {kind}"), voiced),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_goes_from_silent_to_loud() {
        assert_eq!(envelope(&[]), "");
        assert_eq!(envelope(&[0; 80]), "A");
        // A quarter of full scale is drawn half as high.
        let steps = [vec![i16::MIN; 80], vec![8192; 80], vec![-1; 40]].concat();
        assert_eq!(envelope(&steps), "_gA");
    }
}
