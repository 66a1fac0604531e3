//! The verdict on a call whose words nothing here understands: what was said to the callee, and nothing else.
//!
//! Never achieved: what the callee answered is in the recording, and nobody has listened to it yet.

use call::{AnsweredBy, End, Speaker};
use protocol::language;

use crate::agent::{Brief, Evidence, Outcome, TranscriptTurn, Verdict};

/// Judges without understanding the callee.
pub(super) fn judge(
    brief: &Brief,
    turns: &[TranscriptTurn],
    end: End,
    answered_by: AnsweredBy,
) -> Verdict {
    let name = language::name(&brief.language);
    let said = turns
        .iter()
        .position(|turn| turn.speaker == Speaker::Agent && !turn.interrupted);
    let mailbox = end == End::Voicemail || answered_by == AnsweredBy::Voicemail;
    let (outcome, claim, details) = match said {
        Some(_) if mailbox => (
            Outcome::Partial,
            "A message was left.",
            "A voice mailbox answered and a message was left; nobody has confirmed anything."
                .to_owned(),
        ),
        Some(_) => (
            Outcome::NotAchieved,
            "This was said to the callee.",
            format!(
                "The callee was spoken to in {name}, but nothing on this server {} {name}: listen to the recording.",
                if brief.deaf {
                    "understands"
                } else {
                    "can judge an answer in"
                }
            ),
        ),
        None if mailbox => (
            Outcome::NotAchieved,
            "",
            "A voice mailbox answered; no message was left.".to_owned(),
        ),
        None => (
            Outcome::NotAchieved,
            "",
            "The callee did not hear the request to its end.".to_owned(),
        ),
    };
    let evidence = said.map(|turn| Evidence {
        claim: claim.to_owned(),
        quote: turns[turn].text.clone(),
        turn,
        offset_ms: turns[turn].started_ms,
    });
    Verdict {
        outcome,
        summary: details.clone(),
        details,
        result: None,
        evidence: evidence.into_iter().collect(),
    }
}
