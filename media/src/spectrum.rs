//! The power spectrum of the last 32 ms, and its two strongest lines.
//!
//! Tones of any frequency and music are told from speech by it. A bank of Goertzel filters would cost as much for
//! the twenty known frequencies and know no others; beeps and foreign call progress tones come at any.

use std::sync::{Arc, OnceLock};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

use crate::FRAME;

/// Samples in the transform: 32 ms.
const SIZE: usize = 256;
/// Lines from 0 to 4000 Hz.
pub const BINS: usize = SIZE / 2 + 1;
/// Distance of two lines in Hz.
pub const BIN_HZ: f32 = 8000.0 / SIZE as f32;
/// A tone's energy lies within this many lines of its peak: the main lobe of the window.
const LOBE: usize = 2;
/// Peaks are looked for from 156 Hz, below which there is hum, to 3.75 kHz, above which there is nothing.
const PEAKS: std::ops::Range<usize> = 5..120;
/// Shares are of the energy from 94 Hz to 3.8 kHz: the lobes of all those peaks.
const BAND: std::ops::Range<usize> = PEAKS.start - LOBE..PEAKS.end + LOBE;

/// Planned once for all calls.
fn plan() -> &'static Arc<dyn RealToComplex<f32>> {
    static PLAN: OnceLock<Arc<dyn RealToComplex<f32>>> = OnceLock::new();
    PLAN.get_or_init(|| RealFftPlanner::new().plan_fft_forward(SIZE))
}

/// One strong line.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Line {
    /// Frequency, to a few Hz.
    pub hz: f32,
    /// Share of the energy of the telephone band: 0 to 1.
    pub share: f32,
}

/// See the module's documentation.
pub struct Spectrum {
    fft: Arc<dyn RealToComplex<f32>>,
    window: [f32; SIZE],
    past: [f32; SIZE],
    input: Vec<f32>,
    output: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: [f32; BINS],
}

impl std::fmt::Debug for Spectrum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spectrum").finish_non_exhaustive()
    }
}

impl Default for Spectrum {
    fn default() -> Self {
        Self::new()
    }
}

impl Spectrum {
    /// Makes a spectrum of silence.
    #[must_use]
    pub fn new() -> Self {
        let fft = Arc::clone(plan());
        let step = std::f32::consts::TAU / SIZE as f32;
        Self {
            window: std::array::from_fn(|n| 0.5 - 0.5 * (step * n as f32).cos()),
            past: [0.0; SIZE],
            input: fft.make_input_vec(),
            output: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: [0.0; BINS],
            fft,
        }
    }

    /// Hears a frame without measuring.
    pub fn hear(&mut self, frame: &[i16; FRAME]) {
        self.past.copy_within(FRAME.., 0);
        for (slot, sample) in self.past[SIZE - FRAME..].iter_mut().zip(frame) {
            *slot = f32::from(*sample);
        }
    }

    /// Computes the spectrum of the last 32 ms.
    pub fn measure(&mut self) {
        for ((slot, sample), weight) in self.input.iter_mut().zip(&self.past).zip(&self.window) {
            *slot = sample * weight;
        }
        self.fft
            .process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch)
            .expect("all buffers were made by this transform");
        for (power, value) in self.power.iter_mut().zip(&self.output) {
            *power = value.norm_sqr();
        }
    }

    /// The power of each line as last measured, in no unit of use.
    #[must_use]
    pub const fn power(&self) -> &[f32; BINS] {
        &self.power
    }

    /// Returns the two strongest lines as last measured, the stronger first.
    #[must_use]
    pub fn lines(&self) -> [Line; 2] {
        let total: f32 = self.power[BAND].iter().sum();
        if total <= f32::MIN_POSITIVE {
            return [Line::default(); 2];
        }
        let first = self.peak(None);
        let second = self.peak(Some(first));
        let mut lines = [first, second].map(|at| {
            let lobe = at.saturating_sub(LOBE)..=at + LOBE;
            Line {
                hz: self.refined(at) * BIN_HZ,
                share: self.power[lobe].iter().sum::<f32>() / total,
            }
        });
        // Lobes that overlap would count their common lines twice.
        lines[1].share = lines[1].share.min(1.0 - lines[0].share);
        lines
    }

    /// Returns the strongest local peak, apart from the lobe of `other`.
    fn peak(&self, other: Option<usize>) -> usize {
        let mut best = (0.0, PEAKS.start);
        for at in PEAKS {
            let power = self.power[at];
            let apart = other.is_none_or(|other| at.abs_diff(other) > LOBE);
            let is_peak = power >= self.power[at - 1] && power >= self.power[at + 1];
            if apart && is_peak && power > best.0 {
                best = (power, at);
            }
        }
        best.1
    }

    /// Returns the place of a peak between lines, from the parabola through the logarithms of three.
    fn refined(&self, at: usize) -> f32 {
        let [left, middle, right] = [at - 1, at, at + 1].map(|at| self.power[at].max(1e-9).ln());
        let curve = left - 2.0 * middle + right;
        if curve >= 0.0 {
            return at as f32;
        }
        at as f32 + (0.5 * (left - right) / curve).clamp(-0.5, 0.5)
    }
}

#[cfg(test)]
mod tests;
