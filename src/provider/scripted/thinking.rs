//! A language model that has its replies ready.

use std::{sync::Arc, time::Duration};

use call::{Speaker, Tool};
use tokio::sync::mpsc;

use crate::{
    driver::clock,
    provider::{BoxFuture, LanguageModel, LlmEvent, LlmRequest, ProviderError},
};

/// One canned reply.
#[derive(Debug, Clone, Default)]
pub struct ScriptedReply {
    /// Time until the first event.
    pub first: Duration,
    /// Time between events after that.
    pub gap: Duration,
    /// What is sent. Without [`LlmEvent::Done`] or [`LlmEvent::Failed`] at the end the model stalls: the stream stays
    /// open and silent until its receiver is dropped.
    pub events: Vec<LlmEvent>,
}

impl ScriptedReply {
    /// Makes a complete reply of this text, word by word and without delay.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let words = text
            .split_inclusive(' ')
            .map(|word| LlmEvent::Text(word.to_owned()));
        Self {
            events: words.chain([LlmEvent::Done]).collect(),
            ..Self::default()
        }
    }

    /// Makes a complete reply of this text and a tool after it.
    #[must_use]
    pub fn tool(text: &str, tool: Tool) -> Self {
        let mut reply = Self::text(text);
        let end = reply.events.len() - 1;
        reply.events.insert(end, LlmEvent::Tool(tool));
        reply
    }

    /// Sets the time until the first event and between events.
    #[must_use]
    pub fn paced(self, first: Duration, gap: Duration) -> Self {
        Self { first, gap, ..self }
    }
}

/// A model that answers the n-th turn of the callee with the n-th reply (counted from 0: the opening), the last one
/// again when there are no more. Dropping the receiver ends the reply.
#[derive(Debug, Clone, Default)]
pub struct ScriptedModel {
    replies: Arc<[ScriptedReply]>,
    judgement: Option<String>,
}

impl ScriptedModel {
    /// Makes a model with these replies. With none it fails nothing and says nothing.
    #[must_use]
    pub fn new(replies: Vec<ScriptedReply>) -> Self {
        Self {
            replies: replies.into(),
            judgement: None,
        }
    }

    /// Sets the answer to every request outside the conversation.
    #[must_use]
    pub fn judging(self, judgement: impl Into<String>) -> Self {
        Self {
            judgement: Some(judgement.into()),
            ..self
        }
    }
}

impl LanguageModel for ScriptedModel {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn reply(&self, request: LlmRequest) -> mpsc::Receiver<LlmEvent> {
        let turn = request
            .history
            .iter()
            .filter(|m| m.speaker == Speaker::Callee)
            .count();
        let done = || ScriptedReply {
            events: vec![LlmEvent::Done],
            ..ScriptedReply::default()
        };
        let reply = self
            .replies
            .get(turn)
            .or(self.replies.last())
            .cloned()
            .unwrap_or_else(done);
        // Full: the script waits, as a service would that is not read.
        let (events, receiver) = mpsc::channel(16);
        tokio::spawn(async move {
            let mut wait = reply.first;
            for event in reply.events {
                clock::sleep(wait).await;
                wait = reply.gap;
                let last = matches!(event, LlmEvent::Done | LlmEvent::Failed(_));
                if events.send(event).await.is_err() || last {
                    return;
                }
            }
            events.closed().await;
        });
        receiver
    }

    fn complete(
        &self,
        _system: String,
        _user: String,
    ) -> Option<BoxFuture<'_, Result<String, ProviderError>>> {
        let judgement = self.judgement.clone()?;
        Some(Box::pin(async move { Ok(judgement) }))
    }
}
