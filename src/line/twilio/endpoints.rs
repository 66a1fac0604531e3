//! What the carrier asks of us over HTTP: callbacks about calls, instructions for incoming ones, and streams.
//!
//! Everything is signed by the carrier, over the address that it was given, which is built from `server.public_url`
//! and never from the request's own headers. What is not signed gets 403. A callback about a call that is not known
//! (any more) is answered like any other: there is nothing that the carrier could do about it.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use protocol::twilio::{
    callback::{AnsweredBy, Fields, IncomingCall, StatusCallback, StreamCallback},
    signature::{self, Signed},
    stream::{Message as Said, Start},
    twiml,
};
use tokio::sync::oneshot;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    Shared,
    registry::{OpenStream, Refusal, Signal, Undelivered},
};
use crate::{
    driver::clock,
    line::{Endpoints, Incoming, Wire, WireRequest, WireResponse, WireSession},
    provider::BoxFuture,
};

/// The longest message that is taken off the socket, in bytes; what is longer than a carrier's is read and refused,
/// so that it costs the stream nothing.
const MAX_MESSAGE: usize = 4 << 20;
/// Memory for what is read from a socket at once: several of a carrier's messages. Every call has one.
const READ_BUFFER: usize = 4 << 10;
/// How long a stream may take to say what it is.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long the decision about an incoming call may take; the carrier waits for 15 s.
const TAKE_LIMIT: Duration = Duration::from_secs(5);
/// How long a taken call may wait for the task that carries it.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// The most messages before a stream's start.
const MOST_BEFORE_START: usize = 8;
/// How long closing a refused socket may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

const FORM: &str = "application/x-www-form-urlencoded";

/// The paths of the line.
#[derive(Debug, Clone)]
pub(super) struct Carrier(pub(super) Arc<Shared>);

impl Endpoints for Carrier {
    fn answer<'a>(&'a self, request: WireRequest) -> BoxFuture<'a, WireResponse> {
        Box::pin(async move {
            match self.read(&request) {
                Ok(fields) => self.dispatch(&request, &fields).await,
                Err(refusal) => refusal,
            }
        })
    }

    fn open(&self, request: &WireRequest) -> Result<WireSession, WireResponse> {
        if request.endpoint != "media" {
            self.0.tally.senseless.add();
            return Err(refusal(404, "There is no stream at this path."));
        }
        let url = self.0.options().stream_url();
        let url = match request.target.split_once('?') {
            Some((_, query)) => format!("{url}?{query}"),
            None => url,
        };
        self.check_signature(request, &url, Signed::Nothing)?;
        let shared = self.0.clone();
        Ok(Box::new(move |wire| Box::pin(session(shared, wire))))
    }
}

impl Carrier {
    /// Checks who asks and returns the fields of the form.
    fn read(&self, request: &WireRequest) -> Result<Fields, WireResponse> {
        let options = self.0.options();
        let url = format!("{}{}", options.public_url, request.target);
        let kind = request.header("content-type").unwrap_or_default();
        let is_form = kind
            .split(';')
            .next()
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM));
        let form: Vec<(String, String)> = if is_form {
            form_urlencoded::parse(&request.body).into_owned().collect()
        } else {
            Vec::new()
        };
        let signed = match (request.method.as_str(), is_form) {
            ("POST", true) => Signed::Form(&form),
            ("POST", false) if !request.body.is_empty() => Signed::Body(&request.body),
            _ => Signed::Nothing,
        };
        self.check_signature(request, &url, signed)?;
        if request.method != "POST" || !is_form {
            self.0.tally.senseless.add();
            return Err(refusal(405, "This path takes forms by POST."));
        }
        let fields = Fields::new(&form);
        if fields
            .account()
            .is_some_and(|account| account != options.account_sid)
        {
            self.0.tally.senseless.add();
            return Err(refusal(403, "This is the callback of another account."));
        }
        Ok(fields)
    }

    fn check_signature(
        &self,
        request: &WireRequest,
        url: &str,
        signed: Signed<'_>,
    ) -> Result<(), WireResponse> {
        let options = self.0.options();
        let Some(header) = options.dialect.signature_header() else {
            // The carrier does not sign this way. Streams are known by their token; nothing else can be.
            return match request.endpoint.as_str() {
                "media" => Ok(()),
                _ => Err(refusal(
                    403,
                    "Callbacks of this carrier cannot be checked and are not taken.",
                )),
            };
        };
        let given = request.header(header).unwrap_or_default();
        if !given.is_empty() && signature::is_valid(&options.auth_token, url, signed, given) {
            return Ok(());
        }
        self.0.tally.forged.add();
        let what = if given.is_empty() { "missing" } else { "wrong" };
        tracing::warn!(
            endpoint = request.endpoint,
            "a request in the carrier's name was refused: its signature is {what}; if the carrier really sent it, check line.twilio.auth_token and server.public_url"
        );
        Err(refusal(403, "The signature is missing or wrong."))
    }

    async fn dispatch(&self, request: &WireRequest, fields: &Fields) -> WireResponse {
        if request.endpoint == "voice" {
            return self.incoming(fields).await;
        }
        let signal = match request.endpoint.as_str() {
            "status" => StatusCallback::read(fields).map(Signal::Status),
            "amd" => AnsweredBy::read(fields).map(Signal::AnsweredBy),
            "stream" => match StreamCallback::read(fields) {
                Some(StreamCallback::Failed(words)) => Some(Signal::StreamFailed(words)),
                // The socket itself says so, and sooner.
                Some(StreamCallback::Started | StreamCallback::Stopped) => {
                    return WireResponse::empty(204);
                }
                None => None,
            },
            _ => {
                self.0.tally.senseless.add();
                return refusal(404, "There is nothing at this path.");
            }
        };
        let (Some(signal), Some(sid)) = (signal, fields.call()) else {
            // A later version of the carrier may tell more than is known here.
            self.0.tally.senseless.add();
            return WireResponse::empty(204);
        };
        let query = request
            .target
            .split_once('?')
            .map_or("", |(_, query)| query);
        let reference = form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "ref")
            .map(|(_, value)| value.into_owned());
        match self.0.registry.signal(reference.as_deref(), sid, signal) {
            Ok(()) => WireResponse::empty(204),
            Err(Undelivered::Unknown) => {
                self.0.tally.unknown_calls.add();
                WireResponse::empty(204)
            }
            Err(Undelivered::Full) => {
                refusal(503, "Too many callbacks of this call wait; send it again.")
            }
        }
    }

    /// Somebody calls one of our numbers.
    async fn incoming(&self, fields: &Fields) -> WireResponse {
        let shared = &self.0;
        let Some(call) = IncomingCall::read(fields) else {
            shared.tally.senseless.add();
            return refusal(400, "The form names no call, or no number.");
        };
        if !shared.options().incoming_numbers.contains(&call.to) {
            tracing::info!("a call to a number that takes none was turned away");
            return xml(twiml::reject_busy());
        }
        let Some((ticket, signals)) = shared.registry.open() else {
            return xml(twiml::reject_busy());
        };
        let sid = call.call.clone();
        ticket.handle.bind(&sid);
        let twiml = shared.connect(&ticket);
        let id = shared.registry.keep_incoming(ticket, signals);
        let (take, taken) = oneshot::channel();
        let incoming = Incoming {
            id: id.clone(),
            to: call.to,
            from: call.from,
            take,
        };
        let sent = shared.incoming.try_send(incoming).is_ok();
        let taken = sent && clock::timeout(TAKE_LIMIT, taken).await == Some(Ok(true));
        if taken {
            let (shared, sid) = (shared.clone(), sid);
            tokio::spawn(async move {
                clock::sleep(ANSWER_LIMIT).await;
                if shared.registry.take_incoming(&id).is_some() {
                    tracing::warn!("an incoming call was taken and never answered; it is ended");
                    shared.api().hang_up(&sid).await;
                }
            });
            return xml(twiml);
        }
        drop(shared.registry.take_incoming(&id));
        xml(twiml::reject_busy())
    }
}

fn refusal(status: u16, sentence: &str) -> WireResponse {
    WireResponse {
        status,
        content_type: Some("text/plain"),
        body: sentence.to_owned(),
    }
}

fn xml(document: String) -> WireResponse {
    WireResponse {
        status: 200,
        content_type: Some("text/xml"),
        body: document,
    }
}

/// Runs a stream's connection: hears which call it is, and hands it over to that call.
async fn session(shared: Arc<Shared>, wire: Wire) {
    let limits = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let mut socket = WebSocketStream::from_raw_socket(wire, Role::Server, Some(limits)).await;
    let started = clock::timeout(START_LIMIT, start_of(&shared, &mut socket)).await;
    let Some(Some(start)) = started else {
        shared.tally.bad_streams.add();
        tracing::warn!("a stream that did not say what it is was closed");
        close(socket, "a stream begins with connected and start").await;
        return;
    };
    match admit(&shared, &start) {
        Ok(signals) => {
            let (done, over) = oneshot::channel();
            let open = OpenStream {
                socket,
                start,
                done,
            };
            if signals.try_send(Signal::Stream(Box::new(open))).is_err() {
                // The call has ended this very moment; its end closes the socket.
                return;
            }
            // Nothing is ever sent; it ends when the call is done with the socket.
            let _: Result<(), _> = over.await;
        }
        Err(Refusal::Second) => {
            shared.tally.second_streams.add();
            tracing::warn!("a second stream for a call was closed");
            close(socket, "the call has its stream").await;
        }
        Err(refusal) => {
            shared.tally.bad_streams.add();
            tracing::warn!(?refusal, "a stream without the token of a call was closed");
            close(socket, "no call waits for this stream").await;
        }
    }
}

/// Reads a stream up to its start; `None` when it does not come to it.
async fn start_of(shared: &Shared, socket: &mut WebSocketStream<Wire>) -> Option<Start> {
    for _ in 0..MOST_BEFORE_START {
        let Ok(Message::Text(text)) = socket.next().await? else {
            shared.tally.unreadable.add();
            continue;
        };
        match shared.options().dialect.read(&text) {
            Ok(frame) => match frame.message {
                Said::Connected => {}
                Said::Start(start) => return Some(start),
                _ => shared.tally.unreadable.add(),
            },
            Err(why) => {
                tracing::debug!(%why, "a message before a stream's start cannot be used");
                shared.tally.unreadable.add();
            }
        }
    }
    None
}

fn admit(shared: &Shared, start: &Start) -> Result<tokio::sync::mpsc::Sender<Signal>, Refusal> {
    let named = |name: &str| start.parameters.get(name).map_or("", String::as_str);
    let signed = shared.options().dialect.signature_header().is_some();
    let other = |account: &String| *account != shared.options().account_sid;
    if signed && start.account.as_ref().is_some_and(other) {
        return Err(Refusal::OtherCall);
    }
    shared
        .registry
        .claim(named("ref"), named("token"), &start.call)
}

async fn close(mut socket: WebSocketStream<Wire>, reason: &'static str) {
    let frame = CloseFrame {
        code: CloseCode::Policy,
        reason: Utf8Bytes::from_static(reason),
    };
    let farewell = async {
        socket.close(Some(frame)).await?;
        while let Some(Ok(_)) = socket.next().await {}
        Ok::<_, tokio_tungstenite::tungstenite::Error>(())
    };
    let _ = clock::timeout(CLOSE_LIMIT, farewell).await;
}
