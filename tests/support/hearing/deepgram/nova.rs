//! `/v1/listen` of the stand-in.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::ear::{Ear, Word, text};
use super::{Listener, Parameters, REQUEST, check, is_bool, is_within};

/// Sound between two results that are not final.
const INTERIM: Duration = Duration::from_millis(300);
/// Sound after which a span is final though speech goes on.
const SPAN: Duration = Duration::from_secs(3);

/// What the handshake asks for that the service does not take.
pub(super) fn wrong(parameters: &Parameters) -> Option<String> {
    check(
        parameters,
        &[
            ("model", |v| v.starts_with("nova")),
            ("encoding", |v| matches!(v, "linear16" | "mulaw")),
            ("sample_rate", |v| is_within(v, 8000.0..=48_000.0)),
            ("channels", |v| v == "1"),
            ("language", |v| {
                v == "multi" || (v.len() >= 2 && v.chars().next().is_some_and(char::is_lowercase))
            }),
            ("interim_results", is_bool),
            ("punctuate", is_bool),
            ("smart_format", is_bool),
            ("endpointing", |v| {
                v == "false" || is_within(v, 1.0..=10_000.0)
            }),
            ("utterance_end_ms", |v| is_within(v, 1000.0..=5000.0)),
            ("vad_events", is_bool),
            ("keyterm", |v| !v.trim().is_empty()),
        ],
    )
    .or_else(|| {
        let on = |name: &str| parameters.get(name).is_some_and(|v| v == &["true"]);
        (parameters.contains_key("utterance_end_ms") && !on("interim_results"))
            .then(|| "utterance_end_ms needs interim_results".to_owned())
    })
}

#[derive(Debug)]
pub(super) struct Nova {
    interim: bool,
    vad: bool,
    endpointing: Option<Duration>,
    utterance_end: Option<Duration>,
    answers: bool,
    /// Where the span under way begins, and when an interim result was last sent.
    start: Duration,
    told: Duration,
    speaking: bool,
    /// The end of the last word, until `UtteranceEnd` was said of it.
    last_word: Option<Duration>,
}

impl Nova {
    pub(super) fn new(parameters: &Parameters, no_answers: bool) -> Self {
        let first = |name: &str| parameters.get(name).and_then(|values| values.first());
        let ms = |name| first(name)?.parse().ok().map(Duration::from_millis);
        Self {
            interim: first("interim_results").is_some_and(|v| v == "true"),
            vad: first("vad_events").is_some_and(|v| v == "true"),
            endpointing: match first("endpointing") {
                Some(v) if v == "false" => None,
                _ => Some(ms("endpointing").unwrap_or(Duration::from_millis(10))),
            },
            utterance_end: ms("utterance_end_ms"),
            answers: !no_answers,
            start: Duration::ZERO,
            told: Duration::ZERO,
            speaking: false,
            last_word: None,
        }
    }

    fn result(&mut self, until: Duration, words: &[Word], marks: [bool; 3]) -> Value {
        let [is_final, speech_final, from_finalize] = marks;
        let start = self.start;
        if is_final {
            self.start = until;
        }
        self.told = until;
        self.last_word = words.last().map(|word| word.end).or(self.last_word);
        json!({
            "type": "Results",
            "channel_index": [0, 1],
            "start": start.as_secs_f64(),
            "duration": (until - start).as_secs_f64(),
            "is_final": is_final,
            "speech_final": speech_final,
            "from_finalize": from_finalize,
            "channel": {"alternatives": [{
                "transcript": text(words),
                "confidence": if words.is_empty() { 0.0 } else { 0.97 },
                "words": words.iter().map(|word| json!({
                    "word": word.text, "punctuated_word": word.text, "confidence": 0.97,
                    "start": word.start.as_secs_f64(), "end": word.end.as_secs_f64(),
                })).collect::<Vec<_>>(),
            }]},
            "metadata": {
                "request_id": REQUEST, "model_uuid": REQUEST,
                "model_info": {"name": "general-nova-3", "version": "2025-04-17.21547", "arch": "nova-3"},
            },
        })
    }
}

impl Listener for Nova {
    fn begin(&mut self) -> Vec<Value> {
        Vec::new()
    }

    fn hear(&mut self, ear: &mut Ear) -> Vec<Value> {
        let (now, mut said) = (ear.heard(), Vec::new());
        let loud = ear
            .last_loud
            .is_some_and(|at| at == now || now - at < Duration::from_millis(60));
        if loud && !self.speaking {
            self.speaking = true;
            if self.vad {
                said.push(json!({"type": "SpeechStarted", "channel": [0, 1], "timestamp": now.as_secs_f64()}));
            }
        }
        let quiet = ear.last_loud.map(|at| now - at);
        if self.speaking
            && self
                .endpointing
                .zip(quiet)
                .is_some_and(|(wait, quiet)| quiet >= wait)
        {
            self.speaking = false;
            let words = std::mem::take(&mut ear.words);
            said.push(self.result(now, &words, [true, true, false]));
        } else if now - self.start >= SPAN {
            let words = std::mem::take(&mut ear.words);
            said.push(self.result(now, &words, [true, false, false]));
        } else if self.interim && now - self.told >= INTERIM {
            let words = ear.words.clone();
            said.push(self.result(now, &words, [false, false, false]));
        }
        if let Some((wait, last)) = self.utterance_end.zip(self.last_word)
            && now - last >= wait
        {
            self.last_word = None;
            said.push(json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": last.as_secs_f64()}));
        }
        said
    }

    fn told(&mut self, text: &Value, ear: &mut Ear) -> Result<Option<Vec<Value>>, String> {
        match text["type"].as_str() {
            Some("KeepAlive") => Ok(Some(Vec::new())),
            Some("CloseStream") => Ok(None),
            Some("Finalize") if !self.answers => Ok(Some(Vec::new())),
            Some("Finalize") => {
                let words = ear.take_all();
                Ok(Some(vec![self.result(
                    ear.heard(),
                    &words,
                    [true, false, true],
                )]))
            }
            _ => Err("no such message".to_owned()),
        }
    }

    fn end(&mut self, ear: &mut Ear) -> Vec<Value> {
        let words = ear.take_all();
        let rest = self.result(ear.heard(), &words, [true, false, false]);
        let metadata = json!({
            "type": "Metadata", "transaction_key": "deprecated", "request_id": REQUEST, "sha256": "0".repeat(64),
            "created": "2026-11-26T00:00:00.000Z", "duration": ear.heard().as_secs_f64(), "channels": 1,
        });
        vec![rest, metadata]
    }
}
