//! The spool of webhooks, inside a transaction. [`note`] is called by every write of a call.

use std::sync::Arc;

use ::redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, WriteTransaction};
use jiff::{SignedDuration, Timestamp};
use protocol::{rest::Status, webhook::Happening};
use tokio::sync::Notify;

use super::{
    RedbStore,
    tables::{ACCOUNTS, WEBHOOK_SETTINGS, WEBHOOKS, WEBHOOKS_WAITING, decode, encode, get, put},
};
use crate::store::{
    AccountId, Attempt, CallId, Delivery, EventId, ListWebhooks, Spool, StoreError, StoredCall,
    Waiting, WebhookEvent, WebhookSettings,
};

/// How long an event is tried.
const TRIED: SignedDuration = SignedDuration::from_hours(24);
/// How long an event is listed after its last attempt.
const LISTED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many old events one new event clears away, so that clearing keeps up and never takes long.
const CLEARED_AT_ONCE: usize = 8;

/// Spools what a change of a call means to its requester.
pub(super) fn note(
    tx: &WriteTransaction,
    old: Option<&StoredCall>,
    new: &StoredCall,
) -> Result<(), StoreError> {
    let status = new.call.status;
    if old.is_some_and(|old| old.call.status == status) {
        return Ok(());
    }
    let mut happened = Vec::new();
    if status == Status::InProgress {
        let started = new.call.started_at.unwrap_or(new.call.created_at);
        happened.push((Happening::Started, Timestamp::from(started)));
    }
    if status.is_final() {
        let ended = Timestamp::from(new.call.ended_at.unwrap_or(new.call.created_at));
        happened.push((Happening::Ended, ended));
        if new.call.outcome.is_some() {
            happened.push((Happening::Analyzed, ended));
        }
    }
    if happened.is_empty() {
        return Ok(());
    }
    if is_told(tx, new)? {
        for (what, at) in happened {
            insert(tx, new, what, at, None)?;
        }
    }
    Ok(())
}

/// Returns whether anybody wants to be told about a call.
fn is_told(tx: &WriteTransaction, stored: &StoredCall) -> Result<bool, StoreError> {
    Ok(stored.request.webhook_url.is_some() || settings_now(tx, &stored.account)?.url.is_some())
}

fn question(
    tx: &WriteTransaction,
    call: &CallId,
    question: &serde_json::Value,
    at: Timestamp,
) -> Result<(), StoreError> {
    let stored = super::calls::existing(tx, call)?;
    if !stored.call.status.is_final() && is_told(tx, &stored)? {
        insert(tx, &stored, Happening::Question, at, Some(question.clone()))?;
    }
    Ok(())
}

fn insert(
    tx: &WriteTransaction,
    of: &StoredCall,
    what: Happening,
    at: Timestamp,
    question: Option<serde_json::Value>,
) -> Result<(), StoreError> {
    let id = of.call.call_id.as_str();
    let table = tx.open_table(WEBHOOKS)?;
    let last = table
        .range((id, 0)..=(id, u32::MAX))?
        .next_back()
        .transpose()?;
    let seq = last.map_or(0, |(key, _)| key.value().1) + 1;
    drop(table);
    let event = WebhookEvent {
        seq,
        account: of.account.clone(),
        what,
        at,
        to: of.request.webhook_url.clone(),
        call: of.call.clone(),
        question,
        delivery: Delivery::Waiting,
        attempts: 0,
        next_at: at,
        last: None,
        tried_at: None,
        until: at.checked_add(TRIED).unwrap_or(at),
    };
    write(tx, &event)?;
    clear_old(tx, at)
}

/// Writes an event, and the index of those that wait.
fn write(tx: &WriteTransaction, event: &WebhookEvent) -> Result<(), StoreError> {
    let key = (event.call.call_id.as_str(), event.seq);
    tx.open_table(WEBHOOKS)?
        .insert(key, encode(event).as_slice())?;
    let mut waiting = tx.open_table(WEBHOOKS_WAITING)?;
    if event.delivery == Delivery::Waiting {
        let lane = event
            .to
            .as_deref()
            .unwrap_or_else(|| event.account.as_str());
        waiting.insert(key, (event.next_at.as_millisecond(), lane))?;
    } else {
        waiting.remove(key)?;
    }
    Ok(())
}

/// Clears away the oldest events, if their time is over. The table is in the order in which calls were created.
fn clear_old(tx: &WriteTransaction, now: Timestamp) -> Result<(), StoreError> {
    let mut table = tx.open_table(WEBHOOKS)?;
    let mut old = Vec::new();
    for row in table.iter()?.take(CLEARED_AT_ONCE) {
        let (key, bytes) = row?;
        let (call, seq) = key.value();
        let event: WebhookEvent = decode(call, bytes.value())?;
        let last = event.tried_at.unwrap_or(event.at);
        if event.delivery != Delivery::Waiting && now.duration_since(last) > LISTED {
            old.push((call.to_owned(), seq));
        }
    }
    for (call, seq) in old {
        table.remove((call.as_str(), seq))?;
    }
    Ok(())
}

fn settings_now(tx: &WriteTransaction, account: &AccountId) -> Result<WebhookSettings, StoreError> {
    let table = tx.open_table(WEBHOOK_SETTINGS)?;
    Ok(get(&table, account.as_str())?.unwrap_or_default())
}

fn existing(tx: &WriteTransaction, id: &EventId) -> Result<WebhookEvent, StoreError> {
    let table = tx.open_table(WEBHOOKS)?;
    find(&table, id)?.ok_or_else(|| {
        StoreError::not_found(format!(
            "There is no event {id}. See `agentphone webhooks list`; events are listed for a week."
        ))
    })
}

fn find(
    table: &impl ReadableTable<(&'static str, u32), &'static [u8]>,
    id: &EventId,
) -> Result<Option<WebhookEvent>, StoreError> {
    table
        .get((id.call.as_str(), id.seq))?
        .map(|bytes| decode(id.call.as_str(), bytes.value()))
        .transpose()
}

fn waiting(tx: &ReadTransaction) -> Result<Vec<Waiting>, StoreError> {
    let mut first: Vec<Waiting> = Vec::new();
    for row in tx.open_table(WEBHOOKS_WAITING)?.iter()? {
        let (key, value) = row?;
        let ((call, seq), (due, lane)) = (key.value(), value.value());
        if first.last().is_some_and(|w| w.id.call.as_str() == call) {
            continue;
        }
        let call = CallId::parse(call).ok_or_else(|| {
            StoreError::damaged(format!("The spool of webhooks names a call {call}."))
        })?;
        first.push(Waiting {
            id: EventId { call, seq },
            due: Timestamp::from_millisecond(due).unwrap_or(Timestamp::UNIX_EPOCH),
            lane: lane.to_owned(),
        });
    }
    first.sort_by_key(|waiting| waiting.due);
    Ok(first)
}

fn list(tx: &ReadTransaction, filter: &ListWebhooks) -> Result<Vec<WebhookEvent>, StoreError> {
    let table = tx.open_table(WEBHOOKS)?;
    let mut found = Vec::new();
    let rows = match &filter.call {
        Some(call) => table.range((call.as_str(), 0)..=(call.as_str(), u32::MAX))?,
        None => table.iter()?,
    };
    for row in rows.rev() {
        let (key, bytes) = row?;
        let event: WebhookEvent = decode(key.value().0, bytes.value())?;
        let wanted = filter.account.as_ref().is_none_or(|a| *a == event.account)
            && filter.delivery.is_none_or(|d| d == event.delivery);
        if wanted {
            found.push(event);
        }
        if found.len() == filter.limit {
            break;
        }
    }
    Ok(found)
}

pub(super) fn forget(tx: &WriteTransaction, call: &CallId) -> Result<(), StoreError> {
    let range = (call.as_str(), 0)..=(call.as_str(), u32::MAX);
    tx.open_table(WEBHOOKS)?
        .retain_in(range.clone(), |_, _| false)?;
    tx.open_table(WEBHOOKS_WAITING)?
        .retain_in(range, |_, _| false)?;
    Ok(())
}

impl Spool for RedbStore {
    fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }

    fn webhook_settings(&self, account: &AccountId) -> Result<WebhookSettings, StoreError> {
        self.read(|tx| {
            let table = tx.open_table(WEBHOOK_SETTINGS)?;
            Ok(get(&table, account.as_str())?.unwrap_or_default())
        })
    }

    fn configure_webhooks(
        &self,
        account: &AccountId,
        change: &mut dyn FnMut(&mut WebhookSettings),
    ) -> Result<WebhookSettings, StoreError> {
        self.write(|tx| {
            if tx.open_table(ACCOUNTS)?.get(account.as_str())?.is_none() {
                return Err(StoreError::not_found("There is no such account."));
            }
            let mut settings = settings_now(tx, account)?;
            change(&mut settings);
            put(tx, WEBHOOK_SETTINGS, account.as_str(), &settings)?;
            Ok(settings)
        })
    }

    fn spool_question(
        &self,
        call: &CallId,
        question: &serde_json::Value,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|tx| self::question(tx, call, question, at))?;
        self.bell.notify_one();
        Ok(())
    }

    fn waiting_webhooks(&self) -> Result<Vec<Waiting>, StoreError> {
        self.read(waiting)
    }

    fn count_waiting_webhooks(&self) -> Result<u64, StoreError> {
        self.read(|tx| Ok(tx.open_table(WEBHOOKS_WAITING)?.len()?))
    }

    fn webhook(&self, id: &EventId) -> Result<Option<WebhookEvent>, StoreError> {
        self.read(|tx| find(&tx.open_table(WEBHOOKS)?, id))
    }

    fn list_webhooks(&self, filter: &ListWebhooks) -> Result<Vec<WebhookEvent>, StoreError> {
        self.read(|tx| list(tx, filter))
    }

    fn webhook_attempted(
        &self,
        id: &EventId,
        attempt: &Attempt,
    ) -> Result<WebhookEvent, StoreError> {
        let event = self.write(|tx| {
            let mut event = existing(tx, id)?;
            if event.delivery == Delivery::Waiting {
                event.attempts += 1;
                event.last = Some(attempt.result.clone());
                event.tried_at = Some(attempt.at);
                match attempt.then {
                    Ok(delivery) => event.delivery = delivery,
                    Err(next) => event.next_at = next,
                }
                write(tx, &event)?;
            }
            Ok(event)
        })?;
        self.bell.notify_one();
        Ok(event)
    }

    fn resend_webhook(&self, id: &EventId, at: Timestamp) -> Result<WebhookEvent, StoreError> {
        let event = self.write(|tx| {
            let mut event = existing(tx, id)?;
            event.delivery = Delivery::Waiting;
            event.next_at = at;
            event.until = at.checked_add(TRIED).unwrap_or(at);
            write(tx, &event)?;
            Ok(event)
        })?;
        self.bell.notify_one();
        Ok(event)
    }

    fn forget_webhooks(&self, call: &CallId) -> Result<(), StoreError> {
        self.write(|tx| forget(tx, call))
    }
}
