//! Links that work without a key: signed, and good for a day. What they lead to is served by `server/recording.rs`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use protocol::ids::CallId;

use crate::store::Secret;

/// How long a link is good for, in seconds: a day.
const LIFETIME: i64 = 24 * 60 * 60;
/// What the signatures of links are for; see [`Secret::sign`].
const PURPOSE: &str = "recording";

/// Makes links and knows its own again.
#[derive(Debug, Clone)]
pub struct Links {
    secret: Secret,
    public_url: String,
}

impl Links {
    /// Makes links that begin with `public_url`, which has no slash at its end.
    #[must_use]
    pub const fn new(secret: Secret, public_url: String) -> Self {
        Self { secret, public_url }
    }

    /// Returns a link to the recording of a call, good for a day from `now`.
    #[must_use]
    pub fn recording(&self, id: &CallId, now: Timestamp) -> String {
        let expires = now.as_second() + LIFETIME;
        let signature = self.secret.sign(PURPOSE, &signed_text(id, expires));
        format!(
            "{}/api/v1/calls/{id}/recording?expires={expires}&signature={}",
            self.public_url,
            URL_SAFE_NO_PAD.encode(signature)
        )
    }

    /// Returns whether a link with these parameters was made here and is still good, comparing in constant time.
    #[must_use]
    pub fn admits(&self, id: &CallId, expires: i64, signature: &str, now: Timestamp) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        let signed = signed_text(id, expires);
        self.secret.verify(PURPOSE, &signed, &signature) && now.as_second() <= expires
    }
}

fn signed_text(id: &CallId, expires: i64) -> Vec<u8> {
    format!("{id}\n{expires}").into_bytes()
}
