//! What an account sees of itself: its credits, their ledger, and where to buy more.

use serde::{Deserialize, Serialize};

use super::Time;
use crate::ids::{AccountId, CallId};

/// What an account may know of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub account_id: AccountId,
    /// Its name, as the operator gave it.
    pub name: String,
    /// Credits that can be spent now.
    pub credits_remaining: u64,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// Its place in the account's ledger, from 1, without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: Time,
    /// Why: `welcome`, `reserve`, `settle`, `give_back`, `purchase`, `refund` or `grant`.
    pub kind: String,
    /// The call that it is about.
    pub call_id: Option<CallId>,
    /// The purchase that it is about, or the operator's note.
    pub reference: Option<String>,
    /// Credits added (positive) or taken (negative).
    pub amount: i64,
    /// The sum of all amounts up to this one.
    pub balance: i64,
}

/// One page of the ledger, newest line first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPage {
    /// The lines of this page.
    pub data: Vec<LedgerLine>,
    /// Whether older lines follow.
    pub has_more: bool,
    /// What to send as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// A page where credits can be bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchasable {
    /// Its address.
    pub url: String,
    /// How many credits are sold there; `null` where only the operator knows.
    pub credits: Option<u32>,
    /// Until when the address works; `null` for one that stays.
    pub expires_at: Option<Time>,
}
