//! The tools of the Model Context Protocol with clients that lie about their version, send what is none of it, ask twice, or go
//! away: refused or released in time, and no call is made twice. Without any SDK, which would not do such things.

use std::time::Duration;

use agentphone::driver::clock;
use protocol::ids::{CallId, KeyMode};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::server::{Answer, Options, Server, example, ringing};

const MODERN: &str = "2026-07-28";

fn meta(version: &str) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A request of a client that says these things about itself.
struct Said<'a> {
    version: &'a str,
    method: &'a str,
    meta: Option<&'a str>,
}

impl Server {
    async fn said(&self, said: Said<'_>) -> Answer {
        let mut body = json!({ "jsonrpc": "2.0", "id": "seven", "method": "tools/call",
                               "params": { "name": "get_account", "arguments": {} } });
        if let Some(version) = said.meta {
            body["params"]["_meta"] = meta(version);
        }
        let request = self.mcp(Method::POST).bearer_auth(&self.key);
        let request = request.header("mcp-protocol-version", said.version);
        let request = request
            .header("mcp-method", said.method)
            .header("mcp-name", "get_account");
        Answer::of(request.json(&body)).await
    }

    async fn posted(&self, body: &str) -> Answer {
        let request = self.mcp(Method::POST).bearer_auth(&self.key);
        Answer::of(
            request
                .header("content-type", "application/json")
                .body(body.to_owned()),
        )
        .await
    }

    async fn placed(&self, key: &str, arguments: &Value) -> Value {
        let answer = self.tool(key, "place_call", arguments).await;
        let content = &answer.body["result"]["structuredContent"];
        assert!(content["data"]["call_id"].is_string(), "{}", answer.body);
        content.clone()
    }

    async fn count(&self) -> usize {
        self.get("/calls?limit=200").await.body["data"]
            .as_array()
            .unwrap()
            .len()
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: i32) {
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]["code"]),
        (status, &json!(code)),
        "{}",
        answer.body
    );
    assert_eq!(answer.headers["content-type"], "application/json");
}

#[tokio::test]
async fn a_client_that_lies_about_its_version_is_refused_as_the_protocol_wants() {
    let server = Server::start().await;
    let call = "tools/call";
    let modern = |method, meta| Said {
        version: MODERN,
        method,
        meta: Some(meta),
    };
    let good = server.said(modern(call, MODERN)).await;
    assert_eq!(good.body["result"]["isError"], false, "{}", good.body);
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let good = server
            .said(Said {
                version,
                method: call,
                meta: None,
            })
            .await;
        assert_eq!(
            good.body["result"]["isError"], false,
            "{version}: {}",
            good.body
        );
    }
    for version in ["2099-01-01", "1.0", "latest", &"9".repeat(1000)] {
        let lie = server
            .said(Said {
                version,
                method: call,
                meta: Some(version),
            })
            .await;
        refused(&lie, 400, -32_022);
        assert_eq!(lie.body["id"], "seven");
        let data = &lie.body["error"]["data"];
        assert!(
            data["supported"]
                .as_array()
                .unwrap()
                .contains(&json!(MODERN)),
            "{}",
            lie.body
        );
        assert_eq!(
            data["requested"],
            version.chars().take(64).collect::<String>()
        );
    }
    // The header says one thing and the body another.
    refused(
        &server.said(modern("tools/list", MODERN)).await,
        400,
        -32_020,
    );
    refused(&server.said(modern(call, "2025-11-25")).await, 400, -32_020);
    let old = Said {
        version: "2025-11-25",
        method: call,
        meta: Some(MODERN),
    };
    refused(&server.said(old).await, 400, -32_020);
    let silent = Said {
        version: MODERN,
        method: call,
        meta: None,
    };
    refused(&server.said(silent).await, 400, -32_602);
    // Whoever begins with a revision that there is not is offered one that there is.
    let hello = |version: Value| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } } })
    };
    let offered = server.posted(&hello(json!("1999-01-01")).to_string()).await;
    assert_eq!(
        offered.body["result"]["protocolVersion"], "2025-11-25",
        "{}",
        offered.body
    );
    refused(
        &server.posted(&hello(json!(7)).to_string()).await,
        200,
        -32_602,
    );
}

#[tokio::test]
async fn what_is_no_request_is_told_so_in_json() {
    let server = Server::start().await;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let nested = |arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"place_call","arguments":{arguments}}}}}"#
        )
    };
    for (body, status, code) in [
        ("nonsense".to_owned(), 400, -32_700),
        (String::new(), 400, -32_700),
        ("\u{0}".to_owned(), 400, -32_700),
        (nested(&deep), 400, -32_700),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#.to_owned(),
            400,
            -32_600,
        ),
        ("7".to_owned(), 400, -32_600),
        (nested("[1]"), 200, -32_602),
        (nested("\"x\""), 200, -32_602),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"dance"}"#.to_owned(),
            200,
            -32_601,
        ),
    ] {
        let answer = server.posted(&body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["error"]["code"]),
            (status, &json!(code)),
            "{}: {}",
            &body[..body.len().min(80)],
            answer.body
        );
    }
    for method in [Method::GET, Method::DELETE] {
        let request = server.mcp(method).bearer_auth(&server.key);
        let answer = Answer::of(request).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["jsonrpc"]),
            (405, &json!("2.0"))
        );
    }
    let form = server
        .mcp(Method::POST)
        .bearer_auth(&server.key)
        .header("content-type", "text/plain");
    let answer = Answer::of(form.body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["jsonrpc"]),
        (415, &json!("2.0"))
    );
    // What is as deep as may be read is data, and is refused by its size or shape.
    let metadata = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    let wide = json!({ "a": "x".repeat(20_000) }).to_string();
    for (metadata, fits) in [(metadata, true), (wide, false)] {
        let arguments = format!(
            r#"{{"to_phone_number":"+14155551234","objective":"x","scenario":"never_answers","metadata":{metadata}}}"#
        );
        let answer = server.posted(&nested(&arguments)).await;
        let result = &answer.body["result"];
        assert_eq!(result["isError"], !fits, "{}", answer.body);
        if !fits {
            assert_eq!(result["structuredContent"]["code"], "invalid_field");
        }
    }
    assert_eq!(server.count().await, 1);
}

#[tokio::test]
async fn a_call_that_is_asked_for_again_is_not_made_twice() {
    let server = Server::start().await;
    let wish = ringing();
    // Many at once, as clients do whose connection is bad.
    let many = (0..8).map(|_| server.placed(&server.key, &wish));
    let many = futures_util::future::join_all(many).await;
    let id = many[0]["data"]["call_id"].as_str().unwrap().to_owned();
    assert!(
        many.iter().all(|placed| placed["data"]["call_id"] == *id),
        "{many:?}"
    );
    assert_eq!(
        many.iter()
            .filter(|placed| placed["placed_earlier"] == true)
            .count(),
        7
    );
    // One that goes away before it hears the answer.
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
                       "params": { "name": "place_call", "arguments": example() } })
    .to_string();
    for _ in 0..10 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\nx-api-key: {}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
            server.address,
            server.key,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
    }
    server.placed(&server.key, &example()).await;
    assert_eq!(server.count().await, 2);
    // Another wish, another key of the client's own, and another account have calls of their own.
    let mut other = wish.clone();
    other["objective"] = "Book a table for 3 at 7pm".into();
    assert!(server.placed(&server.key, &other).await["placed_earlier"].is_null());
    let mut named = wish.clone();
    named["idempotency_key"] = "again, please".into();
    let again = server.placed(&server.key, &named).await;
    assert_ne!(again["data"]["call_id"], *id);
    assert_eq!(
        server.placed(&server.key, &named).await["data"]["call_id"],
        again["data"]["call_id"]
    );
    let (stranger, _) = server.new_key(KeyMode::Live);
    assert_ne!(
        server.placed(&stranger, &wish).await["data"]["call_id"],
        *id
    );
    assert_eq!(server.count().await, 4);
}

#[tokio::test]
async fn a_refused_call_can_be_asked_for_again_when_the_reason_is_gone() {
    let server = Server::with(Options {
        free_credits: 0,
        ..Options::default()
    })
    .await;
    let refused = server.tool(&server.key, "place_call", &ringing()).await;
    let content = &refused.body["result"]["structuredContent"];
    assert_eq!(content["code"], "insufficient_credits", "{}", refused.body);
    assert!(content["buy_credits_url"].is_string());
    let account = server.account();
    server
        .store
        .grant(&account, "g", "", 1, clock::wall())
        .unwrap();
    server.placed(&server.key, &ringing()).await;
}

#[tokio::test]
async fn a_question_of_the_agent_ends_the_wait_and_is_answered() {
    let server = Server::start().await;
    let mut body = example();
    body["scenario"] = "stays".into();
    let placed = server.placed(&server.key, &body).await;
    let id = placed["data"]["call_id"].as_str().unwrap().to_owned();
    server.wait_for(&id, "in_progress").await;
    // As the call does; that its model's questions get here, and the answers there, is tried in `tests/calls.rs`.
    let call_id = CallId::parse(&id).unwrap();
    let feed = server.supervisor.feed(&call_id).unwrap();
    let happens = |event: Value| {
        feed.append(|seq| {
            let mut event = event;
            event["seq"] = seq.into();
            event["t_ms"] = 900.into();
            event["call_id"] = id.as_str().into();
            event.to_string()
        })
    };
    happens(
        json!({ "type": "question", "question": 1, "text": "Is nine fine, too?", "answer_within_ms": 30_000 }),
    );
    let wait = json!({ "call_id": id, "wait_seconds": 30 });
    let waited = server.tool(&server.key, "wait_for_call", &wait).await;
    let news = &waited.body["result"]["structuredContent"];
    assert_eq!(
        (&news["done"], &news["question"]["text"]),
        (&json!(false), &json!("Is nine fine, too?")),
        "{news}"
    );
    let question = &news["question"]["question"];
    let wrong = json!({ "call_id": id, "text": "Yes.", "question": 99 });
    let wrong = server.tool(&server.key, "answer_question", &wrong).await;
    assert_eq!(
        wrong.body["result"]["structuredContent"]["code"],
        "invalid_field"
    );
    let answer = json!({ "call_id": id, "text": "Yes, nine is fine.", "question": question });
    let answered = server.tool(&server.key, "answer_question", &answer).await;
    assert_eq!(
        answered.body["result"]["isError"], false,
        "{}",
        answered.body
    );
    happens(json!({ "type": "question.closed", "question": 1, "answered": true }));
    // Answered once: the next wait does not bring it again.
    let wait = json!({ "call_id": id, "wait_seconds": 3 });
    let waited = server.tool(&server.key, "wait_for_call", &wait).await;
    let news = &waited.body["result"]["structuredContent"];
    assert_eq!(
        (&news["done"], &news["question"]),
        (&json!(false), &Value::Null),
        "{news}"
    );
    assert!(
        news["transcript_so_far"]
            .as_str()
            .unwrap()
            .contains("Agent: "),
        "{news}"
    );
    server
        .tool(
            &server.key,
            "cancel_call",
            &json!({ "call_id": id, "now": true }),
        )
        .await;
}

#[tokio::test]
async fn abandoned_waits_leave_nothing_behind_when_their_time_is_up() {
    let server = Server::start().await;
    let mut body = example();
    body["scenario"] = "stays".into();
    let id = server.create(&body).await;
    server.wait_for(&id, "in_progress").await;
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = alive();
    for _ in 0..30 {
        let arguments = json!({ "call_id": id, "wait_seconds": 2 });
        let wait = server.tool(&server.key, "wait_for_call", &arguments);
        let limit = Duration::from_millis(20);
        assert!(clock::timeout(limit, wait).await.is_none());
    }
    let most = alive();
    assert!(most > before + 30, "{most} tasks: nothing waits");
    let released = async {
        while alive() > before + 3 {
            clock::sleep(Duration::from_millis(20)).await;
        }
    };
    let released = clock::timeout(Duration::from_secs(5), released).await;
    assert!(
        released.is_some(),
        "{} tasks are left of {most}, {before} before",
        alive()
    );
    let now = json!({ "call_id": id, "now": true });
    server.tool(&server.key, "cancel_call", &now).await;
}
