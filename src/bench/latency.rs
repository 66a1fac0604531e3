//! The engine's own share of the silence before an answer: what passes between the stages when every service answers at once.
//!
//! The trials are those of the ends of turn. The recogniser knows what will be said and has the final words as soon as it is
//! asked, the model and the voice answer at once, and the clock is virtual: so every millisecond is one that the engine
//! waits, for a frame's turn or for a timer, and none is computing. How long a silence is waited out before the decision is
//! another experiment (`turns`), and what computing adds on a busy machine another still (`capacity`).

use std::{sync::Arc, time::Duration};

use call::{Action, Note};
use serde::Serialize;

use super::{
    Trial,
    run::play_each,
    stage::{Played, Stage, StageError},
    stats::{Percentiles, as_ms},
    trial::Label,
};
use crate::provider::scripted::ScriptedSpeechToText;

/// What the engine adds, from the decision that the callee has finished to the first frame of the answer.
#[derive(Debug, Clone, Serialize)]
pub struct Latency {
    /// All of it, for each answer.
    pub engine_ms: Percentiles,
    /// From the decision to the final words.
    pub words_ms: Percentiles,
    /// From the words to the first text.
    pub first_token_ms: Percentiles,
    /// From the text to the first sound.
    pub first_sound_ms: Percentiles,
    /// From the sound to its first frame on the line.
    pub wire_ms: Percentiles,
}

/// What the engine added to one answer; the parts are defined as in [`Latency`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Which trial.
    pub trial: String,
    /// All of it.
    #[serde(rename = "engine_ms", serialize_with = "as_ms")]
    pub engine: Duration,
    /// To the final words.
    #[serde(rename = "words_ms", serialize_with = "as_ms")]
    pub words: Duration,
    /// To the first text.
    #[serde(rename = "first_token_ms", serialize_with = "as_ms")]
    pub first_token: Duration,
    /// To the first sound.
    #[serde(rename = "first_sound_ms", serialize_with = "as_ms")]
    pub first_sound: Duration,
    /// To its first frame on the line.
    #[serde(rename = "wire_ms", serialize_with = "as_ms")]
    pub wire: Duration,
}

/// Runs the experiment. `done` hears of every trial that was played, and `look` sees it. The stage's recogniser is not used.
///
/// # Errors
/// When a trial cannot be played.
pub fn measure(
    stage: &Stage,
    trials: &[Trial],
    threads: usize,
    done: impl Fn() + Sync,
    look: impl Fn(&Trial, &Played) + Sync,
) -> Result<(Latency, Vec<Answer>), StageError> {
    let answers = play_each(trials, threads, done, |trial| {
        let mut stage = stage.clone();
        stage.stt = Arc::new(ScriptedSpeechToText::new(said(trial)));
        stage.play(trial).map(|played| {
            look(trial, &played);
            answers(trial, &played)
        })
    })?;
    let answers: Vec<_> = answers.into_iter().flatten().collect();
    Ok((Latency::of(&answers), answers))
}

impl Latency {
    /// Sums up.
    #[must_use]
    pub fn of(answers: &[Answer]) -> Self {
        let part = |part: fn(&Answer) -> Duration| Percentiles::of(answers.iter().map(part));
        Self {
            engine_ms: part(|answer| answer.engine),
            words_ms: part(|answer| answer.words),
            first_token_ms: part(|answer| answer.first_token),
            first_sound_ms: part(|answer| answer.first_sound),
            wire_ms: part(|answer| answer.wire),
        }
    }
}

fn answers(trial: &Trial, played: &Played) -> Vec<Answer> {
    let answer = |(_, action): &(Duration, Action)| match action {
        Action::Publish(Note::Latency(_, found)) => Some(Answer {
            trial: trial.id.clone(),
            engine: found.felt_silence.saturating_sub(found.end_of_turn),
            words: found.words,
            first_token: found.first_token,
            first_sound: found.first_sound,
            wire: found.wire,
        }),
        _ => None,
    };
    played.log.actions.iter().filter_map(answer).collect()
}

/// What will be said on a trial, one text for each stretch of voice: the words of a turn, shared out evenly over its
/// stretches.
fn said(trial: &Trial) -> Vec<String> {
    let stretches = trial.cues.iter().flat_map(|cue| match &cue.label {
        Label::Turn { text, pauses, .. } => shared_out(text, pauses.len() + 1),
        Label::Interruption { text, .. } => vec![text.clone()],
        Label::Prelude => vec!["hello".to_owned()],
        Label::Disturbance { .. } => Vec::new(),
    });
    stretches.collect()
}

fn shared_out(text: &str, parts: usize) -> Vec<String> {
    let words: Vec<_> = text.split_whitespace().collect();
    let from = |part: usize| words.len() * part / parts;
    (0..parts)
        .map(|part| words[from(part)..from(part + 1)].join(" "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::shared_out;

    #[test]
    fn words_are_shared_out_in_order_and_none_is_lost() {
        assert_eq!(shared_out("a b c d e", 2), ["a b", "c d e"]);
        assert_eq!(shared_out("a", 3), ["", "", "a"]);
        assert_eq!(shared_out("a b c", 1), ["a b c"]);
    }
}
