//! The stand-in for OpenAI's speech interface: `POST /v1/audio/speech`, and `GET /v1/models`.

use std::{convert::Infallible, io};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response,
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{Fault, KEY, Told, tone, unknown};

/// Bytes of a piece of the body: an odd number, so that samples are split.
const PIECE: usize = 4801;
/// The longest input.
const LONGEST: usize = 4096;

type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(super) async fn serve(stream: TcpStream, told: Told<'_>) {
    let service =
        service_fn(move |request| async move { Ok::<_, Infallible>(answer(request, told).await) });
    // A cut connection is an error here, as it should be.
    let _: Result<_, _> = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, told: Told<'_>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    told.opened(&path);
    let key = request.headers().get("authorization").cloned();
    if key.as_ref().and_then(|key| key.to_str().ok()) != Some(&format!("Bearer {KEY}")) {
        return refusal(401, "invalid_api_key", "Incorrect API key provided.");
    }
    match (request.method(), path.as_str()) {
        (&Method::GET, "/v1/models") => json_body(200, &json!({"object": "list", "data": []})),
        (&Method::POST, "/v1/audio/speech") => {
            let body = request
                .into_body()
                .collect()
                .await
                .expect("as the test set it up")
                .to_bytes();
            speech(&body, told)
        }
        _ => refusal(404, "not_found", "Invalid URL"),
    }
}

fn speech(body: &[u8], told: Told<'_>) -> Response<Body> {
    let Ok(body @ Value::Object(_)) = serde_json::from_slice::<Value>(body) else {
        told.state.wrong("no JSON object");
        return refusal(400, "invalid_json", "We could not parse the JSON body.");
    };
    let known = [
        "model",
        "input",
        "voice",
        "instructions",
        "response_format",
        "speed",
        "stream_format",
    ];
    let strange = unknown(&body, &known);
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (input, format) = (text("input"), text("response_format"));
    let complete = !text("model").is_empty() && !text("voice").is_empty() && !input.is_empty();
    if !strange.is_empty() || !complete || input.chars().count() > LONGEST || format != "pcm" {
        told.state.wrong(format!("speech: {body}"));
        return refusal(
            400,
            "invalid_request_error",
            "Unrecognized request argument.",
        );
    }
    let fault = told.state.fault(&input);
    told.text(&input);
    let mut bytes: Vec<u8> = tone(input.chars().count(), 24_000)
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let mut end = End::Clean;
    match fault {
        Some(Fault::Busy(seconds)) => {
            let mut refused = refusal(429, "rate_limit_exceeded", "Rate limit reached.");
            refused.headers_mut().insert("retry-after", seconds.into());
            return refused;
        }
        Some(Fault::Expired) => return refusal(401, "invalid_api_key", "The key has expired."),
        Some(Fault::Malformed) => {
            return json_body(200, &json!({"object": "something else"}));
        }
        Some(Fault::NoSound) => {
            bytes.clear();
            end = End::Never;
        }
        Some(Fault::CutAfter(characters)) => {
            bytes.truncate(characters * 2880);
            end = End::Cut;
        }
        None => {}
    }
    let pieces: Vec<_> = bytes
        .chunks(PIECE)
        .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    let pieces = stream::iter(pieces);
    let body = match end {
        End::Clean => StreamBody::new(pieces).boxed_unsync(),
        End::Cut => {
            let cut = stream::once(async {
                // What was written before is on its way when the connection ends.
                tokio::task::yield_now().await;
                Err(io::Error::other("cut"))
            });
            StreamBody::new(pieces.chain(cut)).boxed_unsync()
        }
        End::Never => StreamBody::new(pieces.chain(stream::pending())).boxed_unsync(),
    };
    Response::builder()
        .header("content-type", "audio/pcm")
        .body(body)
        .expect("as the test set it up")
}

enum End {
    Clean,
    Cut,
    Never,
}

fn refusal(status: u16, code: &str, message: &str) -> Response<Body> {
    let error =
        json!({"message": message, "type": "invalid_request_error", "param": null, "code": code});
    json_body(status, &json!({ "error": error }))
}

fn json_body(status: u16, body: &Value) -> Response<Body> {
    let text = Bytes::from(body.to_string());
    let body = http_body_util::Full::new(text).map_err(|never| match never {});
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body.boxed_unsync())
        .expect("as the test set it up")
}
