//! When an event that was not taken is sent again, and when it is given up.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::store::Delivery;

/// The most that a receiver may postpone an attempt by `Retry-After`.
const MOST_ASKED: Duration = Duration::from_secs(3600);
/// By how much pauses differ at random, so that events that failed together do not come back together.
const JITTER: f64 = 0.1;

/// What was answered, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Taken.
    Taken,
    /// Never send this again.
    Gone,
    /// Not taken; perhaps not before so long.
    Failed(Option<Duration>),
}

/// Decides how an event goes on after its `attempts`-th attempt (from 1), which ended at `now`.
pub(super) fn then(
    answer: Answer,
    attempts: u32,
    now: Timestamp,
    until: Timestamp,
    pauses: &[Duration],
) -> Result<Delivery, Timestamp> {
    let asked = match answer {
        Answer::Taken => return Ok(Delivery::Delivered),
        Answer::Gone => return Ok(Delivery::GivenUp),
        Answer::Failed(asked) => asked.unwrap_or_default().min(MOST_ASKED),
    };
    let nth = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(pause) = pauses.get(nth).filter(|_| now < until) else {
        return Ok(Delivery::GivenUp);
    };
    let pause = pause.mul_f64(1.0 + JITTER * (2.0 * fastrand::f64() - 1.0));
    let pause = SignedDuration::try_from(pause.max(asked)).unwrap_or(SignedDuration::from_hours(1));
    // The last attempt is made at the end of the day rather than never.
    Err(now.checked_add(pause).unwrap_or(until).min(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Answer = Answer::Failed(None);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_771_588_800 + seconds).unwrap()
    }

    #[test]
    fn an_event_that_is_never_taken_is_tried_for_a_day() {
        let config = crate::config::Config::default();
        let pauses: Vec<_> = config.webhooks.pauses().collect();
        let (mut now, mut attempts) = (at(0), 0);
        let until = at(24 * 3600);
        loop {
            attempts += 1;
            match then(FAILED, attempts, now, until, &pauses) {
                Err(next) => {
                    assert!(next > now && next <= until);
                    now = next;
                }
                Ok(end) => {
                    assert_eq!(end, Delivery::GivenUp);
                    break;
                }
            }
        }
        let hours = now.duration_since(at(0)).as_hours();
        assert!((20..=24).contains(&hours), "{hours} h");
        assert!((8..20).contains(&attempts), "{attempts} attempts");
    }

    #[test]
    fn the_receiver_may_postpone_but_not_for_ever() {
        let pauses = [Duration::from_secs(10); 3];
        let until = at(24 * 3600);
        let next = |asked| {
            let answer = Answer::Failed(Some(Duration::from_secs(asked)));
            then(answer, 1, at(0), until, &pauses).unwrap_err()
        };
        assert_eq!(next(600), at(600));
        assert_eq!(next(100_000), at(3600));
        let usual = next(0).duration_since(at(0)).as_millis();
        assert!((9_000..=11_000).contains(&usual), "{usual}");
    }

    #[test]
    fn what_is_taken_or_gone_is_over() {
        let over = |answer| then(answer, 1, at(0), at(1), &[Duration::from_secs(1)]);
        assert_eq!(over(Answer::Taken), Ok(Delivery::Delivered));
        assert_eq!(over(Answer::Gone), Ok(Delivery::GivenUp));
        // One that waited for those before it for a day is still tried once.
        assert_eq!(
            then(FAILED, 1, at(2), at(1), &[Duration::from_secs(1)]),
            Ok(Delivery::GivenUp)
        );
    }
}
