//! How the program takes leave of its calls: politely within a time, when it is asked to stop, or by letting them come
//! to their own ends while new ones wait, when another process takes over.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use call::Command;

use protocol::{error::ApiError, rest};

use super::{Supervisor, blocking, finish};
use crate::{driver::clock, store::StoredCall};

/// How often it is looked whether calls still run.
const LOOK: Duration = Duration::from_millis(50);

impl Supervisor {
    /// Refuses new calls, lets running ones say goodbye, and returns when all have ended, at the latest a little
    /// after the drain time. Calls that still wait stay queued and are dispatched by the next start.
    pub async fn drain(&self) {
        self.0.refusing.store(true, Ordering::Relaxed);
        self.finish().await;
    }

    /// Does as [`Supervisor::drain`], but goes on accepting calls, which stay queued for whoever has the records next.
    pub async fn finish(&self) {
        let equipment = self.equipment();
        self.0.draining.send_replace(true);
        self.tell_all(&Command::Drain).await;
        self.0.tasks.close();
        if clock::timeout(equipment.settings.drain, self.0.tasks.wait())
            .await
            .is_none()
        {
            self.tell_all(&Command::Cancel { now: true }).await;
            let _ = clock::timeout(Duration::from_secs(5), self.0.tasks.wait()).await;
        }
        for line in &equipment.lines {
            line.settle().await;
        }
    }

    async fn tell_all(&self, command: &Command) {
        let all: Vec<_> = self.live().values().cloned().collect();
        for live in all {
            // A call that does not even take a command in time is ended by the process.
            let send = live.commands.send(command.clone());
            let _ = clock::timeout(Duration::from_millis(200), send).await;
        }
    }
}

impl Supervisor {
    /// Lets every call that has not begun wait, as if no place were free, or goes on. New ones are accepted all the same,
    /// and calls that come in are taken.
    pub fn hold(&self, held: bool) {
        self.0.queue.hold(held);
    }

    /// Waits until no call rings or runs, at most until `deadline`. Cancel safe.
    pub async fn idle(&self, deadline: Instant) {
        while self.running_calls() > 0 && clock::now() < deadline {
            clock::sleep(LOOK).await;
        }
    }

    /// Ends a call that waits for the next process: nobody here carries it out any more, and it must not be made there.
    pub(super) async fn cancel_for_later(
        &self,
        stored: StoredCall,
    ) -> Result<rest::Call, ApiError> {
        let id = stored.call.call_id.clone();
        let feed = self.bus().open(&id, &stored.account);
        self.end(&stored, &feed, finish::canceled_before_answer())
            .await;
        feed.close();
        self.bus().forget(&id);
        let store = self.store().clone();
        let call = blocking(&self.0.disk, move || store.call(&id)).await?;
        Ok(call.ok_or_else(ApiError::call_not_found)?.call)
    }

    /// Returns how many calls ring or run.
    #[must_use]
    pub fn running_calls(&self) -> usize {
        self.0.queue.running()
    }
}
