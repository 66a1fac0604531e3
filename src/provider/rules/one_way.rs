//! What the rule-based agent does in a language that it does not speak: it says the objective as it was written,
//! introduced in that language, hears the answer out, says that it did not understand it, and ends.
//!
//! Nothing is translated and nothing is claimed: the recording keeps the answer.

use call::{Message, Speaker, Tool};

use super::policy::Reply;
use crate::agent::{
    Brief,
    phrases::{Sentences, bare},
};

/// How often the objective is said when it is cut off.
const TRIES: usize = 2;

/// Decides the next reply.
pub(super) fn reply(brief: &Brief, history: &[Message]) -> Reply {
    let sentences = Sentences::of(&brief.language);
    let said: Vec<&Message> = history
        .iter()
        .filter(|message| message.speaker == Speaker::Agent && !message.text.trim().is_empty())
        .collect();
    let heard_out = said.iter().any(|message| !message.interrupted);
    if !heard_out && said.len() < TRIES {
        let message = match &brief.first_message {
            Some(message) => message.clone(),
            None => format!("{} {}.", sentences.introduction, bare(&brief.objective)),
        };
        return Reply {
            text: message,
            tool: None,
        };
    }
    Reply {
        text: sentences.deaf.to_owned(),
        tool: Some(Tool::HangUp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(speaker: Speaker, text: &str, interrupted: bool) -> Message {
        Message {
            speaker,
            text: text.to_owned(),
            interrupted,
        }
    }

    #[test]
    fn the_objective_is_said_heard_out_and_left() {
        let brief = Brief {
            objective: "Reservar una mesa para dos.".to_owned(),
            language: "es-MX".to_owned(),
            ..Brief::default()
        };
        let opening = reply(&brief, &[]);
        assert_eq!(
            opening.text,
            "Hola. Soy un asistente automático y llamo de parte de un cliente. La petición es la siguiente: Reservar una mesa para dos."
        );
        assert_eq!(opening.tool, None);
        let cut = said(Speaker::Agent, "Hola. Soy\u{2014}", true);
        let note = said(Speaker::Note, call::notes::CUT_OFF, false);
        assert_eq!(reply(&brief, &[cut.clone(), note.clone()]), opening);
        let twice = [cut.clone(), note.clone(), cut, note];
        let whole = [said(Speaker::Agent, &opening.text, false)];
        for history in [&twice[..], &whole] {
            let end = reply(&brief, history);
            assert!(
                end.text.starts_with("Lo siento, no puedo entender"),
                "{end:?}"
            );
            assert_eq!(end.tool, Some(Tool::HangUp));
        }
    }

    #[test]
    fn words_of_the_requester_come_first() {
        let brief = Brief {
            objective: "Tell them that we are late".to_owned(),
            language: "de".to_owned(),
            first_message: Some("Wir kommen später.".to_owned()),
            ..Brief::default()
        };
        assert_eq!(reply(&brief, &[]).text, "Wir kommen später.");
    }
}
