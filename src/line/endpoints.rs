//! What a carrier may ask of a line over HTTP, in the words of no HTTP library: requests, answers, and sockets that
//! carry sound. The server passes them on and decides nothing; the line decides who may ask.

use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::provider::BoxFuture;

/// A connection that a carrier has opened, after its handshake.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// See [`Duplex`].
pub type Wire = Box<dyn Duplex>;

/// What happens on a connection until it ends.
pub type WireSession = Box<dyn FnOnce(Wire) -> BoxFuture<'static, ()> + Send>;

/// The paths of a line below `/lines/<name of the line>/`.
pub trait Endpoints: Send + Sync + fmt::Debug {
    /// Answers a request.
    fn answer<'a>(&'a self, request: WireRequest) -> BoxFuture<'a, WireResponse>;
    /// Decides about the handshake of a WebSocket. The session gets the connection once it is open.
    ///
    /// # Errors
    /// The answer to a handshake that is refused.
    fn open(&self, request: &WireRequest) -> Result<WireSession, WireResponse>;
}

/// A request of a carrier.
#[derive(Debug, Clone, Default)]
pub struct WireRequest {
    /// The method, in capitals.
    pub method: String,
    /// What follows `/lines/<name>/`, without the query.
    pub endpoint: String,
    /// Path and query as they came.
    pub target: String,
    /// Names in small letters, and values; those that are no plain text are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: bytes::Bytes,
}

impl WireRequest {
    /// Returns a header by its name in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The answer to a request of a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireResponse {
    /// HTTP status.
    pub status: u16,
    /// The type of the body; none when it is empty.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: String,
}

impl WireResponse {
    /// Returns an answer without a body.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            body: String::new(),
        }
    }
}
