//! `speech` of a report: what every recogniser that can be used here makes of every set of speech.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use native::flite::Voice;
use serde::Serialize;

use super::{Conditions, Measured, Summary, Utterance, calls, measure, score};
use crate::{
    bench::{
        library::{Kind, Library, Part, Recording},
        stats::{Percentiles, ms},
    },
    driver::clock,
    provider::{SttOptions, pocketsphinx::Steps},
};

/// The recogniser that comes with the program, as a report names it.
pub const EMBEDDED: &str = "pocketsphinx";
/// Sentences of callees that were kept from whoever wrote the grammar.
const HELD_OUT: &str = include_str!("../../../fixtures/speech/held-out.txt");

/// Figures of one recogniser.
#[derive(Debug, Clone, Serialize)]
pub struct Speech {
    /// Over all sets.
    #[serde(flatten)]
    pub total: Figures,
    /// By set: `phone` for sentences of business calls and `independent` for the sentences of recordings, both spoken by
    /// Flite's voices; `recordings` for the recordings themselves.
    pub sets: BTreeMap<&'static str, Figures>,
    /// By speaker.
    pub speakers: BTreeMap<String, Figures>,
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
    pub partial_ms: Percentiles,
    /// From a flush to its words, in the real time of computing; unlike the words no two machines agree on it.
    pub final_ms: Percentiles,
}

/// One utterance and what came of it.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its name in reports.
    pub trial: String,
    /// Which recogniser heard it.
    pub recogniser: &'static str,
    /// The set that it belongs to.
    pub set: &'static str,
    /// What was said.
    pub utterance: Utterance,
    /// What was heard.
    pub measured: Measured,
}

/// What a report tells of one utterance.
#[derive(Debug, Clone, Serialize)]
pub struct Hearing {
    /// Its name.
    pub trial: String,
    /// Which recogniser heard it.
    pub recogniser: &'static str,
    /// The set that it belongs to.
    pub set: &'static str,
    /// Who says it.
    pub speaker: String,
    /// What was heard, as it came.
    pub heard: String,
    /// Word by word what was said and heard.
    pub aligned: Vec<(Option<String>, Option<String>)>,
    /// Words said.
    pub words: usize,
    /// Words misheard, missed or made up.
    pub faults: usize,
    /// What each flush cost.
    pub final_ms: Vec<f64>,
}

impl From<&Said> for Hearing {
    fn from(said: &Said) -> Self {
        let Measured { heard, score } = &said.measured;
        Self {
            trial: said.trial.clone(),
            recogniser: said.recogniser,
            set: said.set,
            speaker: said.utterance.speaker.clone(),
            heard: heard.text.clone(),
            aligned: score::aligned(&said.utterance.text, &heard.text),
            words: score.words,
            faults: score.faults(),
            final_ms: heard.finals.iter().copied().map(ms).collect(),
        }
    }
}

/// Measures every recogniser that is available, by its name, and gives every utterance beside. `size` is how many sentences
/// of each set each voice speaks, and how many recordings of the part are heard at most. `tell` hears how many calls were
/// begun, and of how many.
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
    tell: &(dyn Fn(usize, usize) + Sync),
) -> Result<(BTreeMap<&'static str, Speech>, Vec<Said>), String> {
    let (utterances, sets) = utterances(library, part, size)?;
    let conditions = Conditions {
        noise: None,
        seed,
        // Times are of an unloaded core: one call after the other.
        threads: 1,
        clock: real_time,
    };
    let (begun, all) = (AtomicUsize::new(0), calls(&utterances).len());
    let open = || {
        tell(begun.fetch_add(1, Ordering::Relaxed), all);
        let telephone = SttOptions {
            narrowband: true,
            ..SttOptions::default()
        };
        Steps::worker(program, models, telephone)
    };
    let measured = measure(&utterances, &conditions, &open)?;
    let speech = Speech::of(&utterances, &measured, &sets);
    let mut said = Vec::new();
    for (set, range) in sets {
        let of = utterances[range.clone()].iter().zip(&measured[range]);
        said.extend(of.enumerate().map(|(index, (utterance, measured))| Said {
            trial: format!("{set} {index:03}"),
            recogniser: EMBEDDED,
            set,
            utterance: utterance.clone(),
            measured: measured.clone(),
        }));
    }
    Ok((BTreeMap::from([(EMBEDDED, speech)]), said))
}

/// Which utterances a set is.
type Sets = Vec<(&'static str, Range<usize>)>;

fn utterances(
    library: &Library,
    part: Part,
    size: usize,
) -> Result<(Vec<Utterance>, Sets), String> {
    let ours = HELD_OUT
        .lines()
        .filter(|line| !line.starts_with('#') && Part::of(line) == part);
    let speech = |r: &&Recording| r.kind == Kind::Speech && !r.transcript.is_empty();
    let recordings = by_voices(library.part(part).filter(speech));
    let theirs = recordings
        .iter()
        .filter(|recording| recording.is_sentence())
        .map(|recording| recording.transcript.as_str());
    let (mut utterances, mut sets) = (Vec::new(), Sets::new());
    let mut spoken = |set, lines: Vec<&str>| {
        let from = utterances.len();
        for voice in Voice::ALL {
            for line in &lines {
                utterances.push(Utterance::spoken(voice, line)?);
            }
        }
        sets.push((set, from..utterances.len()));
        Ok::<_, String>(())
    };
    spoken("phone", ours.take(size).collect())?;
    spoken("independent", theirs.take(size).collect())?;
    let from = utterances.len();
    let mut recordings: Vec<_> = recordings.iter().take(size).collect();
    // What one voice says is heard in one call.
    recordings.sort_by(|one, other| one.voice.cmp(&other.voice));
    utterances.extend(recordings.into_iter().map(|one| Utterance::recorded(one)));
    sets.push(("recordings", from..utterances.len()));
    sets.retain(|(_, range)| !range.is_empty());
    Ok((utterances, sets))
}

/// The first of every voice, then the second of every voice, and so on: so that a few are not all of one voice.
fn by_voices<'a>(recordings: impl Iterator<Item = &'a Recording>) -> Vec<&'a Recording> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found: Vec<_> = recordings
        .map(|recording| {
            let count = counts.entry(&recording.voice).or_default();
            *count += 1;
            (*count, recording)
        })
        .collect();
    found.sort_by_key(|(count, _)| *count);
    found.into_iter().map(|(_, recording)| recording).collect()
}

impl Speech {
    fn of(
        utterances: &[Utterance],
        measured: &[Measured],
        sets: &[(&'static str, Range<usize>)],
    ) -> Self {
        let all = |chosen: &dyn Fn(&Utterance) -> bool| {
            Figures::of(&Summary::of(utterances, measured, chosen))
        };
        let set = |(name, range): &(_, Range<usize>)| {
            let (utterances, measured) = (&utterances[range.clone()], &measured[range.clone()]);
            let summary = Summary::of(utterances, measured, |_| true);
            (*name, Figures::of(&summary))
        };
        let speaker = |utterance: &Utterance| {
            let speaker = &utterance.speaker;
            (speaker.clone(), all(&|other| other.speaker == *speaker))
        };
        Self {
            total: all(&|_| true),
            sets: sets.iter().map(set).collect(),
            speakers: utterances
                .chunk_by(|one, next| one.speaker == next.speaker)
                .map(|of_one| speaker(&of_one[0]))
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
            partial_ms: summary.partial_ms,
            final_ms: summary.final_ms,
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
