//! The transcription endpoint of OpenAI's interface, `POST …/audio/transcriptions`, as the ear: one request an utterance, for
//! OpenAI and the servers that speak like it (vLLM, Speaches, LocalAI, whisper.cpp's server and others).
//!
//! Decides how an utterance is asked about and what a failure means; utterances are cut by [`super::utterance`]. There are no
//! partial words unless `look_every` is set: each look costs a request. Dropping the stream closes the connections of the
//! requests under way. The key is sent as a header and appears in no message, log or error.

use std::{fmt, sync::Arc, time::Duration};

use media::wav;
use reqwest::{Response, StatusCode, header};
use serde_json::Value;

use super::{
    BoxFuture, ProviderError, ProviderErrorKind, SpeechToText, SttOptions, SttStream,
    utterance::{self, Segment, Sound, Transcriber},
};
use crate::driver::clock;

/// Where OpenAI's own service is.
pub const OPENAI_URL: &str = "https://api.openai.com/v1";
/// The longest wait that a busy service may ask for before the one other try.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(2);
/// What is sent.
const FORMAT: wav::Format = wav::Format {
    channels: 1,
    rate: 16_000,
};
/// Between the parts of a request. It cannot be in sound by chance.
const BOUNDARY: &str = "agentphone-5b0f2c6d9e8a4f17b3c1";
/// Characters of what a service said that go into an error, and of hints.
const SAID_MAX: usize = 200;
const HINTS_MAX: usize = 500;

/// How to reach a service, and what to ask for.
#[derive(Clone)]
pub struct Options {
    /// Everything before `/audio/transcriptions`; [`OPENAI_URL`] when empty.
    pub base_url: String,
    /// The key; empty: none is sent.
    pub api_key: String,
    /// The model's name in the service.
    pub model: String,
    /// How long the words of an utterance may take. Defaults to 8 s.
    pub limit: Duration,
    /// How much new sound there must be for another look at an utterance under way; zero for none. Defaults to none.
    pub look_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            api_key: String::new(),
            model: "gpt-4o-mini-transcribe".to_owned(),
            limit: Duration::from_secs(8),
            look_every: Duration::ZERO,
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

/// One model of one service.
#[derive(Debug, Clone)]
pub struct OpenAiHearing(Arc<Service>);

#[derive(Debug)]
struct Service {
    options: Options,
    url: String,
    client: reqwest::Client,
}

impl OpenAiHearing {
    /// Makes a client. Connects to nothing yet.
    ///
    /// # Errors
    /// When the address is no URL, the model has no name, or the key cannot be a header.
    pub fn new(options: Options) -> Result<Self, ProviderError> {
        let unsupported =
            |message: String| ProviderError::new(ProviderErrorKind::Unsupported, message);
        let base = match options.base_url.trim_end_matches('/') {
            "" => OPENAI_URL,
            base => base,
        };
        let url = reqwest::Url::parse(&format!("{base}/audio/transcriptions"))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| unsupported(format!("`{base}` is no address of a recogniser; set stt.openai.base_url to one like {OPENAI_URL}.")))?;
        if options.model.trim().is_empty() {
            return Err(unsupported(
                "No model for recognition is named; set stt.openai.model.".to_owned(),
            ));
        }
        if options.api_key.is_empty() && base == OPENAI_URL {
            return Err(ProviderError::new(
                ProviderErrorKind::Auth,
                "OpenAI needs a key; set stt.openai.api_key, or stt.openai.base_url to another service.",
            ));
        }
        let mut headers = header::HeaderMap::new();
        if !options.api_key.is_empty() {
            let key = header::HeaderValue::from_str(&format!("Bearer {}", options.api_key));
            let mut key = key.map_err(|_| {
                ProviderError::new(
                    ProviderErrorKind::Auth,
                    "stt.openai.api_key holds characters that no key has; set it again.",
                )
            })?;
            key.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, key);
        }
        // One cryptography provider for the program; an error only says that it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let client = client.map_err(|error| {
            unsupported(format!(
                "No TLS client could be made for the recogniser ({error})."
            ))
        })?;
        Ok(Self(Arc::new(Service {
            options,
            url: url.into(),
            client,
        })))
    }

    /// Sends a moment of silence, so that address, key and model are known to be right.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub async fn check(&self) -> Result<String, String> {
        let sound = Sound {
            samples: vec![0; 16_000].into(),
            language: "en".into(),
            hints: Arc::new([]),
            is_final: true,
        };
        let asked = Arc::clone(&self.0).ask(sound).await;
        asked
            .map(|_| format!("{}, which answers", self.describe()))
            .map_err(|error| error.to_string())
    }

    /// Returns what is in use, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{} at {}", self.0.options.model, self.0.url)
    }
}

impl SpeechToText for OpenAiHearing {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn open(&self, options: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        let stream = utterance::open(self.0.clone(), options);
        Box::pin(std::future::ready(Ok(stream)))
    }
}

impl Transcriber for Service {
    fn transcribe(&self, sound: Sound) -> BoxFuture<'static, Result<Vec<Segment>, ProviderError>> {
        let service = Arc::new(Self {
            options: self.options.clone(),
            url: self.url.clone(),
            client: self.client.clone(),
        });
        Box::pin(service.ask(sound))
    }

    fn look_every(&self) -> Option<Duration> {
        let every = self.options.look_every;
        (!every.is_zero()).then_some(every)
    }
}

impl Service {
    async fn ask(self: Arc<Self>, sound: Sound) -> Result<Vec<Segment>, ProviderError> {
        let body = self.body(&sound);
        let words = async {
            match self.post(body.clone()).await {
                Err((error, wait)) if error.is_retryable() && wait <= RETRY_AFTER_MAX => {
                    clock::sleep(wait).await;
                    self.post(body).await
                }
                other => other,
            }
        };
        match clock::timeout(self.options.limit, words).await {
            Some(Ok(text)) => Ok(vec![Segment { text, end: None }]),
            Some(Err((error, _))) => Err(error),
            None => Err(self.error(ProviderErrorKind::Timeout, "took too long to answer")),
        }
    }

    /// Asks once. An error comes with how long to wait before another try.
    async fn post(&self, body: bytes::Bytes) -> Result<String, (ProviderError, Duration)> {
        let request = self.client.post(&self.url).header(
            header::CONTENT_TYPE,
            format!("multipart/form-data; boundary={BOUNDARY}"),
        );
        let soon = Duration::from_millis(100);
        let response = request.body(body).send().await.map_err(|error| {
            let what = if error.is_connect() {
                "cannot be reached; check that it runs and stt.openai.base_url"
            } else {
                "broke off the connection"
            };
            (self.error(ProviderErrorKind::Unavailable, what), soon)
        })?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(response).await);
        }
        let text = response.text().await.map_err(|_| {
            let what = "broke off in the middle of an answer";
            (self.error(ProviderErrorKind::Unavailable, what), soon)
        })?;
        let answer: Option<Value> = serde_json::from_str(&text).ok();
        let words = answer.as_ref().and_then(|answer| answer["text"].as_str());
        words.map(|words| words.trim().to_owned()).ok_or_else(|| {
            let what = "gave an answer without words; check that stt.openai.base_url speaks OpenAI's transcription";
            (self.error(ProviderErrorKind::Protocol, what), soon)
        })
    }

    /// The request as `multipart/form-data` (RFC 7578).
    fn body(&self, sound: &Sound) -> bytes::Bytes {
        let mut body = Vec::with_capacity(sound.samples.len() * 2 + 2048);
        let mut field = |name: &str, value: &str| {
            let part = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            body.extend_from_slice(part.as_bytes());
        };
        field("model", &self.options.model);
        field("response_format", "json");
        let primary = sound.language.split(['-', '_']).next().unwrap_or_default();
        // The interface wants ISO 639-1; what has no such code is left for the model to find out.
        if primary.is_empty() || primary.len() == 2 {
            field("language", if primary.is_empty() { "en" } else { primary });
        }
        let hints: String = sound.hints.join(", ").chars().take(HINTS_MAX).collect();
        if !hints.is_empty() {
            field("prompt", &hints);
        }
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"utterance.wav\"\r\nContent-Type: audio/wav\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&wav_file(&sound.samples));
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        body.into()
    }

    /// What a refusal means and what to do about it.
    async fn refused(&self, response: Response) -> (ProviderError, Duration) {
        use ProviderErrorKind::{Auth, Busy, Protocol, Timeout, Unavailable, Unsupported};
        let status = response.status();
        let wait = response.headers().get(header::RETRY_AFTER);
        let wait = wait.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let wait = wait.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let body = response.text().await.unwrap_or_default();
        let said = self.said(&body);
        let (kind, what) = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                (Auth, "refused the key; check stt.openai.api_key".to_owned())
            }
            StatusCode::NOT_FOUND => (
                Unsupported,
                format!(
                    "has no model {} or no transcription; check stt.openai.model and base_url.{said}",
                    self.options.model
                ),
            ),
            StatusCode::TOO_MANY_REQUESTS if said.contains("quota") => (
                Auth,
                "says that the account's quota is used up; check its billing".to_owned(),
            ),
            StatusCode::TOO_MANY_REQUESTS => (Busy, format!("gets too many requests.{said}")),
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => {
                (Timeout, "took too long to answer".to_owned())
            }
            status if status.is_server_error() => (
                Unavailable,
                format!("is out of order (status {}).{said}", status.as_u16()),
            ),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => (
                Unsupported,
                format!(
                    "did not accept the request (status {}); check stt.openai.model and the language.{said}",
                    status.as_u16()
                ),
            ),
            status => (
                Protocol,
                format!("answered with status {}.{said}", status.as_u16()),
            ),
        };
        (
            self.error(kind, what.trim_end_matches('.'))
                .retry_after(wait),
            wait.unwrap_or(Duration::from_millis(250)),
        )
    }

    /// What the service said, with a space before it. Services repeat keys in their messages; ours never does.
    fn said(&self, body: &str) -> String {
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        let words = json["error"]["message"]
            .as_str()
            .or(json["detail"].as_str());
        words.map_or_else(String::new, |words| {
            let words = match self.options.api_key.as_str() {
                "" => words.to_owned(),
                key => words.replace(key, "(the key)"),
            };
            let clean: String = words
                .chars()
                .filter(|c| !c.is_control())
                .take(SAID_MAX)
                .collect();
            format!(" It said: {clean}")
        })
    }

    fn error(&self, kind: ProviderErrorKind, what: &str) -> ProviderError {
        ProviderError::new(kind, format!("The recogniser at {} {what}.", self.url))
    }
}

/// The samples as a WAV file, 16 kHz mono, 16 bits.
fn wav_file(samples: &[i16]) -> Vec<u8> {
    let mut file = Vec::with_capacity(samples.len() * 2 + 44);
    file.extend_from_slice(&wav::header(FORMAT, samples.len() as u64 * 2));
    file.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
    file
}
