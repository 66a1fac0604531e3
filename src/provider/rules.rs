//! The embedded stand-in for a language model: a small agent made of rules.
//!
//! It reads the objective, says it, answers the usual questions, takes or declines offers, confirms, thanks and ends.
//! A pure function of the brief and the history: the same conversation always gets the same reply. It never judges
//! (`complete` is `None`), so the rule-based judge does.
//!
//! It converses in English only. In any other language it says the objective and ends (`one_way`). Dropping the
//! receiver ends the reply.

mod answers;
mod menu;
mod one_way;
mod policy;

use tokio::sync::mpsc;

use super::{LanguageModel, LlmEvent, LlmRequest, is_english};
use crate::agent::task::Task;

/// The name that is given when a callee insists on one and the requester gave none.
pub const DEFAULT_CALLER_NAME: &str = "Agent Phone";

/// The rule-based agent.
#[derive(Debug, Clone)]
pub struct Rules {
    caller_name: String,
}

impl Default for Rules {
    fn default() -> Self {
        Self::new(DEFAULT_CALLER_NAME)
    }
}

impl Rules {
    /// Makes an agent that books under `caller_name` when the objective names nobody.
    #[must_use]
    pub fn new(caller_name: impl Into<String>) -> Self {
        Self {
            caller_name: caller_name.into(),
        }
    }
}

impl LanguageModel for Rules {
    fn name(&self) -> &'static str {
        "rules"
    }

    fn converses_in(&self, language: &str) -> bool {
        is_english(language)
    }

    fn reply(&self, request: LlmRequest) -> mpsc::Receiver<LlmEvent> {
        // A reply has some ten pieces; when the channel is full, the task waits.
        let (sender, receiver) = mpsc::channel(16);
        let caller_name = self.caller_name.clone();
        // On a task of its own, since reading a long conversation takes milliseconds that the sound path has not.
        tokio::spawn(async move {
            let LlmRequest { brief, history } = &request;
            let reply = if is_english(&brief.language) && !brief.deaf {
                policy::reply(&Task::read(brief), brief, &caller_name, history)
            } else {
                one_way::reply(brief, history)
            };
            let texts = pieces(&reply.text).into_iter().map(LlmEvent::Text);
            let tool = reply.tool.map(LlmEvent::Tool);
            for event in texts.chain(tool).chain([LlmEvent::Done]) {
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        });
        receiver
    }
}

/// The text in the pieces that a streaming model would give: a few words each, spaces kept.
fn pieces(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    words.chunks(4).map(<[&str]>::concat).collect()
}

#[cfg(test)]
mod tests;
