//! What is learned of how long a callee pauses, and how it lengthens a wait. Knows nothing of words but their shape.

use std::time::Duration;

use crate::shape::Shape;

/// The callee's own habit of pausing inside a turn: a running estimate.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Habit {
    mean: Option<Duration>,
    pauses: u8,
}

impl Habit {
    /// Pauses outside this range say nothing about a habit: gaps between words, and new turns.
    const RANGE: std::ops::Range<Duration> =
        Duration::from_millis(200)..Duration::from_millis(3000);
    /// Weight of the newest pause.
    const WEIGHT: f64 = 0.3;
    /// How many pauses make a habit that counts where the words are whole.
    const SEVERAL: u8 = 3;

    /// The callee paused for this long and then went on with the same turn.
    pub(crate) fn on_pause(&mut self, pause: Duration) {
        if Self::RANGE.contains(&pause) {
            self.pauses = self.pauses.saturating_add(1);
            self.mean = Some(match self.mean {
                Some(mean) => mean.mul_f64(1.0 - Self::WEIGHT) + pause.mul_f64(Self::WEIGHT),
                None => pause,
            });
        }
    }

    /// Lengthens a silence for somebody who pauses long; most where the words leave the end open.
    pub(super) fn stretch(&self, base: Duration, shape: Shape) -> Duration {
        let Some(mean) = self.mean else { return base };
        match shape {
            Shape::Short => base,
            Shape::Complete | Shape::NumberComplete | Shape::EmailComplete
                if self.pauses < Self::SEVERAL =>
            {
                base
            }
            Shape::Complete
            | Shape::NumberComplete
            | Shape::NumberLocal
            | Shape::EmailComplete
            | Shape::SpellingComplete => {
                let excess = mean.saturating_sub(Duration::from_millis(400));
                base + excess.mul_f64(0.25).min(Duration::from_millis(200))
            }
            Shape::Neutral | Shape::Part | Shape::Nothing => {
                base.max(mean.min(Duration::from_millis(1200)))
            }
            _ => base.max(mean.mul_f64(1.5)),
        }
    }
}
