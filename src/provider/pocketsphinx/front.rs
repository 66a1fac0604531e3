//! From sound to what the acoustic model is asked about: bands, repaired where a telephone took some away, cepstra, and the
//! mean to take from each frame.
//!
//! One for a call, of which it remembers mean and noise; what comes out depends on nothing but the sound. The tool that
//! adapts the acoustic model (`speechmodel adapt`) hears through this very one.

use super::{
    features::{CEPSTRA, Cepstra, LogMel, MelBands},
    normalise::Normaliser,
    repair::{NOISY, Network, QUIET, Repair},
};

/// The front end of one call.
#[derive(Debug)]
pub struct FrontEnd {
    bands: MelBands,
    repair: Repair,
    cepstra: Cepstra,
    normaliser: Normaliser,
    /// Whether the sound came over a telephone, and the repair is needed.
    narrowband: bool,
    frames: Vec<LogMel>,
}

impl FrontEnd {
    /// Makes a front end with these networks of the repair, for wideband sound until told otherwise. Returns `None` when
    /// one of them cannot be read.
    #[must_use]
    pub fn new(band_repair: &[u8], noise_repair: &[u8]) -> Option<Self> {
        let quiet = Network::read(QUIET, band_repair)?;
        let noisy = Network::read(NOISY, noise_repair)?;
        Some(Self {
            bands: MelBands::new(),
            repair: Repair::new(quiet, noisy),
            cepstra: Cepstra::new(),
            normaliser: Normaliser::new(),
            narrowband: false,
            frames: Vec::new(),
        })
    }

    /// Says what kind of sound the call brings.
    pub fn set_narrowband(&mut self, narrowband: bool) {
        self.narrowband = narrowband;
    }

    /// Begins an utterance.
    pub fn begin(&mut self) {
        self.bands.reset();
        self.repair.reset();
        self.normaliser.begin();
    }

    /// Takes sound at 16 kHz.
    pub fn hear(&mut self, samples: &[i16]) {
        self.frames.clear();
        self.bands.push(samples, &mut self.frames);
        for frame in &self.frames {
            let frame = if self.narrowband {
                self.repair.push(*frame)
            } else {
                Some(*frame)
            };
            if let Some(frame) = frame {
                self.normaliser.push(self.cepstra.of(&frame));
            }
        }
    }

    /// Takes note that the utterance is over.
    pub fn end(&mut self) {
        if self.narrowband {
            for frame in self.repair.finish() {
                self.normaliser.push(self.cepstra.of(&frame));
            }
        }
    }

    /// Returns the next frame of cepstra that has waited long enough, or any when the utterance has `ended`, and the mean
    /// to take from it.
    pub fn next(&mut self, ended: bool) -> Option<([f32; CEPSTRA], [f32; CEPSTRA])> {
        self.normaliser.next(ended)
    }
}
