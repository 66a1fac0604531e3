//! A disk without room: the program starts, says so, serves what it has and takes nothing new.

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::client::Client;

#[tokio::test]
async fn without_room_new_calls_are_refused_with_the_reason() {
    // More is kept back than any disk has.
    let mut client = Client::start(&[("AGENTPHONE__DATA__MIN_FREE_MIB", "4000000000")]);
    let (status, body) = client.ask(Method::GET, "/readyz", Value::Null).await;
    assert_eq!(status, 503);
    assert!(body["error"].as_str().unwrap().contains("disk"), "{body}");
    let body = json!({"to_phone_number": "+14155551234", "objective": "Book a table"});
    let url = format!("{}/api/v1/calls", client.url);
    let request = client.http.post(url).header("x-api-key", &client.key);
    let answer = request.json(&body).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (503, &"30".parse().unwrap())
    );
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["code"], "unavailable");
    assert!(
        body["error"].as_str().unwrap().contains("is full"),
        "{body}"
    );
    // What there is can be read, and nothing was taken.
    let (status, account) = client
        .ask(Method::GET, "/api/v1/account", Value::Null)
        .await;
    assert_eq!(
        (status.as_u16(), &account["data"]["credits_remaining"]),
        (200, &json!(100_000))
    );
    let (status, _) = client.ask(Method::GET, "/healthz", Value::Null).await;
    assert_eq!(status, 200);
    let log = client.end(Signal::TERM);
    assert!(log.contains("the disk is full"), "{log}");
}

#[tokio::test]
async fn on_a_full_disk_the_program_starts_serves_what_it_has_and_goes_on_when_there_is_room() {
    let mut client = Client::start(&[]);
    let (_, id) = client.create(json!({"scenario": "books"})).await;
    client.until(&id, "in_progress").await;
    client.end(Signal::KILL);
    // No file may grow: the database has its size, and everything that is written anew fails as on a full disk.
    let database = client
        .home
        .path()
        .join(".local/share/agentphone/agentphone.redb");
    let blocks = std::fs::metadata(database).unwrap().len() / 512;
    let mut full = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f $0; exec \"$@\""])
        .arg(blocks.to_string())
        .arg(env!("CARGO_BIN_EXE_agentphone"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .envs(client.env())
        .env("HOME", client.home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(full.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    client.url = line
        .trim()
        .strip_prefix("listening on ")
        .unwrap()
        .to_owned();
    let call = format!("/api/v1/calls/{id}");
    let (status, body) = client.ask(Method::GET, &call, Value::Null).await;
    assert_eq!(status, 200, "{body}");
    // What fits into the file as it is may still be kept; more is refused, and with the reason.
    let mut taken = vec![id];
    let refused = loop {
        let (status, body) = client.try_create(json!({"scenario": "busy"})).await;
        if status != 202 {
            assert_eq!(status, 503, "{body}");
            break body;
        }
        taken.push(body["data"]["call_id"].as_str().unwrap().to_owned());
        assert!(taken.len() < 200, "the file grows although it must not");
    };
    assert!(
        refused["error"].as_str().unwrap().contains("full"),
        "{refused}"
    );
    full.kill().unwrap();
    full.wait().unwrap();

    // With room again everything that was taken comes to its end, and nothing is lost or doubled.
    client.start_again();
    let (status, after) = client.create(json!({"scenario": "busy"})).await;
    assert_eq!(status, 202);
    taken.push(after);
    for id in &taken {
        client.until(id, "failed").await;
    }
    let (_, account) = client
        .ask(Method::GET, "/api/v1/account", Value::Null)
        .await;
    assert_eq!(account["data"]["credits_remaining"], 100_000);
}
