//! A server that is asked to stop while a call runs, by either signal: what it answers meanwhile, and that a second signal
//! ends it at once.

use std::time::Duration;

use agentphone::driver::clock;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::client::Client;

async fn stops(first: Signal, second: Signal) {
    let mut client = Client::start(&[("AGENTPHONE__CALLS__DRAIN_SECONDS", "600")]);
    let (_, id) = client.create(json!({"scenario": "books"})).await;
    client.until_a_turn(&id).await;
    client.signal(first);
    let ready = format!("{}/readyz", client.url);
    let refused = loop {
        let answer = client.http.get(&ready).send().await.unwrap();
        if answer.status() == 503 {
            break answer;
        }
        clock::sleep(Duration::from_millis(10)).await;
    };
    assert!(refused.headers().contains_key("retry-after"));
    let (status, body) = client.try_create(json!({"scenario": "busy"})).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (503, &json!("unavailable"))
    );
    assert!(
        body["error"].as_str().unwrap().contains("shutting down"),
        "{body}"
    );
    let path = format!("/api/v1/calls/{id}");
    let (status, _) = client.ask(Method::GET, &path, Value::Null).await;
    assert_eq!(status, 200, "everything else is answered");
    client.signal(second);
    let (status, log) = client.kill().unwrap().end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("a second signal ends them at once"), "{log}");
    assert!(log.contains("stopped at once"), "{log}");
    // As after any other sudden end: the call is over, and nothing was paid for it.
    client.start_again();
    let ended = client.until(&id, "failed").await;
    assert_eq!(ended["failure"]["reason"], "interrupted_by_restart");
}

#[tokio::test]
async fn a_server_that_stops_refuses_calls_and_ends_at_once_when_asked_twice() {
    tokio::join!(
        stops(Signal::TERM, Signal::INT),
        stops(Signal::INT, Signal::TERM)
    );
}
