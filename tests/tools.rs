//! The agent's tools in whole calls on virtual time: questions to the requester, facts, and what is refused.

#[expect(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
mod support;

use agentphone::{
    provider::{LlmEvent, scripted::ScriptedReply},
    store::ListWebhooks,
};
use call::Tool;
use protocol::{control::Event, rest};
use support::{POLITE, Setup, polite};

#[tokio::test(start_paused = true)]
async fn the_requester_is_asked_and_the_answer_reaches_the_agent() {
    let engine = Setup {
        scenario: POLITE,
        heard: vec!["nopa good evening", "we only have nine o'clock left"],
        replies: vec![
            ScriptedReply::text("Hi, I would like a table for two at seven, please."),
            ScriptedReply::tool(
                "Let me check that with the customer.",
                Tool::Ask("Is nine all right?".into()),
            ),
        ],
        ..Setup::default()
    }
    .start();
    let request = rest::CreateCall {
        webhook_url: Some("https://example.com/hook".into()),
        ..engine.request()
    };
    let id = engine.create_with(request).await.data.call_id;
    engine
        .reached(&id, |event| {
            matches!(event, Event::Question { question: 1, text, answer_within_ms: 30_000 } if text == "Is nine all right?")
        })
        .await;
    let answer = call::Command::Answer {
        question: 1,
        text: "Yes, nine is fine.".into(),
    };
    engine.supervisor.command(&id, answer).await.expect("taken");
    engine
        .reached(&id, |event| {
            matches!(
                event,
                Event::QuestionClosed {
                    question: 1,
                    answered: true
                }
            )
        })
        .await;
    engine.watch(&id).await;
    assert_eq!(engine.stored(&id).status, rest::Status::Completed);
    let filter = ListWebhooks {
        call: Some(id),
        limit: 10,
        ..ListWebhooks::default()
    };
    let told = engine
        .store
        .list_webhooks(&filter)
        .expect("the store answers");
    // The newest first.
    let asked = told.iter().rev().find_map(|event| event.question.as_ref());
    let question = serde_json::json!({"question": 1, "text": "Is nine all right?", "answer_within_ms": 30_000});
    assert_eq!(asked, Some(&question));
}

#[tokio::test(start_paused = true)]
async fn facts_and_refused_tools_are_in_the_call() {
    let mut reply = ScriptedReply::text("Thank you. Goodbye.");
    let end = reply.events.len() - 1;
    let tools = [
        Tool::PressKeys("1".into()),
        Tool::Note("They close at ten.".into()),
        Tool::HangUp,
    ];
    reply.events.splice(end..end, tools.map(LlmEvent::Tool));
    let engine = Setup {
        replies: vec![ScriptedReply::text("Until when are you open?"), reply],
        ..polite()
    }
    .start();
    let (call, events) = engine.call().await;
    let notes: Vec<&str> = call.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(notes, ["They close at ten."]);
    assert_eq!(call.metrics.as_ref().map(|m| m.tools_refused), Some(1));
    assert!(events.iter().any(|e| matches!(
        &e.event,
        Event::ToolRefused { name, reason, .. }
            if name == "press_keys" && reason == "Nobody asked for keys."
    )));
}
