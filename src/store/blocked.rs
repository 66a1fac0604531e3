//! What is kept for the sake of those who are called: numbers that must not be called, and the deletion of what was
//! said.

use jiff::Timestamp;
use protocol::ids::{AccountId, CallId};
use serde::{Deserialize, Serialize};

use super::{StoreError, StoredCall};

/// One number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// E.164.
    pub phone_number: String,
    /// When it was put on the list.
    pub at: Timestamp,
    /// Why; may be empty.
    #[serde(default)]
    pub note: String,
}

/// What of a call is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forget {
    /// What was said, and all that tells of it: transcript, summary, result, live events.
    Words,
    /// That there is a recording. Its file is deleted by whoever asks, after this.
    Recording,
    /// Both.
    Everything,
}

/// What a store does for the sake of those who are called. Every method is one transaction, as those of the store.
pub trait Privacy {
    /// Returns up to `limit` calls that ended before a moment and whose words are kept, oldest first.
    ///
    /// # Errors
    /// When the disk fails.
    fn ended_before(&self, before: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError>;

    /// Deletes what a call that is over has left. What was asked for, the times and the credits stay. Repeating it keeps
    /// the first time.
    ///
    /// # Errors
    /// When there is no such call ([`StoreError::is_not_found`]), it has not ended ([`StoreError::is_conflict`]), or
    /// the disk fails.
    fn forget_call(
        &self,
        id: &CallId,
        what: Forget,
        at: Timestamp,
    ) -> Result<StoredCall, StoreError>;

    /// Puts a number on the list of an account, or of everybody.
    ///
    /// # Errors
    /// When the disk fails.
    fn block(&self, account: Option<&AccountId>, blocked: &Blocked) -> Result<Blocked, StoreError>;

    /// Takes a number off a list; returns whether it was on it.
    ///
    /// # Errors
    /// When the disk fails.
    fn unblock(&self, account: Option<&AccountId>, number: &str) -> Result<bool, StoreError>;

    /// Returns the list of an account, or of everybody, sorted by number.
    ///
    /// # Errors
    /// When the disk fails.
    fn blocked(&self, account: Option<&AccountId>) -> Result<Vec<Blocked>, StoreError>;

    /// Returns whether an account must not call a number: because of its own list or everybody's.
    ///
    /// # Errors
    /// When the disk fails.
    fn is_blocked(&self, account: &AccountId, number: &str) -> Result<bool, StoreError>;
}
