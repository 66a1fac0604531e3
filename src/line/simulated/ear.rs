//! What the callee notices of the agent's sound: when the agent speaks, for how long, and which keys it pressed.
//!
//! Judges speech by loudness only, frame by frame, as somebody does who does not know the language. Counts time in
//! frames that it was given. It is deliberately simpler than the detection under test, with which it shares nothing
//! but the recognition of keys.

use std::collections::VecDeque;

use media::{
    FRAME,
    spectrum::Spectrum,
    tones::{Heard, ToneDetector},
};

/// A frame is voiced above this level (RMS of 16-bit samples; -46 dB of full scale) …
const LOUD: f32 = 160.0;
/// … and above the line's own noise by this factor (10 dB).
const ABOVE_NOISE: f32 = 3.2;
/// How far the noise estimate moves towards a quieter frame …
const FALL: f32 = 0.2;
/// … and towards a louder one: some 8 s to follow a line that became noisier, so that speech does not count
/// as noise before it pauses.
const RISE: f32 = 0.001;
/// What levels in dB are relative to.
const FULL_SCALE: f32 = 32_768.0;
/// Voiced frames in a row that make the start of speech; fewer are clicks.
const ONSET: u64 = 3;
/// Frames without voice that a stretch of speech may hold: the gaps between words.
const GAP: u64 = 20;
/// Voiced frames that make an answer; less is not taken for one.
const ANSWER: u64 = 8;
/// The most keys remembered; later ones are lost, as on any menu.
const MOST_KEYS: usize = 64;

/// Listens to the agent. See the module's documentation.
#[derive(Debug)]
pub(super) struct Ear {
    now: u64,
    noise: f32,
    /// Voiced frames in a row up to now.
    run: u64,
    /// When the stretch of speech under way, or the last one, began; `None` before the first.
    began: Option<u64>,
    /// End of the last voiced frame of a stretch.
    last_voiced: u64,
    /// Voiced frames since the mark.
    answer: u64,
    keys: VecDeque<char>,
    spectrum: Spectrum,
    tones: ToneDetector,
    keying: bool,
}

impl Ear {
    pub(super) fn new() -> Self {
        Self {
            now: 0,
            noise: LOUD / ABOVE_NOISE,
            run: 0,
            began: None,
            last_voiced: 0,
            answer: 0,
            keys: VecDeque::with_capacity(MOST_KEYS),
            spectrum: Spectrum::new(),
            tones: ToneDetector::new(),
            keying: false,
        }
    }

    /// Takes the next frame of the agent's sound.
    pub(super) fn hear(&mut self, frame: &[i16; FRAME]) {
        self.now += 1;
        let level = level(frame);
        let keying = self.is_keying(frame, level);
        // A key's tone is no speech, whatever its loudness.
        if !self.is_voiced(level) || keying {
            self.run = 0;
            return;
        }
        self.run += 1;
        if self.run < ONSET && !self.is_speaking() {
            return;
        }
        // The frames that proved the onset belong to the stretch.
        let fresh = if self.is_speaking() { 1 } else { ONSET };
        if !self.is_speaking() {
            self.began = Some(self.now - ONSET);
        }
        self.last_voiced = self.now;
        self.answer += fresh;
    }

    /// Takes a key that the agent pressed.
    pub(super) fn key(&mut self, key: char) {
        if self.keys.len() < MOST_KEYS {
            self.keys.push_back(key);
        }
    }

    /// Frames heard so far: the callee's clock.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// From now on, only what the agent says later is an answer.
    pub(super) fn mark(&mut self) {
        self.answer = 0;
    }

    /// How long the agent has been speaking, if it is; gaps between words count as speech.
    pub(super) fn speaks_for(&self) -> Option<u64> {
        let began = self.began?;
        self.is_speaking().then_some(self.now - began)
    }

    /// For how long the agent has been silent after it answered; `None` while it has not answered.
    pub(super) fn silent_after_answer(&self) -> Option<u64> {
        (self.answer >= ANSWER).then_some(self.now - self.last_voiced)
    }

    /// When the agent was last heard.
    pub(super) fn last_voiced(&self) -> u64 {
        self.last_voiced
    }

    /// Whether a key waits to be noticed.
    pub(super) fn any_key(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Takes these keys, and any before them, if they were pressed one after the other.
    pub(super) fn take_keys(&mut self, keys: &str) -> bool {
        let keys: Vec<char> = keys.chars().collect();
        let pressed = self.keys.make_contiguous();
        let found = pressed
            .windows(keys.len())
            .position(|window| window == keys);
        if let Some(at) = found {
            self.keys.drain(..at + keys.len());
        }
        found.is_some()
    }

    /// Forgets every key.
    pub(super) fn forget_keys(&mut self) {
        self.keys.clear();
    }

    fn is_speaking(&self) -> bool {
        self.began.is_some() && self.now - self.last_voiced <= GAP
    }

    fn is_voiced(&mut self, level: f32) -> bool {
        let voiced = level > LOUD.max(self.noise * ABOVE_NOISE);
        let speed = if level < self.noise { FALL } else { RISE };
        self.noise += (level - self.noise) * speed;
        voiced
    }

    /// Takes keys out of the sound. Returns whether one is sounding.
    fn is_keying(&mut self, frame: &[i16; FRAME], level: f32) -> bool {
        self.spectrum.hear(frame);
        self.spectrum.measure();
        let decibels = 20.0 * (level.max(1.0) / FULL_SCALE).log10();
        if let Some(Heard::Key(key)) = self.tones.hear(self.spectrum.lines(), decibels) {
            self.key(key);
            self.keying = true;
        }
        self.keying &= self.tones.is_tonal();
        self.keying
    }
}

/// Root mean square of a frame.
fn level(frame: &[i16; FRAME]) -> f32 {
    let power: f32 = frame.iter().map(|&s| f32::from(s) * f32::from(s)).sum();
    (power / FRAME as f32).sqrt()
}
