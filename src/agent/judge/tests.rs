//! Tests of the judge with a model. The rules are tried on the dialogues of `fixtures/agent`.

use std::sync::Mutex;

use call::{AnsweredBy, End};
use serde_json::json;
use tokio::sync::mpsc;

use super::*;
use crate::{
    agent::Outcome,
    provider::{BoxFuture, LlmEvent, LlmRequest, ProviderError, Question, scripted::ScriptedModel},
};

fn turns() -> Vec<TranscriptTurn> {
    let said = [
        (
            Speaker::Agent,
            "I'd like to book a table for two tonight at seven p.m., please.",
        ),
        (
            Speaker::Callee,
            "Sure, you are all set for seven. See you then!",
        ),
    ];
    let turn = |(i, (speaker, text)): (u64, (Speaker, &str))| TranscriptTurn {
        speaker,
        text: text.to_owned(),
        started_ms: i * 4000,
        ended_ms: i * 4000 + 3000,
        interrupted: false,
    };
    (0..).zip(said).map(turn).collect()
}

fn brief() -> Brief {
    Brief {
        objective: "Book a table for 2 at 7pm".to_owned(),
        result_schema: Some(
            json!({"type": "object", "required": ["time"], "properties": {"time": {"type": "string"}}}),
        ),
        ..Brief::default()
    }
}

async fn judged_by(answer: &str) -> Verdict {
    let model = ScriptedModel::new(Vec::new()).judging(answer);
    judge(
        &brief(),
        &turns(),
        End::AgentHungUp,
        AnsweredBy::Human,
        Some(&model),
    )
    .await
}

#[tokio::test]
async fn a_models_verdict_keeps_only_claims_that_were_said() {
    let answer = json!({"outcome": "achieved", "details": "The model says so.", "summary": "Booked.", "result": {"time": "19:00"}, "evidence": [
        {"claim": "Confirmed", "turn": 1, "quote": "you're all set", "field": "/time"},
        {"claim": "For 45 dollars", "turn": 1, "quote": "all set"},
        {"claim": "Free wine", "turn": 1, "quote": "free wine"},
        {"claim": "From another turn", "turn": 0, "quote": "all set"},
        {"claim": "From nowhere", "turn": 9, "quote": "all set"},
        {"claim": "Nothing", "turn": 1, "quote": ""},
    ]});
    let verdict = judged_by(&format!("Here it is:\n```json\n{answer}\n```")).await;
    assert_eq!(
        (verdict.outcome, verdict.details.as_str()),
        (Outcome::Achieved, "Confirmed."),
        "a sentence that rests on nothing gives way to the claims"
    );
    assert_eq!(verdict.summary, "Booked.");
    assert_eq!(verdict.result, Some(json!({"time": "19:00"})));
    let evidence: Vec<_> = verdict
        .evidence
        .iter()
        .map(|e| (e.claim.as_str(), e.turn, e.offset_ms))
        .collect();
    // Its words begin a good tenth into a turn of three seconds.
    assert_eq!(evidence, [("Confirmed", 1, 4340)]);
}

#[tokio::test]
async fn what_cannot_be_believed_is_judged_by_the_rules() {
    let unshown = json!({"outcome": "achieved", "details": "Surely.", "summary": "Booked.", "evidence": [
        {"claim": "Only the agent said it", "turn": 0, "quote": "table for two"},
    ]});
    for answer in [
        "",
        "no JSON",
        "{}",
        "}{",
        "{\"outcome\":\"great\",\"details\":\"x\",\"summary\":\"y\"}",
        &unshown.to_string(),
    ] {
        let verdict = judged_by(answer).await;
        assert_eq!(
            verdict.details, "Table confirmed for 2 guests at 7:00 PM tonight.",
            "{answer}"
        );
        assert_eq!(verdict.result, Some(json!({"time": "7:00 PM"})), "{answer}");
    }
}

#[tokio::test]
async fn a_result_that_does_not_fit_is_left_out() {
    let answer = json!({"outcome": "achieved", "details": "Fine.", "summary": "Booked.", "result": {"time": 19}, "evidence": [
        {"claim": "Confirmed", "turn": 1, "quote": "see you then"},
    ]});
    let verdict = judged_by(&answer.to_string()).await;
    assert_eq!((verdict.outcome, verdict.result), (Outcome::Achieved, None));
}

/// A model that gives one answer after the other, and keeps what it was asked.
#[derive(Debug, Default)]
struct Answers {
    answers: Mutex<Vec<String>>,
    asked: Mutex<Vec<Question>>,
}

impl LanguageModel for Answers {
    fn name(&self) -> &'static str {
        "answers"
    }

    fn reply(&self, _: LlmRequest) -> mpsc::Receiver<LlmEvent> {
        mpsc::channel(1).1
    }

    fn answer(&self, question: Question) -> Option<BoxFuture<'_, Result<String, ProviderError>>> {
        self.asked.lock().unwrap().push(question);
        let answer = self.answers.lock().unwrap().remove(0);
        Some(Box::pin(async move { Ok(answer) }))
    }
}

async fn judged_twice(first: &str, second: &str) -> (Verdict, Vec<Question>) {
    let model = Answers {
        answers: Mutex::new(vec![first.to_owned(), second.to_owned()]),
        ..Answers::default()
    };
    let verdict = judge(
        &brief(),
        &turns(),
        End::AgentHungUp,
        AnsweredBy::Human,
        Some(&model),
    )
    .await;
    (verdict, model.asked.into_inner().unwrap())
}

fn answer(result: serde_json::Value, field: &str) -> String {
    json!({"outcome": "achieved", "details": "All set for seven.", "summary": "All set.", "result": result, "evidence": [
        {"claim": "All set for seven", "turn": 1, "quote": "all set for seven", "field": field},
    ]})
    .to_string()
}

#[tokio::test]
async fn an_answer_is_repaired_once() {
    let good = answer(json!("{\"time\": \"seven\"}"), "/time");
    for (bad, reason) in [
        ("I think it went well.", "no JSON object"),
        (
            answer(json!({"time": 19}), "/time").as_str(),
            "does not fit the schema",
        ),
        (
            answer(json!({"time": "eight"}), "/party").as_str(),
            "no evidence shows",
        ),
    ] {
        let (verdict, asked) = judged_twice(bad, &good).await;
        assert_eq!(asked.len(), 2);
        assert!(asked[1].user.contains(reason), "{}", asked[1].user);
        assert!(asked.iter().all(|question| question.schema.is_some()));
        assert_eq!(verdict.result, Some(json!({"time": "seven"})));
    }
    let (_, asked) = judged_twice(&good, "").await;
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn parts_of_a_result_that_nothing_shows_are_left_out() {
    let mut brief = brief();
    brief.result_schema = Some(json!({"type": "object", "properties": {
        "time": {"type": ["string", "null"]}, "price": {"type": ["number", "null"]},
    }}));
    let model = ScriptedModel::new(Vec::new())
        .judging(answer(json!({"time": "19:00", "price": 45}), "/time"));
    let verdict = judge(
        &brief,
        &turns(),
        End::AgentHungUp,
        AnsweredBy::Human,
        Some(&model),
    )
    .await;
    assert_eq!(
        verdict.result,
        Some(json!({"time": "19:00", "price": null}))
    );
}

#[tokio::test]
async fn where_nobody_spoke_no_model_is_asked() {
    let model = ScriptedModel::new(Vec::new()).judging(
        json!({"outcome": "not_achieved", "details": "The model was asked.", "summary": "x"})
            .to_string(),
    );
    let verdict = judge(
        &brief(),
        &turns()[..1],
        End::Silence,
        AnsweredBy::Unknown,
        Some(&model),
    )
    .await;
    assert_eq!(verdict.details, "Nobody said anything on the line.");
}
