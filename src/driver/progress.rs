//! How far speech has come, on its way to the call core: ten times a second are enough for a core that counts words, and
//! spare it, its log and its live feed most of a hundred events a second.
//!
//! Nothing is lost by it. What is held back keeps its time, and is given before anything else happens, so that whatever stops
//! the agent finds the core knowing to the frame what was heard.

use std::time::{Duration, Instant};

use call::{ClauseId, PlayoutEvent};

/// How often the same clause's progress is given.
const EVERY: Duration = Duration::from_millis(100);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// What was given last of what was sent, and of what was heard.
    given: [Option<(Instant, ClauseId)>; 2],
    /// What is held back, the newest of each.
    held: [Option<(Instant, PlayoutEvent)>; 2],
}

impl Progress {
    /// Returns whether an event has to be given to the core now; if not, it is held back.
    pub(super) fn is_due(&mut self, event: PlayoutEvent, now: Instant) -> bool {
        let (kind, clause) = match event {
            PlayoutEvent::Sent(clause, _) => (0, clause),
            PlayoutEvent::Heard(clause, _) => (1, clause),
            PlayoutEvent::Finished(_) => return true,
        };
        let early = |(at, of): &(Instant, ClauseId)| {
            *of == clause && now.saturating_duration_since(*at) < EVERY
        };
        if self.given[kind].as_ref().is_some_and(early) {
            self.held[kind] = Some((now, event));
            return false;
        }
        self.given[kind] = Some((now, clause));
        true
    }

    /// Takes what is held back, in order.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (Instant, PlayoutEvent)> + use<> {
        let mut held = std::mem::take(&mut self.held);
        if let [Some((sent, _)), Some((heard, _))] = &held
            && heard < sent
        {
            held.swap(0, 1);
        }
        held.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use call::Generation;

    use super::*;

    #[test]
    fn the_same_clause_is_told_of_ten_times_a_second_and_nothing_is_out_of_order() {
        let clause = |index| ClauseId {
            generation: Generation(3),
            index,
        };
        let start = crate::driver::clock::now();
        let ms = Duration::from_millis;
        let mut progress = Progress::default();
        let mut given = Vec::new();
        let mut give = |progress: &mut Progress, at: u64, event| {
            if progress.is_due(event, start + ms(at)) {
                given.extend(progress.take().map(|(at, event)| (at - start, event)));
                given.push((ms(at), event));
            }
        };
        for step in 0..6 {
            let at = step * 20;
            give(&mut progress, at, PlayoutEvent::Sent(clause(0), ms(at)));
            give(&mut progress, at, PlayoutEvent::Heard(clause(0), ms(at)));
        }
        give(&mut progress, 120, PlayoutEvent::Sent(clause(0), ms(120)));
        give(&mut progress, 140, PlayoutEvent::Heard(clause(0), ms(120)));
        give(&mut progress, 160, PlayoutEvent::Finished(clause(0)));
        give(&mut progress, 180, PlayoutEvent::Sent(clause(1), ms(20)));
        assert_eq!(
            given,
            [
                (ms(0), PlayoutEvent::Sent(clause(0), ms(0))),
                (ms(0), PlayoutEvent::Heard(clause(0), ms(0))),
                // What was heard 80 ms in comes before what was sent 100 ms in.
                (ms(80), PlayoutEvent::Sent(clause(0), ms(80))),
                (ms(80), PlayoutEvent::Heard(clause(0), ms(80))),
                (ms(100), PlayoutEvent::Sent(clause(0), ms(100))),
                (ms(100), PlayoutEvent::Heard(clause(0), ms(100))),
                (ms(120), PlayoutEvent::Sent(clause(0), ms(120))),
                (ms(140), PlayoutEvent::Heard(clause(0), ms(120))),
                (ms(160), PlayoutEvent::Finished(clause(0))),
                (ms(180), PlayoutEvent::Sent(clause(1), ms(20))),
            ]
        );
        assert_eq!(progress.take().count(), 0);
    }
}
