//! One attempt to deliver one event: signed, guarded, limited in time, and written down.

use std::time::Duration;

use protocol::webhook::{self, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use reqwest::{Response, StatusCode, Url, header, redirect::Policy};

use super::{Courier, Route, Settings, backoff, backoff::Answer, secrets};
use crate::{
    driver::clock,
    net::guard::Forbidden,
    store::{Attempt, EventId, StoreError, WebhookEvent, WebhookSettings},
};

/// What we call ourselves.
const AGENT: &str = concat!("agentphone/", env!("CARGO_PKG_VERSION"));

/// Makes the client of all attempts. Redirects are not followed: a receiver says its own address.
pub(super) fn client(settings: &Settings) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .user_agent(AGENT)
        .timeout(settings.timeout);
    settings
        .guard
        .client(builder, 0)
        .redirect(Policy::none())
        .build()
}

/// Sends an event once and writes down what came of it.
pub(super) async fn make(courier: &Courier, id: &EventId) {
    let (store, key) = (courier.store.clone(), id.clone());
    let found = blocking(move || {
        let event = store.webhook(&key)?;
        let settings = match &event {
            Some(event) => store.webhook_settings(&event.account)?,
            None => WebhookSettings::default(),
        };
        Ok(event.map(|event| (event, settings)))
    })
    .await;
    let (event, settings) = match found {
        Ok(Some(found)) => found,
        // Forgotten in the meantime.
        Ok(None) => return,
        Err(error) => {
            tracing::error!(call = %id.call, %error, "an event of a call could not be read; it is tried again");
            return clock::sleep(super::PAUSE).await;
        }
    };
    let started = clock::now();
    let route = courier.current();
    let (answer, result) = send(courier, &route, &event, &settings).await;
    crate::watch::webhook_attempt(answer == Answer::Taken, clock::now() - started);
    let now = clock::wall();
    let pauses = &route.settings.pauses;
    let then = backoff::then(answer, event.attempts + 1, now, event.until, pauses);
    tracing::info!(
        call = %id.call, event = %id, what = %event.what, attempt = event.attempts + 1, result, next = ?then,
        "tried to deliver a webhook"
    );
    let attempt = Attempt {
        at: now,
        result,
        then,
    };
    let (store, key) = (courier.store.clone(), id.clone());
    let kept = blocking(move || store.webhook_attempted(&key, &attempt).map(|_| ())).await;
    if let Err(error) = kept
        && !error.is_not_found()
    {
        tracing::error!(call = %id.call, event = %id, %error, "an attempt could not be written down; the event will be sent again");
        // Not at once: the disk may be full for a while.
        clock::sleep(super::PAUSE).await;
    }
}

/// Sends an event; returns what was answered, and a sentence about it that names no address.
async fn send(
    courier: &Courier,
    route: &Route,
    event: &WebhookEvent,
    settings: &WebhookSettings,
) -> (Answer, String) {
    let Some(url) = event.to.as_ref().or(settings.url.as_ref()) else {
        let sentence = "The account has no webhook address any more.";
        return (Answer::Gone, sentence.to_owned());
    };
    let checked = Url::parse(url).map_err(|error| error.to_string());
    let url = checked.and_then(|url| match route.settings.guard.check(&url) {
        Ok(()) => Ok(url),
        Err(forbidden) => Err(forbidden.to_string()),
    });
    let url = match url {
        Ok(url) => url,
        Err(sentence) => return (Answer::Failed(None), sentence),
    };
    let body = body(courier, route, event).await;
    let id = event.id().to_string();
    let now = clock::wall();
    let signatures: Vec<_> = secrets(&courier.secret, &event.account, settings, now)
        .iter()
        .map(|secret| secret.sign(&id, now.as_second(), body.as_bytes()))
        .collect();
    let request = route
        .client
        .post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(ID_HEADER, id)
        .header(TIMESTAMP_HEADER, now.as_second())
        .header(SIGNATURE_HEADER, signatures.join(" "))
        .body(body);
    // Of the answer only its head is read; what follows is cut off.
    match request.send().await {
        Ok(response) => (judge(&response), response.status().to_string()),
        Err(error) => (Answer::Failed(None), explain(route, &error)),
    }
}

/// Returns the body: the call as it was when it happened, with a link to its recording that is good from now on.
async fn body(courier: &Courier, route: &Route, event: &WebhookEvent) -> String {
    let mut call = event.call.clone();
    let file = route
        .settings
        .recordings
        .join(format!("{}.wav", call.call_id));
    if call.status.is_final() && tokio::fs::try_exists(file).await.unwrap_or(false) {
        call.recording_url = Some(courier.links.recording(&call.call_id, clock::wall()));
    }
    let question = event.question.as_ref();
    webhook::body(event.what, event.at.into(), &call, question).to_string()
}

fn judge(response: &Response) -> Answer {
    match response.status() {
        status if status.is_success() => Answer::Taken,
        StatusCode::GONE => Answer::Gone,
        _ => Answer::Failed(
            response
                .headers()
                .get(header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.trim().parse().ok())
                .map(Duration::from_secs),
        ),
    }
}

fn explain(route: &Route, error: &reqwest::Error) -> String {
    if let Some(forbidden) = Forbidden::behind(error) {
        return forbidden.to_string();
    }
    if error.is_timeout() {
        return format!(
            "no answer within {} s",
            route.settings.timeout.as_secs_f32()
        );
    }
    // The innermost cause is the one that says something; the outer ones name the address.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_connect() {
        format!("could not connect: {cause}")
    } else {
        format!("the connection failed: {cause}")
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
