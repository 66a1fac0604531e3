//! The level of the line's own noise: the lowest that the sound falls to again and again.

/// Frames in one stretch: 200 ms.
const STRETCH: u32 = 10;
/// Stretches that are looked back on: 1.6 s. A talker without a pause that long has dips between syllables.
const STRETCHES: usize = 8;
/// The minimum of a fluctuating level lies below its mean by about this much, in dB.
const BIAS: f32 = 1.5;
/// Assumed before anything was heard, in dBFS.
const GUESS: f32 = -55.0;
/// What a line can do, in dBFS: digital silence is no reference for anything.
const QUIETEST: f32 = -70.0;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct NoiseFloor {
    minima: [f32; STRETCHES],
    current: f32,
    frames: u32,
    smooth: f32,
}

impl NoiseFloor {
    pub(super) const fn new() -> Self {
        Self {
            minima: [GUESS; STRETCHES],
            current: GUESS,
            frames: 0,
            smooth: GUESS,
        }
    }

    /// Hears the level of a frame; returns that of the noise. Both in dBFS.
    pub(super) fn hear(&mut self, level: f32) -> f32 {
        self.smooth += 0.5 * (level.max(QUIETEST) - self.smooth);
        self.current = if self.frames == 0 {
            self.smooth
        } else {
            self.current.min(self.smooth)
        };
        self.frames += 1;
        if self.frames == STRETCH {
            self.frames = 0;
            self.minima.rotate_left(1);
            self.minima[STRETCHES - 1] = self.current;
        }
        let lowest = self.minima.iter().copied().fold(self.current, f32::min);
        lowest + BIAS
    }
}
