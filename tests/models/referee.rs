//! The stand-ins before the vendors' own Python packages, which `scripts/referee` installs below `target/`: what the
//! package sends is taken, what the stand-in sends is understood, and each fault is what the package calls it.

use std::{process::Stdio, time::Duration};

use agentphone::provider::{
    anthropic::{self as anthropic_client, Anthropic},
    openai::{self as openai_client, OpenAi},
};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::{
    ask, python,
    support::{
        anthropic, openai,
        service::{Answer, Rules, StandIn},
    },
};

/// Has the package ask a stand-in that gives this answer; returns what it understood.
async fn referee(
    vendor: &'static str,
    rules: Rules,
    key: &str,
    request: &Value,
    answer: Answer,
) -> Value {
    let server = StandIn::start(rules, vec![answer]).await;
    let base = match vendor {
        "openai" => format!("{}/v1", server.base_url()),
        _ => server.base_url(),
    };
    let question = json!({"vendor": vendor, "base_url": base, "key": key, "request": request});
    let mut child = tokio::process::Command::new(python::wait_for(vendor).await)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/models/referee.py"
        ))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut input = child.stdin.take().expect("a pipe");
    input
        .write_all(question.to_string().as_bytes())
        .await
        .expect("it listens");
    drop(input);
    let output = child.wait_with_output().await.expect("it ends");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The bodies that our own clients send.
async fn our_requests() -> (Value, Value) {
    let hello = Answer::stream([openai::delta(r#"{"content":"Hi."}"#, "stop")]);
    let server = StandIn::start(openai::RULES, vec![hello]).await;
    let model = OpenAi::new(openai_client::Options {
        base_url: format!("{}/v1", server.base_url()),
        api_key: openai::KEY.to_owned(),
        model: openai::MODEL.to_owned(),
        ..openai_client::Options::default()
    });
    ask(&model.expect("usable options"))
        .await
        .2
        .expect("a reply");
    let first = server.requests().remove(0);
    let hello = Answer::stream([
        anthropic::start(),
        anthropic::text(0, &["Hi."]),
        anthropic::stop("end_turn"),
    ]);
    let server = StandIn::start(anthropic::RULES, vec![hello]).await;
    let model = Anthropic::new(anthropic_client::Options {
        base_url: server.base_url(),
        api_key: anthropic::KEY.to_owned(),
        model: anthropic::MODEL.to_owned(),
        ..anthropic_client::Options::default()
    });
    ask(&model.expect("usable options"))
        .await
        .2
        .expect("a reply");
    (first, server.requests().remove(0))
}

fn without_stream(mut body: Value) -> Value {
    body.as_object_mut().expect("an object").remove("stream");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn openais_package_takes_the_stand_in_for_the_service() {
    let (request, _) = our_requests().await;
    let request = without_stream(request);
    let hear = async |key: &str, answer: Answer| {
        referee("openai", openai::RULES, key, &request, answer).await
    };
    let chunks = [
        openai::delta(r#"{"role":"assistant","content":""}"#, ""),
        openai::delta(r#"{"content":"Hello, a table."}"#, ""),
        openai::delta(
            r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"press_keys","arguments":""}}]}"#,
            "",
        ),
        openai::delta(
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"keys\":\"1\"}"}}]}"#,
            "",
        ),
        openai::delta("{}", "tool_calls"),
        openai::USAGE.to_owned(),
        openai::DONE.to_owned(),
    ];
    let heard = hear(
        openai::KEY,
        Answer::stream(chunks.clone()).late(Duration::from_millis(50)),
    )
    .await;
    assert_eq!(heard["text"], "Hello, a table.");
    assert_eq!(heard["finish"], "tool_calls");
    assert_eq!(
        heard["tools"],
        json!([{"name": "press_keys", "arguments": "{\"keys\":\"1\"}"}])
    );
    assert_eq!(heard.get("error"), None, "{heard}");
    for (key, answer, error) in [
        (
            "sk-expired",
            Answer::stream(chunks.clone()),
            "AuthenticationError",
        ),
        (
            openai::KEY,
            openai::error(429, "slow down").with("retry-after", "1"),
            "RateLimitError",
        ),
        (
            openai::KEY,
            openai::error(500, "out of order"),
            "InternalServerError",
        ),
        (
            openai::KEY,
            openai::error(404, "no such model"),
            "NotFoundError",
        ),
        (
            openai::KEY,
            Answer::stream(["data: {\"error\":{\"message\":\"too much\"}}\n\n"]),
            "APIError",
        ),
        (
            openai::KEY,
            Answer::stream(["data: nonsense\n\n"]),
            "JSONDecodeError",
        ),
        (
            openai::KEY,
            Answer::stream([chunks[1].clone()]).cut(),
            "APIConnectionError",
        ),
    ] {
        let heard = hear(key, answer).await;
        assert_eq!(heard["error"], error, "{heard}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropics_package_takes_the_stand_in_for_the_service() {
    let (_, request) = our_requests().await;
    let request = without_stream(request);
    let hear = async |key: &str, answer: Answer| {
        referee("anthropic", anthropic::RULES, key, &request, answer).await
    };
    let chunks = [
        anthropic::start(),
        anthropic::event(&json!({"type": "ping"})),
        anthropic::text(0, &["Hello, ", "a table."]),
        anthropic::tool(1, "press_keys", &["{\"keys\":", " \"1\"}"]),
        anthropic::stop("tool_use"),
    ];
    let heard = hear(
        anthropic::KEY,
        Answer::stream(chunks.clone()).late(Duration::from_millis(50)),
    )
    .await;
    assert_eq!(heard["text"], "Hello, a table.");
    assert_eq!(heard["finish"], "tool_use");
    assert_eq!(
        heard["tools"],
        json!([{"name": "press_keys", "arguments": "{\"keys\": \"1\"}"}])
    );
    assert_eq!(heard.get("error"), None, "{heard}");
    for (key, answer, error) in [
        (
            "sk-ant-expired",
            Answer::stream(chunks.clone()),
            "AuthenticationError",
        ),
        (
            anthropic::KEY,
            anthropic::error(429, "slow down").with("retry-after", "1"),
            "RateLimitError",
        ),
        (
            anthropic::KEY,
            anthropic::error(529, "Overloaded"),
            "OverloadedError",
        ),
        (
            anthropic::KEY,
            anthropic::error(500, "out of order"),
            "InternalServerError",
        ),
        (
            anthropic::KEY,
            anthropic::error(404, "no such model"),
            "NotFoundError",
        ),
        (
            anthropic::KEY,
            Answer::stream([chunks[0].clone() + &chunks[2]]).cut(),
            "RemoteProtocolError",
        ),
    ] {
        let heard = hear(key, answer).await;
        assert_eq!(heard["error"], error, "{heard}");
    }
}
