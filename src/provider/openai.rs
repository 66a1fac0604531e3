//! A language model behind the chat completions interface of OpenAI, which many servers speak: OpenAI itself, vLLM,
//! llama.cpp, Ollama, Groq and others.
//!
//! Decides how a reply is asked for; the request is in [`wire`], reading the stream in [`stream`], and what a server
//! does not understand is found out by [`dialect`]. Dropping the receiver of a reply closes the connection at once,
//! which stops the service's work and its billing. The key is sent as a header and appears in no message, log or error.

mod dialect;
mod stream;
mod wire;

use std::sync::Arc;

use reqwest::{Response, StatusCode, header};
use tokio::sync::mpsc;

pub use super::chat::Options;
use super::{
    BoxFuture, LanguageModel, LlmEvent, LlmRequest, ProviderError, Question,
    chat::{self, Problem, Service, Vendor},
};
use crate::driver::clock;
use dialect::Dialect;

/// Where OpenAI's own service is.
pub const OPENAI_URL: &str = "https://api.openai.com/v1";

const VENDOR: Vendor = Vendor {
    setting: "llm.openai",
    base_url: OPENAI_URL,
    path: "/chat/completions",
    speaks: "chat completions",
};

/// One model of one service.
#[derive(Debug, Clone)]
pub struct OpenAi(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: Service,
    dialect: Dialect,
}

impl OpenAi {
    /// Makes a client. Connects to nothing yet.
    ///
    /// # Errors
    /// When the address is no URL, the model has no name, or the key cannot be a header.
    pub fn new(options: Options) -> Result<Self, ProviderError> {
        let mut headers = header::HeaderMap::new();
        if !options.api_key.is_empty() {
            let key = format!("Bearer {}", options.api_key);
            let key = chat::secret_header(&key, VENDOR.setting)?;
            headers.insert(header::AUTHORIZATION, key);
        }
        let service = Service::new(options, VENDOR, headers)?;
        let own = service.url.starts_with(OPENAI_URL);
        Ok(Self(Arc::new(Inner {
            service,
            dialect: Dialect::new(own),
        })))
    }
}

impl LanguageModel for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn reply(&self, request: LlmRequest) -> mpsc::Receiver<LlmEvent> {
        // Full: the stream is not read on, and the service waits.
        let (events, receiver) = mpsc::channel(32);
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = events.closed() => {}
                ended = inner.reply(&request, &events) => {
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
        self.answer(Question {
            system,
            user,
            schema: None,
        })
    }

    fn answer(&self, question: Question) -> Option<BoxFuture<'_, Result<String, ProviderError>>> {
        Some(Box::pin(async move {
            let whole = self.0.answer(&question);
            match clock::timeout(self.0.service.options.whole_answer, whole).await {
                Some(answer) => answer,
                None => Err(self.0.service.too_slow()),
            }
        }))
    }
}

impl Inner {
    async fn reply(
        &self,
        request: &LlmRequest,
        events: &mpsc::Sender<LlmEvent>,
    ) -> Result<(), ProviderError> {
        let service = &self.service;
        let model = &service.options.model;
        let body = |known| wire::reply_request(model, request, known);
        let response = match clock::timeout(service.options.first_event, self.send(body)).await {
            Some(response) => response?,
            None => return Err(service.too_slow()),
        };
        let transfer_to = request.brief.transfer_to.as_deref();
        stream::read(response, &service.options, transfer_to, events)
            .await
            .map_err(|problem| service.explain(problem))
    }

    async fn answer(&self, question: &Question) -> Result<String, ProviderError> {
        let model = &self.service.options.model;
        let body = |known| wire::answer_request(model, question, known);
        let response = self.send(body).await?;
        let text = response
            .text()
            .await
            .map_err(|error| self.service.unreachable(&error))?;
        wire::read_answer(&text).map_err(|problem| self.service.explain(problem))
    }

    /// Posts a request, as the server has been found to understand it. One that calls it bad gets it again without
    /// what it complains about, and is remembered.
    async fn send(
        &self,
        body: impl Fn(dialect::Known) -> serde_json::Value,
    ) -> Result<Response, ProviderError> {
        for _ in 0..dialect::TRIES {
            let known = self.dialect.known();
            let response = self.service.post(&body(known)).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let pause = chat::pause(&response);
            let said = response.text().await.unwrap_or_default();
            let complains = matches!(
                status,
                StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
            ) || status == StatusCode::INTERNAL_SERVER_ERROR
                && said.contains("jinja");
            if !complains || !self.dialect.learn(known, &said) {
                return Err(self.service.refused(status, pause, &said));
            }
        }
        Err(self
            .service
            .explain(Problem::Protocol("accepts no request".to_owned())))
    }
}
