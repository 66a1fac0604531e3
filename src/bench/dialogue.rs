//! Labelled telephone dialogues, made from recordings and from sentences that Flite speaks.
//!
//! Everything is drawn from one seed; a trial does not change when others are left out. What the callee says is known to
//! the sample ([`Label`]); the engine gets the sound alone. Decides nothing about how a dialogue is played (`stage`) or
//! counted (`turns`, `barge_in`).

use std::{sync::Arc, time::Duration};

use native::flite::Voice;
use sha2::{Digest, Sha256};

use self::{
    lines::{LineOf, Lines},
    recorded::Words,
    splice::Splice,
    texts::{Answer, Shape},
    voices::Voices,
};
use super::{
    library::{self, Kind, Library, LibraryError, Part},
    trial::{Cue, Label, PauseKind, Trial, When},
};

pub use self::over::barge_in;

mod entities;
mod lines;
mod over;
mod recorded;
mod splice;
mod texts;
mod voices;

/// Lengths of hesitations, in milliseconds.
const HESITATION: std::ops::RangeInclusive<u64> = 300..=1500;

/// Makes the trials that tell how turns end: `size` of each group, those that the recordings allow.
///
/// # Errors
/// When Flite cannot speak.
pub fn turns(
    library: &Library,
    seed: u64,
    size: usize,
    part: Part,
) -> Result<Vec<Trial>, LibraryError> {
    let mut maker = Maker::new(library, seed, part)?;
    let mut trials = Vec::new();
    for (group, draft) in GROUPS {
        for index in 0..size {
            let mut random = maker.random(group, index);
            if let Some(draft) = draft(&mut maker, &mut random)? {
                trials.push(maker.trial(group, index, draft, &mut random)?);
            }
        }
    }
    Ok(trials)
}

/// Makes a turn of a group; `None` when there is nothing to make it of.
type Drafter = fn(&mut Maker<'_>, &mut fastrand::Rng) -> Result<Option<Draft>, LibraryError>;

/// The groups of [`turns`].
const GROUPS: [(&str, Drafter); 12] = [
    ("statement", |maker, random| {
        maker.answer(Shape::Whole, random)
    }),
    ("short answer", |maker, random| {
        maker.answer(Shape::Short, random)
    }),
    ("hesitation, words incomplete", |maker, random| {
        maker.answer(Shape::Incomplete, random)
    }),
    ("hesitation, words complete", |maker, random| {
        maker.answer(Shape::LooksComplete, random)
    }),
    ("phone number", |maker, random| {
        entities::phone_number(maker, random)
    }),
    ("e-mail address", |maker, random| {
        entities::email(maker, random)
    }),
    ("spelled name", |maker, random| {
        entities::spelling(maker, random)
    }),
    ("recorded statement", |maker, random| {
        Ok(maker.words.sentence(random))
    }),
    ("recorded short answer", |maker, random| {
        Ok(maker.words.short_answer(random))
    }),
    ("recorded hesitation", |maker, random| {
        Ok(maker.words.hesitation(random))
    }),
    ("recorded phone number", |maker, random| {
        Ok(maker.words.phone_number(random))
    }),
    ("recorded spelling", |maker, random| {
        Ok(maker.words.spelling(random))
    }),
];

/// A turn before it has a line.
#[derive(Debug)]
struct Draft {
    question: String,
    sound: Arc<[i16]>,
    label: Label,
}

impl Draft {
    fn new(question: &str, splice: Splice, text: String) -> Option<Self> {
        let (sound, label) = splice.turn(text)?;
        Some(Self {
            question: question.to_owned(),
            sound,
            label,
        })
    }
}

/// What trials are made with.
struct Maker<'a> {
    seed: u64,
    part: Part,
    voices: Voices,
    words: Words<'a>,
    lines: Lines,
}

impl<'a> Maker<'a> {
    fn new(library: &'a Library, seed: u64, part: Part) -> Result<Self, LibraryError> {
        let mut voices = Voices::default();
        let lines = Lines::new(library, part, seed_of(seed, "lines", 0), &mut voices)?;
        Ok(Self {
            seed,
            part,
            voices,
            words: Words::new(library, part),
            lines,
        })
    }

    /// The chance of one trial.
    fn random(&self, group: &str, index: usize) -> fastrand::Rng {
        fastrand::Rng::with_seed(seed_of(self.seed, group, index))
    }

    /// An answer of the list, in a voice drawn.
    fn answer(
        &mut self,
        shape: Shape,
        random: &mut fastrand::Rng,
    ) -> Result<Option<Draft>, LibraryError> {
        let answers = texts::answers(shape, self.part);
        let Some(Answer { question, text }) = random.choice(answers) else {
            return Ok(None);
        };
        let kind = match shape {
            Shape::LooksComplete => PauseKind::LooksComplete,
            _ => PauseKind::Incomplete,
        };
        // Words that could be all are heard as such in half of the cases: each part is a sentence of its own, and the
        // voice falls before the pause.
        let apart = kind == PauseKind::LooksComplete && random.bool();
        let parts: Vec<&str> = text.split('|').map(str::trim).collect();
        let splice = self.speak(&parts, apart, kind, random)?;
        Ok(Draft::new(question, splice, library::words(text)))
    }

    /// Speaks parts with hesitations between them: as one sentence that is cut, or `apart`.
    fn speak(
        &mut self,
        parts: &[&str],
        apart: bool,
        kind: PauseKind,
        random: &mut fastrand::Rng,
    ) -> Result<Splice, LibraryError> {
        let voice = random.choice(Voice::ALL).unwrap_or(Voice::Rms);
        let mut splice = Splice::default();
        let mut say = |piece: &[i16], loudest: f32, random: &mut fastrand::Rng| {
            splice.pause(hesitation(random), kind);
            splice.say(piece, loudest, kind);
        };
        if apart {
            for part in parts {
                let speech = self.voices.say(voice, part)?;
                say(&speech.samples, speech.loudest, random);
            }
        } else {
            let speech = self.voices.say(voice, &parts.join(" "))?;
            let mut words = 0;
            let mut after: Vec<usize> = Vec::new();
            for part in &parts[..parts.len() - 1] {
                words += part.split_whitespace().count();
                after.push(words);
            }
            for piece in speech.cut(&after) {
                say(piece, speech.loudest, random);
            }
        }
        Ok(splice)
    }

    /// Puts a turn on a line: the callee picks up, the agent asks, the callee answers.
    fn trial(
        &mut self,
        group: &'static str,
        index: usize,
        draft: Draft,
        random: &mut fastrand::Rng,
    ) -> Result<Trial, LibraryError> {
        let line = self.lines.draw(index, random);
        let cues = vec![
            self.hello(random)?,
            Cue {
                when: When::AgentStops(Duration::from_millis(random.u64(250..900))),
                sound: draft.sound,
                label: draft.label,
            },
        ];
        let agent = vec![
            draft.question,
            "Thank you. I have written that down.".into(),
        ];
        Ok(assemble(group, index, line, agent, cues, random))
    }

    /// The callee picks up.
    fn hello(&mut self, random: &mut fastrand::Rng) -> Result<Cue, LibraryError> {
        self.greeting(&HELLOS, random)
    }

    /// The callee picks up in one breath. What came after a pause would be an interruption of its own where the agent speaks
    /// at length.
    fn short_hello(&mut self, random: &mut fastrand::Rng) -> Result<Cue, LibraryError> {
        self.greeting(&HELLOS[..IN_ONE_BREATH], random)
    }

    fn greeting(
        &mut self,
        greetings: &[&str],
        random: &mut fastrand::Rng,
    ) -> Result<Cue, LibraryError> {
        let voice = random.choice(Voice::ALL).unwrap_or(Voice::Rms);
        let text = random.choice(greetings).unwrap_or(&"Hello?");
        let speech = self.voices.say(voice, text)?;
        Ok(Cue {
            when: When::After(Duration::from_millis(random.u64(200..600))),
            sound: speech.samples.as_slice().into(),
            label: Label::Prelude,
        })
    }
}

/// What callees say on picking up; the first so many without a pause.
const HELLOS: [&str; 5] = [
    "Hello?",
    "Good morning.",
    "Hello, this is the front desk.",
    "Yes, hello?",
    "Good evening, how can I help you?",
];
const IN_ONE_BREATH: usize = 2;

fn assemble(
    group: &'static str,
    index: usize,
    line: LineOf,
    agent: Vec<String>,
    cues: Vec<Cue>,
    random: &mut fastrand::Rng,
) -> Trial {
    Trial {
        id: format!("{group} {index:03}"),
        seed: random.u64(..),
        group,
        line: line.name,
        agent,
        cues,
        network: line.network,
        background: line.background,
        echo: line.echo,
    }
}

/// The length of a hesitation.
fn hesitation(random: &mut fastrand::Rng) -> Duration {
    Duration::from_millis(random.u64(HESITATION))
}

/// A seed that depends on what it is for.
fn seed_of(seed: u64, what: &str, index: usize) -> u64 {
    let digest = Sha256::digest(format!("{seed} {what} {index}"));
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests;
