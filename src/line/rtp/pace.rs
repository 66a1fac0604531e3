//! When packets leave: one each 20 ms, by the clock. A sender that was held up catches up with a few at once, no more
//! than the far end's buffer bears; what piles up beyond that is dropped, oldest first.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use media::{FRAME_TIME, Packet};

/// Packets that may leave at once.
const BURST: u32 = 3;
/// Packets that wait beyond those: what is later than this is better not said.
const MOST_WAITING: usize = 5;

/// See the module's documentation. The generic cell rate algorithm (ITU-T I.371).
#[derive(Debug)]
pub(super) struct Pace {
    /// When the next packet would leave on an even beat.
    due: Instant,
    waiting: VecDeque<Packet>,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            due: now,
            waiting: VecDeque::with_capacity(MOST_WAITING + 1),
        }
    }

    /// Takes a packet; returns whether one had to be dropped for it.
    pub(super) fn push(&mut self, packet: Packet) -> bool {
        self.waiting.push_back(packet);
        let full = self.waiting.len() > MOST_WAITING;
        if full {
            self.waiting.pop_front();
        }
        full
    }

    /// Returns the packet that may leave now.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Packet> {
        if self.next()? > now {
            return None;
        }
        self.due = self.due.max(now) + FRAME_TIME;
        self.waiting.pop_front()
    }

    /// When the next packet may leave; `None` when none waits.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.front()?;
        let credit = FRAME_TIME * (BURST - 1);
        Some(self.due.checked_sub(credit).unwrap_or(self.due))
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

/// How many datagrams of one kind are looked at: a bucket that fills by the clock.
#[derive(Debug)]
pub(super) struct Bucket {
    size: f64,
    per_second: f64,
    level: f64,
    last: Option<Instant>,
}

impl Bucket {
    pub(super) const fn new(per_second: f64, size: f64) -> Self {
        Self {
            size,
            per_second,
            level: size,
            last: None,
        }
    }

    /// Takes one out; `false` when it is empty.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let since = self
            .last
            .map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        self.last = Some(now);
        self.level = (self.level + since.as_secs_f64() * self.per_second).min(self.size);
        let some = self.level >= 1.0;
        if some {
            self.level -= 1.0;
        }
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    fn packet(n: u16) -> Packet {
        Packet::new(n, 0, &[0]).unwrap()
    }

    #[test]
    fn on_the_beat_nothing_waits() {
        let start = clock::now();
        let mut pace = Pace::new(start);
        for n in 0..500 {
            // The driver's clock wavers by some milliseconds.
            let now =
                start + FRAME_TIME * u32::from(n) + Duration::from_millis(u64::from(n * 7 % 5));
            assert!(!pace.push(packet(n)));
            assert_eq!(pace.pop(now).map(|packet| packet.sequence), Some(n));
            assert!(pace.pop(now).is_none());
        }
    }

    #[test]
    fn after_a_delay_three_leave_at_once_and_the_rest_in_order() {
        let start = clock::now();
        let mut pace = Pace::new(start);
        pace.push(packet(0));
        assert!(pace.pop(start).is_some());
        let now = start + Duration::from_millis(400);
        let dropped = (1..=20).filter(|n| pace.push(packet(*n))).count();
        assert_eq!(dropped, 15, "what is too late is not said");
        let mut left = Vec::new();
        for millis in 0..100 {
            let now = now + Duration::from_millis(millis);
            while let Some(packet) = pace.pop(now) {
                left.push((millis, packet.sequence));
            }
        }
        assert_eq!(left, [(0, 16), (0, 17), (0, 18), (20, 19), (40, 20)]);
    }

    #[test]
    fn a_bucket_lets_through_what_it_holds_and_what_flows_in() {
        let (mut bucket, start) = (Bucket::new(100.0, 50.0), clock::now());
        let passed = (0..10_000_u32).filter(|n| {
            let now = start + Duration::from_micros(100) * *n;
            bucket.take(now)
        });
        let passed = passed.count();
        assert!((148..=151).contains(&passed), "{passed}");
    }
}
