//! The live sockets: `GET /calls/{id}/live` and `GET /live`. Events out by a cursor over the call's log, commands in.
//!
//! A socket holds nothing but its place in the log, so a slow client waits for itself alone. What events and
//! commands are is in `protocol::control`; what they do is decided by the call.

mod account;
mod call;
mod leash;
mod log;
mod phone;
mod socket;

pub(super) use self::{account::open_account, call::open_call, leash::Leash, phone::open_phone};

use hyper::upgrade::Upgraded;
use hyper::{
    Method, Request, Response, StatusCode, Version,
    body::Incoming,
    header::{self, HeaderMap, HeaderValue},
};
use hyper_util::rt::TokioIo;
use protocol::{
    control::{Command, Event, Numbered, Request as CommandRequest},
    error::{ApiError, ErrorCode},
    ids::{AccountId, CallId},
    rest::{Call, Scope},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, frame::coding::CloseCode},
    },
};

use self::socket::Socket;
use super::{
    App,
    answer::{self, Outcome},
    answers, recording, token,
};
use crate::{driver::clock, supervisor::Caller};

/// How long a command may wait for a call that has many already.
const COMMAND_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

/// What runs on an open socket.
trait Session: Send + 'static {
    /// Runs until there is nothing more to say, or the client is gone.
    fn run(self, socket: &mut Socket) -> impl Future<Output = ()> + Send;

    /// Returns what has to end with the key, beside the socket itself.
    fn on_revocation(&self) -> impl FnOnce() + Send + 'static {
        || {}
    }
}

/// Answers a WebSocket handshake and runs `session` on the socket once it is open, as long as the key of `caller`
/// holds.
fn upgrade(
    app: &App,
    caller: &Caller,
    request: Request<Incoming>,
    session: impl Session,
) -> Outcome {
    let agreed = token::agreed(request.headers());
    let mut leash = Leash::new(app, caller.key.clone());
    let mut response = upgrade_wire(app, request, |stream| async move {
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(socket::config()));
        let mut socket = Socket::new(stream.await);
        let revoked = session.on_revocation();
        let snapped = tokio::select! {
            () = session.run(&mut socket) => false,
            () = leash.snapped() => true,
        };
        if snapped {
            revoked();
            let reason = "the key was revoked or has expired";
            socket.close(CloseCode::Policy, reason).await;
        }
    })?;
    if let Some(protocol) = agreed
        && response.status() == StatusCode::SWITCHING_PROTOCOLS
    {
        let headers = response.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(response)
}

/// Returns whether a request is the handshake of a WebSocket.
pub(super) fn is_handshake<B>(request: &Request<B>) -> bool {
    accept_key(request).is_some()
}

/// Answers a WebSocket handshake and runs `session` on the bare connection once it is open.
pub(super) fn upgrade_wire<S, F>(app: &App, mut request: Request<Incoming>, session: S) -> Outcome
where
    S: FnOnce(TokioIo<Upgraded>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let Some(accept) = accept_key(&request) else {
        return Ok(upgrade_required());
    };
    let upgraded = hyper::upgrade::on(&mut request);
    app.sockets.spawn(async move {
        let Ok(stream) = upgraded.await else {
            // The client went away before the handshake was through.
            return;
        };
        session(TokioIo::new(stream)).await;
    });
    let mut response = answer::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// Returns what `Sec-WebSocket-Accept` has to say, if the request is a handshake (RFC 6455, section 4.2.1).
fn accept_key<B>(request: &Request<B>) -> Option<HeaderValue> {
    let headers = request.headers();
    let has = |name, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value: &HeaderValue| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|word| word.trim().eq_ignore_ascii_case(token))
    };
    let handshake = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let accept = derive_accept_key(key.as_bytes());
    HeaderValue::from_str(&accept).ok().filter(|_| handshake)
}

fn upgrade_required() -> Response<answer::Body> {
    let mut response = answer::error(&ApiError::new(
        ErrorCode::UpgradeRequired,
        "This is a WebSocket. Connect with a WebSocket client (HTTP/1.1, version 13).",
    ));
    set_upgrade_headers(response.headers_mut());
    response
}

fn set_upgrade_headers(headers: &mut HeaderMap) {
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static("13"),
    );
}

/// Carries out a command of a text frame and returns the frame that answers it. `only` is the call whose socket it
/// came on; on the socket of all calls the command names its call, which must be the account's.
async fn command(app: &App, caller: &Caller, only: Option<&CallId>, text: &str) -> String {
    let request = CommandRequest::parse(text, app.settings().offer.phone);
    let id = request.id.clone();
    match carry_out(app, caller, only, request).await {
        Ok(()) => protocol::control::ack(&id),
        Err(error) => protocol::control::refusal(&id, &error),
    }
}

async fn carry_out(
    app: &App,
    caller: &Caller,
    only: Option<&CallId>,
    request: CommandRequest,
) -> Result<(), ApiError> {
    caller.require(Scope::Control)?;
    let command = request.command?;
    let target = match (only, request.call_id) {
        (Some(only), None) => only.clone(),
        (Some(only), Some(named)) if *only == named => named,
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_field(
                "call_id",
                "the call of this socket, or no value",
            ));
        }
        (None, Some(named)) => named,
        (None, None) => return Err(ApiError::missing_field("call_id", "the id of a call")),
    };
    if only.is_none() {
        owned(app, &caller.account, &target).await?;
    }
    if let Command::Transfer(to) = &command {
        app.supervisor.may_call(&caller.account, to).await?;
    }
    let command = match command {
        Command::Answer { question, text } => Command::Answer {
            question: Some(answers::which(app, &target, question)?),
            text,
        },
        other => other,
    };
    send(app, &target, core_command(command)).await
}

/// Passes a command to a running call.
pub(super) async fn send(
    app: &App,
    target: &CallId,
    command: ::call::Command,
) -> Result<(), ApiError> {
    let sent = app.supervisor.command(target, command);
    clock::timeout(COMMAND_TIMEOUT, sent)
        .await
        .unwrap_or_else(|| {
            Err(ApiError::unavailable(
                "The call has too many commands waiting. Send it again.",
                1,
            ))
        })
}

async fn owned(app: &App, account: &AccountId, id: &CallId) -> Result<(), ApiError> {
    let store = app.supervisor.store().clone();
    let (account, id) = (account.clone(), id.clone());
    let found = super::blocking(move || store.get_call(&account, &id)).await?;
    found.map(|_| ()).ok_or_else(ApiError::call_not_found)
}

fn core_command(command: Command) -> ::call::Command {
    match command {
        Command::Say(text) => ::call::Command::Say(text),
        Command::Instruct(text) => ::call::Command::Instruct(text),
        Command::Answer { question, text } => ::call::Command::Answer {
            question: question.unwrap_or_default(),
            text,
        },
        Command::Interrupt => ::call::Command::Interrupt,
        Command::Dtmf(keys) => ::call::Command::PressKeys(keys),
        Command::Transfer(to) => ::call::Command::Transfer(to),
        Command::Mute(on) => ::call::Command::Mute(on),
        Command::HangUp => ::call::Command::HangUp,
    }
}

/// Returns the frame that opens a connection: the call as it stands, numbered like the event before the next one.
async fn snapshot(app: &App, call: Call, after: u64) -> String {
    let call = recording::with_url(app, call).await;
    frame(
        &call,
        after,
        Event::Snapshot {
            call: Box::new(call.clone()),
        },
    )
}

/// Writes an event about `call` that is made here and not by the call.
fn frame(call: &Call, seq: u64, event: Event) -> String {
    let since = clock::wall().as_millisecond() - call.created_at.unix_ms();
    let numbered = Numbered {
        seq,
        t_ms: u64::try_from(since).unwrap_or(0),
        call_id: call.call_id.clone(),
        event,
    };
    serde_json::to_string(&numbered).unwrap_or_else(|error| {
        tracing::error!(%error, "a live event could not be written as JSON");
        String::new()
    })
}

/// Returns an event of the log as it is sent. The log is written where links to recordings cannot be made, so the
/// last event gets its link here.
async fn finished(app: &App, line: &str) -> String {
    if line.contains(ENDED)
        && let Ok(mut numbered) = serde_json::from_str::<Numbered>(line)
        && let Event::CallEnded { call } = numbered.event
    {
        let call = Box::new(recording::with_url(app, *call).await);
        numbered.event = Event::CallEnded { call };
        return serde_json::to_string(&numbered).unwrap_or_else(|_| line.to_owned());
    }
    line.to_owned()
}

/// What the last event of a log contains, and few others.
const ENDED: &str = r#""type":"call.ended""#;

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(change: impl FnOnce(&mut Request<()>)) -> Option<HeaderValue> {
        let mut request = Request::builder()
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        change(&mut request);
        accept_key(&request)
    }

    #[test]
    fn a_handshake_is_told_from_other_requests() {
        // The example of RFC 6455, section 1.3.
        assert_eq!(handshake(|_| {}).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for name in [
            "connection",
            "upgrade",
            "sec-websocket-version",
            "sec-websocket-key",
        ] {
            assert_eq!(
                handshake(|request| drop(request.headers_mut().remove(name))),
                None,
                "{name}"
            );
        }
        assert_eq!(
            handshake(|request| *request.method_mut() = Method::POST),
            None
        );
        assert_eq!(
            handshake(|request| *request.version_mut() = Version::HTTP_2),
            None
        );
    }
}
