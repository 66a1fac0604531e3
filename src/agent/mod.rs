//! What the agent is told before a call and what it brings back after it.
//!
//! [`Brief`] goes in, a [`Verdict`] comes out. Between them lie the readers that need no language model: what the
//! requester wants (`task`), what the callee said (`heard`), and where the conversation stands (`dialogue`). Nothing
//! here knows a vendor or a line.

pub(crate) mod dialogue;
pub(crate) mod disclosure;
pub(crate) mod ear;
pub(crate) mod guard;
pub(crate) mod heard;
mod judge;
pub(crate) mod numbers;
pub(crate) mod phrases;
pub(crate) mod prompt;
pub(crate) mod schema;
pub(crate) mod task;
pub(crate) mod tools;
pub(crate) mod when;
pub(crate) mod words;

pub use judge::judge;
pub use schema::check_schema;

/// What the agent knows of its task. Fixed when the call is created; nothing said on the line changes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brief {
    /// Whether the other side has called us.
    pub incoming: bool,
    /// What to accomplish, in the requester's words.
    pub objective: String,
    /// Who is called.
    pub business_name: Option<String>,
    /// What was read on the callee's website, already shortened.
    pub website_context: Option<String>,
    /// BCP 47 language tag of the conversation.
    pub language: String,
    /// Whether no recogniser understands that language, so that no word of the callee will be known.
    pub deaf: bool,
    /// More context for the agent, from the requester.
    pub instructions: Option<String>,
    /// What to say first, word for word.
    pub first_message: Option<String>,
    /// JSON Schema of what to bring back.
    pub result_schema: Option<serde_json::Value>,
    /// Where the agent may transfer the callee to.
    pub transfer_to: Option<String>,
    /// The date on which the call is made, `YYYY-MM-DD`, for words like "tonight".
    pub today: String,
}

impl Brief {
    /// Returns what a language model is told before the conversation: its role, its rules, and what this brief says.
    #[must_use]
    pub fn told(&self) -> String {
        prompt::system(self)
    }
}

/// One turn of the finished conversation, as it was heard on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptTurn {
    /// Agent or callee.
    pub speaker: call::Speaker,
    /// What was heard.
    pub text: String,
    /// First sound, in milliseconds from the start of the recording.
    pub started_ms: u64,
    /// Last sound, in milliseconds from the start of the recording.
    pub ended_ms: u64,
    /// Whether the other side cut it off.
    pub interrupted: bool,
}

/// Whether the objective was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The callee's words show that it was.
    Achieved,
    /// A part was, or it was agreed to without being confirmed.
    Partial,
    /// The words do not show that anything was.
    NotAchieved,
}

impl Outcome {
    /// Returns the name in the HTTP interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Achieved => "achieved",
            Self::Partial => "partial",
            Self::NotAchieved => "not_achieved",
        }
    }
}

/// One claim of a verdict and where it can be heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What is claimed.
    pub claim: String,
    /// The words that show it.
    pub quote: String,
    /// Which turn they are in, from 0.
    pub turn: usize,
    /// Where that turn begins, in milliseconds from the start of the recording.
    pub offset_ms: u64,
}

/// What a call brought back.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Whether the objective was reached.
    pub outcome: Outcome,
    /// One sentence on what was and was not reached.
    pub details: String,
    /// One or two sentences on the call.
    pub summary: String,
    /// What the requester's schema asks for; `None` without a schema, or when the words do not fill it.
    pub result: Option<serde_json::Value>,
    /// What shows each claim. Nothing is claimed without.
    pub evidence: Vec<Evidence>,
}
