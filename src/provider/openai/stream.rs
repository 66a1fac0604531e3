//! Reads a streamed reply: server-sent events in, [`LlmEvent`]s out.
//!
//! Tolerates what servers do differently: no `[DONE]`, whole tool calls at once or arguments as an object, any finish
//! reason beside tool calls, usage on every chunk, an answer that is not streamed, reasoning inside `<think>` tags.

use std::collections::BTreeMap;

use call::Tool;
use eventsource_stream::{EventStreamError, Eventsource};
use futures_util::StreamExt;
use reqwest::{Response, header};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Options, wire};
use crate::{driver::clock, provider::LlmEvent};

/// Why a reply did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// Silence beyond the limit.
    TooSlow,
    /// The connection ended before the reply did.
    BrokenOff,
    /// The model or its filter does not want to answer.
    Refused,
    /// What came is no chat completion.
    Protocol(String),
    /// The service itself reported an error within the stream.
    Reported {
        /// Whether it has too much to do.
        busy: bool,
        /// What it said.
        message: String,
    },
}

/// Reads `response` to its end. Nothing but text and tools is sent on; the caller reports how it ended.
pub(super) async fn read(
    response: Response,
    options: &Options,
    transfer_to: Option<String>,
    events: &mpsc::Sender<LlmEvent>,
) -> Result<(), Problem> {
    let mut reply = Reply::new(events, transfer_to);
    let streamed = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_none_or(|kind| !kind.starts_with("application/json"));
    if !streamed {
        let body = clock::timeout(options.between_events, response.text())
            .await
            .ok_or(Problem::TooSlow)?;
        reply.take(&body.map_err(|_| Problem::BrokenOff)?).await?;
        return reply.end().await;
    }
    let mut limit = options.first_event;
    let mut stream = std::pin::pin!(response.bytes_stream().eventsource());
    loop {
        let next = clock::timeout(limit, stream.next())
            .await
            .ok_or(Problem::TooSlow)?;
        limit = options.between_events;
        match next {
            None => break,
            Some(Ok(event)) if event.data.trim() == "[DONE]" => {
                reply.finished = true;
                break;
            }
            Some(Ok(event)) => reply.take(&event.data).await?,
            Some(Err(EventStreamError::Transport(_))) => return Err(Problem::BrokenOff),
            Some(Err(_)) => {
                return Err(Problem::Protocol(
                    "sent a stream that cannot be read".to_owned(),
                ));
            }
        }
    }
    reply.end().await
}

/// A reply under way.
struct Reply<'a> {
    events: &'a mpsc::Sender<LlmEvent>,
    transfer_to: Option<String>,
    thinking: Thinking,
    /// Tool calls by index: name and arguments so far.
    tools: BTreeMap<usize, (String, String)>,
    /// Whether the service said that the reply is complete.
    finished: bool,
    spoken: bool,
}

impl<'a> Reply<'a> {
    fn new(events: &'a mpsc::Sender<LlmEvent>, transfer_to: Option<String>) -> Self {
        Self {
            events,
            transfer_to,
            thinking: Thinking::default(),
            tools: BTreeMap::new(),
            finished: false,
            spoken: false,
        }
    }

    /// Reads one chunk of JSON.
    async fn take(&mut self, data: &str) -> Result<(), Problem> {
        if data.trim().is_empty() {
            return Ok(());
        }
        let chunk: wire::Chunk = serde_json::from_str(data).map_err(|_| {
            Problem::Protocol("sent something that is no chat completion".to_owned())
        })?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            let text = error.to_string();
            let busy = text.contains("rate_limit") || text.contains("overloaded");
            return Err(Problem::Reported {
                busy,
                message: wire::message_of(&error),
            });
        }
        let Some(choice) = chunk.choices.into_iter().next() else {
            return Ok(());
        };
        let delta = choice.delta.unwrap_or_default();
        if delta.refusal.is_some_and(|refusal| !refusal.is_empty()) {
            return Err(Problem::Refused);
        }
        if let Some(text) = delta.content {
            let text = self.thinking.spoken(&text);
            self.say(text).await;
        }
        for (position, call) in delta.tool_calls.unwrap_or_default().into_iter().enumerate() {
            let (name, arguments) = self
                .tools
                .entry(call.index.unwrap_or(position))
                .or_default();
            let Some(function) = call.function else {
                continue;
            };
            name.push_str(function.name.as_deref().unwrap_or(""));
            match function.arguments {
                Some(Value::String(piece)) => arguments.push_str(&piece),
                Some(Value::Null) | None => {}
                Some(object) => arguments.push_str(&object.to_string()),
            }
        }
        match choice.finish_reason.as_deref() {
            Some("content_filter") if !self.spoken => return Err(Problem::Refused),
            Some(_) => self.finished = true,
            None => {}
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

    /// The stream is over: tools are used, in order, after the words.
    async fn end(mut self) -> Result<(), Problem> {
        let rest = self.thinking.rest();
        self.say(rest).await;
        if !self.finished {
            return Err(Problem::BrokenOff);
        }
        let mut used = false;
        for (name, arguments) in std::mem::take(&mut self.tools).into_values() {
            let Some(tool) = self.tool(&name, &arguments) else {
                tracing::warn!(
                    tool = name.get(..40).unwrap_or(&name),
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

    /// The tool of that name. Where a transfer goes is the requester's choice, never the model's.
    fn tool(&self, name: &str, arguments: &str) -> Option<Tool> {
        match name {
            "hang_up" => Some(Tool::HangUp),
            "wait_on_hold" => Some(Tool::Wait),
            "transfer" => self.transfer_to.clone().map(Tool::Transfer),
            "press_keys" => {
                let arguments: Value = serde_json::from_str(arguments).ok()?;
                let keys = arguments["keys"]
                    .as_str()
                    .map(str::to_owned)
                    .or_else(|| arguments["keys"].as_u64().map(|n| n.to_string()))?;
                let known =
                    |key: &char| key.is_ascii_digit() || matches!(key, '*' | '#' | 'A'..='D' | 'w');
                let keys: String = keys.chars().filter(known).take(32).collect();
                (!keys.is_empty()).then_some(Tool::PressKeys(keys))
            }
            _ => None,
        }
    }
}

/// Keeps what a model thinks aloud, between `<think>` and `</think>` at the start of its reply, from being spoken.
#[derive(Debug, Default)]
struct Thinking {
    state: State,
    held: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing but a beginning of `<think>` came so far.
    #[default]
    Undecided,
    /// Between the tags.
    Within,
    /// Words to be spoken.
    Past,
}

impl Thinking {
    const OPEN: &str = "<think>";
    const CLOSE: &str = "</think>";

    /// Takes the next piece and returns what of it is to be spoken.
    fn spoken(&mut self, piece: &str) -> String {
        if self.state == State::Past {
            return piece.to_owned();
        }
        self.held.push_str(piece);
        if self.state == State::Undecided {
            let begun = self.held.trim_start();
            if begun.len() < Self::OPEN.len() && Self::OPEN.starts_with(begun) {
                return String::new();
            }
            if !begun.starts_with(Self::OPEN) {
                self.state = State::Past;
                return std::mem::take(&mut self.held);
            }
            self.state = State::Within;
        }
        match self.held.find(Self::CLOSE) {
            Some(at) => {
                self.state = State::Past;
                let rest = self.held.split_off(at + Self::CLOSE.len());
                self.held.clear();
                rest.trim_start().to_owned()
            }
            None => String::new(),
        }
    }

    /// What was held back and turned out to be words.
    fn rest(&mut self) -> String {
        if self.state == State::Undecided {
            std::mem::take(&mut self.held)
        } else {
            String::new()
        }
    }
}
