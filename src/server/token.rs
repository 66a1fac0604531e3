//! Tokens by which a browser, which cannot set headers on a WebSocket, opens one: signed, short-lived, and worth
//! nothing anywhere else. They travel as the second subprotocol (`["agentphone", token]`), because addresses end up in
//! logs.
//!
//! Nothing is stored: a token says what it allows, and the key behind it is looked up when it is used. A socket that is
//! open lives as long as that key, not as the token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL},
};
use protocol::{
    error::ApiError,
    ids::{CallId, KeyMode},
    rest::{CreateToken, LiveToken, Scope, Scopes, Time},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    App,
    answer::{self, Outcome},
    blocking, calls, request,
};
use crate::{driver::clock, store::KeyId, supervisor::Caller};

/// The subprotocol that is agreed on.
const PROTOCOL: &str = "agentphone";
/// How every token begins.
const PREFIX: &str = "lt_";
/// What the signatures of tokens are for; see [`crate::store::Secret::sign`].
const PURPOSE: &str = "live-token";

/// What a token says.
#[derive(Serialize, Deserialize)]
struct Claims {
    key: KeyId,
    /// The only call whose socket it opens.
    call: Option<CallId>,
    scopes: Scopes,
    /// Seconds since 1970.
    expires: i64,
}

/// `POST /live/token`
pub(super) async fn create(app: &App, caller: &Caller, body: &[u8]) -> Outcome {
    let wish = CreateToken::parse(body)?;
    if let Some(call) = &wish.call_id {
        calls::find(app, caller, call.as_str()).await?;
    }
    let expires = clock::wall().as_second() + i64::from(wish.expires_in_seconds);
    let useful = Scopes::of([Scope::CallsRead, Scope::Control]);
    let claims = Claims {
        key: caller.key.clone(),
        call: wish.call_id,
        scopes: wish.scopes.unwrap_or(useful).and(&caller.scopes),
        expires,
    };
    let token = seal(app, &claims)?;
    let data = LiveToken {
        protocols: [PROTOCOL.to_owned(), token.clone()],
        token,
        expires_at: Time::from_unix_ms(expires * 1000),
    };
    let mut body = json!({ "data": data });
    if !wish.warnings.is_empty() {
        body["warnings"] = wish.warnings.into();
    }
    answer::json(StatusCode::CREATED, &body)
}

/// Finds out who opens a live socket: by the key, or by a token. `call` is the call whose socket it is, empty for the
/// socket of all.
///
/// # Errors
/// `unauthorized`, `rate_limit_exceeded`, `call_not_found` for a token of another call.
pub(super) async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    call: &str,
) -> Result<Caller, ApiError> {
    let Some(token) = offered(headers).find(|text| text.starts_with(PREFIX)) else {
        return request::authenticate(app, &Method::GET, headers).await;
    };
    let claims = open(app, token).ok_or_else(ApiError::unauthorized)?;
    if claims.call.is_some_and(|only| only.as_str() != call) {
        return Err(ApiError::call_not_found());
    }
    let store = app.supervisor.store().clone();
    let record = blocking(move || store.key(&claims.key))
        .await?
        .filter(|key| key.holds(clock::wall()))
        .ok_or_else(ApiError::unauthorized)?;
    request::count(app, &record.id)?;
    Ok(Caller {
        account: record.account,
        key: record.id,
        test: record.mode == KeyMode::Test,
        scopes: claims.scopes.and(&record.scopes),
    })
}

/// Returns the subprotocol to agree on with a client that offered a token.
pub(super) fn agreed(headers: &HeaderMap) -> Option<HeaderValue> {
    let token = offered(headers).find(|text| text.starts_with(PREFIX))?;
    // A client that offered nothing but its token gets that back: it must be one of those that it offered.
    let agreed = offered(headers).find(|text| *text == PROTOCOL);
    HeaderValue::from_str(agreed.unwrap_or(token)).ok()
}

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

fn seal(app: &App, claims: &Claims) -> Result<String, ApiError> {
    let text = serde_json::to_vec(claims).map_err(|_| ApiError::internal())?;
    let signature = app.secret.sign(PURPOSE, &text);
    Ok(format!(
        "{PREFIX}{}.{}",
        URL_SAFE_NO_PAD.encode(&text),
        URL_SAFE_NO_PAD.encode(signature)
    ))
}

fn open(app: &App, token: &str) -> Option<Claims> {
    let (text, signature) = token.strip_prefix(PREFIX)?.split_once('.')?;
    let text = URL_SAFE_NO_PAD.decode(text).ok()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    if !app.secret.verify(PURPOSE, &text, &signature) {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&text).ok()?;
    (clock::wall().as_second() <= claims.expires).then_some(claims)
}
