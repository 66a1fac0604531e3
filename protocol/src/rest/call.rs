//! The call object, as `GET /calls/{id}` returns it and as records keep it.
//!
//! A field that does not apply yet is `null`, never missing. What the values mean is decided by the call core and
//! the judgement after the call; here they only have names.

mod proof;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Context, CreateCall, Disclosure, ServedBy, Time};
use crate::{error::ErrorCode, ids::CallId};

pub use proof::{Evidence, NotedFact};

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Its id.
    pub call_id: CallId,
    /// Where it stands.
    pub status: Status,
    /// Its place among the calls that wait for their turn, from 1; made anew with every answer.
    #[serde(default)]
    pub queue_position: Option<u32>,
    /// Who calls whom.
    #[serde(default)]
    pub direction: Direction,
    /// Who is called, E.164; of an incoming call, who called us, as the network told.
    pub to_phone_number: String,
    /// The number of ours that the other side sees, where one was asked for or called.
    #[serde(default)]
    pub from_phone_number: Option<String>,
    /// What the agent shall accomplish.
    pub objective: String,
    /// Who is called, by name.
    pub business_name: Option<String>,
    /// Where the agent may read about the callee.
    pub website: Option<String>,
    /// What was read there before the call.
    #[serde(default)]
    pub context: Option<Context>,
    /// BCP 47 tag of the conversation's language.
    pub language: String,
    /// Which kind of line carries it: `simulated`, …
    pub line: String,
    /// Whether the objective was reached; set when the call completes.
    pub outcome: Option<Outcome>,
    /// One or two sentences on why the outcome is what it is.
    pub outcome_details: Option<String>,
    /// What happened, in a few sentences.
    pub summary: Option<String>,
    /// What was heard on the line: `Agent: …` and `Host: …`, a line each.
    pub transcript: Option<String>,
    /// The transcript with its times, oldest turn first.
    pub turns: Vec<Turn>,
    /// What was brought back, as `result_schema` asks.
    pub result: Option<Value>,
    /// What shows that the outcome and the result are true.
    pub evidence: Vec<Evidence>,
    /// From answer to end, in whole seconds; `null` when nobody answered.
    pub duration_seconds: Option<u64>,
    /// Where the recording can be fetched for a while; made anew with every answer, so records keep it empty.
    pub recording_url: Option<String>,
    /// Who or what answered.
    pub answered_by: Option<AnsweredBy>,
    /// How a completed or canceled call ended.
    pub end_reason: Option<EndReason>,
    /// `call_failed` when the status is `failed`.
    pub error_code: Option<ErrorCode>,
    /// Why the call failed.
    pub failure: Option<Failure>,
    /// Facts that the agent kept during the call, in its words. Not checked; what is proven is in `evidence`.
    #[serde(default)]
    pub notes: Vec<NotedFact>,
    /// How the conversation went, in numbers.
    pub metrics: Option<Metrics>,
    /// Sentences on what was asked for and not acted on, or will not work on this call.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What the callee is told about the call before anything else; `null` where nothing is.
    #[serde(default)]
    pub disclosure: Option<Disclosure>,
    /// When what was said was deleted, if it was.
    #[serde(default)]
    pub transcript_deleted_at: Option<Time>,
    /// When the recording was deleted, if it was.
    #[serde(default)]
    pub recording_deleted_at: Option<Time>,
    /// As requested; never looked at.
    pub metadata: Option<Map<String, Value>>,
    /// When it shall be made; `null` when at once.
    #[serde(default)]
    pub scheduled_at: Option<Time>,
    /// When the callee answered.
    pub started_at: Option<Time>,
    /// When the call ended.
    pub ended_at: Option<Time>,
    /// When the call was created.
    pub created_at: Time,
}

impl Call {
    /// Returns a call that has just been asked for: queued, everything else still open.
    #[must_use]
    pub fn queued(call_id: CallId, request: &CreateCall, line: &str, created_at: Time) -> Self {
        Self {
            call_id,
            status: Status::Queued,
            queue_position: None,
            direction: Direction::Outbound,
            to_phone_number: request.to_phone_number.clone(),
            from_phone_number: request.from_phone_number.clone(),
            objective: request.objective.clone(),
            business_name: request.business_name.clone(),
            website: request.website.clone(),
            context: None,
            language: request.language.clone(),
            line: line.to_owned(),
            outcome: None,
            outcome_details: None,
            summary: None,
            transcript: None,
            turns: Vec::new(),
            result: None,
            evidence: Vec::new(),
            notes: Vec::new(),
            duration_seconds: None,
            recording_url: None,
            answered_by: None,
            end_reason: None,
            error_code: None,
            failure: None,
            metrics: None,
            warnings: Vec::new(),
            disclosure: None,
            transcript_deleted_at: None,
            recording_deleted_at: None,
            metadata: request.metadata.clone(),
            scheduled_at: request.scheduled_at,
            started_at: None,
            ended_at: None,
            created_at,
        }
    }
}

/// Declares an enum whose variants are written as fixed words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the word that is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(word: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word).ok_or(())
            }
        }
    };
}

words! {
    /// Where a call stands.
    Status {
        /// Created, waiting to be dispatched.
        Queued = "queued",
        /// The phone is ringing.
        Dialing = "dialing",
        /// Connected.
        InProgress = "in_progress",
        /// Finished; the results are there.
        Completed = "completed",
        /// Canceled before completion.
        Canceled = "canceled",
        /// Could not be completed.
        Failed = "failed",
    }
}

impl Status {
    /// Returns whether nothing more will happen to the call.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Canceled | Self::Failed)
    }
}

words! {
    /// Who calls whom.
    Direction {
        /// We call.
        Outbound = "outbound",
        /// Somebody calls us.
        Inbound = "inbound",
    }
}

impl Default for Direction {
    /// Records that do not say are of calls that we made.
    fn default() -> Self {
        Self::Outbound
    }
}

words! {
    /// Whether the objective was reached, judged by what was really said.
    Outcome {
        /// Reached, and the callee's words show it.
        Achieved = "achieved",
        /// Not reached.
        NotAchieved = "not_achieved",
        /// Reached in part, or not surely.
        Partial = "partial",
    }
}

words! {
    /// Who speaks.
    Speaker {
        /// Our side.
        Agent = "agent",
        /// The side that was called.
        Callee = "callee",
    }
}

words! {
    /// Who or what answered.
    AnsweredBy {
        /// A person.
        Human = "human",
        /// A voice mailbox.
        Voicemail = "voicemail",
        /// A menu.
        Ivr = "ivr",
        /// Not decided.
        Unknown = "unknown",
    }
}

words! {
    /// How a call ended that did not fail.
    EndReason {
        /// The agent said goodbye.
        AgentHungUp = "agent_hung_up",
        /// The callee put the phone down.
        CalleeHungUp = "callee_hung_up",
        /// A voice mailbox was dealt with.
        Voicemail = "voicemail",
        /// The longest allowed duration was reached.
        MaxDuration = "max_duration",
        /// Nobody said anything any more.
        Silence = "silence",
        /// It was canceled.
        Canceled = "canceled",
        /// The callee was connected to somebody else.
        Transferred = "transferred",
    }
}

words! {
    /// Why a call failed; the closed list.
    FailureReason {
        /// The callee's line was engaged.
        Busy = "busy",
        /// It rang until the ring time was over.
        NoAnswer = "no_answer",
        /// The callee declined.
        Rejected = "rejected",
        /// The number does not exist.
        InvalidNumber = "invalid_number",
        /// A network on the way blocked the call.
        NetworkBlocked = "network_blocked",
        /// Our line could not be used.
        LineUnavailable = "line_unavailable",
        /// The sound stopped arriving.
        MediaLost = "media_lost",
        /// No recogniser could be kept running.
        SttFailed = "stt_failed",
        /// No language model answered.
        LlmFailed = "llm_failed",
        /// No synthesiser could speak.
        TtsFailed = "tts_failed",
        /// The program was restarted during the call.
        InterruptedByRestart = "interrupted_by_restart",
        /// A fault of this program.
        Internal = "internal",
    }
}

words! {
    /// Whose doing a failure was.
    AtFault {
        /// The callee's.
        Callee = "callee",
        /// The carrier's.
        Carrier = "carrier",
        /// A speech or language service's.
        Provider = "provider",
        /// Ours.
        Us = "us",
    }
}

impl FailureReason {
    /// Returns whose doing it was.
    #[must_use]
    pub const fn at_fault(self) -> AtFault {
        match self {
            Self::Busy | Self::NoAnswer | Self::Rejected | Self::InvalidNumber => AtFault::Callee,
            Self::NetworkBlocked | Self::MediaLost => AtFault::Carrier,
            Self::SttFailed | Self::LlmFailed | Self::TtsFailed => AtFault::Provider,
            Self::LineUnavailable | Self::InterruptedByRestart | Self::Internal => AtFault::Us,
        }
    }

    /// Returns a sentence for a person.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Busy => "The line was busy. Try again later.",
            Self::NoAnswer => "Nobody answered. Try again later.",
            Self::Rejected => "The call was declined.",
            Self::InvalidNumber => "The number does not exist. Check to_phone_number.",
            Self::NetworkBlocked => "A network on the way blocked the call.",
            Self::LineUnavailable => {
                "The phone line could not be used. Ask the operator to check its settings."
            }
            Self::MediaLost => "The sound of the call stopped arriving. Try again.",
            Self::SttFailed => "Speech recognition failed. Try again, or tell the operator.",
            Self::LlmFailed => "The language model failed. Try again, or tell the operator.",
            Self::TtsFailed => "Speech synthesis failed. Try again, or tell the operator.",
            Self::InterruptedByRestart => {
                "The server was restarted during the call. Create the call again."
            }
            Self::Internal => "Unexpected error on our end. Try again, or tell the operator.",
        }
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The reason.
    pub reason: FailureReason,
    /// The reason for a person.
    pub message: String,
    /// Whose doing it was.
    pub at_fault: AtFault,
}

impl From<FailureReason> for Failure {
    fn from(reason: FailureReason) -> Self {
        Self {
            reason,
            message: reason.message().to_owned(),
            at_fault: reason.at_fault(),
        }
    }
}

/// One turn of the transcript. Times count from the answer, as positions in the recording do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who spoke.
    pub speaker: Speaker,
    /// What was heard on the line; `—` where it was cut off.
    pub text: String,
    /// First sound, in milliseconds.
    pub started_ms: u64,
    /// Last sound, in milliseconds.
    pub ended_ms: u64,
    /// Whether the other side cut it off.
    pub interrupted: bool,
    /// For agent turns that answer something: where the time went.
    pub latency: Option<TurnLatency>,
    /// Which services made it.
    #[serde(default)]
    pub served_by: ServedBy,
}

/// Where the time between the callee's last sound and the agent's first went, in milliseconds. Each part follows
/// the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TurnLatency {
    /// From the callee's last sound to the decision that the turn is over.
    pub end_of_turn_ms: u64,
    /// From there to the final words.
    pub words_ms: u64,
    /// From there to the model's first text.
    pub first_token_ms: u64,
    /// From there to the synthesiser's first sound.
    pub first_sound_ms: u64,
    /// From there to the first packet on the line.
    pub wire_ms: u64,
    /// The whole: what the callee felt.
    pub felt_silence_ms: u64,
}

/// How the conversation went, in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Agent turns that answered something, over which the latencies are taken.
    pub answers: usize,
    /// What the callee felt between the last own sound and the agent's first.
    pub felt_silence_ms: Percentiles,
    /// Where that time went.
    pub latency: StageLatency,
    /// How often the agent was cut off.
    pub interruptions: u32,
    /// How often it paused for a noise or a backchannel and went on.
    pub false_alarms: u32,
    /// How often the agent wanted a tool that made no sense at that moment, and did not get it.
    #[serde(default)]
    pub tools_refused: u32,
    /// How often words of the agent were withheld because they were private.
    #[serde(default)]
    pub withheld: u32,
    /// How much of the call each side spoke.
    pub talk_share: TalkShare,
}

/// Middle and slow end of a series of milliseconds; zero when there was nothing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half of the values are not above this.
    pub p50: u64,
    /// 95 of 100 values are not above this.
    pub p95: u64,
}

impl Percentiles {
    /// Returns the percentiles of `values`, by the nearest-rank method.
    #[must_use]
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100);
            values.get(rank.saturating_sub(1)).copied().unwrap_or(0)
        };
        Self {
            p50: rank(50),
            p95: rank(95),
        }
    }
}

/// [`TurnLatency`] over all answers of the call, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StageLatency {
    /// Deciding that the turn is over.
    pub end_of_turn_ms: Percentiles,
    /// Waiting for the final words.
    pub words_ms: Percentiles,
    /// Waiting for the model's first text.
    pub first_token_ms: Percentiles,
    /// Waiting for the synthesiser's first sound.
    pub first_sound_ms: Percentiles,
    /// Waiting for the line.
    pub wire_ms: Percentiles,
}

/// How much of the time from answer to end each side was heard, 0.0 to 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TalkShare {
    /// Our side.
    pub agent: f64,
    /// The callee.
    pub callee: f64,
}

#[cfg(test)]
mod tests;
