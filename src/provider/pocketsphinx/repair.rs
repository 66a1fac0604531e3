//! Puts back what a telephone band takes away: the log-mel bands above 3.1 kHz, guessed from those below.
//!
//! Each of the upper bands is a linear function of the lower ones in seven frames around. The coefficients were fitted
//! on synthetic speech by `speech-tools band-repair`. Levels are taken relative to the lower bands, so that the guess
//! does not depend on how loud the line is.

use std::collections::VecDeque;

use super::features::{BANDS, LogMel};

/// Frames on each side of the one that is repaired: the delay is 30 ms.
pub(super) const CONTEXT: usize = 3;
/// The first band that is guessed: its triangle begins at 3.06 kHz, where telephone filters do.
pub(super) const FIRST_GUESSED: usize = 18;
/// Bands that are guessed.
pub(super) const GUESSED: usize = BANDS - FIRST_GUESSED;
/// Numbers that a guess is made from: the lower bands of all frames, and a constant.
pub(super) const INPUTS: usize = (2 * CONTEXT + 1) * BANDS + 1;

/// The repair of one stretch of sound after another.
#[derive(Debug)]
pub(super) struct Repair {
    /// A row of coefficients per guessed band.
    rows: Vec<[f32; INPUTS]>,
    /// The frames around the next one to repair, padded at the start by repetition.
    around: VecDeque<LogMel>,
}

impl Repair {
    /// Reads coefficients as `speech-tools band-repair` writes them: little-endian 32-bit floats, a row of
    /// [`INPUTS`] per guessed band. Returns `None` when the length is wrong.
    #[must_use]
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|n| f32::from_le_bytes(*n)).collect();
        let (rows, left) = numbers.as_chunks::<INPUTS>();
        if !(rest.is_empty() && left.is_empty() && rows.len() == GUESSED) {
            return None;
        }
        Some(Self {
            rows: rows.to_vec(),
            around: VecDeque::with_capacity(2 * CONTEXT + 1),
        })
    }

    /// Begins a new stretch of sound.
    pub(super) fn reset(&mut self) {
        self.around.clear();
    }

    /// Takes a frame; returns the repaired one [`CONTEXT`] frames before, once there is one.
    pub(super) fn push(&mut self, frame: LogMel) -> Option<LogMel> {
        if self.around.is_empty() {
            self.around.extend([frame; CONTEXT]);
        }
        self.around.push_back(frame);
        if self.around.len() < 2 * CONTEXT + 1 {
            return None;
        }
        let repaired = self.repaired();
        self.around.pop_front();
        Some(repaired)
    }

    /// Returns the last frames; the stretch is over.
    pub(super) fn finish(&mut self) -> Vec<LogMel> {
        let last = self.around.back().copied();
        let frames = last.map(|last| (0..CONTEXT).filter_map(|_| self.push(last)).collect());
        self.reset();
        frames.unwrap_or_default()
    }

    fn repaired(&self) -> LogMel {
        let (inputs, level) = inputs(self.around.iter());
        let mut frame = self.around[CONTEXT];
        for (band, row) in frame[FIRST_GUESSED..].iter_mut().zip(&self.rows) {
            let guess: f32 = row
                .iter()
                .zip(&inputs)
                .map(|(weight, input)| weight * input)
                .sum();
            *band = guess + level;
        }
        frame
    }
}

/// Returns what a guess is made from, and the level that it is relative to: the mean of the lower bands.
///
/// # Panics
/// When there are more than `2 * CONTEXT + 1` frames.
pub(super) fn inputs<'a>(frames: impl Iterator<Item = &'a LogMel> + Clone) -> ([f32; INPUTS], f32) {
    let lower = frames.clone().flat_map(|frame| &frame[..FIRST_GUESSED]);
    let level = lower.clone().sum::<f32>() / lower.count().max(1) as f32;
    let mut inputs = [0.0; INPUTS];
    for (slot, band) in inputs.iter_mut().zip(frames.flatten()) {
        *slot = band - level;
    }
    inputs[INPUTS - 1] = 1.0;
    (inputs, level)
}
