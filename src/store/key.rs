//! What is kept of accounts and their keys. Of a key's text only its hash is.

use std::fmt;

use jiff::Timestamp;
use protocol::{
    ids::{AccountId, KeyMode},
    rest::Scopes,
};
use serde::{Deserialize, Serialize};

use super::KeyHash;

/// Names a key without being one: `ky_` and 16 characters. Safe to show and to log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId(pub String);

impl KeyId {
    /// Makes an id from at least 80 unpredictable bits.
    #[must_use]
    pub fn new(random: u128) -> Self {
        // The account's alphabet and length under another prefix, so that there is one way of writing ids.
        let account = AccountId::new(random);
        let digits = account.as_str().trim_start_matches("ac_");
        Self(format!("ky_{digits}"))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who pays for calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name, unique among the accounts of this installation.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What is kept of an API key: everything but the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its id.
    pub id: KeyId,
    /// Whose calls it may make and read.
    pub account: AccountId,
    /// What its owner calls it; may be empty.
    #[serde(default)]
    pub name: String,
    /// The keyed hash by which it is found.
    pub hash: KeyHash,
    /// Its first characters, enough to recognise it in a list and too few to use it.
    pub shown: String,
    /// What it is for.
    pub mode: KeyMode,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was. Revoked keys stay listed.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
    /// What it may do.
    #[serde(default)]
    pub scopes: Scopes,
    /// When it stops working by itself.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// When it was used last, as far as [`Store::use_key`] was told.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
}

impl KeyRecord {
    /// Returns whether the key works at the time `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A key about to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// For which account.
    pub account: AccountId,
    /// See [`KeyRecord::name`].
    pub name: String,
    /// See [`KeyRecord::hash`].
    pub hash: KeyHash,
    /// See [`KeyRecord::shown`].
    pub shown: String,
    /// See [`KeyRecord::mode`].
    pub mode: KeyMode,
    /// See [`KeyRecord::scopes`].
    pub scopes: Scopes,
    /// See [`KeyRecord::expires_at`].
    pub expires_at: Option<Timestamp>,
    /// The time of making it.
    pub at: Timestamp,
}
