//! How answers look on the wire: JSON bodies, errors in their one shape, and the headers that all of them carry.

use std::{convert::Infallible, io};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::{
    Response, StatusCode,
    header::{self, HeaderValue},
};
use protocol::error::ApiError;
use serde::Serialize;

use crate::store::Answer;

/// The body of every answer.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a handler gives: an answer, or the error that becomes one.
pub(super) type Outcome = Result<Response<Body>, ApiError>;

/// Returns an answer with `value` as its JSON body.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Outcome {
    let text = serde_json::to_string(value).map_err(|error| {
        tracing::error!(%error, "an answer could not be written as JSON");
        ApiError::internal()
    })?;
    Ok(raw(status, text))
}

/// Returns the answer to a request that was answered before.
pub(super) fn replayed(answer: Answer) -> Outcome {
    let status = StatusCode::from_u16(answer.status).map_err(|_| ApiError::internal())?;
    let mut response = raw(status, answer.body);
    response
        .headers_mut()
        .insert("idempotent-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

/// Returns the answer that an error is.
pub(super) fn error(error: &ApiError) -> Response<Body> {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = raw(status, error.body().to_string());
    if let Some(seconds) = error.retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Returns an answer with `text` as its body; the caller says of which type it is.
pub(super) fn text(status: StatusCode, text: String) -> Response<Body> {
    raw(status, text)
}

/// Returns an answer with `bytes` as its body; the caller says of which type it is.
pub(super) fn bytes(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::from(bytes).map_err(never).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// Returns an answer without a body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(no_body());
    *response.status_mut() = status;
    response
}

/// Returns a body of nothing.
pub(super) fn no_body() -> Body {
    Empty::new().map_err(never).boxed_unsync()
}

/// Adds what every answer carries, whatever made it.
pub(super) fn add_common_headers(response: &mut Response<Body>, encrypted: bool) {
    let common = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ];
    // Whoever came by https once does not come without it for a year.
    let strict = encrypted.then_some((header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    let headers = response.headers_mut();
    for (name, value) in common.into_iter().chain(strict) {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

fn raw(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Full::from(text).map_err(never).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

fn never(impossible: Infallible) -> io::Error {
    match impossible {}
}
