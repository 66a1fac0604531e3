//! How loud it always is around the callee: the level that the sound is above nine tenths of the time.
//!
//! The floor of the noise tells where silence is; a room full of voices has dips down to it and is never silent. A
//! talker pauses: over four seconds the level falls to the line's noise more than a tenth of the time.

/// Levels are counted in steps of 2 dB from here up, in dBFS.
const LOWEST: f32 = -70.0;
const STEP: f32 = 2.0;
const STEPS: usize = 36;
/// Weight of one frame in the long run: it remembers about four seconds.
const WEIGHT: f32 = 1.0 / 200.0;
/// The silence assumed before anything was heard counts as much as this many frames.
const GUESS: f32 = 3.0;
/// The share of the time that the sound is below the level.
const SHARE: f32 = 0.1;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Ambience {
    shares: [f32; STEPS],
    frames: f32,
}

impl Ambience {
    /// Begins with silence.
    pub(super) fn new() -> Self {
        let mut shares = [0.0; STEPS];
        shares[0] = 1.0;
        Self {
            shares,
            frames: GUESS,
        }
    }

    /// Hears the level of a frame; returns the ambience. Both in dBFS.
    pub(super) fn hear(&mut self, level: f32) -> f32 {
        let step = ((level - LOWEST) / STEP).max(0.0) as usize;
        self.frames += 1.0;
        let weight = WEIGHT.max(1.0 / self.frames);
        for share in &mut self.shares {
            *share *= 1.0 - weight;
        }
        self.shares[step.min(STEPS - 1)] += weight;
        let mut below = 0.0;
        let quiet = self.shares.iter().position(|share| {
            below += share;
            below >= SHARE
        });
        LOWEST + STEP * quiet.unwrap_or_default() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_with_pauses_has_the_ambience_of_its_pauses_and_sound_without_its_own() {
        let mut ambience = Ambience::new();
        let mut last = 0.0;
        // Somebody speaks for 1 s and pauses for 0.3 s.
        for frame in 0..1000 {
            last = ambience.hear(if frame % 65 < 50 { -20.0 } else { -62.0 });
        }
        assert_eq!(last, -62.0);
        for frame in 0..1000 {
            last = ambience.hear(-30.0 - (frame % 7) as f32);
        }
        assert!((-38.0..=-34.0).contains(&last), "{last}");
    }
}
