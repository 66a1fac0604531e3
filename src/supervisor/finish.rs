//! What a finished call becomes in its record: pure translations from how it ended to what the interface shows.

use std::time::Duration;

use call::{CallConfig, End};
use protocol::{control::Event, rest};

use crate::{
    agent::{self, TranscriptTurn, Verdict, phrases::Sentences},
    bus::Feed,
    driver::{Finished, Record, answered_by, live_json},
    store::StoredCall,
};

/// Who calls us expects to be greeted, so the agent waits this long at most for the caller to speak first.
const PICKED_UP: Duration = Duration::from_millis(300);

/// Everything that ending a record needs.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) status: rest::Status,
    pub(super) give_back: bool,
    pub(super) end_reason: Option<rest::EndReason>,
    pub(super) failure: Option<rest::Failure>,
    pub(super) verdict: Option<Verdict>,
    pub(super) record: Record,
    /// Milliseconds from answer to end, when somebody answered.
    pub(super) lasted_ms: Option<u64>,
    pub(super) replay: Option<String>,
    /// A sentence for the call's warnings.
    pub(super) warning: Option<&'static str>,
}

impl Ending {
    fn new(status: rest::Status, mut record: Record) -> Self {
        Self {
            status,
            give_back: false,
            end_reason: None,
            failure: None,
            verdict: None,
            lasted_ms: None,
            warning: None,
            replay: record.replay.take(),
            record,
        }
    }

    /// Writes it into the record.
    pub(super) fn apply(&self, call: &mut rest::Call, at: jiff::Timestamp) {
        call.status = self.status;
        call.ended_at = Some(rest::Time::from(at));
        call.end_reason = self.end_reason;
        call.failure.clone_from(&self.failure);
        call.error_code = self
            .failure
            .as_ref()
            .map(|_| protocol::error::ErrorCode::CallFailed);
        // Turns that the record holds already came through the scribe one by one; these are the same ones.
        if !self.record.turns.is_empty() {
            call.turns.clone_from(&self.record.turns);
        }
        if let Some(disclosure) = &mut call.disclosure {
            let agent = call.turns.iter();
            let agent = agent.filter(|turn| turn.speaker == rest::Speaker::Agent);
            let heard = agent.map(|turn| turn.text.as_str());
            disclosure.heard = Some(agent::disclosure::was_heard(&disclosure.text, heard));
        }
        call.warnings.extend(self.warning.map(str::to_owned));
        if call.started_at.is_some() || !call.turns.is_empty() {
            call.transcript = Some(transcript(&call.turns));
        }
        if let Some(ms) = self.lasted_ms {
            call.duration_seconds = Some((ms + 500) / 1000);
            call.metrics = Some(super::metrics::of(&self.record, ms));
        }
        call.notes.clone_from(&self.record.notes);
        if self.record.answered_by != call::AnsweredBy::Unknown || self.lasted_ms.is_some() {
            call.answered_by = Some(answered_by(self.record.answered_by));
        }
        if let Some(verdict) = &self.verdict {
            call.outcome = Some(outcome(verdict.outcome));
            call.outcome_details = Some(verdict.details.clone());
            call.summary = Some(verdict.summary.clone());
            call.result.clone_from(&verdict.result);
            call.evidence = verdict.evidence.iter().map(evidence).collect();
        }
    }
}

/// A call that was canceled while it waited or rang.
pub(super) fn canceled_before_answer() -> Ending {
    Ending {
        give_back: true,
        end_reason: Some(rest::EndReason::Canceled),
        ..Ending::new(rest::Status::Canceled, Record::default())
    }
}

/// A call to somebody who asked not to be called, while it waited.
pub(super) fn blocked() -> Ending {
    Ending {
        warning: Some("The number was put on the do-not-call list before it was dialed."),
        ..canceled_before_answer()
    }
}

/// A call that a stopped process left unfinished.
pub(super) fn interrupted_by_restart() -> Ending {
    Ending {
        give_back: true,
        failure: Some(rest::FailureReason::InterruptedByRestart.into()),
        ..Ending::new(rest::Status::Failed, Record::default())
    }
}

/// A call that waited for its turn or its time while the program was away, for too long.
pub(super) fn missed() -> Ending {
    let reason = rest::FailureReason::InterruptedByRestart;
    Ending {
        give_back: true,
        failure: Some(rest::Failure {
            message: "The server was not running when the call was due. Create the call again."
                .to_owned(),
            ..reason.into()
        }),
        ..Ending::new(rest::Status::Failed, Record::default())
    }
}

/// A call that waited when a backup was made of which this server was restored: it may have been made since.
pub(super) fn restored() -> Ending {
    let reason = rest::FailureReason::InterruptedByRestart;
    Ending {
        failure: Some(rest::Failure {
            message: "The server was restored from a backup, and it is not known whether this call was made before that. \
                      Create the call again if it was not."
                .to_owned(),
            ..reason.into()
        }),
        ..missed()
    }
}

/// A call whose task panicked: our own fault, so its credit comes back even when it had connected.
pub(super) fn broken(record: Record) -> Ending {
    Ending {
        give_back: true,
        failure: Some(rest::FailureReason::Internal.into()),
        ..Ending::new(rest::Status::Failed, record)
    }
}

/// A call that could not be made, or broke. Its credit comes back when nobody had answered: a call that connected is
/// paid, however it ended.
pub(super) fn failed(failure: call::Failure, finished: &Finished, record: Record) -> Ending {
    let reason = reason(failure);
    let mut shown = rest::Failure::from(reason);
    if let Some(detail) = &finished.detail {
        shown.message = format!("{} ({detail})", shown.message);
    }
    if finished.carrier_at_fault {
        shown.at_fault = rest::AtFault::Carrier;
    }
    Ending {
        give_back: finished.answered.is_none(),
        failure: Some(shown),
        lasted_ms: lasted_ms(finished),
        ..Ending::new(rest::Status::Failed, record)
    }
}

/// A call that came to an end, with the judgement on it.
pub(super) fn completed(finished: &Finished, record: Record, verdict: Verdict) -> Ending {
    let canceled = finished.end == End::Canceled;
    let status = if canceled {
        rest::Status::Canceled
    } else {
        rest::Status::Completed
    };
    Ending {
        give_back: finished.answered.is_none(),
        end_reason: end_reason(finished.end),
        verdict: finished.answered.map(|_| verdict),
        lasted_ms: lasted_ms(finished),
        ..Ending::new(status, record)
    }
}

fn lasted_ms(finished: &Finished) -> Option<u64> {
    let lasted = finished.ended.saturating_duration_since(finished.answered?);
    u64::try_from(lasted.as_millis()).ok()
}

fn transcript(turns: &[rest::Turn]) -> String {
    let lines: Vec<_> = turns
        .iter()
        .map(|turn| {
            let who = match turn.speaker {
                rest::Speaker::Agent => "Agent",
                rest::Speaker::Callee => "Host",
            };
            format!("{who}: {}", turn.text)
        })
        .collect();
    lines.join("\n")
}

/// Returns the turns as the judge reads them.
pub(super) fn transcript_turns(turns: &[rest::Turn]) -> Vec<TranscriptTurn> {
    turns
        .iter()
        .map(|turn| TranscriptTurn {
            speaker: match turn.speaker {
                rest::Speaker::Agent => call::Speaker::Agent,
                rest::Speaker::Callee => call::Speaker::Callee,
            },
            text: turn.text.clone(),
            started_ms: turn.started_ms,
            ended_ms: turn.ended_ms,
            interrupted: turn.interrupted,
        })
        .collect()
}

fn outcome(outcome: agent::Outcome) -> rest::Outcome {
    match outcome {
        agent::Outcome::Achieved => rest::Outcome::Achieved,
        agent::Outcome::Partial => rest::Outcome::Partial,
        agent::Outcome::NotAchieved => rest::Outcome::NotAchieved,
    }
}

fn evidence(evidence: &agent::Evidence) -> rest::Evidence {
    rest::Evidence {
        claim: evidence.claim.clone(),
        turn: evidence.turn,
        quote: evidence.quote.clone(),
        audio_ms: evidence.offset_ms,
    }
}

fn reason(failure: call::Failure) -> rest::FailureReason {
    use call::Failure as F;
    use rest::FailureReason as R;
    match failure {
        F::Busy => R::Busy,
        F::NoAnswer => R::NoAnswer,
        F::Rejected => R::Rejected,
        F::InvalidNumber => R::InvalidNumber,
        F::NetworkBlocked => R::NetworkBlocked,
        F::LineUnavailable => R::LineUnavailable,
        F::MediaLost => R::MediaLost,
        F::SttFailed => R::SttFailed,
        F::LlmFailed => R::LlmFailed,
        F::TtsFailed => R::TtsFailed,
        F::Internal => R::Internal,
    }
}

fn end_reason(end: End) -> Option<rest::EndReason> {
    use rest::EndReason as R;
    Some(match end {
        End::AgentHungUp => R::AgentHungUp,
        End::CalleeHungUp => R::CalleeHungUp,
        End::Voicemail => R::Voicemail,
        End::MaxDuration => R::MaxDuration,
        End::Silence => R::Silence,
        End::Canceled => R::Canceled,
        End::Transferred => R::Transferred,
        End::Failed(_) => return None,
    })
}

/// Returns how the core shall behave on this call.
pub(super) fn core_config(settings: &CallConfig, stored: &StoredCall) -> CallConfig {
    let request = &stored.request;
    let sentences = Sentences::of(&request.language);
    let disclosed = |text: String| match &stored.call.disclosure {
        Some(disclosure) => format!("{} {text}", disclosure.text),
        None => text,
    };
    let voicemail = match request.voicemail.action {
        rest::VoicemailAction::Hangup => call::Voicemail::HangUp,
        rest::VoicemailAction::LeaveMessage => {
            let message = request.voicemail.message.clone();
            let own = || sentences.mailbox_message(&request.objective);
            call::Voicemail::LeaveMessage(disclosed(message.unwrap_or_else(own)))
        }
    };
    CallConfig {
        first_message: request.first_message.clone().map(disclosed),
        max_duration: Duration::from_secs(request.max_duration_seconds.into()),
        voicemail,
        phrases: sentences.for_the_core(),
        greeting_wait: match stored.call.direction {
            rest::Direction::Outbound => settings.greeting_wait,
            rest::Direction::Inbound => settings.greeting_wait.min(PICKED_UP),
        },
        ..settings.clone()
    }
}

/// Tells whoever watches that the call waits for its turn, and what will not work on it. The first events.
pub(super) fn announce_queued(feed: &Feed, call: &rest::Call) {
    let status = rest::Status::Queued;
    let warning = |message: &String| Event::Warning {
        message: message.clone(),
    };
    let queued = std::iter::once(Event::CallStatus { status });
    for event in queued.chain(call.warnings.iter().map(warning)) {
        feed.append(|seq| live_json(&call.call_id, seq, 0, event));
    }
}

/// Tells whoever watches that the call is over. The last event.
pub(super) fn announce(feed: &Feed, call: &rest::Call, at: jiff::Timestamp) {
    let since = rest::Time::from(at).unix_ms() - call.created_at.unix_ms();
    let t_ms = u64::try_from(since).unwrap_or(0);
    let event = Event::CallEnded {
        call: Box::new(call.clone()),
    };
    feed.append(|seq| live_json(&call.call_id, seq, t_ms, event));
}
