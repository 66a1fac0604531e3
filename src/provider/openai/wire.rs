//! The requests and answers of chat completions, as far as they are used (OpenAI API reference 2.3, `POST
//! /chat/completions`).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    agent::prompt::{self, Role},
    provider::LlmRequest,
};

/// Longest reply that is asked for: about a minute of speech.
const MAX_TOKENS: u32 = 300;
/// Low: a call is no place for surprises.
const TEMPERATURE: f64 = 0.3;
/// Longest part of a service's error message that is passed on, in characters.
const MESSAGE_MAX: usize = 200;

/// Makes the request for a streamed reply. `plain` leaves out what some servers refuse.
pub(super) fn reply_request(model: &str, request: &LlmRequest, openai: bool, plain: bool) -> Value {
    let mut messages = vec![json!({"role": "system", "content": prompt::system(&request.brief)})];
    for (role, text) in prompt::messages(&request.history) {
        let role = match role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        messages.push(json!({"role": role, "content": text}));
    }
    let mut body = json!({
        "model": model,
        "stream": true,
        "messages": messages,
        "tools": tools(request.brief.transfer_to.is_some()),
    });
    if !plain {
        body["temperature"] = json!(TEMPERATURE);
        // The new name is refused by most local servers, the old one by OpenAI's newer models.
        body[if openai {
            "max_completion_tokens"
        } else {
            "max_tokens"
        }] = json!(MAX_TOKENS);
    }
    body
}

/// Makes the request for one whole JSON answer.
pub(super) fn answer_request(model: &str, system: &str, user: &str, plain: bool) -> Value {
    let mut body = json!({
        "model": model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
    });
    if !plain {
        body["temperature"] = json!(0.0);
        body["response_format"] = json!({"type": "json_object"});
    }
    body
}

fn tools(transfer: bool) -> Value {
    let tool = |name: &str, description: &str, properties: Value, required: Value| {
        json!({"type": "function", "function": {"name": name, "description": description, "parameters":
            {"type": "object", "properties": properties, "required": required, "additionalProperties": false}}})
    };
    let mut tools = vec![
        tool(
            "hang_up",
            "End the call after everything you said was heard. Say goodbye in the same reply.",
            json!({}),
            json!([]),
        ),
        tool(
            "press_keys",
            "Press keys in a phone menu.",
            json!({"keys": {"type": "string", "description": "The keys in order: 0-9, *, #; w waits half a second."}}),
            json!(["keys"]),
        ),
        tool(
            "wait_on_hold",
            "Stay silent and wait because the callee asked you to hold.",
            json!({}),
            json!([]),
        ),
    ];
    if transfer {
        tools.push(tool(
            "transfer",
            "Connect the callee to the customer in person.",
            json!({}),
            json!([]),
        ));
    }
    Value::Array(tools)
}

/// One piece of a streamed reply, or a whole reply of a server that does not stream.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    pub(super) error: Option<Value>,
}

/// What a chunk holds of the one answer that is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    #[serde(alias = "message")]
    pub(super) delta: Option<Delta>,
    pub(super) finish_reason: Option<String>,
}

/// What is new. Reasoning fields are not read: they are not meant to be spoken.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta {
    pub(super) content: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Option<Vec<ToolCall>>,
}

/// A piece of a tool call.
#[derive(Debug, Deserialize)]
pub(super) struct ToolCall {
    /// Which of several; some servers leave it out.
    pub(super) index: Option<usize>,
    pub(super) function: Option<Function>,
}

/// The name comes once, the arguments in pieces of JSON text, or from some servers as an object.
#[derive(Debug, Deserialize)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<Value>,
}

/// Returns the text of a whole answer.
pub(super) fn read_answer(body: &str) -> Option<String> {
    let chunk: Chunk = serde_json::from_str(body).ok()?;
    chunk
        .choices
        .into_iter()
        .next()?
        .delta?
        .content
        .filter(|text| !text.trim().is_empty())
}

/// Returns the message in an error body with a space before it, shortened; empty when there is none.
pub(super) fn error_message(body: &str) -> String {
    let error = serde_json::from_str::<Value>(body)
        .ok()
        .and_then(|body| body.get("error").cloned());
    error.as_ref().map_or_else(String::new, message_of)
}

/// Returns the message of an error object or string, as [`error_message`] does.
pub(super) fn message_of(error: &Value) -> String {
    let code = error["code"]
        .as_str()
        .or(error["type"].as_str())
        .unwrap_or("");
    let message = error["message"].as_str().or(error.as_str()).unwrap_or(code);
    let message: String = message
        .chars()
        .filter(|c| !c.is_control())
        .take(MESSAGE_MAX)
        .collect();
    match (message.is_empty(), code.is_empty() || message == code) {
        (true, _) => String::new(),
        (false, true) => format!(" It said: {message}"),
        (false, false) => format!(" It said: {message} ({code})"),
    }
}
