//! A voice of Cartesia, over its WebSocket: one connection for the whole call, one context a clause, and the time of
//! every word.
//!
//! Cancelling a clause cancels its context; dropping the stream closes the connection, which ends whatever is generated.
//! The connection is opened when the call begins. When the service closes it, it is opened again, at once when that was in
//! silence, otherwise for the next clause.

mod wire;

use std::{fmt, sync::Arc};

use futures_util::{SinkExt, StreamExt};
use reqwest::header::HeaderValue;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use self::wire::{Context, Incoming, Settings};
use super::{
    BoxFuture, ProviderError, ProviderErrorKind, TextToSpeech, TtsOptions, TtsStream,
    clauses::{self, Sound},
    http::{Service, Socket},
    is_among,
};

/// Where the service is.
pub const URL: &str = "wss://api.cartesia.ai";
/// The version of the interface that is spoken here.
const VERSION: &str = "2026-03-01";
/// The languages of the models before `sonic-3`. Source: <https://docs.cartesia.ai/build-with-cartesia/tts-models>.
const SONIC_2: &str = "en fr de es pt zh ja hi it ko nl pl ru sv tr";
/// Texts that wait for the connection: one is spoken, one follows.
const TEXTS: usize = 2;
/// Pieces of sound on their way; beyond that the service waits.
const PIECES: usize = 8;
const SERVICE: Service<'static> = Service {
    name: "Cartesia",
    section: "tts.cartesia",
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
pub struct Cartesia {
    options: Arc<Options>,
}

impl Cartesia {
    /// Makes a client. Connects to nothing yet.
    ///
    /// # Errors
    /// When there is no key, or it cannot be a header.
    pub fn new(options: Options) -> Result<Self, ProviderError> {
        if options.api_key.is_empty() {
            let message = "tts.cartesia.api_key is not set; Cartesia wants one";
            return Err(ProviderError::new(ProviderErrorKind::Auth, message));
        }
        SERVICE.key(&options.api_key)?;
        Ok(Self {
            options: Arc::new(options),
        })
    }
}

/// One text to speak, and where its sound goes.
#[derive(Debug)]
struct Order {
    text: String,
    out: mpsc::Sender<Sound>,
}

/// Where the service is, and what every context says.
struct Place {
    url: String,
    key: HeaderValue,
    settings: Settings,
}

impl Place {
    async fn connect(&self) -> Result<Socket, ProviderError> {
        let headers = [
            ("x-api-key", self.key.clone()),
            ("cartesia-version", HeaderValue::from_static(VERSION)),
        ];
        SERVICE.connect(&self.url, headers).await
    }

    /// Speaks what is ordered until nobody orders any more.
    async fn serve(self, first: Socket, mut orders: mpsc::Receiver<Order>) {
        let mut socket = Some(first);
        for number in 0_u64.. {
            let order = match &mut socket {
                Some(open) => tokio::select! {
                    biased;
                    order = orders.recv() => order,
                    () = until_closed(open) => {
                        socket = self.connect().await.ok();
                        continue;
                    }
                },
                None => orders.recv().await,
            };
            let Some(Order { text, out }) = order else {
                return;
            };
            let opened = match socket.take() {
                Some(socket) => Ok(socket),
                None => self.connect().await,
            };
            let spoken = match opened {
                Ok(mut open) => {
                    let spoken = self.speak(&mut open, number, &text, &out).await;
                    if !matches!(spoken, Err(Failure::Connection(_))) {
                        socket = Some(open);
                    }
                    spoken
                }
                Err(error) => Err(Failure::Connection(error)),
            };
            if let Err(Failure::Connection(error) | Failure::Context(error)) = spoken {
                // An error means that nobody wants it any more.
                let _ = out.send(Sound::Failed(error)).await;
            }
        }
    }

    async fn speak(
        &self,
        socket: &mut Socket,
        number: u64,
        text: &str,
        out: &mpsc::Sender<Sound>,
    ) -> Result<(), Failure> {
        let mut context = Context::new(number, text);
        send(socket, context.begin(&self.settings)).await?;
        loop {
            let message = tokio::select! {
                biased;
                () = out.closed() => return send(socket, context.cancel()).await,
                message = socket.next() => message,
            };
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    return Err(Failure::Connection(broke_off()));
                }
                Some(Ok(_)) => continue,
            };
            let sound = match context.take(&text).map_err(Failure::Context)? {
                Incoming::Sound(sound) => sound,
                Incoming::Done => return Ok(()),
                Incoming::Other => continue,
            };
            if out.send(sound).await.is_err() {
                return send(socket, context.cancel()).await;
            }
        }
    }
}

/// Why a text was not spoken to its end.
enum Failure {
    /// The connection is gone.
    Connection(ProviderError),
    /// The service does not want this text; the connection is fine.
    Context(ProviderError),
}

async fn send(socket: &mut Socket, text: String) -> Result<(), Failure> {
    let sent = socket.send(Message::text(text)).await;
    sent.map_err(|_| Failure::Connection(broke_off()))
}

fn broke_off() -> ProviderError {
    SERVICE.error(ProviderErrorKind::Unavailable, "broke off the connection")
}

/// Reads what comes while nothing is spoken: late sound of what was cancelled, pings. Returns when it is closed.
async fn until_closed(socket: &mut Socket) {
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            return;
        }
    }
}

impl TextToSpeech for Cartesia {
    fn name(&self) -> &'static str {
        "cartesia"
    }

    fn speaks(&self, language: &str) -> bool {
        match self.options.model.as_str() {
            "sonic-english" => is_among(language, "en"),
            "sonic" | "sonic-multilingual" | "sonic-turbo" => is_among(language, SONIC_2),
            model if model.starts_with("sonic-2") => is_among(language, SONIC_2),
            // What later models know, the service says itself.
            _ => true,
        }
    }

    fn variant(&self) -> String {
        format!("{}\n{}", self.options.base_url, self.options.model)
    }

    fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        Box::pin(async move {
            let base = match self.options.base_url.trim_end_matches('/') {
                "" => URL,
                base => base,
            };
            let base = base
                .strip_prefix("http")
                .map_or_else(|| base.to_owned(), |rest| format!("ws{rest}"));
            let language = options
                .language
                .split(['-', '_'])
                .next()
                .unwrap_or_default();
            let place = Place {
                url: format!("{base}/tts/websocket"),
                key: SERVICE.key(&self.options.api_key)?,
                settings: Settings {
                    model: self.options.model.clone(),
                    voice: match options.voice.as_str() {
                        "" => self.options.voice.clone(),
                        named => named.to_owned(),
                    },
                    language: match language {
                        "" => "en".to_owned(),
                        language => language.to_lowercase(),
                    },
                },
            };
            let socket = place.connect().await?;
            let (texts, orders) = mpsc::channel(TEXTS);
            tokio::spawn(place.serve(socket, orders));
            Ok(clauses::open(move |text| {
                let (out, sound) = mpsc::channel(PIECES);
                // Clauses come one at a time, so there is room; and who is gone gives a channel that ends at once.
                if let Err(error) = texts.try_send(Order { text, out }) {
                    let Order { out, .. } = error.into_inner();
                    let _ = out.try_send(Sound::Failed(broke_off()));
                }
                sound
            }))
        })
    }
}
