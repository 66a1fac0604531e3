//! The sentences of [`crate::Note::Warning`]: a closed list, so that a kept call can be read back.

/// The model wrote more than a reply may hold.
pub(crate) const REPLY_CUT: &str = "The model's reply was too long and was cut.";
/// The model said nothing for the longest allowed time.
pub(crate) const MODEL_SILENT: &str = "The language model did not answer in time.";
/// The model reported a failure.
pub(crate) const MODEL_FAILED: &str = "The language model failed.";
/// The synthesiser failed on a clause.
pub(crate) const CLAUSE_UNSPOKEN: &str = "A sentence could not be spoken.";
/// The recogniser is gone.
pub(crate) const RECOGNISER_FAILED: &str = "Speech recognition failed.";
/// The recogniser did not answer a flush.
pub(crate) const WORDS_LATE: &str = "Speech recognition did not answer in time.";
/// The guard kept words from being spoken.
pub const WITHHELD: &str = "The agent was about to say something private; it was not said.";
/// The carrier took the callee for a machine when a conversation was under way.
pub(crate) const LATE_VERDICT: &str =
    "The carrier takes the callee for a machine; the conversation goes on.";
/// A fax machine answered.
pub(crate) const FAX: &str = "A fax machine answered the call.";

/// All of them.
pub(crate) const ALL: &[&str] = &[
    REPLY_CUT,
    MODEL_SILENT,
    MODEL_FAILED,
    CLAUSE_UNSPOKEN,
    RECOGNISER_FAILED,
    WORDS_LATE,
    LATE_VERDICT,
    FAX,
    WITHHELD,
];
