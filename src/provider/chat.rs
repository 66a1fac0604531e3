//! What language models behind HTTP have in common: the client, the limits, and what a refusal or a break means.
//!
//! Decides which failures are worth another try and words each as a sentence that says what to change. The vendors'
//! own formats are in their files.

use std::{fmt, time::Duration};

use eventsource_stream::EventStreamError;
use reqwest::{Response, StatusCode, header};
use serde_json::Value;

use super::{ProviderError, ProviderErrorKind};
use crate::driver::clock;

/// A pause that a busy service asks for is waited out within a reply up to this long, once.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Longest part of a service's error message that is passed on, in characters.
const MESSAGE_MAX: usize = 200;

/// How to reach a service.
#[derive(Clone)]
pub struct Options {
    /// The base of its addresses; the vendor's own when empty.
    pub base_url: String,
    /// The key; empty: none is sent.
    pub api_key: String,
    /// The model's name in the service.
    pub model: String,
    /// How long the first event of a reply may take. Defaults to 10 s.
    pub first_event: Duration,
    /// How long the service may be silent within a reply. Defaults to 10 s.
    pub between_events: Duration,
    /// How long a whole answer outside the conversation may take. Defaults to 30 s.
    pub whole_answer: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            api_key: String::new(),
            model: String::new(),
            first_event: Duration::from_secs(10),
            between_events: Duration::from_secs(10),
            whole_answer: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// What distinguishes a vendor here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vendor {
    /// The table of its settings.
    pub(super) setting: &'static str,
    /// Its own address.
    pub(super) base_url: &'static str,
    /// What follows the base.
    pub(super) path: &'static str,
    /// What it speaks.
    pub(super) speaks: &'static str,
}

/// One model of one service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) options: Options,
    pub(super) url: String,
    vendor: Vendor,
    client: reqwest::Client,
}

/// Why a reply did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// Silence beyond the limit.
    TooSlow,
    /// The connection ended before the reply did.
    BrokenOff,
    /// The model or its filter does not want to answer.
    Refused,
    /// What came is not what the service should send.
    Protocol(String),
    /// The service itself reported an error within the stream.
    Reported {
        /// Whether it has too much to do.
        busy: bool,
        /// What it said.
        message: String,
    },
}

impl<E> From<EventStreamError<E>> for Problem {
    fn from(error: EventStreamError<E>) -> Self {
        match error {
            EventStreamError::Transport(_) => Self::BrokenOff,
            _ => Self::Protocol("sent a stream that cannot be read".to_owned()),
        }
    }
}

impl Service {
    /// Makes a client; `headers` are sent with every request. Connects to nothing yet.
    pub(super) fn new(
        options: Options,
        vendor: Vendor,
        headers: header::HeaderMap,
    ) -> Result<Self, ProviderError> {
        let unsupported =
            |message: String| ProviderError::new(ProviderErrorKind::Unsupported, message);
        let setting = vendor.setting;
        let base = match options.base_url.trim_end_matches('/') {
            "" => vendor.base_url,
            base => base,
        };
        let url = reqwest::Url::parse(&format!("{base}{}", vendor.path))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| {
                unsupported(format!(
                    "`{base}` is no address of a language model; set {setting}.base_url to one like {}.",
                    vendor.base_url
                ))
            })?;
        if options.model.trim().is_empty() {
            return Err(unsupported(format!(
                "No language model is named; set {setting}.model."
            )));
        }
        // One cryptography provider for the program; an error only says that it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&url) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| {
            unsupported(format!(
                "No TLS client could be made for the language model ({error})."
            ))
        })?;
        Ok(Self {
            options,
            url: url.into(),
            vendor,
            client,
        })
    }

    /// Posts a request and returns the answer, whatever its status. A service that asks for a short pause gets it, once.
    pub(super) async fn post(&self, body: &Value) -> Result<Response, ProviderError> {
        let response = self.post_once(body).await?;
        match pause(&response) {
            Some(pause) if is_busy(response.status()) && pause <= PAUSE_MAX => {
                clock::sleep(pause).await;
                self.post_once(body).await
            }
            _ => Ok(response),
        }
    }

    async fn post_once(&self, body: &Value) -> Result<Response, ProviderError> {
        let request = self
            .client
            .post(&self.url)
            .header(header::ACCEPT, "text/event-stream, application/json");
        request
            .json(body)
            .send()
            .await
            .map_err(|error| self.unreachable(&error))
    }

    pub(super) fn too_slow(&self) -> ProviderError {
        ProviderError::new(
            ProviderErrorKind::Timeout,
            format!(
                "The language model at {} took too long to answer.",
                self.url
            ),
        )
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> ProviderError {
        let what = if error.is_connect() {
            "cannot be reached"
        } else {
            "broke off the connection"
        };
        let message = format!(
            "The language model at {} {what}; check that it runs and {}.base_url.",
            self.url, self.vendor.setting
        );
        ProviderError::new(ProviderErrorKind::Unavailable, message)
    }

    /// What a refusal means and what to do about it; `body` is what came with it.
    pub(super) fn refused(
        &self,
        status: StatusCode,
        pause: Option<Duration>,
        body: &str,
    ) -> ProviderError {
        let said = self.without_key(&error_message(body));
        let (url, model, setting) = (&self.url, &self.options.model, self.vendor.setting);
        let (kind, message) = match status.as_u16() {
            401 | 403 => (
                ProviderErrorKind::Auth,
                format!("The language model at {url} refused the key; check {setting}.api_key."),
            ),
            404 => (
                ProviderErrorKind::Unsupported,
                format!(
                    "There is no model `{model}` at {url}; check {setting}.model and base_url.{said}"
                ),
            ),
            402 => (
                ProviderErrorKind::Busy,
                format!("The account at {url} has no credit left; check its billing."),
            ),
            429 if said.contains("quota") || said.contains("billing") => (
                ProviderErrorKind::Busy,
                format!("The account at {url} has used up its quota; check its billing."),
            ),
            429 => (
                ProviderErrorKind::Busy,
                format!(
                    "The language model at {url} gets too many requests; try again {}.",
                    pause.map_or_else(
                        || "later".to_owned(),
                        |pause| format!("in {} s", pause.as_secs_f64().ceil())
                    )
                ),
            ),
            529 => (
                ProviderErrorKind::Busy,
                format!("The language model at {url} is overloaded; try again later."),
            ),
            408 | 504 => (
                ProviderErrorKind::Timeout,
                format!("The language model at {url} took too long to answer."),
            ),
            500.. => (
                ProviderErrorKind::Unavailable,
                format!("The language model at {url} is out of order (status {status}).{said}"),
            ),
            _ => (
                ProviderErrorKind::Protocol,
                format!(
                    "The language model at {url} did not accept the request (status {status}).{said}"
                ),
            ),
        };
        ProviderError::new(kind, message)
    }

    pub(super) fn explain(&self, problem: Problem) -> ProviderError {
        let url = &self.url;
        match problem {
            Problem::TooSlow => self.too_slow(),
            Problem::BrokenOff => ProviderError::new(
                ProviderErrorKind::Unavailable,
                format!("The language model at {url} broke off in the middle of a reply."),
            ),
            Problem::Refused => ProviderError::new(
                ProviderErrorKind::Unsupported,
                format!(
                    "The language model at {url} refused to answer; the objective may be against its rules."
                ),
            ),
            Problem::Protocol(what) => ProviderError::new(
                ProviderErrorKind::Protocol,
                format!(
                    "The service at {url} {what}; check that {}.base_url speaks {}.",
                    self.vendor.setting, self.vendor.speaks
                ),
            ),
            Problem::Reported { busy, message } => ProviderError::new(
                if busy {
                    ProviderErrorKind::Busy
                } else {
                    ProviderErrorKind::Unavailable
                },
                format!(
                    "The language model at {url} reported an error in its reply.{}",
                    self.without_key(&message)
                ),
            ),
        }
    }

    /// Services repeat keys in their messages; ours never does.
    fn without_key(&self, text: &str) -> String {
        match self.options.api_key.as_str() {
            "" => text.to_owned(),
            key => text.replace(key, "(the key)"),
        }
    }
}

/// Makes the value of a header that holds a key.
pub(super) fn secret_header(
    value: &str,
    setting: &str,
) -> Result<header::HeaderValue, ProviderError> {
    let mut value = header::HeaderValue::from_str(value).map_err(|_| {
        ProviderError::new(
            ProviderErrorKind::Auth,
            format!("{setting}.api_key holds characters that no key has; set it again."),
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_loopback(url: &reqwest::Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 503 | 529)
}

/// How long the service wants to be left alone: `retry-after-ms`, or `retry-after` in seconds.
pub(super) fn pause(response: &Response) -> Option<Duration> {
    let number = |name: &str| {
        let value = response.headers().get(name)?.to_str().ok()?;
        value.trim().parse::<f64>().ok().filter(|n| *n >= 0.0)
    };
    let seconds = number("retry-after-ms")
        .map(|ms| ms / 1000.0)
        .or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Returns the message in an error body with a space before it, shortened; empty when there is none.
pub(super) fn error_message(body: &str) -> String {
    let error = serde_json::from_str::<Value>(body)
        .ok()
        .and_then(|body| body.get("error").cloned());
    error.as_ref().map_or_else(String::new, message_of)
}

/// Returns the message of an error object or string, as [`error_message`] does.
pub(super) fn message_of(error: &Value) -> String {
    let code = error["code"]
        .as_str()
        .or(error["type"].as_str())
        .unwrap_or("");
    let message = error["message"].as_str().or(error.as_str()).unwrap_or(code);
    let message: String = message
        .chars()
        .filter(|c| !c.is_control())
        .take(MESSAGE_MAX)
        .collect();
    match (message.is_empty(), code.is_empty() || message == code) {
        (true, _) => String::new(),
        (false, true) => format!(" It said: {message}"),
        (false, false) => format!(" It said: {message} ({code})"),
    }
}

/// An error that a service reports within a stream.
pub(super) fn reported(error: &Value) -> Problem {
    let text = error.to_string();
    Problem::Reported {
        busy: ["rate_limit", "overloaded", "429", "529"]
            .iter()
            .any(|mark| text.contains(mark)),
        message: message_of(error),
    }
}
