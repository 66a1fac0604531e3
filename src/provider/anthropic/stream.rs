//! Reads a streamed reply: server-sent events in, [`LlmEvent`]s out.

use std::collections::BTreeMap;

use call::Tool;
use eventsource_stream::Eventsource;
use futures_util::StreamExt;
use reqwest::Response;
use serde_json::Value;
use tokio::sync::mpsc;

use super::wire::{Block, Delta, Event};
use crate::{
    agent::tools,
    driver::clock,
    provider::{
        LlmEvent,
        chat::{self, Options, Problem},
    },
};

/// Reads `response` to its end. Nothing but text and tools is sent on; the caller reports how it ended.
pub(super) async fn read(
    response: Response,
    options: &Options,
    transfer_to: Option<&str>,
    events: &mpsc::Sender<LlmEvent>,
) -> Result<(), Problem> {
    let mut reply = Reply {
        events,
        transfer_to,
        calls: BTreeMap::new(),
        finished: false,
        spoken: false,
    };
    let mut limit = options.first_event;
    let mut stream = std::pin::pin!(response.bytes_stream().eventsource());
    while !reply.finished {
        let next = clock::timeout(limit, stream.next())
            .await
            .ok_or(Problem::TooSlow)?;
        match next {
            None => return Err(Problem::BrokenOff),
            Some(Ok(event)) => {
                // Pings keep the connection, not our patience.
                if event.event != "ping" {
                    limit = options.between_events;
                }
                reply.take(&event.data).await?;
            }
            Some(Err(error)) => return Err(error.into()),
        }
    }
    reply.end().await
}

/// A reply under way.
struct Reply<'a> {
    events: &'a mpsc::Sender<LlmEvent>,
    transfer_to: Option<&'a str>,
    /// Tool calls by the index of their part: name and arguments so far.
    calls: BTreeMap<usize, (String, String)>,
    /// Whether the service said that the reply is complete.
    finished: bool,
    spoken: bool,
}

impl Reply<'_> {
    async fn take(&mut self, data: &str) -> Result<(), Problem> {
        let event: Event = serde_json::from_str(data).map_err(|_| {
            Problem::Protocol("sent something that is no event of a message".to_owned())
        })?;
        match event {
            Event::ContentBlockStart {
                index,
                content_block,
            } => match content_block {
                Block::Text { text } => self.say(text).await,
                Block::ToolUse { name, input } => {
                    let arguments = match &input {
                        Value::Object(fields) if !fields.is_empty() => input.to_string(),
                        _ => String::new(),
                    };
                    self.calls.insert(index, (name, arguments));
                }
                Block::Other => {}
            },
            Event::ContentBlockDelta { index, delta } => match delta {
                Delta::Text { text } => self.say(text).await,
                Delta::Json { partial_json } => {
                    if let Some((_, arguments)) = self.calls.get_mut(&index) {
                        arguments.push_str(&partial_json);
                    }
                }
                Delta::Other => {}
            },
            Event::MessageDelta { delta } => {
                if delta.stop_reason.as_deref() == Some("refusal") && !self.spoken {
                    return Err(Problem::Refused);
                }
            }
            Event::MessageStop => self.finished = true,
            Event::Error { error } => return Err(chat::reported(&error)),
            Event::Other => {}
        }
        Ok(())
    }

    async fn say(&mut self, text: String) {
        if !text.is_empty() {
            self.spoken |= !text.trim().is_empty();
            // An error means that nobody listens any more; the whole task ends with its receiver.
            let _ = self.events.send(LlmEvent::Text(text)).await;
        }
    }

    /// The reply is complete: tools are used, in order, after the words.
    async fn end(self) -> Result<(), Problem> {
        let mut used = false;
        for (name, text) in self.calls.values() {
            let tool: Option<Tool> =
                tools::arguments(text).and_then(|a| tools::read(name, &a, self.transfer_to));
            let Some(tool) = tool else {
                tracing::warn!(
                    tool = name.get(..40).unwrap_or(name),
                    "the language model used a tool that does not exist or in a wrong way"
                );
                continue;
            };
            used = true;
            let _ = self.events.send(LlmEvent::Tool(tool)).await;
        }
        if self.spoken || used {
            return Ok(());
        }
        Err(Problem::Protocol(
            "answered with neither words nor a tool".to_owned(),
        ))
    }
}
