//! What a line adds to sound: noise, and the far end's own sound coming back.

use std::time::Duration;

use crate::dsp::amplitude;

/// Steady line noise at 8 kHz: pinkish, as amplifiers and quiet rooms make it.
#[derive(Debug, Clone)]
pub struct Noise {
    random: fastrand::Rng,
    scale: f32,
    low: f32,
}

/// How much of the noise is low-passed (a pole near 300 Hz) and how much is white.
const POLE: f32 = 0.8;
const LOW_SHARE: f32 = 0.7;
const WHITE_SHARE: f32 = 0.4;

impl Noise {
    /// Makes noise of `level` dBFS (root mean square against a full-scale square wave).
    #[must_use]
    pub fn new(level: f32, seed: u64) -> Self {
        // Uniform noise of ±1 has the power 1/3; the pole passes (1-p)/(1+p) of it. Both parts share their source.
        let low = LOW_SHARE * LOW_SHARE * (1.0 - POLE) / (1.0 + POLE);
        let cross = 2.0 * LOW_SHARE * WHITE_SHARE * (1.0 - POLE);
        let power = (low + cross + WHITE_SHARE * WHITE_SHARE) / 3.0;
        Self {
            random: fastrand::Rng::with_seed(seed),
            scale: 32_768.0 * amplitude(level) / power.sqrt(),
            low: 0.0,
        }
    }

    /// Adds noise to `samples`.
    pub fn add(&mut self, samples: &mut [i16]) {
        for sample in samples {
            let white = self.random.f32() * 2.0 - 1.0;
            self.low = POLE * self.low + (1.0 - POLE) * white;
            let noise = self.scale * (LOW_SHARE * self.low + WHITE_SHARE * white);
            *sample = (f32::from(*sample) + noise).round_ties_even() as i16;
        }
    }
}

/// The way of a sound through the far end and back: later and weaker.
#[derive(Debug, Clone)]
pub struct Echo {
    past: Vec<i16>,
    at: usize,
    gain: f32,
}

/// The longest delay an echo path has.
const MAX_DELAY: Duration = Duration::from_secs(2);

impl Echo {
    /// Makes an echo path of `delay` (up to 2 s; longer ones are cut to that) that changes the level by `gain` dB.
    #[must_use]
    pub fn new(delay: Duration, gain: f32) -> Self {
        let samples = delay.min(MAX_DELAY).as_micros() as usize / 125;
        Self {
            past: vec![0; samples],
            at: 0,
            gain: amplitude(gain),
        }
    }

    /// Adds to `samples`, which come from the far end, the echo of `sent`, what went there at the same time.
    pub fn add(&mut self, samples: &mut [i16], sent: &[i16]) {
        for (sample, sent) in samples.iter_mut().zip(sent) {
            let late = match self.past.get_mut(self.at) {
                Some(slot) => std::mem::replace(slot, *sent),
                None => *sent,
            };
            self.at += 1;
            if self.at >= self.past.len() {
                self.at = 0;
            }
            let echo = f32::from(late) * self.gain;
            *sample = (f32::from(*sample) + echo).round_ties_even() as i16;
        }
    }
}
