//! The verdict after a call: from what was heard, never from what was meant.

mod grounds;
mod model;
mod result;
mod rules;
mod unheard;

use call::Speaker;

use super::{Brief, TranscriptTurn, Verdict};
use crate::provider::{LanguageModel, is_english};

/// Judges a finished call.
///
/// Looks only at the turns, which hold what was really heard. Never fails: when a configured model cannot judge, or
/// claims what the turns do not show, the rules do. Where the callee said nothing there is nothing to ask a model about.
pub async fn judge(
    brief: &Brief,
    turns: &[TranscriptTurn],
    end: call::End,
    answered_by: call::AnsweredBy,
    model: Option<&dyn LanguageModel>,
) -> Verdict {
    let heard = turns
        .iter()
        .any(|t| t.speaker == Speaker::Callee && !t.text.trim().is_empty());
    if let Some(model) = model.filter(|_| heard)
        && let Some(verdict) = model::judge(brief, turns, model).await
    {
        return verdict;
    }
    // The rules read English words only.
    if brief.deaf || !is_english(&brief.language) {
        return unheard::judge(brief, turns, end, answered_by);
    }
    rules::judge(brief, turns, end, answered_by)
}

#[cfg(test)]
mod tests;
