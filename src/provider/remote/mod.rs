//! Recognisers behind a WebSocket: what all of them share. One task a call keeps the connection, and sends the sound
//! again that was not recognised when a connection is lost.
//!
//! What differs between vendors is a [`Dialect`]: how a connection is opened, how sound and flushes are said, and what
//! messages mean. It holds no socket and no clock, and is told when a new connection begins. The loop is in [`session`],
//! what was said but not yet heard in [`unheard`], the opening of connections in [`connect`].
//!
//! **Dropping the stream** says goodbye where the vendor has a word for it, closes the connection, and discards what is
//! still to come. Nothing is waited for longer than half a second, by a task that nobody waits for.

use std::{fmt, time::Duration};

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{self, Message};

use super::{ProviderError, ProviderErrorKind, SttStream};

pub(in crate::provider) mod connect;
mod encode;
mod session;
mod unheard;

pub(super) use encode::Encoding;

/// A request that opens a connection.
pub(super) type Request = tungstenite::handshake::client::Request;

/// Frames and flushes on their way in: one second. When full, the driver keeps up to 5 s and drops the oldest sound.
const INPUT: usize = 50;
/// Words on their way out. The session waits when they are not fetched, and merges partials.
const EVENTS: usize = 16;

/// How a vendor speaks.
pub(super) trait Dialect: fmt::Debug + Send + 'static {
    /// Who this is, for messages to people.
    fn service(&self) -> Service;
    /// Returns what opens a connection.
    fn request(&self) -> Result<Request, ProviderError>;
    /// How sound is sent, and how many milliseconds of it in one message.
    fn encoding(&self) -> (Encoding, u32);
    /// A connection is open and nothing was said on it. Returns what has to be said first.
    fn begin(&mut self) -> Vec<Message>;
    /// Puts encoded sound into a message. Never called with no bytes.
    fn sound(&self, bytes: &bytes::Bytes) -> Message;
    /// Asks for the final words of the sound so far, which is `at` long on this connection. `None` when there is no such
    /// request; the answer is then up to [`Dialect::read`].
    fn flush(&mut self, at: Duration) -> Option<Message>;
    /// What keeps a connection open over which no sound goes.
    fn keep_alive(&self) -> Option<Message> {
        None
    }
    /// What is said before the connection is closed.
    fn goodbye(&self) -> Option<Message> {
        None
    }
    /// Reads one message of the service.
    fn read(&mut self, text: &str) -> Result<Vec<Heard>, Lost>;
    /// What it means that the service closed the connection with this code and reason.
    fn closed(&self, code: u16, reason: &str) -> Lost {
        let what = if reason.is_empty() {
            format!("closed the connection (code {code})")
        } else {
            format!("closed the connection ({reason}, code {code})")
        };
        Lost::again(ProviderErrorKind::Unavailable, what)
    }
}

/// What a service has to say about the sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// Words that may still change, in place of the last such ones.
    Partial(String),
    /// Words that will not change.
    Final {
        /// The words; may be none.
        text: String,
        /// How much of this connection's sound is recognised now; `None` when the service does not say.
        until: Option<Duration>,
        /// Whether this answers the oldest flush.
        answers: bool,
    },
    /// No word has begun that would not be known by now: there were none in the sound up to here.
    Silence(Duration),
    /// What it makes of the turn.
    Hint(call::TurnHint),
}

/// Why a connection is of no more use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    kind: ProviderErrorKind,
    /// What the service did, as a sentence goes on after its name.
    what: String,
    /// Whether another connection may fare better.
    again: bool,
    /// How long the service wants to be left alone.
    retry_after: Option<Duration>,
}

impl Lost {
    /// Another connection may fare better.
    pub(super) fn again(kind: ProviderErrorKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            again: true,
            retry_after: None,
        }
    }

    /// Another connection would end the same way.
    pub(super) fn for_good(kind: ProviderErrorKind, what: impl Into<String>) -> Self {
        Self {
            again: false,
            ..Self::again(kind, what)
        }
    }

    fn error(self, service: &Service) -> ProviderError {
        let message = format!("{} {}.", service.name, self.what);
        ProviderError::new(self.kind, message).retry_after(self.retry_after)
    }
}

/// A service as people know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// At the head of a sentence.
    pub(super) name: &'static str,
    /// The setting of its key.
    pub(super) key: &'static str,
    /// The setting of its address.
    pub(super) base_url: &'static str,
    /// The setting of its model.
    pub(super) model: &'static str,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until a connection is open. Defaults to 4 s.
    pub connect: Duration,
    /// Until a flush of sound in which there are no words so far is answered with none. Defaults to 700 ms.
    pub flush: Duration,
    /// Without a word from the service, after which it is asked whether it lives, and after twice of which it does not.
    /// Defaults to 5 s.
    pub silence: Duration,
    /// The first wait before another connection is tried; the next ones are four and eight times as long. Defaults to
    /// 250 ms.
    pub retry: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(4),
            flush: Duration::from_millis(700),
            silence: Duration::from_secs(5),
            retry: Duration::from_millis(250),
        }
    }
}

/// Connects, and starts the task that listens for one call.
///
/// # Errors
/// When the service cannot be reached or refuses. What is likely to pass within a second is tried once more.
pub(super) async fn open(
    mut dialect: impl Dialect,
    limits: Limits,
) -> Result<SttStream, ProviderError> {
    let socket = connect::first(&dialect, limits).await?;
    let (input, orders) = mpsc::channel(INPUT);
    let (out, events) = mpsc::channel(EVENTS);
    let greeting = dialect.begin();
    let session = session::Session::new(Box::new(dialect), limits);
    tokio::spawn(session.run(socket, greeting, orders, out));
    Ok(SttStream { input, events })
}
