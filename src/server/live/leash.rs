//! How long a socket, or an answer that takes its time, may go on: as long as the key that it was asked with holds.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    driver::clock,
    server::{App, blocking},
    store::KeyId,
};

/// The longest wait without another look at the time of day, which may be set.
const LOOK: Duration = Duration::from_secs(30);

/// Follows one key.
pub(in crate::server) struct Leash {
    app: App,
    key: KeyId,
    revocations: watch::Receiver<u64>,
    expires_at: Option<Timestamp>,
    /// Whether the key has to be looked at: something was revoked since the last time.
    unsure: bool,
}

impl Leash {
    pub(in crate::server) fn new(app: &App, key: KeyId) -> Self {
        Self {
            app: app.clone(),
            key,
            revocations: app.supervisor.store().revocations(),
            expires_at: None,
            unsure: true,
        }
    }

    /// Waits until the key is revoked or has expired. Cancel safe.
    pub(in crate::server) async fn snapped(&mut self) {
        loop {
            while self.unsure {
                let store = self.app.supervisor.store().clone();
                let key = self.key.clone();
                match blocking(move || store.key(&key)).await {
                    Ok(Some(key)) if key.holds(clock::wall()) => {
                        self.expires_at = key.expires_at;
                        self.unsure = false;
                    }
                    Ok(_) => return,
                    // The disk fails; the key held a moment ago.
                    Err(_) => clock::sleep(LOOK).await,
                }
            }
            let next_look = self.next_look();
            tokio::select! {
                changed = self.revocations.changed() => {
                    // The store outlives every socket, so the sender does.
                    self.unsure |= changed.is_ok();
                }
                () = clock::sleep(next_look) => self.unsure = true,
            }
        }
    }

    fn next_look(&self) -> Duration {
        let Some(end) = self.expires_at else {
            return LOOK;
        };
        let left = Duration::try_from(end.duration_since(clock::wall())).unwrap_or_default();
        // A little later, so that the look finds it expired.
        (left + Duration::from_millis(1)).min(LOOK)
    }
}
