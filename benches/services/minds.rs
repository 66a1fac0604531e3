//! The models of the bench: what each answers, with the fault that the objective names.

use std::{sync::Arc, time::Duration};

use agentphone::provider::{
    LanguageModel,
    anthropic::{self, Anthropic},
    openai::{self, OpenAi},
};
use serde_json::{Value, json};

use super::{
    ANSWER, GREETING,
    models::{
        anthropic as anthropics, openai as openais,
        service::{Answer, StandIn},
    },
};

/// The faults of a model, by the words of the objective that ask for them.
pub(super) const FAULTS: [&str; 7] = [
    "none",
    "first text after 2 s",
    "first text never",
    "cut in mid-sentence",
    "malformed chunk",
    "429 with Retry-After",
    "expired key",
];

pub(super) fn openai(server: &StandIn) -> Arc<dyn LanguageModel> {
    let options = openai::Options {
        base_url: server.base_url() + "/v1",
        api_key: openais::KEY.to_owned(),
        model: openais::MODEL.to_owned(),
        ..openai::Options::default()
    };
    Arc::new(OpenAi::new(options).unwrap())
}

pub(super) fn anthropic(server: &StandIn) -> Arc<dyn LanguageModel> {
    let options = anthropic::Options {
        base_url: server.base_url(),
        api_key: anthropics::KEY.to_owned(),
        model: anthropics::MODEL.to_owned(),
        ..anthropic::Options::default()
    };
    Arc::new(Anthropic::new(options).unwrap())
}

/// Which fault the instructions ask for now: the first reply is the greeting, which has none.
fn fault(instructions: &str, messages: &Value) -> Option<&'static str> {
    let messages = messages.as_array().unwrap();
    if !messages.iter().any(|one| one["role"] == "assistant") {
        return None;
    }
    let asked = |fault: &&&str| instructions.contains(&format!("({fault})"));
    Some(FAULTS.iter().find(asked).copied().unwrap_or("none"))
}

pub(super) fn of_openai(body: &Value) -> Answer {
    let text = |words: &str| openais::delta(&json!({ "content": words }).to_string(), "");
    let end = || [openais::delta("{}", "stop"), openais::DONE.to_owned()].concat();
    let instructions = body["messages"][0]["content"].as_str().unwrap_or_default();
    match fault(instructions, &body["messages"]) {
        None => Answer::stream([text(GREETING), end()]),
        Some("first text after 2 s") => {
            Answer::stream([text(ANSWER), end()]).late(Duration::from_secs(2))
        }
        Some("first text never") => Answer::stream(Vec::<String>::new()).hang(),
        Some("cut in mid-sentence") => Answer::stream([text("The name ")]).cut(),
        Some("malformed chunk") => {
            Answer::stream([text("The name "), "data: {\"oops\n\n".to_owned()])
        }
        Some("429 with Retry-After") => {
            openais::error(429, "Rate limit reached").with("retry-after", "7")
        }
        Some("expired key") => openais::error(401, "Incorrect API key provided"),
        Some(_) => Answer::stream([text(ANSWER), end()]),
    }
}

pub(super) fn of_anthropic(body: &Value) -> Answer {
    let begin = |words: &str| anthropics::start() + &anthropics::text(0, &[words]);
    let end = || anthropics::stop("end_turn");
    let instructions = body["system"].to_string();
    match fault(&instructions, &body["messages"]) {
        None => Answer::stream([begin(GREETING), end()]),
        Some("first text after 2 s") => {
            Answer::stream([begin(ANSWER), end()]).late(Duration::from_secs(2))
        }
        Some("first text never") => Answer::stream(Vec::<String>::new()).hang(),
        Some("cut in mid-sentence") => Answer::stream([begin("The name ")]).cut(),
        Some("malformed chunk") => {
            let broken = "event: content_block_delta\ndata: {\"oops\n\n".to_owned();
            Answer::stream([begin("The name "), broken])
        }
        Some("429 with Retry-After") => {
            anthropics::error(429, "Rate limit reached").with("retry-after", "7")
        }
        Some("expired key") => anthropics::error(401, "invalid x-api-key"),
        Some(_) => Answer::stream([begin(ANSWER), end()]),
    }
}
