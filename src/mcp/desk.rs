//! Where the tools take their wishes: the REST interface, whichever way it is reached. The contract; no way of reaching it.

use std::fmt;

use protocol::control::Numbered;
use serde_json::Value;
use tokio::sync::mpsc;

use super::Retries;
use crate::provider::BoxFuture;

/// A wish, as REST knows it.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// `POST /calls`
    Create {
        /// The request's body.
        body: Value,
        /// The `Idempotency-Key`.
        idempotency_key: Option<String>,
    },
    /// `GET /calls/{id}`
    Get(String),
    /// `GET /calls?…`: the parameters, encoded.
    List(String),
    /// `POST /calls/{id}/cancel`
    Cancel {
        /// Which call.
        id: String,
        /// Without a word.
        now: bool,
    },
    /// `POST /calls/{id}/answers`
    Answer {
        /// Which call.
        id: String,
        /// The request's body.
        body: Value,
    },
    /// `GET /account`
    Account,
}

/// What REST answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body: the data, or `{"error", "code"}`.
    pub body: Value,
    /// Whether this is the answer to an earlier request with the same idempotency key.
    pub replayed: bool,
}

/// The REST interface with one key.
pub trait Desk: fmt::Debug + Send + Sync + 'static {
    /// Has a wish carried out.
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Reply>;
    /// Whose wishes come here, as far as several owners share the memory of [`Desk::retries`].
    fn owner(&self) -> String;
    /// The wishes of the recent past.
    fn retries(&self) -> &Retries;
    /// Follows the events of a call from its beginning; the channel is closed when there will be no more. Dropping the receiver
    /// ends it.
    ///
    /// # Errors
    /// As REST answers when there is no such call.
    fn follow<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<mpsc::Receiver<Numbered>, Reply>>;
}
