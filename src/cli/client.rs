//! A client of the HTTP interface, with nothing that another program could not do too: it creates a call, reads
//! it, and follows its live socket, coming back with `?after=` when the connection is lost.

use std::{io::Write, time::Duration};

use clap::{Args, builder::NonEmptyStringValueParser};
use protocol::{
    ids::CallId,
    rest::{Call, Created, List, One},
};
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

mod live;
mod remote;

pub(super) use self::{live::News, remote::Remote};
use super::{Failure, exit::Exit};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long fetching a recording may take: a long one, over a slow network.
const RECORDING: Duration = Duration::from_secs(3600);

/// Which server, and with which key.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// Where the server is
    #[arg(
        long,
        value_name = "URL",
        env = "AGENTPHONE_URL",
        default_value = "http://127.0.0.1:8080",
        global = true,
        hide_env_values = true,
        display_order = 810
    )]
    pub(super) url: String,
    /// The API key
    #[arg(
        long,
        value_name = "KEY",
        env = "AGENTPHONE_KEY",
        hide_env_values = true,
        value_parser = NonEmptyStringValueParser::new(),
        global = true,
        display_order = 820
    )]
    key: Option<String>,
}

impl Target {
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let Some(key) = self.key.clone() else {
            return Err(Failure::usage(
                "An API key is needed: set AGENTPHONE_KEY, or give --key. `agentphone keys create` makes one."
                    .into(),
            ));
        };
        Client::new(&self.url, key)
    }
}

/// Checks an id before it becomes part of a path.
pub(super) fn call_id(text: &str) -> Result<CallId, String> {
    CallId::parse(text)
        .ok_or_else(|| "this is no id of a call; `agentphone calls` shows them: cl_…".to_owned())
}

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
                Failure::new(format!(
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

    /// Reads a page of calls; `query` has the parameters, encoded.
    pub(super) async fn calls(&self, query: &str) -> Result<Answered<List>, Failure> {
        let request = self.http.get(self.url(&format!("calls?{query}"))?);
        self.send(request).await
    }

    /// Ends a call.
    pub(super) async fn cancel(&self, id: &str, now: bool) -> Result<Answered<One<Call>>, Failure> {
        let mode = if now { "now" } else { "polite" };
        let path = format!("calls/{id}/cancel?mode={mode}");
        self.send(self.http.post(self.url(&path)?)).await
    }

    /// Answers the question that the agent asks its requester.
    pub(super) async fn answer_question(
        &self,
        id: &str,
        body: &Value,
    ) -> Result<Answered<Value>, Failure> {
        let path = format!("calls/{id}/answers");
        self.send(self.http.post(self.url(&path)?).json(body)).await
    }

    /// Writes the recording of a call into a file.
    pub(super) async fn recording(&self, id: &str, to: &mut std::fs::File) -> Result<(), Failure> {
        let request = self.http.get(self.url(&format!("calls/{id}/recording"))?);
        let request = request.header("x-api-key", &self.key).timeout(RECORDING);
        let mut response = request.send().await.map_err(|error| self.absent(error))?;
        if !response.status().is_success() {
            let status = response.status();
            let body = serde_json::from_slice(&response.bytes().await?);
            return Err(refused(status, &body.unwrap_or_default()));
        }
        while let Some(piece) = response.chunk().await? {
            to.write_all(&piece)?;
        }
        Ok(to.sync_all()?)
    }

    /// Fetches what an absolute address of the server points at, as anybody can who was given it.
    pub(super) async fn fetch(&self, url: &str) -> Result<Vec<u8>, Failure> {
        let response = self.http.get(url).send().await?.error_for_status()?;
        Ok(response.bytes().await?.to_vec())
    }

    fn url(&self, path: &str) -> Result<Url, Failure> {
        Ok(self.base.join(path)?)
    }

    fn absent(&self, error: reqwest::Error) -> Failure {
        if !error.is_connect() {
            return error.into();
        }
        Failure::new(format!(
            "No server answers at {}. Start one with `agentphone serve`, or give its address with --url.",
            self.base
        ))
    }

    /// Sends a request with the key and reads the answer, whatever its status; also returns whether it is the answer to an
    /// earlier request with the same idempotency key.
    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(StatusCode, Value, bool), Failure> {
        let request = request.header("x-api-key", &self.key);
        let response = request.send().await.map_err(|error| self.absent(error))?;
        let status = response.status();
        let replayed = response.headers().contains_key("idempotent-replayed");
        let raw = serde_json::from_slice(&response.bytes().await?).map_err(|_| {
            Failure::new(format!(
                "{} answered {status} without JSON. Is it agentphone?",
                self.base
            ))
        })?;
        Ok((status, raw, replayed))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Answered<T>, Failure> {
        let (status, raw, _) = self.exchange(request).await?;
        if !status.is_success() {
            return Err(refused(status, &raw));
        }
        let value = serde_json::from_value(raw.clone()).map_err(|error| {
            Failure::new(format!(
                "{} answered something unexpected: {error}.",
                self.base
            ))
        })?;
        Ok(Answered { raw, value })
    }
}

/// Makes an error answer of the server a failure.
fn refused(status: StatusCode, body: &Value) -> Failure {
    Failure::refused(&format!("the server refused ({status})"), body)
}

impl Failure {
    /// Makes an error of the interface a failure; `what` says whose.
    fn refused(what: &str, body: &Value) -> Self {
        let said = body["error"].as_str().unwrap_or("no reason given");
        let mut sentence = format!("{what}: {said}");
        if let Some(url) = body["buy_credits_url"].as_str() {
            sentence += &format!(" {url}");
        }
        let own = |body: &Value| {
            let mut body = body.clone();
            if let Some(fields) = body.as_object_mut() {
                // Of the answer to a command on a live socket.
                fields.remove("id");
                if fields.get("type") == Some(&"error".into()) {
                    fields.remove("type");
                }
            }
            body
        };
        Self {
            sentence,
            refusal: body["error"].is_string().then(|| own(body)),
            exit: Exit::Failed,
        }
    }
}
