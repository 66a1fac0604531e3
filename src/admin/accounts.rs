//! What can be done to accounts and to the installation's do-not-call list; see `admin.rs`.

use jiff::Timestamp;
use protocol::ids::CallId;
use serde::{Deserialize, Serialize};

use super::{Answer, Tools};
use crate::store::{Account, Blocked, KeyRecord, LedgerEntry, ListCalls, StoreError, StoredCall};

/// Bytes of calls that one answer holds, about; one call always fits.
const PAGE_BYTES: usize = 512 * 1024;
/// Calls that are looked at for one answer.
const PAGE_CALLS: usize = 100;

/// An account in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLine {
    /// The account.
    pub account: Account,
    /// Its credits.
    pub credits: i64,
}

/// Everything that is kept of an account but its calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The account.
    pub account: Account,
    /// Its credits.
    pub credits: i64,
    /// Its keys, without their hashes.
    pub keys: Vec<serde_json::Value>,
    /// Its do-not-call list.
    pub do_not_call: Vec<Blocked>,
    /// Its ledger, oldest entry first.
    pub ledger: Vec<LedgerEntry>,
}

impl Tools<'_> {
    pub(super) fn accounts(&self) -> Result<Answer, StoreError> {
        let mut accounts = Vec::new();
        for account in self.store.accounts()? {
            let credits = self.store.balance(&account.id)?;
            accounts.push(AccountLine { account, credits });
        }
        Ok(Answer::Accounts { accounts })
    }

    pub(super) fn account(&self, name: &str) -> Result<Account, StoreError> {
        self.store.account_named(name)?.ok_or_else(|| {
            StoreError::not_found(format!(
                "There is no account named '{name}'. See `agentphone accounts list`."
            ))
        })
    }

    pub(super) fn ledger(&self, name: &str) -> Result<Answer, StoreError> {
        let account = self.account(name)?;
        let mut entries = self.store.ledger(&account.id)?;
        entries.reverse();
        Ok(Answer::Ledger { entries })
    }

    pub(super) fn grant(
        &self,
        name: &str,
        credits: i32,
        note: &str,
        id: &str,
        at: Timestamp,
    ) -> Result<Answer, StoreError> {
        let account = self.account(name)?;
        let balance = self
            .store
            .grant(&account.id, id, note, credits.into(), at)?;
        Ok(Answer::Granted { balance })
    }

    pub(super) fn describe(&self, name: &str) -> Result<Answer, StoreError> {
        let account = self.account(name)?;
        let keys = self.store.list_keys()?;
        let keys = keys.into_iter().filter(|key| key.account == account.id);
        Ok(Answer::Described(Box::new(Description {
            credits: self.store.balance(&account.id)?,
            keys: keys.map(without_hash).collect(),
            do_not_call: self.store.blocked(Some(&account.id))?,
            ledger: self.store.ledger(&account.id)?,
            account,
        })))
    }

    pub(super) fn calls(&self, name: &str, before: Option<&CallId>) -> Result<Answer, StoreError> {
        let account = self.account(name)?;
        let filter = ListCalls {
            status: None,
            before,
            limit: PAGE_CALLS,
        };
        let page = self.store.list_calls(&account.id, &filter)?;
        let (mut calls, mut bytes, mut more) = (Vec::new(), 0, page.has_more);
        for stored in page.calls {
            bytes += size(&stored);
            if bytes > PAGE_BYTES && !calls.is_empty() {
                more = true;
                break;
            }
            calls.push(stored);
        }
        Ok(Answer::Calls { calls, more })
    }
}

fn without_hash(key: KeyRecord) -> serde_json::Value {
    let mut shown = serde_json::json!(key);
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("hash");
    }
    shown
}

fn size(stored: &StoredCall) -> usize {
    serde_json::to_string(stored).map_or(0, |text| text.len())
}
