//! The requests and answers of chat completions, as far as they are used (OpenAI API reference 2.3, `POST
//! /chat/completions`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::dialect::Known;
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
/// Low: a call is no place for surprises.
const TEMPERATURE: f64 = 0.3;

/// Makes the request for a streamed reply.
pub(super) fn reply_request(model: &str, request: &LlmRequest, known: Known) -> Value {
    let mut system = prompt::system(&request.brief);
    if !known.tools() {
        system.push_str(&tools::spelled(&request.brief));
    }
    let mut messages = vec![json!({"role": "system", "content": system})];
    for (role, text) in prompt::messages(&request.history) {
        let role = match role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        messages.push(json!({"role": role, "content": text}));
    }
    let mut body = json!({"model": model, "stream": true, "messages": messages});
    if known.tools() {
        let wrapped = tools::definitions(&request.brief).into_iter().map(|tool| {
            json!({"type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.parameters,
            }})
        });
        body["tools"] = wrapped.collect();
    }
    if known.temperature() {
        body["temperature"] = json!(TEMPERATURE);
    }
    if let Some(name) = known.limit() {
        body[name] = json!(MAX_TOKENS);
    }
    body
}

/// Makes the request for one whole JSON answer.
pub(super) fn answer_request(model: &str, question: &Question, known: Known) -> Value {
    let mut body = json!({
        "model": model,
        "messages": [
            {"role": "system", "content": question.system},
            {"role": "user", "content": question.user},
        ],
    });
    if known.temperature() {
        body["temperature"] = json!(0.0);
    }
    match &question.schema {
        Some(schema) if known.schema() => {
            body["response_format"] = json!({"type": "json_schema", "json_schema": {
                "name": "answer", "strict": true, "schema": schema,
            }});
        }
        Some(_) if known.json() => body["response_format"] = json!({"type": "json_object"}),
        _ => {}
    }
    body
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
    pub(super) content: Option<Value>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Option<Vec<ToolCall>>,
}

/// A piece of a tool call.
#[derive(Debug, Deserialize)]
pub(super) struct ToolCall {
    /// Which of several; some servers leave it out, or say 0 for each.
    pub(super) index: Option<usize>,
    /// Told with the first piece.
    pub(super) id: Option<String>,
    pub(super) function: Option<Function>,
}

/// The name comes once, the arguments in pieces of JSON text, or from some servers as an object.
#[derive(Debug, Deserialize)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<Value>,
}

/// Returns the text of a whole answer.
pub(super) fn read_answer(body: &str) -> Result<String, Problem> {
    let nothing = || Problem::Protocol("gave no answer".to_owned());
    let chunk: Chunk = serde_json::from_str(body).map_err(|_| nothing())?;
    if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
        return Err(chat::reported(&error));
    }
    let choice = chunk.choices.into_iter().next();
    let delta = choice.and_then(|choice| choice.delta).unwrap_or_default();
    if delta
        .refusal
        .as_deref()
        .is_some_and(|text| !text.is_empty())
    {
        return Err(Problem::Refused);
    }
    let text = text_of(delta.content.as_ref());
    let text = match text.rsplit_once("</think>") {
        Some((_, answer)) => answer.to_owned(),
        None => text,
    };
    if text.trim().is_empty() {
        return Err(nothing());
    }
    Ok(text)
}

/// The text of a content, which some servers send in parts.
pub(super) fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter(|part| part["type"] == "text")
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}
