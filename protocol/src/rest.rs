//! The bodies of the HTTP interface: what a client sends ([`CreateCall`]) and what it gets ([`Call`], [`Created`],
//! [`List`]). Errors are in [`crate::error`]. Nothing here knows HTTP itself.

mod account;
mod block;
mod call;
mod context;
mod create;
mod disclosure;
mod key;
mod served;
mod time;

pub use account::{Account, LedgerLine, LedgerPage, Purchasable};
pub use block::BlockNumber;
pub use call::{
    AnsweredBy, AtFault, Call, Direction, EndReason, Evidence, Failure, FailureReason, Metrics,
    NotedFact, Outcome, Percentiles, Speaker, StageLatency, Status, TalkShare, Turn, TurnLatency,
};
pub use context::Context;
pub use create::{CreateCall, Offer, Parsed, Voicemail, VoicemailAction};
pub use disclosure::Disclosure;
pub use key::{CreateKey, CreateToken, Key, LiveToken, Scope, Scopes, parse_rename};
pub use served::ServedBy;
pub use time::Time;

use serde::{Deserialize, Serialize};

use crate::ids::CallId;

/// The answer to a created call (202): the published fields, and our warnings beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// The new call.
    pub data: CreatedCall,
    /// Credits left after this call was paid.
    pub credits_remaining: u64,
    /// Sentences about fields that were not acted on; left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The seven published fields of a new call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreatedCall {
    /// Its id.
    pub call_id: CallId,
    /// Always `queued`.
    pub status: Status,
    /// Who will be called, E.164.
    pub to_phone_number: String,
    /// As requested.
    pub objective: String,
    /// As requested.
    pub business_name: Option<String>,
    /// As requested.
    pub website: Option<String>,
    /// When the call was created.
    pub created_at: Time,
}

impl Created {
    /// Returns the answer for a call that was just created.
    #[must_use]
    pub fn new(call: &Call, credits_remaining: u64, warnings: Vec<String>) -> Self {
        Self {
            data: CreatedCall {
                call_id: call.call_id.clone(),
                status: Status::Queued,
                to_phone_number: call.to_phone_number.clone(),
                objective: call.objective.clone(),
                business_name: call.business_name.clone(),
                website: call.website.clone(),
                created_at: call.created_at,
            },
            credits_remaining,
            warnings,
        }
    }
}

/// The answer that carries one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct One<T> {
    /// The thing.
    pub data: T,
}

/// One page of calls, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct List {
    /// The calls of this page.
    pub data: Vec<Call>,
    /// Whether older calls follow.
    pub has_more: bool,
    /// What to send as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}
