//! What is said on a call whose cost is measured: eight turns, with hesitations in two of them, and services that stand in.
//!
//! The workload is that of the published measurements (`docs/capacity.md`): interim words after 250 ms, the model's first text
//! after 400 ms and then 60 tokens a second, the voice's first sound after 150 ms.

use std::{sync::Arc, time::Duration};

use crate::provider::{
    flite::instant::InstantFlite,
    scripted::{ScriptedModel, ScriptedReply, ScriptedSpeechToText, ScriptedTextToSpeech},
};

/// How long the recogniser takes for final words.
pub const WORDS: Duration = Duration::from_millis(250);
/// How long the model takes for its first text.
pub const FIRST_TOKEN: Duration = Duration::from_millis(400);
/// The model's pace: 60 tokens a second.
pub const TOKEN: Duration = Duration::from_micros(16_667);
/// How long the voice takes for its first sound.
pub const FIRST_SOUND: Duration = Duration::from_millis(150);

/// One turn of the callee: what is said, in stretches, with the hesitation before each further one in milliseconds.
type Turn = &'static [(u64, &'static str)];

/// The callee's turns; the first is how the phone is picked up.
const CALLEE: [Turn; 8] = [
    &[(0, "hello this is the front desk")],
    &[(0, "yes we are open tonight")],
    &[
        (0, "i would like to know"),
        (700, "how many people are coming"),
    ],
    &[(0, "we have a table at seven")],
    &[
        (0, "it would be in"),
        (600, "the garden if that is fine"),
        (900, "for all of you"),
    ],
    &[(0, "sure that will be fine")],
    &[(0, "we will keep it for you")],
    &[(0, "is there anything else you need")],
];

/// The agent's answers.
const AGENT: [&str; 9] = [
    "Hello, I am calling to book a table for this evening, if you have one.",
    "Good evening. I am calling on behalf of a friend who would like to come and eat at your place tonight.",
    "That is very good to hear. Do you have a table some time after half past six?",
    "There will be two of them, and both of them eat everything that you cook.",
    "Seven would be perfect for them. Could it be a table by the window, or outside?",
    "The garden sounds lovely. They may be a few minutes late, because of the traffic.",
    "Thank you, that is very kind of you. The name for the table is Alex Morgan.",
    "Wonderful. They are looking forward to the evening, and so would I if I could eat.",
    "No, that was everything that I wanted to ask. Thank you very much for your time.",
];

/// One turn of the callee as sound.
#[derive(Debug, Clone)]
pub struct Said {
    /// µ-law, 8 kHz, a whole number of frames of 20 ms.
    pub codes: Arc<[u8]>,
    /// How many of the frames it takes until the last one that holds voice is over.
    pub voiced: usize,
}

/// Speaks the callee's turns.
///
/// # Errors
/// When Flite does not speak.
pub fn callee() -> Result<Vec<Said>, String> {
    let voice = InstantFlite::default();
    CALLEE.iter().map(|turn| speak(&voice, turn)).collect()
}

fn speak(voice: &InstantFlite, turn: Turn) -> Result<Said, String> {
    let mut sound: Vec<i16> = Vec::new();
    for (pause, text) in turn {
        sound.resize(sound.len() + *pause as usize * 8, 0);
        let (samples, rate) = voice.samples(text);
        let mut resampler = media::Resampler::new(rate, 8000)
            .map_err(|_| "Flite, whose voice plays the callee, does not speak.".to_owned())?;
        let mut spoken = Vec::new();
        resampler.process(&samples, |piece| spoken.extend_from_slice(piece));
        resampler.finish(|piece| spoken.extend_from_slice(piece));
        let loud = |sample: &i16| sample.unsigned_abs() > 300;
        let first = spoken.iter().position(loud).unwrap_or(0);
        let last = spoken.iter().rposition(loud).map_or(0, |last| last + 1);
        sound.extend_from_slice(&spoken[first..last.max(first)]);
    }
    let frames = sound.len().div_ceil(media::FRAME);
    sound.resize(frames * media::FRAME, 0);
    let mut codes = vec![0; sound.len()];
    media::Codec::Pcmu.encode(&sound, &mut codes);
    Ok(Said {
        codes: codes.into(),
        voiced: frames,
    })
}

/// The recogniser that knows all this.
#[must_use]
pub fn hearing() -> ScriptedSpeechToText {
    let texts = CALLEE.iter().flat_map(|turn| turn.iter());
    ScriptedSpeechToText::new(texts.map(|(_, text)| *text)).delayed(WORDS)
}

/// The model that knows its answers.
#[must_use]
pub fn thinking() -> ScriptedModel {
    let reply = |text: &&str| ScriptedReply::text(text).paced(FIRST_TOKEN, TOKEN);
    ScriptedModel::new(AGENT.iter().map(reply).collect())
}

/// The voice, which has made all that it will say, by the clauses in which it is asked to say it.
#[must_use]
pub fn speaking() -> ScriptedTextToSpeech {
    let voice = ScriptedTextToSpeech::new(FIRST_SOUND);
    for text in AGENT {
        for sentence in text.split_inclusive(['.', '?']) {
            voice.prepare(sentence.trim());
            for clause in sentence.split_inclusive(',') {
                voice.prepare(clause.trim());
            }
        }
    }
    voice
}

/// What the agent says first.
#[must_use]
pub const fn opening() -> &'static str {
    AGENT[0]
}
