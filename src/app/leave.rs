//! How the program ends: by itself, or by giving way to another process, which has its listening socket by then. And what
//! is asked of it as a whole meanwhile.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use tokio::net::UnixStream;

use super::{App, StartError, parts};
use crate::{
    admin::{Standing, socket::Errand},
    config::{Config, Services},
    driver::clock,
    handover::Successor,
    store::{Cache, DataFolder},
};

/// How long attempts to deliver webhooks get to finish when the program stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// For how long clients are told that their connections end, before another process takes new ones. A client that asks
/// more often than this never finds its connection closed.
const NOTICE: Duration = Duration::from_secs(1);

impl App {
    /// Makes everything that the configuration chooses and that needs neither sockets nor the store, and throws it away:
    /// whoever is about to take over finds out so that it could.
    ///
    /// # Errors
    /// As [`App::start`].
    pub fn rehearse(config: &Config, folder: &DataFolder) -> Result<(), StartError> {
        parts::tls(config)?;
        parts::settings(config, folder, "")?;
        parts::reader(config, &Cache::none())?;
        config.billing.stripe.service("").map_err(StartError)?;
        let services = Services::rehearse(config);
        services.map_err(|error| StartError(error.to_string()))
    }

    /// Returns the next thing that is asked of the program as a whole. Cancel safe.
    pub async fn errand(&self) -> Errand {
        let mut errands = self.errands.lock().await;
        match errands.recv().await {
            Some(errand) => errand,
            // The control socket is gone, and with it whoever could ask.
            None => std::future::pending().await,
        }
    }

    /// Gives the listening socket to the process at the other end, and lets calls that have not begun wait from then on.
    ///
    /// # Errors
    /// When that process is not ready within a few seconds. Nothing has changed then.
    pub async fn give(&self, stream: UnixStream) -> std::io::Result<Successor> {
        let successor = Successor::greet(stream, &self.listener).await?;
        self.supervisor.hold(true);
        self.stands(|standing| standing.successor = Some(successor.pid()));
        Ok(successor)
    }

    /// Goes on as before, because the process that was to take over is gone.
    pub fn go_on(&self) {
        self.supervisor.hold(false);
        self.stands(|standing| standing.successor = None);
    }

    /// Waits until no call rings or runs, at most until `deadline`. Cancel safe.
    pub async fn idle(&self, deadline: Instant) {
        self.supervisor.idle(deadline).await;
    }

    /// Returns how many calls ring or run.
    #[must_use]
    pub fn running_calls(&self) -> usize {
        self.supervisor.running_calls()
    }

    /// Stops: takes no new calls, lets running ones end politely within the configured time, closes the server.
    pub async fn stop(self) {
        self.supervisor.drain().await;
        self.close().await;
    }

    /// Ends for another process: as [`App::stop`], but no request is refused. Those that come in before the end are
    /// answered, calls that are created stay queued, and connections that are opened wait for the other process.
    pub async fn make_room(self) {
        self.supervisor.finish().await;
        self.interface.leave();
        clock::sleep(NOTICE).await;
        self.close().await;
    }

    async fn close(self) {
        // Nobody shall wait at a socket that nobody will serve.
        drop(self.listener);
        self.closing.cancel();
        // What is not delivered by now is delivered after the next start.
        let delivered = clock::timeout(FAREWELL, self.delivery);
        let _ = tokio::join!(self.server, delivered);
        self.admin.abort();
        let _ = self.admin.await;
    }

    pub(super) fn stands(&self, change: impl FnOnce(&mut Standing)) {
        // Nothing panics while it is held.
        change(&mut self.standing.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
