//! What is told to a requester's own server: the events and their bodies, and the signature that shows who sent them.
//!
//! The scheme is Standard Webhooks (<https://github.com/standard-webhooks/standard-webhooks>, version 1 of its
//! specification): HMAC-SHA256 over `id.timestamp.body`, keyed by the bytes that the secret holds in base64. When and
//! how often something is sent is not decided here.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::rest::{Call, Time};

/// How a secret begins.
const SECRET_PREFIX: &str = "whsec_";
/// The header with the event's id, the same at every attempt.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the attempt, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// What happened to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Happening {
    /// Somebody picked up.
    #[serde(rename = "call.started")]
    Started,
    /// The agent asks the requester something, and waits for the answer.
    #[serde(rename = "call.question")]
    Question,
    /// It is over, however it ended.
    #[serde(rename = "call.ended")]
    Ended,
    /// What it brought is judged: outcome, summary, result and evidence are there.
    #[serde(rename = "call.analyzed")]
    Analyzed,
}

impl Happening {
    /// Returns the word that is written as `type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "call.started",
            Self::Question => "call.question",
            Self::Ended => "call.ended",
            Self::Analyzed => "call.analyzed",
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns the body that tells of something that happened at a time, with the call as it was then. `question` is there
/// when the agent asks one.
#[must_use]
pub fn body(what: Happening, at: Time, call: &Call, question: Option<&Value>) -> Value {
    let mut body = json!({ "type": what, "timestamp": at, "data": call });
    if let Some(question) = question {
        body["question"] = question.clone();
    }
    body
}

/// What the receiver of webhooks shares with us. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret([u8; 32]);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

impl WebhookSecret {
    /// Makes a secret of 256 unpredictable bits.
    #[must_use]
    pub const fn new(bits: [u8; 32]) -> Self {
        Self(bits)
    }

    /// Returns it as the receiver writes it into its configuration: `whsec_` and base64.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(self.0))
    }

    /// Returns the signature of one attempt, `v1,…`. `timestamp` in seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        sign(&self.0, id, timestamp, body)
    }
}

fn sign(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_s_example_is_signed_as_it_says() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_is_shown_when_it_is_asked_for_only() {
        let secret = WebhookSecret::new([7; 32]);
        assert_eq!(
            secret.expose(),
            "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
        );
        assert_eq!(format!("{secret:?}"), "WebhookSecret(…)");
    }

    #[test]
    fn the_written_and_the_serialised_type_agree() {
        for what in [
            Happening::Started,
            Happening::Question,
            Happening::Ended,
            Happening::Analyzed,
        ] {
            assert_eq!(serde_json::to_value(what).unwrap(), what.as_str());
        }
    }
}
