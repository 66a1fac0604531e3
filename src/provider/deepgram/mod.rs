//! Deepgram as the ear: streaming recognition by its models for transcription (`/v1/listen`, see [`nova`]) and by those
//! that also listen for turns (`/v2/listen`, see [`flux`]), whichever the model's name says.
//!
//! Decides what is asked for; how the connection is kept is in [`super::remote`]. Dropping the stream sends
//! `CloseStream` and closes the connection, which ends the billing.

use std::fmt;

use super::{
    BoxFuture, ProviderError, ProviderErrorKind, SpeechToText, SttOptions, SttStream, is_among,
    is_english, primary,
    remote::{self, Encoding, Limits, Lost, Service},
};

mod flux;
mod nova;

/// Where Deepgram's own service is.
pub const DEEPGRAM_URL: &str = "wss://api.deepgram.com";
/// Words that are passed on as likely; the service takes 100 and more, each costs a little accuracy elsewhere.
const KEYTERMS_MAX: usize = 50;

/// What the messages to people name.
const SERVICE: Service = Service {
    name: "Deepgram",
    key: "stt.deepgram.api_key",
    base_url: "stt.deepgram.base_url",
    model: "stt.deepgram.model",
};

/// How to reach the service, and what to ask for.
#[derive(Clone)]
pub struct Options {
    /// Where the service is; [`DEEPGRAM_URL`] when empty.
    pub base_url: String,
    /// The key.
    pub api_key: String,
    /// The model: `nova-3`, `flux-general-en`, …
    pub model: String,
    /// How sure a model that listens for turns must be to call one over, in percent, 50 to 100.
    pub end_of_turn_percent: u8,
    /// How sure it must be to say that one may be over, in percent, 30 to 90.
    pub eager_percent: u8,
    /// How long things may take.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            api_key: String::new(),
            model: "nova-3".to_owned(),
            end_of_turn_percent: 70,
            eager_percent: 50,
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

impl Options {
    fn base(&self) -> &str {
        if self.base_url.is_empty() {
            DEEPGRAM_URL
        } else {
            &self.base_url
        }
    }

    /// Whether the model listens for turns.
    fn hears_turns(&self) -> bool {
        self.model.starts_with("flux")
    }
}

/// One model of the service.
#[derive(Debug, Clone)]
pub struct Deepgram {
    options: Options,
}

impl Deepgram {
    /// Makes a client. Connects to nothing yet.
    ///
    /// # Errors
    /// When no key or no model is set, or the address is none.
    pub fn new(options: Options) -> Result<Self, ProviderError> {
        let problem = |kind, message: &str| Err(ProviderError::new(kind, message));
        if options.api_key.trim().is_empty() {
            return problem(
                ProviderErrorKind::Auth,
                "Deepgram needs a key; set stt.deepgram.api_key (https://console.deepgram.com).",
            );
        }
        if options.model.trim().is_empty() {
            return problem(
                ProviderErrorKind::Unsupported,
                "No model of Deepgram is named; set stt.deepgram.model.",
            );
        }
        let deepgram = Self { options };
        deepgram.address()?;
        Ok(deepgram)
    }

    /// Opens a connection and closes it again, so that address, key and model are known to be right.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub async fn check(&self) -> Result<String, String> {
        let stream = self.open(SttOptions::default()).await;
        stream
            .map(|_| format!("{}, which takes the key", self.describe()))
            .map_err(|error| error.to_string())
    }

    /// Returns what is in use, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        format!(
            "Deepgram's {} at {}",
            self.options.model,
            self.options.base()
        )
    }

    fn address(&self) -> Result<(), ProviderError> {
        remote::connect::request(
            SERVICE,
            self.options.base(),
            "/",
            &[],
            ("Token", &self.options.api_key),
        )
        .map(drop)
    }
}

/// The languages of `nova-2`. Source: <https://developers.deepgram.com/docs/models-languages-overview>.
const NOVA_2: &str = "bg ca zh cs da nl en et fi fr de el hi hu id it ja ko lv lt ms no nb pl pt ro ru sk es sv th tr uk vi";

impl SpeechToText for Deepgram {
    fn name(&self) -> &'static str {
        "deepgram"
    }

    fn understands(&self, language: &str) -> bool {
        if self.options.model == "flux-general-multi" {
            flux::LANGUAGES.contains(&primary(language))
        } else if self.options.hears_turns() {
            is_english(language)
        } else {
            match self.options.model.split_once('-') {
                Some(("nova", "2" | "2-general")) => is_among(language, NOVA_2),
                // Nova for a trade or a kind of call.
                Some(("nova", rest))
                    if rest.split('-').count() > 1 && !rest.ends_with("-general") =>
                {
                    is_english(language)
                }
                // What other models know grows; the service says so itself.
                _ => true,
            }
        }
    }

    fn open(&self, stt: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        Box::pin(async move {
            let options = self.options.clone();
            if !self.understands(&stt.language) {
                let message = format!(
                    "Deepgram's {} does not understand {}; choose another model or recogniser for this language.",
                    options.model, stt.language
                );
                return Err(ProviderError::new(ProviderErrorKind::Unsupported, message));
            }
            let limits = options.limits;
            if options.hears_turns() {
                remote::open(flux::Flux::new(options, stt), limits).await
            } else {
                remote::open(nova::Nova::new(options, stt), limits).await
            }
        })
    }
}

/// The telephone's own code where the sound came by telephone, four times smaller than the other.
fn encoding(stt: &SttOptions) -> Encoding {
    if stt.narrowband {
        Encoding::MuLaw
    } else {
        Encoding::Linear(16_000)
    }
}

/// The parameters that both interfaces share.
fn common(options: &Options, stt: &SttOptions) -> Vec<(&'static str, String)> {
    let encoding = encoding(stt);
    let code = match encoding {
        Encoding::MuLaw => "mulaw",
        Encoding::Linear(_) => "linear16",
    };
    vec![
        ("model", options.model.clone()),
        ("encoding", code.to_owned()),
        ("sample_rate", encoding.rate().to_string()),
    ]
}

fn likely(stt: &SttOptions) -> impl Iterator<Item = String> {
    let words = stt.hints.iter().filter(|word| !word.trim().is_empty());
    words.take(KEYTERMS_MAX).cloned()
}

/// Reads a message's JSON.
fn read_json(text: &str) -> Result<serde_json::Value, Lost> {
    serde_json::from_str(text).map_err(|_| malformed("sent something that is no JSON"))
}

/// A message breaks the protocol. What it was about is lost with it, so the sound is given to another connection.
fn malformed(what: &str) -> Lost {
    Lost::again(ProviderErrorKind::Protocol, what)
}

/// What the codes of errors and closes mean: `DATA-…` is about our sound, all else about the service.
fn by_code(code: &str, said: &str) -> Lost {
    let what = format!("reported an error ({code}: {said})");
    if code.contains("DATA-") {
        Lost::for_good(ProviderErrorKind::Protocol, what)
    } else if code.contains("AUTH") {
        Lost::for_good(ProviderErrorKind::Auth, what)
    } else {
        Lost::again(ProviderErrorKind::Unavailable, what)
    }
}

/// What a close means: 1008 is about what we sent, 1009 about its size.
fn closed(code: u16, reason: &str) -> Lost {
    let what = format!("closed the connection (code {code}: {reason})");
    match code {
        1008 | 1009 => Lost::for_good(ProviderErrorKind::Protocol, what),
        _ => Lost::again(ProviderErrorKind::Unavailable, what),
    }
}
