//! Keeps one socket open that nobody uses yet, so that a clause never waits for a connection.
//!
//! The service closes sockets on which nothing is said, so now and then it is told nothing ([`super::wire::idle`]). A socket
//! that it closes all the same is replaced at once; when that fails, the next clause tries again and learns why.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};

use super::{Place, Socket, broke_off, send, wire};
use crate::{driver::clock, provider::ProviderError};

/// How often an unused socket is told nothing.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where sockets are taken from. When all clones are dropped, the one that waits is closed.
#[derive(Debug, Clone)]
pub(super) struct Sockets(mpsc::Sender<oneshot::Sender<Result<Socket, ProviderError>>>);

impl Sockets {
    /// Returns a socket, open already if the service allows it.
    pub(super) async fn take(&self) -> Result<Socket, ProviderError> {
        let (give, given) = oneshot::channel();
        // It ends only when this is dropped.
        self.0.send(give).await.map_err(|_| broke_off())?;
        given.await.map_err(|_| broke_off())?
    }
}

/// Opens the first socket and keeps one ready from then on.
///
/// # Errors
/// When it cannot be opened.
pub(super) async fn open(place: Place) -> Result<Sockets, ProviderError> {
    let first = place.connect().await?;
    let (wants, wanted) = mpsc::channel(1);
    tokio::spawn(keep(place, first, wanted));
    Ok(Sockets(wants))
}

async fn keep(
    place: Place,
    first: Socket,
    mut wanted: mpsc::Receiver<oneshot::Sender<Result<Socket, ProviderError>>>,
) {
    let mut ready = Some(first);
    loop {
        let give = match &mut ready {
            Some(socket) => tokio::select! {
                biased;
                give = wanted.recv() => give,
                () = until_closed(socket) => {
                    ready = place.connect().await.ok();
                    continue;
                }
            },
            None => wanted.recv().await,
        };
        let Some(give) = give else { return };
        let socket = match ready.take() {
            Some(socket) => Ok(socket),
            None => place.connect().await,
        };
        let went_well = socket.is_ok();
        // Nobody takes it when the clause was cancelled meanwhile.
        if let Err(Ok(unused)) = give.send(socket) {
            ready = Some(unused);
        } else if went_well {
            ready = place.connect().await.ok();
        }
    }
}

/// Keeps a socket from being closed for silence; returns when it is closed all the same.
async fn until_closed(socket: &mut Socket) {
    loop {
        match clock::timeout(KEEP_ALIVE, socket.next()).await {
            None => {
                if send(socket, wire::idle()).await.is_err() {
                    return;
                }
            }
            Some(Some(Ok(message))) if !message.is_close() => {}
            Some(_) => return,
        }
    }
}
