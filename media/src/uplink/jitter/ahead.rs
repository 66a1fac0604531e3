//! Looking at sound before its time: whoever only wants to know what is in it need not wait until it is played.

use super::{Jitter, slot};
use crate::FRAME;

impl Jitter {
    /// Whether the frame played last was made up, or ended with sound, that nobody has looked at and nobody can look at any more.
    pub(crate) fn passed_unseen(&mut self) -> bool {
        let unseen = self.seen < self.play || self.held > 0 || self.origin.is_none();
        self.seen = self.seen.max(self.play);
        unseen
    }

    /// Copies the next 160 samples that nobody has looked at, if they are there already.
    pub(crate) fn look_ahead(&mut self, frame: &mut [i16; FRAME]) -> bool {
        let from = self.seen;
        let until = from + FRAME as i64;
        if !(from..until).all(|at| self.has(at)) {
            return false;
        }
        self.decode_until(until);
        for (sample, at) in frame.iter_mut().zip(from..) {
            *sample = self.samples[slot(at)];
        }
        self.seen = until;
        true
    }

    /// Returns the timestamp after the newest sample that was looked at.
    pub(crate) const fn seen(&self) -> i64 {
        self.seen
    }

    /// Returns how many samples that is ahead of what is played next; not above 0 when nothing is left to play.
    pub(crate) const fn ahead(&self) -> i64 {
        self.seen - self.play
    }
}
