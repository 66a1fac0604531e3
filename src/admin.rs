//! What this machine's own user can have done to a data folder: keys made, listed and revoked. Carried out on an
//! open store; `admin/socket.rs` lets another process ask a running server for it.
//!
//! Who may ask is decided by the file system: the folder and the socket in it are for their owner only.

use std::{net::SocketAddr, path::PathBuf};

use jiff::Timestamp;
use protocol::{
    ids::{AccountId, ApiKey, CallId, KeyMode},
    rest::Scopes,
};
use serde::{Deserialize, Serialize};

use crate::store::{
    Account, Blocked, KeyId, KeyRecord, LedgerEntry, NewKey, Secret, Store, StoreError, StoredCall,
    random_bytes, random_u128,
};

mod accounts;
mod kept;
pub mod socket;
pub mod webhooks;

pub use self::accounts::{AccountLine, Description};

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Makes a key.
    CreateKey {
        /// For the account of this name, which is made when there is none; absent: for a new account.
        account: Option<String>,
        /// What its owner calls it; may be empty.
        name: String,
        /// What it is for.
        mode: KeyMode,
        /// What it may do.
        #[serde(default)]
        scopes: Scopes,
        /// When it stops working by itself.
        #[serde(default)]
        expires_at: Option<Timestamp>,
    },
    /// Tells about the server itself.
    Status,
    /// Copies the database, as it is at one moment.
    Snapshot {
        /// Into this new file.
        to: PathBuf,
    },
    /// Replaces the server by another program.
    Upgrade {
        /// The program's file.
        program: PathBuf,
    },
    /// Gives way to the process that asks; see [`crate::handover`].
    TakeOver {
        /// Its version.
        version: String,
    },
    /// Lists all keys.
    ListKeys,
    /// About webhooks.
    Webhooks(webhooks::Request),
    /// Revokes a key.
    RevokeKey {
        /// Which one.
        id: KeyId,
    },
    /// Gives a key another name.
    RenameKey {
        /// Which one.
        id: KeyId,
        /// Its new name; may be empty.
        name: String,
    },
    /// Lists all accounts.
    ListAccounts,
    /// Shows the ledger of an account.
    Ledger {
        /// Its name.
        account: String,
    },
    /// Gives (or takes) credits.
    Grant {
        /// The account's name.
        account: String,
        /// How many.
        credits: i32,
        /// Why.
        note: String,
        /// Makes it happen once, however often it is asked for.
        id: String,
    },
    /// Shows everything of an account but its calls.
    DescribeAccount {
        /// Its name.
        account: String,
    },
    /// Shows calls of an account, newest first.
    ExportCalls {
        /// Its name.
        account: String,
        /// The last one that was shown.
        before: Option<CallId>,
    },
    /// Shows what was kept of a call for replay.
    KeptCall {
        /// Which one.
        id: CallId,
    },
    /// Lists the numbers that are called for no account.
    ListNeverCall,
    /// Puts a number on that list.
    NeverCall {
        /// E.164.
        number: String,
        /// Why; may be empty.
        note: String,
    },
    /// Takes a number off that list.
    CallAgain {
        /// E.164.
        number: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum Answer {
    /// The key was made.
    Created(Issued),
    /// This is the server.
    Server(Standing),
    /// The database is copied.
    Copied,
    /// A new program is there and waits.
    Upgrading {
        /// Which process it is.
        pid: u32,
        /// Calls that are let come to their end first.
        calls: usize,
        /// For how many seconds at most.
        seconds: u64,
    },
    /// These are the keys.
    Keys {
        /// Oldest first.
        keys: Vec<KeyLine>,
    },
    /// About webhooks.
    Webhooks(webhooks::Answer),
    /// The key is revoked.
    Revoked {
        /// Which one.
        id: KeyId,
    },
    /// The key has its new name.
    Renamed {
        /// Which one.
        id: KeyId,
    },
    /// These are the accounts.
    Accounts {
        /// Oldest first.
        accounts: Vec<AccountLine>,
    },
    /// This is the ledger.
    Ledger {
        /// Newest first.
        entries: Vec<LedgerEntry>,
    },
    /// The credits moved.
    Granted {
        /// What the account has now.
        balance: i64,
    },
    /// This is the account.
    Described(Box<Description>),
    /// These are some of its calls.
    Calls {
        /// Newest first.
        calls: Vec<StoredCall>,
        /// Whether older ones follow.
        more: bool,
    },
    /// This was kept of the call.
    Kept {
        /// As `call::Recording` reads it.
        text: String,
    },
    /// These numbers are never called.
    NeverCalled {
        /// Sorted.
        numbers: Vec<Blocked>,
    },
    /// The list was changed, or was so already.
    Changed {
        /// Whether it was changed.
        changed: bool,
    },
    /// It could not be done.
    Refused {
        /// Why: a sentence.
        error: String,
    },
}

/// How a running server stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Where it listens; absent while it starts.
    pub listen: Option<SocketAddr>,
    /// The process that is about to take over.
    pub successor: Option<u32>,
    /// Webhooks that wait to be delivered.
    pub webhooks: u64,
}

/// A key that was just made: the only time that it can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// The key itself.
    pub key: String,
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub account: Account,
    /// Whether the account was made for it.
    pub new_account: bool,
    /// Credits of the account.
    pub credits: i64,
}

/// A key in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// Its id.
    pub id: KeyId,
    /// Its first characters.
    pub shown: String,
    /// What its owner calls it.
    pub name: String,
    /// The name of its account.
    pub account: String,
    /// Credits of its account.
    pub credits: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// What it may do.
    pub scopes: Scopes,
    /// When it stops working by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What its owner calls it; may be empty.
    pub name: String,
    /// What it is for.
    pub mode: KeyMode,
    /// What it may do.
    pub scopes: Scopes,
    /// When it stops working by itself.
    pub expires_at: Option<Timestamp>,
}

impl Wish {
    /// Returns the wish for a key without a name, with the usual scopes, for good.
    #[must_use]
    pub fn plain(mode: KeyMode) -> Self {
        Self {
            name: String::new(),
            mode,
            scopes: Scopes::default(),
            expires_at: None,
        }
    }
}

/// What the work needs.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a> {
    /// Where keys are kept.
    pub store: &'a dyn Store,
    /// How they are hashed.
    pub secret: &'a Secret,
    /// Credits of a new account.
    pub free_credits: u32,
}

impl Tools<'_> {
    /// Does what was asked, at the time `at`; a failure becomes [`Answer::Refused`].
    #[must_use]
    pub fn carry_out(&self, request: Request, at: Timestamp) -> Answer {
        let done = match request {
            Request::CreateKey {
                account,
                name,
                mode,
                scopes,
                expires_at,
            } => {
                let wish = Wish {
                    name,
                    mode,
                    scopes,
                    expires_at,
                };
                self.create(account, wish, at).map(Answer::Created)
            }
            Request::Webhooks(request) => {
                webhooks::carry_out(self, request, at).map(Answer::Webhooks)
            }
            Request::Snapshot { to } => self.store.snapshot(&to).map(|()| Answer::Copied),
            Request::Status => Err(StoreError::not_found(
                "No server is running on this data folder.",
            )),
            Request::Upgrade { .. } => Err(StoreError::not_found(
                "No server is running on this data folder, so there is nothing to replace. Start it with `agentphone \
                 serve`.",
            )),
            Request::TakeOver { .. } => Err(StoreError::not_found(
                "There is no server to take over from.",
            )),
            Request::ListKeys => self.list().map(|keys| Answer::Keys { keys }),
            Request::RevokeKey { id } => self
                .store
                .revoke_key(&id, at)
                .map(|key| Answer::Revoked { id: key.id }),
            Request::RenameKey { id, name } => self
                .store
                .rename_key(&id, &name)
                .map(|key| Answer::Renamed { id: key.id }),
            Request::ListAccounts => self.accounts(),
            Request::Ledger { account } => self.ledger(&account),
            Request::Grant {
                account,
                credits,
                note,
                id,
            } => self.grant(&account, credits, &note, &id, at),
            Request::DescribeAccount { account } => self.describe(&account),
            Request::ExportCalls { account, before } => self.calls(&account, before.as_ref()),
            Request::KeptCall { id } => self.kept_call(&id),
            Request::ListNeverCall => self
                .store
                .blocked(None)
                .map(|numbers| Answer::NeverCalled { numbers }),
            Request::NeverCall { number, note } => {
                let blocked = Blocked {
                    phone_number: number,
                    at,
                    note,
                };
                self.store
                    .block(None, &blocked)
                    .map(|_| Answer::Changed { changed: true })
            }
            Request::CallAgain { number } => self
                .store
                .unblock(None, &number)
                .map(|changed| Answer::Changed { changed }),
        };
        done.unwrap_or_else(|error| Answer::Refused {
            error: error.to_string(),
        })
    }

    /// Makes a key and, where needed, its account.
    ///
    /// # Errors
    /// When the store fails.
    pub fn create(
        &self,
        account: Option<String>,
        wish: Wish,
        at: Timestamp,
    ) -> Result<Issued, StoreError> {
        let found = match &account {
            Some(name) => self.store.account_named(name)?,
            None => None,
        };
        let new_account = found.is_none();
        let account = match found {
            Some(found) => found,
            None => {
                let name =
                    account.unwrap_or_else(|| format!("account-{:08x}", random_u128() as u32));
                self.store.create_account(&name, self.free_credits, at)?
            }
        };
        let (key, record) = self.issue(&account.id, wish, at)?;
        Ok(Issued {
            key: key.expose().to_owned(),
            id: record.id,
            credits: self.store.balance(&account.id)?,
            account,
            new_account,
        })
    }

    /// Makes a key for an account.
    ///
    /// # Errors
    /// When the store fails.
    pub fn issue(
        &self,
        account: &AccountId,
        wish: Wish,
        at: Timestamp,
    ) -> Result<(ApiKey, KeyRecord), StoreError> {
        let key = ApiKey::new(wish.mode, random_bytes());
        let record = self.store.create_key(NewKey {
            account: account.clone(),
            name: wish.name,
            hash: self.secret.hash_key(key.expose()),
            shown: key.hint().to_owned(),
            mode: wish.mode,
            scopes: wish.scopes,
            expires_at: wish.expires_at,
            at,
        })?;
        Ok((key, record))
    }

    fn list(&self) -> Result<Vec<KeyLine>, StoreError> {
        self.store
            .list_keys()?
            .into_iter()
            .map(|key| self.line(key))
            .collect()
    }

    fn line(&self, key: KeyRecord) -> Result<KeyLine, StoreError> {
        let account = self.store.account(&key.account)?;
        Ok(KeyLine {
            id: key.id,
            shown: key.shown,
            name: key.name,
            account: account.map_or_else(|| key.account.to_string(), |account| account.name),
            credits: self.store.balance(&key.account)?,
            created_at: key.created_at,
            revoked_at: key.revoked_at,
            scopes: key.scopes,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        })
    }
}
