//! Work of calls that waits for the disk: on threads that may wait, a few at a time.
//!
//! The runtime starts a thread for whatever waits. But the database takes one change at a time, so of a hundred calls that want
//! to keep something ninety-nine threads would only wait for the hundredth, each with a stack and an allocator's cache of
//! its own. Here the calls wait instead, which costs nothing, in the order in which they came.

use std::sync::Arc;

use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};

/// So many calls at a time read or change records: one that changes the database, and some that prepare what they change.
const RECORDS: usize = 4;
/// So many write a second of their recording.
const RECORDINGS: usize = 4;

/// See the module's documentation. Clones share the same places.
#[derive(Debug, Clone)]
pub struct Disk {
    records: Arc<Semaphore>,
    /// Others than those, so that a second of sound never waits for the database.
    recordings: Arc<Semaphore>,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            records: Arc::new(Semaphore::new(RECORDS)),
            recordings: Arc::new(Semaphore::new(RECORDINGS)),
        }
    }
}

impl Disk {
    /// Runs what reads or changes records, in its turn.
    ///
    /// # Errors
    /// When it panics.
    pub(crate) async fn records<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        run(&self.records, work).await
    }

    /// Runs what writes a recording, in its turn.
    ///
    /// # Errors
    /// When it panics.
    pub(crate) async fn recordings<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        run(&self.recordings, work).await
    }
}

async fn run<T: Send + 'static>(
    places: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let place = places.clone().acquire_owned().await;
    spawn_blocking(move || {
        // Kept to the end of the work, even when nobody waits for it any more.
        let _place = place;
        work()
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn few_threads_do_the_work_of_many_calls() {
        let places = Arc::new(Semaphore::new(2));
        static AT_WORK: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let work = |index: usize| {
            run(&places, move || {
                MOST.fetch_max(AT_WORK.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                AT_WORK.fetch_sub(1, Ordering::SeqCst);
                index
            })
        };
        let done = futures_util::future::join_all((0..100).map(work)).await;
        let done: Vec<_> = done.into_iter().map(Result::unwrap).collect();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
        assert!(MOST.load(Ordering::SeqCst) <= 2);
        // What panics gives its place back.
        for _ in 0..3 {
            assert!(run(&places, || panic!("a test")).await.is_err());
        }
    }
}
