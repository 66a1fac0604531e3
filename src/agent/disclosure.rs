//! What the agent says of itself before anything else: that it is a machine, that the call is recorded.
//!
//! [`Disclosing`] stands between the call and whoever thinks, so that it is said whatever model or rules speak, and said
//! again until the callee has heard all of it. The model never sees it: it is no part of the conversation.

use std::sync::Arc;

use call::{Message, Speaker};
use tokio::sync::mpsc;

use super::{phrases::Sentences, words};
use crate::provider::{BoxFuture, LanguageModel, LlmEvent, LlmRequest, ProviderError};

/// Pieces of a reply that may wait for the call.
const PIECES: usize = 64;

/// What is said in the language of a call; nothing when nothing is to be disclosed.
#[must_use]
pub(crate) fn sentences(language: &str, ai: bool, recording: bool) -> Option<String> {
    let [machine, recorded] = Sentences::of(language).disclosure;
    let said: Vec<_> = [(ai, machine), (recording, recorded)]
        .into_iter()
        .filter_map(|(wanted, text)| wanted.then_some(text))
        .collect();
    (!said.is_empty()).then(|| said.join(" "))
}

/// Returns whether all of `text` occurs in what was heard of the agent.
#[must_use]
pub(crate) fn was_heard<'a>(text: &str, heard: impl Iterator<Item = &'a str>) -> bool {
    let wanted = words::words(text);
    heard
        .map(words::words)
        .any(|said| said.windows(wanted.len().max(1)).any(|part| part == wanted))
}

/// A model whose first words are given.
#[derive(Debug)]
pub(crate) struct Disclosing {
    inner: Arc<dyn LanguageModel>,
    text: String,
}

impl Disclosing {
    pub(crate) fn new(inner: Arc<dyn LanguageModel>, text: String) -> Self {
        Self { inner, text }
    }

    /// Takes the disclosure out of what the agent has said.
    fn without(&self, history: Vec<Message>) -> Vec<Message> {
        let history = history.into_iter().filter_map(|mut message| {
            if message.speaker == Speaker::Agent {
                let heard = message.text.trim_end_matches('\u{2014}').trim_end();
                if self.text.starts_with(heard) {
                    return None;
                }
                if let Some(rest) = message.text.strip_prefix(&self.text) {
                    message.text = rest.trim_start().to_owned();
                }
            }
            Some(message)
        });
        history.collect()
    }
}

impl LanguageModel for Disclosing {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn converses_in(&self, language: &str) -> bool {
        self.inner.converses_in(language)
    }

    fn reply(&self, request: LlmRequest) -> mpsc::Receiver<LlmEvent> {
        let agent = request.history.iter();
        let agent = agent.filter(|message| message.speaker == Speaker::Agent);
        let said = was_heard(&self.text, agent.map(|message| message.text.as_str()));
        let request = LlmRequest {
            history: self.without(request.history),
            ..request
        };
        let mut inner = self.inner.reply(request);
        if said {
            return inner;
        }
        let (to_call, events) = mpsc::channel(PIECES);
        let first = LlmEvent::Text(format!("{} ", self.text));
        tokio::spawn(async move {
            let mut next = Some(first);
            while let Some(event) = next {
                if to_call.send(event).await.is_err() {
                    // The reply is not wanted any more.
                    return;
                }
                next = inner.recv().await;
            }
        });
        events
    }

    fn complete(
        &self,
        system: String,
        user: String,
    ) -> Option<BoxFuture<'_, Result<String, ProviderError>>> {
        self.inner.complete(system, user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::scripted::{ScriptedModel, ScriptedReply};

    fn heard(speaker: Speaker, text: &str) -> Message {
        Message {
            speaker,
            text: text.to_owned(),
            interrupted: false,
        }
    }

    async fn said(history: Vec<Message>) -> String {
        let inner = ScriptedModel::new(vec![ScriptedReply::text("A table for two, please.")]);
        let text = sentences("en-US", true, true).unwrap();
        let model = Disclosing::new(Arc::new(inner), text);
        let mut events = model.reply(LlmRequest {
            brief: Arc::default(),
            history,
        });
        let mut said = String::new();
        while let Some(event) = events.recv().await {
            if let LlmEvent::Text(text) = event {
                said += &text;
            }
        }
        said
    }

    #[tokio::test]
    async fn it_is_said_first_and_until_it_was_heard() {
        let both = sentences("en-US", true, true).unwrap();
        let first = said(Vec::new()).await;
        assert!(
            first.starts_with(&both) && first.ends_with("please."),
            "{first}"
        );
        let cut = vec![
            heard(Speaker::Agent, "This is an automated\u{2014}"),
            heard(Speaker::Callee, "Hello?"),
        ];
        assert!(said(cut).await.starts_with(&both));
        let whole = vec![
            heard(Speaker::Agent, &format!("{both} A table\u{2014}")),
            heard(Speaker::Callee, "Hold on."),
        ];
        assert_eq!(said(whole).await, "A table for two, please.");
    }

    #[test]
    fn the_model_does_not_see_it() {
        let text = sentences("de", true, false).unwrap();
        let model = Disclosing::new(Arc::new(ScriptedModel::new(Vec::new())), text.clone());
        let history = vec![
            heard(Speaker::Agent, &text[..10]),
            heard(Speaker::Callee, "Wer?"),
            heard(
                Speaker::Agent,
                &format!("{text} Ich hätte gern einen Tisch."),
            ),
        ];
        let texts: Vec<_> = model.without(history);
        let texts: Vec<_> = texts.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["Wer?", "Ich hätte gern einen Tisch."]);
    }

    #[test]
    fn nothing_is_said_where_nothing_is_to_be_disclosed() {
        assert_eq!(sentences("en", false, false), None);
        assert_ne!(sentences("es", true, false), sentences("es", false, true));
        assert!(!was_heard(
            "This call is recorded.",
            ["This call is"].into_iter()
        ));
        assert!(was_heard(
            "This call is recorded.",
            ["Hi. This call is recorded, so"].into_iter()
        ));
    }
}
