//! What a page and the line say to each other about calls, as JSON texts, one message each. What is said when is
//! decided by the call's task; `docs/web.md` describes the messages.

use protocol::ids::CallId;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

/// A STUN or TURN server, as browsers take it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct IceServer {
    /// `stun:…` or `turn:…` addresses.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// For TURN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub credential: String,
}

/// What the line says to a page.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ToPage {
    /// The first message.
    Hello {
        /// By which servers the page may find a way for the sound.
        ice_servers: Vec<IceServer>,
    },
    /// A call rings.
    Ring {
        #[serde(serialize_with = "id")]
        call_id: CallId,
        /// Who is wanted.
        caller: String,
    },
    /// The answer to an offer of the page.
    Answer {
        #[serde(serialize_with = "id")]
        call_id: CallId,
        sdp: String,
    },
    /// An address of ours.
    Candidate {
        #[serde(serialize_with = "id")]
        call_id: CallId,
        candidate: Value,
    },
    /// The call rings or talks here no more.
    Ended {
        #[serde(serialize_with = "id")]
        call_id: CallId,
        reason: Ended,
    },
}

fn id<S: serde::Serializer>(id: &CallId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_str())
}

/// Why a call has ended for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ended {
    /// Another page took it.
    AnsweredElsewhere,
    /// One of the two sides hung up.
    HungUp,
    /// Nobody took it in time.
    NoAnswer,
    /// No way for the sound was found.
    Failed,
}

impl ToPage {
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers can be written as JSON")
    }
}

/// What a page says about a call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct FromPage {
    #[serde(deserialize_with = "parse_id")]
    pub(super) call_id: CallId,
    #[serde(flatten)]
    pub(super) what: Said,
}

/// See [`FromPage`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Said {
    /// It answers, or looks for a new way for the sound.
    Offer { sdp: String },
    /// An address of the page.
    Candidate { candidate: Value },
    /// Nobody wants to talk here.
    Decline,
    /// The callee hangs up.
    HangUp,
    /// The callee presses a key.
    Key { key: char },
}

fn parse_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CallId, D::Error> {
    let text = String::deserialize(deserializer)?;
    CallId::parse(&text).ok_or_else(|| D::Error::custom("no id of a call"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_pages_are_read_and_nonsense_is_not() {
        let id = CallId::new(1, 2);
        let text = format!(
            r#"{{"type":"key","call_id":"{}","key":"5","new":1}}"#,
            id.as_str()
        );
        let read: FromPage = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (read.call_id, read.what),
            (id.clone(), Said::Key { key: '5' })
        );
        for nonsense in [
            "",
            "[]",
            r#"{"type":"key","call_id":"x","key":"5"}"#,
            &format!(r#"{{"type":"fly","call_id":"{}"}}"#, id.as_str()),
            &format!(r#"{{"type":"key","call_id":"{}","key":"55"}}"#, id.as_str()),
        ] {
            assert!(
                serde_json::from_str::<FromPage>(nonsense).is_err(),
                "{nonsense}"
            );
        }
        let ended = ToPage::Ended {
            call_id: id.clone(),
            reason: Ended::NoAnswer,
        };
        let expected = format!(
            r#"{{"type":"ended","call_id":"{}","reason":"no_answer"}}"#,
            id.as_str()
        );
        assert_eq!(ended.to_text(), expected);
    }
}
