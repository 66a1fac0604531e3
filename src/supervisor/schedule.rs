//! When a queued call may be made: at once, or at the time of day that was asked for. And when it is too late for it.

use std::time::Duration;

use jiff::Timestamp;
use protocol::{error::ApiError, rest::Time};

use crate::{driver::clock, store::StoredCall};

/// The farthest time that may be asked for.
const FARTHEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// How far in the past a time may lie and still mean now: clocks differ, and requests take a while.
const PAST: Duration = Duration::from_secs(60);
/// How late a call may be made. After that nobody expects it any more, and it may be night.
const LATEST: Duration = Duration::from_secs(3600);
/// The longest wait without another look at the clock, which may be set, or stand still with the machine.
const LOOK: Duration = Duration::from_secs(30);

/// Refuses a time at which a call cannot be made.
///
/// # Errors
/// `invalid_field` for a time in the past or too far ahead.
pub(super) fn check(scheduled: Option<Time>, now: Timestamp) -> Result<(), ApiError> {
    let Some(scheduled) = scheduled else {
        return Ok(());
    };
    let ahead = Timestamp::from(scheduled).duration_since(now);
    let seconds = ahead.as_secs();
    if seconds < -(PAST.as_secs() as i64) {
        return Err(ApiError::invalid_field(
            "scheduled_at",
            &format!(
                "a time ahead, or no value to call at once: it is {} now",
                Time::from(now)
            ),
        ));
    }
    if seconds > FARTHEST.as_secs() as i64 {
        return Err(ApiError::invalid_field(
            "scheduled_at",
            &format!(
                "a time in the next {} days",
                FARTHEST.as_secs() / (24 * 3600)
            ),
        ));
    }
    Ok(())
}

/// Returns when the call should be made.
pub(super) fn due(stored: &StoredCall) -> Timestamp {
    let at = stored.request.scheduled_at;
    at.unwrap_or(stored.call.created_at).into()
}

/// Waits until this time of day.
pub(super) async fn wait_until(due: Timestamp) {
    loop {
        let left = due.duration_since(clock::wall());
        let Ok(left) = Duration::try_from(left) else {
            // The time has passed.
            return;
        };
        if left.is_zero() {
            return;
        }
        clock::sleep(left.min(LOOK)).await;
    }
}

/// Returns whether the program was away for so long that the call must not be made any more.
pub(super) fn is_missed(stored: &StoredCall, now: Timestamp) -> bool {
    now.duration_since(due(stored)).as_secs() > LATEST.as_secs() as i64
}

/// Returns whether a call that waits was due before the records were restored from a backup, so that it may have been made
/// already.
pub(super) fn is_of_before(stored: &StoredCall, restored: Option<Timestamp>) -> bool {
    let created: Timestamp = stored.call.created_at.into();
    restored.is_some_and(|at| created <= at && due(stored) <= at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_ahead_are_taken_and_others_refused() {
        let now: Timestamp = "2026-02-20T12:00:00Z".parse().unwrap();
        let at = |text: &str| Some(Time::from(text.parse::<Timestamp>().unwrap()));
        for good in [
            None,
            at("2026-02-20T12:00:00Z"),
            at("2026-02-20T11:59:30Z"),
            at("2026-02-20T19:00:00+01:00"),
            at("2026-03-22T12:00:00Z"),
        ] {
            assert_eq!(check(good, now), Ok(()), "{good:?}");
        }
        let past = check(at("2026-02-20T11:58:00Z"), now).unwrap_err();
        assert_eq!(past.status(), 422);
        assert!(
            past.message.contains("2026-02-20T12:00:00.000Z now"),
            "{}",
            past.message
        );
        let far = check(at("2026-03-23T12:00:01Z"), now).unwrap_err();
        assert!(far.message.contains("30 days"), "{}", far.message);
    }
}
