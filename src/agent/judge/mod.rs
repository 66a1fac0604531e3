//! The verdict after a call: from what was heard, never from what was meant.

mod rules;

use super::{Brief, TranscriptTurn, Verdict};
use crate::provider::LanguageModel;

/// Judges a finished call.
///
/// Looks only at the turns, which hold what was really heard. Never fails: when a configured model cannot judge, the
/// rules do.
pub async fn judge(
    brief: &Brief,
    turns: &[TranscriptTurn],
    end: call::End,
    answered_by: call::AnsweredBy,
    _model: Option<&dyn LanguageModel>,
) -> Verdict {
    rules::judge(brief, turns, end, answered_by)
}
