//! Webhooks for this machine's own user: where an account wants them, its secret, what was sent, and sending it again.

use jiff::Timestamp;
use protocol::{ids::CallId, webhook::Happening};
use serde::{Deserialize, Serialize};

use super::Tools;
use crate::{
    store::{Account, Delivery, EventId, ListWebhooks, StoreError, WebhookEvent, WebhookSettings},
    webhooks::secrets,
};

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about_webhooks", rename_all = "snake_case")]
pub enum Request {
    /// Says where an account wants its webhooks, and with which secret they are signed.
    Show {
        /// The account's name.
        account: String,
    },
    /// Sets where it wants them.
    Set {
        /// The account's name.
        account: String,
        /// The address; absent: nowhere.
        url: Option<String>,
    },
    /// Gives it another secret. The one before is good for a day longer.
    Rotate {
        /// The account's name.
        account: String,
    },
    /// Lists events.
    List {
        /// Only those of the account of this name.
        account: Option<String>,
        /// Only those of this call.
        call: Option<String>,
        /// Only those that have come so far.
        delivery: Option<Delivery>,
        /// At most so many.
        limit: usize,
    },
    /// Sends an event again.
    Resend {
        /// Which one.
        id: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of_webhooks", rename_all = "snake_case")]
pub enum Answer {
    /// Where an account wants its webhooks.
    Settings {
        /// Where; absent: nowhere, unless a call says so itself.
        url: Option<String>,
        /// With which secret they are signed: `whsec_…`.
        secret: String,
    },
    /// These are the events.
    Events {
        /// Newest calls first.
        events: Vec<EventLine>,
    },
    /// The event is sent again.
    Resent {
        /// Which one.
        id: String,
    },
}

/// An event in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLine {
    /// Its id.
    pub id: String,
    /// Which call.
    pub call: CallId,
    /// What happened.
    pub what: Happening,
    /// When it happened.
    pub at: Timestamp,
    /// How far it has come.
    pub delivery: Delivery,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, while it waits.
    pub next_at: Option<Timestamp>,
    /// What came of the last attempt.
    pub last: Option<String>,
}

impl From<WebhookEvent> for EventLine {
    fn from(event: WebhookEvent) -> Self {
        let waits = event.delivery == Delivery::Waiting;
        Self {
            id: event.id().to_string(),
            call: event.call.call_id,
            what: event.what,
            at: event.at,
            delivery: event.delivery,
            attempts: event.attempts,
            next_at: waits.then_some(event.next_at),
            last: event.last,
        }
    }
}

/// Does what was asked, at the time `at`.
pub(super) fn carry_out(
    tools: &Tools<'_>,
    request: Request,
    at: Timestamp,
) -> Result<Answer, StoreError> {
    let store = tools.store;
    match request {
        Request::Show { account } => {
            let account = named(tools, &account)?;
            let settings = store.webhook_settings(&account.id)?;
            Ok(shown(tools, &account, settings, at))
        }
        Request::Set { account, url } => {
            let account = named(tools, &account)?;
            let change = &mut |settings: &mut WebhookSettings| settings.url.clone_from(&url);
            let settings = store.configure_webhooks(&account.id, change)?;
            Ok(shown(tools, &account, settings, at))
        }
        Request::Rotate { account } => {
            let account = named(tools, &account)?;
            let settings = store.configure_webhooks(&account.id, &mut |settings| {
                settings.secret += 1;
                settings.rotated_at = Some(at);
            })?;
            Ok(shown(tools, &account, settings, at))
        }
        Request::List {
            account,
            call,
            delivery,
            limit,
        } => {
            let account = account.map(|name| named(tools, &name)).transpose()?;
            let call = call.map(|text| {
                CallId::parse(&text)
                    .ok_or_else(|| StoreError::not_found(format!("{text} is no id of a call.")))
            });
            let filter = ListWebhooks {
                account: account.map(|account| account.id),
                call: call.transpose()?,
                delivery,
                limit,
            };
            let events = store.list_webhooks(&filter)?;
            let events = events.into_iter().map(EventLine::from).collect();
            Ok(Answer::Events { events })
        }
        Request::Resend { id } => {
            let event = EventId::parse(&id).ok_or_else(|| {
                StoreError::not_found(format!(
                    "{id} is no id of an event. `agentphone webhooks list` shows them: msg_…"
                ))
            })?;
            store.resend_webhook(&event, at)?;
            Ok(Answer::Resent { id })
        }
    }
}

fn named(tools: &Tools<'_>, name: &str) -> Result<Account, StoreError> {
    tools.store.account_named(name)?.ok_or_else(|| {
        StoreError::not_found(format!(
            "There is no account named '{name}'. `agentphone keys list` shows the names."
        ))
    })
}

fn shown(tools: &Tools<'_>, account: &Account, settings: WebhookSettings, at: Timestamp) -> Answer {
    let secrets = secrets(tools.secret, &account.id, &settings, at);
    Answer::Settings {
        url: settings.url,
        secret: secrets.first().map_or_else(String::new, |s| s.expose()),
    }
}
