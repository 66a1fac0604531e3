//! Money as entries that are only ever added. A balance is what the newest entry says, and every entry carries
//! the sum up to itself, so that a wrong one can be found. Each entry has a reference that may occur once: that
//! is what makes reserve, settle and give-back happen exactly once, whatever is repeated.

use std::fmt;

use jiff::Timestamp;
use protocol::ids::CallId;
use serde::{Deserialize, Serialize};

/// One line of an account's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Its place in the account's ledger, from 1, without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Why.
    #[serde(flatten)]
    pub entry: Entry,
    /// Credits added (positive) or taken (negative).
    pub amount: i64,
    /// The sum of all amounts up to this one.
    pub balance: i64,
}

/// Why credits moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Entry {
    /// The free credits of a new account.
    Welcome,
    /// Taken when a call was created.
    Reserve {
        /// Which call.
        call: CallId,
    },
    /// The call was made: what was reserved is spent. Moves nothing.
    Settle {
        /// Which call.
        call: CallId,
    },
    /// The call never connected: what was reserved comes back.
    GiveBack {
        /// Which call.
        call: CallId,
    },
    /// Bought.
    Purchase {
        /// The checkout of the payment service.
        session: String,
    },
    /// The money of a purchase went back (or came again): so do its credits.
    Refund {
        /// The checkout.
        session: String,
        /// Which change of this purchase it is, from 1.
        change: u32,
    },
    /// Given, or taken, by the operator.
    Grant {
        /// Makes it one event, however often it is asked for.
        id: String,
        /// Why.
        note: String,
    },
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Welcome => f.write_str("free credits"),
            Self::Reserve { call } => write!(f, "call {call}"),
            Self::Settle { call } => write!(f, "call {call} was made"),
            Self::GiveBack { call } => write!(f, "call {call} was not connected"),
            Self::Purchase { session } => write!(f, "bought, {session}"),
            Self::Refund { session, .. } => write!(f, "money went back, {session}"),
            Self::Grant { note, .. } if note.is_empty() => f.write_str("granted"),
            Self::Grant { note, .. } => write!(f, "granted: {note}"),
        }
    }
}

impl Entry {
    /// Returns what may occur once per account: two entries with the same reference are the same event.
    /// Settling and giving back share theirs, so that a call is closed one way only.
    #[must_use]
    pub fn reference(&self) -> String {
        match self {
            Self::Welcome => "welcome".into(),
            Self::Reserve { call } => format!("reserve/{call}"),
            Self::Settle { call } | Self::GiveBack { call } => format!("close/{call}"),
            Self::Purchase { session } => format!("purchase/{session}"),
            Self::Refund { session, change } => format!("refund/{session}/{change}"),
            Self::Grant { id, .. } => format!("grant/{id}"),
        }
    }
}
