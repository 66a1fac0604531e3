//! A language model behind the chat completions interface of OpenAI, which many servers speak: OpenAI itself, vLLM,
//! llama.cpp, Ollama, Groq and others.
//!
//! Decides how a reply is asked for and what a failure means; the request is in [`wire`], reading the stream in
//! [`stream`]. Dropping the receiver of a reply closes the connection at once, which stops the service's work and its
//! billing. The key is sent as a header and appears in no message, log or error.

mod stream;
mod wire;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::{Response, StatusCode, header};
use tokio::sync::mpsc;

use super::{BoxFuture, LanguageModel, LlmEvent, LlmRequest, ProviderError, ProviderErrorKind};
use crate::driver::clock;

/// Where OpenAI's own service is.
pub const OPENAI_URL: &str = "https://api.openai.com/v1";

/// How to reach a service.
#[derive(Clone)]
pub struct Options {
    /// Everything before `/chat/completions`; [`OPENAI_URL`] when empty.
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

/// One model of one service.
#[derive(Debug, Clone)]
pub struct OpenAi(Arc<Service>);

#[derive(Debug)]
struct Service {
    options: Options,
    url: String,
    client: reqwest::Client,
    /// Set when the service refused optional fields, so that they are not sent again.
    plain: AtomicBool,
}

impl OpenAi {
    /// Makes a client. Connects to nothing yet.
    ///
    /// # Errors
    /// When the address is no URL, the model has no name, or the key cannot be a header.
    pub fn new(options: Options) -> Result<Self, ProviderError> {
        let unsupported =
            |message: String| ProviderError::new(ProviderErrorKind::Unsupported, message);
        let base = if options.base_url.is_empty() {
            OPENAI_URL
        } else {
            options.base_url.trim_end_matches('/')
        };
        let url = reqwest::Url::parse(&format!("{base}/chat/completions"))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| unsupported(format!("`{base}` is no address of a language model; set llm.openai.base_url to one like {OPENAI_URL}.")))?;
        if options.model.trim().is_empty() {
            return Err(unsupported(
                "No language model is named; set llm.openai.model.".to_owned(),
            ));
        }
        let mut headers = header::HeaderMap::new();
        if !options.api_key.is_empty() {
            let mut key = header::HeaderValue::from_str(&format!("Bearer {}", options.api_key))
                .map_err(|_| {
                    ProviderError::new(
                        ProviderErrorKind::Auth,
                        "llm.openai.api_key holds characters that no key has; set it again.",
                    )
                })?;
            key.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, key);
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
        Ok(Self(Arc::new(Service {
            options,
            url: url.into(),
            client,
            plain: AtomicBool::new(false),
        })))
    }
}

fn is_loopback(url: &reqwest::Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

impl LanguageModel for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn reply(&self, request: LlmRequest) -> mpsc::Receiver<LlmEvent> {
        // Full: the stream is not read on, and the service waits.
        let (events, receiver) = mpsc::channel(32);
        let service = Arc::clone(&self.0);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = events.closed() => {}
                ended = service.reply(&request, &events) => {
                    let last = ended.map_or_else(LlmEvent::Failed, |()| LlmEvent::Done);
                    // An error means that nobody listens any more.
                    let _ = events.send(last).await;
                }
            }
        });
        receiver
    }

    fn complete(
        &self,
        system: String,
        user: String,
    ) -> Option<BoxFuture<'_, Result<String, ProviderError>>> {
        Some(Box::pin(async move {
            let whole = self.0.complete(&system, &user);
            match clock::timeout(self.0.options.whole_answer, whole).await {
                Some(answer) => answer,
                None => Err(self.0.too_slow()),
            }
        }))
    }
}

impl Service {
    async fn reply(
        &self,
        request: &LlmRequest,
        events: &mpsc::Sender<LlmEvent>,
    ) -> Result<(), ProviderError> {
        let transfer_to = request.brief.transfer_to.clone();
        let body =
            |plain| wire::reply_request(&self.options.model, request, self.is_openai(), plain);
        let response = match clock::timeout(self.options.first_event, self.send(body)).await {
            Some(response) => response?,
            None => return Err(self.too_slow()),
        };
        stream::read(response, &self.options, transfer_to, events)
            .await
            .map_err(|problem| self.explain(problem))
    }

    async fn complete(&self, system: &str, user: &str) -> Result<String, ProviderError> {
        let body = |plain| wire::answer_request(&self.options.model, system, user, plain);
        let response = self.send(body).await?;
        let text = response
            .text()
            .await
            .map_err(|error| self.unreachable(&error))?;
        wire::read_answer(&text)
            .ok_or_else(|| self.explain(stream::Problem::Protocol("gave no answer".to_owned())))
    }

    /// Posts a request. Servers know different optional fields: one that calls the request bad gets it once more
    /// without them, and is remembered.
    async fn send(
        &self,
        body: impl Fn(bool) -> serde_json::Value,
    ) -> Result<Response, ProviderError> {
        let plain = self.plain.load(Ordering::Relaxed);
        let mut response = self.post(&body(plain)).await?;
        if !plain
            && matches!(
                response.status(),
                StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
            )
        {
            let again = self.post(&body(true)).await?;
            if again.status().is_success() {
                self.plain.store(true, Ordering::Relaxed);
            }
            response = again;
        }
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(response).await)
    }

    async fn post(&self, body: &serde_json::Value) -> Result<Response, ProviderError> {
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

    fn is_openai(&self) -> bool {
        self.url.starts_with(OPENAI_URL)
    }

    fn too_slow(&self) -> ProviderError {
        ProviderError::new(
            ProviderErrorKind::Timeout,
            format!(
                "The language model at {} took too long to answer.",
                self.url
            ),
        )
    }

    fn unreachable(&self, error: &reqwest::Error) -> ProviderError {
        let what = if error.is_connect() {
            "cannot be reached"
        } else {
            "broke off the connection"
        };
        let message = format!(
            "The language model at {} {what}; check that it runs and llm.openai.base_url.",
            self.url
        );
        ProviderError::new(ProviderErrorKind::Unavailable, message)
    }

    /// What a refusal means and what to do about it.
    async fn refused(&self, response: Response) -> ProviderError {
        let status = response.status();
        let body = response.text().await.unwrap_or_default();
        let said = self.without_key(&wire::error_message(&body));
        let (url, model) = (&self.url, &self.options.model);
        let (kind, message) = match status.as_u16() {
            401 | 403 => (
                ProviderErrorKind::Auth,
                format!("The language model at {url} refused the key; check llm.openai.api_key."),
            ),
            404 => (
                ProviderErrorKind::Unsupported,
                format!(
                    "There is no model `{model}` at {url}; check llm.openai.model and base_url.{said}"
                ),
            ),
            429 if said.contains("quota") => (
                ProviderErrorKind::Busy,
                format!("The account at {url} has used up its quota; check its billing."),
            ),
            429 => (
                ProviderErrorKind::Busy,
                format!("The language model at {url} gets too many requests; try again later."),
            ),
            408 => (
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

    fn explain(&self, problem: stream::Problem) -> ProviderError {
        let url = &self.url;
        match problem {
            stream::Problem::TooSlow => self.too_slow(),
            stream::Problem::BrokenOff => ProviderError::new(
                ProviderErrorKind::Unavailable,
                format!("The language model at {url} broke off in the middle of a reply."),
            ),
            stream::Problem::Refused => ProviderError::new(
                ProviderErrorKind::Unsupported,
                format!(
                    "The language model at {url} refused to answer; the objective may be against its rules."
                ),
            ),
            stream::Problem::Protocol(what) => ProviderError::new(
                ProviderErrorKind::Protocol,
                format!(
                    "The service at {url} {what}; check that llm.openai.base_url speaks chat completions."
                ),
            ),
            stream::Problem::Reported { busy, message } => ProviderError::new(
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

#[cfg(test)]
mod tests;
