//! A stand-in for Deepgram: `/v1/listen` ([`nova`]) and `/v2/listen` ([`flux`]) on a socket of this machine.
//!
//! Strict: a handshake with a wrong key, an unknown or senseless parameter is refused as the service refuses it, and a
//! message that is not in the protocol closes the connection and is remembered as a complaint.

mod flux;
mod nova;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use agentphone::driver::clock;
use futures_util::{SinkExt, StreamExt};
use media::Codec;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use super::{Fault, KEY, Seen, Shared, Socket, ear::Ear};

/// How long the service waits for sound or a sign of life.
const PATIENCE: Duration = Duration::from_secs(10);
/// The identifier of every request.
const REQUEST: &str = "3fa85f64-5717-4562-b3fc-2c963f66afa6";

/// A running service. Ends with the runtime.
#[derive(Debug, Clone)]
pub(crate) struct StandIn {
    address: SocketAddr,
    shared: Shared,
}

/// Parameters of a handshake; each may be given more than once.
type Parameters = BTreeMap<String, Vec<String>>;
/// A parameter's name, and which values it may have.
type Rule = (&'static str, fn(&str) -> bool);

/// What a client asked for.
#[derive(Debug, Clone, Default)]
struct Asked {
    path: String,
    parameters: Parameters,
    fault: Option<Fault>,
}

/// How one interface listens and what it says.
trait Listener {
    /// What is said first.
    fn begin(&mut self) -> Vec<Value>;
    /// The ear has heard more.
    fn hear(&mut self, ear: &mut Ear) -> Vec<Value>;
    /// A text message. `Err` is what the protocol does not allow, `Ok(None)` is the end.
    fn told(&mut self, text: &Value, ear: &mut Ear) -> Result<Option<Vec<Value>>, String>;
    /// What is said before the end.
    fn end(&mut self, ear: &mut Ear) -> Vec<Value>;
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
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        this
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Says what will be heard, a sentence for each stretch of voice.
    pub(crate) fn will_hear(&self, sentences: &[&'static str]) {
        *self.shared.script.lock().expect("no panic") = (sentences.to_vec(), 0);
    }

    /// Plans faults for the next connections, one each.
    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults.lock().expect("no panic").extend(faults);
    }

    /// Looks at what was told.
    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.shared.seen.lock().expect("no panic"))
    }
}

#[expect(clippy::result_large_err, reason = "the library's own type")]
fn handshake(
    request: &Request,
    response: Response,
    shared: &Shared,
    asked: &mut Asked,
) -> Result<Response, ErrorResponse> {
    let uri = request.uri();
    shared.see(|seen| seen.handshakes.push(uri.to_string()));
    asked.path = uri.path().to_owned();
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        asked
            .parameters
            .entry(name.into_owned())
            .or_default()
            .push(value.into_owned());
    }
    asked.fault = shared.next_fault();
    if let Some(Fault::Refuse(status, header, body)) = asked.fault {
        return Err(refusal(status, header, body.to_owned()));
    }
    let key = request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    // The Python package writes a bearer's scheme in lower case.
    let good = [
        format!("Token {KEY}"),
        format!("Bearer {KEY}"),
        format!("bearer {KEY}"),
    ];
    if !key.is_some_and(|key| good.iter().any(|good| good == key)) {
        let body = json!({"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": REQUEST});
        return Err(refusal(
            401,
            Some(("dg-error", "Invalid credentials.")),
            body.to_string(),
        ));
    }
    let wrong = match asked.path.as_str() {
        "/v1/listen" => nova::wrong(&asked.parameters),
        "/v2/listen" => flux::wrong(&asked.parameters),
        path => {
            return Err(refusal(
                404,
                None,
                json!({"err_code": "NOT_FOUND", "err_msg": path}).to_string(),
            ));
        }
    };
    if let Some(wrong) = wrong {
        shared.complain(format!("{uri}: {wrong}"));
        let body =
            json!({"err_code": "INVALID_QUERY_PARAMETER", "err_msg": wrong, "request_id": REQUEST});
        return Err(refusal(
            400,
            Some(("dg-error", "Invalid query.")),
            body.to_string(),
        ));
    }
    let mut response = response;
    response
        .headers_mut()
        .insert("dg-request-id", REQUEST.parse().expect("a header"));
    Ok(response)
}

fn refusal(
    status: u16,
    header: Option<(&'static str, &'static str)>,
    body: String,
) -> ErrorResponse {
    let mut builder = tokio_tungstenite::tungstenite::http::Response::builder()
        .status(status)
        .header("content-length", body.len());
    if let Some((name, value)) = header {
        builder = builder.header(name, value);
    }
    builder.body(Some(body)).expect("a response")
}

#[expect(
    clippy::result_large_err,
    reason = "the library's own type in a closure"
)]
async fn serve(stream: TcpStream, shared: Shared) {
    let mut asked = Asked::default();
    let next = shared.faults.lock().expect("no panic").front().cloned();
    if let Some(Fault::Slow(wait)) = next {
        clock::sleep(wait).await;
    }
    let accepted = accept_hdr_async(stream, |request: &Request, response: Response| {
        handshake(request, response, &shared, &mut asked)
    });
    let Ok(socket) = accepted.await else { return };
    shared.see(|seen| seen.open += 1);
    talk(socket, &asked, &shared).await;
    shared.see(|seen| seen.open -= 1);
}

async fn talk(mut socket: Socket, asked: &Asked, shared: &Shared) {
    let first = |name: &str| {
        asked
            .parameters
            .get(name)
            .and_then(|values| values.first())
            .cloned()
    };
    let mulaw = first("encoding").as_deref() == Some("mulaw");
    let rate = first("sample_rate")
        .and_then(|rate| rate.parse().ok())
        .unwrap_or(16_000);
    let mut ear = Ear::knowing(rate, shared.script.clone());
    let mut listener: Box<dyn Listener + Send> = if asked.path == "/v1/listen" {
        Box::new(nova::Nova::new(
            &asked.parameters,
            asked.fault == Some(Fault::NoAnswers),
        ))
    } else {
        Box::new(flux::Flux::new(&asked.parameters))
    };
    let mut said = say(&mut socket, listener.begin()).await;
    while said {
        let message = match clock::timeout(PATIENCE, socket.next()).await {
            None => return close(&mut socket, 1011, "NET-0001").await,
            Some(Some(Ok(message))) => message,
            Some(_) => return,
        };
        let answer = match message {
            // An empty message ends the stream, as CloseStream does.
            Message::Binary(bytes) if bytes.is_empty() => None,
            Message::Binary(bytes) => {
                if !mulaw && !bytes.len().is_multiple_of(2) {
                    shared.complain("half a sample");
                    return close(&mut socket, 1008, "DATA-0000").await;
                }
                let before = ear.fault_time();
                if mulaw {
                    ear.hear(bytes.iter().map(|code| Codec::Pcmu.decode_byte(*code)));
                } else {
                    ear.hear(
                        bytes
                            .as_chunks::<2>()
                            .0
                            .iter()
                            .map(|s| i16::from_le_bytes(*s)),
                    );
                }
                match due(asked.fault.as_ref(), before, ear.fault_time()) {
                    Some(Fault::Cut(_)) => return,
                    Some(Fault::Close(code, reason, _)) => {
                        return close(&mut socket, *code, reason).await;
                    }
                    Some(Fault::Malformed(text, _)) => {
                        let _ = socket.send(Message::text(*text)).await;
                    }
                    Some(Fault::Hang(_)) => return std::future::pending().await,
                    _ => {}
                }
                Some(listener.hear(&mut ear))
            }
            Message::Text(text) => {
                shared.see(|seen| seen.texts.push(text.to_string()));
                let json: Value = serde_json::from_str(&text).unwrap_or_default();
                match listener.told(&json, &mut ear) {
                    Ok(answer) => answer,
                    Err(complaint) => {
                        shared.complain(format!("{complaint}: {text}"));
                        return close(&mut socket, 1008, "DATA-0000").await;
                    }
                }
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            Message::Close(_) => return,
        };
        let Some(answer) = answer else {
            say(&mut socket, listener.end(&mut ear)).await;
            return close(&mut socket, 1000, "").await;
        };
        said = say(&mut socket, answer).await;
    }
}

/// The fault whose time has come with this piece of sound.
fn due(fault: Option<&Fault>, before: Duration, after: Duration) -> Option<&Fault> {
    let fault = fault?;
    let at = match fault {
        Fault::Cut(at) | Fault::Hang(at) | Fault::Close(_, _, at) | Fault::Malformed(_, at) => *at,
        Fault::Refuse(..) | Fault::Slow(_) | Fault::NoAnswers => return None,
    };
    (before <= at && at < after).then_some(fault)
}

async fn say(socket: &mut Socket, messages: Vec<Value>) -> bool {
    for message in messages {
        if socket
            .send(Message::text(message.to_string()))
            .await
            .is_err()
        {
            return false;
        }
    }
    true
}

async fn close(socket: &mut Socket, code: u16, reason: &str) {
    let frame = CloseFrame {
        code: CloseCode::from(code),
        reason: reason.to_owned().into(),
    };
    // The client may be gone.
    let _ = socket.close(Some(frame)).await;
    // Its own close is waited for, so that nothing that was said is lost.
    while let Some(Ok(_)) = socket.next().await {}
}

/// The one value of a parameter, checked.
fn check(parameters: &Parameters, known: &[Rule]) -> Option<String> {
    for (name, values) in parameters {
        let Some((_, good)) = known.iter().find(|(known, _)| known == name) else {
            return Some(format!("unknown parameter {name}"));
        };
        if values.len() > 1 && !["keyterm", "language_hint"].contains(&name.as_str()) {
            return Some(format!("{name} is given twice"));
        }
        if let Some(wrong) = values.iter().find(|value| !good(value)) {
            return Some(format!("{name} cannot be {wrong}"));
        }
    }
    let missing = |name: &&&str| !parameters.contains_key(**name);
    ["model", "encoding", "sample_rate"]
        .iter()
        .find(missing)
        .map(|name| format!("{name} is missing"))
}

fn is_bool(value: &str) -> bool {
    matches!(value, "true" | "false")
}

fn is_within(value: &str, range: std::ops::RangeInclusive<f64>) -> bool {
    value.parse().is_ok_and(|value| range.contains(&value))
}
