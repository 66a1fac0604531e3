//! The messages of a context: how a text is sent, and how its sound and the times of its words are read.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use media::Law;
use serde::Deserialize;
use serde_json::json;

use super::{SERVICE, Sound};
use crate::provider::{ProviderError, ProviderErrorKind};

/// Samples per second.
const RATE: u32 = 8000;

/// What every context of a call says.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) model: String,
    pub(super) voice: String,
    pub(super) language: String,
}

/// One text under way.
#[derive(Debug)]
pub(super) struct Context {
    id: String,
    text: String,
    ends: Vec<Duration>,
    any: bool,
}

/// What a message means for a context.
#[derive(Debug)]
pub(super) enum Incoming {
    Sound(Sound),
    Done,
    /// Nothing: of another context, or of no interest.
    Other,
}

#[derive(Debug, Deserialize)]
struct Wire {
    #[serde(rename = "type")]
    kind: String,
    context_id: Option<String>,
    data: Option<String>,
    word_timestamps: Option<Times>,
    status_code: Option<u16>,
    title: Option<String>,
    message: Option<String>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Times {
    words: Vec<String>,
    end: Vec<f64>,
}

impl Context {
    pub(super) fn new(number: u64, text: &str) -> Self {
        Self {
            id: format!("clause-{number}"),
            text: text.to_owned(),
            ends: Vec::new(),
            any: false,
        }
    }

    /// Returns what has the whole text spoken.
    pub(super) fn begin(&self, settings: &Settings) -> String {
        json!({
            "model_id": settings.model,
            "transcript": self.text,
            "voice": {"mode": "id", "id": settings.voice},
            "language": settings.language,
            "context_id": self.id,
            "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": RATE},
            "continue": false,
            "add_timestamps": true,
        })
        .to_string()
    }

    /// Returns what ends it.
    pub(super) fn cancel(&self) -> String {
        json!({"context_id": self.id, "cancel": true}).to_string()
    }

    /// Takes a message of the connection.
    ///
    /// # Errors
    /// When it is none of the protocol, or reports that this text cannot be spoken.
    pub(super) fn take(&mut self, message: &str) -> Result<Incoming, ProviderError> {
        let broken = || {
            SERVICE.error(
                ProviderErrorKind::Protocol,
                "sent a message that is none of its protocol",
            )
        };
        let message: Wire = serde_json::from_str(message).map_err(|_| broken())?;
        let ours = message.context_id.as_deref();
        if ours.is_some_and(|id| id != self.id) {
            return Ok(Incoming::Other);
        }
        Ok(match message.kind.as_str() {
            "chunk" => {
                let data = message.data.ok_or_else(broken)?;
                let bytes = STANDARD.decode(data).map_err(|_| broken())?;
                let mut samples = vec![0; bytes.len()];
                Law::Mu.decode(&bytes, &mut samples);
                self.any |= !samples.is_empty();
                Incoming::Sound(Sound::Samples(samples, RATE))
            }
            "timestamps" => match message.word_timestamps {
                Some(times) if self.align(&times) => {
                    Incoming::Sound(Sound::Words(self.ends.clone()))
                }
                _ => Incoming::Other,
            },
            "done" if self.any => Incoming::Done,
            "done" => return Err(SERVICE.error(ProviderErrorKind::Protocol, "sent no sound")),
            "error" => return Err(reported(&message)),
            _ => Incoming::Other,
        })
    }

    /// Adds the times of words; `false` when they are not those of the text, word by word.
    fn align(&mut self, times: &Times) -> bool {
        if times.words.len() != times.end.len() {
            return false;
        }
        for (word, end) in times.words.iter().zip(&times.end) {
            let expected = self.text.split_whitespace().nth(self.ends.len());
            if expected.is_none_or(|expected| letters(expected) != letters(word)) {
                return false;
            }
            let end = Duration::try_from_secs_f64(*end).unwrap_or_default();
            self.ends
                .push(end.max(self.ends.last().copied().unwrap_or_default()));
        }
        true
    }
}

fn letters(word: &str) -> String {
    let letters = word.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn reported(message: &Wire) -> ProviderError {
    let kind = match message.status_code {
        Some(401..=403) => ProviderErrorKind::Auth,
        Some(400 | 404 | 422) => ProviderErrorKind::Unsupported,
        Some(429) => ProviderErrorKind::Busy,
        _ => ProviderErrorKind::Unavailable,
    };
    let said = [&message.message, &message.error, &message.title];
    let said = said.into_iter().flatten().next().map_or("", String::as_str);
    let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
    let todo = match kind {
        ProviderErrorKind::Auth => "; check tts.cartesia.api_key",
        ProviderErrorKind::Unsupported => "; check tts.cartesia",
        _ => "",
    };
    SERVICE.error(kind, &format!("refused to speak ({said}){todo}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context::new(7, "Good evening, \u{2014} Nopa.")
    }

    fn times(words: &[&str], end: &[f64]) -> String {
        let times = json!({"words": words, "start": end, "end": end});
        json!({"type": "timestamps", "context_id": "clause-7", "word_timestamps": times})
            .to_string()
    }

    #[test]
    fn words_are_those_of_the_text_or_none() {
        let mut context = context();
        let Ok(Incoming::Sound(Sound::Words(ends))) =
            context.take(&times(&["Good", "evening,"], &[0.2, 0.75]))
        else {
            panic!("word times");
        };
        assert_eq!(ends, [200, 750].map(Duration::from_millis));
        let other = context.take(&times(&["Hello"], &[0.9]));
        assert!(matches!(other, Ok(Incoming::Other)), "not our words");
    }

    #[test]
    fn messages_of_other_contexts_are_nothing() {
        let late = r#"{"type":"chunk","context_id":"clause-6","data":"////","done":false}"#;
        assert!(matches!(context().take(late), Ok(Incoming::Other)));
    }

    #[test]
    fn the_end_without_sound_and_errors_are_failures() {
        let mut context = context();
        for (message, kind) in [
            (
                r#"{"type":"done","done":true,"context_id":"clause-7"}"#,
                ProviderErrorKind::Protocol,
            ),
            (
                r#"{"type":"error","status_code":401,"title":"Unauthorized"}"#,
                ProviderErrorKind::Auth,
            ),
            (
                r#"{"type":"error","status_code":429,"error":"slow down","context_id":"clause-7"}"#,
                ProviderErrorKind::Busy,
            ),
            ("[]", ProviderErrorKind::Protocol),
        ] {
            assert_eq!(context.take(message).unwrap_err().kind(), kind, "{message}");
        }
        let chunk = r#"{"type":"chunk","context_id":"clause-7","data":"////","done":false}"#;
        assert!(matches!(context.take(chunk), Ok(Incoming::Sound(_))));
        let done = r#"{"type":"done","done":true,"context_id":"clause-7"}"#;
        assert!(matches!(context.take(done), Ok(Incoming::Done)));
    }
}
