//! A stand-in for the transcription endpoint of OpenAI's interface, over HTTP on a socket of this machine.
//!
//! Strict: wrong keys, unknown models and fields, a form without a file, or a file that is no WAV of 16 kHz are refused as
//! the service refuses them. It hears by [`super::ear`]; who says goodbye three times is told that it is busy.

use std::{convert::Infallible, net::SocketAddr};

use agentphone::driver::clock;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, header, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use super::{
    Fault, KEY, Seen, Shared,
    ear::{Ear, text},
};

/// Fields of the interface's reference that a client may send.
const FIELDS: [&str; 8] = [
    "file",
    "model",
    "language",
    "prompt",
    "response_format",
    "temperature",
    "stream",
    "timestamp_granularities[]",
];
const MODELS: [&str; 3] = ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"];

/// A running service. Ends with the runtime.
#[derive(Debug, Clone)]
pub(crate) struct StandIn {
    address: SocketAddr,
    shared: Shared,
}

impl StandIn {
    /// Starts on a free port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let this = Self {
            address: listener.local_addr().expect("an address"),
            shared: Shared::default(),
        };
        let shared = this.shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(request, &shared));
                    // A connection that is cut is an error here, as it should be.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        this
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Says what will be heard, a sentence for each stretch of voice.
    pub(crate) fn will_hear(&self, sentences: &[&'static str]) {
        *self.shared.script.lock().expect("no panic") = (sentences.to_vec(), 0);
    }

    /// Plans faults for the next requests, one each.
    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults.lock().expect("no panic").extend(faults);
    }

    /// Looks at what was told.
    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.shared.seen.lock().expect("no panic"))
    }
}

fn respond(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn refuse(status: u16, code: &str, message: &str) -> Response<Full<Bytes>> {
    let error = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}});
    respond(status, error.to_string())
}

async fn answer(
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Full<Bytes>>, Infallible> {
    shared.see(|seen| {
        seen.handshakes
            .push(format!("{} {}", request.method(), request.uri()))
    });
    let head = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (key, kind) = (head(header::AUTHORIZATION), head(header::CONTENT_TYPE));
    let right = request.method() == "POST" && request.uri().path() == "/v1/audio/transcriptions";
    let body = request
        .into_body()
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    match shared.next_fault() {
        Some(Fault::Refuse(status, named, text)) => {
            let mut response = respond(status, text.to_owned());
            if let Some((name, value)) = named {
                response
                    .headers_mut()
                    .insert(name, header::HeaderValue::from_static(value));
            }
            return Ok(response);
        }
        Some(Fault::Slow(wait)) => clock::sleep(wait).await,
        Some(Fault::Malformed(text, _)) => return Ok(respond(200, text.to_owned())),
        Some(Fault::Hang(_)) => return std::future::pending().await,
        _ => {}
    }
    if !right {
        return Ok(refuse(404, "unknown_url", "Unknown request URL."));
    }
    if key != Some(format!("Bearer {KEY}")) {
        return Ok(refuse(
            401,
            "invalid_api_key",
            "Incorrect API key provided: expired.",
        ));
    }
    Ok(match transcribe(&kind.unwrap_or_default(), &body, shared) {
        Ok(words) if words == "goodbye goodbye goodbye" => refuse(429, "rate_limit_exceeded", "Slow down."),
        Ok(words) => respond(200, json!({"text": words, "usage": {"type": "tokens", "input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}).to_string()),
        Err((404, complaint)) => refuse(404, "model_not_found", &complaint),
        Err((status, complaint)) => {
            shared.complain(complaint.clone());
            refuse(status, "invalid_value", &complaint)
        }
    })
}

/// The words of the file in a form (RFC 7578).
fn transcribe(kind: &str, body: &[u8], shared: &Shared) -> Result<String, (u16, String)> {
    let bad = |complaint: &str| (400, complaint.to_owned());
    let boundary = kind
        .strip_prefix("multipart/form-data; boundary=")
        .ok_or_else(|| bad("no form"))?;
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let (mut model, mut file) = (None, None);
    let mut parts = split(body, boundary.as_bytes());
    let last = parts.pop().unwrap_or_default();
    if !last.starts_with(b"--") || parts.is_empty() || !parts.remove(0).is_empty() {
        return Err(bad("a form without an end"));
    }
    for part in parts {
        let part = part
            .strip_prefix(b"\r\n")
            .and_then(|part| part.strip_suffix(b"\r\n"));
        let at = part.and_then(|part| part.windows(4).position(|four| four == b"\r\n\r\n"));
        let (part, at) = part.zip(at).ok_or_else(|| bad("a part without a head"))?;
        let (head, content) = (String::from_utf8_lossy(&part[..at]), &part[at + 4..]);
        let name = head
            .split("name=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let name = name.ok_or_else(|| bad("a part without a name"))?;
        if !FIELDS.contains(&name) {
            return Err((400, format!("unknown field {name}")));
        }
        let text = String::from_utf8_lossy(content).into_owned();
        match name {
            "file" if head.contains("filename=\"") => file = Some(content.to_vec()),
            "file" => return Err(bad("a file without a name")),
            "model" => model = Some(text),
            "language" if text.len() != 2 => return Err((400, format!("language {text}"))),
            _ => shared.see(|seen| seen.texts.push(format!("{name}={text}"))),
        }
    }
    let model = model.ok_or_else(|| bad("no model"))?;
    if !MODELS.contains(&model.as_str()) {
        return Err((404, format!("The model `{model}` does not exist.")));
    }
    let sound = media::wav::read(&file.ok_or_else(|| bad("no file"))?)
        .map_err(|error| bad(&error.to_string()))?;
    if sound.rate != 16_000 {
        return Err(bad("not 16 kHz"));
    }
    let mut ear = Ear::knowing(16_000, shared.script.clone());
    ear.hear(sound.samples.iter().copied());
    Ok(text(&ear.take_all()))
}

fn split<'a>(mut bytes: &'a [u8], by: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = bytes.windows(by.len()).position(|window| window == by) {
        parts.push(&bytes[..at]);
        bytes = &bytes[at + by.len()..];
    }
    parts.push(bytes);
    parts
}
