//! `speech` of a report: what every recogniser that can be used here makes of every set of speech.

use std::{collections::BTreeMap, path::Path};

use native::flite::Voice;
use serde::Serialize;

use super::{Conditions, Measured, Summary, Utterance, measure};
use crate::{
    bench::library::{Kind, Library, Part},
    driver::clock,
    provider::{SttOptions, pocketsphinx::Steps},
};

/// Sentences of callees that were kept from whoever wrote the grammar.
const HELD_OUT: &str = include_str!("../../../fixtures/speech/held-out.txt");

/// Figures of one recogniser.
#[derive(Debug, Clone, Serialize)]
pub struct Speech {
    /// Over all sets.
    pub total: Figures,
    /// By set: `phone` for sentences of business calls, spoken by Flite's voices; `recordings` for real ones.
    pub sets: BTreeMap<&'static str, Figures>,
    /// Words misheard by speaker.
    pub speakers: BTreeMap<String, f64>,
}

/// Figures of one recogniser on one set.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Words misheard, missed or made up, per word said.
    pub wer: f64,
    /// Words said.
    pub words: usize,
    /// Utterances.
    pub utterances: usize,
    /// From the end of a word to the partial that has it, in the time of the sound and the real time of computing.
    pub partial_ms: P50,
    /// From a flush to its words, in the real time of computing; unlike the words no two machines agree on it.
    pub final_ms: P50,
}

/// A median of times in which computing was measured in real time.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct P50 {
    /// In milliseconds; nothing when there was nothing to measure.
    pub p50: Option<f64>,
}

/// Measures every recogniser that is available, by its name. `size` is how many sentences each voice speaks and how many
/// recordings of the part are heard at most.
///
/// # Errors
/// A sentence that says which recogniser failed and why.
pub fn run(
    library: &Library,
    part: Part,
    size: usize,
    seed: u64,
    program: &Path,
    models: &Path,
) -> Result<BTreeMap<&'static str, Speech>, String> {
    let utterances = utterances(library, part, size)?;
    let conditions = Conditions {
        noise: None,
        seed,
        // Times are of an unloaded core: one call after the other.
        threads: 1,
        clock: real_time,
    };
    let open = || {
        let telephone = SttOptions {
            narrowband: true,
            ..SttOptions::default()
        };
        Steps::worker(program, models, telephone)
    };
    let measured = measure(&utterances, &conditions, &open)?;
    Ok(BTreeMap::from([(
        "pocketsphinx",
        Speech::of(&utterances, &measured),
    )]))
}

fn utterances(library: &Library, part: Part, size: usize) -> Result<Vec<Utterance>, String> {
    let lines: Vec<&str> = HELD_OUT
        .lines()
        .filter(|line| !line.starts_with('#') && Part::of(line) == part)
        .take(size)
        .collect();
    let mut utterances = Vec::new();
    for voice in Voice::ALL {
        for line in &lines {
            utterances.push(Utterance::spoken(voice, line)?);
        }
    }
    let recordings = library
        .part(part)
        .filter(|r| r.kind == Kind::Speech && !r.transcript.is_empty());
    utterances.extend(recordings.take(size).map(Utterance::recorded));
    Ok(utterances)
}

impl Speech {
    fn of(utterances: &[Utterance], measured: &[Measured]) -> Self {
        let of = |chosen: &dyn Fn(&Utterance) -> bool| Summary::of(utterances, measured, chosen);
        let phone = of(&|u| !u.ends.is_empty());
        let recordings = of(&|u| u.ends.is_empty());
        Self {
            total: Figures::of(&of(&|_| true)),
            sets: [("phone", phone), ("recordings", recordings)]
                .into_iter()
                .filter(|(_, summary)| summary.score.utterances > 0)
                .map(|(name, summary)| (name, Figures::of(&summary)))
                .collect(),
            speakers: utterances
                .iter()
                .map(|u| {
                    let summary = of(&|other| other.speaker == u.speaker);
                    (u.speaker.clone(), rounded(summary.score.rate()))
                })
                .collect(),
        }
    }
}

impl Figures {
    fn of(summary: &Summary) -> Self {
        Self {
            wer: rounded(summary.score.rate()),
            words: summary.score.words,
            utterances: summary.score.utterances,
            partial_ms: P50 {
                p50: summary.partial_ms.p50,
            },
            final_ms: P50 {
                p50: summary.final_ms.p50,
            },
        }
    }
}

fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

/// Real time since some moment.
fn real_time() -> std::time::Duration {
    clock::real()
}
