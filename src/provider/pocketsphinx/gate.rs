//! Cuts the callee's sound into utterances: what goes to a worker, and what is kept in case the worker dies.
//!
//! Voice detection says when speech begins, a flush says that it is over. A short past is kept so that the first
//! consonants, which voice detection needs to be sure, are not lost. Nothing here waits or talks to anybody.

use std::collections::VecDeque;

use call::Expected;

use super::wire::{MAX_SAMPLES, Order};
use crate::provider::STT_FRAME;

/// Frames of the past that belong to an utterance: 400 ms.
const PAST: usize = 20;
/// Samples after which an utterance is cut at the next quiet place: 20 s.
const LONG: usize = 20 * 16_000;
/// Samples after which it is cut wherever it is: 30 s.
const TOO_LONG: usize = 30 * 16_000;
/// Utterances that may wait for their words. A worker that is so far behind is beyond hope.
const MAX_PENDING: usize = 16;

/// The sound of one call.
#[derive(Debug, Default)]
pub(in crate::provider) struct Gate {
    past: VecDeque<Box<[i16; STT_FRAME]>>,
    pending: VecDeque<Utterance>,
    expected: Expected,
}

/// Sound whose final words have not come back yet.
#[derive(Debug, Default)]
struct Utterance {
    samples: Vec<i16>,
    /// What it was likely to be when it began.
    expected: Expected,
    /// Samples given to the worker.
    given: usize,
    begun: bool,
    /// `Some` when no more sound belongs to it; the mark of the flush that ended it.
    ended: Option<Option<u32>>,
    /// Whether the worker was told that it ended.
    end_given: bool,
}

impl Gate {
    /// Takes 20 ms of sound.
    pub(in crate::provider) fn audio(&mut self, frame: Box<[i16; STT_FRAME]>) {
        let Some(open) = self.open() else {
            if self.past.len() == PAST {
                self.past.pop_front();
            }
            self.past.push_back(frame);
            return;
        };
        let quiet = loudness(&frame[..]) * 4.0 < loudness(&open.samples);
        open.samples.extend_from_slice(&frame[..]);
        let length = open.samples.len();
        if length >= TOO_LONG || (length >= LONG && quiet) {
            open.ended = Some(None);
            self.begin();
        }
    }

    /// From the next utterance on, the callee is likely to say this.
    pub(in crate::provider) fn expect(&mut self, expected: Expected) {
        self.expected = expected;
    }

    /// Opens an utterance with the sound just before, unless one is open.
    pub(in crate::provider) fn speech_started(&mut self) {
        if self.open().is_none() {
            self.begin();
        }
    }

    /// Ends the open utterance. Returns `true` when there is nothing at all to wait for, so that the flush can be
    /// answered with no words at once.
    pub(in crate::provider) fn flush(&mut self, mark: u32) -> bool {
        self.past.clear();
        let Some(open) = self.open() else {
            if self.pending.is_empty() {
                return true;
            }
            // The answer must not overtake the words of the utterance before.
            self.pending.push_back(Utterance {
                ended: Some(Some(mark)),
                ..Utterance::default()
            });
            return false;
        };
        open.ended = Some(Some(mark));
        if still_speaking(&open.samples) {
            self.begin();
        }
        false
    }

    /// Returns what the worker should be told next, if anything.
    pub(in crate::provider) fn next_order(&mut self) -> Option<Order> {
        self.pending.iter_mut().find_map(Utterance::next_order)
    }

    /// Takes note that the first utterance has its words, and returns the mark of its flush, if it had one.
    pub(in crate::provider) fn answered(&mut self) -> Option<u32> {
        self.pending.pop_front()?.ended?
    }

    /// Gives everything unanswered again, to a new worker.
    pub(in crate::provider) fn rewind(&mut self) {
        for utterance in &mut self.pending {
            utterance.given = 0;
            utterance.begun = false;
            utterance.end_given = false;
        }
    }

    /// Returns whether so much waits for words that it never will be caught up with.
    pub(in crate::provider) fn is_hopeless(&self) -> bool {
        self.pending.len() > MAX_PENDING
    }

    fn open(&mut self) -> Option<&mut Utterance> {
        self.pending
            .back_mut()
            .filter(|utterance| utterance.ended.is_none())
    }

    fn begin(&mut self) {
        let samples = self.past.drain(..).flat_map(|frame| *frame).collect();
        self.pending.push_back(Utterance {
            samples,
            expected: self.expected,
            ..Utterance::default()
        });
    }
}

impl Utterance {
    fn next_order(&mut self) -> Option<Order> {
        if !self.begun {
            self.begun = true;
            return Some(Order::Begin(self.expected));
        }
        let rest = self.samples.len() - self.given;
        if rest > 0 {
            let from = self.given;
            self.given += rest.min(MAX_SAMPLES);
            return Some(Order::Audio(self.samples[from..self.given].to_vec()));
        }
        if self.ended.is_some() && !self.end_given {
            self.end_given = true;
            return Some(Order::End);
        }
        None
    }
}

/// Whether the last 100 ms are about as loud as the utterance: the flush came in mid-speech and voice detection
/// will not announce the rest again.
fn still_speaking(samples: &[i16]) -> bool {
    let last = &samples[samples.len().saturating_sub(5 * STT_FRAME)..];
    last.len() == 5 * STT_FRAME && loudness(last) * 2.0 > loudness(samples)
}

/// Root mean square.
fn loudness(samples: &[i16]) -> f64 {
    let energy: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    (energy / samples.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(value: i16) -> Box<[i16; STT_FRAME]> {
        Box::new([value; STT_FRAME])
    }

    /// Drains all orders and returns them as a short text: B, the sum of samples, E.
    fn orders(gate: &mut Gate) -> String {
        let mut text = Vec::new();
        let mut samples = 0;
        while let Some(order) = gate.next_order() {
            match order {
                Order::Begin(_) => text.push("B".to_owned()),
                Order::Audio(piece) => samples += piece.len(),
                Order::End => {
                    text.push(std::mem::take(&mut samples).to_string());
                    text.push("E".to_owned());
                }
                Order::Call { .. } => panic!("the gate knows no calls"),
            }
        }
        if samples > 0 {
            text.push(samples.to_string());
        }
        text.join(" ")
    }

    #[test]
    fn an_utterance_has_400_ms_of_past_and_ends_with_the_flush() {
        let mut gate = Gate::default();
        for _ in 0..50 {
            gate.audio(frame(1));
        }
        assert_eq!(orders(&mut gate), "");
        gate.speech_started();
        gate.audio(frame(1000));
        gate.speech_started();
        for _ in 0..10 {
            gate.audio(frame(0));
        }
        assert_eq!(orders(&mut gate), format!("B {}", 31 * STT_FRAME));
        assert!(!gate.flush(7));
        assert_eq!(orders(&mut gate), "0 E");
        assert_eq!(gate.answered(), Some(7));
    }

    #[test]
    fn the_past_never_repeats_what_was_flushed() {
        let mut gate = Gate::default();
        gate.speech_started();
        for value in [1000, 0, 0, 0, 0, 0, 0] {
            gate.audio(frame(value));
        }
        gate.flush(1);
        gate.audio(frame(0));
        gate.speech_started();
        gate.audio(frame(1000));
        gate.flush(2);
        assert_eq!(
            orders(&mut gate),
            format!("B {} E B {} E", 7 * STT_FRAME, 2 * STT_FRAME)
        );
        assert_eq!((gate.answered(), gate.answered()), (Some(1), Some(2)));
    }

    #[test]
    fn a_flush_of_silence_is_answered_at_once_but_never_out_of_order() {
        let mut gate = Gate::default();
        assert!(gate.flush(1));
        gate.speech_started();
        gate.audio(frame(1000));
        gate.audio(frame(0));
        assert!(!gate.flush(2));
        assert!(!gate.flush(3));
        assert_eq!(orders(&mut gate), format!("B {} E B 0 E", 2 * STT_FRAME));
        assert_eq!((gate.answered(), gate.answered()), (Some(2), Some(3)));
        assert!(gate.flush(4));
    }

    #[test]
    fn speech_that_goes_on_through_a_flush_is_not_lost() {
        let mut gate = Gate::default();
        gate.speech_started();
        for _ in 0..20 {
            gate.audio(frame(1000));
        }
        gate.flush(1);
        gate.audio(frame(1000));
        gate.flush(2);
        assert_eq!(
            orders(&mut gate),
            format!("B {} E B {} E", 20 * STT_FRAME, STT_FRAME)
        );
    }

    #[test]
    fn a_monologue_is_cut_at_a_quiet_place_without_losing_sound() {
        let mut gate = Gate::default();
        gate.speech_started();
        let frames = 3000;
        for i in 0..frames {
            gate.audio(frame(if i % 100 < 90 { 1000 } else { 0 }));
        }
        gate.flush(1);
        let mut total = 0;
        while let Some(order) = gate.next_order() {
            if let Order::Audio(piece) = order {
                total += piece.len();
            }
        }
        assert_eq!(total, frames * STT_FRAME);
        assert_eq!((gate.answered(), gate.answered()), (None, None));
    }

    #[test]
    fn a_new_worker_gets_everything_unanswered_again() {
        let mut gate = Gate::default();
        gate.speech_started();
        gate.audio(frame(1000));
        gate.audio(frame(0));
        gate.flush(1);
        gate.speech_started();
        gate.audio(frame(1000));
        let before = orders(&mut gate);
        assert_eq!(orders(&mut gate), "");
        gate.rewind();
        assert_eq!(orders(&mut gate), before);
    }
}
