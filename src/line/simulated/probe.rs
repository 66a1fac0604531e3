//! What simulated callees said and heard, for whoever measures calls from the callee's side.
//!
//! Two tracks on one clock, the callee's own, from the moment of picking up. Off unless it is asked for.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use media::FRAME;

use super::scenario::SoundId;

/// The most that is kept of one call, per track: 15 minutes.
const LONGEST: usize = 15 * 60 * 8000;

/// Collects the tracks of a line's calls. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Probe(Arc<Mutex<Vec<Tracks>>>);

/// One call as the callee lived it: 8 kHz, both of one length.
#[derive(Debug, Clone, Default)]
pub struct Tracks {
    /// The number that was dialed.
    pub to: String,
    /// What the callee said, before noise, echo and network.
    pub said: Vec<i16>,
    /// What the callee heard of the agent, after the network.
    pub heard: Vec<i16>,
    /// Which sounds the callee began to make, and at which sample of `said`.
    pub sounds: Vec<(SoundId, usize)>,
}

impl Probe {
    /// Returns the calls so far, in the order of dialing.
    #[must_use]
    pub fn calls(&self) -> Vec<Tracks> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Opens the tracks of one more call and returns their position.
    pub(super) fn open(&self, to: &str) -> usize {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(Tracks {
            to: to.to_owned(),
            ..Tracks::default()
        });
        calls.len() - 1
    }

    /// Notes that a sound begins with the next frame.
    pub(super) fn sound(&self, call: usize, sound: SoundId) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tracks) = calls.get_mut(call) {
            tracks.sounds.push((sound, tracks.said.len()));
        }
    }

    /// Appends one frame to both tracks.
    pub(super) fn frame(&self, call: usize, said: &[i16; FRAME], heard: &[i16; FRAME]) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tracks) = calls.get_mut(call).filter(|call| call.said.len() < LONGEST) {
            tracks.said.extend_from_slice(said);
            tracks.heard.extend_from_slice(heard);
        }
    }
}

impl Tracks {
    /// Returns how long the callee felt silence before each of the agent's answers: from the end of the callee's
    /// last sound to the agent's first sound after it. An agent who was already speaking when the callee ended
    /// has no such silence and is left out.
    #[must_use]
    pub fn felt_silences(&self) -> Vec<Duration> {
        let mut silences = Vec::new();
        let mut ended = None;
        let sounding = |frame: &[i16]| frame.iter().any(|sample| sample.unsigned_abs() > AUDIBLE);
        let frames = self.said.chunks(FRAME).zip(self.heard.chunks(FRAME));
        let mut overlap = false;
        for (at, (said, heard)) in frames.enumerate() {
            match (sounding(said), sounding(heard)) {
                (true, other) => {
                    ended = Some(at + 1);
                    overlap = other;
                }
                (false, true) => {
                    if let Some(ended) = ended.take().filter(|_| !overlap) {
                        silences.push(media::FRAME_TIME * (at - ended) as u32);
                    }
                }
                (false, false) => {}
            }
        }
        silences
    }
}

/// Quieter samples are not heard (-50 dB of full scale).
const AUDIBLE: u16 = 100;
