//! Dialogues in which the agent speaks at length and something is heard over it: the callee takes the floor, listens
//! aloud, coughs, laughs, slams a door, or nothing but the agent's own echo.
//!
//! The agent's speeches ask nothing, so that no listener's "yes" is an answer.

use std::{sync::Arc, time::Duration};

use native::flite::Voice;

use super::{
    Cue, Kind, Label, Library, LibraryError, Maker, Part, Trial, When, assemble,
    lines::{Kindness, echo},
    texts::{self, Role},
};
use crate::{
    bench::library::{self, Recording, voiced},
    line::simulated::sounds::{self, noises},
};

/// When somebody is heard, counted from the first word of the agent's speech, in milliseconds.
const INTO_THE_SPEECH: std::ops::Range<u64> = 800..3500;
/// Words of a recording that can take the floor.
const WORDS: std::ops::RangeInclusive<usize> = 1..=9;

/// Makes the trials that tell how the agent bears what is heard over its speech: `size` of each kind of sound, and
/// `echoes` with nothing but its own echo.
///
/// # Errors
/// When Flite cannot speak.
pub fn barge_in(
    library: &Library,
    seed: u64,
    size: usize,
    echoes: usize,
    part: Part,
) -> Result<Vec<Trial>, LibraryError> {
    let mut maker = Maker::new(library, seed, part)?;
    let recorded = Recorded::new(library, part);
    let mut trials = Vec::new();
    for (group, make) in GROUPS {
        for index in 0..size {
            let mut random = maker.random(group, index);
            if let Some((sound, label)) = make(&mut maker, &recorded, &mut random)? {
                let line = maker.lines.draw(index, &mut random);
                let cue = Cue {
                    when: When::AgentSpeaks(Duration::from_millis(random.u64(INTO_THE_SPEECH))),
                    sound,
                    label,
                };
                let cues = vec![maker.short_hello(&mut random)?, cue];
                let agent = agent(part, &mut random);
                trials.push(assemble(group, index, line, agent, cues, &mut random));
            }
        }
    }
    for index in 0..echoes {
        trials.push(maker.echo(index)?);
    }
    Ok(trials)
}

/// A sound, and what it is.
type Heard = (Arc<[i16]>, Label);

/// Makes a sound; `None` when there is nothing to make it of.
type Sounder =
    fn(&mut Maker<'_>, &Recorded<'_>, &mut fastrand::Rng) -> Result<Option<Heard>, LibraryError>;

/// The groups of [`barge_in`] but for the echo.
const GROUPS: [(&str, Sounder); 12] = [
    ("interruption", |maker, _, random| {
        maker.interruption(random)
    }),
    ("recorded interruption", |_, recorded, random| {
        Ok(recorded.interruption(random))
    }),
    ("backchannel", |maker, _, random| maker.backchannel(random)),
    ("cough", |_, _, random| {
        Ok(noise("cough", noises::coughs, random))
    }),
    ("laugh", |_, _, random| {
        Ok(noise("laugh", noises::laugh, random))
    }),
    ("throat clearing", |_, _, random| {
        Ok(noise("throat clearing", noises::throat_clearing, random))
    }),
    ("breath", |_, _, random| {
        Ok(noise("breath", noises::breath, random))
    }),
    ("door", |_, _, random| {
        Ok(noise("door", noises::slam, random))
    }),
    ("keyboard", |_, _, random| {
        Ok(noise("keyboard", noises::keyboard, random))
    }),
    ("clatter", |_, _, random| {
        Ok(noise("clatter", noises::clatter, random))
    }),
    ("recorded cough or laugh", |_, recorded, random| {
        Ok(recorded.body(random))
    }),
    ("recorded noise", |_, recorded, random| {
        Ok(recorded.noise(random))
    }),
];

/// A sound that was made.
fn noise(
    kind: &'static str,
    make: fn(u64) -> Vec<i16>,
    random: &mut fastrand::Rng,
) -> Option<Heard> {
    let sound = make(random.u64(..));
    let voiced = voiced::find(&sound)?.range;
    Some((sound.into(), Label::Disturbance { kind, voiced }))
}

/// What the agent says: a speech, and a reaction to being interrupted.
fn agent(part: Part, random: &mut fastrand::Rng) -> Vec<String> {
    let mut one = |role| {
        let found = random.choice(texts::barge_in(role, part));
        found.unwrap_or_default().to_owned()
    };
    vec![one(Role::Speech), one(Role::Reaction)]
}

impl Maker<'_> {
    fn interruption(&mut self, random: &mut fastrand::Rng) -> Result<Option<Heard>, LibraryError> {
        let Some(text) = random.choice(texts::barge_in(Role::Interruption, self.part)) else {
            return Ok(None);
        };
        let voice = random.choice(Voice::ALL).unwrap_or(Voice::Rms);
        let speech = self.voices.say(voice, text)?;
        let Some(found) = voiced::find(&speech.samples) else {
            return Ok(None);
        };
        let label = Label::Interruption {
            text: library::words(text),
            voiced: found.range,
        };
        Ok(Some((speech.samples.as_slice().into(), label)))
    }

    /// A listener's sound: as loud as speech or up to 8 dB weaker.
    fn backchannel(&mut self, random: &mut fastrand::Rng) -> Result<Option<Heard>, LibraryError> {
        let Some(text) = random.choice(texts::barge_in(Role::Backchannel, self.part)) else {
            return Ok(None);
        };
        let voice = random.choice(Voice::ALL).unwrap_or(Voice::Rms);
        let mut sound = self.voices.say(voice, text)?.samples.clone();
        media::mix::scale(&mut sound, sounds::amplitude(-8.0 * random.f32()));
        let Some(found) = voiced::find(&sound) else {
            return Ok(None);
        };
        let label = Label::Disturbance {
            kind: "backchannel",
            voiced: found.range,
        };
        Ok(Some((sound.into(), label)))
    }

    /// The agent speaks and nothing is heard but its echo, on every second line with noise.
    fn echo(&mut self, index: usize) -> Result<Trial, LibraryError> {
        let mut random = self.random("echo", index);
        let kind = match index % 4 {
            1 => Kindness::Noise(0),
            3 => Kindness::Noise(1),
            _ => Kindness::Quiet,
        };
        let mut line = self.lines.of(kind, &mut random);
        line.echo = Some(echo(-10.0, &mut random));
        let cues = vec![self.short_hello(&mut random)?];
        let agent = agent(self.part, &mut random);
        Ok(assemble("echo", index, line, agent, cues, &mut random))
    }
}

/// What was recorded.
struct Recorded<'a> {
    phrases: Vec<&'a Recording>,
    bodies: Vec<&'a Recording>,
    noises: Vec<&'a Recording>,
}

impl<'a> Recorded<'a> {
    fn new(library: &'a Library, part: Part) -> Self {
        let of = |wanted: &[Kind]| -> Vec<&'a Recording> {
            let found = library.part(part);
            found.filter(|found| wanted.contains(&found.kind)).collect()
        };
        let phrase = |recording: &&Recording| {
            let words = recording.words();
            WORDS.contains(&words.split_whitespace().count()) && recording.is_sentence()
                || ["no", "sorry", "i'm sorry"].contains(&words.as_str())
        };
        Self {
            phrases: of(&[Kind::Speech]).into_iter().filter(phrase).collect(),
            bodies: of(&[Kind::Cough, Kind::Laugh]),
            noises: of(&[Kind::Noise]),
        }
    }

    fn interruption(&self, random: &mut fastrand::Rng) -> Option<Heard> {
        let recording = random.choice(&self.phrases)?;
        let label = Label::Interruption {
            text: recording.words(),
            voiced: recording.voiced.range.clone(),
        };
        Some((Arc::clone(&recording.sound), label))
    }

    fn body(&self, random: &mut fastrand::Rng) -> Option<Heard> {
        let recording = random.choice(&self.bodies)?;
        let kind = match recording.kind {
            Kind::Laugh => "recorded laugh",
            _ => "recorded cough",
        };
        Some(disturbance(recording, kind))
    }

    fn noise(&self, random: &mut fastrand::Rng) -> Option<Heard> {
        Some(disturbance(random.choice(&self.noises)?, "recorded noise"))
    }
}

fn disturbance(recording: &Recording, kind: &'static str) -> Heard {
    let voiced = recording.voiced.range.clone();
    (
        Arc::clone(&recording.sound),
        Label::Disturbance { kind, voiced },
    )
}
