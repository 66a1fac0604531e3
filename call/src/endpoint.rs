//! End of turn: how much silence is needed before the callee is taken to have finished.
//!
//! A decision under uncertainty. The words so far give a [`Shape`]. Where the shape alone says enough (a number, an address,
//! a name under way), a table says how long to wait. Everywhere else words and voice are weighed together: a logistic model
//! gives the odds that nothing follows; where they are good the wait is short, elsewhere as long as a hesitation may last.
//! Its weights are fitted by `agentphone bench fit` on labelled dialogues (`endpoint/weights.txt`); how well it does, and
//! on what, is in `docs/turn-taking.md`. The callee's own habit of pausing and the setting `patience` move the result.
//! Re-evaluated whenever words arrive. Decides how long; [`crate::Call`] measures the silence.

mod habit;

use std::{sync::LazyLock, time::Duration};

pub(crate) use self::habit::Habit;

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
/// The wait when it is sure that nothing follows, and when it is sure that something does: hesitations rarely last longer.
const SOONEST: Duration = Duration::from_millis(260);
const LATEST: Duration = Duration::from_millis(1700);
/// The longest wait behind a whole short answer: whoever says "yes" goes on soon or has finished.
const LATEST_SHORT: Duration = Duration::from_millis(1200);
/// Waits beyond this are long.
const LONG: Duration = Duration::from_millis(1200);
/// The logarithm of the odds at which the wait is halfway between the two, and how far around it the wait changes: little,
/// because the pauses of somebody who goes on last anything up to [`LATEST`], and a wait in between is cut as often as it gains.
const HALFWAY: f64 = 0.55;
const WIDTH: f64 = 0.05;
/// How far halving and doubling patience move that place.
const HASTE_MOVES: f64 = 0.8;
const PATIENCE_MOVES: f64 = 0.15;
/// The power of patience by which short and long waits grow: what is long enough for nearly every pause need not be much
/// longer.
const SHORT_GROWS: f64 = 0.6;
const LONG_GROWS: f64 = 0.15;
/// What the recogniser's own log odds that the turn is over count beside ours. Small, because it could not be fitted: no
/// labelled recordings with such confidences were at hand.
const HINT_WEIGHT: f64 = 0.3;

/// What is known when the callee falls silent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    /// What the words look like.
    pub(crate) shape: Shape,
    /// What the agent asked last.
    pub(crate) asked: Asked,
    /// How the voice ended.
    pub(crate) prosody: Prosody,
    /// The logarithm of the odds that these words end a sentence.
    pub(crate) ending: f32,
    /// How many words there are.
    pub(crate) words: usize,
    /// How long the callee has spoken in this turn.
    pub(crate) voiced: Duration,
    /// Whether this is the first thing that the callee says.
    pub(crate) first: bool,
    /// Whether a menu or another machine is talking.
    pub(crate) menu: bool,
    /// How sure the recogniser is that the turn is over, in percent, if it has an opinion.
    pub(crate) over: Option<u8>,
}

/// How many numbers the model weighs.
const FEATURES: usize = END_FEATURES.len();
/// What they are, in the order of [`crate::Call::end_features`].
pub const END_FEATURES: [&str; 19] = [
    "bias",
    "words: complete",
    "words: part of an answer",
    "words: cannot tell",
    "words: incomplete",
    "words: none",
    "words: short",
    "log odds of the last two words ending a sentence, halved",
    "number of words up to 8, in fours",
    "one word or none",
    "two words",
    "voice in the turn up to 1.5 s, in 1.5 s",
    "pitch slope in 6 semitones",
    "pitch above the usual in 6 semitones",
    "energy drop in 6 dB",
    "last voiced run in half seconds",
    "asked yes or no",
    "asked for a name",
    "asked for an amount",
];
/// One weight a line, in the order of [`features`]; behind it what it weighs.
const WEIGHTS_TEXT: &str = include_str!("endpoint/weights.txt");

static WEIGHTS: LazyLock<[f32; FEATURES]> = LazyLock::new(|| {
    let mut weights = [0.0; FEATURES];
    let numbers = WEIGHTS_TEXT
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok());
    for (weight, number) in weights.iter_mut().zip(numbers) {
        *weight = number;
    }
    weights
});

/// Returns the evidence as the numbers that are weighed; `None` where the shape alone decides.
pub(crate) fn features(evidence: Evidence) -> Option<[f32; FEATURES]> {
    let Evidence {
        shape,
        asked,
        prosody,
        ending,
        words,
        voiced,
        first,
        ..
    } = evidence;
    let weighed = [
        Shape::Complete,
        Shape::Part,
        Shape::Neutral,
        Shape::Incomplete,
        Shape::Nothing,
        Shape::Short,
    ];
    // Where the voice was not measured, there is nothing to weigh with the words. And whoever picks up says who they are
    // and waits, however little that looks like a sentence.
    if prosody == Prosody::default() || first {
        return None;
    }
    let finite = |value: f32| if value.is_finite() { value } else { 0.0 };
    let place = weighed.iter().position(|one| *one == shape)?;
    let is = |yes: bool| f32::from(u8::from(yes));
    let shapes: [f32; 6] = std::array::from_fn(|index| is(index == place));
    let [complete, part, neutral, incomplete, nothing, short] = shapes;
    Some([
        1.0,
        complete,
        part,
        neutral,
        incomplete,
        nothing,
        short,
        ending / 2.0,
        words.min(8) as f32 / 4.0,
        is(words <= 1),
        is(words == 2),
        voiced.as_secs_f32().min(1.5) / 1.5,
        finite(prosody.pitch_slope).clamp(-12.0, 12.0) / 6.0,
        finite(prosody.pitch_level).clamp(-12.0, 12.0) / 6.0,
        finite(prosody.energy_drop).clamp(-15.0, 5.0) / 6.0,
        prosody.last_voiced.as_secs_f32().min(1.0) * 2.0,
        is(asked == Asked::YesNo),
        is(asked == Asked::Name),
        is(asked == Asked::Amount),
    ])
}

/// Returns the silence that must have passed since the callee's last sound.
pub(crate) fn required(evidence: Evidence, habit: &Habit, patience: f32) -> Duration {
    let patience = f64::from(clamp_patience(patience));
    let base = match features(evidence) {
        Some(features) => weighed(&features, evidence, patience),
        None => stretched(hinted(evidence), patience),
    };
    let mut required = habit
        .stretch(base, evidence.shape)
        .min(CAP.mul_f64(patience.max(1.0)));
    if evidence.menu {
        required = required.max(MENU.mul_f64(patience));
    }
    required.min(CAP_ALWAYS)
}

/// The wait by the model.
fn weighed(features: &[f32; FEATURES], evidence: Evidence, patience: f64) -> Duration {
    let pairs = features.iter().zip(&*WEIGHTS);
    let odds: f32 = pairs.map(|(feature, weight)| feature * weight).sum();
    let moves = if patience < 1.0 {
        HASTE_MOVES
    } else {
        PATIENCE_MOVES
    };
    let halfway = HALFWAY + moves * patience.log2();
    let from_halfway = (f64::from(odds) + hint_odds(evidence.over) - halfway) / WIDTH;
    let doubt = 1.0 / (1.0 + from_halfway.exp());
    let soonest = stretched(SOONEST, patience);
    let latest = match evidence.shape {
        Shape::Short => stretched(LATEST_SHORT, patience),
        _ => stretched(LATEST, patience),
    };
    whole_ms(soonest + latest.saturating_sub(soonest).mul_f64(doubt))
}

/// What the recogniser's confidence adds to the logarithm of the odds that nothing follows.
fn hint_odds(over: Option<u8>) -> f64 {
    let Some(percent) = over else { return 0.0 };
    // A confidence of 0 or 100 is rounded, never certain.
    let sure = f64::from(percent.clamp(1, 99)) / 100.0;
    HINT_WEIGHT * (sure / (1.0 - sure)).ln()
}

/// The wait of the table, shortened by at most half where the recogniser takes the turn for over. Not where words say that
/// something is under way: the pauses of dictation are what such recognisers take for ends.
fn hinted(evidence: Evidence) -> Duration {
    let base = base(evidence.shape, evidence.asked);
    match evidence.shape {
        Shape::Part | Shape::Neutral | Shape::Nothing | Shape::Incomplete => {
            let over_even = evidence.over.unwrap_or(50).clamp(50, 100) - 50;
            base.mul_f64(1.0 - f64::from(over_even) / 100.0)
        }
        _ => base,
    }
}

/// A wait at some patience.
fn stretched(base: Duration, patience: f64) -> Duration {
    let grows = if base > LONG { LONG_GROWS } else { SHORT_GROWS };
    whole_ms(base.mul_f64(patience.powf(grows)))
}

/// A wait as it stands in logs and scripts.
fn whole_ms(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

/// The table. One line a shape: the silence in milliseconds at patience 1.0. Of the shapes that are weighed with the voice,
/// it holds what is waited for when the voice was not measured.
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
        (Shape::NumberComplete, _) => 280,
        (Shape::EmailComplete, _) => 270,
        // Perhaps one more digit, or group, but seldom.
        (Shape::NumberLocal, _) => 450,
        (Shape::SpellingComplete, _) => 330,
        (Shape::Incomplete, _) => 1500,
        // Pauses between the groups of what is dictated, and behind an "um", rarely last longer.
        (
            Shape::Hesitation
            | Shape::Spelling
            | Shape::NumberUnderWay
            | Shape::EmailUnderWay
            | Shape::Announced,
            _,
        ) => 1700,
    };
    Duration::from_millis(ms)
}

fn clamp_patience(patience: f32) -> f32 {
    if patience.is_finite() {
        patience.clamp(0.5, 3.0)
    } else {
        1.0
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
            prosody: Prosody {
                pitch_slope: -1.0,
                pitch_level: 0.0,
                energy_drop: -3.0,
                last_voiced: ms(200),
            },
            ending: 0.0,
            words: 3,
            voiced: ms(800),
            first: false,
            menu: false,
            over: None,
        }
    }

    /// A sentence that the words say is whole.
    fn whole() -> Evidence {
        Evidence {
            ending: 2.0,
            words: 8,
            voiced: ms(2000),
            ..evidence(Shape::Complete)
        }
    }

    #[test]
    fn complete_words_need_little_and_open_ones_much() {
        let habit = Habit::default();
        assert!(required(whole(), &habit, 1.0) <= ms(300));
        assert!(required(evidence(Shape::Incomplete), &habit, 1.0) >= ms(1200));
        assert!(required(evidence(Shape::NumberUnderWay), &habit, 1.0) >= ms(1500));
        let trailing = Evidence {
            ending: -4.0,
            ..evidence(Shape::Complete)
        };
        assert!(required(trailing, &habit, 1.0) >= ms(1200));
    }

    #[test]
    fn without_a_measured_voice_or_a_turn_before_the_shape_decides() {
        let unmeasured = Evidence {
            prosody: Prosody::default(),
            ..evidence(Shape::Complete)
        };
        assert_eq!(required(unmeasured, &Habit::default(), 1.0), ms(330));
        let first = Evidence {
            first: true,
            ..evidence(Shape::Complete)
        };
        assert_eq!(required(first, &Habit::default(), 1.0), ms(330));
        let broken = Evidence {
            prosody: Prosody {
                pitch_slope: f32::NAN,
                pitch_level: f32::NAN,
                energy_drop: f32::INFINITY,
                last_voiced: ms(100),
            },
            ..whole()
        };
        assert!(required(broken, &Habit::default(), 1.0) <= LATEST);
    }

    #[test]
    fn every_weight_is_read() {
        assert_eq!(WEIGHTS_TEXT.lines().count(), FEATURES);
        assert!(WEIGHTS.iter().filter(|weight| **weight != 0.0).count() >= FEATURES - 2);
    }

    #[test]
    fn patience_scales_within_bounds() {
        let habit = Habit::default();
        let at = |patience| required(evidence(Shape::NumberLocal), &habit, patience);
        assert!(at(2.0) > at(1.0) && at(2.0) < at(1.0) * 2);
        assert_eq!(at(0.0), at(0.5));
        assert_eq!(at(f32::NAN), at(1.0));
        let long = |patience| required(evidence(Shape::Announced), &habit, patience);
        assert!(long(3.0) > long(1.0) && long(3.0) < long(1.0) * 2);
        let weighed = |patience| required(whole(), &habit, patience);
        assert!(weighed(0.5) <= weighed(1.0) && weighed(1.0) < weighed(3.0));
    }

    #[test]
    fn a_fading_voice_shortens_and_a_held_one_lengthens() {
        let with = |prosody| {
            let evidence = Evidence { prosody, ..whole() };
            required(
                Evidence {
                    ending: -1.0,
                    words: 5,
                    ..evidence
                },
                &Habit::default(),
                1.0,
            )
        };
        let falling = Prosody {
            pitch_slope: -4.0,
            pitch_level: -3.0,
            energy_drop: -8.0,
            last_voiced: ms(150),
        };
        let holding = Prosody {
            pitch_slope: 0.2,
            pitch_level: 0.5,
            energy_drop: -1.0,
            last_voiced: ms(420),
        };
        assert!(with(falling) < with(holding));
    }

    #[test]
    fn a_slow_speaker_is_given_more_time() {
        let mut habit = Habit::default();
        for _ in 0..5 {
            habit.on_pause(ms(1000));
        }
        assert!(required(evidence(Shape::Neutral), &habit, 1.0) >= ms(1000));
        assert!(required(whole(), &habit, 1.0) > required(whole(), &Habit::default(), 1.0));
        let yes = Evidence {
            asked: Asked::YesNo,
            words: 1,
            voiced: ms(300),
            ..evidence(Shape::Short)
        };
        assert!(required(yes, &habit, 1.0) <= LATEST_SHORT);
        let before = required(evidence(Shape::Neutral), &habit, 1.0);
        habit.on_pause(ms(20_000));
        assert_eq!(required(evidence(Shape::Neutral), &habit, 1.0), before);
    }

    #[test]
    fn a_recogniser_that_hears_the_end_shortens_the_wait_but_never_inside_a_number() {
        let with = |shape, over, words| {
            let open = Evidence {
                ending: -1.0,
                words,
                over,
                ..evidence(shape)
            };
            required(open, &Habit::default(), 1.0)
        };
        let at = |shape, over| with(shape, over, 5);
        // Where our own evidence is nearly enough, the recogniser's decides.
        let decides = |words: &usize| {
            with(Shape::Neutral, Some(95), *words) < with(Shape::Neutral, None, *words)
        };
        assert!((1..9).any(|words| decides(&words)));
        for shape in [
            Shape::Neutral,
            Shape::Part,
            Shape::Incomplete,
            Shape::Nothing,
        ] {
            assert!(at(shape, Some(90)) <= at(shape, None), "{shape:?}");
            assert!(at(shape, Some(10)) >= at(shape, None), "{shape:?}");
            assert!(at(shape, Some(100)) >= SOONEST, "{shape:?}");
            let unmeasured = |over| {
                let evidence = Evidence {
                    prosody: Prosody::default(),
                    over,
                    ..evidence(shape)
                };
                required(evidence, &Habit::default(), 1.0)
            };
            assert!(unmeasured(Some(100)) == unmeasured(None) / 2, "{shape:?}");
            assert_eq!(unmeasured(Some(20)), unmeasured(None), "{shape:?}");
        }
        for shape in [
            Shape::NumberUnderWay,
            Shape::NumberLocal,
            Shape::Spelling,
            Shape::EmailUnderWay,
            Shape::Announced,
        ] {
            assert_eq!(at(shape, Some(100)), at(shape, None), "{shape:?}");
        }
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
