//! Takes the average sound of a call out of its cepstra, as the acoustic model was trained: what remains of channel and
//! voice is what is said.
//!
//! The library keeps such a mean itself, but changes it only at the end of an utterance, and then to that utterance's
//! alone. A callee's first words are often all that there is, so here the mean moves with every frame, from what the model
//! expects towards what is heard, and the first frames of an utterance wait until enough of them have been counted.

use std::collections::VecDeque;

use super::features::CEPSTRA;

/// The mean of the model's training data (`-cmninit` of its `feat.params`).
const EXPECTED: [f32; CEPSTRA] = [
    41.0, -5.29, -0.12, 5.09, 2.48, -4.07, -1.37, -1.78, -5.08, -2.05, -6.45, -1.42, 1.17,
];
/// Frames of evidence that the expectation is worth: 1 s.
const BELIEF: f64 = 100.0;
/// Frames that the mean remembers: 8 s.
const MEMORY: f64 = 800.0;
/// Frames that the first of an utterance waits for: 400 ms, which the gate gives at once.
const FIRST: usize = 40;
/// Frames that every later one waits for.
const LATER: usize = 10;

/// Frames of cepstra.
pub(super) type Frame = [f32; CEPSTRA];

/// The mean of one call, and the frames that wait for it.
#[derive(Debug)]
pub(super) struct Normaliser {
    sum: [f64; CEPSTRA],
    count: f64,
    waiting: VecDeque<Frame>,
    /// Frames that must be there before the next one is given.
    needed: usize,
}

impl Normaliser {
    /// Begins a call.
    #[must_use]
    pub(super) fn new() -> Self {
        Self {
            sum: EXPECTED.map(|mean| f64::from(mean) * BELIEF),
            count: BELIEF,
            waiting: VecDeque::new(),
            needed: FIRST,
        }
    }

    /// Begins an utterance.
    pub(super) fn begin(&mut self) {
        self.waiting.clear();
        self.needed = FIRST;
    }

    /// Takes a frame.
    pub(super) fn push(&mut self, frame: Frame) {
        // Digital silence is below zero; it is of no channel.
        if frame[0] >= 0.0 {
            for (sum, value) in self.sum.iter_mut().zip(frame) {
                *sum += f64::from(value);
            }
            self.count += 1.0;
            if self.count > MEMORY {
                self.sum = self.sum.map(|sum| sum * MEMORY / self.count);
                self.count = MEMORY;
            }
        }
        self.waiting.push_back(frame);
    }

    /// Returns the next frame that has waited long enough, or any when the utterance has `ended`, and the mean to take
    /// from it.
    pub(super) fn next(&mut self, ended: bool) -> Option<(Frame, Frame)> {
        if !ended {
            if self.waiting.len() < self.needed {
                return None;
            }
            self.needed = LATER + 1;
        }
        let frame = self.waiting.pop_front()?;
        Some((frame, self.sum.map(|sum| (sum / self.count) as f32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(normaliser: &mut Normaliser, ended: bool) -> Vec<(Frame, Frame)> {
        std::iter::from_fn(|| normaliser.next(ended)).collect()
    }

    #[test]
    fn frames_wait_at_the_start_and_none_is_lost() {
        let mut normaliser = Normaliser::new();
        for utterance in 0..2 {
            normaliser.begin();
            let mut frames = Vec::new();
            for index in 0..100 {
                normaliser.push([index as f32; CEPSTRA]);
                let more = given(&mut normaliser, false);
                assert!(index + 1 >= FIRST || more.is_empty(), "{utterance} {index}");
                frames.extend(more);
            }
            assert_eq!(frames.len(), 100 - LATER);
            frames.extend(given(&mut normaliser, true));
            let firsts: Vec<f32> = frames.iter().map(|(frame, _)| frame[0]).collect();
            assert_eq!(firsts, (0..100).map(|i| i as f32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_mean_moves_from_what_is_expected_to_what_is_heard() {
        let mut normaliser = Normaliser::new();
        let mut means = Vec::new();
        for _ in 0..2000 {
            normaliser.push([20.0; CEPSTRA]);
            means.extend(
                given(&mut normaliser, false)
                    .into_iter()
                    .map(|(_, mean)| mean[0]),
            );
        }
        assert!(means[0] > 30.0 && means[0] < 41.0, "{}", means[0]);
        // What was expected at first is nearly forgotten after 20 s.
        assert!((means.last().unwrap() - 20.0).abs() < 1.0);
        assert!(means.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn digital_silence_moves_nothing() {
        let mut normaliser = Normaliser::new();
        (0..500).for_each(|_| normaliser.push([-50.0; CEPSTRA]));
        let (_, mean) = normaliser.next(false).unwrap();
        assert_eq!(mean, EXPECTED);
    }
}
