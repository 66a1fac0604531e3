//! Being signed in with a browser: a cookie that scripts cannot read, which stands for a key without holding it.
//!
//! The cookie holds the keyed hash of an API key, when it ends, and a signature, so every request asks the store
//! whether the key still works: revoking a key ends its sessions. Whoever changes something must also send a token
//! that only a page of this server can have read. What a key may do is decided elsewhere.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{self, HeaderValue},
};
use protocol::{
    error::{ApiError, ErrorCode},
    ids::{ApiKey, KeyMode},
    rest::{One, Scope, Time},
};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{
    App,
    answer::{self, Body, Outcome},
    blocking, request,
};
use crate::{
    driver::clock,
    store::{KeyHash, KeyRecord, Secret, random_bytes},
};

/// How long a session lasts, in seconds: a working day.
const LIFETIME: i64 = 12 * 60 * 60;
/// The cookie's name.
const COOKIE: &str = "agentphone_session";
/// What signatures of sessions, and their tokens, are for.
const SESSION: &str = "session";
const CSRF: &str = "session-csrf";
/// The header that carries the token of a session.
const CSRF_HEADER: &str = "x-csrf-token";

/// Bytes of a session's number, and of all that is signed: the number, its end, the hash of the key.
const NONCE: usize = 16;
const SIGNED: usize = NONCE + 8 + 32;

/// A session that is genuine and has not ended.
#[derive(Debug)]
pub(super) struct Session {
    nonce: [u8; NONCE],
    /// Unix seconds.
    expires: i64,
    pub(super) key: KeyHash,
}

/// Sessions that were left before their time, until they would have ended anyway.
#[derive(Debug, Default)]
pub(super) struct Left(Mutex<HashMap<[u8; NONCE], i64>>);

impl Left {
    fn add(&self, session: &Session, now: i64) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.retain(|_, expires| *expires > now);
        left.insert(session.nonce, session.expires);
    }

    fn contains(&self, session: &Session) -> bool {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.contains_key(&session.nonce)
    }
}

impl Session {
    fn begin(key: KeyHash, now: i64) -> Self {
        let random: [u8; 20] = random_bytes();
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&random[..NONCE]);
        let expires = now + LIFETIME;
        Self {
            nonce,
            expires,
            key,
        }
    }

    fn bytes(&self) -> [u8; SIGNED] {
        let mut bytes = [0; SIGNED];
        bytes[..NONCE].copy_from_slice(&self.nonce);
        bytes[NONCE..NONCE + 8].copy_from_slice(&self.expires.to_be_bytes());
        bytes[NONCE + 8..].copy_from_slice(&self.key.0);
        bytes
    }

    fn write(&self, secret: &Secret) -> String {
        let bytes = self.bytes();
        let signature = secret.sign(SESSION, &bytes);
        format!("{}.{}", BASE64.encode(bytes), BASE64.encode(signature))
    }

    fn read(text: &str, secret: &Secret, now: i64) -> Option<Self> {
        let (bytes, signature) = text.split_once('.')?;
        let bytes: [u8; SIGNED] = BASE64.decode(bytes).ok()?.try_into().ok()?;
        let signature = BASE64.decode(signature).ok()?;
        if !secret.verify(SESSION, &bytes, &signature) {
            return None;
        }
        let (nonce, rest) = bytes.split_first_chunk::<NONCE>()?;
        let (expires, key) = rest.split_first_chunk::<8>()?;
        let session = Self {
            nonce: *nonce,
            expires: i64::from_be_bytes(*expires),
            key: KeyHash(key.try_into().ok()?),
        };
        (now < session.expires).then_some(session)
    }

    fn csrf(&self, secret: &Secret) -> String {
        BASE64.encode(secret.sign(CSRF, &self.nonce))
    }
}

/// Returns the session of a request that may stand for a key: of one that changes something, only with its token,
/// and of the handshake of a socket never, because any page of the web can begin one.
///
/// # Errors
/// `forbidden` when the token is missing or wrong.
pub(super) fn of_request(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Option<Session>, ApiError> {
    if headers.contains_key(header::UPGRADE) {
        return Ok(None);
    }
    let Some(session) = of_cookie(app, headers) else {
        return Ok(None);
    };
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(Some(session));
    }
    let sent = headers
        .get(CSRF_HEADER)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let genuine = sent.ct_eq(session.csrf(&app.secret).as_bytes());
    if bool::from(genuine) && !is_foreign(headers) {
        return Ok(Some(session));
    }
    Err(ApiError::new(
        ErrorCode::Forbidden,
        "The request did not come from a page of this server. Reload the page and try again.",
    ))
}

fn of_cookie(app: &App, headers: &HeaderMap) -> Option<Session> {
    let now = clock::wall().as_second();
    let mut cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='));
    let (_, text) = cookies.find(|(name, _)| *name == COOKIE)?;
    Session::read(text, &app.secret, now).filter(|session| !app.left.contains(session))
}

/// Returns whether a browser says that another site's page sent this.
fn is_foreign(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

/// What a page may know about who is signed in.
#[derive(Debug, Serialize)]
struct Seen {
    account_id: String,
    account_name: String,
    credits_remaining: u64,
    admin: bool,
    test: bool,
    csrf: String,
    expires_at: Time,
}

/// The body of `POST /session`: one of the two.
#[derive(Debug, Deserialize)]
struct SignIn {
    key: Option<String>,
    link: Option<String>,
}

/// `GET /session`: who is signed in; `null` when nobody is.
pub(super) async fn get(app: &App, headers: &HeaderMap) -> Outcome {
    let nobody = || answer::json(StatusCode::OK, &One { data: () });
    let Some(session) = of_cookie(app, headers) else {
        return nobody();
    };
    match request::find_key(app, session.key).await? {
        Some(record) => answer::json(StatusCode::OK, &seen(app, &session, &record).await?),
        None => nobody(),
    }
}

/// `POST /session`: signs in with a key or a one-time link.
pub(super) async fn create(app: &App, headers: &HeaderMap, body: &[u8]) -> Outcome {
    if is_foreign(headers) {
        return Err(ApiError::new(
            ErrorCode::Forbidden,
            "Signing in is possible from a page of this server only.",
        ));
    }
    let asked: SignIn = serde_json::from_slice(body).map_err(|_| {
        ApiError::new(
            ErrorCode::InvalidBody,
            "Expected {\"key\": \"ak_live_…\"} or {\"link\": \"…\"}.",
        )
    })?;
    let refused = |sentence: &str| ApiError::new(ErrorCode::Unauthorized, sentence);
    let hash = match asked {
        SignIn { key: Some(key), .. } => ApiKey::parse(key.trim())
            .map(|key| app.secret.hash_key(key.expose()))
            .ok_or_else(|| {
                refused("This is no API key. A key begins with ak_live_ or ak_test_ and 32 characters follow.")
            })?,
        SignIn { link: Some(link), .. } => app.one_time.redeem(app, &link).await?.ok_or_else(|| {
            refused("This link was used before, or is too old. Start agentphone again for a new one, or use a key.")
        })?,
        _ => return Err(ApiError::missing_field("key", "an API key")),
    };
    let record = request::find_key(app, hash)
        .await?
        .ok_or_else(|| refused("This key is unknown, was revoked or has expired."))?;
    let session = Session::begin(hash, clock::wall().as_second());
    let mut response = answer::json(StatusCode::OK, &seen(app, &session, &record).await?)?;
    set_cookie(app, &mut response, &session.write(&app.secret), LIFETIME);
    Ok(response)
}

/// `DELETE /session`: signs out.
pub(super) fn delete(app: &App, headers: &HeaderMap) -> Outcome {
    if let Some(session) = of_request(app, &Method::DELETE, headers)? {
        app.left.add(&session, clock::wall().as_second());
    }
    let mut response = answer::empty(StatusCode::NO_CONTENT);
    set_cookie(app, &mut response, "", 0);
    Ok(response)
}

async fn seen(app: &App, session: &Session, record: &KeyRecord) -> Result<One<Seen>, ApiError> {
    let store = app.supervisor.store().clone();
    let id = record.account.clone();
    let (account, balance) =
        blocking(move || Ok((store.account(&id)?, store.balance(&id)?))).await?;
    let account = account.ok_or_else(ApiError::unauthorized)?;
    let data = Seen {
        account_id: account.id.as_str().to_owned(),
        account_name: account.name,
        credits_remaining: u64::try_from(balance).unwrap_or(0),
        admin: record.scopes.allow(Scope::Admin),
        test: record.mode == KeyMode::Test,
        csrf: session.csrf(&app.secret),
        expires_at: Time::from_unix_ms(session.expires * 1000),
    };
    Ok(One { data })
}

fn set_cookie(app: &App, response: &mut Response<Body>, value: &str, seconds: i64) {
    let secure = if app.settings().public_url.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    let cookie =
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> (tempfile::TempDir, Secret) {
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret::open(&folder.path().join("secret")).unwrap();
        (folder, secret)
    }

    #[test]
    fn a_session_is_read_back_until_it_ends() {
        let (_folder, secret) = secret();
        let session = Session::begin(KeyHash([7; 32]), 1_000);
        let text = session.write(&secret);
        let read = Session::read(&text, &secret, 1_000 + LIFETIME - 1).unwrap();
        assert_eq!(read.key, KeyHash([7; 32]));
        assert_eq!(read.csrf(&secret), session.csrf(&secret));
        assert!(Session::read(&text, &secret, 1_000 + LIFETIME).is_none());
    }

    #[test]
    fn a_session_that_was_changed_or_is_another_installations_is_none() {
        let (_folder, secret) = secret();
        let text = Session::begin(KeyHash([7; 32]), 1_000).write(&secret);
        for place in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            let read = Session::read(&forged, &secret, 1_000);
            // The last characters of base 64 hold bits that mean nothing.
            if let Some(read) = read {
                panic!("{place}: {read:?}");
            }
        }
        let (_other_folder, other) = self::secret();
        assert!(Session::read(&text, &other, 1_000).is_none());
        for nonsense in ["", ".", "a.b", "é.é"] {
            assert!(Session::read(nonsense, &secret, 1_000).is_none());
        }
    }
}
