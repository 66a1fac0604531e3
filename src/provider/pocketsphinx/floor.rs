//! How loud the line's noise is in each band, followed from frame to frame of a call.
//!
//! Quick to fall and slow to rise, so that it rests on what is heard between words. It is evidence for the repair and no more:
//! nothing is taken off the sound by it.

use super::{features::LogMel, repair::LOWER};

/// Frames that are averaged when a call begins: 100 ms, which the gate gives before there is speech.
const FIRST: u32 = 10;
/// Weight of the past in the smoothed power.
const SMOOTH: f32 = 0.8;
/// Share of the way down that is gone in a frame.
const FALL: f32 = 0.2;
/// The most that it rises in a frame, in natural logarithms of power: 3.5 dB in a second.
const RISE: f32 = 0.008;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Floor {
    power: [f32; LOWER],
    floor: [f32; LOWER],
    frames: u32,
}

impl Floor {
    /// Begins a call.
    pub(super) fn new() -> Self {
        Self {
            power: [0.0; LOWER],
            floor: [0.0; LOWER],
            frames: 0,
        }
    }

    /// Takes the next frame; returns the noise as it is known by then, in natural logarithms of power.
    pub(super) fn hear(&mut self, frame: &LogMel) -> [f32; LOWER] {
        self.frames = self.frames.saturating_add(1);
        for ((power, floor), band) in self.power.iter_mut().zip(&mut self.floor).zip(frame) {
            let now = band.exp();
            if self.frames <= FIRST {
                *power += (now - *power) / self.frames as f32;
                *floor = power.ln();
                continue;
            }
            *power = SMOOTH * *power + (1.0 - SMOOTH) * now;
            let above = power.ln() - *floor;
            *floor += if above < 0.0 {
                FALL * above
            } else {
                above.min(RISE)
            };
        }
        self.floor
    }
}

#[cfg(test)]
mod tests {
    use super::{super::features::BANDS, *};

    #[test]
    fn it_rests_on_the_noise_while_somebody_speaks_over_it() {
        let mut floor = Floor::new();
        let mut heard = [0.0; LOWER];
        for sentence in 0..4 {
            for frame in 0..200 {
                // A noise of 5, and a voice of 15 for one second in two.
                let level = if sentence > 0 && frame < 100 {
                    15.0
                } else {
                    5.0
                };
                heard = floor.hear(&[level; BANDS]);
                assert!(
                    (4.9..6.7).contains(&heard[3]),
                    "{sentence} {frame}: {heard:?}"
                );
            }
        }
        assert!((heard[0] - 5.0).abs() < 0.1, "{heard:?}");
    }

    #[test]
    fn it_follows_a_noise_that_falls_at_once_and_one_that_rises_in_time() {
        let mut floor = Floor::new();
        let mut after =
            |level: f32, frames: u32| (0..frames).map(|_| floor.hear(&[level; BANDS])[0]).last();
        after(8.0, 50);
        assert!(after(4.0, 100).unwrap() < 4.3);
        assert!(after(8.0, 100).unwrap() < 5.0);
        assert!(after(8.0, 500).unwrap() > 7.5);
    }
}
