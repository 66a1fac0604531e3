//! Is the callee's voice the agent's own, coming back?
//!
//! [`EchoGuard`] keeps what was sent over the last 640 ms and asks how much of the sound that arrives can be made
//! from it by a delay and a short filter: nearly all of an echo, little of anybody's speech, and in between when
//! somebody talks over an echo. It works on the band below 900 Hz, at 2 kHz, where vowels have their energy and where
//! telephone codecs keep the waveform. The delay is looked for among all, once, and then remembered.
//!
//! An echo is also weaker than what was sent. Sound that is nearly as loud is no echo, whatever it looks like.
//!
//! Cancels nothing, and decides nothing about the conversation.

use crate::{FRAME, dsp};

mod fit;

use fit::{Path, TAPS, fit};

/// Samples of 8 kHz that make one of 2 kHz.
const DECIMATION: usize = 4;
/// Samples of 2 kHz in a frame.
const STEP: usize = FRAME / DECIMATION;
/// Samples that are compared: 100 ms.
const WINDOW: usize = 200;
/// Delays that are tried, in samples of 2 kHz: 0 to 640 ms. A path of 300 ms, a jitter buffer, and playout.
const LAGS: usize = 1280;
/// Samples kept of what was sent.
const KEPT: usize = LAGS + WINDOW + TAPS;
/// Samples that are written behind each other before those kept are moved to the front again: 16 frames.
const ROOM: usize = 16 * STEP;
/// Samples that a remembered path is tried on: the newest 40 ms.
const NEWEST: usize = 2 * STEP;
/// Frames whose level is kept of what was sent: 640 ms and the frames that a window reaches further.
const LEVELS: usize = LAGS / STEP + WINDOW / STEP + 2;
/// How much of a frame's products the running correlation keeps at the next: it remembers 90 ms.
const MEMORY: f32 = 0.8;

/// What was sent below this level is too weak to come back, in dBFS.
const SENT_FAINT: f32 = -50.0;
/// Sound weaker than the loudest sent by less than the first is no echo, by more than the second may be one, in dB.
const TOO_LOUD: std::ops::Range<f32> = 4.0..8.0;
/// A share of the energy that is made from what was sent, below which there is no echo and above which it is one:
/// at a remembered delay, and at the best of all delays, where chance finds more.
const AT_KNOWN: std::ops::Range<f32> = 0.45..0.8;
const AT_BEST: std::ops::Range<f32> = 0.65..0.9;
/// A delay is remembered once it explained this share for [`SURE_FRAMES`] frames.
const SURE: f32 = 0.75;
const SURE_FRAMES: u32 = 3;
/// Delays that differ by no more than this, in samples of 2 kHz, are the same.
const SAME: usize = 3;

/// With less than this share of the energy in the band, it tells nothing: a fricative.
const IN_BAND: f32 = 0.015;
/// With less than this share it is a hiss, on a line that has a noise of its own.
const HISS: f32 = 0.2;
/// An echo is known after the agent has sounded for so many frames, if there is one: 0.8 s.
const SETTLED: u32 = 40;
/// The agent speaks while it sounded within so many frames: 0.4 s.
const WITHIN: usize = 20;
/// What comes along a remembered path has the level that it should have, within this, in dB.
const LEVEL_MATCH: f32 = 4.0;
/// How much a frame changes what is known of a path's effect on the level.
const GAIN_WEIGHT: f32 = 0.2;

/// Taps of the filter before decimation.
const FILTER: usize = 24;
/// Low frequencies are weakened by this, because a fundamental alone resembles every other.
const EMPHASIS: f32 = 0.8;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct EchoGuard {
    filter: [f32; FILTER],
    sent_band: Band,
    heard_band: Band,
    /// What was sent: the [`KEPT`] samples from `at`.
    sent: Box<[f32; KEPT + ROOM]>,
    at: usize,
    heard: [f32; WINDOW],
    /// Share of the newest frame's energy that lies in the band.
    in_band: f32,
    /// Frames in which the agent sounded.
    sounding: u32,
    /// Power of the last frames sent, at 8 kHz and at 2 kHz, newest last.
    sent_power: [f32; LEVELS],
    band_power: [f32; LEVELS],
    /// Running correlation at each delay, the longest first.
    correlation: Box<[f32; LAGS]>,
    known: Option<Known>,
    /// The best delay of late, and for how many frames it was.
    candidate: (usize, u32),
    /// The last judgement.
    likelihood: f32,
    /// What is left of a shift that was no whole number of samples of 2 kHz, in samples of 8 kHz.
    offset: i64,
}

/// A path that echo came along.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Its delay in samples of 2 kHz.
    lag: usize,
    /// Its filter.
    path: Path,
    /// What it does to the level, in dB.
    gain: f32,
}

impl Default for EchoGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl EchoGuard {
    /// Makes a guard that knows no echo.
    #[must_use]
    pub fn new() -> Self {
        Self {
            filter: low_pass(),
            sent_band: Band::new(),
            heard_band: Band::new(),
            sent: Box::new([0.0; KEPT + ROOM]),
            at: 0,
            heard: [0.0; WINDOW],
            in_band: 0.0,
            sounding: 0,
            sent_power: [0.0; LEVELS],
            band_power: [0.0; LEVELS],
            correlation: Box::new([0.0; LAGS]),
            known: None,
            candidate: (0, 0),
            likelihood: 0.0,
            offset: 0,
        }
    }

    /// Notes the next 20 ms of what is sent.
    pub fn send(&mut self, sent: &[i16; FRAME]) {
        if self.at == ROOM {
            self.sent.copy_within(ROOM.., 0);
            self.at = 0;
        }
        self.at += STEP;
        let newest = &mut self.sent[self.at + KEPT - STEP..self.at + KEPT];
        self.sent_band.decimate(&self.filter, sent, newest);
        let band_power = newest.iter().map(|x| x * x).sum();
        self.sent_power.rotate_left(1);
        self.sent_power[LEVELS - 1] = dsp::power(sent);
        self.band_power.rotate_left(1);
        self.band_power[LEVELS - 1] = band_power;
        if self.sent_power[LEVELS - 1] > 0.0 {
            self.sounding = self.sounding.saturating_add(1);
        }
    }

    /// Notes the next 20 ms of what is heard. `later`: by how much longer ago than at the last frame, in samples of 8 kHz, it is
    /// that the sound was sent which it may hold; 0 when both directions went on by a frame since.
    pub fn hear(&mut self, heard: &[i16; FRAME], later: i64) {
        self.offset += later;
        self.shift(self.offset.div_euclid(DECIMATION as i64));
        self.offset = self.offset.rem_euclid(DECIMATION as i64);
        self.heard.copy_within(STEP.., 0);
        let newest = &mut self.heard[WINDOW - STEP..];
        self.heard_band.decimate(&self.filter, heard, newest);
        let band_power: f32 = newest.iter().map(|x| x * x).sum::<f32>() / STEP as f32;
        self.in_band = band_power / (dsp::power(heard) + 1.0);
    }

    /// Counts every delay from a moment that is `by` samples of 2 kHz later.
    fn shift(&mut self, by: i64) {
        let moved = |lag: usize| {
            let lag = usize::try_from(lag as i64 + by).ok()?;
            (TAPS..LAGS - TAPS).contains(&lag).then_some(lag)
        };
        let places = by.unsigned_abs() as usize;
        if by == 0 {
            return;
        }
        self.known = self.known.and_then(|known| {
            let lag = moved(known.lag)?;
            Some(Known { lag, ..known })
        });
        let (lag, frames) = self.candidate;
        self.candidate = moved(lag).map_or((0, 0), |lag| (lag, frames));
        let kept = LAGS.saturating_sub(places);
        if by > 0 {
            self.correlation.copy_within(LAGS - kept.., 0);
            self.correlation[kept..].fill(0.0);
        } else {
            self.correlation.copy_within(..kept, LAGS - kept);
            self.correlation[..LAGS - kept].fill(0.0);
        }
    }

    /// Whether what is heard now is a hiss that cannot be the agent's own: hardly anything of it lies in the band, as in an "s",
    /// while the agent speaks on a line whose echo, or lack of one, is known.
    #[must_use]
    pub fn hears_hiss(&self) -> bool {
        // Its own short pauses belong to its speech.
        let speaks = self.sent_power[LEVELS - WITHIN..]
            .iter()
            .any(|power| *power > 0.0);
        self.in_band < HISS && self.sounding >= SETTLED && speaks
    }

    /// Forgets the correlation so far; called in the callee's silence, so that a voice is judged by itself.
    pub fn rest(&mut self) {
        self.likelihood = 0.0;
        if self.candidate.1 > 0 {
            self.candidate.1 = 0;
            self.correlation.fill(0.0);
        }
    }

    /// Returns the likelihood, 0 to 1, that what is heard now, at `level` dBFS, is what was sent.
    pub fn judge(&mut self, level: f32) -> f32 {
        let loudest = dsp::dbfs(self.sent_power.iter().copied().fold(0.0, f32::max));
        self.likelihood = if loudest < SENT_FAINT {
            0.0
        } else if self.in_band < IN_BAND {
            self.by_level(level)
        } else if self.in_band < HISS && self.has_level_of_echo(level) {
            // What little of an "s" lies in the band comes back as noise.
            1.0
        } else {
            ramp(TOO_LOUD, loudest - level) * self.by_waveform(level)
        };
        self.likelihood
    }

    /// Judges sound that has nothing in the band: by whether it has the level of an echo now.
    fn by_level(&self, level: f32) -> f32 {
        if self.has_level_of_echo(level) {
            1.0
        } else {
            self.likelihood
        }
    }

    /// Whether sound of `level` dBFS is no louder than what comes along the remembered path now.
    fn has_level_of_echo(&self, level: f32) -> bool {
        self.known
            .is_some_and(|known| level <= self.sent_level(known.lag) + known.gain + LEVEL_MATCH)
    }

    /// Judges by how much of the waveform was made from what was sent.
    fn by_waveform(&mut self, level: f32) -> f32 {
        let mut known_share = 0.0;
        if let Some(known) = self.known {
            let first = KEPT - NEWEST - known.lag;
            let newest = &self.heard[WINDOW - NEWEST..];
            known_share = ramp(AT_KNOWN, known.path.share(self.sent(), first, newest));
            let (path, share) = self.fit(known.lag);
            if share > SURE {
                self.know(known.lag, path, level);
                return known_share;
            }
        }
        self.correlate();
        let lag = self.best_lag();
        let (path, share) = self.fit(lag);
        let (last, frames) = self.candidate;
        let same = share > SURE && frames > 0 && last.abs_diff(lag) <= SAME;
        self.candidate = (lag, if same { frames + 1 } else { 1 });
        if self.candidate.1 >= SURE_FRAMES {
            self.know(lag, path, level);
        }
        // The delay that fits by chance is another one in every frame.
        let steady = if same { 1.0 } else { 0.75 };
        known_share.max(steady * ramp(AT_BEST, share))
    }

    /// Remembers a path, on which sound of `level` dBFS just came.
    fn know(&mut self, lag: usize, path: Path, level: f32) {
        let gain = level - self.sent_level(lag);
        let gain = match self.known {
            Some(known) if known.lag.abs_diff(lag) <= SAME => {
                known.gain + GAIN_WEIGHT * (gain - known.gain)
            }
            _ => gain,
        };
        self.known = Some(Known { lag, path, gain });
    }

    /// Returns the level of what was sent `lag` earlier, in dBFS.
    fn sent_level(&self, lag: usize) -> f32 {
        let newest = LEVELS - 1 - lag / STEP;
        dsp::dbfs(self.sent_power[newest].max(self.sent_power[newest - 1]))
    }

    /// Returns what was sent, the newest last.
    fn sent(&self) -> &[f32] {
        &self.sent[self.at..self.at + KEPT]
    }

    /// Returns the path of delay `lag` that fits the last 100 ms best, and the share it explains.
    fn fit(&self, lag: usize) -> (Path, f32) {
        fit(self.sent(), KEPT - WINDOW - lag, &self.heard)
    }

    /// Adds the newest frame to the running correlation.
    fn correlate(&mut self) {
        for value in self.correlation.iter_mut() {
            *value *= MEMORY;
        }
        let newest = &self.heard[WINDOW - STEP..];
        for (index, heard) in newest.iter().enumerate() {
            let first = self.at + KEPT - STEP + index + 1 - LAGS;
            let sent = &self.sent[first..first + LAGS];
            for (value, sent) in self.correlation.iter_mut().zip(sent) {
                *value += heard * sent;
            }
        }
    }

    /// Returns the delay at which the running correlation is highest for the energy it has.
    fn best_lag(&self) -> usize {
        let floor = dsp::dot(&self.heard, &self.heard) * 1e-3 + 1.0;
        let mut best = (0.0, TAPS);
        for lag in TAPS..LAGS - TAPS {
            let value = self.correlation[LAGS - 1 - lag];
            let likeness = value * value / (self.energy(lag) + floor);
            if likeness > best.0 {
                best = (likeness, lag);
            }
        }
        best.1
    }

    /// Returns about the energy that the running correlation holds of what was sent `lag` earlier.
    fn energy(&self, lag: usize) -> f32 {
        let newest = LEVELS - 1 - lag / STEP;
        let within = (lag % STEP) as f32 / STEP as f32;
        let mut weight = 1.0;
        let mut sum = 0.0;
        for frame in (newest - WINDOW / STEP..=newest).rev() {
            let mixed =
                self.band_power[frame] * (1.0 - within) + self.band_power[frame - 1] * within;
            sum += weight * mixed;
            weight *= MEMORY;
        }
        sum
    }
}

/// One direction on its way to 2 kHz.
#[derive(Debug, Clone)]
struct Band {
    window: [f32; FILTER - DECIMATION + FRAME],
    last: f32,
}

impl Band {
    const fn new() -> Self {
        Self {
            window: [0.0; FILTER - DECIMATION + FRAME],
            last: 0.0,
        }
    }

    fn decimate(&mut self, filter: &[f32; FILTER], frame: &[i16; FRAME], out: &mut [f32]) {
        const HISTORY: usize = FILTER - DECIMATION;
        self.window.copy_within(FRAME.., 0);
        for (slot, sample) in self.window[HISTORY..].iter_mut().zip(frame) {
            *slot = f32::from(*sample);
        }
        for (index, slot) in out.iter_mut().enumerate() {
            let from = index * DECIMATION;
            let value = dsp::dot(&self.window[from..from + FILTER], filter);
            *slot = value - EMPHASIS * self.last;
            self.last = value;
        }
    }
}

/// Returns a low-pass filter for 850 Hz at 8 kHz: a sinc under a Hamming window.
fn low_pass() -> [f32; FILTER] {
    let middle = (FILTER - 1) as f32 / 2.0;
    let edge = std::f32::consts::TAU * 850.0 / 8000.0;
    let mut taps = [0.0; FILTER];
    for (index, tap) in taps.iter_mut().enumerate() {
        let at = index as f32 - middle;
        let window = 0.54 + 0.46 * (std::f32::consts::PI * at / middle).cos();
        *tap = (edge * at).sin() / at * window;
    }
    let sum: f32 = taps.iter().sum();
    taps.map(|tap| tap / sum)
}

/// Returns 0 below the range, 1 above it, and a straight line between.
fn ramp(range: std::ops::Range<f32>, value: f32) -> f32 {
    ((value - range.start) / (range.end - range.start)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests;
