//! What is owed to requesters' own servers: events in a durable spool, and where each account wants them.
//!
//! An event is written in the very transaction that changes the record of its call, so none is lost and none is made
//! up, whenever the process dies. When an event is sent, and how often, is decided by `crate::webhooks`.

use std::sync::Arc;

use jiff::Timestamp;
use protocol::{
    ids::{AccountId, CallId},
    rest::Call,
    webhook::Happening,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::StoreError;

/// How the id of an event begins.
const PREFIX: &str = "msg_";

/// Names one event: the `seq`-th of its call, from 1. Events of a call are sent in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Which call.
    pub call: CallId,
    /// Which of its events.
    pub seq: u32,
}

impl EventId {
    /// Returns the event that `text` names, or nothing when it has not the shape of an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (call, seq) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let id = Self {
            call: CallId::parse(&format!("cl_{call}"))?,
            seq: seq.parse().ok()?,
        };
        (id.to_string() == text).then_some(id)
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let call = self.call.as_str().trim_start_matches("cl_");
        write!(f, "{PREFIX}{call}_{}", self.seq)
    }
}

/// How far an event has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// It waits for its next attempt, or for the events of its call before it.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// It was tried for long enough.
    GivenUp,
}

/// One event as the spool keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookEvent {
    /// Its place among the events of its call.
    pub seq: u32,
    /// Whose call it is about.
    pub account: AccountId,
    /// What happened.
    pub what: Happening,
    /// When it happened.
    pub at: Timestamp,
    /// The call's own address; absent: the account's, as it is when the event is sent.
    pub to: Option<String>,
    /// The call as it was then.
    pub call: Call,
    /// What the agent asks, when that is what happened.
    #[serde(default)]
    pub question: Option<serde_json::Value>,
    /// How far it has come.
    pub delivery: Delivery,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, while it waits.
    pub next_at: Timestamp,
    /// What came of the last attempt: a sentence.
    pub last: Option<String>,
    /// When the last attempt was.
    pub tried_at: Option<Timestamp>,
    /// Until when it is tried; moved on by sending it again by hand.
    pub until: Timestamp,
}

impl WebhookEvent {
    /// Returns its id, the same at every attempt.
    #[must_use]
    pub fn id(&self) -> EventId {
        EventId {
            call: self.call.call_id.clone(),
            seq: self.seq,
        }
    }
}

/// Where an account wants its events, and with which secret they are signed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSettings {
    /// The address for calls that name none themselves.
    pub url: Option<String>,
    /// Counts the secrets that the account has had; each is derived from the installation's.
    pub secret: u32,
    /// When the secret was changed last. The one before is good for a day longer.
    pub rotated_at: Option<Timestamp>,
}

/// An event that may be sent once it is due: the first of its call that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which event.
    pub id: EventId,
    /// When.
    pub due: Timestamp,
    /// Where to: events of the same lane share a receiver.
    pub lane: String,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it was.
    pub at: Timestamp,
    /// What came of it: a sentence.
    pub result: String,
    /// How the event goes on: `Ok` with its end, or `Err` with the time of the next attempt.
    pub then: Result<Delivery, Timestamp>,
}

/// Which events to list, newest calls first.
#[derive(Debug, Clone, Default)]
pub struct ListWebhooks {
    /// Only those of this account.
    pub account: Option<AccountId>,
    /// Only those of this call.
    pub call: Option<CallId>,
    /// Only those that have come so far.
    pub delivery: Option<Delivery>,
    /// At most so many.
    pub limit: usize,
}

/// The spool. Events are put into it by `Store::update_call`, `Store::finish_call` and [`Spool::spool_question`]. Like those of the store, each
/// method is one transaction, on the disk when it returns.
pub trait Spool {
    /// Returns what rings whenever something may have been put into the spool.
    fn bell(&self) -> Arc<Notify>;

    /// Returns where an account wants its events.
    ///
    /// # Errors
    /// When the disk fails.
    fn webhook_settings(&self, account: &AccountId) -> Result<WebhookSettings, StoreError>;

    /// Changes where an account wants its events, and returns that.
    ///
    /// # Errors
    /// When there is no such account ([`StoreError::is_not_found`]), or the disk fails.
    fn configure_webhooks(
        &self,
        account: &AccountId,
        change: &mut dyn FnMut(&mut WebhookSettings),
    ) -> Result<WebhookSettings, StoreError>;

    /// Puts a question of the agent into the spool, if its requester is told anything. A call that has ended asks
    /// nothing any more.
    ///
    /// # Errors
    /// When there is no such call ([`StoreError::is_not_found`]), or the disk fails.
    fn spool_question(
        &self,
        call: &CallId,
        question: &serde_json::Value,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Returns the first waiting event of every call that has one, the one that is due first at the beginning.
    ///
    /// # Errors
    /// When the disk fails.
    fn waiting_webhooks(&self) -> Result<Vec<Waiting>, StoreError>;

    /// Returns how many events wait.
    ///
    /// # Errors
    /// When the disk fails.
    fn count_waiting_webhooks(&self) -> Result<u64, StoreError>;

    /// Returns an event.
    ///
    /// # Errors
    /// When the disk fails.
    fn webhook(&self, id: &EventId) -> Result<Option<WebhookEvent>, StoreError>;

    /// Lists events.
    ///
    /// # Errors
    /// When the disk fails.
    fn list_webhooks(&self, filter: &ListWebhooks) -> Result<Vec<WebhookEvent>, StoreError>;

    /// Writes down an attempt. An event that does not wait (any more) stays as it is.
    ///
    /// # Errors
    /// When there is no such event ([`StoreError::is_not_found`]), or the disk fails.
    fn webhook_attempted(
        &self,
        id: &EventId,
        attempt: &Attempt,
    ) -> Result<WebhookEvent, StoreError>;

    /// Makes an event wait again, due at once and for a day, whatever came of it before.
    ///
    /// # Errors
    /// When there is no such event ([`StoreError::is_not_found`]), or the disk fails.
    fn resend_webhook(&self, id: &EventId, at: Timestamp) -> Result<WebhookEvent, StoreError>;

    /// Forgets all events of a call, waiting ones too.
    ///
    /// # Errors
    /// When the disk fails.
    fn forget_webhooks(&self, call: &CallId) -> Result<(), StoreError>;
}
