//! What is read from a request before anything is done about it: the body within its limits, the key, the query,
//! the idempotency key.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{HeaderMap, Method, Uri, body::Body};
use protocol::{
    error::{ApiError, ErrorCode},
    ids::{ApiKey, KeyMode},
};
use sha2::{Digest, Sha256};

use super::{App, session};
use crate::{
    driver::clock,
    store::{KeyHash, KeyId, KeyRecord},
    supervisor::{Caller, IdempotencyKey},
};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// How long the sender of a body that is too large may pause before it gets its answer.
const QUIET: Duration = Duration::from_millis(500);

/// How much of a body that is too large is read and thrown away, so that the client gets to read why. What is
/// larger still meets a closed connection.
const DISCARDED: usize = 16 << 20;

/// Longest idempotency key, in characters.
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// Reads a whole body of at most `limit` bytes. `waits` says whether the client holds it back until it is asked for it.
///
/// # Errors
/// `body_too_large`, `request_timeout`, or `invalid_body` when the connection breaks in the middle.
pub(super) async fn read_body<B>(body: B, limit: usize, waits: bool) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = body;
    let too_large = || {
        ApiError::new(
            ErrorCode::BodyTooLarge,
            format!("The request body is too large. At most {limit} bytes are accepted."),
        )
    };
    if body.size_hint().lower() > limit as u64 {
        // A client that waits to be asked for its body is not asked.
        if !waits {
            discard(&mut body).await;
        }
        return Err(too_large());
    }
    let collected = clock::timeout(BODY_TIMEOUT, Limited::new(&mut body, limit).collect()).await;
    match collected {
        None => Err(ApiError::new(
            ErrorCode::RequestTimeout,
            "The request body did not arrive in time. Send the request again.",
        )),
        Some(Ok(bytes)) => Ok(bytes.to_bytes()),
        Some(Err(error)) if error.is::<LengthLimitError>() => {
            discard(&mut body).await;
            Err(too_large())
        }
        Some(Err(_)) => Err(ApiError::new(
            ErrorCode::InvalidBody,
            "The request body broke off. Send the request again.",
        )),
    }
}

/// Throws away what still comes of a body, as long as it comes.
async fn discard<B>(body: &mut B)
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut rest = Limited::new(body, DISCARDED);
    let all = async { while let Some(Some(Ok(_))) = clock::timeout(QUIET, rest.frame()).await {} };
    let _ = clock::timeout(BODY_TIMEOUT, all).await;
}

/// Finds out who asks, by the key or by the session of a browser, and counts the request.
///
/// # Errors
/// `unauthorized`; `forbidden` when a browser's request was not made by a page of ours; `rate_limit_exceeded` when the
/// key asks far too often.
pub(super) async fn authenticate(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Caller, ApiError> {
    let hash = match given_key(headers) {
        Some(key) => ApiKey::parse(key).map(|key| app.secret.hash_key(key.expose())),
        None => session::of_request(app, method, headers)?.map(|session| session.key),
    };
    let hash = hash.ok_or_else(ApiError::unauthorized)?;
    let record = find_key(app, hash)
        .await?
        .ok_or_else(ApiError::unauthorized)?;
    count(app, &record.id)?;
    note_use(app, &record.id).await;
    Ok(Caller {
        account: record.account,
        key: record.id,
        test: record.mode == KeyMode::Test,
        scopes: record.scopes,
    })
}

/// Counts a request of a key.
///
/// # Errors
/// `rate_limit_exceeded` when it asks far too often.
pub(super) fn count(app: &App, key: &KeyId) -> Result<(), ApiError> {
    app.requests.take(key, clock::now()).map_err(|seconds| {
        ApiError::rate_limited(
            format!("Too many requests with this key. Try again in {seconds} s."),
            seconds,
        )
    })
}

/// Returns the key of a hash, if there is one and it holds now.
pub(super) async fn find_key(app: &App, hash: KeyHash) -> Result<Option<KeyRecord>, ApiError> {
    let store = app.supervisor.store().clone();
    let found = super::blocking(move || store.find_key(&hash)).await?;
    Ok(found.filter(|key| key.holds(clock::wall())))
}

/// Returns the key that a request gives: of `x-api-key`, or of `Authorization: Bearer`, which is all that some clients can set.
fn given_key(headers: &HeaderMap) -> Option<&str> {
    // What is no text is no key either.
    let text = |name: &str| Some(headers.get(name)?.to_str().unwrap_or_default());
    text("x-api-key").or_else(|| {
        let (scheme, key) = text("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    })
}

/// Keeps when a key was used, to the minute: a write for every request would be too dear.
async fn note_use(app: &App, key: &KeyId) {
    if app.uses.take(key, clock::now()).is_err() {
        return;
    }
    let (store, key) = (app.supervisor.store().clone(), key.clone());
    // A disk that fails is no reason to refuse a request that may only read.
    let _: Result<(), _> = super::blocking(move || store.use_key(&key, clock::wall())).await;
}

/// Reads the `Idempotency-Key` header, if there is one, for a request with this body. Two bodies are the same when
/// they are the same JSON, however it is spelled.
///
/// # Errors
/// `invalid_field` when it is empty, too long or no plain text.
pub(super) fn idempotency_key(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_IDEMPOTENCY_KEY).contains(&key.len()))
        .ok_or_else(|| {
            ApiError::invalid_field(
                "Idempotency-Key",
                &format!("1 to {MAX_IDEMPOTENCY_KEY} plain characters"),
            )
        })?;
    let body_hash = match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(value) => Sha256::digest(value.to_string()),
        Err(_) => Sha256::digest(body),
    };
    Ok(Some(IdempotencyKey {
        key: key.to_owned(),
        body_hash: body_hash.into(),
    }))
}

/// The parameters after the question mark. Of a parameter that is given twice, the last one counts.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns a parameter as `read` understands it; `expected` completes "Expected …" when it does not.
    pub(super) fn parse<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        self.get(name)
            .map(|value| read(value).ok_or_else(|| ApiError::invalid_field(name, expected)))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    #[test]
    fn idempotency_compares_json_not_spelling() {
        let mut headers = HeaderMap::new();
        assert!(idempotency_key(&headers, b"{}").unwrap().is_none());
        headers.insert("idempotency-key", "a-1".parse().unwrap());
        let hash = |body: &[u8]| idempotency_key(&headers, body).unwrap().unwrap().body_hash;
        assert_eq!(
            hash(br#"{"a":1,"b":[]}"#),
            hash(b"{ \"b\" : [ ],\n\"a\":1 }")
        );
        assert_ne!(hash(br#"{"a":1}"#), hash(br#"{"a":2}"#));
        assert_ne!(hash(b"not json"), hash(b"not json either"));
    }

    #[test]
    fn bad_idempotency_keys_are_refused() {
        for value in ["", "ü", &"k".repeat(256)] {
            let mut headers = HeaderMap::new();
            let header = hyper::header::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.insert("idempotency-key", header);
            let error = idempotency_key(&headers, b"").unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidField, "{value}");
        }
    }

    /// A body that sends `pieces` and then nothing more, for ever.
    fn stuck(pieces: usize) -> impl Body<Data = Bytes, Error = std::io::Error> + Unpin {
        let frame = || Ok(hyper::body::Frame::data(Bytes::from_static(&[b'x'; 1_000])));
        let sent = stream::iter((0..pieces).map(move |_| frame()));
        http_body_util::StreamBody::new(sent.chain(stream::pending()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let start = clock::now();
        let error = read_body(stuck(3), 10_000, false).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RequestTimeout);
        assert_eq!(clock::now() - start, BODY_TIMEOUT);
        let error = read_body(stuck(30), 10_000, false).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BodyTooLarge);
        assert_eq!(clock::now() - start, BODY_TIMEOUT + QUIET);
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_is_read() {
        let full = |size| http_body_util::Full::new(Bytes::from(vec![b'x'; size]));
        assert_eq!(read_body(full(100), 100, false).await.unwrap().len(), 100);
        let error = read_body(full(101), 100, false).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BodyTooLarge);
    }

    #[test]
    fn queries_are_decoded_and_the_last_value_counts() {
        let query = Query::of(
            &"/x?limit=1&limit=20&status=in%5Fprogress&flag"
                .parse()
                .unwrap(),
        );
        assert_eq!(query.get("limit"), Some("20"));
        assert_eq!(query.get("status"), Some("in_progress"));
        assert_eq!(query.get("flag"), Some(""));
        assert_eq!(query.get("other"), None);
    }
}
