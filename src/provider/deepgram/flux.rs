//! `/v2/listen`: words of the turn under way, and what the service makes of the turn.
//!
//! A message carries the whole turn's words so far. There is no `Finalize`: a flush is answered by the words of the first
//! message about sound up to it, a quarter of a second later at most, and what was given then is left out of later ones.
//! Its `ForceEndTurn` is not used for that: it would take from the service the pauses that it judges turns by.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use call::TurnHint;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;

use super::{Options, SERVICE, common, likely, malformed, primary, read_json};
use crate::provider::{
    ProviderError, SttOptions,
    remote::{Dialect, Encoding, Heard, Lost, Request, Service, connect},
};

/// What `flux-general-multi` understands.
pub(super) const LANGUAGES: [&str; 10] =
    ["en", "es", "fr", "de", "hi", "ru", "pt", "ja", "it", "nl"];
/// Milliseconds of sound in one message, as the service recommends.
const PIECE_MS: u32 = 80;
/// How far before a flush the sound of a message may end that still answers it.
const TOLERANCE: Duration = Duration::from_millis(20);
/// How long a word may have gone on before a message has it.
const UNKNOWN: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Flux {
    options: Options,
    stt: SttOptions,
    /// Flushes that were not answered.
    flushes: VecDeque<Duration>,
    /// Words of the turn under way that were given as final already.
    given: usize,
    /// The turn that they are of.
    turn: u64,
    /// The words that were last told.
    told: String,
}

impl Flux {
    pub(super) fn new(options: Options, stt: SttOptions) -> Self {
        Self {
            options,
            stt,
            flushes: VecDeque::new(),
            given: 0,
            turn: 0,
            told: String::new(),
        }
    }

    fn turn(&mut self, info: &TurnInfo) -> Result<Vec<Heard>, Lost> {
        let until = Duration::try_from_secs_f64(info.audio_window_end)
            .map_err(|_| malformed("sent words at no time"))?;
        if info.turn_index != self.turn {
            (self.turn, self.given) = (info.turn_index, 0);
        }
        let words: Vec<&str> = info.transcript.split_whitespace().collect();
        let rest = words.get(self.given..).unwrap_or_default().join(" ");
        let over = || {
            let percent = (info.end_of_turn_confidence.clamp(0.0, 1.0) * 100.0).round();
            Heard::Hint(TurnHint::Over(percent as u8))
        };
        let asked = self
            .flushes
            .front()
            .is_some_and(|at| *at <= until + TOLERANCE);
        let ends = info.event == "EndOfTurn";
        let mut heard = Vec::new();
        if ends || asked {
            self.given = words.len();
            self.told.clear();
            heard.push(Heard::Final {
                text: rest,
                until: Some(until),
                answers: false,
            });
            while self
                .flushes
                .front()
                .is_some_and(|at| *at <= until + TOLERANCE)
            {
                self.flushes.pop_front();
            }
        } else if words.is_empty() {
            heard.push(Heard::Silence(until.saturating_sub(UNKNOWN)));
        } else if rest != self.told {
            self.told.clone_from(&rest);
            heard.push(Heard::Partial(rest));
        }
        match info.event.as_str() {
            "EndOfTurn" => {
                self.given = 0;
                self.turn += 1;
                heard.push(over());
            }
            "EagerEndOfTurn" => heard.push(over()),
            "TurnResumed" | "StartOfTurn" => heard.push(Heard::Hint(TurnHint::GoesOn)),
            _ => {}
        }
        Ok(heard)
    }
}

impl Dialect for Flux {
    fn service(&self) -> Service {
        SERVICE
    }

    fn request(&self) -> Result<Request, ProviderError> {
        let mut parameters = common(&self.options, &self.stt);
        let share = |percent: u8| (f64::from(percent) / 100.0).to_string();
        parameters.extend([
            ("eot_threshold", share(self.options.end_of_turn_percent)),
            ("eager_eot_threshold", share(self.options.eager_percent)),
        ]);
        if self.options.model == "flux-general-multi" {
            parameters.push(("language_hint", primary(&self.stt.language).to_owned()));
        }
        parameters.extend(likely(&self.stt).map(|word| ("keyterm", word)));
        let key = ("Token", self.options.api_key.as_str());
        connect::request(SERVICE, self.options.base(), "/v2/listen", &parameters, key)
    }

    fn encoding(&self) -> (Encoding, u32) {
        (super::encoding(&self.stt), PIECE_MS)
    }

    fn begin(&mut self) -> Vec<Message> {
        self.flushes.clear();
        self.told.clear();
        (self.given, self.turn) = (0, 0);
        Vec::new()
    }

    fn sound(&self, bytes: &Bytes) -> Message {
        Message::Binary(bytes.clone())
    }

    fn flush(&mut self, at: Duration) -> Option<Message> {
        self.flushes.push_back(at);
        None
    }

    fn goodbye(&self) -> Option<Message> {
        Some(Message::text(r#"{"type":"CloseStream"}"#))
    }

    fn read(&mut self, text: &str) -> Result<Vec<Heard>, Lost> {
        let json = read_json(text)?;
        match json["type"].as_str() {
            Some("TurnInfo") => {
                let info = serde_json::from_value(json)
                    .map_err(|_| malformed("sent words that cannot be read"))?;
                self.turn(&info)
            }
            Some("Error") => {
                let word = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
                Err(super::by_code(&word("code"), &word("description")))
            }
            Some(_) => Ok(Vec::new()),
            None => Err(malformed("sent a message without a type")),
        }
    }

    fn closed(&self, code: u16, reason: &str) -> Lost {
        super::closed(code, reason)
    }
}

/// News of a turn, as far as it is used.
#[derive(Debug, Deserialize)]
struct TurnInfo {
    event: String,
    turn_index: u64,
    audio_window_end: f64,
    transcript: String,
    end_of_turn_confidence: f64,
}
