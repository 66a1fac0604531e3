//! A call that somebody makes to us: what is known of it before it is decided whether to take it.

use tokio::sync::oneshot;

/// Somebody calls one of the line's numbers.
#[derive(Debug)]
pub struct Incoming {
    /// Names the call for [`super::DialRequest::incoming`].
    pub id: String,
    /// The number that was dialed.
    pub to: String,
    /// Who calls, as the network tells; may be a word such as `anonymous`.
    pub from: String,
    /// Whether the call is taken. Dropped, it is not.
    pub take: oneshot::Sender<bool>,
}
