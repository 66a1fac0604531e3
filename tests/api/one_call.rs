//! Reading and canceling one call.

use protocol::{ids::CallId, ids::KeyMode};
use reqwest::Method;

use crate::server::{Answer, Server, example, ringing};

/// Every field of the documentation's own answer.
const PUBLISHED: [&str; 13] = [
    "call_id",
    "status",
    "to_phone_number",
    "objective",
    "business_name",
    "outcome",
    "outcome_details",
    "summary",
    "transcript",
    "duration_seconds",
    "recording_url",
    "started_at",
    "ended_at",
];

/// What is added to them.
const ADDED: [&str; 12] = [
    "line",
    "turns",
    "result",
    "evidence",
    "end_reason",
    "failure",
    "metrics",
    "answered_by",
    "language",
    "metadata",
    "error_code",
    "website",
];

#[tokio::test]
async fn every_documented_field_is_there_from_the_start() {
    let server = Server::start().await;
    let mut body = ringing();
    body["metadata"] = serde_json::json!({"order": 7});
    let id = server.create(&body).await;
    let call = server.get(&format!("/calls/{id}")).await;
    assert_eq!(call.status, 200);
    let data = &call.body["data"];
    for field in PUBLISHED.into_iter().chain(ADDED).chain(["created_at"]) {
        assert!(data.get(field).is_some(), "{field}");
    }
    for field in [
        "outcome",
        "outcome_details",
        "summary",
        "recording_url",
        "ended_at",
        "error_code",
        "failure",
    ] {
        assert!(data[field].is_null(), "{field}");
    }
    assert_eq!(data["business_name"], "Nopa");
    assert_eq!(data["metadata"]["order"], 7);
    assert_eq!(data["language"], "en-US");
    assert_eq!(data["line"], "simulated");
}

#[tokio::test]
async fn calls_of_others_and_of_nobody_are_not_found() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let (other, _) = server.new_key(KeyMode::Live);
    let unknown = CallId::new(5, 5);
    for (key, id) in [
        (&other, id.as_str()),
        (&server.key, unknown.as_str()),
        (&server.key, "cl_abc123"),
        (&server.key, "..%2f..%2fetc%2fpasswd"),
        (&server.key, "%00"),
        (&server.key, "%ff%fe"),
    ] {
        for (method, path) in [
            (Method::GET, format!("/calls/{id}")),
            (Method::DELETE, format!("/calls/{id}")),
            (Method::POST, format!("/calls/{id}/cancel")),
            (Method::GET, format!("/calls/{id}/recording")),
            (Method::GET, format!("/calls/{id}/live")),
        ] {
            let request = server.anonymous(method, &path).header("x-api-key", key);
            Answer::of(request)
                .await
                .assert_error(404, "call_not_found");
        }
    }
}

#[tokio::test]
async fn a_ringing_call_is_canceled_once_and_for_all() {
    let server = Server::start().await;
    for (method, suffix) in [
        (Method::POST, "/cancel"),
        (Method::DELETE, ""),
        (Method::DELETE, "?mode=now"),
    ] {
        let id = server.create(&ringing()).await;
        let path = format!("/calls/{id}{suffix}");
        let first = Answer::of(server.request(method.clone(), &path)).await;
        assert_eq!(first.status, 200, "{}", first.body);
        assert_eq!(first.body["data"]["call_id"], id);
        assert_eq!(first.body["data"]["status"], "canceled");
        let call = server.wait_for(&id, "canceled").await;
        assert!(call["outcome"].is_null());
        let second = Answer::of(server.request(method, &path)).await;
        assert_eq!(
            (second.status.as_u16(), &second.body["data"]["status"]),
            (200, &"canceled".into())
        );
    }
}

#[tokio::test]
async fn a_call_in_progress_is_canceled_politely_or_at_once() {
    let server = Server::start().await;
    let mut body = example();
    body["scenario"] = "stays".into();
    for (suffix, answered_with) in [("", "in_progress"), ("?mode=now", "canceled")] {
        let id = server.create(&body).await;
        server.wait_for(&id, "in_progress").await;
        let path = format!("/calls/{id}/cancel{suffix}");
        let answer = server.post(&path, &serde_json::json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["data"]["status"], answered_with);
        let call = server.wait_for(&id, "canceled").await;
        assert_eq!(call["end_reason"], "canceled");
        assert!(call["duration_seconds"].is_u64());
    }
    // Both were answered, so both are paid.
    let credits = server.get("/account").await.body["data"]["credits_remaining"].clone();
    assert_eq!(credits, 998);
}

#[tokio::test]
async fn what_has_ended_cannot_be_canceled() {
    let server = Server::start().await;
    let id = server.create(&example()).await;
    server.wait_for(&id, "completed").await;
    for (method, suffix) in [(Method::POST, "/cancel"), (Method::DELETE, "")] {
        let path = format!("/calls/{id}{suffix}");
        Answer::of(server.request(method, &path))
            .await
            .assert_error(409, "call_already_ended");
    }
}

#[tokio::test]
async fn an_unknown_mode_cancels_nothing() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let path = format!("/calls/{id}/cancel?mode=later");
    server
        .post(&path, &serde_json::json!({}))
        .await
        .assert_error(422, "invalid_field");
    let call = server.get(&format!("/calls/{id}")).await;
    assert_ne!(call.body["data"]["status"], "canceled");
}
