//! Several language models as one: who gives no text in time, or fails before its first, is replaced by the next.
//!
//! Once a reply has begun it is that model's: what was said cannot be said again by another. A failure after that is
//! passed on, and the next reply is asked of another for a while. Dropping the receiver drops the model's.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{BreakerSettings, Chain, Changes, Limits, Order, closed, nobody, too_slow};
use crate::{
    driver::clock,
    provider::{
        BoxFuture, LanguageModel, LlmEvent, LlmRequest, ProviderError, ProviderErrorKind, Question,
        Served,
    },
};

/// Events on their way; beyond that the model waits.
const EVENTS: usize = 32;

/// See the module.
#[derive(Debug)]
pub struct Thinking {
    chain: Chain<dyn LanguageModel>,
    limits: Limits,
}

impl Thinking {
    /// Makes one model of these, the preferred first.
    #[must_use]
    pub fn new(
        models: Vec<Arc<dyn LanguageModel>>,
        limits: Limits,
        breaker: BreakerSettings,
    ) -> Self {
        Self {
            chain: Chain::new(models, breaker),
            limits,
        }
    }

    fn order(&self, language: &str) -> Order {
        let order = self.chain.order(|model| model.converses_in(language));
        if order.has_another(&[]) {
            return order;
        }
        // None does; the caller was warned, and the first says what it can.
        self.chain.order(|_| true)
    }
}

impl LanguageModel for Thinking {
    fn name(&self) -> &'static str {
        self.chain
            .services()
            .next()
            .map_or("none", |model| model.name())
    }

    fn converses_in(&self, language: &str) -> bool {
        self.chain
            .services()
            .any(|model| model.converses_in(language))
    }

    fn reply(&self, request: LlmRequest) -> mpsc::Receiver<LlmEvent> {
        let (events, receiver) = mpsc::channel(EVENTS);
        let asking = Asking {
            order: self.order(&request.brief.language),
            chain: self.chain.clone(),
            limits: self.limits,
            events: events.clone(),
        };
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = events.closed() => {}
                () = asking.run(request) => {}
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
        let order = self.chain.order(|_| true);
        // Who cannot judge says so at once, and without asking anybody.
        let can = |model: &Arc<dyn LanguageModel>| model.answer(Question::default()).is_some();
        if !self.chain.services().any(can) {
            return None;
        }
        Some(Box::pin(async move {
            let mut tried = Vec::new();
            let mut last = nobody("language model", "of a judgement");
            while let Some(place) = order.next(&self.chain, &tried) {
                tried.push(place);
                let model = self.chain.at(place);
                let Some(answer) = model.service.answer(question.clone()) else {
                    continue;
                };
                match answer.await {
                    Ok(answer) => {
                        model.breaker.succeeded();
                        return Ok(answer);
                    }
                    Err(error) => {
                        model.breaker.failed(&error);
                        last = error;
                    }
                }
            }
            Err(last)
        }))
    }
}

struct Asking {
    chain: Chain<dyn LanguageModel>,
    order: Order,
    limits: Limits,
    events: mpsc::Sender<LlmEvent>,
}

/// How one model did.
enum Reply {
    /// It was passed on, to its end.
    Given,
    /// It failed before it had begun.
    Failed(ProviderError),
}

impl Asking {
    async fn run(self, request: LlmRequest) {
        let (mut tried, mut again) = (Vec::new(), false);
        let mut changes = Changes::default();
        let mut last = nobody("language model", &request.brief.language);
        while let Some(place) = self.order.next(&self.chain, &tried) {
            tried.push(place);
            let name = self.chain.at(place).service.name();
            match self.ask(place, request.clone(), &mut changes, &tried).await {
                Reply::Given => return,
                Reply::Failed(error) => {
                    self.chain.at(place).breaker.failed(&error);
                    changes.failed(name, error.clone());
                    // Who is alone is asked a second time, if that can help.
                    let alone = tried.len() == 1 && !self.order.has_another(&tried);
                    if alone && !again && worth_repeating(&error) {
                        again = true;
                        tried.clear();
                    }
                    last = error;
                }
            }
        }
        // An error means that nobody listens any more.
        let _ = self.events.send(LlmEvent::Failed(last)).await;
    }

    async fn ask(
        &self,
        place: usize,
        request: LlmRequest,
        changes: &mut Changes,
        tried: &[usize],
    ) -> Reply {
        let model = self.chain.at(place);
        let name = model.service.name();
        let mut reply = model.service.reply(request);
        let first = if self.order.has_another(tried) {
            match clock::timeout(self.limits.text, reply.recv()).await {
                Some(first) => first,
                None => return Reply::Failed(too_slow(name, "text")),
            }
        } else {
            reply.recv().await
        };
        let mut next = match first {
            Some(LlmEvent::Failed(error)) => return Reply::Failed(error),
            None => return Reply::Failed(closed(name)),
            first => first,
        };
        let served: Served = changes.served(name);
        let mut ended = self.events.send(LlmEvent::Served(served)).await.is_err();
        while let (Some(event), false) = (next, ended) {
            match &event {
                LlmEvent::Failed(error) => model.breaker.broke_off(error),
                LlmEvent::Done => model.breaker.succeeded(),
                _ => {}
            }
            ended = matches!(event, LlmEvent::Done | LlmEvent::Failed(_));
            ended |= self.events.send(event).await.is_err();
            if ended {
                return Reply::Given;
            }
            next = reply.recv().await;
        }
        if !ended {
            let error = closed(name);
            model.breaker.broke_off(&error);
            let _ = self.events.send(LlmEvent::Failed(error)).await;
        }
        Reply::Given
    }
}

/// Whether the same request may succeed at once. Who took too long has used up the patience already.
fn worth_repeating(error: &ProviderError) -> bool {
    error.is_retryable() && error.kind() != ProviderErrorKind::Timeout && error.wait().is_none()
}
