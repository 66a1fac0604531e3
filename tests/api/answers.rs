//! `POST /calls/{id}/answers`: what is refused. That an answer reaches the agent is tried in `tests/calls.rs`.

use serde_json::json;

use crate::server::{Server, example, ringing};

#[tokio::test]
async fn there_must_be_a_question_to_answer() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let path = format!("/calls/{id}/answers");
    for (body, status, code) in [
        (json!({"text": "Yes."}), 422, "invalid_field"),
        (json!({"text": "Yes.", "question": 1}), 422, "invalid_field"),
        (json!({"text": "Yes.", "question": 0}), 422, "invalid_field"),
        (
            json!({"text": "Yes.", "question": "1"}),
            422,
            "invalid_field",
        ),
        (json!({"text": " "}), 422, "invalid_field"),
        (json!({"question": 1}), 400, "missing_field"),
        (json!({"text": "Yes.", "answer": 1}), 422, "invalid_field"),
        (json!(["Yes."]), 400, "invalid_body"),
    ] {
        let answer = server.post(&path, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert_eq!(answer.body["code"], code, "{body}");
    }
    let other = server
        .post("/calls/cl_nobody/answers", &json!({"text": "Yes."}))
        .await;
    assert_eq!(
        (other.status.as_u16(), &other.body["code"]),
        (404, &json!("call_not_found"))
    );
}

#[tokio::test]
async fn an_ended_call_takes_no_answer() {
    let server = Server::start().await;
    let id = server.create(&example()).await;
    server.wait_for(&id, "completed").await;
    let answer = server
        .post(&format!("/calls/{id}/answers"), &json!({"text": "Yes."}))
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["code"]),
        (409, &json!("call_already_ended"))
    );
}
