//! Is somebody speaking? A score for each frame of 8 kHz sound.
//!
//! The detector (earshot) wants 16 kHz and takes telephone sound that was doubled *properly* for speech whenever
//! there is noise: its features are relative, and an empty upper half is what it knows from speech. So the frame is
//! doubled by linear interpolation here, whose images fill that half; nothing else ever hears this signal.
//!
//! Decides nothing about edges, tones or echo.

mod ambience;
mod noise;

use ambience::Ambience;
use earshot::Detector;
use noise::NoiseFloor;

use crate::{FRAME, dsp};

/// Samples of 16 kHz the detector takes at a time: 16 ms.
const CHUNK: usize = 256;

/// Below this level, in dBFS, nothing is speech, whatever its score (`uplink::edges`) …
const FAINT: f32 = -64.0;
/// … so that the detector, the dearest part of a frame, rests once so many frames in a row were as quiet: 200 ms, after which
/// its memory holds nothing but silence either way.
const REST_AFTER: u32 = 10;

/// What one frame holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activity {
    /// How much it sounds like speech: 0 to 1, the highest of the scores that fell into this frame.
    pub score: f32,
    /// Level in dBFS.
    pub level: f32,
    /// Level of the line's noise over the last two seconds, in dBFS.
    pub noise: f32,
    /// Level that the sound of the last four seconds was above nine tenths of the time, in dBFS: more than the noise
    /// where voices or other things that never pause are heard all the time.
    pub ambience: f32,
}

/// See the module's documentation.
pub struct Vad {
    detector: Box<Detector>,
    chunk: [i16; CHUNK],
    filled: usize,
    last_sample: i16,
    score: f32,
    /// How many frames in a row were faint.
    faint: u32,
    noise: NoiseFloor,
    ambience: Ambience,
}

impl std::fmt::Debug for Vad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vad")
            .field("score", &self.score)
            .field("noise", &self.noise)
            .finish_non_exhaustive()
    }
}

impl Default for Vad {
    fn default() -> Self {
        Self::new()
    }
}

impl Vad {
    /// Makes a detector that has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            detector: Detector::default_boxed(),
            chunk: [0; CHUNK],
            filled: 0,
            last_sample: 0,
            score: 0.0,
            faint: 0,
            noise: NoiseFloor::new(),
            ambience: Ambience::new(),
        }
    }

    /// Hears the next frame.
    pub fn process(&mut self, frame: &[i16; FRAME]) -> Activity {
        let level = dsp::dbfs(dsp::power(frame));
        self.faint = if level < FAINT {
            self.faint.saturating_add(1)
        } else {
            0
        };
        self.score = if self.faint > REST_AFTER {
            self.filled = 0;
            self.last_sample = frame[FRAME - 1];
            0.0
        } else {
            self.detect(frame)
        };
        Activity {
            score: self.score,
            level,
            noise: self.noise.hear(level),
            ambience: self.ambience.hear(level),
        }
    }

    fn detect(&mut self, frame: &[i16; FRAME]) -> f32 {
        let mut best: Option<f32> = None;
        for &sample in frame {
            let between = (i32::from(self.last_sample) + i32::from(sample)) / 2;
            self.last_sample = sample;
            self.chunk[self.filled] = between as i16;
            self.chunk[self.filled + 1] = sample;
            self.filled += 2;
            if self.filled == CHUNK {
                self.filled = 0;
                let score = self.detector.predict_i16(&self.chunk);
                best = Some(best.map_or(score, |best| best.max(score)));
            }
        }
        best.unwrap_or(self.score)
    }
}
