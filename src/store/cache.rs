//! What can be made again, in a sled database that may be deleted at any time: nothing here ever fails, it only
//! forgets. A cache that does not open is thrown away and made anew; one that fails later is not used any more.
//!
//! Its size is bounded: when the values together would pass the limit, everything is forgotten at once. That
//! is coarse and cannot go wrong; what is used often is back after its next use.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use sha2::{Digest, Sha256};

/// How long closing may take. After a disk was full, sled waits for ever for what it could not write then.
const CLOSING: Duration = Duration::from_secs(2);

/// A cache of byte strings. Its methods may wait for the disk.
#[derive(Debug, Clone)]
pub struct Cache(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    /// There until it is closed.
    db: Option<sled::Db>,
    /// Bytes of all values.
    bytes: AtomicU64,
    limit: u64,
    broken: AtomicBool,
}

impl Cache {
    /// Opens the cache in `folder`, which is its alone. `limit` is in bytes of values; the folder may be a small
    /// multiple of that.
    #[must_use]
    pub fn open(folder: &Path, limit: u64) -> Self {
        let db = try_open(folder).or_else(|error| {
            tracing::warn!(%error, "the cache does not open and is made anew");
            std::fs::remove_dir_all(folder).map_err(|error| error.to_string())?;
            try_open(folder)
        });
        match db {
            Ok(db) => {
                let bytes = db
                    .iter()
                    .values()
                    .flatten()
                    .map(|value| value.len() as u64)
                    .sum();
                Self(Some(Arc::new(Inner {
                    db: Some(db),
                    bytes: AtomicU64::new(bytes),
                    limit,
                    broken: AtomicBool::new(false),
                })))
            }
            Err(error) => {
                tracing::warn!(%error, "working without a cache");
                Self::none()
            }
        }
    }

    /// Returns a cache that keeps nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Returns what was kept under this key.
    #[must_use]
    pub fn get(&self, key: &CacheKey) -> Option<Vec<u8>> {
        let inner = self.0.as_ref()?;
        let value = inner.guarded(|db| db.get(key.0))??;
        Some(value.to_vec())
    }

    /// Keeps a value. One that is larger than an eighth of the limit is not kept.
    pub fn put(&self, key: &CacheKey, value: Vec<u8>) {
        let Some(inner) = &self.0 else { return };
        let size = value.len() as u64;
        if size > inner.limit / 8 {
            return;
        }
        if inner.bytes.load(Ordering::Relaxed) + size > inner.limit {
            inner.guarded(sled::Tree::clear);
            inner.bytes.store(0, Ordering::Relaxed);
        }
        inner.bytes.fetch_add(size, Ordering::Relaxed);
        inner.guarded(|db| db.insert(key.0, value));
    }
}

impl Inner {
    /// Runs one operation; after the first that fails there are no more.
    fn guarded<T>(&self, work: impl FnOnce(&sled::Tree) -> sled::Result<T>) -> Option<T> {
        if self.broken.load(Ordering::Relaxed) {
            return None;
        }
        let db = self.db.as_ref()?;
        match caught(|| work(db)) {
            Ok(value) => Some(value),
            Err(error) => {
                self.broken.store(true, Ordering::Relaxed);
                tracing::warn!(%error, "the cache failed and is not used any more");
                None
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(db) = self.db.take()
            && !part_with(db, CLOSING)
        {
            tracing::warn!("the cache does not close; if it does not open again, it is made anew");
        }
    }
}

/// Drops a value on a thread of its own; returns whether that was done in time. Otherwise it goes on until the process ends.
fn part_with<T: Send + 'static>(value: T, patience: Duration) -> bool {
    let (tell, told) = mpsc::sync_channel(1);
    let parting = std::thread::Builder::new().spawn(move || {
        drop(value);
        // Nobody may be waiting any more.
        let _ = tell.send(());
    });
    parting.is_ok() && told.recv_timeout(patience).is_ok()
}

/// Names one thing: a hash over its kind and whatever it is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// Returns the key of a thing of this kind that is made from these parts.
    #[must_use]
    pub fn new(kind: &str, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(&kind).chain(parts) {
            // With its length before it, no part can flow into the next.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

fn try_open(folder: &Path) -> Result<sled::Db, String> {
    caught(|| {
        sled::Config::new()
            .path(folder)
            .mode(sled::Mode::LowSpace)
            .cache_capacity(16 << 20)
            .flush_every_ms(Some(5_000))
            .open()
    })
}

/// sled answers some damage with a panic.
fn caught<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the database contradicts itself".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> CacheKey {
        CacheKey::new("test", &[&n.to_string()])
    }

    #[test]
    fn what_is_kept_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("cache");
        let cache = Cache::open(&folder, 1 << 20);
        cache.put(&key(1), vec![1, 2, 3]);
        assert_eq!(cache.get(&key(1)), Some(vec![1, 2, 3]));
        assert_eq!(cache.get(&key(2)), None);
        drop(cache);
        assert_eq!(
            Cache::open(&folder, 1 << 20).get(&key(1)),
            Some(vec![1, 2, 3])
        );
    }

    #[test]
    fn its_size_is_bounded() {
        const LIMIT: u64 = 4 << 20;
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), LIMIT);
        let mut random = fastrand::Rng::with_seed(3);
        for n in 0..1_000 {
            let value: Vec<u8> = (0..32 << 10).map(|_| random.u8(..)).collect();
            cache.put(&key(n), value.clone());
            assert_eq!(cache.get(&key(n)), Some(value));
        }
        let inner = cache.0.as_ref().unwrap();
        let db = inner.db.as_ref().unwrap();
        let kept: u64 = db
            .iter()
            .values()
            .map(|value| value.unwrap().len() as u64)
            .sum();
        assert!(kept <= LIMIT, "{kept}");
        db.flush().unwrap();
        let on_disk = db.size_on_disk().unwrap();
        assert!(
            on_disk < 4 * LIMIT,
            "{on_disk} bytes on disk after 32 MiB went through"
        );
        cache.put(&key(0), vec![0; 1 << 20]);
        assert_eq!(cache.get(&key(0)), None, "too large to be kept");
    }

    #[test]
    fn a_cache_that_does_not_open_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("cache");
        let cache = Cache::open(&folder, 1 << 20);
        cache.put(&key(1), vec![7; 1000]);
        drop(cache);
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let mut bytes = std::fs::read(&path).unwrap();
                bytes.iter_mut().for_each(|byte| *byte ^= 0x5a);
                std::fs::write(&path, bytes).unwrap();
            }
        }
        let cache = Cache::open(&folder, 1 << 20);
        assert_eq!(cache.get(&key(1)), None);
        cache.put(&key(2), vec![1]);
        assert_eq!(cache.get(&key(2)), Some(vec![1]));
    }

    #[test]
    fn a_database_that_does_not_close_holds_up_nobody() {
        struct Stuck(mpsc::Receiver<()>);
        impl Drop for Stuck {
            fn drop(&mut self) {
                let _ = self.0.recv();
            }
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        assert!(!part_with(Stuck(receiver), Duration::from_millis(20)));
        drop(sender);
        assert!(part_with(5, Duration::from_secs(20)));
    }

    #[test]
    fn without_a_place_for_it_there_is_no_cache_and_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        let cache = Cache::open(&file.join("cache"), 1 << 20);
        cache.put(&key(1), vec![1]);
        assert_eq!(cache.get(&key(1)), None);
    }

    #[test]
    fn parts_do_not_flow_into_each_other() {
        assert_ne!(CacheKey::new("a", &["bc"]), CacheKey::new("ab", &["c"]));
        assert_ne!(CacheKey::new("a", &["b", "c"]), CacheKey::new("a", &["bc"]));
    }
}
