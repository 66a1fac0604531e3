//! 8 to 16 kHz with little delay: a half-band filter in two phases.

use crate::dsp::dot;

/// Taps of the filter at 16 kHz; every second one but the middle is zero.
const TAPS: usize = 63;
/// Taps of the phase that computes the samples between two given ones.
const PHASE: usize = TAPS.div_ceil(2);
/// Input samples kept from the frame before.
const HISTORY: usize = PHASE - 1;
/// Input samples in one frame.
const FRAME: usize = crate::FRAME;

/// Doubles the rate of 20 ms frames from 8 to 16 kHz.
///
/// A Kaiser window of 63 taps: within 0.1 dB up to 3.4 kHz, images of 0 to 3.4 kHz below -60 dB, 31 samples of
/// 16 kHz (1.94 ms) late.
#[derive(Debug, Clone)]
pub struct Doubler {
    taps: [f32; PHASE],
    window: [f32; HISTORY + FRAME],
    output: [i16; 2 * FRAME],
}

impl Default for Doubler {
    fn default() -> Self {
        Self::new()
    }
}

impl Doubler {
    /// Delay in samples of the output.
    pub const DELAY: usize = (TAPS - 1) / 2;

    /// Makes a doubler whose past is silence.
    #[must_use]
    pub fn new() -> Self {
        Self {
            taps: half_band(),
            window: [0.0; HISTORY + FRAME],
            output: [0; 2 * FRAME],
        }
    }

    /// Doubles one frame.
    pub fn process(&mut self, frame: &[i16; FRAME]) -> &[i16; 2 * FRAME] {
        self.window.copy_within(FRAME.., 0);
        for (slot, sample) in self.window[HISTORY..].iter_mut().zip(frame) {
            *slot = f32::from(*sample);
        }
        for (index, pair) in self.output.chunks_exact_mut(2).enumerate() {
            let seen = &self.window[index..index + PHASE];
            let between = dot(seen, &self.taps);
            pair[0] = between.round_ties_even() as i16;
            // The other phase of a half-band filter is its middle tap alone: the sample as it was given.
            pair[1] = seen[PHASE / 2] as i16;
        }
        &self.output
    }
}

/// Returns the odd phase of the half-band filter, scaled so that it passes 0 Hz unchanged.
fn half_band() -> [f32; PHASE] {
    let middle = (TAPS - 1) as f64 / 2.0;
    let mut taps = [0.0_f64; PHASE];
    for (index, tap) in taps.iter_mut().enumerate() {
        let at = 2.0 * index as f64 - middle;
        let sinc = (std::f64::consts::FRAC_PI_2 * at).sin() / (std::f64::consts::PI * at);
        *tap = sinc * kaiser(at / middle);
    }
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
}

/// A Kaiser window for 60 dB; `at` runs from -1 to 1.
fn kaiser(at: f64) -> f64 {
    const BETA: f64 = 5.65;
    bessel(BETA * (1.0 - at * at).max(0.0).sqrt()) / bessel(BETA)
}

/// The modified Bessel function of the first kind, order 0, by its series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}
