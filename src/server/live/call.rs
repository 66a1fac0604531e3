//! `GET /calls/{id}/live`: everything about one call, from the first event or after the one that the client names.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Request, body::Incoming};
use protocol::{
    control::Event,
    error::ApiError,
    ids::CallId,
    rest::{Call, FailureReason},
};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{
    Session, command, finished, frame,
    log::Log,
    snapshot,
    socket::{Gone, Socket},
    upgrade,
};
use crate::{
    server::{App, answer::Outcome, calls, request::Query},
    supervisor::Caller,
};

/// Opens the socket of one call.
pub(in crate::server) async fn open_call(
    app: &App,
    caller: Caller,
    request: Request<Incoming>,
    id: &str,
) -> Outcome {
    let stored = calls::find(app, &caller, id).await?;
    let query = Query::of(request.uri());
    let log = Log::open(app, &stored.call.call_id).await?;
    let last = log.last();
    let expected = format!("the seq of an event that this call has had, 0 to {last}");
    // The events of a call that the death of an earlier process cut off went with it, but for the end; whoever had seen
    // them gets that end.
    let cut_off = stored.call.failure.as_ref();
    let cut_off =
        cut_off.is_some_and(|failure| failure.reason == FailureReason::InterruptedByRestart);
    let after = query
        .parse("after", &expected, |value| {
            let after: u64 = value.parse().ok()?;
            (after <= last || cut_off).then_some(after)
        })?
        .filter(|after| *after <= last)
        .unwrap_or(0);
    let audio = wants_audio(&query)?;
    let session = Watch {
        app: app.clone(),
        caller: caller.clone(),
        id: stored.call.call_id.clone(),
        opened_at: stored.call,
        sound: match &log {
            Log::Running { feed, .. } if audio => Some(feed.listen()),
            _ => None,
        },
        log,
        seen: after,
    };
    upgrade(app, &caller, request, session)
}

fn wants_audio(query: &Query) -> Result<bool, ApiError> {
    let audio = query.parse("audio", "0 or 1", |value| match value {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    })?;
    Ok(audio.unwrap_or(false))
}

struct Watch {
    app: App,
    caller: Caller,
    id: CallId,
    /// The call as it stood when the socket was opened.
    opened_at: Call,
    log: Log,
    /// The number of the last event that was sent.
    seen: u64,
    sound: Option<broadcast::Receiver<Arc<[u8]>>>,
}

impl Session for Watch {
    async fn run(mut self, socket: &mut Socket) {
        let opening = snapshot(&self.app, self.opened_at.clone(), self.seen).await;
        if socket.text(opening).await.is_ok() && self.follow(socket).await.is_ok() {
            socket.close(CloseCode::Normal, "the call has ended").await;
        }
    }
}

impl Watch {
    /// Sends events and takes commands until the log has ended.
    async fn follow(&mut self, socket: &mut Socket) -> Result<(), Gone> {
        let app = self.app.clone();
        loop {
            let batch = self.log.read(self.seen);
            let full = batch.events.len() == super::log::BATCH;
            for line in batch.events {
                socket.text(finished(&app, &line).await).await?;
                self.seen += 1;
            }
            if batch.ended {
                return self.end(socket).await;
            }
            if full {
                continue;
            }
            tokio::select! {
                () = app.closing.cancelled() => {
                    socket.close(CloseCode::Away, "the server is shutting down").await;
                    return Err(Gone);
                }
                text = socket.next_text() => {
                    let answer = command(&app, &self.caller, Some(&self.id), &text?).await;
                    socket.text(answer).await?;
                }
                piece = next_piece(&mut self.sound) => {
                    if let Some(piece) = piece {
                        socket.binary(Bytes::from_owner(piece)).await?;
                    }
                }
                () = self.log.changed() => {}
            }
        }
    }

    /// Makes sure that the client has seen the end. A log that was lost in a kill has none; the records do.
    async fn end(&mut self, socket: &mut Socket) -> Result<(), Gone> {
        let store = self.app.supervisor.store().clone();
        let id = self.id.clone();
        let Ok(Some(stored)) = crate::server::blocking(move || store.call(&id)).await else {
            return Ok(());
        };
        let call = super::recording::with_url(&self.app, stored.call).await;
        if !call.status.is_final() {
            socket
                .close(CloseCode::Away, "the server is shutting down")
                .await;
            return Err(Gone);
        }
        if self.log.last() == 0 {
            let event = Event::CallEnded {
                call: Box::new(call.clone()),
            };
            socket.text(frame(&call, self.seen + 1, event)).await?;
        }
        Ok(())
    }
}

/// Returns the next piece of sound, nothing where some were lost, and never when none is wanted.
async fn next_piece(sound: &mut Option<broadcast::Receiver<Arc<[u8]>>>) -> Option<Arc<[u8]>> {
    let Some(receiver) = sound else {
        return std::future::pending().await;
    };
    match receiver.recv().await {
        Ok(piece) => Some(piece),
        Err(RecvError::Lagged(_)) => None,
        Err(RecvError::Closed) => {
            *sound = None;
            None
        }
    }
}
