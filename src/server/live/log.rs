//! The log of one call as a socket reads it: from the bus while the call runs, from the records when it has ended.

use std::sync::Arc;

use protocol::{error::ApiError, ids::CallId};
use tokio::sync::watch;

use crate::{
    bus::{Batch, Feed},
    server::{App, blocking},
    store::Attachment,
};

/// Events that are read at once.
pub(super) const BATCH: usize = 64;

/// Where the events of a call come from.
pub(super) enum Log {
    /// The call runs, or ended a moment ago.
    Running {
        feed: Arc<Feed>,
        changed: watch::Receiver<u64>,
    },
    /// The call has ended; its events as they were kept.
    Kept(Vec<Arc<str>>),
}

impl Log {
    pub(super) async fn open(app: &App, id: &CallId) -> Result<Self, ApiError> {
        if let Some(feed) = app.supervisor.feed(id) {
            return Ok(Self::running(feed));
        }
        let store = app.supervisor.store().clone();
        let id = id.clone();
        let kept = blocking(move || store.load(&id, Attachment::Feed)).await?;
        let text = String::from_utf8(kept.unwrap_or_default()).unwrap_or_default();
        Ok(Self::Kept(text.lines().map(Arc::from).collect()))
    }

    pub(super) fn running(feed: Arc<Feed>) -> Self {
        let changed = feed.subscribe();
        Self::Running { feed, changed }
    }

    /// Returns the number of the newest event, 0 before the first.
    pub(super) fn last(&self) -> u64 {
        match self {
            Self::Running { feed, .. } => feed.last(),
            Self::Kept(events) => events.len() as u64,
        }
    }

    /// Returns the next events after number `after`.
    pub(super) fn read(&self, after: u64) -> Batch {
        match self {
            Self::Running { feed, .. } => feed.read(after, BATCH),
            Self::Kept(events) => {
                let from = usize::try_from(after)
                    .unwrap_or(usize::MAX)
                    .min(events.len());
                let to = (from + BATCH).min(events.len());
                Batch {
                    events: events[from..to].to_vec(),
                    ended: to == events.len(),
                }
            }
        }
    }

    /// Waits until there may be more than at the last call of this. Cancel safe.
    pub(super) async fn changed(&mut self) {
        match self {
            Self::Running { changed, .. } => {
                // The feed that is held here keeps the sender alive, so this cannot fail.
                let _ = changed.changed().await;
            }
            Self::Kept(_) => std::future::pending().await,
        }
    }
}
