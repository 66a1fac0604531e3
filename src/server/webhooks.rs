//! `/webhooks`: where the account wants its webhooks, the secret that signs them, what was sent, and sending it again.

use hyper::{StatusCode, Uri};
use protocol::{
    error::{ApiError, ErrorCode},
    ids::CallId,
    rest::One,
};
use serde_json::{Value, json};

use super::{
    App,
    answer::{self, Outcome},
    blocking, operator,
    request::Query,
};
use crate::{
    driver::clock,
    store::{Delivery, EventId, ListWebhooks, WebhookEvent, WebhookSettings},
    supervisor::Caller,
    webhooks::secrets,
};

/// Events in a list when the request does not say.
const DEFAULT_LIMIT: usize = 50;
/// Most events in a list.
const MAX_LIMIT: usize = 200;

/// `GET /webhooks`
pub(super) async fn get(app: &App, caller: &Caller) -> Outcome {
    let (store, account) = (app.supervisor.store().clone(), caller.account.clone());
    let settings = blocking(move || store.webhook_settings(&account)).await?;
    shown(app, caller, settings)
}

/// `PUT /webhooks`
pub(super) async fn set(app: &App, caller: &Caller, body: &[u8]) -> Outcome {
    let url = read_url(body)?;
    operator::check_webhook(app, "url", url.as_deref())?;
    configure(app, caller, move |settings| settings.url.clone_from(&url)).await
}

/// `POST /webhooks/rotate`
pub(super) async fn rotate(app: &App, caller: &Caller) -> Outcome {
    let at = clock::wall();
    configure(app, caller, move |settings| {
        settings.secret += 1;
        settings.rotated_at = Some(at);
    })
    .await
}

/// `GET /webhooks/events`
pub(super) async fn list(app: &App, caller: &Caller, uri: &Uri) -> Outcome {
    let query = Query::of(uri);
    let limit = query.parse("limit", "a whole number from 1 to 200", |value| {
        let limit = value.parse().ok();
        limit.filter(|limit| (1..=MAX_LIMIT).contains(limit))
    })?;
    let states = "one of waiting, delivered, given_up";
    let filter = ListWebhooks {
        account: Some(caller.account.clone()),
        call: query.parse("call_id", "the id of a call", CallId::parse)?,
        delivery: query.parse("state", states, |word| {
            serde_json::from_value::<Delivery>(word.into()).ok()
        })?,
        limit: limit.unwrap_or(DEFAULT_LIMIT),
    };
    let store = app.supervisor.store().clone();
    let events = blocking(move || store.list_webhooks(&filter)).await?;
    let data: Vec<_> = events.iter().map(line).collect();
    answer::json(StatusCode::OK, &json!({ "data": data }))
}

/// `POST /webhooks/events/{id}/resend`
pub(super) async fn resend(app: &App, caller: &Caller, id: &str) -> Outcome {
    let missing = || {
        ApiError::new(
            ErrorCode::NotFound,
            "There is no such event in your account. GET /webhooks/events lists those of the last week.",
        )
    };
    let id = EventId::parse(id).ok_or_else(missing)?;
    let (store, account) = (app.supervisor.store().clone(), caller.account.clone());
    let event = blocking(move || {
        let known = store.webhook(&id)?.filter(|event| event.account == account);
        known
            .map(|_| store.resend_webhook(&id, clock::wall()))
            .transpose()
    })
    .await?
    .ok_or_else(missing)?;
    answer::json(StatusCode::ACCEPTED, &One { data: line(&event) })
}

async fn configure(
    app: &App,
    caller: &Caller,
    mut change: impl FnMut(&mut WebhookSettings) + Send + 'static,
) -> Outcome {
    let (store, account) = (app.supervisor.store().clone(), caller.account.clone());
    let settings = blocking(move || store.configure_webhooks(&account, &mut change)).await?;
    shown(app, caller, settings)
}

fn shown(app: &App, caller: &Caller, settings: WebhookSettings) -> Outcome {
    let secrets = secrets(&app.secret, &caller.account, &settings, clock::wall());
    let secret = secrets.first().map(|secret| secret.expose());
    let data = json!({ "url": settings.url, "secret": secret });
    answer::json(StatusCode::OK, &One { data })
}

fn line(event: &WebhookEvent) -> Value {
    let waits = event.delivery == Delivery::Waiting;
    json!({
        "event_id": event.id().to_string(),
        "call_id": event.call.call_id,
        "type": event.what,
        "at": protocol::rest::Time::from(event.at),
        "state": event.delivery,
        "attempts": event.attempts,
        "next_at": waits.then(|| protocol::rest::Time::from(event.next_at)),
        "last": event.last,
    })
}

/// Reads `{"url": …}`; `null` turns webhooks off.
fn read_url(body: &[u8]) -> Result<Option<String>, ApiError> {
    let expected = "a web address like https://hooks.example/calls, or null";
    let value: Value = serde_json::from_slice(body).map_err(|_| {
        ApiError::new(
            ErrorCode::InvalidJson,
            "Request body is not valid JSON. Send {\"url\": \"https://hooks.example/calls\"}.",
        )
    })?;
    let Value::Object(mut object) = value else {
        return Err(ApiError::new(
            ErrorCode::InvalidBody,
            "Request body must be a JSON object, like {\"url\": \"https://hooks.example/calls\"}",
        ));
    };
    match object.remove("url") {
        None => Err(ApiError::missing_field("url", expected)),
        Some(Value::Null) => Ok(None),
        Some(Value::String(url)) if url.len() <= 2_048 => Ok(Some(url)),
        Some(_) => Err(ApiError::invalid_field("url", expected)),
    }
}
