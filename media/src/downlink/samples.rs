//! Samples in the order in which they are sent, in pieces of half a second: what was sent is given back piece by piece, so
//! that a long answer, made at once, takes ever less memory while it is said. Taking samples takes no memory.

use std::collections::VecDeque;

/// Samples of a piece.
const PIECE: usize = 4000;
/// How many of the samples sent last can be put back: 40 ms.
const REWIND: usize = 320;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Samples {
    /// Each with room for [`PIECE`]. Those behind the last one that holds anything are room for what comes.
    pieces: VecDeque<Vec<i16>>,
    /// How many samples at their front were sent; [`REWIND`] of them are kept.
    sent: usize,
    /// How many of those may be put back.
    back: usize,
    /// How many were not sent.
    len: usize,
}

impl Samples {
    pub(super) fn new() -> Self {
        Self {
            pieces: VecDeque::from([Vec::with_capacity(PIECE)]),
            sent: 0,
            back: 0,
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Makes room for so many more, which may take memory.
    pub(super) fn reserve(&mut self, count: usize) {
        let mut room: usize = 0;
        for piece in self.pieces.iter().rev() {
            room += PIECE - piece.len();
            if !piece.is_empty() {
                break;
            }
        }
        while room < count {
            self.pieces.push_back(Vec::with_capacity(PIECE));
            room += PIECE;
        }
    }

    /// Adds samples at the end. Takes no memory while there is room.
    pub(super) fn push(&mut self, mut samples: &[i16]) {
        self.reserve(samples.len());
        self.len += samples.len();
        let last = self.pieces.iter().rposition(|piece| !piece.is_empty());
        for piece in self.pieces.iter_mut().skip(last.unwrap_or(0)) {
            let (now, rest) = samples.split_at(samples.len().min(PIECE - piece.len()));
            piece.extend_from_slice(now);
            samples = rest;
        }
    }

    /// Takes samples from the front: as many as `out` holds, which must be no more than there are.
    pub(super) fn take(&mut self, out: &mut [i16]) {
        for (slot, sample) in out.iter_mut().zip(self.unsent()) {
            *slot = *sample;
        }
        self.len -= out.len();
        self.sent += out.len();
        self.back = (self.back + out.len()).min(REWIND);
        while self.pieces.len() > 1
            && let Some(first) = self.pieces.front()
            && self.sent >= first.len() + REWIND
        {
            self.sent -= first.len();
            self.pieces.pop_front();
        }
    }

    /// Puts those sent last back to the front, up to [`REWIND`]; returns how many.
    pub(super) fn rewind(&mut self) -> usize {
        let count = std::mem::take(&mut self.back);
        self.sent -= count;
        self.len += count;
        count
    }

    /// Forgets what was sent: nothing of it can be put back.
    pub(super) fn forget(&mut self) {
        self.back = 0;
        if self.len == 0 {
            // Empty, it begins anew with one piece of what it has.
            self.sent = 0;
            self.pieces.truncate(1);
            self.pieces.iter_mut().for_each(Vec::clear);
        }
    }

    /// Returns those that were not sent, in order.
    pub(super) fn unsent(&self) -> impl Iterator<Item = &i16> {
        self.pieces.iter().flatten().skip(self.sent)
    }

    /// Drops `count` of those that were not sent, from the one that is `at` on.
    pub(super) fn remove(&mut self, at: usize, count: usize) {
        let (mut from, mut left) = (self.sent + at, count);
        for piece in &mut self.pieces {
            let start = from.min(piece.len());
            let end = (start + left).min(piece.len());
            from -= start;
            left -= end - start;
            piece.drain(start..end);
        }
        self.len -= count - left;
    }

    /// Moves the last `count` to before the `later` that precede them. May take memory.
    pub(super) fn bring_forward(&mut self, count: usize, later: usize) {
        let start = self.len - count - later;
        let mut moved: Vec<i16> = self.unsent().skip(start).copied().collect();
        moved.rotate_right(count);
        let slots = self.pieces.iter_mut().flatten().skip(self.sent + start);
        for (slot, sample) in slots.zip(moved) {
            *slot = sample;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(from: usize, count: usize) -> Vec<i16> {
        (from..from + count).map(|sample| sample as i16).collect()
    }

    #[test]
    fn samples_come_in_order_whatever_is_done_with_them() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut samples = Samples::new();
        // The same in a list, of which `sent` were sent.
        let (mut all, mut sent, mut back) = (Vec::new(), 0, 0);
        for step in 0..4000 {
            match random.usize(0..12) {
                0..3 => {
                    let new = counted(step, random.usize(0..3 * PIECE / 2));
                    samples.push(&new);
                    all.extend(new);
                }
                3..8 => {
                    let mut out = vec![0; random.usize(0..2000).min(samples.len())];
                    samples.take(&mut out);
                    assert_eq!(out, all[sent..sent + out.len()]);
                    sent += out.len();
                    back = (back + out.len()).min(REWIND);
                }
                8 => {
                    assert_eq!(samples.rewind(), back);
                    sent -= std::mem::take(&mut back);
                }
                9 => {
                    let at = random.usize(0..=samples.len());
                    let count = random.usize(0..=samples.len() - at);
                    samples.remove(at, count);
                    all.drain(sent + at..sent + at + count);
                }
                10 => {
                    let count = random.usize(0..=samples.len().min(900));
                    let later = random.usize(0..=(samples.len() - count).min(9000));
                    samples.bring_forward(count, later);
                    let start = all.len() - count - later;
                    all[start..].rotate_right(count);
                }
                _ => {
                    samples.forget();
                    back = 0;
                }
            }
            assert_eq!(samples.len(), all.len() - sent);
            assert!(samples.unsent().eq(&all[sent..]));
        }
    }

    #[test]
    fn what_was_sent_is_given_back() {
        let mut samples = Samples::new();
        samples.push(&counted(0, 12 * PIECE));
        let mut least = 12;
        while samples.len() > 0 {
            samples.take(&mut [0; 160]);
            assert!(samples.pieces.len() <= samples.len() / PIECE + 2);
            least = least.min(samples.pieces.len());
        }
        assert_eq!(least, 1);
        samples.forget();
        assert_eq!((samples.pieces.len(), samples.sent), (1, 0));
    }
}
