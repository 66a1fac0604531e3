//! Sentences as sound at 8 kHz with the end of each word, spoken by Flite and kept.
//!
//! The same text always sounds the same (see `native::flite`). Decides nothing about what is said.

use std::{collections::HashMap, rc::Rc};

use native::flite::{Next, Voice};

use crate::{
    bench::library::{LibraryError, voiced},
    line::simulated::sounds,
};

/// How far from the time that Flite gives the quietest place between two words is looked for: 40 ms.
const SEARCH: usize = 320;
/// The stretch whose energy is compared: 5 ms.
const STRETCH: usize = 40;

/// A sentence.
#[derive(Debug)]
pub(super) struct Speech {
    /// Levelled to -22 dBFS over the louder parts.
    pub(super) samples: Vec<i16>,
    /// Where each word (what stands between white space) ends.
    pub(super) ends: Vec<usize>,
    /// The level of its loudest 10 ms, in dBFS.
    pub(super) loudest: f32,
}

impl Speech {
    /// Returns the pieces into which pauses after these words, counted from 1, cut it, at the quietest place near each
    /// word's end.
    pub(super) fn cut(&self, after: &[usize]) -> Vec<&[i16]> {
        let mut pieces = Vec::new();
        let mut from = 0;
        for word in after {
            let Some(end) = word.checked_sub(1).and_then(|word| self.ends.get(word)) else {
                continue;
            };
            let at = self.quietest_near(*end).max(from);
            pieces.push(&self.samples[from..at]);
            from = at;
        }
        pieces.push(&self.samples[from..]);
        pieces
    }

    fn quietest_near(&self, at: usize) -> usize {
        let first = at.saturating_sub(SEARCH);
        let last = (at + SEARCH).min(self.samples.len().saturating_sub(STRETCH));
        let energy = |from: usize| {
            let stretch = &self.samples[from..from + STRETCH];
            stretch
                .iter()
                .map(|&s| i64::from(s) * i64::from(s))
                .sum::<i64>()
        };
        (first..last)
            .step_by(STRETCH / 4)
            .min_by_key(|from| energy(*from))
            .map_or(at.min(self.samples.len()), |from| from + STRETCH / 2)
    }
}

/// Speaks, each sentence once.
#[derive(Debug, Default)]
pub(super) struct Voices {
    kept: HashMap<(Voice, String), Rc<Speech>>,
}

impl Voices {
    /// Returns a sentence in somebody's voice.
    ///
    /// # Errors
    /// When Flite cannot speak; the sentence says what to do.
    pub(super) fn say(&mut self, voice: Voice, text: &str) -> Result<Rc<Speech>, LibraryError> {
        if let Some(speech) = self.kept.get(&(voice, text.to_owned())) {
            return Ok(Rc::clone(speech));
        }
        let speech = Rc::new(speak(voice, text)?);
        self.kept
            .insert((voice, text.to_owned()), Rc::clone(&speech));
        Ok(speech)
    }
}

fn speak(voice: Voice, text: &str) -> Result<Speech, LibraryError> {
    let (mut wide, mut rate, mut times) = (Vec::new(), sounds::RATE, Vec::new());
    let spoken = voice.speak(text, |piece| {
        wide.extend_from_slice(piece.samples);
        rate = piece.rate;
        times.extend(piece.token_ends);
        Next::More
    });
    spoken.map_err(|error| {
        LibraryError(format!("The sentence {text:?} cannot be spoken: {error}."))
    })?;
    let mut samples = sounds::resample(&wide, rate)
        .map_err(|error| LibraryError(format!("Flite's sound cannot be used: {error}.")))?;
    sounds::level(&mut samples, sounds::RATE);
    let place = |time: std::time::Duration| (time.as_secs_f64() * f64::from(sounds::RATE)) as usize;
    Ok(Speech {
        ends: times.into_iter().map(place).collect(),
        loudest: voiced::loudest(&samples),
        samples,
    })
}
