//! Tests of the judge with a model. The rules are tried on the dialogues of `fixtures/agent`.

use call::{AnsweredBy, End};
use serde_json::json;

use super::*;
use crate::{agent::Outcome, provider::scripted::ScriptedModel};

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
        {"claim": "Confirmed", "turn": 1, "quote": "you're all set"},
        {"claim": "Free wine", "turn": 1, "quote": "free wine"},
        {"claim": "From another turn", "turn": 0, "quote": "all set"},
        {"claim": "From nowhere", "turn": 9, "quote": "all set"},
        {"claim": "Nothing", "turn": 1, "quote": ""},
    ]});
    let verdict = judged_by(&format!("Here it is:\n```json\n{answer}\n```")).await;
    assert_eq!(
        (verdict.outcome, verdict.details.as_str()),
        (Outcome::Achieved, "The model says so.")
    );
    assert_eq!(verdict.result, Some(json!({"time": "19:00"})));
    let evidence: Vec<_> = verdict
        .evidence
        .iter()
        .map(|e| (e.claim.as_str(), e.turn, e.offset_ms))
        .collect();
    assert_eq!(evidence, [("Confirmed", 1, 4000)]);
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
