//! The tables and how a record lies in them. Records are JSON, so that a field that is added later is simply
//! absent in older ones; keys are chosen so that every list is one range of one table.

use ::redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::store::StoreError;

/// The version of the tables. Raised when an older program would misread them.
///
/// 1 → 2: money from outside and words that can be deleted have tables and ledger entries of their own.
pub(crate) const SCHEMA: u32 = 2;

/// A table of records by one id.
pub(super) type Records = TableDefinition<'static, &'static str, &'static [u8]>;
/// A set of ids.
pub(super) type Set = TableDefinition<'static, &'static str, ()>;

/// `schema` → little-endian u32; `restored` → RFC 3339.
pub(super) const META: Records = TableDefinition::new("meta");
/// Account id → account.
pub(super) const ACCOUNTS: Records = TableDefinition::new("accounts");
/// Account name → account id.
pub(super) const ACCOUNT_NAMES: TableDefinition<'_, &str, &str> =
    TableDefinition::new("account_names");
/// Key id → key.
pub(super) const KEYS: Records = TableDefinition::new("keys");
/// Key hash → key id.
pub(super) const KEY_HASHES: TableDefinition<'_, &[u8; 32], &str> =
    TableDefinition::new("key_hashes");
/// (Account, number) → ledger entry.
pub(super) const LEDGER: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("ledger");
/// (Account, reference) → number of the entry with that reference.
pub(super) const LEDGER_ONCE: TableDefinition<'_, (&str, &str), u64> =
    TableDefinition::new("ledger_once");
/// Call id → call.
pub(super) const CALLS: Records = TableDefinition::new("calls");
/// (Account, call id): ids sort by time, so a range read backwards is "newest first".
pub(super) const CALLS_BY_ACCOUNT: TableDefinition<'_, (&str, &str), ()> =
    TableDefinition::new("calls_by_account");
/// (Account, status, call id).
pub(super) const CALLS_BY_STATUS: TableDefinition<'_, (&str, &str, &str), ()> =
    TableDefinition::new("calls_by_status");
/// Ids of calls that have not ended.
pub(super) const UNFINISHED: Set = TableDefinition::new("unfinished");
/// Call id → live events.
pub(super) const FEEDS: Records = TableDefinition::new("feeds");
/// Call id → core events.
pub(super) const EVENTS: Records = TableDefinition::new("events");
/// (Account, idempotency key) → kept answer.
pub(super) const ANSWERS: TableDefinition<'_, (&str, &str), &[u8]> =
    TableDefinition::new("answers");
/// (Milliseconds since 1970, account, idempotency key): which answers are old.
pub(super) const ANSWERS_BY_TIME: TableDefinition<'_, (i64, &str, &str), ()> =
    TableDefinition::new("answers_by_time");

/// Checkout → what it was made for.
pub(super) const CHECKOUTS: Records = TableDefinition::new("checkouts");
/// Account → the checkout that it was offered last.
pub(super) const OFFERED: Records = TableDefinition::new("offered_checkouts");
/// Checkout → purchase.
pub(super) const PURCHASES: Records = TableDefinition::new("purchases");
/// The payment service's id of a payment → checkout.
pub(super) const PURCHASE_REFERENCES: TableDefinition<'_, &str, &str> =
    TableDefinition::new("purchase_references");
/// The payment service's id of a payment → how much of it went back.
pub(super) const REVERSALS: Records = TableDefinition::new("reversals");

/// (Milliseconds since 1970, call id): calls that are over and whose words are kept.
pub(super) const WORDS_BY_END: TableDefinition<'_, (i64, &str), ()> =
    TableDefinition::new("words_by_end");
/// (Account or `*`, number) → why it must not be called.
pub(super) const DO_NOT_CALL: TableDefinition<'_, (&str, &str), &[u8]> =
    TableDefinition::new("do_not_call");

/// Account id → where it wants webhooks.
pub(super) const WEBHOOK_SETTINGS: Records = TableDefinition::new("webhook_settings");
/// (Call id, place among its events from 1) → event.
pub(super) const WEBHOOKS: TableDefinition<'_, (&str, u32), &[u8]> =
    TableDefinition::new("webhooks");
/// (Call id, place) → (milliseconds since 1970 of the next attempt, lane), of events that wait.
pub(super) const WEBHOOKS_WAITING: TableDefinition<'_, (&str, u32), (i64, &str)> =
    TableDefinition::new("webhooks_waiting");

/// All tables of records by one id, but [`META`].
pub(super) const RECORDS: [Records; 10] = [
    ACCOUNTS,
    KEYS,
    CALLS,
    FEEDS,
    EVENTS,
    CHECKOUTS,
    OFFERED,
    PURCHASES,
    REVERSALS,
    WEBHOOK_SETTINGS,
];

/// Makes every table, so that readers never meet a missing one, and checks the version.
pub(super) fn prepare(tx: &WriteTransaction) -> Result<(), StoreError> {
    let found = check_schema(tx)?;
    for records in RECORDS {
        tx.open_table(records)?;
    }
    tx.open_table(ACCOUNT_NAMES)?;
    tx.open_table(KEY_HASHES)?;
    tx.open_table(LEDGER)?;
    tx.open_table(LEDGER_ONCE)?;
    tx.open_table(CALLS_BY_ACCOUNT)?;
    tx.open_table(CALLS_BY_STATUS)?;
    tx.open_table(UNFINISHED)?;
    tx.open_table(ANSWERS)?;
    tx.open_table(ANSWERS_BY_TIME)?;
    tx.open_table(WEBHOOKS)?;
    tx.open_table(WEBHOOKS_WAITING)?;
    tx.open_table(PURCHASE_REFERENCES)?;
    tx.open_table(WORDS_BY_END)?;
    tx.open_table(DO_NOT_CALL)?;
    if found == Some(1) {
        super::privacy::index_words(tx)?;
    }
    set_schema(tx, SCHEMA)
}

/// Returns the version that wrote the database, if there is one and this program can go on with it.
fn check_schema(tx: &WriteTransaction) -> Result<Option<u32>, StoreError> {
    let meta = tx.open_table(META)?;
    let found = match meta.get("schema")? {
        None => None,
        Some(bytes) => Some(u32::from_le_bytes(bytes.value().try_into().map_err(
            |_| {
                StoreError::damaged(
                    "The database does not say which version wrote it. Restore a backup.",
                )
            },
        )?)),
    };
    drop(meta);
    match found {
        None | Some(1..=SCHEMA) => Ok(found),
        Some(other) => Err(StoreError::damaged(format!(
            "The database has schema {other} and this program knows {SCHEMA}. Use the program that wrote it, or a \
             newer one."
        ))),
    }
}

/// Writes the version that is there once more.
pub(super) fn check(tx: &WriteTransaction) -> Result<(), StoreError> {
    set_schema(tx, SCHEMA)
}

/// Writes the version of the tables.
pub(super) fn set_schema(tx: &WriteTransaction, version: u32) -> Result<(), StoreError> {
    tx.open_table(META)?
        .insert("schema", version.to_le_bytes().as_slice())?;
    Ok(())
}

/// Notes when the database was restored from a backup.
pub(super) fn set_restored(tx: &WriteTransaction, at: Timestamp) -> Result<(), StoreError> {
    tx.open_table(META)?
        .insert("restored", at.to_string().as_bytes())?;
    Ok(())
}

/// Returns when the database was restored from a backup, if it was.
pub(super) fn restored(tx: &ReadTransaction) -> Result<Option<Timestamp>, StoreError> {
    let meta = tx.open_table(META)?;
    let Some(bytes) = meta.get("restored")? else {
        return Ok(None);
    };
    let at = std::str::from_utf8(bytes.value()).ok();
    Ok(at.and_then(|at| at.parse().ok()))
}

/// Reads one record, within whichever kind of transaction opened the table.
pub(super) fn get<T: DeserializeOwned>(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    id: &str,
) -> Result<Option<T>, StoreError> {
    table
        .get(id)?
        .map(|bytes| decode(id, bytes.value()))
        .transpose()
}

/// Reads one record in a read transaction.
pub(super) fn read<T: DeserializeOwned>(
    tx: &ReadTransaction,
    records: Records,
    id: &str,
) -> Result<Option<T>, StoreError> {
    get(&tx.open_table(records)?, id)
}

/// Writes one record.
pub(super) fn put(
    tx: &WriteTransaction,
    records: Records,
    id: &str,
    value: &impl Serialize,
) -> Result<(), StoreError> {
    tx.open_table(records)?
        .insert(id, encode(value).as_slice())?;
    Ok(())
}

/// Writes a record as bytes.
pub(super) fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our records have string keys and no fallible serialisers")
}

/// Reads a record from bytes; `id` is for the error.
pub(super) fn decode<T: DeserializeOwned>(id: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| {
        StoreError::damaged(format!(
            "The database's record {id} cannot be understood ({error}). Was it written by a newer version of \
             agentphone?"
        ))
    })
}
