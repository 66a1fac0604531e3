//! Keys waiting to be sent as tones.

use std::collections::VecDeque;

use crate::tones::{Generator, Signal, dtmf_pair};

/// The most keys that wait.
const MAX_KEYS: usize = 64;

/// A queue of keys and the tone that is sounding.
#[derive(Debug)]
pub(super) struct Keys {
    waiting: VecDeque<Signal>,
    current: Option<Generator>,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            waiting: VecDeque::with_capacity(MAX_KEYS),
            current: None,
        }
    }

    /// Takes keys until too many wait; returns how many characters were taken.
    pub(super) fn press(&mut self, keys: &str) -> usize {
        let mut taken = 0;
        for key in keys.chars() {
            let signal = match key {
                'w' => Some(Signal::Wait),
                key => dtmf_pair(key).map(|_| Signal::Dtmf(key)),
            };
            if let Some(signal) = signal {
                if self.waiting.len() == MAX_KEYS {
                    break;
                }
                self.waiting.push_back(signal);
            }
            taken += 1;
        }
        taken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none()
    }

    /// Fills `out` with the tones' next samples, silence after the last.
    pub(super) fn fill(&mut self, mut out: &mut [i16]) {
        while !out.is_empty() {
            let generator = match &mut self.current {
                Some(generator) => generator,
                None => match self.waiting.pop_front() {
                    Some(signal) => self.current.insert(Generator::new(signal)),
                    None => return,
                },
            };
            let made = generator.fill(out);
            if generator.is_finished() {
                self.current = None;
            }
            out = &mut out[made..];
        }
    }
}
