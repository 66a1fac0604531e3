//! `GET /live`: all running calls of an account on one socket, each with a snapshot and then its events.

use std::{collections::HashMap, sync::Arc};

use hyper::{Request, body::Incoming};
use protocol::{error::ApiError, ids::CallId};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{
    Session, command, finished,
    log::BATCH,
    snapshot,
    socket::{Gone, Socket},
    upgrade,
};
use crate::{
    bus::Feed,
    server::{App, answer::Outcome, request::Query},
    supervisor::Caller,
};

/// Opens the socket of all calls of an account.
pub(in crate::server) async fn open_account(
    app: &App,
    caller: Caller,
    request: Request<Incoming>,
) -> Outcome {
    let query = Query::of(request.uri());
    for name in ["after", "audio"] {
        if query.get(name).is_some() {
            return Err(ApiError::invalid_field(
                name,
                "no value here: use the socket of one call, /calls/{call_id}/live",
            ));
        }
    }
    let session = Watch {
        app: app.clone(),
        caller: caller.clone(),
        followed: HashMap::new(),
        first_look: true,
    };
    upgrade(app, &caller, request, session)
}

struct Watch {
    app: App,
    caller: Caller,
    followed: HashMap<CallId, Followed>,
    first_look: bool,
}

/// A call that the socket shows.
struct Followed {
    feed: Arc<Feed>,
    /// The number of the last event that was sent.
    seen: u64,
    ended: bool,
}

impl Session for Watch {
    async fn run(mut self, socket: &mut Socket) {
        // Nothing is left to do when the client is gone.
        let _ = self.follow(socket).await;
    }
}

impl Watch {
    async fn follow(&mut self, socket: &mut Socket) -> Result<(), Gone> {
        let app = self.app.clone();
        let (_, mut activity) = app.supervisor.bus().account(&self.caller.account);
        loop {
            activity.mark_unchanged();
            let (feeds, _) = app.supervisor.bus().account(&self.caller.account);
            self.meet(socket, feeds).await?;
            if self.send_new(socket).await? {
                continue;
            }
            tokio::select! {
                () = app.closing.cancelled() => {
                    socket.close(CloseCode::Away, "the server is shutting down").await;
                    return Err(Gone);
                }
                text = socket.next_text() => {
                    let answer = command(&app, &self.caller, None, &text?).await;
                    socket.text(answer).await?;
                }
                // The bus outlives every socket, so this cannot fail.
                _ = activity.changed() => {}
            }
        }
    }

    /// Begins to follow calls that are new here. Those that ran before the socket was opened are joined where they
    /// stand; later ones are shown from their first event.
    async fn meet(&mut self, socket: &mut Socket, feeds: Vec<Arc<Feed>>) -> Result<(), Gone> {
        self.followed.retain(|_, followed| {
            !followed.ended || feeds.iter().any(|feed| Arc::ptr_eq(feed, &followed.feed))
        });
        for feed in feeds {
            let id = feed.call().clone();
            if self.followed.contains_key(&id) {
                continue;
            }
            let seen = if self.first_look { feed.last() } else { 0 };
            let store = self.app.supervisor.store().clone();
            let wanted = id.clone();
            if let Ok(Some(stored)) = crate::server::blocking(move || store.call(&wanted)).await {
                socket
                    .text(snapshot(&self.app, stored.call, seen).await)
                    .await?;
            }
            let ended = false;
            self.followed.insert(id, Followed { feed, seen, ended });
        }
        self.first_look = false;
        Ok(())
    }

    /// Sends what happened since the last time, of each call in turn; returns whether there is more.
    async fn send_new(&mut self, socket: &mut Socket) -> Result<bool, Gone> {
        let mut more = false;
        for followed in self.followed.values_mut() {
            let batch = followed.feed.read(followed.seen, BATCH);
            more |= batch.events.len() == BATCH;
            for line in batch.events {
                socket.text(finished(&self.app, &line).await).await?;
                followed.seen += 1;
            }
            followed.ended = batch.ended;
        }
        Ok(more)
    }
}
