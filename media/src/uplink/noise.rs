//! Comfort noise (RFC 3389): what is heard while the sender says that there is nothing to send.
//!
//! Of what a sender tells only the level is used; a spectrum is for those who listen to silence.

use crate::FRAME;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct ComfortNoise {
    /// The amplitude of evenly distributed noise; `None` while sound is sent.
    amplitude: Option<f32>,
    random: fastrand::Rng,
}

impl ComfortNoise {
    pub(super) fn new() -> Self {
        Self {
            amplitude: None,
            random: fastrand::Rng::with_seed(0),
        }
    }

    /// Nothing but noise of `level` dB below full scale follows.
    pub(super) fn begin(&mut self, level: u8) {
        let power = 10.0_f32.powf(f32::from(level.min(127)) / -20.0);
        // Of evenly distributed values the root of the mean square is a root of three below the largest.
        self.amplitude = Some(f32::from(i16::MAX) * power * 3.0_f32.sqrt());
    }

    /// Sound follows.
    pub(super) fn end(&mut self) {
        self.amplitude = None;
    }

    /// Makes a frame; `false` while sound is sent.
    pub(super) fn fill(&mut self, frame: &mut [i16; FRAME]) -> bool {
        let Some(amplitude) = self.amplitude else {
            return false;
        };
        for sample in frame {
            *sample = (amplitude * (2.0 * self.random.f32() - 1.0)) as i16;
        }
        true
    }
}
