//! What a service was given, or has yet to be given, and has not recognised: sound and flushes in their order, so that a
//! new connection can be given them again.
//!
//! Bounded: of sound that nothing is heard of for longer than [`LONGEST`], the oldest is given up.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

/// The most sound that is kept. A callee's turn that nothing is recognised of for so long is lost anyway.
const LONGEST: Duration = Duration::from_secs(15);
/// How far before the end of the sound a service may put the end of what it recognised of all of it.
const TOLERANCE: Duration = Duration::from_millis(20);

/// See the module.
#[derive(Debug)]
pub(super) struct Unheard {
    /// Samples per second of the encoded sound.
    rate: u64,
    items: VecDeque<Item>,
    /// How many of them the connection under way was given.
    given: usize,
    /// Samples before the first item, and behind the last, since the call began.
    start: u64,
    end: u64,
    /// Samples before the first that the connection under way was given.
    base: u64,
}

#[derive(Debug)]
enum Item {
    Sound { bytes: Bytes, samples: u64 },
    Flush(u32),
}

/// What to send next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Encoded sound.
    Sound(Bytes),
    /// A flush of this connection's sound, which is so long.
    Flush(Duration),
}

impl Unheard {
    pub(super) fn new(rate: u32) -> Self {
        Self {
            rate: u64::from(rate),
            items: VecDeque::new(),
            given: 0,
            start: 0,
            end: 0,
            base: 0,
        }
    }

    /// Adds sound. Returns `false` when older sound that was never sent had to be given up for it.
    pub(super) fn push_sound(&mut self, bytes: Bytes, samples: u64) -> bool {
        self.items.push_back(Item::Sound { bytes, samples });
        self.end += samples;
        let mut all_given = true;
        while self.end - self.start > LONGEST.as_secs() * self.rate {
            let Some(first) = self
                .items
                .iter()
                .position(|item| matches!(item, Item::Sound { .. }))
            else {
                break;
            };
            if let Some(Item::Sound { samples, .. }) = self.items.remove(first) {
                self.start += samples;
            }
            all_given &= first < self.given;
            self.given -= usize::from(first < self.given);
        }
        all_given
    }

    /// Adds a flush. Returns `false`, and adds none, when there is nothing that it could wait for.
    pub(super) fn push_flush(&mut self, mark: u32) -> bool {
        let any = !self.items.is_empty();
        if any {
            self.items.push_back(Item::Flush(mark));
        }
        any
    }

    /// Returns what the connection should be given next, if anything.
    pub(super) fn next(&mut self) -> Option<Next> {
        let item = self.items.get(self.given)?;
        self.given += 1;
        Some(match item {
            Item::Sound { bytes, .. } => Next::Sound(bytes.clone()),
            Item::Flush(_) => Next::Flush(self.time(self.position(self.given - 1))),
        })
    }

    /// A new connection begins; it is given everything.
    pub(super) fn rewind(&mut self) {
        self.given = 0;
        self.base = self.start;
    }

    /// Whether a flush was given and not answered.
    pub(super) fn is_asked(&self) -> bool {
        let mut given = self.items.iter().take(self.given);
        given.any(|item| matches!(item, Item::Flush(_)))
    }

    /// Sound up to `until` of this connection is recognised. Returns the marks of the flushes that this answers: those
    /// before it, and the oldest in any case when `answers`, which was then of all sound before it.
    pub(super) fn recognised(&mut self, until: Duration, answers: bool) -> Vec<u32> {
        let until = until.min(LONGEST * 10_000).as_secs_f64();
        let mut until = self.base + (until * self.rate as f64) as u64;
        if answers && let Some(at) = self.oldest_flush() {
            until = until.max(self.position(at));
        }
        let near = until + self.samples(TOLERANCE);
        let mut marks = Vec::new();
        while self.given > 0 {
            match self.items.front() {
                // A piece is dropped once its middle is recognised.
                Some(Item::Sound { samples, .. }) if self.start + samples / 2 <= until => {
                    self.start += samples;
                }
                Some(Item::Flush(mark)) if self.start <= near => marks.push(*mark),
                // What lies before a flush that is answered is all recognised.
                Some(Item::Sound { samples, .. })
                    if self
                        .oldest_flush()
                        .is_some_and(|at| self.position(at) <= near) =>
                {
                    self.start += samples;
                }
                _ => break,
            }
            self.items.pop_front();
            self.given -= 1;
        }
        marks
    }

    /// Gives up waiting for an answer to the oldest flush that was given; returns its mark. Its sound is kept.
    pub(super) fn give_up(&mut self) -> Option<u32> {
        let at = self.oldest_flush()?;
        self.given -= 1;
        match self.items.remove(at) {
            Some(Item::Flush(mark)) => Some(mark),
            _ => None,
        }
    }

    /// Where the oldest flush is that was given and not answered.
    fn oldest_flush(&self) -> Option<usize> {
        let mut given = self.items.iter().take(self.given);
        given.position(|item| matches!(item, Item::Flush(_)))
    }

    /// Samples before this item since the call began.
    fn position(&self, index: usize) -> u64 {
        let before = self.items.iter().take(index).map(|item| match item {
            Item::Sound { samples, .. } => *samples,
            Item::Flush(_) => 0,
        });
        self.start + before.sum::<u64>()
    }

    fn time(&self, position: u64) -> Duration {
        Duration::from_secs_f64(position.saturating_sub(self.base) as f64 / self.rate as f64)
    }

    fn samples(&self, time: Duration) -> u64 {
        (time.as_millis() as u64) * self.rate / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 8000;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// So many pieces of 20 ms.
    fn sound(unheard: &mut Unheard, pieces: usize) {
        for _ in 0..pieces {
            unheard.push_sound(Bytes::from_static(b"x"), 160);
        }
    }

    /// Gives everything; returns the pieces and the times of the flushes.
    fn give(unheard: &mut Unheard) -> (usize, Vec<Duration>) {
        let (mut pieces, mut flushes) = (0, Vec::new());
        while let Some(next) = unheard.next() {
            match next {
                Next::Sound(_) => pieces += 1,
                Next::Flush(at) => flushes.push(at),
            }
        }
        (pieces, flushes)
    }

    #[test]
    fn only_what_was_not_recognised_is_given_again() {
        let mut unheard = Unheard::new(RATE);
        sound(&mut unheard, 100);
        assert_eq!(give(&mut unheard), (100, vec![]));
        assert!(unheard.recognised(ms(1500), false).is_empty());
        sound(&mut unheard, 5);
        unheard.rewind();
        assert_eq!(give(&mut unheard).0, 30);
        // Times are of the new connection now.
        assert!(unheard.push_flush(7));
        assert_eq!(give(&mut unheard), (0, vec![ms(600)]));
        assert_eq!(unheard.recognised(ms(590), false), [7]);
        assert!(!unheard.push_flush(8));
    }

    #[test]
    fn flushes_are_answered_in_order_and_by_what_lies_behind_them() {
        let mut unheard = Unheard::new(RATE);
        for mark in 1..=3 {
            sound(&mut unheard, 10);
            assert!(unheard.push_flush(mark));
        }
        assert_eq!(give(&mut unheard).1, [ms(200), ms(400), ms(600)]);
        assert!(unheard.recognised(ms(100), false).is_empty());
        // An answer to a flush may lie well before it: the rest was no speech.
        assert_eq!(unheard.recognised(ms(120), true), [1]);
        assert_eq!(unheard.recognised(ms(600), false), [2, 3]);
        assert!(!unheard.is_asked());
    }

    #[test]
    fn a_flush_that_is_given_up_keeps_its_sound() {
        let mut unheard = Unheard::new(RATE);
        sound(&mut unheard, 10);
        assert!(unheard.push_flush(1));
        assert_eq!(unheard.give_up(), None);
        give(&mut unheard);
        assert_eq!(unheard.give_up(), Some(1));
        unheard.rewind();
        assert_eq!(give(&mut unheard), (10, vec![]));
    }

    #[test]
    fn sound_is_bounded_and_its_times_stay_true() {
        let mut unheard = Unheard::new(RATE);
        sound(&mut unheard, 750);
        give(&mut unheard);
        assert!(unheard.push_sound(Bytes::from_static(b"x"), 160));
        assert!(unheard.push_flush(1));
        assert_eq!(give(&mut unheard), (1, vec![ms(15_020)]));
        unheard.rewind();
        assert_eq!(give(&mut unheard), (750, vec![ms(15_000)]));
        unheard.rewind();
        // Not a piece of it was given.
        assert!(!unheard.push_sound(Bytes::from_static(b"x"), 160));
    }
}
