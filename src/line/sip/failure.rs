//! What a refusal means for a call, and whose fault it is: the final status of a call that was not answered, and
//! the `Reason` that comes with it, which knows more where a gateway made one code of many.
//! Source: RFC 3261 section 21, RFC 3326, RFC 3398 section 8.2.6.1 and ITU-T Q.850, ATIS-1000099 (603+).

use std::time::Duration;

use call::Failure;
use rsipstack::sip::{HasHeaders, Header, HeadersExt, Response};

use super::reason::{Block, Reason};
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

    /// Adds a sentence to what a person should know.
    #[must_use]
    pub(super) fn and(mut self, more: &str) -> Self {
        if let Some(cause) = &mut self.cause {
            cause.sentence = format!("{}; {more}", cause.sentence);
        }
        self
    }
}

/// A final answer, as far as it says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status code.
    pub(super) code: u16,
    /// The words of the status line.
    pub(super) phrase: String,
    /// The reasons.
    pub(super) reasons: Vec<Reason>,
    /// `Warning`, which says what media are wanted.
    pub(super) warning: String,
    /// The shortest session interval that is agreed to (RFC 4028).
    pub(super) least_interval: Option<Duration>,
    /// Seconds after which the trunk wants to be asked again.
    pub(super) retry_after: Option<u32>,
}

impl Refusal {
    /// Reads an answer.
    #[must_use]
    pub(super) fn read(response: &Response) -> Self {
        let code = u16::from(response.status_code.clone());
        let reasons = response.headers().iter().filter_map(|header| match header {
            Header::Reason(reason) => Some(Reason::read(reason.value())),
            _ => None,
        });
        Self {
            code,
            phrase: words(response.wire_reason.as_deref().unwrap_or_default()),
            reasons: reasons.flatten().collect(),
            warning: words(&response.header_value("Warning").unwrap_or_default()),
            least_interval: response
                .header_value("Min-SE")
                .and_then(|value| value.split(';').next()?.trim().parse().ok())
                .map(Duration::from_secs),
            retry_after: response
                .header_value("Retry-After")
                .and_then(|value| value.split([';', '(', ' ']).next()?.trim().parse().ok()),
        }
    }

    /// A refusal that is only a code.
    #[must_use]
    pub(super) fn bare(code: u16) -> Self {
        Self {
            code,
            phrase: String::new(),
            reasons: Vec::new(),
            warning: String::new(),
            least_interval: None,
            retry_after: None,
        }
    }

    /// Whether another target or another trunk may do better.
    #[must_use]
    pub(super) fn is_the_trunks(&self) -> bool {
        match self.code {
            403 | 480 | 486 | 603 => self.is_limit(),
            408 | 500 | 502..=504 => self
                .network_cause()
                .is_none_or(|cause| !is_the_callees(cause)),
            _ => false,
        }
    }

    /// Whether the trunk says that we make too many calls.
    fn is_limit(&self) -> bool {
        let said = self.phrase.to_ascii_lowercase();
        said.contains("limit") || said.contains("cps") || said.contains("capacity")
    }

    fn network_cause(&self) -> Option<u16> {
        self.reasons.iter().find_map(Reason::network_cause)
    }

    /// The status as a person reads it, with what the network said beside it.
    fn told(&self) -> String {
        let mut told = format!("SIP {}", self.code);
        if !self.phrase.is_empty() {
            told = format!("{told} {}", self.phrase);
        }
        if let Some(cause) = self.network_cause() {
            told = format!("{told}, Q.850 cause {cause}");
        }
        let text = self.reasons.iter().find(|reason| !reason.text.is_empty());
        if let Some(reason) = text {
            told = format!("{told}, \"{}\"", words(&reason.text));
        }
        if let Some(seconds) = self.retry_after {
            told = format!("{told}, to be asked again after {seconds} s");
        }
        if !self.warning.is_empty() {
            told = format!("{told}, {}", self.warning);
        }
        told
    }
}

/// Whether a cause of the network is about the callee, so that no other trunk will do better.
fn is_the_callees(cause: u16) -> bool {
    matches!(cause, 1 | 17..=22 | 28)
}

/// Returns what a refusal means. `trunk` names who refused, `rang` whether the phone was heard to ring before.
#[must_use]
pub(super) fn of_refusal(refusal: &Refusal, trunk: &str, rang: bool) -> Failed {
    use Failure as F;
    let told = refusal.told();
    let carriers =
        |failure, what: &str| Failed::carriers(failure, format!("{trunk} answered {told}: {what}"));
    let ours =
        |failure, what: &str| Failed::ours(failure, format!("{trunk} answered {told}: {what}"));
    if let Some(block) = Block::read(refusal.code, &refusal.phrase, &refusal.reasons) {
        let redress = block.redress.map_or_else(String::new, |where_to| {
            format!("; whoever wants this call let through can ask {where_to}")
        });
        return carriers(
            F::NetworkBlocked,
            &format!("a network on the way blocked the call{redress}"),
        );
    }
    if refusal.is_limit() && matches!(refusal.code, 403 | 480 | 486 | 503 | 603) {
        return carriers(
            F::LineUnavailable,
            "too many calls for this trunk; lower its max_calls or calls_per_second, or ask for more",
        );
    }
    match refusal.code {
        401 | 407 => ours(
            F::LineUnavailable,
            "the user or the password is wrong; check username and password of the trunk",
        ),
        402 => ours(
            F::LineUnavailable,
            "the account at the trunk has no money left; see its console",
        ),
        403 => ours(
            F::LineUnavailable,
            "the trunk does not allow this call; check at its console that the country and the number to call from are \
             allowed, and that it knows our address",
        ),
        415 | 488 | 606 => ours(
            F::LineUnavailable,
            "the trunk accepts none of our codecs, or wants another encryption; see line.sip.codecs and line.sip.srtp",
        ),
        607 | 608 => carriers(F::NetworkBlocked, "the call was blocked as unwanted"),
        code => match refusal.network_cause().and_then(of_cause) {
            Some((failure, fault)) => {
                Failed::new(failure, format!("{trunk} answered {told}"), fault)
            }
            None => of_code(code, rang, &carriers, &ours),
        },
    }
}

/// What a cause of the telephone network means, and whether the carrier is at fault; `None` where it says nothing.
fn of_cause(cause: u16) -> Option<(Failure, bool)> {
    use Failure as F;
    Some(match cause {
        1 | 22 | 28 => (F::InvalidNumber, false),
        17 => (F::Busy, false),
        18..=20 => (F::NoAnswer, false),
        21 => (F::Rejected, false),
        2 | 3 | 25 | 27 | 29 | 34 | 38 | 41 | 42 | 44 | 47 | 102 => (F::LineUnavailable, true),
        _ => return None,
    })
}

fn of_code(
    code: u16,
    rang: bool,
    carriers: &dyn Fn(Failure, &str) -> Failed,
    ours: &dyn Fn(Failure, &str) -> Failed,
) -> Failed {
    use Failure as F;
    match code {
        486 | 600 => ours(F::Busy, "the line is engaged"),
        480 | 487 => ours(F::NoAnswer, "nobody can be reached there now"),
        408 if rang => ours(F::NoAnswer, "it rang and nobody answered"),
        408 => carriers(
            F::LineUnavailable,
            "the trunk gave up without ringing; try again later",
        ),
        404 | 485 | 604 => ours(F::InvalidNumber, "there is no such number"),
        410 => ours(F::InvalidNumber, "the number has changed"),
        484 => ours(F::InvalidNumber, "the number is incomplete"),
        603 => ours(F::Rejected, "the callee declined"),
        300..=399 => carriers(
            F::LineUnavailable,
            "it points elsewhere, and calls are not sent on",
        ),
        482 | 483 => carriers(
            F::LineUnavailable,
            "the call went in circles at the carrier's",
        ),
        400..=499 | 505 | 513 => ours(
            F::LineUnavailable,
            "the trunk does not understand our call; check server, domain and transport of the trunk",
        ),
        _ => carriers(F::LineUnavailable, "the trunk has a fault; try again later"),
    }
}

/// Words from outside, so that they fit into a sentence: no control characters, no novel.
fn words(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(160)
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests;
