//! What an operator asks: whether the program is well, its numbers, and what its interface is.

use std::net::IpAddr;

use hyper::{HeaderMap, StatusCode, header, header::HeaderValue};
use protocol::error::{ApiError, ErrorCode};
use serde_json::json;

use super::{
    App,
    answer::{self, Outcome},
    blocking, request,
};
use crate::watch::{self, Load};

/// The description of the whole interface; a test compares it with the table of routes.
pub(super) const OPENAPI: &str = include_str!("../../docs/openapi.json");

/// Headers by which proxies say that they ask for somebody else.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// `GET /healthz`: the process answers.
pub(super) fn health() -> Outcome {
    answer::json(StatusCode::OK, &json!({ "status": "ok" }))
}

/// `GET /readyz`: new calls would be taken and kept.
pub(super) async fn ready(app: &App) -> Outcome {
    if app.supervisor.is_draining() {
        return Err(ApiError::unavailable("The server is shutting down.", 5));
    }
    let room = app.supervisor.room();
    if room.is_short() {
        return Err(ApiError::unavailable(room.sentence(), 30));
    }
    let store = app.supervisor.store().clone();
    let checked = tokio::task::spawn_blocking(move || store.check()).await;
    match checked {
        Ok(Ok(())) => answer::json(StatusCode::OK, &json!({ "status": "ready" })),
        Ok(Err(error)) => {
            tracing::error!(%error, "the store does not keep anything");
            let why = if error.is_full() {
                "The disk is full."
            } else {
                "See the log."
            };
            let sentence = format!("The records cannot be written. {why}");
            Err(ApiError::unavailable(sentence, 5))
        }
        Err(_) => Err(ApiError::internal()),
    }
}

/// `GET /openapi.json`
pub(super) fn openapi() -> Outcome {
    Ok(answer::text(StatusCode::OK, OPENAPI.to_owned()))
}

/// `GET /metrics`: for this machine, or with a key of the scope `admin`.
pub(super) async fn metrics(app: &App, peer: IpAddr, headers: &HeaderMap) -> Outcome {
    if !is_local(peer, headers) {
        let caller = request::authenticate(app, &hyper::Method::GET, headers).await?;
        caller.require(protocol::rest::Scope::Admin)?;
    }
    let (queued, running) = app.supervisor.load();
    let store = app.supervisor.store().clone();
    let load = Load {
        queued,
        running,
        connections: app.guests.count(),
        webhooks: blocking(move || store.count_waiting_webhooks()).await?,
        free_bytes: app.supervisor.room().free(),
    };
    let mut response = answer::text(StatusCode::OK, watch::render(&load));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    Ok(response)
}

/// Returns whether a request comes from this machine itself, and not from a proxy on it.
fn is_local(peer: IpAddr, headers: &HeaderMap) -> bool {
    peer.to_canonical().is_loopback() && !FORWARDED.iter().any(|name| headers.contains_key(*name))
}

/// Refuses an address for webhooks, given in `field`, that no webhook would ever be sent to.
///
/// # Errors
/// `invalid_field`.
pub(super) fn check_webhook(app: &App, field: &str, url: Option<&str>) -> Result<(), ApiError> {
    let Some(url) = url else { return Ok(()) };
    let expected = "a public web address like https://hooks.example/calls";
    let parsed = reqwest::Url::parse(url);
    let url = parsed.map_err(|_| ApiError::invalid_field(field, expected))?;
    app.settings().guard.check(&url).map_err(|forbidden| {
        ApiError::new(
            ErrorCode::InvalidField,
            format!("Invalid value for '{field}'. Expected {expected}: {forbidden}."),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_on_this_machine_is_not_this_machine() {
        let mut headers = HeaderMap::new();
        let local = |peer: &str, headers: &HeaderMap| is_local(peer.parse().unwrap(), headers);
        assert!(local("127.0.0.1", &headers) && local("::1", &headers));
        assert!(local("::ffff:127.0.0.1", &headers) && !local("192.0.2.1", &headers));
        headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
        assert!(!local("127.0.0.1", &headers));
    }
}
