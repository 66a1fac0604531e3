//! A stand-in for Anthropic's Messages API: their rules for requests, and events as they send them (version 2026-10-21).

use serde_json::{Value, json};

use super::service::{Answer, Rules};

/// The key that is taken.
pub(crate) const KEY: &str = "sk-ant-test-1234567890";
/// The model that there is.
pub(crate) const MODEL: &str = "claude-small";

/// Strict rules: unknown fields, no limit of tokens, roles out of order and bad tools are refused.
pub(crate) const RULES: Rules = Rules {
    path: "/v1/messages",
    headers: &[
        ("authorization", "Bearer sk-ant-test-1234567890"),
        ("anthropic-version", "2026-10-21"),
    ],
    body: complaint_about,
    error,
};

/// An error as the service writes it.
pub(crate) fn error(status: u16, message: &str) -> Answer {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"});
    Answer::json(status, &body.to_string())
}

/// One event of a stream.
pub(crate) fn event(data: &Value) -> String {
    let kind = data["type"].as_str().expect("an event has a type");
    format!("event: {kind}\ndata: {data}\n\n")
}

/// The beginning of a stream.
pub(crate) fn start() -> String {
    event(&json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 1},
    }}))
}

/// A part of a stream: a text in pieces.
pub(crate) fn text(index: usize, pieces: &[&str]) -> String {
    let begin = json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}});
    let mut all = event(&begin);
    for piece in pieces {
        all += &event(&json!({"type": "content_block_delta", "index": index,
            "delta": {"type": "text_delta", "text": piece}}));
    }
    all + &event(&json!({"type": "content_block_stop", "index": index}))
}

/// A part of a stream: a tool call whose arguments come in pieces of JSON text.
pub(crate) fn tool(index: usize, name: &str, pieces: &[&str]) -> String {
    let mut all = event(&json!({"type": "content_block_start", "index": index,
        "content_block": {"type": "tool_use", "id": format!("toolu_{index}"), "name": name, "input": {}}}));
    for piece in pieces {
        all += &event(&json!({"type": "content_block_delta", "index": index,
            "delta": {"type": "input_json_delta", "partial_json": piece}}));
    }
    all + &event(&json!({"type": "content_block_stop", "index": index}))
}

/// The end of a stream.
pub(crate) fn stop(reason: &str) -> String {
    let delta = json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
        "usage": {"output_tokens": 7}});
    event(&delta) + &event(&json!({"type": "message_stop"}))
}

/// A whole answer that is not streamed, of these parts.
pub(crate) fn whole(content: &Value, reason: &str) -> Answer {
    let body = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": content,
        "stop_reason": reason, "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 7},
    });
    Answer::json(200, &body.to_string())
}

/// What the reference does not allow.
fn complaint_about(body: &Value) -> Option<String> {
    const KNOWN: [&str; 7] = [
        "model",
        "max_tokens",
        "messages",
        "system",
        "stream",
        "tools",
        "tool_choice",
    ];
    let Some(fields) = body.as_object() else {
        return Some("the body is no object".to_owned());
    };
    if let Some(unknown) = fields.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Some(format!("{unknown}: Extra inputs are not permitted"));
    }
    if body["model"] != MODEL {
        return Some(format!("model: {}", body["model"]));
    }
    if body["max_tokens"].as_u64().is_none_or(|limit| limit == 0) {
        return Some("max_tokens: Field required".to_owned());
    }
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let alternate = messages.iter().enumerate().all(|(i, message)| {
        message["role"] == if i % 2 == 0 { "user" } else { "assistant" }
            && message["content"]
                .as_str()
                .is_some_and(|t| !t.trim().is_empty())
    });
    if messages.is_empty() || !alternate {
        return Some("messages: roles must alternate and hold text".to_owned());
    }
    let system = match &body["system"] {
        Value::Null | Value::String(_) => true,
        Value::Array(parts) => parts.iter().all(|part| {
            part["type"] == "text" && part["text"].as_str().is_some_and(|t| !t.is_empty())
        }),
        _ => false,
    };
    if !system {
        return Some("system: bad parts".to_owned());
    }
    let good = |tool: &Value| {
        let name = tool["name"].as_str().unwrap_or("");
        tool["input_schema"]["type"] == "object" && (1..=64).contains(&name.len())
    };
    let tools = body["tools"].as_array();
    tools
        .is_some_and(|tools| !tools.iter().all(good))
        .then(|| "tools: a bad tool".to_owned())
}
