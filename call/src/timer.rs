//! The timer table: every instant at which a call wants to be woken, each with its reason.
//!
//! Decides nothing about a conversation. One array replaces scattered `Option<Instant>` fields, so that the
//! question "what is it waiting for?" has one answer.

use std::time::Instant;

/// Why a call wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Timer {
    /// It has rung for too long.
    Ring,
    /// The callee did not say hello; the agent greets.
    Greeting,
    /// The silence is long enough to ask the recogniser for final words.
    Flush,
    /// The recogniser did not answer a flush.
    Words,
    /// The silence is long enough to take the turn.
    EndOfTurn,
    /// Voice detection reported the start of speech and then nothing more.
    Voice,
    /// A paused agent must go on or give way.
    BargeIn,
    /// The model paused behind a whole sentence, which need not wait for the next.
    Clause,
    /// The model is slow; the agent says that it needs a moment.
    Filler,
    /// The model is silent for too long.
    Think,
    /// The requester did not answer a question in time.
    Answer,
    /// The line reported no playout for longer than the speech can last.
    Playout,
    /// Nobody said anything for too long.
    Silence,
    /// After the goodbye was heard: the callee's last chance to object.
    Linger,
    /// A wish to end the call cannot wait any longer for a gap.
    WrapUp,
    /// A voice mailbox is ready for the message.
    Mailbox,
    /// The longest duration is near; the goodbye begins.
    Goodbye,
    /// The longest duration is reached.
    MaxDuration,
}

const TIMERS: [Timer; 18] = [
    Timer::Ring,
    Timer::Greeting,
    Timer::Flush,
    Timer::Words,
    Timer::EndOfTurn,
    Timer::Voice,
    Timer::BargeIn,
    Timer::Clause,
    Timer::Filler,
    Timer::Think,
    Timer::Answer,
    Timer::Playout,
    Timer::Silence,
    Timer::Linger,
    Timer::WrapUp,
    Timer::Mailbox,
    Timer::Goodbye,
    Timer::MaxDuration,
];

impl Timer {
    /// Returns its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ring => "an answer",
            Self::Greeting => "the callee's hello",
            Self::Flush => "the silence before final words are asked for",
            Self::Words => "final words",
            Self::EndOfTurn => "the end of the callee's turn",
            Self::Voice => "more of the callee's voice",
            Self::BargeIn => "the decision on an interruption",
            Self::Clause => "more of a sentence",
            Self::Filler => "a slow model",
            Self::Think => "the model",
            Self::Answer => "the requester's answer",
            Self::Playout => "playout",
            Self::Silence => "anybody to speak",
            Self::Linger => "a last objection",
            Self::WrapUp => "a gap to end the call in",
            Self::Mailbox => "the mailbox",
            Self::Goodbye => "the time for the goodbye",
            Self::MaxDuration => "the longest duration",
        }
    }
}

/// One optional instant for each [`Timer`].
#[derive(Debug, Clone, Default)]
pub(crate) struct TimerTable([Option<Instant>; TIMERS.len()]);

impl TimerTable {
    /// Sets a timer, replacing its former instant.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    /// Stops a timer; harmless when it is not running.
    pub(crate) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    /// Stops all timers.
    pub(crate) fn clear(&mut self) {
        self.0 = Default::default();
    }

    /// Returns when a timer will come, if it runs.
    pub(crate) fn get(&self, timer: Timer) -> Option<Instant> {
        self.0[timer as usize]
    }

    /// Returns the earliest timer; of two at the same instant, the one listed first in [`Timer`].
    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        TIMERS
            .iter()
            .filter_map(|&timer| Some((self.get(timer)?, timer)))
            .min_by_key(|&(at, _)| at)
    }

    /// Stops and returns the earliest timer that is due at `now`.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = self.next()?;
        (at <= now).then(|| {
            self.stop(timer);
            timer
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::epoch;

    #[test]
    fn the_table_lists_every_timer_at_its_own_place() {
        for (place, timer) in TIMERS.iter().enumerate() {
            assert_eq!(*timer as usize, place);
        }
    }

    #[test]
    fn due_timers_come_in_time_order_and_once() {
        let origin = epoch();
        let at = |ms| origin + Duration::from_millis(ms);
        let mut table = TimerTable::default();
        table.set(Timer::Silence, at(30));
        table.set(Timer::Flush, at(10));
        table.set(Timer::Words, at(50));
        assert_eq!(table.next(), Some((at(10), Timer::Flush)));
        assert_eq!(table.take_due(at(40)), Some(Timer::Flush));
        assert_eq!(table.take_due(at(40)), Some(Timer::Silence));
        assert_eq!(table.take_due(at(40)), None);
        table.stop(Timer::Words);
        assert_eq!(table.next(), None);
    }
}
