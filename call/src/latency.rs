//! Where the time between the callee's last sound and the agent's first goes.
//!
//! Adds up instants that the call noted; decides nothing. The parts follow one another without gap or overlap, so
//! their sum is the felt silence, also when something was ready early (a model started on speculation costs zero).

use std::time::Instant;

use crate::Latency;

/// The instants of one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    /// The callee's last sound.
    pub(crate) last_sound: Instant,
    /// The decision that the turn is over.
    pub(crate) decided: Instant,
    /// The final words were there.
    pub(crate) words: Instant,
}

impl Marks {
    /// Returns the latency of an answer whose text, sound and first frame came at the given instants.
    pub(crate) fn latency(
        self,
        text: Option<Instant>,
        sound: Option<Instant>,
        wire: Instant,
    ) -> Latency {
        let mut at = self.last_sound;
        let mut step = |next: Instant| {
            let part = next.saturating_duration_since(at);
            at = at.max(next);
            part
        };
        let mut latency = Latency {
            end_of_turn: step(self.decided),
            words: step(self.words),
            first_token: text.map(&mut step).unwrap_or_default(),
            first_sound: sound.map(&mut step).unwrap_or_default(),
            wire: step(wire),
            ..Latency::default()
        };
        latency.felt_silence = at.saturating_duration_since(self.last_sound);
        latency
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::epoch;

    #[test]
    fn parts_add_up_and_early_ones_cost_nothing() {
        let origin = epoch();
        let at = |ms| origin + Duration::from_millis(ms);
        let marks = Marks {
            last_sound: at(1000),
            decided: at(1330),
            words: at(1260),
        };
        let latency = marks.latency(Some(at(1300)), Some(at(1500)), at(1520));
        let ms = Duration::from_millis;
        assert_eq!(
            (latency.end_of_turn, latency.words, latency.first_token),
            (ms(330), ms(0), ms(0))
        );
        assert_eq!(
            (latency.first_sound, latency.wire, latency.felt_silence),
            (ms(170), ms(20), ms(520))
        );
    }
}
