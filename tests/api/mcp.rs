//! The tools of the Model Context Protocol: with the official SDK in both eras and over both ways, and with clients that lie,
//! send too much, or go away.

use std::process::Command;

use agentphone::{admin::Wish, driver::clock};
use protocol::{
    ids::KeyMode,
    rest::{Scope, Scopes},
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::{
    python,
    server::{Answer, Server},
};

/// Runs the SDK against a server and returns what it saw.
async fn sdk(server: &Server, era: &'static str, by_pipe: bool) -> Value {
    let (url, key) = (format!("http://{}", server.address), server.key.clone());
    let work = move || {
        let root = env!("CARGO_MANIFEST_DIR");
        let mut client = Command::new(python::of("mcp"));
        client.args([&format!("{root}/tests/api/mcp_client.py"), &url, &key, era]);
        if by_pipe {
            client.arg(env!("CARGO_BIN_EXE_agentphone"));
        }
        let output = client.output().expect("Python runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("a line of JSON")
    };
    tokio::task::spawn_blocking(work).await.expect("it ends")
}

fn check(seen: &Value) {
    assert_eq!(
        seen["tools"],
        json!([
            "place_call",
            "wait_for_call",
            "get_call",
            "list_calls",
            "cancel_call",
            "answer_question",
            "get_account"
        ])
    );
    assert_eq!(seen["described"], true);
    assert_eq!(seen["account"]["error"], false, "{seen}");
    let placed = &seen["placed"]["data"]["data"];
    assert_eq!(placed["status"], "queued", "{seen}");
    assert_eq!(
        seen["placed_again"]["data"]["data"]["call_id"],
        placed["call_id"]
    );
    let waited = &seen["waited"]["data"];
    assert_eq!(waited["done"], true, "{seen}");
    assert_eq!(waited["data"]["status"], "completed", "{seen}");
    let told = seen["told"].as_array().expect("a list");
    assert!(
        told.iter().any(|line| line == "The call is in_progress."),
        "{seen}"
    );
    let ringing = &seen["still_ringing"]["data"];
    assert_eq!(
        (&ringing["done"], &ringing["question"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(
        seen["canceled"]["data"]["data"]["status"], "canceled",
        "{seen}"
    );
    assert_eq!(
        seen["listed"]["data"]["data"].as_array().map(Vec::len),
        Some(1)
    );
    for (what, code) in [
        ("bad_number", "emergency_number"),
        ("bad_argument", "invalid_arguments"),
        ("unknown_call", "call_not_found"),
    ] {
        assert_eq!(seen[what]["error"], true, "{what}: {seen}");
        assert_eq!(seen[what]["data"]["code"], code, "{what}: {seen}");
    }
    assert!(
        seen["unknown_tool"]
            .as_str()
            .is_some_and(|text| text.contains("dial")),
        "{seen}"
    );
}

#[tokio::test]
async fn the_official_sdk_places_calls_in_either_era_and_by_either_way() {
    let server = Server::start().await;
    for (era, by_pipe) in [
        ("auto", false),
        ("legacy", false),
        ("auto", true),
        ("legacy", true),
    ] {
        check(&sdk(&server, era, by_pipe).await);
    }
}

impl Server {
    pub(crate) fn mcp(&self, method: Method) -> RequestBuilder {
        self.http()
            .request(method, format!("http://{}/mcp", self.address))
            .header("accept", "application/json, text/event-stream")
    }

    /// Calls a tool as a client without handshake does.
    pub(crate) async fn tool(&self, key: &str, name: &str, arguments: &Value) -> Answer {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": name, "arguments": arguments } });
        let request = self.mcp(Method::POST).header("x-api-key", key);
        Answer::of(
            request
                .header("mcp-protocol-version", "2025-06-18")
                .json(&body),
        )
        .await
    }
}

#[tokio::test]
async fn without_a_key_or_from_a_strange_page_nothing_is_answered() {
    let server = Server::start().await;
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let answer = Answer::of(server.mcp(Method::POST).json(&list)).await;
    answer.assert_error(401, "unauthorized");
    assert!(
        answer.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Bearer")
    );
    let keyed = |origin: &str| {
        let request = server.mcp(Method::POST).bearer_auth(&server.key);
        request.header("origin", origin).json(&list)
    };
    let strange = Answer::of(keyed("https://example.com")).await;
    assert_eq!(strange.status, StatusCode::FORBIDDEN);
    let own = Answer::of(keyed(&format!("http://{}", server.address))).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.body);
    let foreign_host = server.mcp(Method::POST).bearer_auth(&server.key);
    let foreign_host = foreign_host.header("host", "rebound.example").json(&list);
    assert_eq!(Answer::of(foreign_host).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn scopes_hold_as_they_do_on_rest() {
    let server = Server::start().await;
    let id = server.create(&crate::server::ringing()).await;
    let one = json!({ "call_id": id });
    let place = json!({ "to_phone_number": "+14155551234", "objective": "Book a table" });
    let tools = [
        ("get_account", json!({}), Scope::CallsRead),
        ("list_calls", json!({}), Scope::CallsRead),
        ("get_call", one.clone(), Scope::CallsRead),
        (
            "wait_for_call",
            json!({ "call_id": id, "wait_seconds": 1 }),
            Scope::CallsRead,
        ),
        (
            "answer_question",
            json!({ "call_id": id, "text": "Yes." }),
            Scope::Control,
        ),
        ("place_call", place, Scope::CallsWrite),
        ("cancel_call", one, Scope::CallsWrite),
    ];
    for scope in [
        Scope::Admin,
        Scope::CallsRead,
        Scope::Control,
        Scope::CallsWrite,
    ] {
        let mut wish = Wish::plain(KeyMode::Live);
        wish.scopes = Scopes::of([scope]);
        let (key, _) = server.another_key(wish);
        for (tool, arguments, needed) in &tools {
            let answer = server.tool(&key, tool, arguments).await;
            let code = &answer.body["result"]["structuredContent"]["code"];
            assert_eq!(
                code == "forbidden",
                scope != *needed,
                "{tool} with {scope:?}: {}",
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn what_is_too_large_too_deep_or_untrue_is_refused_and_harms_nobody() {
    let server = Server::start().await;
    let place =
        |objective: String| json!({ "to_phone_number": "+14155551234", "objective": objective });
    let answer = server
        .tool(&server.key, "place_call", &place("x".repeat(200_000)))
        .await;
    answer.assert_error(413, "body_too_large");
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get_call","arguments":{{"call_id":{deep}}}}}}}"#
    );
    let request = server.mcp(Method::POST).bearer_auth(&server.key);
    let request = request
        .header("content-type", "application/json")
        .body(body);
    let status = Answer::of(request).await.status;
    assert!(status.is_client_error(), "{status}");
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let lie = server.mcp(Method::POST).bearer_auth(&server.key);
    let lie = lie.header("mcp-protocol-version", "2099-01-01").json(&list);
    assert_eq!(Answer::of(lie).await.status, StatusCode::BAD_REQUEST);
    for method in [Method::GET, Method::DELETE] {
        let request = server.mcp(method).bearer_auth(&server.key);
        assert_eq!(
            Answer::of(request).await.status,
            StatusCode::METHOD_NOT_ALLOWED
        );
    }
    let answer = server.tool(&server.key, "list_calls", &json!({})).await;
    assert_eq!(
        answer.body["result"]["structuredContent"]["data"],
        json!([]),
        "no call was made"
    );
}

#[tokio::test]
async fn an_abandoned_wait_ends_and_the_call_goes_on() {
    let server = Server::start().await;
    let mut body = crate::server::example();
    body["scenario"] = "stays".into();
    let id = server.create(&body).await;
    server.wait_for(&id, "in_progress").await;
    for _ in 0..20 {
        let arguments = json!({ "call_id": id, "wait_seconds": 50 });
        let wait = server.tool(&server.key, "wait_for_call", &arguments);
        let limit = std::time::Duration::from_millis(50);
        assert!(
            agentphone::driver::clock::timeout(limit, wait)
                .await
                .is_none()
        );
    }
    let arguments = json!({ "call_id": id, "now": true });
    let answer = server.tool(&server.key, "cancel_call", &arguments).await;
    assert_eq!(answer.body["result"]["isError"], false, "{}", answer.body);
    let answer = server
        .tool(&server.key, "wait_for_call", &json!({ "call_id": id }))
        .await;
    assert_eq!(
        answer.body["result"]["structuredContent"]["done"], true,
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn a_wait_ends_with_the_key_that_it_was_asked_with() {
    let server = Server::start().await;
    let id = server.create(&crate::server::ringing()).await;
    for progress in [false, true] {
        let (key, key_id) = server.another_key(Wish::plain(KeyMode::Live));
        let mut body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "wait_for_call",
                "arguments": { "call_id": id, "wait_seconds": 50 } } });
        if progress {
            body["params"]["_meta"] = json!({ "progressToken": "p" });
        }
        let wait = server
            .mcp(Method::POST)
            .header("x-api-key", &key)
            .header("mcp-protocol-version", "2025-06-18")
            .json(&body);
        let waiting = tokio::spawn(async move {
            let answer = wait.send().await.unwrap();
            (answer.status(), answer.text().await)
        });
        // It is under way when its key was used.
        while server
            .store
            .key(&key_id)
            .unwrap()
            .unwrap()
            .last_used_at
            .is_none()
        {
            tokio::task::yield_now().await;
        }
        server.store.revoke_key(&key_id, clock::wall()).unwrap();
        let (status, said) = waiting.await.unwrap();
        // An answer that had begun ends without its result.
        let said = said.unwrap_or_default();
        assert!(
            status == StatusCode::UNAUTHORIZED || progress && status == StatusCode::OK,
            "{status} {said}"
        );
        assert!(
            !said.contains("never_answers") && !said.contains("\"result\""),
            "{said}"
        );
    }
}
