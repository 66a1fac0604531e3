//! Answers kept for repeated requests, inside a transaction. They are forgotten after a day.

use ::redb::{ReadTransaction, ReadableTable, WriteTransaction};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::tables::{ANSWERS, ANSWERS_BY_TIME, decode, encode};
use crate::store::{AccountId, Answer, Recall, StoreError};

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How many old answers one new answer clears away, so that clearing keeps up and never takes long.
const CLEARED_AT_ONCE: usize = 8;

#[derive(Serialize, Deserialize)]
struct Kept {
    body_hash: [u8; 32],
    at: Timestamp,
    answer: Answer,
}

impl Kept {
    fn recall(self, body_hash: [u8; 32], now: Timestamp) -> Recall {
        if now.duration_since(self.at) >= KEPT {
            Recall::Unknown
        } else if self.body_hash == body_hash {
            Recall::Replayed(self.answer)
        } else {
            Recall::Conflict
        }
    }
}

pub(super) fn recall(
    tx: &ReadTransaction,
    account: &AccountId,
    key: &str,
    body_hash: [u8; 32],
    now: Timestamp,
) -> Result<Recall, StoreError> {
    find(&tx.open_table(ANSWERS)?, account, key, body_hash, now)
}

pub(super) fn recall_now(
    tx: &WriteTransaction,
    account: &AccountId,
    key: &str,
    body_hash: [u8; 32],
    now: Timestamp,
) -> Result<Recall, StoreError> {
    find(&tx.open_table(ANSWERS)?, account, key, body_hash, now)
}

pub(super) fn remember(
    tx: &WriteTransaction,
    account: &AccountId,
    key: &str,
    body_hash: [u8; 32],
    answer: &Answer,
    now: Timestamp,
) -> Result<Recall, StoreError> {
    let known = recall_now(tx, account, key, body_hash, now)?;
    if known != Recall::Unknown {
        return Ok(known);
    }
    let kept = Kept {
        body_hash,
        at: now,
        answer: answer.clone(),
    };
    tx.open_table(ANSWERS)?
        .insert((account.as_str(), key), encode(&kept).as_slice())?;
    tx.open_table(ANSWERS_BY_TIME)?
        .insert((now.as_millisecond(), account.as_str(), key), ())?;
    clear_old(tx, now)?;
    Ok(Recall::Unknown)
}

fn clear_old(tx: &WriteTransaction, now: Timestamp) -> Result<(), StoreError> {
    let mut by_time = tx.open_table(ANSWERS_BY_TIME)?;
    let mut answers = tx.open_table(ANSWERS)?;
    let end = now.as_millisecond() - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    for _ in 0..CLEARED_AT_ONCE {
        let Some((at, account, key)) = oldest(&by_time)?.filter(|(at, ..)| *at < end) else {
            break;
        };
        by_time.remove((at, account.as_str(), key.as_str()))?;
        // The same key may have been used again after its day; then only the newer answer counts.
        let stale = match answers.get((account.as_str(), key.as_str()))? {
            Some(bytes) => decode::<Kept>(&key, bytes.value())?.at.as_millisecond() == at,
            None => false,
        };
        if stale {
            answers.remove((account.as_str(), key.as_str()))?;
        }
    }
    Ok(())
}

type Aged = (i64, String, String);

fn oldest(
    table: &impl ReadableTable<(i64, &'static str, &'static str), ()>,
) -> Result<Option<Aged>, StoreError> {
    Ok(table.first()?.map(|(row, _)| {
        let (at, account, key) = row.value();
        (at, account.to_owned(), key.to_owned())
    }))
}

fn find(
    table: &impl ReadableTable<(&'static str, &'static str), &'static [u8]>,
    account: &AccountId,
    key: &str,
    body_hash: [u8; 32],
    now: Timestamp,
) -> Result<Recall, StoreError> {
    match table.get((account.as_str(), key))? {
        Some(bytes) => Ok(decode::<Kept>(key, bytes.value())?.recall(body_hash, now)),
        None => Ok(Recall::Unknown),
    }
}
