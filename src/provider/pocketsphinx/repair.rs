//! Puts back what a telephone band takes away: the log-mel bands above 3.1 kHz, guessed from those below.
//!
//! The upper bands are a function of the lower ones in eleven frames around: a small network of two hidden layers, fitted
//! on synthetic speech by `speechmodel repair`. A linear function explains two thirds of what the upper bands do, the network
//! nearly nine tenths. Levels are taken relative to the lower bands, so that the guess does not depend on how loud
//! the line is.

use std::collections::VecDeque;

use super::features::{BANDS, LogMel};

/// Frames on each side of the one that is repaired: the delay is 50 ms.
pub const CONTEXT: usize = 5;
/// The first band that is guessed: its triangle begins at 3.06 kHz, where telephone filters do.
pub const FIRST_GUESSED: usize = 18;
/// Bands that are guessed.
pub const GUESSED: usize = BANDS - FIRST_GUESSED;
/// Numbers that a guess is made from: the lower bands of all frames.
pub const INPUTS: usize = (2 * CONTEXT + 1) * FIRST_GUESSED;
/// Units in each of the two hidden layers.
pub const HIDDEN: usize = 160;
/// Numbers in the network.
pub const COEFFICIENTS: usize =
    INPUTS * HIDDEN + HIDDEN * HIDDEN + HIDDEN * GUESSED + 2 * HIDDEN + GUESSED;

/// The repair of one stretch of sound after another.
#[derive(Debug)]
pub struct Repair {
    network: Network,
    /// The frames around the next one to repair, padded at the start by repetition.
    around: VecDeque<LogMel>,
}

/// Layers of units that are zero below zero (rectified linear); the last is linear.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Per layer, a row of weights per unit before it.
    pub weights: [Vec<f32>; 3],
    /// Per layer, what its units start from.
    pub biases: [Vec<f32>; 3],
}

impl Network {
    /// Reads coefficients as [`Network::bytes`] writes them. Returns `None` when their number is wrong.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() || numbers.len() != COEFFICIENTS {
            return None;
        }
        let mut numbers = numbers.iter().map(|n| f32::from_le_bytes(*n));
        let mut take = |count| numbers.by_ref().take(count).collect();
        Some(Self {
            weights: [
                take(INPUTS * HIDDEN),
                take(HIDDEN * HIDDEN),
                take(HIDDEN * GUESSED),
            ],
            biases: [take(HIDDEN), take(HIDDEN), take(GUESSED)],
        })
    }

    /// Returns the coefficients as little-endian 32-bit floats: the weights of the three layers, then the biases.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let all = self.weights.iter().chain(&self.biases).flatten();
        all.flat_map(|number| number.to_le_bytes()).collect()
    }

    /// Returns the guess for these inputs.
    #[must_use]
    pub fn guess(&self, inputs: &[f32; INPUTS]) -> [f32; GUESSED] {
        let mut first = [0.0; HIDDEN];
        self.layer(0, inputs, &mut first);
        first.iter_mut().for_each(|unit| *unit = unit.max(0.0));
        let mut second = [0.0; HIDDEN];
        self.layer(1, &first, &mut second);
        second.iter_mut().for_each(|unit| *unit = unit.max(0.0));
        let mut guess = [0.0; GUESSED];
        self.layer(2, &second, &mut guess);
        guess
    }

    fn layer(&self, index: usize, before: &[f32], units: &mut [f32]) {
        units.copy_from_slice(&self.biases[index]);
        for (value, row) in before
            .iter()
            .zip(self.weights[index].chunks_exact(units.len()))
        {
            for (unit, weight) in units.iter_mut().zip(row) {
                *unit += value * weight;
            }
        }
    }
}

impl Repair {
    /// Makes a repair with this network.
    #[must_use]
    pub fn new(network: Network) -> Self {
        Self {
            network,
            around: VecDeque::with_capacity(2 * CONTEXT + 1),
        }
    }

    /// Begins a new stretch of sound.
    pub fn reset(&mut self) {
        self.around.clear();
    }

    /// Takes a frame; returns the repaired one [`CONTEXT`] frames before, once there is one.
    pub fn push(&mut self, frame: LogMel) -> Option<LogMel> {
        if self.around.is_empty() {
            self.around.extend([frame; CONTEXT]);
        }
        self.around.push_back(frame);
        if self.around.len() < 2 * CONTEXT + 1 {
            return None;
        }
        let (inputs, level) = inputs(self.around.iter());
        let mut repaired = self.around[CONTEXT];
        let guess = self.network.guess(&inputs);
        for (band, guess) in repaired[FIRST_GUESSED..].iter_mut().zip(guess) {
            *band = guess + level;
        }
        self.around.pop_front();
        Some(repaired)
    }

    /// Returns the last frames; the stretch is over.
    pub fn finish(&mut self) -> Vec<LogMel> {
        let last = self.around.back().copied();
        let frames = last.map(|last| (0..CONTEXT).filter_map(|_| self.push(last)).collect());
        self.reset();
        frames.unwrap_or_default()
    }
}

/// Returns what a guess is made from, and the level that it is relative to: the mean of the lower bands.
#[must_use]
pub fn inputs<'a>(frames: impl Iterator<Item = &'a LogMel> + Clone) -> ([f32; INPUTS], f32) {
    let lower = frames.flat_map(|frame| &frame[..FIRST_GUESSED]);
    let level = lower.clone().sum::<f32>() / INPUTS as f32;
    let mut inputs = [0.0; INPUTS];
    for (slot, band) in inputs.iter_mut().zip(lower) {
        *slot = band - level;
    }
    (inputs, level)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network whose guess is the level of the middle frame's first band, for every band.
    fn copying() -> Network {
        let mut network = Network::read(&vec![0; 4 * COEFFICIENTS]).unwrap();
        network.weights[0][CONTEXT * FIRST_GUESSED * HIDDEN] = 1.0;
        network.weights[1][0] = 1.0;
        network.weights[2][..GUESSED].fill(1.0);
        network
    }

    fn frame(first: f32) -> LogMel {
        let mut frame = [0.0; BANDS];
        frame[0] = first;
        frame
    }

    #[test]
    fn coefficients_survive_being_written() {
        let network = copying();
        assert_eq!(Network::read(&network.bytes()), Some(network));
        assert_eq!(Network::read(&[0; 4]), None);
    }

    #[test]
    fn every_frame_comes_out_once_with_its_upper_bands_guessed() {
        let mut repair = Repair::new(copying());
        let mut out: Vec<LogMel> = (1..=10)
            .filter_map(|i| repair.push(frame(i as f32)))
            .collect();
        assert_eq!(out.len(), 10 - CONTEXT);
        out.extend(repair.finish());
        assert_eq!(out.len(), 10);
        for (index, frame) in out.iter().enumerate() {
            let said = (index + 1) as f32;
            assert!((frame[0] - said).abs() < 1e-6);
            assert!((frame[BANDS - 1] - said).abs() < 1e-4, "{index}: {frame:?}");
        }
    }

    #[test]
    fn loudness_moves_the_guess_and_nothing_else() {
        let network = Network::read(super::super::recogniser::BAND_REPAIR).unwrap();
        let guesses = |louder: f32| {
            let mut repair = Repair::new(network.clone());
            let mut out = Vec::new();
            for i in 0..20 {
                let frame = std::array::from_fn(|band| {
                    10.0 + louder + ((i * 7 + band * 3) % 11) as f32 / 3.0
                });
                out.extend(repair.push(frame));
            }
            out
        };
        for (soft, loud) in guesses(0.0).iter().zip(&guesses(3.0)) {
            for (soft, loud) in soft.iter().zip(loud) {
                assert!((loud - soft - 3.0).abs() < 1e-3, "{soft} {loud}");
            }
        }
    }
}
