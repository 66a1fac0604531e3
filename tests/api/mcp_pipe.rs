//! The tools over standard input and output, talked to line by line, with nonsense between.

use std::{process::Stdio, time::Duration};

use agentphone::driver::clock;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{ChildStdin, ChildStdout, Command},
};

use crate::server::{Server, example};

/// `agentphone mcp`, talked to line by line.
struct Pipe {
    child: tokio::process::Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Pipe {
    fn start(server: &Server) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_agentphone"))
            .arg("mcp")
            .env_clear()
            .env("AGENTPHONE_URL", format!("http://{}", server.address))
            .env("AGENTPHONE_KEY", &server.key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let from = BufReader::new(child.stdout.take().unwrap()).lines();
        let to = child.stdin.take().unwrap();
        Self { child, to, from }
    }

    async fn say(&mut self, line: &str) {
        self.to
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }

    /// Reads until the answer to a request.
    async fn answer(&mut self, id: u64) -> Value {
        loop {
            let line = clock::timeout(Duration::from_secs(20), self.from.next_line()).await;
            let line = line
                .expect("an answer in time")
                .unwrap()
                .expect("it is still there");
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == id {
                return answer;
            }
        }
    }

    async fn tool(&mut self, id: u64, name: &str, arguments: &Value) -> Value {
        let params = json!({ "name": name, "arguments": arguments });
        self.say(
            &json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
                .to_string(),
        )
        .await;
        self.answer(id).await
    }
}

#[tokio::test]
async fn over_standard_input_nonsense_costs_nothing_and_a_canceled_wait_is_released() {
    let server = Server::start().await;
    let mut pipe = Pipe::start(&server);
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } } });
    pipe.say(&hello.to_string()).await;
    assert_eq!(
        pipe.answer(1).await["result"]["serverInfo"]["name"],
        "agentphone"
    );
    pipe.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        .await;
    for nonsense in [
        "nonsense".to_owned(),
        String::new(),
        "[]".to_owned(),
        "[".repeat(200_000),
        format!(
            r#"{{"jsonrpc":"2.0","id":2,"method":"{}"}}"#,
            "x".repeat(300_000)
        ),
    ] {
        pipe.say(&nonsense).await;
    }
    let account = pipe.tool(3, "get_account", &json!({})).await;
    assert_eq!(account["result"]["isError"], false, "{account}");
    let large = json!({ "to_phone_number": "+14155551234", "objective": "x".repeat(200_000) });
    let refused = pipe.tool(4, "place_call", &large).await;
    assert_eq!(
        refused["result"]["structuredContent"]["code"], "body_too_large",
        "{refused}"
    );
    let mut body = example();
    body["scenario"] = "stays".into();
    let placed = pipe.tool(5, "place_call", &body).await;
    let id = placed["result"]["structuredContent"]["data"]["call_id"].clone();
    let again = pipe.tool(6, "place_call", &body).await;
    assert_eq!(
        again["result"]["structuredContent"]["data"]["call_id"], id,
        "{again}"
    );
    let params =
        json!({ "name": "wait_for_call", "arguments": { "call_id": id, "wait_seconds": 50 } });
    pipe.say(
        &json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params }).to_string(),
    )
    .await;
    pipe.say(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7,"reason":"enough"}}"#).await;
    // It is still there, and so is the call.
    let seen = pipe.tool(8, "get_call", &json!({ "call_id": id })).await;
    let status = &seen["result"]["structuredContent"]["data"]["status"];
    assert!(
        ["queued", "dialing", "in_progress"].contains(&status.as_str().unwrap()),
        "{seen}"
    );
    pipe.tool(9, "cancel_call", &json!({ "call_id": id, "now": true }))
        .await;
    server.shutdown.cancel();
    drop(pipe.to);
    let ended = clock::timeout(Duration::from_secs(10), pipe.child.wait()).await;
    assert!(ended.expect("it ends with its input").unwrap().success());
}
