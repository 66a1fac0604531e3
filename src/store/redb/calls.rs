//! Calls and what belongs to them, inside a transaction. Every write of a call goes through [`write`], which
//! keeps the indexes right.

use ::redb::{ReadTransaction, ReadableTable, WriteTransaction};
use jiff::Timestamp;

use super::{
    accounts, answers, privacy,
    tables::{
        CALLS, CALLS_BY_ACCOUNT, CALLS_BY_STATUS, EVENTS, FEEDS, Records, UNFINISHED, decode, get,
        put, read,
    },
    webhooks,
};
use crate::store::{
    AccountId, Attachment, CallId, Creation, Entry, Finish, Idempotency, ListCalls, Page, Recall,
    StoreError, StoredCall,
};

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// Sorts after every id.
const AFTER_ALL: &str = "\u{10ffff}";

pub(super) fn create(
    tx: &WriteTransaction,
    new: &StoredCall,
    credits_per_day: Option<u32>,
    idempotency: Option<Idempotency<'_>>,
    at: Timestamp,
) -> Result<Creation, StoreError> {
    if let Some(idem) = &idempotency {
        match answers::recall_now(tx, &new.account, idem.key, idem.body_hash, at)? {
            Recall::Unknown => {}
            Recall::Replayed(answer) => return Ok(Creation::Replayed(answer)),
            Recall::Conflict => return Ok(Creation::Conflict),
        }
    }
    let outcome = reserve(tx, new, credits_per_day, at)?;
    if matches!(outcome, Creation::Created { .. }) {
        let id = new.call.call_id.as_str();
        if tx.open_table(CALLS)?.get(id)?.is_some() {
            return Err(StoreError::conflict(format!(
                "There is a call {id} already."
            )));
        }
        tx.open_table(CALLS_BY_ACCOUNT)?
            .insert((new.account.as_str(), id), ())?;
        write(tx, None, new)?;
    }
    if let Some(idem) = &idempotency
        && let Some(answer) = (idem.answer)(&outcome)
    {
        answers::remember(tx, &new.account, idem.key, idem.body_hash, &answer, at)?;
    }
    Ok(outcome)
}

fn reserve(
    tx: &WriteTransaction,
    new: &StoredCall,
    credits_per_day: Option<u32>,
    at: Timestamp,
) -> Result<Creation, StoreError> {
    let balance = accounts::balance_now(tx, &new.account)?;
    let cost = i64::from(new.cost);
    if cost == 0 {
        return Ok(Creation::Created { balance });
    }
    if balance < cost {
        return Ok(Creation::NoCredit { balance });
    }
    if let Some(most) = credits_per_day {
        let midnight = at.as_second().div_euclid(DAY) * DAY;
        let midnight = Timestamp::from_second(midnight).unwrap_or(Timestamp::MIN);
        if accounts::spent_since(tx, &new.account, midnight)? + cost > i64::from(most) {
            let passed = u64::try_from(at.duration_since(midnight).as_secs()).unwrap_or(0);
            // At a fraction of a second after midnight there is still a fraction of the last one to wait for.
            let seconds = DAY.unsigned_abs().saturating_sub(passed).max(1);
            return Ok(Creation::DaySpent { seconds });
        }
    }
    let call = new.call.call_id.clone();
    let balance = accounts::append(tx, &new.account, Entry::Reserve { call }, -cost, at)?;
    Ok(Creation::Created { balance })
}

pub(super) fn update(
    tx: &WriteTransaction,
    id: &CallId,
    change: &mut dyn FnMut(&mut StoredCall),
) -> Result<StoredCall, StoreError> {
    let old = existing(tx, id)?;
    if old.call.status.is_final() {
        return Ok(old);
    }
    let new = changed(&old, change)?;
    if new.call.status.is_final() {
        return Err(StoreError::misuse(format!(
            "A change tried to end the call {id} without settling it. This is a fault of agentphone."
        )));
    }
    write(tx, Some(&old), &new)?;
    Ok(new)
}

pub(super) fn finish(
    tx: &WriteTransaction,
    id: &CallId,
    give_back: bool,
    at: Timestamp,
    change: &mut dyn FnMut(&mut StoredCall),
) -> Result<Finish, StoreError> {
    let old = existing(tx, id)?;
    if old.call.status.is_final() {
        let balance = accounts::balance_now(tx, &old.account)?;
        return Ok(Finish {
            call: old,
            balance,
            repeated: true,
        });
    }
    let new = changed(&old, change)?;
    if !new.call.status.is_final() {
        return Err(StoreError::misuse(format!(
            "A change that should end the call {id} did not. This is a fault of agentphone."
        )));
    }
    write(tx, Some(&old), &new)?;
    if let Some(ended) = new.call.ended_at {
        privacy::keep_words(tx, id, ended.into())?;
    }
    let balance = close(tx, &new, give_back, at)?;
    Ok(Finish {
        call: new,
        balance,
        repeated: false,
    })
}

fn close(
    tx: &WriteTransaction,
    stored: &StoredCall,
    give_back: bool,
    at: Timestamp,
) -> Result<i64, StoreError> {
    if stored.cost == 0 {
        return accounts::balance_now(tx, &stored.account);
    }
    let call = stored.call.call_id.clone();
    let (entry, amount) = if give_back {
        (Entry::GiveBack { call }, i64::from(stored.cost))
    } else {
        (Entry::Settle { call }, 0)
    };
    accounts::append(tx, &stored.account, entry, amount, at)
}

pub(super) fn by_id(tx: &ReadTransaction, id: &CallId) -> Result<Option<StoredCall>, StoreError> {
    read(tx, CALLS, id.as_str())
}

pub(super) fn list(
    tx: &ReadTransaction,
    account: &AccountId,
    filter: &ListCalls<'_>,
) -> Result<Page, StoreError> {
    let account = account.as_str();
    let end = filter.before.map_or(AFTER_ALL, CallId::as_str);
    // One more than asked for, to know whether there are more.
    let wanted = filter.limit.saturating_add(1);
    let mut ids = Vec::new();
    if let Some(status) = filter.status {
        let status = status.as_str();
        let table = tx.open_table(CALLS_BY_STATUS)?;
        for row in table
            .range((account, status, "")..(account, status, end))?
            .rev()
            .take(wanted)
        {
            ids.push(row?.0.value().2.to_owned());
        }
    } else {
        let table = tx.open_table(CALLS_BY_ACCOUNT)?;
        for row in table
            .range((account, "")..(account, end))?
            .rev()
            .take(wanted)
        {
            ids.push(row?.0.value().1.to_owned());
        }
    }
    let has_more = ids.len() > filter.limit;
    ids.truncate(filter.limit);
    Ok(Page {
        calls: fetch(tx, &ids)?,
        has_more,
    })
}

pub(super) fn unfinished(tx: &ReadTransaction) -> Result<Vec<StoredCall>, StoreError> {
    let mut ids = Vec::new();
    for row in tx.open_table(UNFINISHED)?.iter()? {
        ids.push(row?.0.value().to_owned());
    }
    fetch(tx, &ids)
}

pub(super) fn save(
    tx: &WriteTransaction,
    id: &CallId,
    what: Attachment,
    bytes: &[u8],
) -> Result<(), StoreError> {
    tx.open_table(table_of(what))?.insert(id.as_str(), bytes)?;
    Ok(())
}

pub(super) fn load(
    tx: &ReadTransaction,
    id: &CallId,
    what: Attachment,
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(tx
        .open_table(table_of(what))?
        .get(id.as_str())?
        .map(|bytes| bytes.value().to_vec()))
}

fn table_of(what: Attachment) -> Records {
    match what {
        Attachment::Feed => FEEDS,
        Attachment::Events => EVENTS,
    }
}

fn fetch(tx: &ReadTransaction, ids: &[String]) -> Result<Vec<StoredCall>, StoreError> {
    let table = tx.open_table(CALLS)?;
    ids.iter()
        .map(|id| {
            let bytes = table.get(id.as_str())?.ok_or_else(|| {
                StoreError::damaged(format!(
                    "The database lists a call {id} that it does not have."
                ))
            })?;
            decode(id, bytes.value())
        })
        .collect()
}

pub(super) fn existing(tx: &WriteTransaction, id: &CallId) -> Result<StoredCall, StoreError> {
    get(&tx.open_table(CALLS)?, id.as_str())?
        .ok_or_else(|| StoreError::not_found(format!("There is no call {id}.")))
}

fn changed(
    old: &StoredCall,
    change: &mut dyn FnMut(&mut StoredCall),
) -> Result<StoredCall, StoreError> {
    let mut new = old.clone();
    change(&mut new);
    if (&new.call.call_id, &new.account, new.cost) != (&old.call.call_id, &old.account, old.cost) {
        return Err(StoreError::misuse(format!(
            "A change tried to alter whose call {} is or what it costs. This is a fault of agentphone.",
            old.call.call_id
        )));
    }
    Ok(new)
}

pub(super) fn write(
    tx: &WriteTransaction,
    old: Option<&StoredCall>,
    new: &StoredCall,
) -> Result<(), StoreError> {
    let (account, id) = (new.account.as_str(), new.call.call_id.as_str());
    let status = new.call.status;
    put(tx, CALLS, id, new)?;
    webhooks::note(tx, old, new)?;
    if old.is_none_or(|old| old.call.status != status) {
        let mut by_status = tx.open_table(CALLS_BY_STATUS)?;
        if let Some(old) = old {
            by_status.remove((account, old.call.status.as_str(), id))?;
        }
        by_status.insert((account, status.as_str(), id), ())?;
        let mut unfinished = tx.open_table(UNFINISHED)?;
        if status.is_final() {
            unfinished.remove(id)?;
        } else {
            unfinished.insert(id, ())?;
        }
    }
    Ok(())
}
