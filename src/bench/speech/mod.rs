//! Hearing, measured: words that are misheard, and how late words come.
//!
//! Sound goes over a telephone and through a call's uplink to the recogniser in lock-step, so which words are heard
//! depends on the sound alone. `docs/speech.md` defines every figure and says what was found.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use media::impair::Noise;

use super::stats::Percentiles;
use crate::{driver::clock, provider::pocketsphinx::Steps};

mod call;
mod figures;
mod score;
pub mod sound;

pub use self::{
    call::{Heard, HeardCall, Partial},
    figures::{EMBEDDED, Figures, Hearing, Said, Speech, run},
    score::{Score, words},
    sound::Utterance,
};

/// Utterances in one call.
const IN_A_CALL: usize = 8;

/// How utterances are heard.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    /// White noise on the line, in dBFS.
    pub noise: Option<f32>,
    /// Seeds the noise.
    pub seed: u64,
    /// Threads that hear calls; the words do not depend on it.
    pub threads: usize,
    /// What costs are measured with: real time, or a thread's own.
    pub clock: fn() -> Duration,
}

/// What came of one utterance.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What was heard.
    pub heard: Heard,
    /// How much of it was wrong.
    pub score: Score,
}

/// What came of a call.
type Call = Result<Vec<Measured>, String>;

/// Hears all utterances, in calls of one speaker each, with recognisers that `open` makes; results are in the order of the
/// utterances.
///
/// # Errors
/// The first recogniser that could not be made or failed.
pub fn measure(
    utterances: &[Utterance],
    conditions: &Conditions,
    open: &(dyn Fn() -> Result<Steps, String> + Sync),
) -> Result<Vec<Measured>, String> {
    let calls = calls(utterances);
    let results: Mutex<Vec<Option<Call>>> = Mutex::new(calls.iter().map(|_| None).collect());
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(call) = calls.get(index) else { return };
            let result = open().and_then(|steps| hear(call, steps, conditions, index));
            results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
        }
    };
    thread::scope(|scope| {
        for _ in 0..conditions.threads.max(1) {
            scope.spawn(work);
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let calls: Vec<Vec<Measured>> = results.into_iter().flatten().collect::<Result<_, _>>()?;
    Ok(calls.into_iter().flatten().collect())
}

/// The utterances of each call.
fn calls(utterances: &[Utterance]) -> Vec<&[Utterance]> {
    utterances
        .chunk_by(|one, next| one.speaker == next.speaker)
        .flat_map(|speaker| speaker.chunks(IN_A_CALL))
        .collect()
}

fn hear(utterances: &[Utterance], steps: Steps, conditions: &Conditions, index: usize) -> Call {
    let seed = conditions.seed.wrapping_add(index as u64);
    let mut noise = conditions.noise.map(|level| Noise::new(level, seed));
    let mut call = HeardCall::new(steps, clock::now(), conditions.clock);
    utterances
        .iter()
        .map(|utterance| {
            let heard = call.hear(&utterance.sound, noise.as_mut())?;
            let score = Score::of(&utterance.text, &heard.text);
            Ok(Measured { heard, score })
        })
        .collect()
}

/// Figures over some utterances.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Words misheard.
    pub score: Score,
    /// From the end of a word to the first partial that has it, of utterances heard without fault.
    pub partial_ms: Percentiles,
    /// From a flush to its words.
    pub final_ms: Percentiles,
    /// Computing per sound.
    pub load: f64,
}

impl Summary {
    /// Sums up what came of the utterances that are `chosen`.
    #[must_use]
    pub fn of(
        utterances: &[Utterance],
        measured: &[Measured],
        chosen: impl Fn(&Utterance) -> bool,
    ) -> Self {
        let chosen: Vec<_> = utterances
            .iter()
            .zip(measured)
            .filter(|(utterance, _)| chosen(utterance))
            .collect();
        let mut score = Score::default();
        let (mut cost, mut samples) = (Duration::ZERO, 0);
        for (utterance, measured) in &chosen {
            score += measured.score;
            cost += measured.heard.cost;
            samples += utterance.sound.len();
        }
        let finals = chosen
            .iter()
            .flat_map(|(_, m)| m.heard.finals.iter().copied());
        Self {
            score,
            partial_ms: Percentiles::of(chosen.iter().flat_map(|(u, m)| word_delays(u, m))),
            final_ms: Percentiles::of(finals),
            load: cost.as_secs_f64() / media::wire_time(samples as u64).as_secs_f64().max(1e-9),
        }
    }
}

/// How long after its end each word came, in a partial or in the end; nothing where ends are not known or words were
/// misheard.
fn word_delays(utterance: &Utterance, measured: &Measured) -> Vec<Duration> {
    let said = words(&utterance.text);
    if measured.score.faults() > 0 || said.len() != utterance.ends.len() {
        return Vec::new();
    }
    let partials: Vec<_> = measured
        .heard
        .partials
        .iter()
        .map(|partial| (partial.at + partial.cost, words(&partial.text)))
        .collect();
    said.iter()
        .enumerate()
        .filter_map(|(index, word)| {
            let has = |heard: &Vec<String>| heard.get(index) == Some(word);
            let (at, _) = partials.iter().find(|(_, heard)| has(heard))?;
            Some(at.saturating_sub(utterance.ends[index]))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_late_from_their_end_to_the_partial_that_has_them() {
        let ms = Duration::from_millis;
        let utterance = Utterance {
            speaker: "rms".to_owned(),
            text: "a table please".to_owned(),
            sound: vec![0; 8000],
            ends: vec![ms(100), ms(500), ms(900)],
        };
        let partial = |at, text: &str| Partial {
            at: ms(at),
            cost: ms(3),
            text: text.to_owned(),
        };
        let heard = |text: &str| Heard {
            text: text.to_owned(),
            partials: vec![
                partial(200, "a"),
                partial(600, "a cable"),
                partial(700, "a table"),
            ],
            finals: vec![ms(20)],
            cost: ms(250),
        };
        let measured = |text: &str| Measured {
            heard: heard(text),
            score: Score::of(&utterance.text, text),
        };
        // The last word came with the end only.
        let good = measured("a table please");
        assert_eq!(word_delays(&utterance, &good), [ms(103), ms(203)]);
        assert!(word_delays(&utterance, &measured("a cable")).is_empty());
        let summary = Summary::of(std::slice::from_ref(&utterance), &[good], |_| true);
        assert_eq!(summary.final_ms.p50, Some(20.0));
        assert_eq!(summary.partial_ms.count, 2);
        assert!((summary.load - 0.25).abs() < 1e-9);
    }
}
