//! The stand-in for ElevenLabs' `stream-input`: one text a socket, sound as base64, times for each character.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::server::Request},
};

use super::{Fault, KEY, Told, accept, close, mulaw, tone, unknown};

/// Characters of a piece.
const PIECE: usize = 7;

type Socket = WebSocketStream<TcpStream>;

pub(super) async fn serve(stream: TcpStream, told: Told<'_>) {
    let check = |request: &Request| {
        told.opened(&request.uri().to_string());
        let key = request.headers().get("xi-api-key");
        if key.and_then(|key| key.to_str().ok()) != Some(KEY) {
            let body =
                json!({"detail": {"status": "invalid_api_key", "message": "Invalid API key"}});
            return Err((401, body.to_string(), None));
        }
        let path = request.uri().path();
        if !path.ends_with("/stream-input") || path.contains("/no-voice/") {
            return Err((404, json!({"detail": "Not Found"}).to_string(), None));
        }
        let query = request.uri().query().unwrap_or_default();
        let known = [
            "model_id",
            "language_code",
            "enable_logging",
            "enable_ssml_parsing",
            "output_format",
            "inactivity_timeout",
            "sync_alignment",
            "auto_mode",
            "apply_text_normalization",
            "seed",
        ];
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let fits = match &*name {
                "output_format" => value == "ulaw_8000",
                "inactivity_timeout" => value.parse::<u32>().is_ok_and(|seconds| seconds <= 180),
                "auto_mode" => matches!(&*value, "true" | "false"),
                name => known.contains(&name),
            };
            if !fits {
                told.state.wrong(format!("query {name}={value}"));
                return Err((422, json!({"detail": "unprocessable"}).to_string(), None));
            }
        }
        Ok(())
    };
    if let Some(mut socket) = accept(stream, check).await {
        converse(&mut socket, told).await;
    }
}

async fn converse(socket: &mut Socket, told: Told<'_>) {
    let (mut text, mut begun) = (String::new(), false);
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(message) = message else {
            if message.is_close() {
                return;
            }
            continue;
        };
        let Ok(message) = serde_json::from_str::<Value>(&message) else {
            told.state.wrong("no JSON");
            let _: Result<_, _> = socket.send(close(1007, "invalid JSON")).await;
            return;
        };
        let known = [
            "text",
            "voice_settings",
            "generation_config",
            "try_trigger_generation",
            "flush",
            "xi-api-key",
            "xi_api_key",
            "authorization",
            "pronunciation_dictionary_locators",
        ];
        let piece = message["text"].as_str();
        let late = begun && !message["voice_settings"].is_null();
        if !unknown(&message, &known).is_empty() || piece.is_none() || late {
            told.state.wrong(format!("message {message}"));
            let _: Result<_, _> = socket.send(close(1008, "invalid message")).await;
            return;
        }
        let piece = piece.unwrap_or_default();
        if !begun {
            begun = true;
            if piece != " " {
                told.state
                    .wrong(format!("a first message without its blank: {message}"));
            }
        } else if piece.is_empty() {
            break;
        } else if piece != " " {
            if !piece.ends_with(' ') {
                told.state
                    .wrong(format!("no blank at the end of {piece:?}"));
            }
            text.push_str(piece);
        }
    }
    if text.is_empty() {
        return;
    }
    let fault = told.state.fault(&text);
    told.text(text.trim_end());
    speak(socket, &text, fault).await;
}

async fn speak(socket: &mut Socket, text: &str, fault: Option<Fault>) {
    let refused = match fault {
        Some(Fault::Busy(_)) => Some((
            "Too many concurrent requests",
            "too_many_concurrent_requests",
        )),
        Some(Fault::Expired) => Some(("Invalid API key", "invalid_api_key")),
        _ => None,
    };
    if let Some((message, error)) = refused {
        let body = json!({"message": message, "error": error, "code": 1008}).to_string();
        let _: Result<_, _> = socket.send(Message::text(body)).await;
        let _: Result<_, _> = socket.send(close(1008, message)).await;
        return;
    }
    if fault == Some(Fault::NoSound) {
        while let Some(Ok(_)) = socket.next().await {}
        return;
    }
    let characters: Vec<String> = text.chars().map(String::from).collect();
    let most = match fault {
        Some(Fault::CutAfter(characters)) => characters,
        _ => characters.len(),
    };
    for piece in characters[..most.min(characters.len())].chunks(PIECE) {
        let starts: Vec<usize> = (0..piece.len()).map(|n| 60 * n).collect();
        let times = json!({
            "chars": piece,
            "charStartTimesMs": starts,
            "charsDurationsMs": vec![60; piece.len()],
        });
        let body = json!({
            "audio": STANDARD.encode(mulaw(&tone(piece.len(), 8000))),
            "isFinal": null,
            "normalizedAlignment": times,
            "alignment": times,
        });
        if socket.send(Message::text(body.to_string())).await.is_err() {
            return;
        }
        if fault == Some(Fault::Malformed) {
            let _: Result<_, _> = socket.send(Message::text("{\"audio\": 7")).await;
            while let Some(Ok(_)) = socket.next().await {}
            return;
        }
    }
    if matches!(fault, Some(Fault::CutAfter(_))) {
        // The connection ends without a word when the socket is dropped.
        return;
    }
    let end = json!({"audio": null, "isFinal": true}).to_string();
    let _: Result<_, _> = socket.send(Message::text(end)).await;
    let _: Result<_, _> = socket.send(close(1000, "")).await;
    while let Some(Ok(_)) = socket.next().await {}
}
