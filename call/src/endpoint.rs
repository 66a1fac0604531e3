//! End of turn: how much silence is needed before the callee is taken to have finished.
//!
//! A decision under uncertainty, written as a table: the words so far give a [`Shape`], each shape has the
//! silence after which going on becomes unlikely, and prosody, the callee's own habit of pausing and the setting
//! `patience` move it. Re-evaluated whenever words arrive. The values come from pause statistics of telephone
//! calls (pauses inside a turn: 0.5 to 0.8 s are common, 95th percentile 2.5 s) and from how short an answer can
//! be when a yes/no question was asked. Decides how long; [`crate::Call`] measures the silence.

use std::time::Duration;

use crate::{
    Prosody,
    shape::{Asked, Shape},
};

/// The longest silence that any evidence can ask for, at patience 1.0.
const CAP: Duration = Duration::from_millis(2500);
/// The longest silence at any patience.
const CAP_ALWAYS: Duration = Duration::from_secs(5);
/// In a menu, the machine lists its choices with pauses.
const MENU: Duration = Duration::from_millis(2000);

/// What is known when the callee falls silent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    /// What the words look like.
    pub(crate) shape: Shape,
    /// What the agent asked last.
    pub(crate) asked: Asked,
    /// How the voice ended.
    pub(crate) prosody: Prosody,
    /// Whether a menu or another machine is talking.
    pub(crate) menu: bool,
}

/// Returns the silence that must have passed since the callee's last sound.
pub(crate) fn required(evidence: Evidence, habit: &Habit, patience: f32) -> Duration {
    let base = base(evidence.shape, evidence.asked);
    let voiced = prosody(base, evidence.shape, evidence.prosody);
    let mut required = habit.stretch(voiced, evidence.shape).min(CAP);
    if evidence.menu {
        required = required.max(MENU);
    }
    required
        .mul_f64(f64::from(clamp_patience(patience)))
        .min(CAP_ALWAYS)
}

/// The table. One line a shape: the silence in milliseconds at patience 1.0, with neutral prosody.
fn base(shape: Shape, asked: Asked) -> Duration {
    let ms = match (shape, asked) {
        // A yes or no to a yes/no question, a picked-up phone, a farewell: nothing is missing.
        (Shape::Short, _) => 300,
        (Shape::Complete, _) => 330,
        // Fits what was asked, but often has a second half ("seven … thirty", "Smith … with a y").
        (Shape::Part, _) => 650,
        (Shape::Neutral, Asked::Name) => 700,
        (Shape::Neutral, _) => 600,
        // No words at all: the recogniser is late, or it was noise.
        (Shape::Nothing, _) => 800,
        (Shape::NumberComplete | Shape::EmailComplete, _) => 500,
        (Shape::Spelling, _) => 1600,
        (Shape::Incomplete, _) => 1500,
        (Shape::Hesitation, _) => 1600,
        (Shape::NumberUnderWay, _) => 1900,
        (Shape::EmailUnderWay, _) => 2000,
        (Shape::Announced, _) => 2200,
    };
    Duration::from_millis(ms)
}

/// A fall in pitch and energy ends a sentence; a lengthened, level last syllable holds the floor. Moves only the
/// shapes that words leave open, and by at most a quarter. All zero means "not measured".
fn prosody(base: Duration, shape: Shape, prosody: Prosody) -> Duration {
    if !matches!(
        shape,
        Shape::Complete | Shape::Neutral | Shape::Part | Shape::Nothing
    ) || prosody == Prosody::default()
    {
        return base;
    }
    let falling = prosody.pitch_slope <= -2.5 && prosody.energy_drop <= -4.0;
    let holding =
        prosody.pitch_slope.abs() < 1.0 && prosody.last_voiced >= Duration::from_millis(300);
    match (falling, holding) {
        (true, _) if shape != Shape::Complete => base.mul_f64(0.8),
        (true, _) => base.mul_f64(0.95),
        (_, true) => base.mul_f64(1.25),
        _ => base,
    }
}

fn clamp_patience(patience: f32) -> f32 {
    if patience.is_finite() {
        patience.clamp(0.5, 3.0)
    } else {
        1.0
    }
}

/// The callee's own habit of pausing inside a turn: a running estimate.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Habit {
    mean: Option<Duration>,
}

impl Habit {
    /// Pauses outside this range say nothing about a habit: gaps between words, and new turns.
    const RANGE: std::ops::Range<Duration> =
        Duration::from_millis(200)..Duration::from_millis(3000);
    /// Weight of the newest pause.
    const WEIGHT: f64 = 0.3;

    /// The callee paused for this long and then went on with the same turn.
    pub(crate) fn on_pause(&mut self, pause: Duration) {
        if Self::RANGE.contains(&pause) {
            self.mean = Some(match self.mean {
                Some(mean) => mean.mul_f64(1.0 - Self::WEIGHT) + pause.mul_f64(Self::WEIGHT),
                None => pause,
            });
        }
    }

    /// Lengthens a silence for somebody who pauses long; most where the words leave the end open.
    fn stretch(&self, base: Duration, shape: Shape) -> Duration {
        let Some(mean) = self.mean else { return base };
        match shape {
            Shape::Short => base,
            Shape::Complete | Shape::NumberComplete | Shape::EmailComplete => {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    fn evidence(shape: Shape) -> Evidence {
        Evidence {
            shape,
            asked: Asked::Nothing,
            prosody: Prosody::default(),
            menu: false,
        }
    }

    #[test]
    fn complete_words_need_little_and_open_ones_much() {
        let habit = Habit::default();
        assert!(required(evidence(Shape::Complete), &habit, 1.0) <= ms(350));
        assert!(required(evidence(Shape::Incomplete), &habit, 1.0) >= ms(1200));
        assert!(required(evidence(Shape::NumberUnderWay), &habit, 1.0) >= ms(1500));
    }

    #[test]
    fn patience_scales_within_bounds() {
        let habit = Habit::default();
        let at = |patience| required(evidence(Shape::Complete), &habit, patience);
        assert_eq!(at(2.0), at(1.0) * 2);
        assert_eq!(at(0.0), at(0.5));
        assert_eq!(at(f32::NAN), at(1.0));
        assert_eq!(
            required(evidence(Shape::Announced), &habit, 3.0),
            CAP_ALWAYS
        );
    }

    #[test]
    fn a_falling_voice_shortens_and_a_held_one_lengthens() {
        let habit = Habit::default();
        let with = |prosody| {
            required(
                Evidence {
                    prosody,
                    ..evidence(Shape::Neutral)
                },
                &habit,
                1.0,
            )
        };
        let falling = Prosody {
            pitch_slope: -4.0,
            energy_drop: -8.0,
            last_voiced: ms(150),
        };
        let holding = Prosody {
            pitch_slope: 0.2,
            energy_drop: -1.0,
            last_voiced: ms(420),
        };
        assert!(with(falling) < with(Prosody::default()));
        assert!(with(holding) > with(Prosody::default()));
    }

    #[test]
    fn a_slow_speaker_is_given_more_time() {
        let mut habit = Habit::default();
        for _ in 0..5 {
            habit.on_pause(ms(1000));
        }
        assert!(required(evidence(Shape::Neutral), &habit, 1.0) >= ms(1000));
        assert!(required(evidence(Shape::Complete), &habit, 1.0) > ms(400));
        assert_eq!(required(evidence(Shape::Short), &habit, 1.0), ms(300));
        habit.on_pause(ms(20_000));
        assert!(required(evidence(Shape::Neutral), &habit, 1.0) <= ms(1200));
    }

    #[test]
    fn menus_are_heard_out() {
        let menu = Evidence {
            menu: true,
            ..evidence(Shape::Complete)
        };
        assert_eq!(required(menu, &Habit::default(), 1.0), MENU);
    }
}
