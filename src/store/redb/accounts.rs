//! Accounts, their keys and their ledgers, inside a transaction.

use std::collections::HashSet;

use ::redb::{ReadTransaction, ReadableTable, WriteTransaction};
use jiff::Timestamp;

use super::tables::{
    ACCOUNT_NAMES, ACCOUNTS, KEY_HASHES, KEYS, LEDGER, LEDGER_ONCE, decode, encode, get, put, read,
};
use crate::store::{
    Account, AccountId, Entry, KeyHash, KeyId, KeyRecord, LedgerEntry, NewKey, StoreError,
    random_u128,
};

pub(super) fn create(
    tx: &WriteTransaction,
    name: &str,
    free_credits: u32,
    at: Timestamp,
) -> Result<Account, StoreError> {
    let account = Account {
        id: AccountId::new(random_u128()),
        name: name.to_owned(),
        created_at: at,
    };
    let taken = tx
        .open_table(ACCOUNT_NAMES)?
        .insert(name, account.id.as_str())?
        .is_some();
    if taken {
        return Err(StoreError::conflict(format!(
            "There is an account named '{name}' already. Choose another name."
        )));
    }
    put(tx, ACCOUNTS, account.id.as_str(), &account)?;
    if free_credits > 0 {
        append(tx, &account.id, Entry::Welcome, i64::from(free_credits), at)?;
    }
    Ok(account)
}

pub(super) fn by_id(tx: &ReadTransaction, id: &AccountId) -> Result<Option<Account>, StoreError> {
    read(tx, ACCOUNTS, id.as_str())
}

/// Returns every account, oldest first.
pub(super) fn all(tx: &ReadTransaction) -> Result<Vec<Account>, StoreError> {
    let mut accounts = Vec::new();
    for row in tx.open_table(ACCOUNTS)?.iter()? {
        let (id, bytes) = row?;
        accounts.push(decode::<Account>(id.value(), bytes.value())?);
    }
    accounts.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
    Ok(accounts)
}

pub(super) fn by_name(tx: &ReadTransaction, name: &str) -> Result<Option<Account>, StoreError> {
    match tx.open_table(ACCOUNT_NAMES)?.get(name)? {
        Some(id) => read(tx, ACCOUNTS, id.value()),
        None => Ok(None),
    }
}

pub(super) fn create_key(tx: &WriteTransaction, key: NewKey) -> Result<KeyRecord, StoreError> {
    let account = key.account.as_str();
    if tx.open_table(ACCOUNTS)?.get(account)?.is_none() {
        return Err(StoreError::not_found(format!(
            "There is no account {account}. Make one with `agentphone keys create --account NAME`."
        )));
    }
    let record = KeyRecord {
        id: KeyId::new(random_u128()),
        account: key.account,
        name: key.name,
        hash: key.hash,
        shown: key.shown,
        mode: key.mode,
        created_at: key.at,
        revoked_at: None,
        scopes: key.scopes,
        expires_at: key.expires_at,
        last_used_at: None,
    };
    tx.open_table(KEY_HASHES)?
        .insert(&record.hash.0, record.id.0.as_str())?;
    put(tx, KEYS, &record.id.0, &record)?;
    Ok(record)
}

pub(super) fn list_keys(tx: &ReadTransaction) -> Result<Vec<KeyRecord>, StoreError> {
    let mut keys = Vec::new();
    for row in tx.open_table(KEYS)?.iter()? {
        let (id, bytes) = row?;
        keys.push(decode::<KeyRecord>(id.value(), bytes.value())?);
    }
    keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(keys)
}

pub(super) fn revoke_key(
    tx: &WriteTransaction,
    id: &KeyId,
    at: Timestamp,
) -> Result<KeyRecord, StoreError> {
    change_key(tx, id, |key| {
        key.revoked_at.get_or_insert(at);
    })
}

/// Changes what is kept of a key and returns it as it is now.
pub(super) fn change_key(
    tx: &WriteTransaction,
    id: &KeyId,
    change: impl FnOnce(&mut KeyRecord),
) -> Result<KeyRecord, StoreError> {
    let found = get::<KeyRecord>(&tx.open_table(KEYS)?, &id.0)?;
    let mut record = found.ok_or_else(|| {
        StoreError::not_found(format!("There is no key {id}. See `agentphone keys list`."))
    })?;
    change(&mut record);
    put(tx, KEYS, &id.0, &record)?;
    Ok(record)
}

pub(super) fn find_key(
    tx: &ReadTransaction,
    hash: &KeyHash,
) -> Result<Option<KeyRecord>, StoreError> {
    let Some(id) = tx.open_table(KEY_HASHES)?.get(&hash.0)? else {
        return Ok(None);
    };
    let record: Option<KeyRecord> = read(tx, KEYS, id.value())?;
    Ok(record.filter(|key| key.revoked_at.is_none() && key.hash.matches(hash)))
}

pub(super) fn balance(tx: &ReadTransaction, account: &AccountId) -> Result<i64, StoreError> {
    Ok(last(&tx.open_table(LEDGER)?, account)?.map_or(0, |entry| entry.balance))
}

pub(super) fn ledger(
    tx: &ReadTransaction,
    account: &AccountId,
) -> Result<Vec<LedgerEntry>, StoreError> {
    let id = account.as_str();
    let table = tx.open_table(LEDGER)?;
    let mut entries = Vec::new();
    for row in table.range((id, 0)..=(id, u64::MAX))? {
        entries.push(decode(id, row?.1.value())?);
    }
    Ok(entries)
}

/// Returns up to `limit` entries before number `before`, newest first.
pub(super) fn ledger_page(
    tx: &ReadTransaction,
    account: &AccountId,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<LedgerEntry>, StoreError> {
    let id = account.as_str();
    let table = tx.open_table(LEDGER)?;
    let rows = table.range((id, 0)..(id, before.unwrap_or(u64::MAX)))?;
    rows.rev()
        .take(limit)
        .map(|row| decode(id, row?.1.value()))
        .collect()
}

/// Returns the credits that calls have taken since a moment, without those of them that were given back.
pub(super) fn spent_since(
    tx: &WriteTransaction,
    account: &AccountId,
    since: Timestamp,
) -> Result<i64, StoreError> {
    let id = account.as_str();
    let table = tx.open_table(LEDGER)?;
    let mut given_back = HashSet::new();
    let mut spent = 0;
    for row in table.range((id, 0)..=(id, u64::MAX))?.rev() {
        let entry: LedgerEntry = decode(id, row?.1.value())?;
        if entry.at < since {
            break;
        }
        match entry.entry {
            Entry::GiveBack { call } => drop(given_back.insert(call)),
            Entry::Reserve { call } if !given_back.contains(&call) => spent -= entry.amount,
            _ => {}
        }
    }
    Ok(spent)
}

/// Adds an operator's grant and returns the balance after it.
pub(super) fn grant(
    tx: &WriteTransaction,
    account: &AccountId,
    id: &str,
    note: &str,
    amount: i64,
    at: Timestamp,
) -> Result<i64, StoreError> {
    let entry = Entry::Grant {
        id: id.to_owned(),
        note: note.to_owned(),
    };
    append(tx, account, entry, amount, at)
}

/// Returns the balance inside a write transaction, with everything it has written so far.
pub(super) fn balance_now(tx: &WriteTransaction, account: &AccountId) -> Result<i64, StoreError> {
    Ok(last(&tx.open_table(LEDGER)?, account)?.map_or(0, |entry| entry.balance))
}

/// Adds an entry unless one with its reference is there; returns the balance after it.
pub(super) fn append(
    tx: &WriteTransaction,
    account: &AccountId,
    entry: Entry,
    amount: i64,
    at: Timestamp,
) -> Result<i64, StoreError> {
    let id = account.as_str();
    let reference = entry.reference();
    let mut once = tx.open_table(LEDGER_ONCE)?;
    let mut ledger = tx.open_table(LEDGER)?;
    let (seq, balance) = match last(&ledger, account)? {
        Some(entry) => (entry.seq, entry.balance),
        None => (0, 0),
    };
    if once.get((id, reference.as_str()))?.is_some() {
        return Ok(balance);
    }
    let entry = LedgerEntry {
        seq: seq + 1,
        at,
        entry,
        amount,
        balance: balance.saturating_add(amount),
    };
    once.insert((id, reference.as_str()), entry.seq)?;
    ledger.insert((id, entry.seq), encode(&entry).as_slice())?;
    Ok(entry.balance)
}

fn last(
    ledger: &impl ReadableTable<(&'static str, u64), &'static [u8]>,
    account: &AccountId,
) -> Result<Option<LedgerEntry>, StoreError> {
    let id = account.as_str();
    match ledger.range((id, 0)..=(id, u64::MAX))?.next_back() {
        Some(row) => Ok(Some(decode(id, row?.1.value())?)),
        None => Ok(None),
    }
}
