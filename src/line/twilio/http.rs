//! How a request reaches the carrier's REST interface, and how surely it did.
//!
//! [`Http`] is the seam for tests; [`Reqwest`] is the real thing. Whether a request may be sent again is decided by
//! who sends it, from what [`Lost`] says.

use std::{fmt, time::Duration};

use reqwest::header::{self, HeaderValue};

use crate::{driver::clock, provider::BoxFuture};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a request may take altogether.
const WHOLE: Duration = Duration::from_secs(10);
/// The most that is read of an answer, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// A request to the REST interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path and query, from the first slash.
    pub path: String,
    /// The fields of the form; only with `POST`.
    pub form: Vec<(&'static str, String)>,
}

/// What the carrier answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiResponse {
    /// HTTP status.
    pub status: u16,
    /// When to try again, if it says so.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The carrier was not reached; it knows nothing of the request.
    NotSent(String),
    /// The request may have been carried out.
    Unknown(String),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotSent(why) | Self::Unknown(why)) = self;
        f.write_str(why)
    }
}

/// A way to the REST interface.
pub trait Http: Send + Sync + fmt::Debug {
    /// Sends a request once and waits for the answer.
    fn send(&self, request: ApiRequest) -> BoxFuture<'_, Result<ApiResponse, Lost>>;
}

/// The REST interface over the network.
pub struct Reqwest {
    client: reqwest::Client,
    base: String,
}

impl fmt::Debug for Reqwest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reqwest")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Reqwest {
    /// Makes a client for the interface at `base`, with the user and password of HTTP's Basic authentication.
    ///
    /// # Errors
    /// A sentence when the credentials cannot be a header, or there is no TLS.
    pub fn new(base: &str, user: &str, password: &str) -> Result<Self, String> {
        use base64::Engine as _;
        let credentials =
            base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let mut value = HeaderValue::from_str(&format!("Basic {credentials}"))
            .map_err(|_| "The credentials of line.twilio cannot be sent.".to_owned())?;
        value.set_sensitive(true);
        let headers = [(header::AUTHORIZATION, value)].into_iter().collect();
        // One cryptography provider for the program; an error only says that it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(base) {
            client = client.no_proxy();
        }
        let client = client
            .build()
            .map_err(|error| format!("No TLS client could be made for line.twilio ({error})."))?;
        Ok(Self {
            client,
            base: base.to_owned(),
        })
    }

    async fn exchange(&self, request: ApiRequest) -> Result<ApiResponse, Lost> {
        let url = format!("{}{}", self.base, request.path);
        let builder = match request.method {
            "POST" => {
                let form = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(&request.form)
                    .finish();
                let kind = "application/x-www-form-urlencoded";
                self.client
                    .post(url)
                    .header(header::CONTENT_TYPE, kind)
                    .body(form)
            }
            _ => self.client.get(url),
        };
        let mut response = builder.send().await.map_err(|error| {
            // What reqwest says holds the address, and that holds the account.
            let error = error.without_url();
            if error.is_connect() || error.is_builder() {
                Lost::NotSent(format!("it cannot be reached: {}", chain(&error)))
            } else {
                Lost::Unknown(format!("its answer did not come: {}", chain(&error)))
            }
        })?;
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while body.len() <= MAX_ANSWER {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => {
                    let why = chain(&error.without_url());
                    return Err(Lost::Unknown(format!("its answer broke off: {why}")));
                }
            }
        }
        Ok(ApiResponse {
            status,
            retry_after,
            body,
        })
    }
}

impl Http for Reqwest {
    fn send(&self, request: ApiRequest) -> BoxFuture<'_, Result<ApiResponse, Lost>> {
        Box::pin(async move {
            clock::timeout(WHOLE, self.exchange(request))
                .await
                .unwrap_or_else(|| Err(Lost::Unknown("it did not answer in time".into())))
        })
    }
}

fn is_loopback(base: &str) -> bool {
    reqwest::Url::parse(base).is_ok_and(|url| {
        url.host_str().is_some_and(|host| {
            let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            host == "localhost" || address.is_ok_and(|address| address.is_loopback())
        })
    })
}

/// An error and what it was caused by, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
