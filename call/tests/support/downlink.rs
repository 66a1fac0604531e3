//! The agent's sound on the line: a queue of clauses, played in order, paused, resumed and dropped.

use std::{collections::VecDeque, time::Duration};

use call::{ClauseId, Generation, PlayoutEvent};

use super::ms;

/// How far before the place where it stopped sound goes on after a pause.
const SPLICE: Duration = ms_const(40);

const fn ms_const(value: u64) -> Duration {
    Duration::from_millis(value)
}

#[derive(Debug)]
struct Queued {
    clause: ClauseId,
    /// Length, and from when on it can be played.
    sound: Option<(Duration, Duration)>,
    failed: bool,
    position: Duration,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Downlink {
    queue: VecDeque<Queued>,
    open: bool,
    ticks_until: Option<Duration>,
    /// Every stretch of sound that really left: clause, from, to, and when.
    pub(crate) played: Vec<(Duration, ClauseId, Duration)>,
}

impl Downlink {
    /// Queues a clause whose sound is still to come.
    pub(crate) fn push(&mut self, clause: ClauseId) {
        self.queue.push_back(Queued {
            clause,
            sound: None,
            failed: false,
            position: Duration::ZERO,
        });
    }

    /// The sound of a clause will be there at `at`.
    pub(crate) fn sound(&mut self, clause: ClauseId, length: Duration, at: Duration) {
        if let Some(queued) = self.queue.iter_mut().find(|queued| queued.clause == clause) {
            queued.sound = Some((length, at));
        }
    }

    /// The sound of a clause will never be there.
    pub(crate) fn fail(&mut self, clause: ClauseId) {
        if let Some(queued) = self.queue.iter_mut().find(|queued| queued.clause == clause) {
            queued.failed = true;
        }
    }

    /// Stops at once and keeps the rest.
    pub(crate) fn pause(&mut self) {
        self.open = false;
    }

    /// Goes on from a little before where it stopped.
    pub(crate) fn resume(&mut self) {
        self.open = true;
        if let Some(front) = self.queue.front_mut() {
            front.position = front.position.saturating_sub(SPLICE);
        }
    }

    /// Drops a reply.
    pub(crate) fn cancel(&mut self, generation: Generation) {
        self.queue
            .retain(|queued| queued.clause.generation != generation);
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    /// When it wants its next tick.
    pub(crate) fn next_tick(&mut self, now: Duration, tick: Duration) -> Option<Duration> {
        self.queue.retain(|queued| !queued.failed);
        let (_, ready) = self.queue.front()?.sound?;
        let at = ready.max(now + tick);
        if !self.open
            || self
                .ticks_until
                .is_some_and(|until| until > now && until <= at)
        {
            return None;
        }
        self.ticks_until = Some(at);
        Some(at)
    }

    /// Plays one tick; returns what to report, and whether that is delayed by the way to the ear.
    pub(crate) fn tick(&mut self, now: Duration, tick: Duration) -> Vec<(bool, PlayoutEvent)> {
        if self.ticks_until.is_some_and(|until| now < until) {
            return Vec::new();
        }
        self.ticks_until = None;
        let mut events = Vec::new();
        let Some(front) = self.queue.front_mut().filter(|_| self.open) else {
            return events;
        };
        let Some((length, _)) = front.sound.filter(|(_, ready)| *ready <= now) else {
            return events;
        };
        let clause = front.clause;
        front.position = (front.position + tick.max(ms(1))).min(length);
        self.played.push((now, clause, front.position));
        events.push((false, PlayoutEvent::Sent(clause, front.position)));
        events.push((true, PlayoutEvent::Heard(clause, front.position)));
        if front.position >= length {
            events.push((true, PlayoutEvent::Finished(clause)));
            self.queue.pop_front();
        }
        events
    }
}
