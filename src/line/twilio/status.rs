//! Where the carrier says a call stands, from callbacks that come late, repeated and in any order.

use protocol::twilio::callback::{AnsweredBy, Status, StatusCallback};

/// What has been told so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The highest place in the order of callbacks that counted.
    sequence: Option<u32>,
    ringing: bool,
    answered: bool,
    /// The final status, which nothing changes any more.
    pub(super) over: Option<StatusCallback>,
    /// Who answered, as long as nobody could be told.
    pub(super) answered_by: Option<AnsweredBy>,
}

/// What a callback changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It says what was known, or something older.
    Nothing,
    /// The phone rings.
    Ringing,
    /// It was picked up.
    Answered,
    /// The call is over.
    Over,
}

impl Told {
    /// Takes a callback and returns what it changes.
    pub(super) fn take(&mut self, callback: &StatusCallback) -> Change {
        if self.over.is_some() {
            return Change::Nothing;
        }
        let older =
            matches!((self.sequence, callback.sequence), (Some(last), Some(this)) if this <= last);
        let status = callback.status;
        // What ends a call ends it whatever its number says.
        if older && !status.is_final() {
            return Change::Nothing;
        }
        self.sequence = self.sequence.max(callback.sequence);
        match status {
            Status::Queued | Status::Initiated => Change::Nothing,
            Status::Ringing if self.ringing || self.answered => Change::Nothing,
            Status::Ringing => {
                self.ringing = true;
                Change::Ringing
            }
            Status::InProgress if self.answered => Change::Nothing,
            Status::InProgress => {
                self.answered = true;
                Change::Answered
            }
            _ => {
                self.over = Some(callback.clone());
                Change::Over
            }
        }
    }
}

/// Translates who answered. A fax shows itself by its tone, on which the call core acts.
pub(super) fn answered_by(who: AnsweredBy) -> call::AnsweredBy {
    match who {
        AnsweredBy::Human => call::AnsweredBy::Human,
        AnsweredBy::Machine => call::AnsweredBy::Voicemail,
        AnsweredBy::Fax | AnsweredBy::Unknown => call::AnsweredBy::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback(status: Status, sequence: Option<u32>) -> StatusCallback {
        StatusCallback {
            status,
            sequence,
            sip_code: None,
            error: None,
            answered_by: None,
        }
    }

    /// Every order of the four callbacks of an ordinary call leads to the same end, and nothing is told twice.
    #[test]
    fn the_order_of_callbacks_does_not_matter() {
        let all = [
            (Status::Initiated, 0),
            (Status::Ringing, 1),
            (Status::InProgress, 2),
            (Status::Completed, 3),
        ];
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..1_000 {
            let mut sent: Vec<_> = all.iter().chain(&all).collect();
            random.shuffle(&mut sent);
            let mut told = Told::default();
            let mut changes = Vec::new();
            for (status, sequence) in sent {
                let change = told.take(&callback(*status, Some(*sequence)));
                if change != Change::Nothing {
                    assert!(!changes.contains(&change), "{changes:?} {change:?}");
                    assert!(!changes.contains(&Change::Over), "{changes:?}");
                    changes.push(change);
                }
            }
            assert_eq!(changes.last(), Some(&Change::Over));
            let over = told.over.expect("it ended");
            assert_eq!(over.status, Status::Completed);
        }
    }

    #[test]
    fn ringing_after_the_answer_says_nothing() {
        let mut told = Told::default();
        let mut take = |status, sequence| told.take(&callback(status, sequence));
        assert_eq!(take(Status::InProgress, Some(2)), Change::Answered);
        assert_eq!(take(Status::Ringing, Some(1)), Change::Nothing);
        assert_eq!(take(Status::Ringing, None), Change::Nothing);
        assert_eq!(take(Status::Busy, Some(0)), Change::Over);
        assert_eq!(take(Status::Completed, Some(9)), Change::Nothing);
    }

    #[test]
    fn callbacks_without_numbers_are_taken_as_they_come() {
        let mut told = Told::default();
        let mut take = |status| told.take(&callback(status, None));
        assert_eq!(take(Status::Queued), Change::Nothing);
        assert_eq!(take(Status::Ringing), Change::Ringing);
        assert_eq!(take(Status::InProgress), Change::Answered);
        assert_eq!(take(Status::Canceled), Change::Over);
    }
}
