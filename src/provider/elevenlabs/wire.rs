//! The messages of `stream-input`: what is sent, and how sound and the times of characters are read.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use media::Law;
use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::SERVICE;
use crate::provider::{ProviderError, ProviderErrorKind};

/// Samples per second of `ulaw_8000`.
pub(super) const RATE: u32 = 8000;
/// How far the start of a piece's first character may lie before the end of what came before, in milliseconds, for its
/// times to be counted from the beginning of the text. Else they are counted from the beginning of the piece.
const SLACK: f64 = 60.0;

/// The first message of a socket: a blank, and how to speak.
pub(super) fn begin() -> String {
    json!({
        "text": " ",
        "voice_settings": {"stability": 0.5, "similarity_boost": 0.75, "speed": 1.0},
    })
    .to_string()
}

/// What keeps a socket open.
pub(super) fn idle() -> String {
    json!({"text": " "}).to_string()
}

/// A text to speak, with the blank at its end that the service asks for.
pub(super) fn text(text: &str) -> String {
    json!({"text": format!("{} ", text.trim())}).to_string()
}

/// The end of the text: the rest is generated, and the socket closed.
pub(super) fn end() -> String {
    json!({"text": ""}).to_string()
}

#[derive(Debug, Deserialize)]
struct Incoming {
    audio: Option<String>,
    #[serde(rename = "isFinal", alias = "is_final")]
    is_final: Option<bool>,
    alignment: Option<Alignment>,
    message: Option<String>,
    error: Option<String>,
    code: Option<u16>,
}

#[derive(Debug, Deserialize)]
struct Alignment {
    chars: Vec<String>,
    #[serde(
        rename = "charStartTimesMs",
        alias = "char_start_times_ms",
        alias = "charsStartTimesMs"
    )]
    starts: Vec<f64>,
    #[serde(
        rename = "charsDurationsMs",
        alias = "chars_durations_ms",
        alias = "charDurationsMs"
    )]
    durations: Vec<f64>,
}

/// What one message brought.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Heard {
    /// Ends of the words so far, when there are more of them than before.
    pub(super) words: Option<Vec<Duration>>,
    pub(super) samples: Vec<i16>,
    pub(super) last: bool,
}

/// Reads the messages about one text.
#[derive(Debug)]
pub(super) struct Reading {
    expected: usize,
    ends: Vec<Duration>,
    /// End of the last character of a word that may go on, in milliseconds.
    open: Option<f64>,
    /// Sound before the message, in milliseconds.
    made: f64,
    aligned: f64,
}

impl Reading {
    pub(super) fn new(text: &str) -> Self {
        Self {
            expected: text.split_whitespace().count(),
            ends: Vec::new(),
            open: None,
            made: 0.0,
            aligned: 0.0,
        }
    }

    /// Takes one message.
    ///
    /// # Errors
    /// When it is none of the protocol, or reports an error.
    pub(super) fn take(&mut self, message: &str) -> Result<Heard, ProviderError> {
        let broken = || {
            SERVICE.error(
                ProviderErrorKind::Protocol,
                "sent a message that is none of its protocol",
            )
        };
        let message: Incoming = serde_json::from_str(message).map_err(|_| broken())?;
        if message.error.is_some() || message.code.is_some() {
            let said = message.message.or(message.error).unwrap_or_default();
            return Err(reported(message.code.unwrap_or_default(), &said));
        }
        let last = message.is_final.unwrap_or(false);
        let bytes = STANDARD
            .decode(message.audio.unwrap_or_default())
            .map_err(|_| broken())?;
        let mut samples = vec![0; bytes.len()];
        Law::Mu.decode(&bytes, &mut samples);
        let before = self.ends.len();
        if let Some(alignment) = message.alignment {
            self.align(&alignment);
        }
        self.made += bytes.len() as f64 * 1000.0 / f64::from(RATE);
        if last {
            self.close_word();
        }
        let news = self.ends.len() > before && self.ends.len() <= self.expected;
        Ok(Heard {
            words: news.then(|| self.ends.clone()),
            samples,
            last,
        })
    }

    fn align(&mut self, alignment: &Alignment) {
        let start = alignment.starts.first().copied().unwrap_or_default();
        let from_beginning = self.aligned > 0.0 && start + SLACK >= self.aligned;
        let offset = if from_beginning { 0.0 } else { self.made };
        let times = alignment.starts.iter().zip(&alignment.durations);
        for (text, (start, duration)) in alignment.chars.iter().zip(times) {
            let end = offset + start + duration;
            self.aligned = self.aligned.max(end);
            if text.trim().is_empty() {
                self.close_word();
            } else {
                self.open = Some(end);
            }
        }
    }

    fn close_word(&mut self) {
        if let Some(end) = self.open.take() {
            let end = Duration::try_from_secs_f64(end / 1000.0).unwrap_or_default();
            self.ends
                .push(end.max(self.ends.last().copied().unwrap_or_default()));
        }
    }

    /// Says whether the text was spoken.
    ///
    /// # Errors
    /// When no sound came.
    pub(super) fn finish(&self) -> Result<(), ProviderError> {
        if self.made > 0.0 || self.expected == 0 {
            return Ok(());
        }
        Err(SERVICE.error(ProviderErrorKind::Protocol, "sent no sound"))
    }
}

/// What an error message means.
fn reported(code: u16, said: &str) -> ProviderError {
    let lower = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let kind = if has(&["quota", "limit", "too many", "busy"]) {
        ProviderErrorKind::Busy
    } else if has(&[
        "api key",
        "api_key",
        "unauthorized",
        "authent",
        "permission",
        "expired",
    ]) {
        ProviderErrorKind::Auth
    } else if has(&["voice", "model", "language"]) {
        ProviderErrorKind::Unsupported
    } else if code == 1008 {
        ProviderErrorKind::Auth
    } else {
        ProviderErrorKind::Unavailable
    };
    let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
    let todo = match kind {
        ProviderErrorKind::Auth => "; check tts.elevenlabs.api_key",
        ProviderErrorKind::Unsupported => "; check tts.elevenlabs",
        _ => "",
    };
    SERVICE.error(kind, &format!("refused to speak ({said}){todo}"))
}

/// What it means that the socket was closed before the text was complete.
pub(super) fn closed(frame: Option<&CloseFrame>) -> ProviderError {
    match frame {
        Some(frame) if !frame.reason.is_empty() => reported(frame.code.into(), &frame.reason),
        Some(frame) if u16::from(frame.code) == 1008 => reported(1008, "policy"),
        _ => super::broke_off(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, start: u32, bytes: usize) -> String {
        let chars: Vec<String> = text.chars().map(String::from).collect();
        let starts: Vec<u32> = (0..).map(|n| start + 10 * n).take(chars.len()).collect();
        json!({
            "audio": STANDARD.encode(vec![0xff; bytes]),
            "isFinal": null,
            "alignment": {
                "chars": chars,
                "charStartTimesMs": starts,
                "charsDurationsMs": vec![10; chars.len()],
            },
        })
        .to_string()
    }

    fn ms(all: &[u64]) -> Option<Vec<Duration>> {
        Some(all.iter().copied().map(Duration::from_millis).collect())
    }

    #[test]
    fn times_of_characters_become_ends_of_words_across_pieces() {
        // The second piece counts from its own beginning, or from the beginning of the text.
        for second in [0, 100] {
            let mut reading = Reading::new("Good eve ning.");
            let heard = reading.take(&piece("Good ev", 0, 800)).unwrap();
            assert_eq!(heard.words, ms(&[40]));
            assert_eq!(heard.samples.len(), 800);
            let heard = reading.take(&piece("e ning.", second, 800)).unwrap();
            assert_eq!(heard.words, ms(&[40, 110]), "{second}");
            let heard = reading.take(r#"{"audio":null,"isFinal":true}"#).unwrap();
            assert_eq!(heard.words, ms(&[40, 110, 170]));
            assert!(heard.last && reading.finish().is_ok());
        }
    }

    #[test]
    fn sound_without_times_is_sound() {
        let mut reading = Reading::new("Hi.");
        let message = json!({"audio": STANDARD.encode([0; 80]), "alignment": null}).to_string();
        let heard = reading.take(&message).unwrap();
        assert_eq!((heard.words, heard.samples.len()), (None, 80));
    }

    #[test]
    fn errors_are_told_apart() {
        for (message, kind) in [
            (
                r#"{"message":"Invalid API key","error":"invalid_api_key","code":1008}"#,
                ProviderErrorKind::Auth,
            ),
            (
                r#"{"message":"This request exceeds your quota","error":"quota_exceeded","code":1008}"#,
                ProviderErrorKind::Busy,
            ),
            (
                r#"{"message":"A voice with that id does not exist","error":"voice_id_does_not_exist","code":1008}"#,
                ProviderErrorKind::Unsupported,
            ),
            (r#"{"audio":"%%%"}"#, ProviderErrorKind::Protocol),
            ("{", ProviderErrorKind::Protocol),
        ] {
            let error = Reading::new("Hi.").take(message).unwrap_err();
            assert_eq!(error.kind(), kind, "{message}");
        }
        let silent = Reading::new("Hi.").finish().unwrap_err();
        assert_eq!(silent.kind(), ProviderErrorKind::Protocol);
    }
}
