//! How often a key may ask: so many requests in any 60 seconds, counted exactly, so that `Retry-After` is true.
//!
//! Which requests count is decided by those who call.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::store::KeyId;

/// The length of the window.
const WINDOW: Duration = Duration::from_secs(60);

/// When so many keys are known, those that were quiet for a whole window are forgotten.
const SWEEP_AT: usize = 1024;

/// A limit of requests per minute, for each key by itself.
#[derive(Debug)]
pub(super) struct PerMinute {
    allowed: AtomicUsize,
    recent: Mutex<HashMap<KeyId, VecDeque<Instant>>>,
}

impl PerMinute {
    pub(super) fn new(allowed: u32) -> Self {
        Self {
            allowed: AtomicUsize::new(usize::try_from(allowed).unwrap_or(usize::MAX)),
            recent: Mutex::default(),
        }
    }

    /// Changes the limit, for what was counted already too.
    pub(super) fn set(&self, allowed: u32) {
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        self.allowed.store(allowed, Ordering::Relaxed);
    }

    /// Counts a request of `key` at `now`, or returns after how many whole seconds, at least 1, the next one will
    /// be allowed. A request that is refused does not count.
    pub(super) fn take(&self, key: &KeyId, now: Instant) -> Result<(), u64> {
        // A panic while the lock was held leaves counts that are at worst one off.
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= SWEEP_AT {
            recent.retain(|_, times| times.back().is_some_and(|last| age(*last, now) < WINDOW));
        }
        let times = recent.entry(key.clone()).or_default();
        while times
            .front()
            .is_some_and(|first| age(*first, now) >= WINDOW)
        {
            times.pop_front();
        }
        let allowed = self.allowed.load(Ordering::Relaxed);
        if times.len() < allowed {
            times.push_back(now);
            return Ok(());
        }
        // When so many have left that there is room again; with a limit that was lowered, that is not the first one.
        let wait = times
            .get(times.len() - allowed)
            .map_or(WINDOW, |first| WINDOW - age(*first, now));
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Err(seconds.max(1))
    }
}

fn age(earlier: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(earlier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    fn key(name: &str) -> KeyId {
        KeyId(name.to_owned())
    }

    #[test]
    fn the_wait_that_is_told_is_exactly_long_enough() {
        let limit = PerMinute::new(10);
        let start = clock::now();
        for second in 0..10 {
            assert_eq!(
                limit.take(&key("a"), start + Duration::from_secs(second)),
                Ok(())
            );
        }
        let full = start + Duration::from_millis(9_500);
        assert_eq!(limit.take(&key("a"), full), Err(51));
        assert_eq!(
            limit.take(&key("a"), full + Duration::from_secs(50)),
            Err(1)
        );
        assert_eq!(
            limit.take(&key("a"), full + Duration::from_secs(51)),
            Ok(())
        );
        // Only one of the ten had left the window.
        assert_eq!(
            limit.take(&key("a"), start + Duration::from_millis(60_500)),
            Err(1)
        );
    }

    #[test]
    fn a_lowered_limit_holds_at_once_and_tells_the_true_wait() {
        let limit = PerMinute::new(3);
        let start = clock::now();
        for second in [0, 10, 20] {
            assert_eq!(
                limit.take(&key("a"), start + Duration::from_secs(second)),
                Ok(())
            );
        }
        limit.set(1);
        let now = start + Duration::from_secs(30);
        assert_eq!(limit.take(&key("a"), now), Err(50));
        assert_eq!(limit.take(&key("a"), now + Duration::from_secs(50)), Ok(()));
    }

    #[test]
    fn keys_do_not_share_and_refusals_do_not_count() {
        let limit = PerMinute::new(1);
        let start = clock::now();
        assert_eq!(limit.take(&key("a"), start), Ok(()));
        assert_eq!(limit.take(&key("b"), start), Ok(()));
        for second in 1..60 {
            let now = start + Duration::from_secs(second);
            assert_eq!(limit.take(&key("a"), now), Err(60 - second));
        }
        assert_eq!(limit.take(&key("a"), start + WINDOW), Ok(()));
    }

    #[test]
    fn quiet_keys_are_forgotten() {
        let limit = PerMinute::new(1);
        let start = clock::now();
        for n in 0..SWEEP_AT {
            let _ = limit.take(&key(&n.to_string()), start);
        }
        let _ = limit.take(&key("late"), start + WINDOW);
        assert_eq!(limit.recent.lock().unwrap().len(), 1);
    }
}
