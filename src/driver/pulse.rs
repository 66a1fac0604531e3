//! The pulse of the program: how late frames of sound leave, and how many were dropped, over all its calls.
//!
//! One set of counters for the process, touched once a frame and call without a lock. Counts; decides nothing.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Width of one bucket of lateness.
const STEP: Duration = Duration::from_micros(100);
/// Buckets: up to 50 ms; the last one also holds everything later.
const BUCKETS: usize = 500;

static LATE: [AtomicU64; BUCKETS] = [const { AtomicU64::new(0) }; BUCKETS];
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Notes that the step of a frame was carried out so long after its time.
pub(crate) fn frame(late: Duration) {
    let bucket = usize::try_from(late.as_micros() / STEP.as_micros()).unwrap_or(usize::MAX);
    LATE[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
}

/// Notes frames that were dropped because somebody did not keep up.
pub(super) fn dropped(frames: u64) {
    DROPPED.fetch_add(frames, Ordering::Relaxed);
}

/// What was counted since the start.
#[derive(Debug, Clone)]
pub struct Pulse {
    late: Vec<u64>,
    /// Frames that were dropped, in either direction.
    pub dropped: u64,
}

/// Returns what was counted since the start.
#[must_use]
pub fn read() -> Pulse {
    Pulse {
        late: LATE
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .collect(),
        dropped: DROPPED.load(Ordering::Relaxed),
    }
}

impl Pulse {
    /// Returns what was counted since an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.late.iter().zip(&earlier.late);
        Self {
            late: pairs.map(|(now, then)| now.saturating_sub(*then)).collect(),
            dropped: self.dropped.saturating_sub(earlier.dropped),
        }
    }

    /// Returns how many frames there were.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.late.iter().sum()
    }

    /// Returns how many frames left later than this, to 0.1 ms; 50 ms at most can be told apart.
    #[must_use]
    pub fn later_than(&self, limit: Duration) -> u64 {
        let first = usize::try_from(limit.as_micros() / STEP.as_micros()).unwrap_or(usize::MAX);
        self.late.iter().skip(first.min(BUCKETS - 1)).sum()
    }

    /// Returns the lateness within which this share of the frames left, to 0.1 ms; more than 50 ms counts as 50. `None`
    /// when there were no frames.
    #[must_use]
    pub fn late(&self, share: f64) -> Option<Duration> {
        let rank = (share * self.frames() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.late.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(STEP * (u32::try_from(bucket).unwrap_or(u32::MAX) + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_told_by_shares() {
        let before = Pulse {
            late: vec![0; BUCKETS],
            dropped: 2,
        };
        let mut after = before.clone();
        after.late[0] = 98;
        after.late[30] = 1;
        after.late[BUCKETS - 1] = 1;
        after.dropped = 5;
        let pulse = after.since(&before);
        assert_eq!((pulse.frames(), pulse.dropped), (100, 3));
        assert_eq!(pulse.late(0.5), Some(Duration::from_micros(100)));
        assert_eq!(pulse.late(0.99), Some(Duration::from_micros(3100)));
        assert_eq!(pulse.late(1.0), Some(Duration::from_millis(50)));
        let later = |ms| pulse.later_than(Duration::from_millis(ms));
        assert_eq!((later(0), later(3), later(20), later(90)), (100, 2, 1, 1));
        assert_eq!(before.since(&before).late(0.99), None);
    }

    #[test]
    fn frames_of_this_process_are_counted() {
        let before = read();
        frame(Duration::from_micros(250));
        frame(Duration::from_secs(3));
        dropped(1);
        let pulse = read().since(&before);
        // Other tests of this process may count, too.
        assert!(pulse.frames() >= 2 && pulse.dropped >= 1);
    }
}
