//! Every status and code of the published text, and which one wins when several are due.

use protocol::ids::KeyMode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Answer, Server, example};

#[tokio::test]
async fn every_path_wants_a_key() {
    let server = Server::start().await;
    let (revoked, id) = server.new_key(KeyMode::Live);
    server
        .store
        .revoke_key(&id, agentphone::driver::clock::wall())
        .unwrap();
    let unknown = format!("ak_live_{}", "0".repeat(32));
    let paths = [
        (Method::POST, "/calls"),
        (Method::GET, "/calls"),
        (Method::GET, "/calls/cl_abc123"),
        (Method::DELETE, "/calls/cl_abc123"),
        (Method::POST, "/calls/cl_abc123/cancel"),
        (Method::GET, "/calls/cl_abc123/recording"),
        (Method::GET, "/calls/cl_abc123/live"),
        (Method::GET, "/live"),
        (Method::GET, "/account"),
        (Method::POST, "/live/token"),
        (Method::GET, "/keys"),
        (Method::POST, "/keys"),
        (Method::GET, "/keys/ky_x"),
        (Method::PATCH, "/keys/ky_x"),
        (Method::DELETE, "/keys/ky_x"),
    ];
    for (method, path) in paths {
        Answer::of(server.anonymous(method.clone(), path))
            .await
            .assert_error(401, "unauthorized");
        for key in ["", "ak_live_your_key_here", "Bearer x", &unknown, &revoked] {
            let request = server
                .anonymous(method.clone(), path)
                .header("x-api-key", key);
            Answer::of(request).await.assert_error(401, "unauthorized");
        }
        let bytes = reqwest::header::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
        let request = server.anonymous(method, path).header("x-api-key", bytes);
        Answer::of(request).await.assert_error(401, "unauthorized");
    }
}

#[tokio::test]
async fn bodies_that_are_none() {
    let server = Server::start().await;
    for (body, code) in [
        (&b""[..], "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff", "invalid_json"),
        (b"{\"to_phone_number\": }", "invalid_json"),
        (b"[]", "invalid_body"),
        (b"\"text\"", "invalid_body"),
        (b"null", "invalid_body"),
        (b"{}", "missing_field"),
        (b"{\"to_phone_number\": \"+14155551234\"}", "missing_field"),
        (b"{\"objective\": \"x\"}", "missing_field"),
    ] {
        let request = server.request(Method::POST, "/calls").body(body.to_vec());
        Answer::of(request).await.assert_error(400, code);
    }
}

#[tokio::test]
async fn numbers_that_are_not_called() {
    let server = Server::start().await;
    for (number, code) in [
        ("4155551234", "invalid_phone"),
        ("+1415555123", "invalid_phone"),
        ("call me", "invalid_phone"),
        ("+442079460958", "unsupported_region"),
        ("+18765551234", "unsupported_region"),
        ("+19005551234", "unsupported_region"),
        ("911", "emergency_number"),
        ("+1911", "emergency_number"),
        ("9-1-1", "emergency_number"),
        ("+1 911", "emergency_number"),
        ("988", "emergency_number"),
        ("411", "emergency_number"),
    ] {
        let mut body = example();
        body["to_phone_number"] = number.into();
        let answer = server.post("/calls", &body).await;
        answer.assert_error(422, code);
        assert_eq!(answer.body["type"], "validation_error");
    }
    assert_eq!(server.get("/calls").await.body["data"], json!([]));
}

#[tokio::test]
async fn values_that_cannot_be_used() {
    let server = Server::start().await;
    for (field, value) in [
        ("objective", json!(7)),
        ("business_name", json!({})),
        ("website", json!("javascript:alert(1)")),
        ("language", json!("klingonese")),
        ("max_duration_seconds", json!(0)),
        ("line", json!("carrier pigeon")),
        ("scheduled_at", json!("2024-12-24T18:00:00Z")),
    ] {
        let mut body = example();
        body[field] = value;
        let answer = server.post("/calls", &body).await;
        answer.assert_error(422, "invalid_field");
        assert!(answer.body["error"].as_str().unwrap().contains(field));
    }
}

#[tokio::test]
async fn the_first_thing_wrong_is_the_answer() {
    let server = Server::start().await;
    let large = "x".repeat(70_000);
    let post = |key: &str, body: String| {
        server
            .anonymous(Method::POST, "/calls")
            .header("x-api-key", key)
            .body(body)
    };
    Answer::of(post("wrong", large.clone()))
        .await
        .assert_error(413, "body_too_large");
    Answer::of(post("wrong", "{".into()))
        .await
        .assert_error(401, "unauthorized");
    Answer::of(post(&server.key, "{".into()))
        .await
        .assert_error(400, "invalid_json");
    let both = json!({"to_phone_number": "911", "objective": 5});
    Answer::of(post(&server.key, both.to_string()))
        .await
        .assert_error(422, "invalid_field");
    let missing = json!({"to_phone_number": "911"});
    Answer::of(post(&server.key, missing.to_string()))
        .await
        .assert_error(400, "missing_field");
}

#[tokio::test]
async fn bodies_that_are_too_large() {
    let server = Server::start().await;
    for size in [65_537, 1 << 20, 10 << 20] {
        let mut body = example();
        body["instructions"] = "x".repeat(size).into();
        server
            .post("/calls", &body)
            .await
            .assert_error(413, "body_too_large");
    }
    // The same without a length told in advance.
    let pieces =
        futures_util::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>("x".repeat(10_000))));
    let request = server
        .request(Method::POST, "/calls")
        .body(reqwest::Body::wrap_stream(pieces));
    Answer::of(request)
        .await
        .assert_error(413, "body_too_large");
    let request = server
        .request(Method::GET, "/calls")
        .body("x".repeat(70_000));
    Answer::of(request)
        .await
        .assert_error(413, "body_too_large");
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist() {
    let server = Server::start().await;
    for path in [
        "",
        "/",
        "/call",
        "/calls/",
        "/calls/cl_x/audio",
        "/v2/calls",
        "/calls/cl_x/live/x",
        "/%2e%2e",
    ] {
        server.get(path).await.assert_error(404, "not_found");
    }
    for (method, path, allow) in [
        (Method::PUT, "/calls", "GET, HEAD, POST, OPTIONS"),
        (Method::DELETE, "/calls", "GET, HEAD, POST, OPTIONS"),
        (Method::POST, "/calls/cl_x", "GET, HEAD, DELETE, OPTIONS"),
        (Method::GET, "/calls/cl_x/cancel", "POST, OPTIONS"),
        (Method::POST, "/calls/cl_x/live", "GET, HEAD, OPTIONS"),
        (Method::PATCH, "/account", "GET, HEAD, OPTIONS"),
        (
            Method::from_bytes(b"BREW").unwrap(),
            "/account",
            "GET, HEAD, OPTIONS",
        ),
    ] {
        let answer = Answer::of(server.request(method, path)).await;
        answer.assert_error(405, "method_not_allowed");
        assert_eq!(answer.headers["allow"], allow);
    }
}

#[tokio::test]
async fn head_and_options() {
    let server = Server::start().await;
    let whole = server.get("/account").await;
    let head = Answer::of(server.request(Method::HEAD, "/account")).await;
    assert_eq!((head.status, head.body), (StatusCode::OK, Value::Null));
    assert_eq!(
        head.headers["content-length"],
        whole.headers["content-length"]
    );
    let head = Answer::of(server.anonymous(Method::HEAD, "/account")).await;
    assert_eq!(head.status, StatusCode::UNAUTHORIZED);
    let options = Answer::of(server.anonymous(Method::OPTIONS, "/calls")).await;
    assert_eq!(options.status, StatusCode::NO_CONTENT);
    assert_eq!(options.headers["allow"], "GET, HEAD, POST, OPTIONS");
}

#[tokio::test]
async fn every_answer_has_the_same_safe_headers() {
    let server = Server::start().await;
    for answer in [server.get("/calls").await, server.get("/nothing").await] {
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn health_needs_no_key() {
    let server = Server::start().await;
    for (path, word) in [("healthz", "ok"), ("readyz", "ready")] {
        let url = format!("http://{}/{path}", server.address);
        let answer = Answer::of(reqwest::Client::new().get(url)).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["status"]),
            (200, &word.into())
        );
    }
}

#[tokio::test]
async fn what_the_line_cannot_play_is_refused_before_dialing() {
    let server = Server::start().await;
    let mut body = example();
    body["scenario"] = "no such scenario".into();
    let answer = server.post("/calls", &body).await;
    answer.assert_error(422, "invalid_field");
    assert!(
        answer.body["error"]
            .as_str()
            .unwrap()
            .contains("no such scenario")
    );
    assert_eq!(
        server.get("/account").await.body["data"]["credits_remaining"],
        1_000
    );
}

#[tokio::test]
async fn a_fault_of_ours_is_an_answer_too() {
    let server = Server::start().await;
    let mut body = example();
    body["scenario"] = "panics".into();
    server
        .post("/calls", &body)
        .await
        .assert_error(500, "internal_error");
    server.create(&example()).await;
}

#[tokio::test]
async fn a_server_that_drains_takes_no_calls_but_answers() {
    let server = Server::start().await;
    let id = server.create(&example()).await;
    server.wait_for(&id, "completed").await;
    server.supervisor.drain().await;
    let refused = server.post("/calls", &example()).await;
    refused.assert_error(503, "unavailable");
    assert!(refused.headers.contains_key("retry-after"));
    let ready = reqwest::Client::new().get(format!("http://{}/readyz", server.address));
    Answer::of(ready).await.assert_error(503, "unavailable");
    assert_eq!(server.get(&format!("/calls/{id}")).await.status, 200);
}
