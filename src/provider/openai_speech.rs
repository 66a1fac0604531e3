//! A voice behind OpenAI's speech interface, which other servers speak, too: one HTTP request a clause, the sound
//! streamed as it is made.
//!
//! A clause that is cancelled, or whose stream is dropped, closes its connection at once, which stops the service's work.
//! The connection is opened when the call begins, by asking for the list of models, and kept for the clauses.

use std::{fmt, sync::Arc};

use futures_util::StreamExt;
use reqwest::{Response, Url, header};
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    BoxFuture, ProviderError, ProviderErrorKind, TextToSpeech, TtsOptions, TtsStream,
    clauses::{self, Sound},
    http::{self, Service},
    is_among,
    openai::OPENAI_URL,
};

/// Samples per second of `pcm`.
const RATE: u32 = 24_000;
/// The languages of OpenAI's own models. Source: <https://platform.openai.com/docs/guides/text-to-speech>.
const OPENAIS: &str = "af ar hy az be bs bg ca zh yue hr cs da nl en et fi fr gl de el he hi hu is id it ja kn kk ko lv lt mk \
                       ms mr mi ne no nb nn fa pl pt ro ru sr sk sl es sw sv tl fil ta th tr uk ur vi cy";
/// Pieces of sound on their way; beyond that the service waits.
const PIECES: usize = 8;
const SERVICE: Service<'static> = Service {
    name: "the speech service of OpenAI's kind",
    section: "tts.openai",
};

/// How to reach a service.
#[derive(Clone, Default)]
pub struct Options {
    /// Everything before `/audio/speech`; OpenAI's own when empty.
    pub base_url: String,
    /// The key; empty: none is sent.
    pub api_key: String,
    /// The model's name in the service.
    pub model: String,
    /// The voice of calls that name none.
    pub voice: String,
    /// How to speak, in words, for models that take it; empty: nothing is said about it.
    pub instructions: String,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .field("voice", &self.voice)
            .finish_non_exhaustive()
    }
}

/// One voice service.
#[derive(Debug, Clone)]
pub struct OpenAiSpeech {
    options: Arc<Options>,
    base: String,
    client: reqwest::Client,
}

impl OpenAiSpeech {
    /// Makes a client. Connects to nothing yet.
    ///
    /// # Errors
    /// When the address is no URL, or the key cannot be a header.
    pub fn new(options: Options) -> Result<Self, ProviderError> {
        let base = match options.base_url.trim_end_matches('/') {
            "" => OPENAI_URL,
            base => base,
        };
        let url = Url::parse(base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| {
                let message = format!("`{base}` is no address of a speech service; set tts.openai.base_url to one like {OPENAI_URL}");
                ProviderError::new(ProviderErrorKind::Unsupported, message)
            })?;
        let mut headers = header::HeaderMap::new();
        if !options.api_key.is_empty() {
            let key = SERVICE.key(&format!("Bearer {}", options.api_key))?;
            headers.insert(header::AUTHORIZATION, key);
        }
        http::install_tls();
        let mut builder = reqwest::Client::builder()
            .default_headers(headers)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none());
        if http::is_loopback(&url) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| {
            let message = format!("no TLS client could be made for the speech service ({error})");
            ProviderError::new(ProviderErrorKind::Unsupported, message)
        })?;
        Ok(Self {
            base: base.to_owned(),
            options: Arc::new(options),
            client,
        })
    }

    /// Opens a connection that the clauses will use.
    async fn warm_up(&self) -> Result<(), ProviderError> {
        let asked = self.client.get(format!("{}/models", self.base)).send();
        let response = asked.await.map_err(|error| SERVICE.unreachable(&error))?;
        // Many servers do not know this path, and some keys may not use it. A wrong key is wrong everywhere.
        if response.status() == reqwest::StatusCode::UNAUTHORIZED {
            return Err(refused(response, &self.options.api_key).await);
        }
        // Read to its end, so that the connection is free again.
        let _ = response.bytes().await;
        Ok(())
    }

    async fn speak(
        &self,
        voice: &str,
        text: &str,
        out: &mpsc::Sender<Sound>,
    ) -> Result<(), ProviderError> {
        let mut body = json!({
            "model": self.options.model,
            "input": text,
            "voice": voice,
            "response_format": "pcm",
        });
        if !self.options.instructions.is_empty() {
            body["instructions"] = self.options.instructions.as_str().into();
        }
        let request = self.client.post(format!("{}/audio/speech", self.base));
        let response = request.json(&body).send().await;
        let response = response.map_err(|error| SERVICE.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refused(response, &self.options.api_key).await);
        }
        if !is_raw(&response) {
            return Err(SERVICE.error(
                ProviderErrorKind::Protocol,
                "does not speak raw samples (response_format pcm); use another service or model",
            ));
        }
        let mut pieces = response.bytes_stream();
        // A piece may end in the middle of a sample.
        let mut half: Option<u8> = None;
        let mut any = false;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| SERVICE.unreachable(&error))?;
            let bytes: Vec<u8> = half.take().into_iter().chain(piece).collect();
            let (whole, rest) = bytes.as_chunks::<2>();
            half = rest.first().copied();
            let samples: Vec<i16> = whole.iter().map(|two| i16::from_le_bytes(*two)).collect();
            any |= !samples.is_empty();
            if !samples.is_empty() && out.send(Sound::Samples(samples, RATE)).await.is_err() {
                return Ok(());
            }
        }
        if any {
            return Ok(());
        }
        Err(SERVICE.error(ProviderErrorKind::Protocol, "sent no sound"))
    }
}

/// Whether an answer says that it is something else than raw samples.
fn is_raw(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    matches!(
        kind,
        "" | "audio/pcm"
            | "audio/l16"
            | "audio/raw"
            | "application/octet-stream"
            | "binary/octet-stream"
    )
}

async fn refused(response: Response, key: &str) -> ProviderError {
    let (status, headers) = (response.status(), response.headers().clone());
    let said = http::said(&response.text().await.unwrap_or_default());
    let said = match key {
        "" => said,
        key => said.replace(key, "(the key)"),
    };
    SERVICE.refused(status, &headers, &said)
}

impl TextToSpeech for OpenAiSpeech {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn speaks(&self, language: &str) -> bool {
        let model = self.options.model.as_str();
        let openais = matches!(model, "tts-1" | "tts-1-hd") || model.starts_with("gpt-4o-mini-tts");
        // What the models of other servers know, they say themselves.
        !openais || is_among(language, OPENAIS)
    }

    fn variant(&self) -> String {
        [&self.base, &self.options.model, &self.options.instructions]
            .map(String::as_str)
            .join("\n")
    }

    fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        Box::pin(async move {
            self.warm_up().await?;
            let voice = match options.voice.as_str() {
                "" => self.options.voice.clone(),
                named => named.to_owned(),
            };
            let service = self.clone();
            Ok(clauses::open(move |text| {
                let (out, sound) = mpsc::channel(PIECES);
                let (service, voice) = (service.clone(), voice.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        biased;
                        () = out.closed() => {}
                        spoken = service.speak(&voice, &text, &out) => if let Err(error) = spoken {
                            // An error means that nobody wants it any more.
                            let _ = out.send(Sound::Failed(error)).await;
                        }
                    }
                });
                sound
            }))
        })
    }
}
