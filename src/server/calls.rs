//! `/calls`: creating, reading, listing and canceling calls.

use std::time::Duration;

use hyper::{HeaderMap, StatusCode, Uri, header};
use protocol::{
    error::{ApiError, ErrorCode},
    ids::CallId,
    rest::{Call, CreateCall, List, Offer, One, Parsed, Status},
};

use super::{
    App,
    answer::{self, Outcome},
    blocking, operator, recording,
    request::{self, Query},
};
use crate::{
    driver::clock,
    store::{Answer, ListCalls, Recall, StoredCall},
    supervisor::{Caller, CreateAnswer, IdempotencyKey},
};

/// Calls in a list when the request does not say.
const DEFAULT_LIMIT: usize = 50;
/// The line that is played by a scenario.
const SIMULATED: &str = "simulated";

/// Most calls in a list.
const MAX_LIMIT: usize = 200;

/// How long the answer to a cancellation waits for its effect.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// `POST /calls`
pub(super) async fn create(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    body: &[u8],
) -> Outcome {
    let wish = request::idempotency_key(headers, body)?;
    // What a test key was answered is no answer to a live one, nor the other way round.
    let apart = |wish: IdempotencyKey| IdempotencyKey {
        key: format!("test\n{}", wish.key),
        ..wish
    };
    let wish = if caller.test { wish.map(apart) } else { wish };
    let Some(wish) = wish else {
        return created(create_once(app, caller, body, None).await?);
    };
    // Of requests that come at the same instant the first is carried out, and the others are told what came of it.
    let turn = (caller.account.clone(), wish.key.clone());
    let _mine = app.once.take(turn).await;
    match recall(app, caller, &wish).await? {
        Recall::Replayed(answer) => return answer::replayed(answer),
        Recall::Conflict => return Err(ApiError::idempotency_conflict()),
        Recall::Unknown => {}
    }
    match create_once(app, caller, body, Some(wish.clone())).await {
        Ok(answer) => created(answer),
        Err(error) if is_kept(&error) => match remember(app, caller, &wish, &error).await? {
            // Another request with the same key was answered in the meantime; that answer stands.
            Recall::Replayed(answer) => answer::replayed(answer),
            Recall::Conflict => Err(ApiError::idempotency_conflict()),
            Recall::Unknown => Err(error),
        },
        Err(error) => Err(error),
    }
}

async fn create_once(
    app: &App,
    caller: &Caller,
    body: &[u8],
    wish: Option<IdempotencyKey>,
) -> Result<CreateAnswer, ApiError> {
    let parsed = if caller.test {
        parse_for_test(body, &app.settings().offer)?
    } else {
        CreateCall::parse(body, &app.settings().offer)?
    };
    operator::check_webhook(app, "webhook_url", parsed.call.webhook_url.as_deref())?;
    app.creations
        .take(&caller.key, clock::now())
        .map_err(|seconds| {
            let allowed = app.settings().creations_per_minute;
            ApiError::rate_limited(
                format!(
                    "Rate limited: at most {allowed} calls per minute. Try again in {seconds} s."
                ),
                seconds,
            )
        })?;
    let created = app
        .supervisor
        .create(caller, parsed.call, parsed.warnings, wish)
        .await;
    match created {
        Err(error) if error.code == ErrorCode::InsufficientCredits => {
            let link = app.settings().billing.link(&caller.account).await;
            Err(ApiError::insufficient_credits(link))
        }
        created => created,
    }
}

/// Reads a request made with a test key: whatever line it names, the callee is simulated.
fn parse_for_test(body: &[u8], offer: &Offer) -> Result<Parsed, ApiError> {
    let mut offer = offer.clone();
    offer.lines.sort_by_key(|line| line != SIMULATED);
    let mut parsed = CreateCall::parse(body, &offer)?;
    if parsed.call.line != SIMULATED {
        let named = std::mem::replace(&mut parsed.call.line, SIMULATED.to_owned());
        parsed.warnings.push(format!(
            "'line' is \"{named}\", but calls of a test key use the simulated line."
        ));
        parsed.call.from_phone_number = None;
    }
    Ok(parsed)
}

fn created(answer: CreateAnswer) -> Outcome {
    match answer {
        CreateAnswer::Created(created) => {
            let mut response = answer::json(StatusCode::ACCEPTED, &created)?;
            let location = format!("/api/v1/calls/{}", created.data.call_id);
            if let Ok(value) = location.parse() {
                response.headers_mut().insert(header::LOCATION, value);
            }
            Ok(response)
        }
        CreateAnswer::Replayed(answer) => answer::replayed(answer),
    }
}

/// Returns whether a refusal is the answer for good. What may pass (limits, faults of ours) is tried anew.
fn is_kept(error: &ApiError) -> bool {
    error.status() < 500
        && !matches!(
            error.code,
            ErrorCode::RateLimitExceeded | ErrorCode::IdempotencyConflict | ErrorCode::OutsideHours
        )
}

async fn recall(app: &App, caller: &Caller, wish: &IdempotencyKey) -> Result<Recall, ApiError> {
    let store = app.supervisor.store().clone();
    let (account, wish) = (caller.account.clone(), wish.clone());
    blocking(move || store.recall(&account, &wish.key, wish.body_hash, clock::wall())).await
}

async fn remember(
    app: &App,
    caller: &Caller,
    wish: &IdempotencyKey,
    error: &ApiError,
) -> Result<Recall, ApiError> {
    let answer = Answer {
        status: error.status(),
        body: error.body().to_string(),
    };
    let store = app.supervisor.store().clone();
    let (account, wish) = (caller.account.clone(), wish.clone());
    blocking(move || store.remember(&account, &wish.key, wish.body_hash, &answer, clock::wall()))
        .await
}

/// `GET /calls/{id}`
pub(super) async fn get(app: &App, caller: &Caller, id: &str) -> Outcome {
    let stored = find(app, caller, id).await?;
    one(app, stored.call).await
}

/// `POST /calls/{id}/cancel` and `DELETE /calls/{id}`
pub(super) async fn cancel(app: &App, caller: &Caller, uri: &Uri, id: &str) -> Outcome {
    let id = CallId::parse(id).ok_or_else(ApiError::call_not_found)?;
    let now = Query::of(uri).parse(
        "mode",
        "now, or no value for a polite end",
        |mode| match mode {
            "now" => Some(true),
            "" | "polite" => Some(false),
            _ => None,
        },
    )?;
    let now = now.unwrap_or(false);
    let call = app.supervisor.cancel(&caller.account, &id, now).await?;
    if call.status.is_final() || (call.status == Status::InProgress && !now) {
        return one(app, call).await;
    }
    // Nobody has to say goodbye, so the answer can wait for the end.
    let _ = clock::timeout(CANCEL_TIMEOUT, ended(app, &id)).await;
    one(app, find(app, caller, id.as_str()).await?.call).await
}

/// Waits until a call has ended.
async fn ended(app: &App, id: &CallId) {
    let Some(feed) = app.supervisor.feed(id) else {
        return;
    };
    let mut changed = feed.subscribe();
    while !feed.read(feed.last(), 1).ended && changed.changed().await.is_ok() {}
}

/// `GET /calls`
pub(super) async fn list(app: &App, caller: &Caller, uri: &Uri) -> Outcome {
    let query = Query::of(uri);
    let limit = query.parse("limit", "a whole number from 1 to 200", |value| {
        value
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
    })?;
    let statuses = "one of queued, dialing, in_progress, completed, canceled, failed";
    let status: Option<Status> = query.parse("status", statuses, |value| value.parse().ok())?;
    let cursor = "the next_cursor of an earlier answer";
    let before = query.parse("cursor", cursor, CallId::from_cursor)?;
    let store = app.supervisor.store().clone();
    let account = caller.account.clone();
    let page = blocking(move || {
        let filter = ListCalls {
            status,
            before: before.as_ref(),
            limit: limit.unwrap_or(DEFAULT_LIMIT),
        };
        store.list_calls(&account, &filter)
    })
    .await?;
    let last = page.calls.last().filter(|_| page.has_more);
    let next_cursor = last.map(|stored| stored.call.call_id.to_cursor());
    let mut data = Vec::with_capacity(page.calls.len());
    for stored in page.calls {
        data.push(recording::with_url(app, stored.call).await);
    }
    let list = List {
        data,
        has_more: page.has_more,
        next_cursor,
    };
    answer::json(StatusCode::OK, &list)
}

/// Returns the call named in a path, if it belongs to the caller.
pub(super) async fn find(app: &App, caller: &Caller, id: &str) -> Result<StoredCall, ApiError> {
    let id = CallId::parse(id).ok_or_else(ApiError::call_not_found)?;
    let store = app.supervisor.store().clone();
    let account = caller.account.clone();
    blocking(move || store.get_call(&account, &id))
        .await?
        .ok_or_else(ApiError::call_not_found)
}

async fn one(app: &App, call: Call) -> Outcome {
    let data = recording::with_url(app, call).await;
    answer::json(StatusCode::OK, &One { data })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_of_a_test_key_are_simulated_whatever_line_they_name() {
        let offer = Offer {
            lines: vec!["carrier".into(), SIMULATED.into()],
            from_numbers: vec![("carrier".into(), "+14155550100".into())],
            ..Offer::default()
        };
        let parse = |more: serde_json::Value| {
            let mut body = json!({"to_phone_number": "+14155551234", "objective": "Book a table"});
            for (name, value) in more.as_object().expect("an object") {
                body[name] = value.clone();
            }
            parse_for_test(body.to_string().as_bytes(), &offer).expect("a good request")
        };
        let plain = parse(json!({"scenario": "books"}));
        assert_eq!(plain.call.line, SIMULATED);
        assert!(plain.warnings.is_empty(), "{:?}", plain.warnings);
        let named = parse(json!({"line": "carrier", "from_phone_number": "+14155550100"}));
        assert_eq!(named.call.line, SIMULATED);
        assert_eq!(named.call.from_phone_number, None);
        assert!(named.warnings[0].contains("carrier"));
    }
}
