//! Credits over HTTP: the ledger, where to buy, and what a payment service tells about it.

use hyper::{HeaderMap, StatusCode, Uri};
use protocol::{
    error::{ApiError, ErrorCode},
    rest::{LedgerLine, LedgerPage, One, Purchasable},
};

use super::{
    App,
    answer::{self, Outcome},
    blocking,
    request::Query,
};
use crate::{
    driver::clock,
    store::{Entry, LedgerEntry},
    supervisor::Caller,
};

/// Entries in a page when the request does not say.
const DEFAULT_LIMIT: usize = 50;
/// Most entries in a page.
const MAX_LIMIT: usize = 200;

/// `GET /account/ledger`: newest first.
pub(super) async fn ledger(app: &App, caller: &Caller, uri: &Uri) -> Outcome {
    let query = Query::of(uri);
    let limit = query.parse("limit", "a whole number from 1 to 200", |value| {
        value
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
    })?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    let cursor = "the next_cursor of an earlier answer";
    let before: Option<u64> = query.parse("cursor", cursor, |value| value.parse().ok())?;
    let store = app.supervisor.store().clone();
    let account = caller.account.clone();
    // One more than asked for, to know whether there are more.
    let mut entries = blocking(move || store.ledger_page(&account, before, limit + 1)).await?;
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let next_cursor = entries.last().filter(|_| has_more);
    let page = LedgerPage {
        next_cursor: next_cursor.map(|entry| entry.seq.to_string()),
        has_more,
        data: entries.into_iter().map(line).collect(),
    };
    answer::json(StatusCode::OK, &page)
}

/// Returns an entry as clients see it.
pub(super) fn line(entry: LedgerEntry) -> LedgerLine {
    let (kind, call_id, reference) = match entry.entry {
        Entry::Welcome => ("welcome", None, None),
        Entry::Reserve { call } => ("reserve", Some(call), None),
        Entry::Settle { call } => ("settle", Some(call), None),
        Entry::GiveBack { call } => ("give_back", Some(call), None),
        Entry::Purchase { session } => ("purchase", None, Some(session)),
        Entry::Refund { session, .. } => ("refund", None, Some(session)),
        Entry::Grant { note, .. } => ("grant", None, Some(note)),
    };
    LedgerLine {
        seq: entry.seq,
        at: entry.at.into(),
        kind: kind.to_owned(),
        call_id,
        reference,
        amount: entry.amount,
        balance: entry.balance,
    }
}

/// `POST /billing/checkout`: a page where the account can buy credits now.
pub(super) async fn checkout(app: &App, caller: &Caller) -> Outcome {
    let page = app.settings().billing.checkout(&caller.account).await?;
    let data = Purchasable {
        url: page.url,
        credits: page.credits,
        expires_at: page.expires_at.map(Into::into),
    };
    answer::json(StatusCode::OK, &One { data })
}

/// What the payment service tells. Whoever it is needs no key, but a genuine signature.
pub(super) async fn event(app: &App, headers: &HeaderMap, body: &[u8]) -> Outcome {
    let billing = &app.settings().billing;
    let service = billing.service().ok_or_else(|| {
        ApiError::new(
            ErrorCode::NotFound,
            "No payment service is configured on this server.",
        )
    })?;
    let signature = headers.get(service.signature_header());
    let signature = signature.and_then(|value| value.to_str().ok());
    let now = clock::wall().as_second();
    let news = service.read_event(signature.unwrap_or_default(), body, now)?;
    billing.learn(news).await.map_err(|error| {
        tracing::error!(%error, "a payment could not be kept; the service will tell it again");
        ApiError::internal()
    })?;
    answer::json(StatusCode::OK, &serde_json::json!({ "received": true }))
}
