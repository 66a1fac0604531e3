//! `/lines/{line}/…`: what carriers ask of a line. Passed on as it is, answered as the line says.
//!
//! Nothing is decided here: who may ask, and what it means, is the line's business.

use bytes::Bytes;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};
use protocol::error::{ApiError, ErrorCode};

use super::{
    App,
    answer::{self, Body, Outcome},
    live,
};
use crate::line::{Wire, WireRequest, WireResponse};

/// Answers a request to a line's path, `place` being what follows `/lines/`.
pub(super) async fn handle(
    app: &App,
    request: Request<Incoming>,
    place: &str,
    body: Bytes,
) -> Outcome {
    let (name, endpoint) = place.split_once('/').unwrap_or((place, ""));
    let mut lines = app.supervisor.lines().into_iter();
    let line = lines.find(|line| line.name() == name);
    let Some(endpoints) = line.and_then(|line| line.endpoints()) else {
        return Err(ApiError::new(
            ErrorCode::NotFound,
            "There is nothing at this path: no carrier talks to a line of this name here.",
        ));
    };
    let asked = translate(&request, endpoint, body);
    if live::is_handshake(&request) {
        return match endpoints.open(&asked) {
            Ok(session) => {
                live::upgrade_wire(app, request, |stream| session(Box::new(stream) as Wire))
            }
            Err(refusal) => Ok(respond(refusal)),
        };
    }
    Ok(respond(endpoints.answer(asked).await))
}

fn translate(request: &Request<Incoming>, endpoint: &str, body: Bytes) -> WireRequest {
    let target = request.uri().path_and_query();
    let headers = request.headers().iter();
    WireRequest {
        method: request.method().as_str().to_owned(),
        endpoint: endpoint.to_owned(),
        target: target.map_or_else(String::new, |target| target.as_str().to_owned()),
        headers: headers
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect(),
        body,
    }
}

fn respond(answer: WireResponse) -> Response<Body> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let Some(kind) = answer.content_type else {
        return answer::empty(status);
    };
    let mut response = answer::text(status, answer.body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
