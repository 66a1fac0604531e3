//! Answers to a callee's questions: what the requester said, and an honest no to everything else.

use super::policy::{Policy, capital};
use crate::agent::{
    dialogue::Slot,
    heard::{Act, Ask},
    numbers,
    task::when_spoken,
};

impl Policy<'_> {
    /// One sentence for each thing that was asked.
    pub(super) fn answers(&self) -> Vec<String> {
        let mut asks = self.heard.asks();
        // `could you spell the name` asks for the name only if it was not given yet.
        if asks.contains(&Ask::Spelling) && self.dialogue.named.is_some() {
            asks.retain(|ask| *ask != Ask::Name);
        }
        asks.sort_by_key(|ask| *ask == Ask::Spelling);
        asks.into_iter()
            .filter_map(|ask| self.answer(ask))
            .collect()
    }

    /// A yes to the callee's own summary, with the name if it is missing in it.
    fn affirmation(&self) -> String {
        match (&self.task.name, &self.dialogue.named) {
            (Some(name), None) if self.task.kind.is_booking() => {
                format!("Yes, that's right. The name is {name}.")
            }
            _ => "Yes, that's right.".to_owned(),
        }
    }

    fn answer(&self, ask: Ask) -> Option<String> {
        let task = self.task;
        let slot = self.dialogue.target(task);
        Some(match ask {
            Ask::Party => match task.party {
                Some(n) => format!("For {}, please.", numbers::spoken(n)),
                None => "I'm sorry, I wasn't told how many.".to_owned(),
            },
            Ask::Time | Ask::When | Ask::Day => self.answer_when(ask, slot),
            Ask::Name => format!("The name is {}.", self.name()),
            Ask::Spelling => format!("That's spelled {}.", spelled(self.name())),
            Ask::Phone => match &task.phone {
                Some(phone) => format!("The number is {}.", numbers::digits(phone)),
                None => "I'm sorry, I don't have a phone number to give you.".to_owned(),
            },
            Ask::Email => "I'm sorry, I don't have an e-mail address to give you.".to_owned(),
            Ask::Needs => match task.needs.as_slice() {
                [] => "No, nothing special, thank you.".to_owned(),
                needs => format!("Yes: {}.", needs.join(", ")),
            },
            Ask::Seating => match task.seating {
                Some(place) => format!("{}, please, if possible.", capital(place)),
                None => "Either is fine, thank you.".to_owned(),
            },
            Ask::Card => "I'm sorry, I can't give a card number on this call.".to_owned(),
            Ask::Robot | Ask::Identity => match &task.name {
                Some(name) => format!("I'm an AI assistant, calling on behalf of {name}."),
                None => "I'm an AI assistant, calling on behalf of a customer.".to_owned(),
            },
            Ask::Purpose => self.request(),
            Ask::Right if self.dialogue.echoed => self.affirmation(),
            Ask::Else => "No, that's all, thank you.".to_owned(),
            Ask::Presence => "Yes, I'm here.".to_owned(),
            Ask::Unknown
                if self.dialogue.stated.is_some()
                    && !task.kind.is_question()
                    && self.nothing_else() =>
            {
                "I'm sorry, I don't have that information.".to_owned()
            }
            Ask::Unknown | Ask::Repeat | Ask::Message | Ask::Right => return None,
        })
    }

    fn answer_when(&self, ask: Ask, slot: Slot) -> String {
        let (day, time) = match ask {
            Ask::Day => (slot.day, None),
            Ask::Time => (None, slot.time),
            _ => (slot.day, slot.time),
        };
        let when = when_spoken(day, time);
        if when.is_empty() {
            return match ask {
                Ask::Time => "What times do you have?".to_owned(),
                _ => "What days do you have?".to_owned(),
            };
        }
        format!(
            "{}, please.",
            capital(when.strip_prefix("on ").unwrap_or(&when))
        )
    }

    /// Whether an unknown question is all there is in the line.
    fn nothing_else(&self) -> bool {
        !self.heard.does(Act::Confirms)
            && !self.heard.does(Act::Agrees)
            && self.dialogue.offered.is_none()
    }

    fn name(&self) -> &str {
        self.task.name.as_deref().unwrap_or(self.caller_name)
    }
}

/// `S, M, I, T, H`, words apart.
fn spelled(name: &str) -> String {
    let word = |w: &str| {
        w.chars()
            .filter(|c| c.is_alphabetic())
            .map(|c| c.to_uppercase().to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    name.split_whitespace()
        .map(word)
        .collect::<Vec<_>>()
        .join(", then ")
}
