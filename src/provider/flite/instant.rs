//! Flite for virtual time: a clause is synthesised at once, before anything else happens, and always the same.
//!
//! It blocks its thread while it computes and is therefore for a runtime of its own with a paused clock; never for a
//! server. Only the voice `kal16` gives the same samples every time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use native::flite::{Next, Piece, Voice};
use tokio::sync::mpsc;

use crate::provider::{
    BoxFuture, ProviderError, TextToSpeech, TtsOptions, TtsStream,
    clauses::{self, Sound, plain_english},
};

/// The voice `kal16` without waiting. Clones share what they have spoken.
#[derive(Debug, Clone, Default)]
pub struct InstantFlite {
    spoken: Arc<Mutex<HashMap<String, Spoken>>>,
}

/// One text as sound.
#[derive(Debug, Clone)]
struct Spoken {
    samples: Arc<[i16]>,
    rate: u32,
    ends: Vec<Duration>,
}

impl InstantFlite {
    /// Returns a text as 16-bit samples and how many of them make a second; nothing when it cannot be spoken.
    #[must_use]
    pub fn samples(&self, text: &str) -> (Arc<[i16]>, u32) {
        let spoken = self.speak(text);
        (spoken.samples, spoken.rate)
    }

    fn speak(&self, text: &str) -> Spoken {
        // Held while speaking: the library speaks one text at a time.
        let mut kept = self.spoken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(spoken) = kept.get(text) {
            return spoken.clone();
        }
        let words = text.split_whitespace().count();
        let (mut samples, mut rate, mut ends) = (Vec::new(), 16_000, Vec::new());
        let listen = |piece: Piece<'_>| {
            samples.extend_from_slice(piece.samples);
            rate = piece.rate;
            if piece.token_ends.len() == words {
                ends = piece.token_ends;
            }
            Next::More
        };
        // A text that cannot be spoken is silence, which every figure shows.
        let _: Result<_, _> = Voice::Kal16.speak(&plain_english(text), listen);
        let spoken = Spoken {
            samples: samples.into(),
            rate,
            ends,
        };
        kept.insert(text.to_owned(), spoken.clone());
        spoken
    }
}

impl TextToSpeech for InstantFlite {
    fn name(&self) -> &'static str {
        "flite"
    }

    fn open(&self, _options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        let this = self.clone();
        let stream = clauses::open(move |text| {
            let spoken = this.speak(&text);
            let (out, sound) = mpsc::channel(2);
            // There is room for both.
            let _: Result<_, _> = out.try_send(Sound::Words(spoken.ends));
            let _: Result<_, _> =
                out.try_send(Sound::Samples(spoken.samples.to_vec(), spoken.rate));
            sound
        });
        Box::pin(async move { Ok(stream) })
    }
}
