//! Whether there is room on the disk of the data folder. Below the reserve no new calls are taken and nothing is
//! recorded, so that what is left is enough to write down how the running calls end.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::driver::clock;

/// How often the disk is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What is known of the room on a disk. Clones share it; the default knows of no disk and always has room.
#[derive(Debug, Clone, Default)]
pub struct Room(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    folder: Option<PathBuf>,
    /// Bytes that are kept back.
    reserve: u64,
    free: AtomicU64,
    short: AtomicBool,
}

impl Room {
    /// Looks at the disk of this folder, of which `reserve` bytes are kept back.
    #[must_use]
    pub fn of(folder: &Path, reserve: u64) -> Self {
        let room = Self(Arc::new(Inner {
            folder: Some(folder.to_owned()),
            reserve,
            ..Inner::default()
        }));
        room.look();
        room
    }

    /// Returns whether less than the reserve is left.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.short.load(Ordering::Relaxed)
    }

    /// Says that there is no room, or that there is again, for tests and for whoever met a full disk.
    pub fn set_short(&self, short: bool) {
        self.0.short.store(short, Ordering::Relaxed);
    }

    /// Returns the free bytes at the last look, where a disk is looked at.
    #[must_use]
    pub fn free(&self) -> Option<u64> {
        let free = || self.0.free.load(Ordering::Relaxed);
        self.0.folder.as_ref().map(|_| free())
    }

    /// Returns a sentence about the lack of room.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mib = |bytes: u64| bytes >> 20;
        format!(
            "The disk of the server is full: {} MiB are left, and {} MiB are kept back for the calls that run.",
            mib(self.free().unwrap_or(0)),
            mib(self.0.reserve)
        )
    }

    /// Looks at the disk, and says so in the log when something changed. What cannot be looked at is no reason to stop.
    fn look(&self) {
        let Some(folder) = &self.0.folder else { return };
        let Ok(stat) = rustix::fs::statvfs(folder) else {
            return;
        };
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        self.0.free.store(free, Ordering::Relaxed);
        let short = free < self.0.reserve;
        match (self.0.short.swap(short, Ordering::Relaxed), short) {
            (false, true) => tracing::error!(
                free_mib = free >> 20,
                "the disk is full: no new calls, and running ones go on without recording, until there is room again"
            ),
            (true, false) => {
                tracing::info!(free_mib = free >> 20, "there is room on the disk again")
            }
            _ => {}
        }
    }

    /// Looks at the disk every second, until it is dropped.
    pub async fn watch(self) {
        loop {
            clock::sleep(LOOK).await;
            let room = self.clone();
            // A network disk may take its time.
            let _ = tokio::task::spawn_blocking(move || room.look()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_that_is_larger_than_the_disk_leaves_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let roomy = Room::of(dir.path(), 0);
        assert!(!roomy.is_short() && roomy.free().is_some());
        let short = Room::of(dir.path(), u64::MAX);
        assert!(short.is_short());
        assert!(short.sentence().contains("MiB are left"));
        assert!(!Room::default().is_short());
    }
}
