//! What the carrier's refusals and the telephone network's answers mean for a call, and whose fault they are.
//! Source: <https://www.twilio.com/docs/api/errors>, RFC 3261 and RFC 8197 for the codes of the network.

use call::Failure;
use protocol::twilio::{
    api::ErrorBody,
    callback::{Status, StatusCallback},
};

use super::http::{ApiResponse, Lost};
use crate::line::Cause;

/// A call that could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    /// The kind.
    pub(super) failure: Failure,
    /// What a person should know.
    pub(super) cause: Option<Cause>,
}

impl Failed {
    /// A failure of ours, or of the callee's.
    pub(super) fn ours(failure: Failure, sentence: impl Into<String>) -> Self {
        Self::new(failure, sentence, false)
    }

    /// A failure of the carrier's.
    pub(super) fn carriers(failure: Failure, sentence: impl Into<String>) -> Self {
        Self::new(failure, sentence, true)
    }

    fn new(failure: Failure, sentence: impl Into<String>, carrier: bool) -> Self {
        Self {
            failure,
            cause: Some(Cause {
                sentence: sentence.into(),
                carrier,
            }),
        }
    }
}

/// Returns what an answer means that refuses to make a call.
pub(super) fn of_refusal(answer: &ApiResponse) -> Failed {
    use Failure as F;
    let error = ErrorBody::read(&answer.body);
    let told = |advice: &str| {
        let words = match error.sentence() {
            words if words.is_empty() => String::new(),
            words => format!(", \"{words}\""),
        };
        match error.code {
            0 => format!("Twilio answered {}{words}: {advice}", answer.status),
            code => format!("Twilio's error {code}{words}: {advice}"),
        }
    };
    let ours = |advice| Failed::ours(F::LineUnavailable, told(advice));
    match error.code {
        21211 | 21217 | 21214 | 21401 | 21421 | 13223 | 13224 => {
            Failed::ours(F::InvalidNumber, told("check to_phone_number"))
        }
        21210 | 21212 | 21213 | 21208 => ours(
            "the number that calls are made from must be bought or verified in the account of line.twilio.account_sid",
        ),
        21215 | 13227 => {
            ours("allow calls to this country in the account's Voice Geographic Permissions")
        }
        21219 => ours(
            "a trial account calls only numbers that were verified; verify this one, or upgrade the account",
        ),
        21216 | 32203 => Failed::carriers(
            F::NetworkBlocked,
            told("the carrier does not let this call through; ask it why"),
        ),
        20003 => ours(
            "check line.twilio.account_sid with auth_token, or api_key_sid with api_key_secret",
        ),
        20005 | 10001 | 20006 => ours("the account is not active; see the carrier's console"),
        20404 => ours("there is no such account; check line.twilio.account_sid and api_base"),
        20429 => Failed::carriers(
            F::LineUnavailable,
            told(
                "too many calls at once for this account; ask the carrier for more, or lower calls.max_concurrent",
            ),
        ),
        _ => match answer.status {
            401 | 403 => ours("check the credentials of line.twilio"),
            404 => ours("check line.twilio.account_sid and api_base"),
            429 => Failed::carriers(
                F::LineUnavailable,
                told("too many requests; try again later"),
            ),
            500.. => Failed::carriers(
                F::LineUnavailable,
                told("the carrier has a fault; try again later"),
            ),
            _ => ours("the carrier did not accept the call; see its documentation of this error"),
        },
    }
}

/// Returns what it means that there is no answer.
pub(super) fn of_loss(lost: &Lost) -> Failed {
    match lost {
        Lost::NotSent(why) => Failed::ours(
            Failure::LineUnavailable,
            format!("Twilio was not asked, {why}. Check the network and line.twilio.api_base"),
        ),
        Lost::Unknown(why) => Failed::carriers(
            Failure::LineUnavailable,
            format!(
                "Twilio did not say whether it makes the call, {why}; it was not asked again, so that nobody is rung twice"
            ),
        ),
    }
}

/// Returns what a final status means for a call whose sound never flowed; `None` when the callee hung up at once.
pub(super) fn of_status(callback: &StatusCallback) -> Option<Failed> {
    use Failure as F;
    let bare = |failure| {
        Some(Failed {
            failure,
            cause: None,
        })
    };
    let network = |what: &str| {
        let code = callback
            .sip_code
            .map_or_else(String::new, |code| format!(" with SIP {code}"));
        format!("the network answered{code}: {what}")
    };
    match callback.status {
        Status::Busy => bare(F::Busy),
        Status::NoAnswer => bare(F::NoAnswer),
        Status::Canceled => Some(Failed::ours(
            F::LineUnavailable,
            "The call was taken back at the carrier's",
        )),
        Status::Failed if matches!(callback.error, Some(32203 | 21216)) => Some(Failed::carriers(
            F::NetworkBlocked,
            "the carrier does not let this call through; ask it why",
        )),
        Status::Failed => match callback.sip_code {
            None | Some(404 | 410 | 484 | 604) => bare(F::InvalidNumber),
            Some(486 | 600) => bare(F::Busy),
            Some(408 | 480 | 487) => bare(F::NoAnswer),
            Some(603) if callback.error.is_none() => bare(F::Rejected),
            Some(403 | 603 | 607 | 608) => Some(Failed::carriers(
                F::NetworkBlocked,
                network("the call was blocked"),
            )),
            Some(_) => Some(Failed::carriers(
                F::LineUnavailable,
                network("try again later"),
            )),
        },
        Status::Completed => None,
        Status::Queued | Status::Initiated | Status::Ringing | Status::InProgress => None,
    }
}
