//! Records and money behind one trait, [`Store`].
//!
//! This file decides what is kept and what each operation promises: **every method is one transaction, all of it
//! or nothing, and is on the disk when it returns `Ok`**. It does not decide when something is written (the
//! driver and the supervisor do), reads no clock (times come with the request) and knows no table: those are in
//! `redb.rs`. What can be made again is not here but in `cache.rs`.
//!
//! Methods block for a few milliseconds. They are called from a thread that may wait, never from the sound path.

use std::{fmt, path::Path};

use jiff::Timestamp;
use protocol::{
    ids::{AccountId, CallId},
    rest::{Call, CreateCall, Status, Turn},
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

mod blocked;
mod cache;
mod error;
mod folder;
mod key;
mod ledger;
mod purchase;
mod redb;
mod secret;
#[cfg(test)]
mod tests;
mod webhooks;

pub(crate) use self::redb::SCHEMA;
pub use self::{
    blocked::{Blocked, Forget, Privacy},
    cache::{Cache, CacheKey},
    error::StoreError,
    folder::{DataFolder, RESTORING},
    key::{Account, KeyId, KeyRecord, NewKey},
    ledger::{Entry, LedgerEntry},
    purchase::{Applied, Checkout, Offered, Payment, Purchase, Refund, Reversal, Till, Told},
    redb::RedbStore,
    secret::{KeyHash, Secret},
    webhooks::{
        Attempt, Delivery, EventId, ListWebhooks, Spool, Waiting, WebhookEvent, WebhookSettings,
    },
};

/// A call as it is kept: what the interface shows, and what only we need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredCall {
    /// Whose call it is.
    pub account: AccountId,
    /// The key that created it.
    pub key: KeyId,
    /// What `GET` shows. Its id, status and turns are the authoritative ones.
    pub call: Call,
    /// What was asked for, as it came.
    pub request: CreateCall,
    /// Seeds everything of chance in the call, so that it can be replayed.
    pub seed: u64,
    /// Credits reserved for it at creation. 0 for test keys.
    #[serde(default)]
    pub cost: u32,
}

/// Makes creation repeatable: the second request with the same key gets the first one's answer.
pub struct Idempotency<'a> {
    /// The client's key.
    pub key: &'a str,
    /// SHA-256 of the request's body.
    pub body_hash: [u8; 32],
    /// Renders the answer that is kept with the call, in the same transaction. `None` keeps nothing.
    pub answer: &'a dyn Fn(&Creation) -> Option<Answer>,
}

impl fmt::Debug for Idempotency<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency").finish_non_exhaustive()
    }
}

/// An HTTP answer kept for repetition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body, byte for byte.
    pub body: String,
}

/// What came of [`Store::create_call`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// The call is stored and paid for.
    Created {
        /// Credits left after it.
        balance: i64,
    },
    /// The same request was answered before: answer the same.
    Replayed(Answer),
    /// The idempotency key was used before with another body.
    Conflict,
    /// The account cannot pay for it. Nothing was stored.
    NoCredit {
        /// Credits left.
        balance: i64,
    },
    /// The account may spend no more today. Nothing was stored.
    DaySpent {
        /// Whole seconds until it may again, at least 1.
        seconds: u64,
    },
}

/// What is known of an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recall {
    /// Nothing: carry the request out.
    Unknown,
    /// The same request was answered before: answer the same.
    Replayed(Answer),
    /// It was used with another body.
    Conflict,
}

/// What came of [`Store::finish_call`].
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// The call as it is stored now.
    pub call: StoredCall,
    /// Credits of the account now.
    pub balance: i64,
    /// Whether it had ended before; then nothing was changed.
    pub repeated: bool,
}

/// Which calls to list.
#[derive(Debug, Clone, Default)]
pub struct ListCalls<'a> {
    /// Only those of this status.
    pub status: Option<Status>,
    /// Only those created before the call of this id, which need not exist.
    pub before: Option<&'a CallId>,
    /// At most so many.
    pub limit: usize,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The calls, newest first.
    pub calls: Vec<StoredCall>,
    /// Whether older ones exist.
    pub has_more: bool,
}

/// Everything that must survive the death of the process.
pub trait Store: Till + Privacy + Spool + Send + Sync + fmt::Debug {
    /// Makes an account with `free_credits`, which are the first entry of its ledger.
    ///
    /// # Errors
    /// When the name is taken ([`StoreError::is_conflict`]), or the disk fails.
    fn create_account(
        &self,
        name: &str,
        free_credits: u32,
        at: Timestamp,
    ) -> Result<Account, StoreError>;

    /// Returns the account, if there is one.
    ///
    /// # Errors
    /// When the disk fails.
    fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError>;

    /// Returns every account, oldest first.
    ///
    /// # Errors
    /// When the disk fails.
    fn accounts(&self) -> Result<Vec<Account>, StoreError>;

    /// Returns the account of that name, if there is one.
    ///
    /// # Errors
    /// When the disk fails.
    fn account_named(&self, name: &str) -> Result<Option<Account>, StoreError>;

    /// Keeps a new key.
    ///
    /// # Errors
    /// When its account does not exist ([`StoreError::is_not_found`]), or the disk fails.
    fn create_key(&self, key: NewKey) -> Result<KeyRecord, StoreError>;

    /// Returns every key, revoked ones too, oldest first.
    ///
    /// # Errors
    /// When the disk fails.
    fn list_keys(&self) -> Result<Vec<KeyRecord>, StoreError>;

    /// Revokes a key. Repeating it keeps the first time.
    ///
    /// # Errors
    /// When there is no such key ([`StoreError::is_not_found`]), or the disk fails.
    fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<KeyRecord, StoreError>;

    /// Gives a key another name.
    ///
    /// # Errors
    /// When there is no such key ([`StoreError::is_not_found`]), or the disk fails.
    fn rename_key(&self, id: &KeyId, name: &str) -> Result<KeyRecord, StoreError>;

    /// Notes that a key was used. Later uses win; an unknown key is none of its business.
    ///
    /// # Errors
    /// When the disk fails.
    fn use_key(&self, id: &KeyId, at: Timestamp) -> Result<(), StoreError>;

    /// Returns the key with this hash, unless it was revoked. Whether it has expired, the caller asks
    /// [`KeyRecord::holds`].
    ///
    /// # Errors
    /// When the disk fails.
    fn find_key(&self, hash: &KeyHash) -> Result<Option<KeyRecord>, StoreError>;

    /// Returns the key of this id, revoked or not.
    ///
    /// # Errors
    /// When the disk fails.
    fn key(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError>;

    /// Returns a receiver that changes whenever a key was revoked, by whomever in this process.
    fn revocations(&self) -> watch::Receiver<u64>;

    /// Returns the credits of an account: the sum of its ledger. 0 for an unknown account.
    ///
    /// # Errors
    /// When the disk fails.
    fn balance(&self, account: &AccountId) -> Result<i64, StoreError>;

    /// Returns the ledger of an account, oldest entry first.
    ///
    /// # Errors
    /// When the disk fails.
    fn ledger(&self, account: &AccountId) -> Result<Vec<LedgerEntry>, StoreError>;

    /// Returns up to `limit` entries of a ledger that come before number `before`, newest first.
    ///
    /// # Errors
    /// When the disk fails.
    fn ledger_page(
        &self,
        account: &AccountId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, StoreError>;

    /// Gives (or takes) credits for a reason of the operator's, once per `id`; returns the balance after it.
    ///
    /// # Errors
    /// When the disk fails.
    fn grant(
        &self,
        account: &AccountId,
        id: &str,
        note: &str,
        amount: i64,
        at: Timestamp,
    ) -> Result<i64, StoreError>;

    /// Stores a new call and reserves its credits ([`StoredCall::cost`]).
    ///
    /// # Errors
    /// When the id exists ([`StoreError::is_conflict`]), or the disk fails.
    fn create_call(
        &self,
        call: &StoredCall,
        idempotency: Option<Idempotency<'_>>,
        at: Timestamp,
    ) -> Result<Creation, StoreError> {
        self.create_call_within(call, None, idempotency, at)
    }

    /// As [`Store::create_call`], unless its account's calls would then have taken more than `credits_per_day` since
    /// midnight UTC, without those that were given back.
    ///
    /// # Errors
    /// As [`Store::create_call`].
    fn create_call_within(
        &self,
        call: &StoredCall,
        credits_per_day: Option<u32>,
        idempotency: Option<Idempotency<'_>>,
        at: Timestamp,
    ) -> Result<Creation, StoreError>;

    /// Returns what was answered to a request with this idempotency key in the last 24 hours.
    ///
    /// # Errors
    /// When the disk fails.
    fn recall(
        &self,
        account: &AccountId,
        key: &str,
        body_hash: [u8; 32],
        at: Timestamp,
    ) -> Result<Recall, StoreError>;

    /// Keeps the answer to a request that made no call (it was refused). If something was kept under this key
    /// before, that stands and is returned.
    ///
    /// # Errors
    /// When the disk fails.
    fn remember(
        &self,
        account: &AccountId,
        key: &str,
        body_hash: [u8; 32],
        answer: &Answer,
        at: Timestamp,
    ) -> Result<Recall, StoreError>;

    /// Changes a call that has not ended and returns it as it is now. A call that has ended stays as it is.
    ///
    /// # Errors
    /// When there is no such call ([`StoreError::is_not_found`]), when `change` gives it another id or ends it
    /// (only [`Store::finish_call`] does), or the disk fails.
    fn update_call(
        &self,
        id: &CallId,
        change: &mut dyn FnMut(&mut StoredCall),
    ) -> Result<StoredCall, StoreError>;

    /// Adds a turn to a call that has not ended.
    ///
    /// # Errors
    /// As [`Store::update_call`].
    fn append_turn(&self, id: &CallId, turn: &Turn) -> Result<(), StoreError> {
        self.update_call(id, &mut |stored| stored.call.turns.push(turn.clone()))?;
        Ok(())
    }

    /// Ends a call and settles its credits, exactly once: `change` must leave it in a status that is final.
    /// The reserved credits are spent, or come back when `give_back`. Repeating it changes nothing.
    ///
    /// # Errors
    /// When there is no such call ([`StoreError::is_not_found`]), when `change` gives it another id or does not
    /// end it, or the disk fails.
    fn finish_call(
        &self,
        id: &CallId,
        give_back: bool,
        at: Timestamp,
        change: &mut dyn FnMut(&mut StoredCall),
    ) -> Result<Finish, StoreError>;

    /// Returns a call, whoever it belongs to.
    ///
    /// # Errors
    /// When the disk fails.
    fn call(&self, id: &CallId) -> Result<Option<StoredCall>, StoreError>;

    /// Returns a call if it belongs to the account.
    ///
    /// # Errors
    /// When the disk fails.
    fn get_call(&self, account: &AccountId, id: &CallId) -> Result<Option<StoredCall>, StoreError> {
        Ok(self.call(id)?.filter(|stored| stored.account == *account))
    }

    /// Lists calls of an account, newest first, by an index.
    ///
    /// # Errors
    /// When the disk fails.
    fn list_calls(&self, account: &AccountId, filter: &ListCalls<'_>) -> Result<Page, StoreError>;

    /// Returns every call that has not ended, oldest first.
    ///
    /// # Errors
    /// When the disk fails.
    fn unfinished_calls(&self) -> Result<Vec<StoredCall>, StoreError>;

    /// Writes something and nothing: fails when nothing can be kept.
    ///
    /// # Errors
    /// When the disk fails.
    fn check(&self) -> Result<(), StoreError>;

    /// Copies everything into a new database file, as it is at one moment. Others may write meanwhile.
    ///
    /// # Errors
    /// When the file cannot be written, or what is to be copied is damaged.
    fn snapshot(&self, to: &Path) -> Result<(), StoreError>;

    /// Returns when all of this was restored from a backup, if it was.
    ///
    /// # Errors
    /// When the disk fails.
    fn restored_at(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Notes that all of this was restored from a backup.
    ///
    /// # Errors
    /// When the disk fails.
    fn set_restored(&self, at: Timestamp) -> Result<(), StoreError>;

    /// Keeps something large that belongs to a call, replacing what was there.
    ///
    /// # Errors
    /// When the disk fails.
    fn save(&self, id: &CallId, what: Attachment, bytes: &[u8]) -> Result<(), StoreError>;

    /// Returns what [`Store::save`] kept.
    ///
    /// # Errors
    /// When the disk fails.
    fn load(&self, id: &CallId, what: Attachment) -> Result<Option<Vec<u8>>, StoreError>;
}

/// Large things that belong to a call and are not part of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attachment {
    /// The live events of an ended call, as they went over the live socket.
    Feed,
    /// The core's events with their times, for replay.
    Events,
}

/// Returns 128 unpredictable bits, for ids.
#[must_use]
pub fn random_u128() -> u128 {
    u128::from_le_bytes(random_bytes())
}

/// Returns unpredictable bytes, for keys.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    secret::fill_random(&mut bytes);
    bytes
}
