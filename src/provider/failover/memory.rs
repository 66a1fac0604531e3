//! What a recogniser was given and has not turned into words yet, to be given to the one that replaces it.

use std::collections::VecDeque;

use call::Expected;

use crate::provider::SttInput;

/// Frames of speech that are kept while nothing is recognised: 20 s. A flush comes long before, at the first pause.
const SPEECH: usize = 1000;
/// Frames that are kept while nobody speaks: 3 s, more than voice detection needs to notice the beginning of speech.
const QUIET: usize = 150;
/// Frames before words that came without being asked for, which may belong to the next words: half a second.
const OVERLAP: usize = 25;

/// Bounded: the oldest sound is forgotten first, a flush never.
#[derive(Debug, Default)]
pub(super) struct Memory {
    inputs: VecDeque<SttInput>,
    frames: usize,
    /// Whether speech began that was not flushed since.
    speech: bool,
    /// What was expected before the first of them.
    expected: Expected,
}

impl Memory {
    pub(super) fn push(&mut self, input: &SttInput) {
        match input {
            SttInput::Audio(_) => self.frames += 1,
            SttInput::SpeechStarted => self.speech = true,
            SttInput::Flush(_) | SttInput::Expect(_) => {}
        }
        self.inputs.push_back(input.clone());
        self.keep(if self.speech { SPEECH } else { QUIET });
    }

    /// Words came. When they answer a flush, everything before it is done with.
    pub(super) fn recognised(&mut self, mark: Option<u32>) {
        let flush = |input: &SttInput| matches!(input, SttInput::Flush(m) if Some(*m) == mark);
        match self.inputs.iter().position(flush) {
            Some(at) => {
                for done in self.inputs.drain(..=at) {
                    if let SttInput::Expect(expected) = done {
                        self.expected = expected;
                    }
                }
                let is_sound = |input: &&SttInput| matches!(input, SttInput::Audio(_));
                self.frames = self.inputs.iter().filter(is_sound).count();
                let started = |input: &SttInput| matches!(input, SttInput::SpeechStarted);
                self.speech = self.inputs.iter().any(started);
            }
            None if mark.is_none() => self.keep(OVERLAP),
            // The answer to a flush that was answered before.
            None => {}
        }
    }

    fn keep(&mut self, most: usize) {
        if self.frames <= most {
            return;
        }
        let mut surplus = self.frames - most;
        self.frames = most;
        self.inputs.retain(|input| match input {
            SttInput::Audio(_) if surplus > 0 => {
                surplus -= 1;
                false
            }
            _ => true,
        });
    }

    /// Returns what a new recogniser has to be given before anything else.
    pub(super) fn replay(&self) -> VecDeque<SttInput> {
        let mut replay = self.inputs.clone();
        replay.push_front(SttInput::Expect(self.expected));
        replay
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::STT_FRAME;

    fn frame(n: usize) -> SttInput {
        SttInput::Audio(Box::new([i16::try_from(n).unwrap(); STT_FRAME]))
    }

    fn frames(memory: &Memory) -> Vec<i16> {
        let sound = |input| match input {
            SttInput::Audio(frame) => Some(frame[0]),
            _ => None,
        };
        memory.replay().into_iter().filter_map(sound).collect()
    }

    #[test]
    fn what_was_flushed_is_done_with() {
        let mut memory = Memory::default();
        memory.push(&SttInput::SpeechStarted);
        for n in 0..10 {
            memory.push(&frame(n));
        }
        memory.push(&SttInput::Flush(1));
        memory.push(&frame(10));
        memory.recognised(Some(7));
        assert_eq!(frames(&memory).len(), 11, "an answer to something else");
        memory.recognised(Some(1));
        assert_eq!(frames(&memory), [10]);
        assert!(!memory.speech);
    }

    #[test]
    fn words_that_came_by_themselves_leave_half_a_second() {
        let mut memory = Memory::default();
        memory.push(&SttInput::SpeechStarted);
        for n in 0..100 {
            memory.push(&frame(n));
        }
        memory.push(&SttInput::Flush(1));
        memory.recognised(None);
        assert_eq!(frames(&memory), (75..100).collect::<Vec<_>>());
        let replay = memory.replay();
        assert!(matches!(replay[1], SttInput::SpeechStarted));
        assert!(
            matches!(replay.back(), Some(SttInput::Flush(1))),
            "still owed"
        );
    }

    #[test]
    fn what_is_expected_outlives_the_words_that_were_recognised() {
        let mut memory = Memory::default();
        memory.push(&SttInput::Expect(Expected::Number));
        memory.push(&SttInput::SpeechStarted);
        memory.push(&SttInput::Flush(1));
        memory.push(&SttInput::Expect(Expected::Email));
        let expects = |memory: &Memory| {
            let expected = |input| match input {
                SttInput::Expect(expected) => Some(expected),
                _ => None,
            };
            let all: Vec<_> = memory.replay().into_iter().filter_map(expected).collect();
            all
        };
        let before = [Expected::Anything, Expected::Number, Expected::Email];
        assert_eq!(expects(&memory), before);
        memory.recognised(Some(1));
        assert_eq!(expects(&memory), [Expected::Number, Expected::Email]);
    }

    #[test]
    fn it_is_bounded() {
        let mut memory = Memory::default();
        for n in 0..400 {
            memory.push(&frame(n));
        }
        assert_eq!(frames(&memory), (250..400).collect::<Vec<_>>());
        memory.push(&SttInput::SpeechStarted);
        for n in 400..2000 {
            memory.push(&frame(n));
        }
        assert_eq!(frames(&memory).len(), SPEECH);
    }
}
