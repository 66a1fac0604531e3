//! Creating calls: the published example, warnings, the limit per minute, idempotency.

use protocol::ids::KeyMode;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::server::{Answer, Options, Server, example, ringing};

#[tokio::test]
async fn the_published_example_gets_the_published_answer() {
    let server = Server::with(Options {
        free_credits: 50,
        ..Options::default()
    })
    .await;
    let answer = server.post("/calls", &example()).await;
    assert_eq!(answer.status, 202);
    let mut fields: Vec<_> = answer.body.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["credits_remaining", "data"]);
    assert_eq!(answer.body["credits_remaining"], 49);
    let data = &answer.body["data"];
    assert_eq!(data.as_object().unwrap().len(), 7);
    let id = data["call_id"].as_str().unwrap();
    assert!(id.starts_with("cl_") && id.len() >= 23, "{id}");
    assert!(
        id[3..].bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "{id}"
    );
    assert_eq!(data["status"], "queued");
    for field in ["to_phone_number", "objective", "business_name", "website"] {
        assert_eq!(data[field], example()[field]);
    }
    let created = data["created_at"].as_str().unwrap();
    assert!(
        created.ends_with('Z') && created.len() == "2026-02-20T12:00:00.000Z".len(),
        "{created}"
    );
    assert_eq!(answer.headers["location"], format!("/api/v1/calls/{id}"));
}

#[tokio::test]
async fn only_the_two_required_fields_are_required() {
    let server = Server::start().await;
    let body = json!({"to_phone_number": "+16045551234", "objective": "Ask when they open"});
    let answer = server.post("/calls", &body).await;
    assert_eq!(answer.status, 202);
    assert!(answer.body["data"]["business_name"].is_null());
    assert!(answer.body["data"].get("website").is_some());
}

#[tokio::test]
async fn a_body_needs_no_content_type() {
    let server = Server::start().await;
    let request = server
        .request(Method::POST, "/calls")
        .body(example().to_string());
    assert_eq!(Answer::of(request).await.status, 202);
}

#[tokio::test]
async fn what_is_ignored_is_said() {
    let server = Server::start().await;
    let mut body = example();
    body["objectives"] = "typo".into();
    let answer = server.post("/calls", &body).await;
    assert_eq!(answer.status, 202);
    let warnings = answer.body["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings
            .iter()
            .any(|warning| warning.as_str().unwrap().contains("'objectives'"))
    );
}

#[tokio::test]
async fn ten_calls_a_minute_and_key() {
    let server = Server::with(Options {
        creations_per_minute: 10,
        ..Options::default()
    })
    .await;
    for _ in 0..10 {
        server.create(&ringing()).await;
    }
    // What is refused for other reasons comes first and does not count.
    server
        .post("/calls", &json!({}))
        .await
        .assert_error(400, "missing_field");
    let refused = server.post("/calls", &example()).await;
    refused.assert_error(429, "rate_limit_exceeded");
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // Reading goes on, and so do other keys.
    assert_eq!(server.get("/calls").await.status, 200);
    let (other, _) = server.new_key(KeyMode::Live);
    let request = server
        .anonymous(Method::POST, "/calls")
        .header("x-api-key", other);
    assert_eq!(Answer::of(request.json(&example())).await.status, 202);
}

#[tokio::test]
async fn reading_has_a_limit_of_its_own() {
    let server = Server::with(Options {
        reads_per_minute: 3,
        ..Options::default()
    })
    .await;
    for _ in 0..3 {
        assert_eq!(server.get("/calls").await.status, 200);
    }
    let refused = server.get("/calls").await;
    refused.assert_error(429, "rate_limit_exceeded");
    assert!(refused.headers.contains_key("retry-after"));
}

fn keyed(server: &Server, key: &str, body: &Value) -> RequestBuilder {
    server
        .request(Method::POST, "/calls")
        .header("Idempotency-Key", key)
        .json(body)
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer() {
    let server = Server::start().await;
    let first = Answer::of(keyed(&server, "order-7", &example())).await;
    assert_eq!(first.status, 202);
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let second = Answer::of(keyed(&server, "order-7", &example())).await;
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    assert_eq!(second.headers["idempotent-replayed"], "true");
    let other_key = Answer::of(keyed(&server, "order-8", &example())).await;
    assert_ne!(
        other_key.body["data"]["call_id"],
        first.body["data"]["call_id"]
    );
    let mut other_body = example();
    other_body["objective"] = "Something else".into();
    Answer::of(keyed(&server, "order-7", &other_body))
        .await
        .assert_error(409, "idempotency_conflict");
    let list = server.get("/calls").await;
    assert_eq!(list.body["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn refusals_are_repeated_too() {
    let server = Server::with(Options {
        free_credits: 1,
        creations_per_minute: 4,
        ..Options::default()
    })
    .await;
    let mut bad = example();
    bad["to_phone_number"] = "911".into();
    let first = Answer::of(keyed(&server, "a", &bad)).await;
    first.assert_error(422, "emergency_number");
    assert_eq!(Answer::of(keyed(&server, "a", &bad)).await.body, first.body);
    Answer::of(keyed(&server, "a", &example()))
        .await
        .assert_error(409, "idempotency_conflict");

    server.create(&ringing()).await;
    let broke = Answer::of(keyed(&server, "b", &example())).await;
    broke.assert_error(402, "insufficient_credits");
    for _ in 0..10 {
        // Repetitions count towards no limit.
        let again = Answer::of(keyed(&server, "b", &example())).await;
        assert_eq!((again.status.as_u16(), &again.body), (402, &broke.body));
    }
}

#[tokio::test]
async fn keys_of_two_accounts_do_not_meet() {
    let server = Server::start().await;
    let first = Answer::of(keyed(&server, "same", &example())).await;
    let (other, _) = server.new_key(KeyMode::Live);
    let request = server
        .anonymous(Method::POST, "/calls")
        .header("x-api-key", other)
        .header("idempotency-key", "same");
    let mut body = example();
    body["objective"] = "Another account's own".into();
    let second = Answer::of(request.json(&body)).await;
    assert_eq!(second.status, 202);
    assert_ne!(
        second.body["data"]["call_id"],
        first.body["data"]["call_id"]
    );
}

#[tokio::test]
async fn many_at_the_same_instant_make_one_call() {
    let server = Server::start().await;
    let together = (0..20).map(|_| Answer::of(keyed(&server, "race", &example())));
    let answers = futures_util::future::join_all(together).await;
    let first = &answers[0].body;
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.body), (202, first));
    }
    let list = server.get("/calls").await;
    assert_eq!(list.body["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_bad_idempotency_key_is_refused() {
    let server = Server::start().await;
    let long = "k".repeat(256);
    Answer::of(keyed(&server, &long, &example()))
        .await
        .assert_error(422, "invalid_field");
    Answer::of(keyed(&server, "", &example()))
        .await
        .assert_error(422, "invalid_field");
}
