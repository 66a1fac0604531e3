//! A configuration that is changed while calls run: new calls are made by it, running ones go on as they began, and one
//! that cannot be is not taken.

use std::sync::Arc;

use agentphone::{
    provider::scripted::{ScriptedModel, ScriptedReply},
    supervisor::Equipment,
};
use call::Tool;
use protocol::{
    control::Event,
    rest::{self, Speaker},
};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    client::Client,
    support::{POLITE, Setup},
};

fn replies(name: &str) -> Vec<ScriptedReply> {
    vec![
        ScriptedReply::text(&format!(
            "Hi, I would like a table for two for {name}, please."
        )),
        ScriptedReply::tool(&format!("Thank you from {name}. Goodbye."), Tool::HangUp),
    ]
}

fn said(call: &rest::Call) -> String {
    let agent = call.turns.iter();
    let agent = agent.filter(|turn| turn.speaker == Speaker::Agent);
    agent
        .map(|turn| turn.text.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test(start_paused = true)]
async fn a_running_call_keeps_what_it_began_with_and_a_waiting_one_does_not() {
    let engine = Setup {
        scenario: POLITE,
        heard: vec!["nopa good evening", "yes that works you are all set"],
        replies: replies("Ada"),
        max_concurrent: 1,
        ..Setup::default()
    }
    .start();
    let running = engine.create().await;
    let answered = |event: &Event| matches!(event, Event::CalleeFinal { .. });
    engine.reached(&running, answered).await;
    let waiting = engine.create().await;
    let mut equipment = Equipment::clone(&engine.supervisor.equipment());
    equipment.llm = Arc::new(ScriptedModel::new(replies("Grace")));
    engine.supervisor.equip(equipment);
    engine.watch(&running).await;
    engine.watch(&waiting).await;
    let (first, second) = (
        said(&engine.stored(&running)),
        said(&engine.stored(&waiting)),
    );
    assert!(first.contains("Thank you from Ada"), "{first}");
    assert!(
        second.contains("for Grace") && !second.contains("Ada"),
        "{second}"
    );
}

const BEFORE: &str = "[calls]\nmax_concurrent = 1\n[llm.rules]\ncaller_name = \"Ada\"\n";
const AFTER: &str = "[server]\nlisten = \"127.0.0.1:9\"\n[calls]\nmax_concurrent = 2\nring_timeout_seconds = 7\n\
                     [llm]\nproviders = [\"openai\", \"rules\"]\n[llm.openai]\nbase_url = \"http://127.0.0.1:9/v1\"\n\
                     api_key = \"sk-n3w-s3cret\"\n[disclosure]\nai = true\n[log]\nlevel = \"debug\"\n";

async fn call(client: &Client, id: &str) -> Value {
    let path = format!("/api/v1/calls/{id}");
    let (_, mut answer) = client.ask(Method::GET, &path, Value::Null).await;
    answer["data"].take()
}

#[tokio::test]
async fn a_server_reads_its_file_again_and_a_bad_one_changes_nothing() {
    let mut client = Client::configured(BEFORE, &[]);
    let (_, first) = client.create(json!({"scenario": "books"})).await;
    client.until_a_turn(&first).await;
    let (_, second) = client.create(json!({"scenario": "books"})).await;
    assert_eq!(call(&client, &second).await["status"], "queued");

    let bad = "[calls]\nmax_concurrent = 9\npatience = 9\n[disclosure]\nai = true\n";
    let log = client.reload(bad, "nothing has changed").await;
    let line = log
        .lines()
        .find(|line| line.contains("nothing has changed"));
    assert!(
        line.unwrap()
            .contains("`calls.patience` is 9 and must be 0.5 to 3.0."),
        "{log}"
    );
    assert_eq!(
        call(&client, &second).await["status"],
        "queued",
        "the old limit holds"
    );

    // What it says is good, but what it names is not there.
    let missing = "[contact]\ndo_not_call_file = \"/nowhere/at/all\"\n";
    let log = client.reload(missing, "/nowhere/at/all").await;
    assert_eq!(log.matches("nothing has changed").count(), 2, "{log}");

    let log = client.reload(AFTER, "needs a restart").await;
    let line = |words: &str| {
        log.lines()
            .find(|line| line.contains(words))
            .unwrap()
            .to_owned()
    };
    let taken = line("hold for calls that begin from now on");
    for key in [
        "calls.max_concurrent",
        "disclosure.ai",
        "llm.openai.api_key",
        "log.level",
    ] {
        assert!(taken.contains(key), "{key} is not in {taken}");
    }
    assert!(line("needs a restart").contains("server.listen"));
    assert!(!log.contains("n3w-s3cret"), "{log}");
    client.until(&second, "in_progress").await;
    let (_, third) = client.create(json!({"scenario": "busy"})).await;
    let third = call(&client, &third).await;
    assert_eq!(third["disclosure"]["ai"], true, "{third}");
    let first_now = call(&client, &first).await;
    assert_eq!(first_now["status"], "in_progress", "{first_now}");
    assert_eq!(first_now["disclosure"], Value::Null);
    let (_, settings) = client
        .ask(Method::GET, "/api/v1/settings", Value::Null)
        .await;
    assert!(
        settings.to_string().contains("http://127.0.0.1:9/v1"),
        "{settings}"
    );
    client.cancel(&first).await;
    client.cancel(&second).await;
    let log = client.end(Signal::TERM);
    assert!(log.contains("DEBUG"), "the level of the log changed: {log}");
}
