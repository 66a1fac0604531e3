//! How a voice ended: the movement of its pitch, its energy, and the length of its last voiced run.
//!
//! Measures; what it means for the end of a turn is decided elsewhere.

use std::time::Duration;

use crate::{FRAME_TIME, dsp, pitch::Pitch};

/// Frames looked back on: 1 s. A vowel held longer than that counts as 1 s.
const KEPT: usize = 50;
/// Frames of voice whose pitch is followed: 300 ms.
const CONTOUR: usize = 15;
/// Frames of voice whose pitch is compared with the usual: 160 ms.
const LAST: usize = 8;
/// Voiced frames after which the usual pitch is known, 0.5 s, and over which it is averaged, 20 s.
const KNOWN: f32 = 25.0;
const AVERAGED: f32 = 1000.0;
/// Fewer frames of voice than this have no movement worth a number.
const SHORTEST: usize = 4;
/// Frames whose energy is compared with the whole: 200 ms.
const TAIL: usize = 10;
/// A frame is voiced from this strength of pitch.
const VOICED: f32 = 0.6;
/// A run of voice survives gaps of this many frames.
const GAP: usize = 1;

/// The shape of the last syllables before a silence. Zero where it could not be measured.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prosody {
    /// Pitch movement over the last 300 ms of voice, in semitones (negative: falling).
    pub pitch_slope: f32,
    /// Pitch of the last 160 ms of voice above what is usual for this voice in this call, in semitones. A voice that has
    /// finished is low.
    pub pitch_level: f32,
    /// Energy of the last 200 ms relative to the whole stretch, in dB (negative: fading).
    pub energy_drop: f32,
    /// Length of the last voiced run, up to 1 s; it is lengthened before a pause that ends nothing.
    pub last_voiced: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    /// Semitones above 1 Hz; 0 where there is no voice.
    semitones: f32,
    power: f32,
}

/// Remembers the last second of speech.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    /// The last moments, the newest at `next - 1`.
    moments: [Moment; KEPT],
    next: usize,
    count: usize,
    /// Sum of the power over the whole stretch, and of its frames.
    power: f32,
    frames: u32,
    /// The mean pitch of the call's voiced frames in semitones, and of how many it is.
    usual: f32,
    usual_of: f32,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            moments: [Moment::default(); KEPT],
            next: 0,
            count: 0,
            power: 0.0,
            frames: 0,
            usual: 0.0,
            usual_of: 0.0,
        }
    }

    /// Begins a new stretch; what was heard in the last `frames` belongs to it.
    pub(crate) fn begin(&mut self, frames: usize) {
        self.count = self.count.min(frames);
        self.power = self.recent().take(frames).map(|moment| moment.power).sum();
        self.frames = self.count as u32;
    }

    /// Notes a frame.
    pub(crate) fn note(&mut self, pitch: Pitch, level: f32) {
        let semitones = if pitch.strength >= VOICED {
            12.0 * pitch.hz.max(1.0).log2()
        } else {
            0.0
        };
        if semitones > 0.0 {
            self.usual_of = (self.usual_of + 1.0).min(AVERAGED);
            self.usual += (semitones - self.usual) / self.usual_of;
        }
        let power = dsp::amplitude(level).powi(2);
        self.moments[self.next] = Moment { semitones, power };
        self.next = (self.next + 1) % KEPT;
        self.count = (self.count + 1).min(KEPT);
        self.power += power;
        self.frames += 1;
    }

    /// Says how the stretch ended, of which the last `silent` frames are not part.
    pub(crate) fn end(&self, silent: usize) -> Prosody {
        Prosody {
            pitch_slope: self.slope(silent),
            pitch_level: self.level(silent),
            energy_drop: self.energy_drop(silent),
            last_voiced: FRAME_TIME * self.last_run(silent) as u32,
        }
    }

    /// The moments of this stretch as far as they are remembered, the newest first.
    fn recent(&self) -> impl Iterator<Item = &Moment> {
        (1..=self.count).map(|back| &self.moments[(self.next + KEPT - back) % KEPT])
    }

    fn energy_drop(&self, silent: usize) -> f32 {
        let mut tail = 0.0;
        let mut frames = 0;
        for moment in self.recent().skip(silent).take(TAIL) {
            tail += moment.power;
            frames += 1;
        }
        let whole = self.power / self.frames.saturating_sub(silent as u32).max(1) as f32;
        if frames == 0 || whole <= 0.0 {
            return 0.0;
        }
        10.0 * (tail / frames as f32 / whole).max(1e-6).log10()
    }

    /// The median pitch of the last voiced frames above the usual one.
    fn level(&self, silent: usize) -> f32 {
        let mut last = [0.0; LAST];
        let mut count = 0;
        let recent = self.recent().skip(silent).take(2 * CONTOUR);
        for moment in recent.filter(|moment| moment.semitones > 0.0).take(LAST) {
            last[count] = moment.semitones;
            count += 1;
        }
        if count < SHORTEST || self.usual_of < KNOWN {
            return 0.0;
        }
        let (_, median, _) = last[..count].select_nth_unstable_by(count / 2, f32::total_cmp);
        *median - self.usual
    }

    fn last_run(&self, silent: usize) -> usize {
        let mut run = 0;
        let mut gap = 0;
        let voiced = self
            .recent()
            .skip(silent)
            .map(|moment| moment.semitones > 0.0);
        // Frames at the end without voice, a final consonant, belong to no run.
        for voiced in voiced.skip_while(|voiced| !voiced) {
            if voiced {
                run += gap + 1;
                gap = 0;
            } else {
                gap += 1;
                if gap > GAP {
                    break;
                }
            }
        }
        run
    }

    /// The median of the slopes between all pairs of voiced moments: a few octave mistakes do not move it.
    fn slope(&self, silent: usize) -> f32 {
        let mut contour = [(0.0, 0.0); CONTOUR];
        let mut count = 0;
        let voiced = self.recent().skip(silent).enumerate();
        for (back, moment) in voiced.filter(|(_, moment)| moment.semitones > 0.0) {
            // Older voice than this is another word's.
            if count == CONTOUR || back >= 2 * CONTOUR {
                break;
            }
            contour[count] = (-(back as f32), moment.semitones);
            count += 1;
        }
        if count < SHORTEST {
            return 0.0;
        }
        let mut slopes = [0.0; CONTOUR * (CONTOUR - 1) / 2];
        let mut pairs = 0;
        for (index, (at, semitones)) in contour[..count].iter().enumerate() {
            for (earlier, lower) in &contour[index + 1..count] {
                slopes[pairs] = (semitones - lower) / (at - earlier);
                pairs += 1;
            }
        }
        let (_, median, _) = slopes[..pairs].select_nth_unstable_by(pairs / 2, f32::total_cmp);
        let span = contour[0].0 - contour[count - 1].0;
        *median * span
    }
}

#[cfg(test)]
mod tests;
