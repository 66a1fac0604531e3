//! [`Store`] in one redb file. This file opens it and turns each method into one transaction; the tables and what
//! is done inside a transaction are in the files below it.
//!
//! redb writes a commit to the disk before it returns and finds the last complete one when it is opened after a
//! kill, so there is no recovery code here beyond its own.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use ::redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, WriteTransaction,
    backends::InMemoryBackend,
};
use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::{
    Account, AccountId, Answer, Applied, Attachment, Blocked, CallId, Checkout, Creation, Finish,
    Forget, Idempotency, KeyHash, KeyId, KeyRecord, LedgerEntry, ListCalls, NewKey, Offered, Page,
    Payment, Privacy, Recall, Store, StoreError, StoredCall, Till, Told,
};

mod accounts;
mod answers;
mod calls;
mod copy;
mod privacy;
mod purchases;
mod tables;
mod webhooks;

pub(crate) use self::tables::SCHEMA;

/// How much of the file redb keeps in memory.
const CACHE_BYTES: usize = 4 << 20;

/// Makes the database, the first time and after a failure of the disk.
type Opener = Box<dyn Fn() -> Result<Database, StoreError> + Send + Sync>;

/// The store in one file. Only one process has it open at a time.
///
/// After a failure of the disk (it was full, say) redb wants to be opened again. The operation that met the failure
/// reports it; the next one opens the database again first.
pub struct RedbStore {
    db: RwLock<Option<Database>>,
    failed: AtomicBool,
    opener: Opener,
    revocations: watch::Sender<u64>,
    /// Rings when something may have been put into the spool of webhooks.
    bell: Arc<Notify>,
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").finish_non_exhaustive()
    }
}

impl RedbStore {
    /// Opens the database, or makes it. After a kill, redb goes back to the last complete transaction by itself.
    ///
    /// # Errors
    /// When another process has it open ([`StoreError::is_locked`]), when it is damaged or no database of this
    /// program ([`StoreError::is_damaged`]), when a newer version wrote it, or when the disk fails.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        Self::with_opener(Box::new(move || open_file(&path)))
    }

    /// Makes a store that lives and dies with the process, for tests.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::with_opener(Box::new(|| {
            Builder::new()
                .create_with_backend(InMemoryBackend::new())
                .map_err(|error| open_error(Path::new("memory"), error))
        }))
    }

    fn with_opener(opener: Opener) -> Result<Self, StoreError> {
        let store = Self {
            db: RwLock::new(Some(opener()?)),
            failed: AtomicBool::new(false),
            opener,
            revocations: watch::Sender::new(0),
            bell: Arc::default(),
        };
        match store.write(tables::prepare) {
            Err(error) if error.is_full() => {
                tracing::error!(%error, "nothing new can be kept until there is room; what there is can be read");
            }
            prepared => prepared?,
        }
        Ok(store)
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with_database(|db| {
            let tx = db.begin_write()?;
            let out = work(&tx)?;
            tx.commit()?;
            Ok(out)
        })
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with_database(|db| work(&db.begin_read()?))
    }

    fn with_database<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.failed.load(Ordering::Acquire) {
            self.reopen()?;
        }
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let Some(db) = db.as_ref() else {
            return Err(StoreError::closed());
        };
        let out = work(db);
        if out.as_ref().is_err_and(StoreError::is_of_the_disk) {
            self.failed.store(true, Ordering::Release);
        }
        out
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have done it while this one waited.
        if self.failed.load(Ordering::Acquire) {
            // Closed first: the file is locked while it is open.
            *db = None;
            *db = Some((self.opener)()?);
            self.failed.store(false, Ordering::Release);
            tracing::warn!("the database was opened again after a failure of the disk");
        }
        Ok(())
    }
}

fn open_file(path: &Path) -> Result<Database, StoreError> {
    // A kill while redb lays out a new file leaves one that it does not know again. So a new one is laid out
    // under another name, and has its own only when it is complete.
    if !path.exists() {
        let fresh = path.with_extension("redb.new");
        let cannot = |error| StoreError::io(&format!("make {}", path.display()), error);
        if fresh.exists() {
            std::fs::remove_file(&fresh).map_err(cannot)?;
        }
        drop(open_or_make(&fresh)?);
        std::fs::rename(&fresh, path).map_err(cannot)?;
    }
    open_or_make(path)
}

fn open_or_make(path: &Path) -> Result<Database, StoreError> {
    // Some damage is found by redb's own assertions; a broken file is no reason to die with a backtrace.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        Builder::new()
            .set_cache_size(CACHE_BYTES)
            .set_repair_callback(|session| {
                let done = session.progress();
                tracing::info!(done, "putting the database in order after a kill");
            })
            .create(path)
    }));
    match opened {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) => Err(open_error(path, error)),
        Err(_) => Err(damaged(path, "it contradicts itself")),
    }
}

#[cfg(test)]
impl RedbStore {
    /// Returns how many answers are kept, old ones included.
    pub(super) fn kept_answers(&self) -> u64 {
        use ::redb::ReadableTableMetadata;
        self.read(|tx| Ok(tx.open_table(tables::ANSWERS)?.len()?))
            .unwrap()
    }

    /// Makes a store over whatever databases `opener` makes.
    pub(super) fn over(
        opener: impl Fn() -> Database + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        Self::with_opener(Box::new(move || Ok(opener())))
    }

    /// Empties what older programs did not have.
    pub(super) fn forget_index(&self) {
        let delete = |tx: &WriteTransaction| {
            tx.delete_table(tables::WORDS_BY_END)?;
            Ok(())
        };
        self.write(delete).unwrap();
    }

    /// Writes another schema version, as another program would.
    pub(super) fn set_schema(&self, version: u32) {
        self.write(|tx| tables::set_schema(tx, version)).unwrap();
    }
}

impl Store for RedbStore {
    fn create_account(
        &self,
        name: &str,
        free_credits: u32,
        at: Timestamp,
    ) -> Result<Account, StoreError> {
        self.write(|tx| accounts::create(tx, name, free_credits, at))
    }

    fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.read(|tx| accounts::by_id(tx, id))
    }

    fn account_named(&self, name: &str) -> Result<Option<Account>, StoreError> {
        self.read(|tx| accounts::by_name(tx, name))
    }

    fn create_key(&self, key: NewKey) -> Result<KeyRecord, StoreError> {
        self.write(|tx| accounts::create_key(tx, key))
    }

    fn list_keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(accounts::list_keys)
    }

    fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<KeyRecord, StoreError> {
        let record = self.write(|tx| accounts::revoke_key(tx, id, at))?;
        self.revocations.send_modify(|count| *count += 1);
        Ok(record)
    }

    fn rename_key(&self, id: &KeyId, name: &str) -> Result<KeyRecord, StoreError> {
        self.write(|tx| accounts::change_key(tx, id, |key| name.clone_into(&mut key.name)))
    }

    fn use_key(&self, id: &KeyId, at: Timestamp) -> Result<(), StoreError> {
        let later = |key: &mut KeyRecord| key.last_used_at = key.last_used_at.max(Some(at));
        match self.write(|tx| accounts::change_key(tx, id, later)) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    fn find_key(&self, hash: &KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        self.read(|tx| accounts::find_key(tx, hash))
    }

    fn key(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.read(|tx| tables::read(tx, tables::KEYS, &id.0))
    }

    fn revocations(&self) -> watch::Receiver<u64> {
        self.revocations.subscribe()
    }

    fn balance(&self, account: &AccountId) -> Result<i64, StoreError> {
        self.read(|tx| accounts::balance(tx, account))
    }

    fn ledger(&self, account: &AccountId) -> Result<Vec<LedgerEntry>, StoreError> {
        self.read(|tx| accounts::ledger(tx, account))
    }

    fn ledger_page(
        &self,
        account: &AccountId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        self.read(|tx| accounts::ledger_page(tx, account, before, limit))
    }

    fn grant(
        &self,
        account: &AccountId,
        id: &str,
        note: &str,
        amount: i64,
        at: Timestamp,
    ) -> Result<i64, StoreError> {
        self.write(|tx| accounts::grant(tx, account, id, note, amount, at))
    }

    fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.read(accounts::all)
    }

    fn create_call_within(
        &self,
        call: &StoredCall,
        credits_per_day: Option<u32>,
        idempotency: Option<Idempotency<'_>>,
        at: Timestamp,
    ) -> Result<Creation, StoreError> {
        self.write(|tx| calls::create(tx, call, credits_per_day, idempotency, at))
    }

    fn recall(
        &self,
        account: &AccountId,
        key: &str,
        body_hash: [u8; 32],
        at: Timestamp,
    ) -> Result<Recall, StoreError> {
        self.read(|tx| answers::recall(tx, account, key, body_hash, at))
    }

    fn remember(
        &self,
        account: &AccountId,
        key: &str,
        body_hash: [u8; 32],
        answer: &Answer,
        at: Timestamp,
    ) -> Result<Recall, StoreError> {
        self.write(|tx| answers::remember(tx, account, key, body_hash, answer, at))
    }

    fn update_call(
        &self,
        id: &CallId,
        change: &mut dyn FnMut(&mut StoredCall),
    ) -> Result<StoredCall, StoreError> {
        let updated = self.write(|tx| calls::update(tx, id, change));
        self.bell.notify_one();
        updated
    }

    fn finish_call(
        &self,
        id: &CallId,
        give_back: bool,
        at: Timestamp,
        change: &mut dyn FnMut(&mut StoredCall),
    ) -> Result<Finish, StoreError> {
        let finished = self.write(|tx| calls::finish(tx, id, give_back, at, change));
        self.bell.notify_one();
        finished
    }

    fn call(&self, id: &CallId) -> Result<Option<StoredCall>, StoreError> {
        self.read(|tx| calls::by_id(tx, id))
    }

    fn list_calls(&self, account: &AccountId, filter: &ListCalls<'_>) -> Result<Page, StoreError> {
        self.read(|tx| calls::list(tx, account, filter))
    }

    fn unfinished_calls(&self) -> Result<Vec<StoredCall>, StoreError> {
        self.read(calls::unfinished)
    }

    fn check(&self) -> Result<(), StoreError> {
        self.write(tables::check)
    }

    fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
        self.read(|tx| copy::copy(tx, to))
    }

    fn restored_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(tables::restored)
    }

    fn set_restored(&self, at: Timestamp) -> Result<(), StoreError> {
        self.write(|tx| tables::set_restored(tx, at))
    }

    fn save(&self, id: &CallId, what: Attachment, bytes: &[u8]) -> Result<(), StoreError> {
        self.write(|tx| calls::save(tx, id, what, bytes))
    }

    fn load(&self, id: &CallId, what: Attachment) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|tx| calls::load(tx, id, what))
    }
}

impl Till for RedbStore {
    fn offered_checkout(&self, account: &AccountId) -> Result<Offered, StoreError> {
        self.read(|tx| purchases::offered(tx, account))
    }

    fn offer_checkout(&self, checkout: &Checkout) -> Result<(), StoreError> {
        self.write(|tx| purchases::offer(tx, checkout))
    }

    fn skip_checkout(&self, account: &AccountId, generation: u64) -> Result<(), StoreError> {
        self.write(|tx| purchases::skip(tx, account, generation))
    }

    fn close_checkout(&self, account: &AccountId, session: &str) -> Result<(), StoreError> {
        self.write(|tx| purchases::close(tx, account, session))
    }

    fn close_session(&self, session: &str) -> Result<(), StoreError> {
        self.write(|tx| purchases::close_session(tx, session))
    }

    fn apply_payment(&self, payment: &Payment, at: Timestamp) -> Result<Applied, StoreError> {
        self.write(|tx| purchases::apply(tx, payment, at))
    }

    fn reverse_payment(
        &self,
        reference: &str,
        told: Told,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|tx| purchases::reverse(tx, reference, told, at))
    }
}

impl Privacy for RedbStore {
    fn ended_before(&self, before: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.read(|tx| privacy::ended_before(tx, before, limit))
    }

    fn forget_call(
        &self,
        id: &CallId,
        what: Forget,
        at: Timestamp,
    ) -> Result<StoredCall, StoreError> {
        self.write(|tx| privacy::forget(tx, id, what, at))
    }

    fn block(&self, account: Option<&AccountId>, blocked: &Blocked) -> Result<Blocked, StoreError> {
        self.write(|tx| privacy::block(tx, account, blocked))
    }

    fn unblock(&self, account: Option<&AccountId>, number: &str) -> Result<bool, StoreError> {
        self.write(|tx| privacy::unblock(tx, account, number))
    }

    fn blocked(&self, account: Option<&AccountId>) -> Result<Vec<Blocked>, StoreError> {
        self.read(|tx| privacy::blocked(tx, account))
    }

    fn is_blocked(&self, account: &AccountId, number: &str) -> Result<bool, StoreError> {
        self.read(|tx| privacy::is_blocked(tx, account, number))
    }
}

fn open_error(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            StoreError::locked(format!(
                "{} is in use by another process. Stop it, or choose another data folder with --data.",
                path.display()
            ))
        }
        DatabaseError::UpgradeRequired(version) => StoreError::damaged(format!(
            "{} has the file format {version} of an older program. Restore a backup made by this one.",
            path.display()
        )),
        DatabaseError::Storage(::redb::StorageError::Io(error))
            if matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            damaged(path, &error.to_string())
        }
        DatabaseError::Storage(::redb::StorageError::Io(error)) => {
            StoreError::io(&format!("open {}", path.display()), error)
        }
        DatabaseError::Storage(::redb::StorageError::Corrupted(what)) => damaged(path, &what),
        DatabaseError::Storage(error) => error.into(),
        other => damaged(path, &other.to_string()),
    }
}

fn damaged(path: &Path, what: &str) -> StoreError {
    StoreError::damaged(format!(
        "{} is damaged or is not a database of agentphone ({what}). Move it away to start empty, or restore a \
         backup.",
        path.display()
    ))
}
