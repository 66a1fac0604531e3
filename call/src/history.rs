//! The conversation as a language model needs it: what each side really heard of the other.
//!
//! Decides how entries are joined. It is told only of speech that was heard; it cannot know what was not.

use crate::{Message, Speaker};

/// The conversation so far, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(Vec<Message>);

impl History {
    /// Adds what the agent was heard saying. Nothing heard adds nothing.
    pub(crate) fn push_agent(&mut self, text: &str, interrupted: bool) {
        self.push(Speaker::Agent, text, interrupted);
    }

    /// Adds what the callee said; joined to the entry before when that is the callee's, too.
    pub(crate) fn push_callee(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(last) if last.speaker == Speaker::Callee => {
                last.text.push(' ');
                last.text.push_str(text);
            }
            _ => self.push(Speaker::Callee, text, false),
        }
    }

    /// Adds guidance of the requester.
    pub(crate) fn push_requester(&mut self, text: &str) {
        self.push(Speaker::Requester, text, false);
    }

    /// Adds something that the program reports to the model.
    pub(crate) fn push_note(&mut self, text: &str) {
        self.push(Speaker::Note, text, false);
    }

    fn push(&mut self, speaker: Speaker, text: &str, interrupted: bool) {
        if !text.is_empty() {
            self.0.push(Message {
                speaker,
                text: text.to_owned(),
                interrupted,
            });
        }
    }

    /// Returns the conversation with the callee's open turn, if it has words, at its end.
    pub(crate) fn with(&self, open: Option<&str>) -> Vec<Message> {
        let mut whole = self.clone();
        if let Some(text) = open.filter(|text| !text.is_empty()) {
            whole.push_callee(text);
        }
        whole.0
    }

    /// What the agent was last heard saying; empty at first.
    pub(crate) fn last_agent(&self) -> &str {
        let last = self
            .0
            .iter()
            .rfind(|message| message.speaker == Speaker::Agent);
        last.map_or("", |message| &message.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callees_entries_are_joined_and_empty_ones_left_out() {
        let mut history = History::default();
        history.push_callee("a table");
        history.push_callee("for two");
        history.push_agent("", true);
        history.push_agent("Sure—", true);
        let messages = history.with(Some("no"));
        let texts: Vec<_> = messages
            .iter()
            .map(|message| message.text.as_str())
            .collect();
        assert_eq!(texts, ["a table for two", "Sure—", "no"]);
        assert!(messages[1].interrupted);
        assert_eq!(history.with(None).len(), 2);
        assert_eq!(history.last_agent(), "Sure—");
    }
}
