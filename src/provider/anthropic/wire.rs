//! The requests and answers of the Messages API, as far as they are used (version 2026-10-21, `POST /v1/messages`).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    agent::{
        prompt::{self, Role},
        tools,
    },
    provider::{
        LlmRequest, Question,
        chat::{self, Problem},
    },
};

/// Longest reply that is asked for: about a minute of speech.
const MAX_TOKENS: u32 = 300;
/// Longest answer outside the conversation.
const ANSWER_TOKENS: u32 = 2_000;
/// The tool by which an answer of a given form is given.
const ANSWER: &str = "answer";

/// Makes the request for a streamed reply.
pub(super) fn reply_request(model: &str, request: &LlmRequest) -> Value {
    let messages: Vec<Value> = prompt::messages(&request.history)
        .into_iter()
        .map(|(role, text)| {
            let role = match role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            json!({"role": role, "content": text})
        })
        .collect();
    let tools: Vec<Value> = tools::definitions(&request.brief)
        .into_iter()
        .map(|tool| {
            json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters})
        })
        .collect();
    json!({
        "model": model,
        "max_tokens": MAX_TOKENS,
        "stream": true,
        // The same for the whole call: kept by the service, so that later replies begin sooner.
        "system": [{
            "type": "text",
            "text": prompt::system(&request.brief),
            "cache_control": {"type": "ephemeral"},
        }],
        "messages": messages,
        "tools": tools,
    })
}

/// Makes the request for one whole answer. Of a given form, it is given as the input of a tool that must be used.
pub(super) fn answer_request(model: &str, question: &Question) -> Value {
    let mut body = json!({
        "model": model,
        "max_tokens": ANSWER_TOKENS,
        "system": question.system,
        "messages": [{"role": "user", "content": question.user}],
    });
    if let Some(schema) = &question.schema {
        body["tools"] = json!([
            {"name": ANSWER, "description": "Gives the answer.", "input_schema": schema}
        ]);
        body["tool_choice"] = json!({"type": "tool", "name": ANSWER});
    }
    body
}

/// One event of a streamed reply, by its `type`. Unknown ones may come at any time and are passed over.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Event {
    /// A part of the reply begins.
    ContentBlockStart {
        /// Which.
        index: usize,
        /// What it is.
        content_block: Block,
    },
    /// A part of the reply goes on.
    ContentBlockDelta {
        /// Which.
        index: usize,
        /// By what.
        delta: Delta,
    },
    /// The reply is about to end.
    MessageDelta {
        /// How.
        delta: End,
    },
    /// The reply is complete.
    MessageStop,
    /// The service failed in the middle.
    Error {
        /// `type` and `message`.
        error: Value,
    },
    /// `ping`, `message_start`, `content_block_stop`, and whatever may be added.
    #[serde(other)]
    Other,
}

/// What a part of a reply is.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block {
    /// Words.
    Text {
        /// The first of them.
        #[serde(default)]
        text: String,
    },
    /// A tool call; its arguments follow in pieces of JSON text.
    ToolUse {
        /// The tool.
        name: String,
        /// Empty in a stream.
        #[serde(default)]
        input: Value,
    },
    /// Thinking aloud and whatever may be added: not for the callee's ear.
    #[serde(other)]
    Other,
}

/// How a part of a reply goes on.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Delta {
    /// Words.
    #[serde(rename = "text_delta")]
    Text {
        /// They.
        text: String,
    },
    /// Arguments.
    #[serde(rename = "input_json_delta")]
    Json {
        /// A piece of JSON text.
        partial_json: String,
    },
    /// Thinking aloud, signatures.
    #[serde(other)]
    Other,
}

/// How a reply ends.
#[derive(Debug, Deserialize)]
pub(super) struct End {
    /// `end_turn`, `tool_use`, `max_tokens`, `refusal`, …
    pub(super) stop_reason: Option<String>,
}

/// A whole answer.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    content: Vec<Block>,
    stop_reason: Option<String>,
}

/// Returns the text of a whole answer: the input of the answering tool, or the words.
pub(super) fn read_answer(body: &str) -> Result<String, Problem> {
    let nothing = || Problem::Protocol("gave no answer".to_owned());
    let value: Value = serde_json::from_str(body).map_err(|_| nothing())?;
    if value["type"] == "error" {
        return Err(chat::reported(&value["error"]));
    }
    let message: Message = serde_json::from_value(value).map_err(|_| nothing())?;
    if message.stop_reason.as_deref() == Some("refusal") {
        return Err(Problem::Refused);
    }
    let mut words = String::new();
    for block in message.content {
        match block {
            Block::ToolUse { name, input } if name == ANSWER => return Ok(input.to_string()),
            Block::Text { text } => words.push_str(&text),
            Block::ToolUse { .. } | Block::Other => {}
        }
    }
    if words.trim().is_empty() {
        return Err(nothing());
    }
    Ok(words)
}
