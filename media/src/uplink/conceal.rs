//! Fills gaps in the sound by repeating its last pitch period, and joins both ends so that no click is heard.
//!
//! In the spirit of ITU-T G.711 Appendix I, but without its delay: the join at the start of a gap is smooth because
//! the repetition begins one period before the end, not because the end was held back.

use crate::dsp::dot;

/// Samples of the past that are kept: three of the longest periods and a quarter for the crossfade.
const PAST: usize = 400;
/// The shortest pitch period looked for, in samples of 8 kHz: 200 Hz.
const MIN_PERIOD: usize = 40;
/// The longest: 66 Hz.
const MAX_PERIOD: usize = 120;
/// Samples that are compared to find the period.
const COMPARED: usize = 160;
/// Repetition stays at full level this long: 10 ms.
const HOLD: usize = 80;
/// After this long nothing is left: 60 ms. What lasts longer is not a lost packet but a pause.
const SILENT_AFTER: usize = 480;
/// The crossfade back to real sound: 4 ms at least, 10 ms after a long gap.
const MIN_JOIN: usize = 32;
const MAX_JOIN: usize = 80;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(crate) struct Conceal {
    /// The last samples that were played, real or made.
    past: [f32; PAST],
    /// The past at the moment when sound began to miss.
    frozen: [f32; PAST],
    period: usize,
    /// Samples made since then; 0 while sound is real.
    made: usize,
    /// Where in the repeated stretch the next sample lies, and how many periods the stretch has.
    at: usize,
    periods: usize,
}

impl Conceal {
    pub(crate) const fn new() -> Self {
        Self {
            past: [0.0; PAST],
            frozen: [0.0; PAST],
            period: MIN_PERIOD,
            made: 0,
            at: 0,
            periods: 1,
        }
    }

    /// Notes real sound that is about to be played; its beginning is joined to what was made before it.
    pub(crate) fn real(&mut self, samples: &mut [i16]) {
        if self.made > 0 {
            let join = (MIN_JOIN + self.made / 8).min(MAX_JOIN).min(samples.len());
            for (index, sample) in samples[..join].iter_mut().enumerate() {
                let weight = (index + 1) as f32 / (join + 1) as f32;
                let value = f32::from(*sample) * weight + self.next() * (1.0 - weight);
                *sample = value.round_ties_even() as i16;
            }
            self.made = 0;
        }
        self.remember(samples);
    }

    /// Makes sound for samples that are missing.
    pub(crate) fn missing(&mut self, samples: &mut [i16]) {
        if self.made == 0 {
            self.frozen = self.past;
            self.period = period(&self.past);
            self.at = 0;
            self.periods = 1;
        }
        for sample in &mut *samples {
            *sample = self.next().round_ties_even() as i16;
        }
        self.remember(samples);
    }

    /// Whether sound has been missing for so long that nothing is made up any more.
    pub(crate) const fn is_silent(&self) -> bool {
        self.made >= SILENT_AFTER
    }

    /// Returns the next sample of the repetition.
    fn next(&mut self) -> f32 {
        let gain = match self.made {
            made if made < HOLD => 1.0,
            made if made < SILENT_AFTER => {
                1.0 - (made - HOLD) as f32 / (SILENT_AFTER - HOLD) as f32
            }
            _ => return 0.0,
        };
        let stretch = self.period * self.periods;
        let start = PAST - stretch;
        let fade = self.period / 4;
        let mut value = self.frozen[start + self.at];
        if self.at >= stretch - fade {
            // The last quarter turns into what came before the stretch, so that its start can follow.
            let weight = (self.at + fade - stretch + 1) as f32 / (fade + 1) as f32;
            value += weight * (self.frozen[start + self.at - stretch] - value);
        }
        self.made += 1;
        self.at += 1;
        if self.at == stretch {
            self.at = 0;
            // One period repeated for long sounds like a buzzer; two, then three, do less.
            self.periods = (1 + self.made / HOLD).min(3);
        }
        value * gain
    }

    fn remember(&mut self, samples: &[i16]) {
        let samples = &samples[samples.len().saturating_sub(PAST)..];
        self.past.copy_within(samples.len().., 0);
        let start = PAST - samples.len();
        for (slot, sample) in self.past[start..].iter_mut().zip(samples) {
            *slot = f32::from(*sample);
        }
    }
}

/// Returns the period, in samples, after which the end of `past` is most like itself.
fn period(past: &[f32; PAST]) -> usize {
    let end = &past[PAST - COMPARED..];
    let mut best = (0.0, MAX_PERIOD);
    for lag in MIN_PERIOD..=MAX_PERIOD {
        let earlier = &past[PAST - COMPARED - lag..PAST - lag];
        let product = dot(end, earlier).max(0.0);
        let likeness = product * product / (dot(earlier, earlier) + 1.0);
        if likeness > best.0 {
            best = (likeness, lag);
        }
    }
    best.1
}

#[cfg(test)]
mod tests;
