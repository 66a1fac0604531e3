//! A language model behind Anthropic's Messages API.
//!
//! Decides how a reply is asked for; the formats are in [`wire`], reading the stream in [`stream`]. Dropping the receiver
//! of a reply closes the connection at once, which stops the service's work and its billing. The key is sent as a header
//! and appears in no message, log or error.

mod stream;
mod wire;

use std::sync::Arc;

use reqwest::{Response, header};
use tokio::sync::mpsc;

pub use super::chat::Options;
use super::{
    BoxFuture, LanguageModel, LlmEvent, LlmRequest, ProviderError, Question,
    chat::{self, Service, Vendor},
};
use crate::driver::clock;

/// Where Anthropic's own service is.
pub const ANTHROPIC_URL: &str = "https://api.anthropic.com";

/// The version of the interface that is spoken here: that of the vendor's own package.
const VERSION: &str = "2026-10-21";

const VENDOR: Vendor = Vendor {
    setting: "llm.anthropic",
    base_url: ANTHROPIC_URL,
    path: "/v1/messages",
    speaks: "the Messages API",
};

/// One model of the service.
#[derive(Debug, Clone)]
pub struct Anthropic(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: Service,
}

impl Anthropic {
    /// Makes a client. Connects to nothing yet.
    ///
    /// # Errors
    /// When the address is no URL, the model has no name, or there is no key that can be a header.
    pub fn new(options: Options) -> Result<Self, ProviderError> {
        let mut headers = header::HeaderMap::new();
        headers.insert(
            "anthropic-version",
            header::HeaderValue::from_static(VERSION),
        );
        if !options.api_key.is_empty() {
            let bearer = format!("Bearer {}", options.api_key);
            let bearer = chat::secret_header(&bearer, VENDOR.setting)?;
            headers.insert(header::AUTHORIZATION, bearer);
            // Where servers that speak older versions look for it.
            let key = chat::secret_header(&options.api_key, VENDOR.setting)?;
            headers.insert("x-api-key", key);
        }
        Ok(Self(Arc::new(Inner {
            service: Service::new(options, VENDOR, headers)?,
        })))
    }
}

impl LanguageModel for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
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
        let body = wire::reply_request(&service.options.model, request);
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
        let body = wire::answer_request(&self.service.options.model, question);
        let response = self.send(body).await?;
        let text = response
            .text()
            .await
            .map_err(|error| self.service.unreachable(&error))?;
        wire::read_answer(&text).map_err(|problem| self.service.explain(problem))
    }

    async fn send(&self, body: serde_json::Value) -> Result<Response, ProviderError> {
        let response = self.service.post(&body).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let pause = chat::pause(&response);
        let said = response.text().await.unwrap_or_default();
        Err(self.service.refused(status, pause, &said))
    }
}
