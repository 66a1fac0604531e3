//! What is deleted of calls that are over, and numbers that must not be called, inside a transaction.

use ::redb::{ReadTransaction, ReadableTable, WriteTransaction};
use jiff::Timestamp;

use super::{
    calls,
    tables::{CALLS, DO_NOT_CALL, EVENTS, FEEDS, WORDS_BY_END, decode, encode, get},
    webhooks,
};
use crate::store::{AccountId, Blocked, CallId, Forget, StoreError, StoredCall};

/// The owner of the installation's own list.
const EVERYBODY: &str = "*";

/// Notes that a call is over and that its words are kept.
pub(super) fn keep_words(
    tx: &WriteTransaction,
    id: &CallId,
    ended: Timestamp,
) -> Result<(), StoreError> {
    tx.open_table(WORDS_BY_END)?
        .insert((ended.as_millisecond(), id.as_str()), ())?;
    Ok(())
}

/// Fills the index of calls whose words are kept, in a database of an older program.
pub(super) fn index_words(tx: &WriteTransaction) -> Result<(), StoreError> {
    let mut ended = Vec::new();
    for row in tx.open_table(CALLS)?.iter()? {
        let (id, bytes) = row?;
        let stored: StoredCall = decode(id.value(), bytes.value())?;
        if let Some(at) = stored.call.ended_at {
            ended.push((stored.call.call_id, at));
        }
    }
    for (id, at) in ended {
        keep_words(tx, &id, at.into())?;
    }
    Ok(())
}

/// Returns calls that ended before a moment and whose words are kept, oldest first.
pub(super) fn ended_before(
    tx: &ReadTransaction,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<CallId>, StoreError> {
    let table = tx.open_table(WORDS_BY_END)?;
    let rows = table.range((i64::MIN, "")..(before.as_millisecond(), ""))?;
    let mut ids = Vec::new();
    for row in rows.take(limit) {
        let key = row?.0;
        let text = key.value().1;
        ids.push(CallId::parse(text).ok_or_else(|| {
            StoreError::damaged(format!("The database has a call that is named {text}."))
        })?);
    }
    Ok(ids)
}

/// Deletes what a call that is over has left.
pub(super) fn forget(
    tx: &WriteTransaction,
    id: &CallId,
    what: Forget,
    at: Timestamp,
) -> Result<StoredCall, StoreError> {
    let old: StoredCall = get(&tx.open_table(CALLS)?, id.as_str())?
        .ok_or_else(|| StoreError::not_found(format!("There is no call {id}.")))?;
    if !old.call.status.is_final() {
        return Err(StoreError::conflict(format!(
            "The call {id} has not ended."
        )));
    }
    let mut new = old.clone();
    let call = &mut new.call;
    if what != Forget::Words {
        call.recording_deleted_at.get_or_insert(at.into());
    }
    if what != Forget::Recording {
        call.transcript_deleted_at.get_or_insert(at.into());
        call.transcript = None;
        call.turns.clear();
        call.summary = None;
        call.outcome_details = None;
        call.result = None;
        call.evidence.clear();
        for table in [FEEDS, EVENTS] {
            tx.open_table(table)?.remove(id.as_str())?;
        }
        // They hold the call as it was.
        webhooks::forget(tx, id)?;
        if let Some(ended) = old.call.ended_at {
            tx.open_table(WORDS_BY_END)?
                .remove((ended.unix_ms(), id.as_str()))?;
        }
    }
    calls::write(tx, Some(&old), &new)?;
    Ok(new)
}

fn owner(account: Option<&AccountId>) -> &str {
    account.map_or(EVERYBODY, AccountId::as_str)
}

pub(super) fn block(
    tx: &WriteTransaction,
    account: Option<&AccountId>,
    blocked: &Blocked,
) -> Result<Blocked, StoreError> {
    let mut table = tx.open_table(DO_NOT_CALL)?;
    let key = (owner(account), blocked.phone_number.as_str());
    let known = match table.get(key)? {
        Some(bytes) => Some(decode::<Blocked>(&blocked.phone_number, bytes.value())?),
        None => None,
    };
    // Repeating it keeps the first time, and takes the newer reason.
    let kept = Blocked {
        at: known.map_or(blocked.at, |known| known.at),
        ..blocked.clone()
    };
    table.insert(key, encode(&kept).as_slice())?;
    Ok(kept)
}

pub(super) fn unblock(
    tx: &WriteTransaction,
    account: Option<&AccountId>,
    number: &str,
) -> Result<bool, StoreError> {
    let mut table = tx.open_table(DO_NOT_CALL)?;
    let removed = table.remove((owner(account), number))?.is_some();
    Ok(removed)
}

pub(super) fn blocked(
    tx: &ReadTransaction,
    account: Option<&AccountId>,
) -> Result<Vec<Blocked>, StoreError> {
    let owner = owner(account);
    let table = tx.open_table(DO_NOT_CALL)?;
    table
        .range((owner, "")..(owner, "\u{10ffff}"))?
        .map(|row| decode(owner, row?.1.value()))
        .collect()
}

pub(super) fn is_blocked(
    tx: &ReadTransaction,
    account: &AccountId,
    number: &str,
) -> Result<bool, StoreError> {
    let table = tx.open_table(DO_NOT_CALL)?;
    let everybody = table.get((EVERYBODY, number))?.is_some();
    Ok(everybody || table.get((account.as_str(), number))?.is_some())
}
