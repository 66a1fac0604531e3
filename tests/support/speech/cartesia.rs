//! The stand-in for Cartesia's `/tts/websocket`: contexts on one socket, sound as base64, times for each word.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::server::Request},
};

use super::{Fault, KEY, Told, accept, mulaw, tone, unknown};

/// Characters of a piece.
const PIECE: usize = 5;

type Socket = WebSocketStream<TcpStream>;

pub(super) async fn serve(stream: TcpStream, told: Told<'_>) {
    let check = |request: &Request| {
        told.opened(request.uri().path());
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        if header("x-api-key") != Some(KEY) {
            return Err((401, json!({"title": "Unauthorized"}).to_string(), None));
        }
        if header("cartesia-version").is_none_or(|version| version.len() != 10) {
            told.state.wrong("no version");
            return Err((400, json!({"title": "no version"}).to_string(), None));
        }
        Ok(())
    };
    if let Some(mut socket) = accept(stream, check).await {
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(message) = message else {
                continue;
            };
            let message: Value = serde_json::from_str(&message).unwrap_or_default();
            if message["cancel"] == true {
                told.text(&format!("cancel {}", message["context_id"]));
            } else if speak(&mut socket, &message, told).await.is_none() {
                return;
            }
        }
    }
}

/// `None` when the connection is over.
async fn speak(socket: &mut Socket, message: &Value, told: Told<'_>) -> Option<()> {
    let known = [
        "model_id",
        "transcript",
        "voice",
        "language",
        "context_id",
        "output_format",
        "continue",
        "add_timestamps",
        "max_buffer_delay_ms",
        "generation_config",
    ];
    let format = json!({"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000});
    let text = message["transcript"].as_str().unwrap_or_default();
    let fine = message.is_object()
        && unknown(message, &known).is_empty()
        && !text.is_empty()
        && message["model_id"].is_string()
        && message["voice"]["mode"] == "id"
        && message["voice"]["id"].is_string()
        && message["output_format"] == format;
    let id = &message["context_id"];
    if !fine {
        told.state.wrong(format!("message {message}"));
        return error(socket, id, 400, "Bad Request").await;
    }
    let fault = told.state.fault(text);
    told.text(text);
    let characters: Vec<char> = text.chars().collect();
    let most = match fault {
        Some(Fault::Busy(_)) => return error(socket, id, 429, "Too Many Requests").await,
        Some(Fault::Expired) => return error(socket, id, 401, "Unauthorized").await,
        Some(Fault::NoSound) => return Some(()),
        Some(Fault::CutAfter(characters)) => characters,
        _ => characters.len(),
    };
    let mut words = Vec::new();
    let mut end = 0;
    for word in text.split(' ') {
        end += word.chars().count() + 1;
        if !word.is_empty() {
            words.push((word, (end - 1) as f64 * 0.06));
        }
    }
    let (words, ends): (Vec<_>, Vec<_>) = words.into_iter().unzip();
    let times = json!({"words": words, "start": ends, "end": ends});
    let times = json!({"type": "timestamps", "done": false, "status_code": 206, "word_timestamps": times, "context_id": id});
    socket.send(Message::text(times.to_string())).await.ok()?;
    for piece in characters[..most.min(characters.len())].chunks(PIECE) {
        let data = STANDARD.encode(mulaw(&tone(piece.len(), 8000)));
        let chunk = json!({"type": "chunk", "data": data, "done": false, "status_code": 206, "step_time": 9.5, "context_id": id});
        socket.send(Message::text(chunk.to_string())).await.ok()?;
        if fault == Some(Fault::Malformed) {
            socket.send(Message::text("no JSON")).await.ok()?;
            return Some(());
        }
    }
    if matches!(fault, Some(Fault::CutAfter(_))) {
        return None;
    }
    let done = json!({"type": "done", "done": true, "status_code": 200, "context_id": id});
    socket.send(Message::text(done.to_string())).await.ok()
}

async fn error(socket: &mut Socket, id: &Value, status: u16, title: &str) -> Option<()> {
    let body = json!({
        "type": "error", "done": true, "title": title, "message": title, "error_code": "x",
        "status_code": status, "context_id": id,
    });
    socket.send(Message::text(body.to_string())).await.ok()
}
