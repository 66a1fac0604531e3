//! What the doctor says of a server that runs, and of what goes wrong around it.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};

use crate::{client::Client, process::program, stripe};

/// Returns what it finds, each by its name, and whether all is well. One name may have several findings.
fn findings(mut command: std::process::Command) -> (Vec<(String, String, String)>, bool) {
    let output = command.args(["doctor", "--json"]).output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = said["data"].as_array().unwrap().iter();
    let lines = lines.map(|line| {
        (
            text(&line["name"]),
            text(&line["state"]),
            text(&line["text"]),
        )
    });
    (lines.collect(), output.status.success())
}

#[track_caller]
fn has(found: &[(String, String, String)], name: &str, state: &str, words: &str) {
    let there = found
        .iter()
        .any(|(n, s, text)| n == name && s == state && text.contains(words));
    assert!(there, "{name}, {state}, {words}: {found:#?}");
}

#[tokio::test]
async fn a_running_server_is_known_and_what_is_around_it_is_tried() {
    let standin = stripe::StandIn::default();
    let api = format!("http://{}", standin.serve().await);
    let client = Client::start(&[
        ("AGENTPHONE__WEBHOOKS__RETRY_AFTER_SECONDS", "[3600]"),
        ("AGENTPHONE__BILLING__STRIPE__API_BASE", &api),
        ("AGENTPHONE__BILLING__STRIPE__SECRET_KEY", stripe::KEY),
        (
            "AGENTPHONE__BILLING__STRIPE__WEBHOOK_SECRET",
            stripe::WEBHOOK_SECRET,
        ),
    ]);
    let nowhere = "http://127.0.0.1:9/hook";
    let (_, id) = client
        .create(json!({"scenario": "busy", "webhook_url": nowhere}))
        .await;
    client.until(&id, "failed").await;
    let at = client.url.strip_prefix("http://").unwrap().to_owned();
    let doctor = |env: &[(&str, &str)]| {
        let mut command = client.prepare(&[]);
        command
            .env("AGENTPHONE__SERVER__LISTEN", &at)
            .envs(env.iter().copied());
        tokio::task::spawn_blocking(move || findings(command))
    };
    let (found, good) = doctor(&[("AGENTPHONE__SERVER__PUBLIC_URL", &client.url)])
        .await
        .unwrap();
    assert!(good, "{found:#?}");
    has(
        &found,
        "data folder",
        "good",
        "in use by a running server (process ",
    );
    has(&found, "address", "good", "held by the running server");
    has(&found, "open files", "good", "may open");
    has(&found, "clock", "good", "UTC");
    has(&found, "webhooks", "good", "1 wait to be delivered");
    has(&found, "public_url", "good", "which leads here");
    has(&found, "stripe", "note", "10 credits are sold for 1000 usd");

    let (found, good) = doctor(&[
        ("AGENTPHONE__SERVER__LISTEN", "127.0.0.1:9"),
        ("AGENTPHONE__SERVER__PUBLIC_URL", &api),
        ("AGENTPHONE__BILLING__STRIPE__SECRET_KEY", "sk_wrong"),
        ("AGENTPHONE__DATA__MIN_FREE_MIB", "4000000000"),
        ("AGENTPHONE__CALLS__MAX_CONCURRENT", "1000000000000"),
    ])
    .await
    .unwrap();
    assert!(!good);
    has(&found, "address", "note", "needs a restart");
    has(&found, "public_url", "bad", "cannot be reached");
    has(&found, "stripe", "bad", "401");
    has(&found, "disk space", "bad", "no call is taken");
    has(&found, "open files", "bad", "LimitNOFILE");
}

#[test]
fn a_file_with_keys_that_everybody_can_read_and_a_bad_one_are_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("agentphone.toml");
    let doctor = |text: &str, mode: u32| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = program(
            home.path(),
            &[("AGENTPHONE__SERVER__LISTEN", "127.0.0.1:0")],
        );
        let output = command
            .args(["doctor", "--json", "--config"])
            .arg(&file)
            .output()
            .unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        (said["data"].to_string(), output.status.success())
    };
    let secret = "[tts.cartesia]\napi_key = \"s3cret\"\n";
    let (said, good) = doctor(secret, 0o644);
    assert!(
        good && said.contains("chmod o-rwx") && !said.contains("s3cret"),
        "{said}"
    );
    assert!(said.contains("opens with version"), "{said}");
    let (said, _) = doctor(secret, 0o640);
    assert!(!said.contains("chmod"), "{said}");
    let (said, _) = doctor("", 0o644);
    assert!(!said.contains("chmod"), "{said}");
    let (said, good) = doctor("[calls]\npatience = 9\n", 0o600);
    assert!(!good && said.contains("calls.patience"), "{said}");
}
