//! One at a time for each key: who comes second waits until the first is done, and then finds what the first has done.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

/// The turns of all keys.
#[derive(Debug)]
pub(crate) struct Turns<K>(Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Turns<K> {
    /// Waits for the turn of this key, and has it until the guard is dropped. Cancel safe.
    pub(crate) async fn take(&self, key: K) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody has or waits for are forgotten.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(key).or_default().clone()
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::driver::clock;

    #[tokio::test]
    async fn equal_keys_wait_and_others_do_not() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        let _other = turns.take("b").await;
        {
            let mut second = Box::pin(turns.take("a"));
            let had = clock::timeout(Duration::ZERO, &mut second).await;
            assert!(had.is_none());
            drop(first);
            second.await;
        }
        let _again = turns.take("a").await;
        assert_eq!(turns.0.lock().unwrap().len(), 2);
    }
}
