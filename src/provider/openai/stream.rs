//! Reads a streamed reply: server-sent events in, [`LlmEvent`]s out.
//!
//! Tolerates what servers do differently: no `[DONE]`, whole tool calls at once or arguments as an object, any finish
//! reason beside tool calls, usage on every chunk, an answer that is not streamed, reasoning inside `<think>` tags.

use eventsource_stream::Eventsource;
use futures_util::StreamExt;
use reqwest::{Response, header};
use serde_json::Value;
use tokio::sync::mpsc;

use super::wire;
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
            Some(Err(error)) => return Err(error.into()),
        }
    }
    reply.end().await
}

/// A reply under way.
struct Reply<'a> {
    events: &'a mpsc::Sender<LlmEvent>,
    transfer_to: Option<&'a str>,
    thinking: Thinking,
    brackets: Brackets,
    /// Tool calls in the order in which they began.
    tools: Vec<Call>,
    /// Whether the service said that the reply is complete.
    finished: bool,
    spoken: bool,
}

/// A tool call under way.
#[derive(Debug, Default)]
struct Call {
    index: usize,
    id: String,
    name: String,
    arguments: String,
}

impl<'a> Reply<'a> {
    fn new(events: &'a mpsc::Sender<LlmEvent>, transfer_to: Option<&'a str>) -> Self {
        Self {
            events,
            transfer_to,
            thinking: Thinking::default(),
            brackets: Brackets::default(),
            tools: Vec::new(),
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
            return Err(chat::reported(&error));
        }
        let Some(choice) = chunk.choices.into_iter().next() else {
            return Ok(());
        };
        let delta = choice.delta.unwrap_or_default();
        if delta.refusal.is_some_and(|refusal| !refusal.is_empty()) {
            return Err(Problem::Refused);
        }
        let text = wire::text_of(delta.content.as_ref());
        let text = self.thinking.spoken(&text);
        self.say(&text).await;
        for (position, piece) in delta.tool_calls.unwrap_or_default().into_iter().enumerate() {
            self.take_tool(position, piece);
        }
        match choice.finish_reason.as_deref() {
            Some("content_filter") if !self.spoken => return Err(Problem::Refused),
            Some("error") => return Err(Problem::BrokenOff),
            Some(_) => self.finished = true,
            None => {}
        }
        Ok(())
    }

    /// Adds a piece of a tool call to the call that it belongs to: the one of its index, unless it names another id.
    fn take_tool(&mut self, position: usize, piece: wire::ToolCall) {
        let index = piece.index.unwrap_or(position);
        let id = piece.id.unwrap_or_default();
        let known = self.tools.iter().rposition(|call| {
            call.index == index && (id.is_empty() || call.id.is_empty() || call.id == id)
        });
        let at = known.unwrap_or_else(|| {
            self.tools.push(Call {
                index,
                ..Call::default()
            });
            self.tools.len() - 1
        });
        let call = &mut self.tools[at];
        if call.id.is_empty() {
            call.id = id;
        }
        let Some(function) = piece.function else {
            return;
        };
        if call.name.is_empty() {
            call.name = function.name.unwrap_or_default();
        }
        match function.arguments {
            Some(Value::String(piece)) => call.arguments.push_str(&piece),
            Some(Value::Null) | None => {}
            Some(object) => call.arguments.push_str(&object.to_string()),
        }
    }

    async fn say(&mut self, text: &str) {
        let text = self.brackets.spoken(text);
        self.send(text).await;
    }

    async fn send(&mut self, text: String) {
        if !text.is_empty() {
            self.spoken |= !text.trim().is_empty();
            // An error means that nobody listens any more; the whole task ends with its receiver.
            let _ = self.events.send(LlmEvent::Text(text)).await;
        }
    }

    /// The stream is over: tools are used, in order, after the words.
    async fn end(mut self) -> Result<(), Problem> {
        let rest = self.thinking.rest();
        self.say(&rest).await;
        let rest = self.brackets.rest();
        self.send(rest).await;
        if !self.finished {
            return Err(Problem::BrokenOff);
        }
        let called = std::mem::take(&mut self.tools).into_iter().map(|call| {
            let arguments = tools::arguments(&call.arguments);
            let tool = arguments.and_then(|a| tools::read(&call.name, &a, self.transfer_to));
            (call.name, tool)
        });
        let spelled = std::mem::take(&mut self.brackets.found)
            .into_iter()
            .map(|text| {
                let tool = tools::read_spelled(&text, self.transfer_to);
                (text, tool)
            });
        let all: Vec<_> = called.chain(spelled).collect();
        let mut used = false;
        for (name, tool) in all {
            let Some(tool) = tool else {
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
}

/// Takes tools that a model wrote into its text, in square brackets, out of what is spoken.
#[derive(Debug, Default)]
struct Brackets {
    held: String,
    found: Vec<String>,
}

impl Brackets {
    /// Longest text in brackets that is waited for, in bytes.
    const HELD_MAX: usize = 400;

    fn spoken(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let mut out = String::new();
        loop {
            let Some(open) = self.held.find('[') else {
                out.push_str(&std::mem::take(&mut self.held));
                return out;
            };
            out.extend(self.held.drain(..open));
            match self.held.find(']') {
                Some(close) => {
                    let whole: String = self.held.drain(..=close).collect();
                    let inner = whole.trim_matches(['[', ']']);
                    let name = inner.trim().split([' ', ':']).next().unwrap_or_default();
                    // Every name of a tool has the form of one; other brackets are words.
                    if tools::NAMES.contains(&name) {
                        self.found.push(inner.trim().to_owned());
                    } else {
                        out.push_str(&whole);
                    }
                }
                None if self.held.len() > Self::HELD_MAX => {
                    out.push_str(&std::mem::take(&mut self.held));
                    return out;
                }
                None => return out,
            }
        }
    }

    fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
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
