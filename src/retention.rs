//! How long things are kept: recordings and what was said are deleted a configured time after the call, and files that a
//! deletion left behind because the program died in between.
//!
//! What is deleted of a record is decided by the store; when a client wants it gone at once, by the server.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use protocol::ids::CallId;

use crate::{
    driver::clock,
    store::{Forget, Store, StoreError},
};

/// How often it is looked for what has become too old.
const ROUND: Duration = Duration::from_secs(15 * 60);
/// Calls whose words are deleted in one go.
const BATCH: usize = 100;

/// For how long things are kept after the end of their call. `None`: until somebody deletes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Recordings.
    pub recordings: Option<SignedDuration>,
    /// Transcripts, summaries, results and live events.
    pub words: Option<SignedDuration>,
}

/// What a round deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Recordings.
    pub recordings: usize,
    /// Calls whose words are gone.
    pub calls: usize,
}

impl Retention {
    /// Looks again and again, for ever.
    pub async fn run(self, store: Arc<dyn Store>, recordings: PathBuf) {
        loop {
            let (store, recordings) = (store.clone(), recordings.clone());
            let swept = tokio::task::spawn_blocking(move || {
                self.sweep(&*store, &recordings, clock::wall())
            });
            match swept.await {
                Ok(Ok(swept)) if swept != Swept::default() => {
                    let Swept { recordings, calls } = swept;
                    tracing::info!(recordings, calls, "what was kept long enough is deleted");
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::error!(%error, "old data could not be deleted"),
                Err(_) => tracing::error!("deleting old data panicked"),
            }
            clock::sleep(ROUND).await;
        }
    }

    /// Deletes what is too old at the time `now`.
    ///
    /// # Errors
    /// When the store fails; a file that cannot be deleted is tried again in the next round.
    pub fn sweep(
        self,
        store: &dyn Store,
        recordings: &Path,
        now: Timestamp,
    ) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        if let Some(kept) = self.words {
            let before = now.saturating_sub(kept).unwrap_or(Timestamp::MIN);
            loop {
                let old = store.ended_before(before, BATCH)?;
                for id in &old {
                    store.forget_call(id, Forget::Words, now)?;
                    swept.calls += 1;
                }
                if old.len() < BATCH {
                    break;
                }
            }
        }
        for path in files(recordings) {
            let Some(id) = call_of(&path) else { continue };
            let Some(stored) = store.call(&id)? else {
                continue;
            };
            let call = stored.call;
            let old = |ended: Timestamp| {
                let age = now.duration_since(ended);
                self.recordings.is_some_and(|kept| age >= kept)
            };
            let too_old = call.ended_at.is_some_and(|ended| old(ended.into()));
            let deleted = call.recording_deleted_at.is_some();
            if too_old && !deleted {
                store.forget_call(&id, Forget::Recording, now)?;
            }
            // One that is marked and still there was left by a deletion that did not come to its end.
            if (too_old || deleted) && remove(&path) {
                swept.recordings += 1;
            }
        }
        Ok(swept)
    }
}

/// Deletes a recording. Returns whether there was one and it is gone.
pub(crate) fn remove(path: &Path) -> bool {
    match std::fs::remove_file(path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "a recording could not be deleted");
            false
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn call_of(path: &Path) -> Option<CallId> {
    let name = path.file_name()?.to_str()?;
    CallId::parse(name.strip_suffix(".wav")?)
}
