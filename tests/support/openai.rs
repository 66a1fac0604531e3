//! A stand-in for OpenAI's chat completions: their rules for requests, and chunks as they send them (API reference 2.3).

use serde_json::{Value, json};

use super::service::{Answer, Rules};

/// The key that is taken.
pub(crate) const KEY: &str = "sk-test-1234567890";
/// The model that there is.
pub(crate) const MODEL: &str = "small";

/// Strict rules: unknown fields, missing models, roles out of order and bad tools are refused.
pub(crate) const RULES: Rules = Rules {
    path: "/v1/chat/completions",
    headers: &[("authorization", "Bearer sk-test-1234567890")],
    body: complaint_about,
    error,
};

/// An error as the service writes it.
pub(crate) fn error(status: u16, message: &str) -> Answer {
    let kind = match status {
        401 => "invalid_api_key",
        429 => "rate_limit_exceeded",
        _ => "invalid_request_error",
    };
    let body = json!({"error": {"message": message, "type": kind, "param": null, "code": kind}});
    Answer::json(status, &body.to_string())
}

/// One chunk with this delta and, unless empty, a finish reason.
pub(crate) fn delta(delta: &str, finish: &str) -> String {
    let finish = match finish {
        "" => Value::Null,
        reason => reason.into(),
    };
    let delta: Value = serde_json::from_str(delta).expect("a delta in JSON");
    let chunk = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_694_268_190, "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
    });
    format!("data: {chunk}\n\n")
}

/// The last chunk of a stream that tells its usage.
pub(crate) const USAGE: &str = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1694268190,\
                                \"model\":\"small\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\
                                \"total_tokens\":11}}\n\n";
/// The end of a stream.
pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// A whole answer that is not streamed.
pub(crate) fn whole(text: &str) -> Answer {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_694_268_190, "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null},
                     "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    });
    Answer::json(200, &body.to_string())
}

/// What the reference does not allow.
fn complaint_about(body: &Value) -> Option<String> {
    const KNOWN: [&str; 10] = [
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "temperature",
        "max_tokens",
        "max_completion_tokens",
        "response_format",
    ];
    let Some(fields) = body.as_object() else {
        return Some("the body is no object".to_owned());
    };
    if let Some(unknown) = fields.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Some(format!("unknown field {unknown}"));
    }
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let roles: Vec<&str> = messages
        .iter()
        .map(|m| m["role"].as_str().unwrap_or(""))
        .collect();
    let alternate = roles
        .iter()
        .skip(1)
        .enumerate()
        .all(|(i, role)| *role == if i % 2 == 0 { "user" } else { "assistant" });
    if body["model"] != MODEL
        || roles.first() != Some(&"system")
        || !alternate
        || roles.last() != Some(&"user")
    {
        return Some(format!("model {} or roles {roles:?}", body["model"]));
    }
    if !messages
        .iter()
        .all(|m| m["content"].as_str().is_some_and(|t| !t.is_empty()))
    {
        return Some("an empty message".to_owned());
    }
    let good = |tool: &Value| {
        let function = &tool["function"];
        let name = function["name"].as_str().unwrap_or("");
        tool["type"] == "function"
            && is_strict(&function["parameters"])
            && (1..=64).contains(&name.len())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    let tools = body["tools"].as_array();
    if tools.is_some_and(|tools| tools.is_empty() || !tools.iter().all(good)) {
        return Some("a bad tool".to_owned());
    }
    let format = &body["response_format"];
    let strict = format["json_schema"]["strict"] == true
        && is_strict(&format["json_schema"]["schema"])
        && format["json_schema"]["name"].is_string();
    (format["type"] == "json_schema" && !strict).then(|| "a schema that is not strict".to_owned())
}

/// Strict schemas: every object names all its properties as required and allows no others.
pub(crate) fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            let object = fields.get("type").is_some_and(|kind| kind == "object");
            let properties = fields.get("properties").and_then(Value::as_object);
            let required = fields.get("required").and_then(Value::as_array);
            let complete = match (properties, required) {
                (Some(properties), Some(required)) => {
                    properties.len() == required.len()
                        && required
                            .iter()
                            .all(|name| name.as_str().is_some_and(|n| properties.contains_key(n)))
                }
                _ => false,
            };
            let closed = fields.get("additionalProperties") == Some(&Value::Bool(false));
            (!object || complete && closed) && fields.values().all(is_strict)
        }
        Value::Array(items) => items.iter().all(is_strict),
        _ => true,
    }
}
