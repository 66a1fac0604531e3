//! Flite as the voice: US English, four voices, in this process, with the time of each word.
//!
//! One text is synthesised at a time in the whole program (the library allows no more); at a hundredth of real
//! time a clause takes some tens of milliseconds, and waiting clauses take their turn in order. The thread that
//! synthesises never waits for a call: what a call has not fetched yet is kept, one clause at most. Dropping the stream
//! stops the clause that is being synthesised at its next piece, and frees the library for others.

use native::flite::{Next, Piece, Voice};
use tokio::sync::{Semaphore, mpsc};

use super::{
    BoxFuture, ProviderError, ProviderErrorKind, TextToSpeech, TtsOptions, TtsStream,
    clauses::{self, Sound, plain_english},
    is_english,
};

pub mod instant;

/// Whose turn it is to use the library. Threads of the blocking pool are only taken by those who may go.
static TURN: Semaphore = Semaphore::const_new(1);
/// Pieces of at least 40 ms that a clause may be ahead of the call.
const PIECES: usize = 64;

/// Flite. It has nothing to configure.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flite;

impl Flite {
    /// Speaks a word with each voice and returns what is available.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub fn check() -> Result<String, String> {
        for voice in Voice::ALL {
            let mut heard = false;
            let listen = |_: Piece<'_>| {
                heard = true;
                Next::Stop
            };
            voice
                .speak("one", listen)
                .map_err(|error| error.to_string())?;
            if !heard {
                return Err(format!(
                    "Flite's voice {} makes no sound; reinstall the package libflite1",
                    voice.name()
                ));
            }
        }
        Ok(format!(
            "Flite, US English, voices {}",
            Self::voices().join(", ")
        ))
    }

    /// Returns the names of the voices, the default first.
    #[must_use]
    pub fn voices() -> Vec<&'static str> {
        Voice::ALL.iter().map(|voice| voice.name()).collect()
    }
}

impl TextToSpeech for Flite {
    fn name(&self) -> &'static str {
        "flite"
    }

    fn speaks(&self, language: &str) -> bool {
        is_english(language)
    }

    fn check(&self, options: &TtsOptions) -> Result<(), ProviderError> {
        choose(options).map(|_| ())
    }

    fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        Box::pin(async move {
            let voice = choose(&options)?;
            Ok(clauses::open(move |text| synthesize(voice, text)))
        })
    }
}

fn choose(options: &TtsOptions) -> Result<Voice, ProviderError> {
    let unsupported = |message: String| ProviderError::new(ProviderErrorKind::Unsupported, message);
    if !is_english(&options.language) {
        return Err(unsupported(format!(
            "Flite speaks English only, not {}; choose another voice service for this language",
            options.language
        )));
    }
    if options.voice.is_empty() {
        return Ok(Voice::ALL[0]);
    }
    Voice::from_name(&options.voice).ok_or_else(|| {
        unsupported(format!(
            "Flite has no voice {:?}; it has {}",
            options.voice,
            Flite::voices().join(", ")
        ))
    })
}

fn synthesize(voice: Voice, text: String) -> mpsc::Receiver<Sound> {
    let (out, sound) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        let Ok(turn) = TURN.acquire().await else {
            return;
        };
        if out.is_closed() {
            return;
        }
        let speaking = tokio::task::spawn_blocking(move || {
            let left = speak(voice, &text, &out);
            (left, out)
        });
        let finished = speaking.await;
        drop(turn);
        // The library is free again; only now is waiting for the call allowed.
        if let Ok((left, out)) = finished {
            for sound in left {
                if out.send(sound).await.is_err() {
                    return;
                }
            }
        }
    });
    sound
}

/// Synthesises without ever waiting; returns what the channel had no room for.
fn speak(voice: Voice, text: &str, out: &mpsc::Sender<Sound>) -> Vec<Sound> {
    let words = text.split_whitespace().count();
    let mut left = Vec::new();
    let result = voice.speak(&plain_english(text), |piece| {
        // A text that was rewritten may have other tokens than words; then their times mean nothing.
        if piece.token_ends.len() == words && words > 0 {
            hand_over(Sound::Words(piece.token_ends), out, &mut left);
        }
        let sound = Sound::Samples(piece.samples.to_vec(), piece.rate);
        hand_over(sound, out, &mut left);
        if out.is_closed() {
            Next::Stop
        } else {
            Next::More
        }
    });
    if let Err(error) = result {
        let error = ProviderError::new(ProviderErrorKind::Unavailable, error.to_string());
        hand_over(Sound::Failed(error), out, &mut left);
    }
    left
}

fn hand_over(sound: Sound, out: &mpsc::Sender<Sound>, left: &mut Vec<Sound>) {
    if left.is_empty() {
        match out.try_send(sound) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            Err(mpsc::error::TrySendError::Full(sound)) => left.push(sound),
        }
    } else {
        left.push(sound);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use call::{ClauseId, Generation};

    use super::*;
    use crate::provider::{TtsEvent, TtsInput};

    fn options(language: &str, voice: &str) -> TtsOptions {
        TtsOptions {
            language: language.to_owned(),
            voice: voice.to_owned(),
        }
    }

    #[tokio::test]
    async fn a_clause_becomes_sound_with_the_times_of_its_words() {
        for voice in Flite::voices() {
            let mut stream = Flite.open(options("en-US", voice)).await.unwrap();
            let clause = ClauseId {
                generation: Generation(1),
                index: 0,
            };
            let text = "We have a table for you at 7:30.".to_owned();
            stream
                .input
                .send(TtsInput::Speak { clause, text })
                .await
                .unwrap();
            let (mut ends, mut length, mut first) = (Vec::new(), 0, None);
            loop {
                match stream.events.recv().await.unwrap() {
                    TtsEvent::Words { ends: found, .. } => ends = found,
                    TtsEvent::Audio { samples, rate, .. } => {
                        assert_eq!(rate, 16_000);
                        first = first.or(samples.iter().position(|s| s.unsigned_abs() > 400));
                        length += samples.len();
                    }
                    TtsEvent::Done(_) => break,
                    TtsEvent::Served { .. } => {}
                    TtsEvent::Failed { error, .. } => panic!("{error}"),
                }
            }
            let length = Duration::from_secs_f64(length as f64 / 16_000.0);
            assert_eq!(ends.len(), 8, "{voice}");
            assert!(
                *ends.last().unwrap() <= length,
                "{voice}: {ends:?} of {length:?}"
            );
            assert!(length > Duration::from_secs(1), "{voice}: {length:?}");
            assert!(
                first.unwrap() < 1600,
                "{voice}: sound starts at sample {first:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_flite_cannot_do_is_refused_with_a_reason() {
        let error = Flite.open(options("de-DE", "")).await.unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Unsupported);
        let error = Flite.open(options("", "anna")).await.unwrap_err();
        assert!(
            error.to_string().contains("rms, slt, awb, kal16"),
            "{error}"
        );
        assert!(Flite::check().unwrap().contains("rms"));
    }
}
