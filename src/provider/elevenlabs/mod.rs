//! A voice of ElevenLabs, over the WebSocket `stream-input`: sound as telephones want it (µ-law, 8 kHz), and the time of
//! every character, from which the ends of words are made.
//!
//! The socket has no way to stop a generation but to close it, and its end is the only sure sign that a text is complete.
//! So each clause has a socket of its own. That costs no time, because the next one is always open already
//! ([`warm`]). Cancelling a clause, or dropping the stream, closes its socket, which ends the generation.

mod warm;
mod wire;

use std::{fmt, sync::Arc};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use self::wire::{Heard, Reading};
use super::{
    BoxFuture, ProviderError, ProviderErrorKind, TextToSpeech, TtsOptions, TtsStream,
    clauses::{self, Sound},
    http::{Service, Socket},
    is_among,
};

/// Where the service is.
pub const URL: &str = "wss://api.elevenlabs.io";
/// Models of English only, and the languages of those of several. Source: <https://elevenlabs.io/docs/models>.
const ENGLISH_ONLY: [&str; 3] = [
    "eleven_monolingual_v1",
    "eleven_turbo_v2",
    "eleven_flash_v2",
];
const MULTILINGUAL_V2: &str =
    "en ja zh de hi fr ko pt it es id nl tr fil tl pl sv bg ro ar cs el fi hr ms sk da ta uk ru";
const ALSO_V2_5: &str = "hu no nb nn vi";
/// Pieces of sound on their way; beyond that the service waits.
const PIECES: usize = 8;
const SERVICE: Service<'static> = Service {
    name: "ElevenLabs",
    section: "tts.elevenlabs",
};

/// How to reach the service.
#[derive(Clone, Default)]
pub struct Options {
    /// Scheme and host; [`URL`] when empty. `http` and `https` are taken for `ws` and `wss`.
    pub base_url: String,
    /// The key.
    pub api_key: String,
    /// The model.
    pub model: String,
    /// The id of the voice of calls that name none.
    pub voice: String,
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

/// The voices of one account.
#[derive(Debug, Clone)]
pub struct ElevenLabs {
    options: Arc<Options>,
}

/// What every socket of one call is opened with.
#[derive(Clone)]
struct Place {
    url: String,
    key: reqwest::header::HeaderValue,
}

impl ElevenLabs {
    /// Makes a client. Connects to nothing yet.
    ///
    /// # Errors
    /// When there is no key, or it cannot be a header.
    pub fn new(options: Options) -> Result<Self, ProviderError> {
        if options.api_key.is_empty() {
            let message = "tts.elevenlabs.api_key is not set; ElevenLabs wants one";
            return Err(ProviderError::new(ProviderErrorKind::Auth, message));
        }
        SERVICE.key(&options.api_key)?;
        Ok(Self {
            options: Arc::new(options),
        })
    }

    fn place(&self, asked: &TtsOptions) -> Result<Place, ProviderError> {
        let options = &self.options;
        let base = match options.base_url.trim_end_matches('/') {
            "" => URL,
            base => base,
        };
        // ws and wss are http and https with another name.
        let base = base
            .strip_prefix("http")
            .map_or_else(|| base.to_owned(), |rest| format!("ws{rest}"));
        let voice = match asked.voice.as_str() {
            "" => &options.voice,
            named => named,
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("model_id", &options.model)
            .append_pair("output_format", "ulaw_8000")
            .append_pair("auto_mode", "true")
            .append_pair("inactivity_timeout", "180");
        // Only models of several languages take it; the others refuse the connection.
        if options.model.contains("v2_5") || options.model.contains("v3") {
            let language = asked.language.split(['-', '_']).next().unwrap_or_default();
            let language = if language.is_empty() { "en" } else { language };
            query.append_pair("language_code", language);
        }
        let voice: String = form_urlencoded::byte_serialize(voice.as_bytes()).collect();
        Ok(Place {
            url: format!(
                "{base}/v1/text-to-speech/{voice}/stream-input?{}",
                query.finish()
            ),
            key: SERVICE.key(&options.api_key)?,
        })
    }
}

impl Place {
    /// Opens a socket and says how it will be used.
    async fn connect(&self) -> Result<Socket, ProviderError> {
        let headers = [("xi-api-key", self.key.clone())];
        let mut socket = SERVICE.connect(&self.url, headers).await?;
        send(&mut socket, wire::begin()).await?;
        Ok(socket)
    }
}

async fn send(socket: &mut Socket, text: String) -> Result<(), ProviderError> {
    let sent = socket.send(Message::text(text)).await;
    sent.map_err(|_| broke_off())
}

fn broke_off() -> ProviderError {
    SERVICE.error(ProviderErrorKind::Unavailable, "broke off the connection")
}

/// Has one text spoken on a socket of its own, to its end.
async fn speak(
    mut socket: Socket,
    text: &str,
    out: &mpsc::Sender<Sound>,
) -> Result<(), ProviderError> {
    send(&mut socket, wire::text(text)).await?;
    send(&mut socket, wire::end()).await?;
    let mut reading = Reading::new(text);
    while let Some(message) = socket.next().await {
        let heard = match message.map_err(|_| broke_off())? {
            Message::Text(message) => reading.take(&message)?,
            Message::Close(frame) => return Err(wire::closed(frame.as_ref())),
            _ => continue,
        };
        let Heard {
            words,
            samples,
            last,
        } = heard;
        let words = words.map(Sound::Words);
        let samples = (!samples.is_empty()).then_some(Sound::Samples(samples, wire::RATE));
        for sound in words.into_iter().chain(samples) {
            if out.send(sound).await.is_err() {
                return Ok(());
            }
        }
        if last {
            let _ = socket.close(None).await;
            return reading.finish();
        }
    }
    Err(broke_off())
}

impl TextToSpeech for ElevenLabs {
    fn name(&self) -> &'static str {
        "elevenlabs"
    }

    fn speaks(&self, language: &str) -> bool {
        match self.options.model.as_str() {
            model if ENGLISH_ONLY.contains(&model) => is_among(language, "en"),
            "eleven_multilingual_v2" => is_among(language, MULTILINGUAL_V2),
            "eleven_turbo_v2_5" | "eleven_flash_v2_5" => {
                is_among(language, MULTILINGUAL_V2) || is_among(language, ALSO_V2_5)
            }
            // What other models know, the service says itself.
            _ => true,
        }
    }

    fn variant(&self) -> String {
        format!("{}\n{}", self.options.base_url, self.options.model)
    }

    fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        Box::pin(async move {
            let place = self.place(&options)?;
            let sockets = warm::open(place).await?;
            Ok(clauses::open(move |text| {
                let (out, sound) = mpsc::channel(PIECES);
                let sockets = sockets.clone();
                tokio::spawn(async move {
                    let speaking = async {
                        let socket = sockets.take().await?;
                        speak(socket, &text, &out).await
                    };
                    tokio::select! {
                        biased;
                        () = out.closed() => {}
                        spoken = speaking => if let Err(error) = spoken {
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
