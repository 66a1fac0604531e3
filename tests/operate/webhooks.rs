//! Webhooks from the program to a receiver: signed as the official package checks it, in order, again when they were
//! not taken, after a kill, and by hand.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::Client,
    python,
    receiver::{Receiver, Told},
};

/// Short pauses, so that a test sees repetitions.
const HASTY: (&str, &str) = ("AGENTPHONE__WEBHOOKS__RETRY_AFTER_SECONDS", "[1, 1, 1, 1]");

fn types(told: &[Told]) -> Vec<String> {
    let kind = |told: &Told| told.body()["type"].as_str().unwrap().to_owned();
    told.iter().map(kind).collect()
}

/// Asks the official package whether each message is genuine under a secret.
fn judge(secret: &str, told: &[Told]) -> Vec<bool> {
    let question = |told: &Told| {
        let headers: HashMap<_, _> = told.headers.iter().cloned().collect();
        json!({"secret": secret, "headers": headers, "body": told.text})
    };
    let questions: Vec<_> = told.iter().map(question).collect();
    let answers = python::ask("standardwebhooks", "operate/referee.py", &questions);
    answers.iter().map(|line| line == "genuine").collect()
}

#[tokio::test]
async fn an_answered_call_is_told_in_three_signed_events() {
    let receiver = Receiver::start(|_, _| 200).await;
    let client = Client::start(&[]);
    let hook = format!("{}/calls?a=1", receiver.url);
    let over = json!({"webhook_url": hook, "metadata": {"order": 7}, "scenario": "books"});
    let (status, id) = client.create(over).await;
    assert_eq!(status, 202);
    client.until_a_turn(&id).await;
    client.cancel(&id).await;
    let told = receiver.until(|told| told.len() >= 3).await;
    assert_eq!(
        types(&told),
        ["call.started", "call.ended", "call.analyzed"]
    );

    let started = told[0].body();
    assert_eq!(started["data"]["status"], "in_progress");
    let ended = told[1].body();
    assert_eq!(ended["data"]["status"], "canceled");
    assert_eq!(ended["data"]["metadata"]["order"], 7);
    assert_eq!(ended["timestamp"], ended["data"]["ended_at"]);
    assert_eq!(told[1].header(":path"), "/calls?a=1");
    assert_eq!(told[1].header("content-type"), "application/json");
    assert!(told[1].header("user-agent").starts_with("agentphone/"));
    let link = ended["data"]["recording_url"].as_str().unwrap();
    let sound = client.http.get(link).send().await.unwrap();
    assert_eq!(sound.status(), 200);

    let secret = client.command(&["webhooks", "show", "--account", "nopa"]);
    let mut forged = told[0].clone();
    forged.text = forged.text.replace("in_progress", "completed");
    let all: Vec<_> = told.iter().cloned().chain([forged]).collect();
    assert_eq!(judge(secret.trim(), &all), [true, true, true, false]);
    let other = client.command(&["webhooks", "rotate", "--account", "nopa"]);
    assert_eq!(judge(other.trim(), &told), [false; 3]);
}

#[tokio::test]
async fn what_is_not_taken_comes_again_and_holds_back_what_follows() {
    let receiver = Receiver::start(|before, _| if before.len() < 2 { 500 } else { 204 }).await;
    let client = Client::start(&[HASTY]);
    client.command(&["webhooks", "set", "--account", "nopa", &receiver.url]);
    // The account's own address serves a call that names none; both secrets are good after a change.
    let old = client.command(&["webhooks", "show", "--account", "nopa"]);
    let new = client.command(&["webhooks", "rotate", "--account", "nopa"]);
    let (_, id) = client.create(json!({"scenario": "books"})).await;
    client.until(&id, "in_progress").await;
    client.cancel(&id).await;
    let told = receiver.until(|told| told.len() >= 5).await;
    let names = types(&told);
    assert_eq!(names[..3], ["call.started"; 3]);
    assert_eq!(names[3..], ["call.ended", "call.analyzed"]);
    assert!(told[..3].iter().all(|again| again.id() == told[0].id()));
    assert_eq!(told[0].text, told[2].text);
    for secret in [&old, &new] {
        assert_eq!(judge(secret.trim(), &told), [true; 5]);
    }
}

#[tokio::test]
async fn what_waited_when_the_program_was_killed_is_sent_by_the_next() {
    let receiver = Receiver::start(|_, _| 200).await;
    let closed = format!("{}/", receiver.url).replace("127.0.0.1", "127.0.0.2");
    let mut client = Client::start(&[("AGENTPHONE__WEBHOOKS__RETRY_AFTER_SECONDS", "[3600]")]);
    // Nobody listens there, so it waits for an hour.
    let (_, id) = client
        .create(json!({"scenario": "busy", "webhook_url": closed}))
        .await;
    client.until(&id, "failed").await;
    let waiting = |client: &Client| {
        let list = client.command(&["webhooks", "list", "--call", &id, "--state", "waiting"]);
        list.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut lines = waiting(&client);
    while !lines[0].contains("could not connect") {
        lines = waiting(&client);
    }
    assert!(lines[0].contains("call.ended"), "{lines:?}");
    client.kill_and_start_again();
    assert_eq!(waiting(&client).len(), 1);
    // An account's address may change under what waits; the call's own does not.
    let event = lines[0].split(' ').next().unwrap();
    client.command(&["webhooks", "resend", event]);
    let (_, account_s) = client.create(json!({"scenario": "busy"})).await;
    client.until(&account_s, "failed").await;
    assert_eq!(receiver.told().len(), 0);

    client.command(&["webhooks", "set", "--account", "nopa", &receiver.url]);
    let (_, third) = client.create(json!({"scenario": "busy"})).await;
    let told = receiver.until(|told| !told.is_empty()).await;
    assert_eq!(told[0].body()["data"]["call_id"], third.as_str());
    let event = told[0].id().to_owned();
    client.command(&["webhooks", "resend", &event]);
    let told = receiver.until(|told| told.len() >= 2).await;
    assert_eq!(told[1].id(), event);
    let list = client.command(&[
        "webhooks",
        "list",
        "--account",
        "nopa",
        "--state",
        "delivered",
    ]);
    assert!(list.contains(&event) && list.contains("200 OK"), "{list}");
}

#[tokio::test]
async fn an_admin_manages_webhooks_over_http() {
    let receiver = Receiver::start(|_, _| 200).await;
    let client = Client::start(&[]);
    let base = "/api/v1/webhooks";
    let (status, none) = client.ask(Method::GET, base, Value::Null).await;
    assert_eq!((status.as_u16(), &none["data"]["url"]), (200, &Value::Null));
    let body = json!({"url": receiver.url});
    let (status, set) = client.ask(Method::PUT, base, body).await;
    assert_eq!(
        (status.as_u16(), &set["data"]["url"]),
        (200, &receiver.url.as_str().into())
    );
    let secret = set["data"]["secret"].as_str().unwrap();
    let shown = client.command(&["webhooks", "show", "--account", "nopa"]);
    assert_eq!(shown.trim(), secret);
    for (bad, status) in [
        (json!({"url": "ftp://x.example/"}), 422),
        (json!({"url": 7}), 422),
        (json!({}), 400),
        (json!([]), 400),
    ] {
        let (answered, body) = client.ask(Method::PUT, base, bad).await;
        assert_eq!(answered, status, "{body}");
    }
    let (_, id) = client.create(json!({"scenario": "busy"})).await;
    client.until(&id, "failed").await;
    let told = receiver.until(|told| !told.is_empty()).await;
    assert_eq!(judge(secret, &told[..1]), [true]);
    let event = told[0].id();
    let (status, again) = client
        .ask(
            Method::POST,
            &format!("{base}/events/{event}/resend"),
            Value::Null,
        )
        .await;
    assert_eq!(
        (status.as_u16(), &again["data"]["event_id"]),
        (202, &event.into()),
        "{again}"
    );
    receiver.until(|told| told.len() == 2).await;
    let path = format!("{base}/events?call_id={id}&limit=1");
    let (_, list) = client.ask(Method::GET, &path, Value::Null).await;
    assert_eq!(list["data"][0]["type"], "call.ended", "{list}");
    let (_, rotated) = client
        .ask(Method::POST, &format!("{base}/rotate"), Value::Null)
        .await;
    assert_ne!(rotated["data"]["secret"], secret);
    let off = json!({"url": null});
    let (_, off) = client.ask(Method::PUT, base, off).await;
    assert_eq!(off["data"]["url"], Value::Null);
    for (path, status) in [("events?state=lost", 422), ("events?limit=0", 422)] {
        let (answered, _) = client
            .ask(Method::GET, &format!("{base}/{path}"), Value::Null)
            .await;
        assert_eq!(answered, status, "{path}");
    }
    let unknown = format!("{base}/events/msg_x_1/resend");
    let (status, _) = client.ask(Method::POST, &unknown, Value::Null).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn the_own_network_is_not_told_unless_the_operator_allows_it() {
    let receiver = Receiver::start(|_, _| 200).await;
    let client = Client::start(&[("AGENTPHONE__NET__ALLOW", "[]"), HASTY]);
    for inside in [
        receiver.url.as_str(),
        "http://[::1]/x",
        "http://169.254.169.254/",
    ] {
        let body = json!({
            "to_phone_number": "+14155551234", "objective": "x", "webhook_url": inside,
        });
        let (status, answer) = client.ask(Method::POST, "/api/v1/calls", body).await;
        assert_eq!(status, 422, "{inside}: {answer}");
        assert_eq!(answer["code"], "invalid_field");
    }
    // A name is looked up when it is sent to, so it is refused there.
    let port = receiver.url.rsplit(':').next().unwrap();
    let (status, id) = client
        .create(json!({"scenario": "busy", "webhook_url": format!("http://localhost:{port}/")}))
        .await;
    assert_eq!(status, 202);
    client.until(&id, "failed").await;
    loop {
        let list = client.command(&["webhooks", "list", "--call", &id]);
        if list.contains("given up") {
            assert!(list.contains("no public address"), "{list}");
            break;
        }
    }
    assert_eq!(receiver.told().len(), 0);
}
