//! What is said to requests that are none: always an error of JSON-RPC, with the codes of the protocol's specification. The
//! library answers some of them in plain text, or with the code of another mistake.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, Response, StatusCode, header};
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

use crate::server::answer::{self, Body, Outcome};

/// The header by which clients say which revision they speak.
const VERSION: &str = "mcp-protocol-version";
/// JSON-RPC: this is no JSON.
const PARSE_ERROR: i32 = -32_700;
/// JSON-RPC: this is no request.
const INVALID_REQUEST: i32 = -32_600;
/// JSON-RPC: there is no such method.
const METHOD_NOT_FOUND: i32 = -32_601;
/// JSON-RPC: the method takes other parameters.
const INVALID_PARAMS: i32 = -32_602;
/// Of the protocol: the revision is not spoken here.
const UNSUPPORTED_VERSION: i32 = -32_022;
/// Methods that there are. Parameters which none of them takes make the library look for another method.
const METHODS: [&str; 5] = [
    "initialize",
    "server/discover",
    "tools/list",
    "tools/call",
    "ping",
];
/// The longest answer in which a wrong code is looked for.
const SHORT: u64 = 4096;

/// Returns the refusal of a request that the library need not see.
pub(super) fn before(method: &Method, headers: &HeaderMap, body: &Bytes) -> Option<Outcome> {
    if method != Method::POST {
        return None;
    }
    let asked: Value = match serde_json::from_slice(body) {
        Ok(asked) => asked,
        Err(error) => {
            let message = format!("The body is no JSON that can be read: {error}.");
            return Some(refuse(
                StatusCode::BAD_REQUEST,
                &Value::Null,
                PARSE_ERROR,
                &message,
            ));
        }
    };
    if !asked.is_object() {
        let message = "The body is a single request: one JSON object.";
        return Some(refuse(
            StatusCode::BAD_REQUEST,
            &Value::Null,
            INVALID_REQUEST,
            message,
        ));
    }
    let version = headers.get(VERSION)?;
    let spoken = ProtocolVersion::KNOWN_VERSIONS;
    if spoken.iter().any(|spoken| version == spoken.as_str()) {
        return None;
    }
    let requested: String = String::from_utf8_lossy(version.as_bytes())
        .chars()
        .take(64)
        .collect();
    let supported: Vec<_> = spoken.iter().map(ProtocolVersion::as_str).collect();
    let error = json!({
        "code": UNSUPPORTED_VERSION,
        "message": format!("The revision of the protocol is not spoken here. Take {}.", supported.join(", ")),
        "data": { "supported": supported, "requested": requested },
    });
    Some(answer::json(
        StatusCode::BAD_REQUEST,
        &envelope(id_of(&asked), &error),
    ))
}

/// Makes the library's own refusals errors of JSON-RPC.
pub(super) async fn mend(response: Response<Body>, asked: &Bytes) -> Response<Body> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let length = hyper::body::Body::size_hint(response.body()).exact();
    let is_short = length.is_some_and(|length| length <= SHORT);
    if !is_short || status.is_success() && !is_json || status == StatusCode::ACCEPTED {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let bytes = bytes.unwrap_or_default();
    let asked: Value = serde_json::from_slice(asked).unwrap_or_default();
    let body = if is_json {
        better_code(&bytes, &asked)
    } else {
        let said = String::from_utf8_lossy(&bytes);
        let message = if said.is_empty() {
            status.canonical_reason().unwrap_or("refused")
        } else {
            said.as_ref()
        };
        let error = json!({ "code": INVALID_REQUEST, "message": message });
        Some(envelope(id_of(&asked), &error))
    };
    let Some(body) = body else {
        return Response::from_parts(parts, answer::bytes(status, bytes).into_body());
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    Response::from_parts(parts, answer::text(status, body.to_string()).into_body())
}

/// Returns the answer with another code, where the library looked for a method because of its parameters.
fn better_code(bytes: &Bytes, asked: &Value) -> Option<Value> {
    let method = asked["method"]
        .as_str()
        .filter(|method| METHODS.contains(method))?;
    let answered: Value = serde_json::from_slice(bytes).ok()?;
    if answered["error"]["code"] != METHOD_NOT_FOUND {
        return None;
    }
    let message = format!("The parameters are not those of {method}.");
    let error = json!({ "code": INVALID_PARAMS, "message": message });
    Some(envelope(id_of(asked), &error))
}

fn refuse(status: StatusCode, id: &Value, code: i32, message: &str) -> Outcome {
    let error = json!({ "code": code, "message": message });
    answer::json(status, &envelope(id, &error))
}

fn envelope(id: &Value, error: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}

/// The id of a request; null where it has none that could be one.
fn id_of(asked: &Value) -> &Value {
    match &asked["id"] {
        id @ (Value::String(_) | Value::Number(_)) => id,
        _ => &Value::Null,
    }
}
