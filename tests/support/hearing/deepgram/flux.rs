//! `/v2/listen` of the stand-in: the service's machine of turns, moved by silences.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::ear::{Ear, Word, text};
use super::{Listener, Parameters, REQUEST, check, is_within};

/// Sound between two messages about it.
const UPDATE: Duration = Duration::from_millis(240);
/// Silences after which a turn may be over, and is.
const EAGER: Duration = Duration::from_millis(320);
const OVER: Duration = Duration::from_millis(800);

/// What the handshake asks for that the service does not take.
pub(super) fn wrong(parameters: &Parameters) -> Option<String> {
    check(
        parameters,
        &[
            ("model", |v| {
                matches!(v, "flux-general-en" | "flux-general-multi")
            }),
            ("encoding", |v| matches!(v, "linear16" | "mulaw")),
            ("sample_rate", |v| {
                ["8000", "16000", "24000", "44100", "48000"].contains(&v)
            }),
            ("eot_threshold", |v| is_within(v, 0.5..=1.0)),
            ("eager_eot_threshold", |v| is_within(v, 0.3..=0.9)),
            ("eot_timeout_ms", |v| is_within(v, 500.0..=60_000.0)),
            ("keyterm", |v| !v.trim().is_empty()),
            ("language_hint", |v| v.len() == 2),
        ],
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Initial,
    Speaking,
    Awaiting,
}

#[derive(Debug)]
pub(super) struct Flux {
    eager: bool,
    state: State,
    turn: u64,
    sequence: u64,
    /// The words of the turn, and where its sound begins.
    words: Vec<Word>,
    start: Duration,
    told: Duration,
}

impl Flux {
    pub(super) fn new(parameters: &Parameters) -> Self {
        Self {
            eager: parameters.contains_key("eager_eot_threshold"),
            state: State::Initial,
            turn: 0,
            sequence: 0,
            words: Vec::new(),
            start: Duration::ZERO,
            told: Duration::ZERO,
        }
    }

    fn number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence - 1
    }

    fn info(&mut self, event: &str, now: Duration, confidence: f64) -> Value {
        self.told = now;
        let mut info = json!({
            "type": "TurnInfo", "request_id": REQUEST, "sequence_id": self.number(), "event": event,
            "turn_index": self.turn,
            "audio_window_start": self.start.as_secs_f64(), "audio_window_end": now.as_secs_f64(),
            "transcript": text(&self.words),
            "words": self.words.iter().map(|word| json!({"word": word.text, "confidence": 0.98})).collect::<Vec<_>>(),
            "end_of_turn_confidence": confidence,
        });
        if event == "EndOfTurn" {
            info["trigger"] = "model".into();
            self.state = State::Initial;
            self.turn += 1;
            self.start = now;
            self.words.clear();
        }
        info
    }
}

impl Listener for Flux {
    fn begin(&mut self) -> Vec<Value> {
        vec![json!({"type": "Connected", "request_id": REQUEST, "sequence_id": self.number()})]
    }

    fn hear(&mut self, ear: &mut Ear) -> Vec<Value> {
        let (now, mut said) = (ear.heard(), Vec::new());
        let fresh = std::mem::take(&mut ear.words);
        let quiet = ear.last_loud.map_or(now, |at| now - at);
        let speaks = !fresh.is_empty();
        self.words.extend(fresh);
        match self.state {
            State::Initial if speaks => {
                self.state = State::Speaking;
                said.push(self.info("StartOfTurn", now, 0.05));
            }
            State::Speaking if self.eager && quiet >= EAGER && quiet < OVER => {
                self.state = State::Awaiting;
                said.push(self.info("EagerEndOfTurn", now, 0.55));
            }
            State::Awaiting if speaks => {
                self.state = State::Speaking;
                said.push(self.info("TurnResumed", now, 0.1));
            }
            State::Speaking | State::Awaiting if quiet >= OVER => {
                said.push(self.info("EndOfTurn", now, 0.9));
            }
            _ if now - self.told >= UPDATE => said.push(self.info("Update", now, 0.1)),
            _ => {}
        }
        said
    }

    fn told(&mut self, text: &Value, ear: &mut Ear) -> Result<Option<Vec<Value>>, String> {
        match text["type"].as_str() {
            Some("CloseStream") => Ok(None),
            Some("Configure") => {
                let list = |name: &str| text[name].as_array().cloned().unwrap_or_default();
                Ok(Some(vec![json!({
                    "type": "ConfigureSuccess", "request_id": REQUEST, "sequence_id": self.number(),
                    "thresholds": text["thresholds"],
                    "keyterms": list("keyterms"), "language_hints": list("language_hints"),
                })]))
            }
            Some("ForceEndTurn") => {
                self.words.extend(ear.take_all());
                let mut over = self.info("EndOfTurn", ear.heard(), 0.5);
                over["trigger"] = "manual".into();
                Ok(Some(vec![over]))
            }
            // There is no KeepAlive on this interface.
            _ => Err("no such message".to_owned()),
        }
    }

    fn end(&mut self, ear: &mut Ear) -> Vec<Value> {
        self.words.extend(ear.take_all());
        if self.words.is_empty() {
            return Vec::new();
        }
        vec![self.info("Update", ear.heard(), 0.1)]
    }
}
