//! Language models behind HTTP: each client against a strict stand-in for its service, and the stand-ins before the
//! vendors' own Python packages.
#![expect(
    clippy::unwrap_used,
    reason = "whatever is missing here fails the test that asked for it"
)]

mod anthropic;
mod line;
mod openai;
#[expect(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
#[path = "../process/mod.rs"]
mod process;
#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
#[path = "../support/python.rs"]
mod python;
mod referee;
#[path = "../support/models.rs"]
mod support;

use std::sync::Arc;

use agentphone::{
    agent::Brief,
    provider::{LanguageModel, LlmEvent, LlmRequest, ProviderError},
};
use call::{Message, Speaker, Tool};

fn request() -> LlmRequest {
    let said = |speaker, text: &str| Message {
        speaker,
        text: text.to_owned(),
        interrupted: false,
    };
    let brief = Brief {
        objective: "Book a table for 2 at 7pm".to_owned(),
        transfer_to: Some("+14155550000".to_owned()),
        ..Brief::default()
    };
    LlmRequest {
        brief: Arc::new(brief),
        history: vec![
            said(Speaker::Agent, "Hi."),
            said(Speaker::Callee, "Nopa, hello?"),
        ],
    }
}

/// Asks for one reply: its text, its tools, and how it ended.
async fn ask(model: &dyn LanguageModel) -> (String, Vec<Tool>, Result<(), ProviderError>) {
    let mut events = model.reply(request());
    let (mut text, mut tools, mut end) = (String::new(), Vec::new(), None);
    while let Some(event) = events.recv().await {
        assert_eq!(end, None, "nothing comes after the end");
        match event {
            LlmEvent::Text(piece) => text.push_str(&piece),
            LlmEvent::Tool(tool) => tools.push(tool),
            LlmEvent::Served(_) => {}
            LlmEvent::Done => end = Some(Ok(())),
            LlmEvent::Failed(error) => end = Some(Err(error)),
        }
    }
    (text, tools, end.expect("a reply ends with Done or Failed"))
}
