//! A client of the HTTP interface, with nothing that another program could not do too: it creates a call, reads
//! it, and follows its live socket, coming back with `?after=` when the connection is lost.

use std::time::Duration;

use futures_util::StreamExt;
use protocol::{
    control::{Event, Numbered},
    error::ApiError,
    rest::{Call, Created, One},
};
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};

mod remote;

pub(super) use self::remote::Remote;
use super::Failure;
use crate::driver::clock;

/// How often a lost live socket is opened again without an event in between.
const RECONNECTS: u32 = 8;
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// One server and one key.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    key: String,
}

/// An answer as it came and as it is understood.
pub(super) struct Answered<T> {
    pub(super) raw: Value,
    pub(super) value: T,
}

impl Client {
    /// Makes a client of the server at `url`, with or without the path `/api/v1`.
    pub(super) fn new(url: &str, key: String) -> Result<Self, Failure> {
        let root = url.trim_end_matches('/').trim_end_matches("/api/v1");
        let base = Url::parse(&format!("{root}/api/v1/"))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| {
                Failure(format!(
                    "'{url}' is no address of a server. Give one like http://127.0.0.1:8080."
                ))
            })?;
        let http = reqwest::Client::builder().timeout(ANSWER).build()?;
        Ok(Self { http, base, key })
    }

    /// Creates a call.
    pub(super) async fn create(&self, body: &Value) -> Result<Answered<Created>, Failure> {
        let request = self.http.post(self.url("calls")?).json(body);
        self.send(request).await
    }

    /// Reads a call.
    pub(super) async fn call(&self, id: &str) -> Result<Answered<One<Call>>, Failure> {
        let request = self.http.get(self.url(&format!("calls/{id}"))?);
        self.send(request).await
    }

    /// Fetches what an absolute address of the server points at, with the key.
    pub(super) async fn fetch(&self, url: &str) -> Result<Vec<u8>, Failure> {
        let request = self.http.get(url).header("x-api-key", &self.key);
        let response = request.send().await?.error_for_status()?;
        Ok(response.bytes().await?.to_vec())
    }

    /// Follows a call to its end and returns it as the last event shows it.
    pub(super) async fn follow(
        &self,
        id: &str,
        mut show: impl FnMut(&Numbered),
    ) -> Result<Call, Failure> {
        let (mut seen, mut failed) = (0, 0);
        loop {
            let before = seen;
            match self.follow_once(id, &mut seen, &mut show).await {
                Ok(Some(call)) => return Ok(call),
                Ok(None) => {}
                Err(Lost::ForGood(failure)) => return Err(failure),
                Err(Lost::ForNow(error)) if failed >= RECONNECTS => {
                    return Err(Failure(format!(
                        "The live socket of the call is lost: {error}. The call goes on; read it with GET \
                         {}calls/{id}.",
                        self.base
                    )));
                }
                Err(Lost::ForNow(_)) => {}
            }
            failed = if seen > before { 0 } else { failed + 1 };
            clock::sleep(Duration::from_millis(200) * failed).await;
        }
    }

    /// Follows a call until it ends or the connection does.
    async fn follow_once(
        &self,
        id: &str,
        seen: &mut u64,
        show: &mut impl FnMut(&Numbered),
    ) -> Result<Option<Call>, Lost> {
        let (mut socket, _) = connect_async(self.live(id, *seen)?).await.map_err(lost)?;
        while let Some(message) = socket.next().await {
            let Message::Text(text) = message.map_err(lost)? else {
                continue;
            };
            // A newer server may send what this client does not know.
            let Ok(event) = serde_json::from_str::<Numbered>(&text) else {
                continue;
            };
            *seen = event.seq.max(*seen);
            show(&event);
            if let Event::CallEnded { call } = event.event {
                return Ok(Some(*call));
            }
        }
        Ok(None)
    }

    fn live(&self, id: &str, after: u64) -> Result<tungstenite::handshake::client::Request, Lost> {
        let mut url = self
            .url(&format!("calls/{id}/live?after={after}"))
            .map_err(Lost::ForGood)?;
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        url.set_scheme(scheme)
            .map_err(|()| Lost::ForGood(Failure("no such scheme".into())))?;
        let mut request = url.as_str().into_client_request().map_err(lost)?;
        let key = HeaderValue::from_str(&self.key).map_err(|_| {
            Lost::ForGood(Failure("The key has characters that no key has.".into()))
        })?;
        request.headers_mut().insert("x-api-key", key);
        Ok(request)
    }

    fn url(&self, path: &str) -> Result<Url, Failure> {
        Ok(self.base.join(path)?)
    }

    /// Sends a request with the key and reads the answer, whatever its status.
    async fn answer(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(StatusCode, Value), Failure> {
        let response = request.header("x-api-key", &self.key).send().await.map_err(|error| {
            if error.is_connect() {
                Failure(format!(
                    "No server answers at {}. Start one with `agentphone serve`, or give its address with --url.",
                    self.base
                ))
            } else {
                error.into()
            }
        })?;
        let status = response.status();
        let raw = serde_json::from_slice(&response.bytes().await?).map_err(|_| {
            Failure(format!(
                "{} answered {status} without JSON. Is it agentphone?",
                self.base
            ))
        })?;
        Ok((status, raw))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Answered<T>, Failure> {
        let (status, raw) = self.answer(request).await?;
        if !status.is_success() {
            return Err(refused(status, &raw));
        }
        let value = serde_json::from_value(raw.clone()).map_err(|error| {
            Failure(format!(
                "{} answered something unexpected: {error}.",
                self.base
            ))
        })?;
        Ok(Answered { raw, value })
    }
}

/// Why following stopped before the end.
enum Lost {
    ForNow(String),
    ForGood(Failure),
}

fn lost(error: tungstenite::Error) -> Lost {
    match error {
        tungstenite::Error::Http(response) => {
            let raw = response
                .body()
                .as_deref()
                .and_then(|body| serde_json::from_slice(body).ok());
            Lost::ForGood(refused(response.status(), &raw.unwrap_or_default()))
        }
        error => Lost::ForNow(error.to_string()),
    }
}

/// Makes an error answer of the server a sentence.
fn refused(status: StatusCode, body: &Value) -> Failure {
    let said = body["error"].as_str().unwrap_or("no reason given");
    let mut sentence = format!("the server refused ({status}): {said}");
    if let Ok(ApiError {
        buy_credits_url: Some(url),
        ..
    }) = read_error(body)
    {
        sentence += &format!(" {url}");
    }
    Failure(sentence)
}

fn read_error(body: &Value) -> Result<ApiError, serde_json::Error> {
    let mut fields = body.clone();
    if let Some(fields) = fields.as_object_mut()
        && let Some(sentence) = fields.remove("error")
    {
        fields.insert("message".into(), sentence);
    }
    serde_json::from_value(fields)
}
