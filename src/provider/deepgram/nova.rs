//! `/v1/listen`: words as they come, final ones span by span, `Finalize` for a flush.
//!
//! Spans of final results do not overlap, and a result that is not final replaces the last such one. `speech_final` and
//! `UtteranceEnd` say that the service heard a silence: weak evidence that a turn is over, for it knows no more than that.

use std::time::Duration;

use bytes::Bytes;
use call::TurnHint;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;

use super::{Options, SERVICE, common, likely, malformed, read_json};
use crate::provider::{
    ProviderError, SttOptions,
    remote::{Dialect, Encoding, Heard, Lost, Request, Service, connect},
};

/// The silence that the service waits for before it says `speech_final`. Our own decision rarely takes less.
const ENDPOINTING: Duration = Duration::from_millis(300);
/// The gap between words that it waits for before it says `UtteranceEnd`; below 1 s it is of no use.
const UTTERANCE_END: Duration = Duration::from_millis(1000);
/// How sure its silences are taken to be of an end, in percent: little more than even.
const SILENCE_PERCENT: u8 = 60;
const GAP_PERCENT: u8 = 75;
/// Milliseconds of sound in one message.
const PIECE_MS: u32 = 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Nova {
    options: Options,
    stt: SttOptions,
    /// Whether there were words since the service last said that speech was over.
    words: bool,
}

impl Nova {
    pub(super) fn new(options: Options, stt: SttOptions) -> Self {
        Self {
            options,
            stt,
            words: false,
        }
    }

    fn results(&mut self, results: &Results) -> Result<Vec<Heard>, Lost> {
        let until = Duration::try_from_secs_f64(results.start + results.duration)
            .map_err(|_| malformed("sent a result at no time"))?;
        let text = results.channel.alternatives.first();
        let text = text.map_or("", |first| first.transcript.trim()).to_owned();
        self.words |= !text.is_empty();
        let mut heard = vec![if results.is_final {
            Heard::Final {
                text,
                until: Some(until),
                answers: results.from_finalize,
            }
        } else {
            Heard::Partial(text)
        }];
        if results.speech_final && self.words {
            self.words = false;
            heard.push(Heard::Hint(TurnHint::Over(SILENCE_PERCENT)));
        }
        Ok(heard)
    }
}

impl Dialect for Nova {
    fn service(&self) -> Service {
        SERVICE
    }

    fn request(&self) -> Result<Request, ProviderError> {
        let mut parameters = common(&self.options, &self.stt);
        let language = match self.stt.language.as_str() {
            "" => "en-US",
            language => language,
        };
        parameters.extend([
            ("channels", "1".to_owned()),
            ("language", language.to_owned()),
            ("interim_results", "true".to_owned()),
            ("punctuate", "true".to_owned()),
            ("endpointing", ENDPOINTING.as_millis().to_string()),
            ("utterance_end_ms", UTTERANCE_END.as_millis().to_string()),
            ("vad_events", "true".to_owned()),
        ]);
        // Older models have another parameter for likely words, which boosts them too much to be safe.
        if self.options.model.starts_with("nova-3") {
            parameters.extend(likely(&self.stt).map(|word| ("keyterm", word)));
        }
        let key = ("Token", self.options.api_key.as_str());
        connect::request(SERVICE, self.options.base(), "/v1/listen", &parameters, key)
    }

    fn encoding(&self) -> (Encoding, u32) {
        (super::encoding(&self.stt), PIECE_MS)
    }

    fn begin(&mut self) -> Vec<Message> {
        self.words = false;
        Vec::new()
    }

    fn sound(&self, bytes: &Bytes) -> Message {
        Message::Binary(bytes.clone())
    }

    fn flush(&mut self, _at: Duration) -> Option<Message> {
        Some(Message::text(r#"{"type":"Finalize"}"#))
    }

    fn keep_alive(&self) -> Option<Message> {
        Some(Message::text(r#"{"type":"KeepAlive"}"#))
    }

    fn goodbye(&self) -> Option<Message> {
        Some(Message::text(r#"{"type":"CloseStream"}"#))
    }

    fn read(&mut self, text: &str) -> Result<Vec<Heard>, Lost> {
        let json = read_json(text)?;
        match json["type"].as_str() {
            Some("Results") => {
                let results = serde_json::from_value(json)
                    .map_err(|_| malformed("sent a result that cannot be read"))?;
                self.results(&results)
            }
            Some("UtteranceEnd") if self.words => {
                self.words = false;
                Ok(vec![Heard::Hint(TurnHint::Over(GAP_PERCENT))])
            }
            Some("Error") => {
                let word = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
                let code = [word("code"), word("err_code"), word("variant")].concat();
                let said = [word("description"), word("err_msg"), word("message")].concat();
                Err(super::by_code(&code, &said))
            }
            Some(_) => Ok(Vec::new()),
            None => Err(malformed("sent a message without a type")),
        }
    }

    fn closed(&self, code: u16, reason: &str) -> Lost {
        super::closed(code, reason)
    }
}

/// A result, as far as it is used.
#[derive(Debug, Deserialize)]
struct Results {
    start: f64,
    duration: f64,
    #[serde(default)]
    is_final: bool,
    #[serde(default)]
    speech_final: bool,
    #[serde(default)]
    from_finalize: bool,
    channel: Channel,
}

#[derive(Debug, Deserialize)]
struct Channel {
    alternatives: Vec<Alternative>,
}

#[derive(Debug, Deserialize)]
struct Alternative {
    transcript: String,
}
