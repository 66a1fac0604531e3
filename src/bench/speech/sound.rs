//! Utterances to measure with: Flite's voices, and recordings.

use std::time::Duration;

use media::resample::Resampler;
use native::flite::{Next, Voice};

use crate::{bench::library::Recording, line::simulated::sounds};

/// Sampling rate of a telephone, in Hz.
pub const TELEPHONE: u32 = sounds::RATE;
/// Sampling rate that the acoustic model was trained at, in Hz.
pub const WIDEBAND: u32 = 16_000;

/// Something that is said.
#[derive(Debug, Clone)]
pub struct Utterance {
    /// Who says it. What a speaker says one after the other is heard in one call.
    pub speaker: String,
    /// The words.
    pub text: String,
    /// The sound at 8 kHz, speech at -22 dBFS over its louder parts.
    pub sound: Vec<i16>,
    /// When each word ends, if that is known; else empty.
    pub ends: Vec<Duration>,
}

impl Utterance {
    /// Returns the text as this voice says it.
    ///
    /// # Errors
    /// When Flite cannot speak it.
    pub fn spoken(voice: Voice, text: &str) -> Result<Self, String> {
        let mut ends = Vec::new();
        let mut wide = Vec::new();
        speak(voice, text, |samples, more| {
            wide.extend_from_slice(samples);
            ends.extend_from_slice(more);
        })?;
        let mut sound = resampled(&wide, WIDEBAND, TELEPHONE);
        sounds::level(&mut sound, TELEPHONE);
        Ok(Self {
            speaker: voice.name().to_owned(),
            text: text.to_owned(),
            sound,
            ends,
        })
    }

    /// Returns what was recorded.
    #[must_use]
    pub fn recorded(recording: &Recording) -> Self {
        Self {
            speaker: recording.voice.clone(),
            text: recording.transcript.clone(),
            sound: recording.sound.to_vec(),
            ends: Vec::new(),
        }
    }
}

/// Returns `text` as this voice says it, 16 kHz.
///
/// # Errors
/// When Flite cannot speak it.
pub fn spoken(voice: Voice, text: &str) -> Result<Vec<i16>, String> {
    let mut wide = Vec::new();
    speak(voice, text, |samples, _| wide.extend_from_slice(samples))?;
    Ok(wide)
}

fn speak(
    voice: Voice,
    text: &str,
    mut hear: impl FnMut(&[i16], &[Duration]),
) -> Result<bool, String> {
    voice
        .speak(text, |piece| {
            hear(piece.samples, &piece.token_ends);
            Next::More
        })
        .map_err(|error| error.to_string())
}

/// Returns the samples at another rate.
///
/// # Panics
/// When a rate is beyond what [`Resampler`] takes.
#[must_use]
pub fn resampled(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to).expect("rates of speech are within its limits");
    let mut out = Vec::new();
    resampler.process(samples, |piece| out.extend_from_slice(piece));
    resampler.finish(|piece| out.extend_from_slice(piece));
    out
}

/// Brings speech at 16 kHz to the level of a telephone call.
pub fn level(samples: &mut [i16]) {
    sounds::level(samples, WIDEBAND);
}
