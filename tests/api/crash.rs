//! A request that is repeated because the server died before it answered is one call and one credit, wherever the death
//! came: before the call was stored, after it, or in the middle of the answer.

use std::time::Duration;

use agentphone::driver::clock;
use reqwest::StatusCode;
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    process::{Process, program},
    server::example,
};

/// How often the server is killed.
const KILLS: u64 = 8;

const ENV: &[(&str, &str)] = &[
    ("AGENTPHONE__BILLING__FREE_CREDITS", "100"),
    ("AGENTPHONE__SERVER__CREATIONS_PER_MINUTE", "1000"),
];

async fn create(
    http: &reqwest::Client,
    url: &str,
    key: &str,
    (once, due): (&str, &str),
) -> reqwest::Result<Value> {
    // For later, so that the server has nothing to do but to keep it.
    let mut body = example();
    body["scheduled_at"] = due.into();
    let request = http
        .post(format!("{url}/api/v1/calls"))
        .header("x-api-key", key)
        .header("idempotency-key", once)
        .json(&body);
    let answer = request.send().await?;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    answer.json().await
}

async fn get(http: &reqwest::Client, url: &str, key: &str, path: &str) -> Value {
    let request = http
        .get(format!("{url}/api/v1{path}"))
        .header("x-api-key", key);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_a_crash_left_unanswered_is_one_call_when_it_is_repeated() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let due = (clock::wall() + Duration::from_secs(24 * 3600)).to_string();
    let home = tempfile::tempdir().unwrap();
    let made = program(home.path(), ENV)
        .args(["keys", "create"])
        .output()
        .unwrap();
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let mut random = fastrand::Rng::with_seed(9);
    let (mut answered, mut lost) = (0, 0);
    for n in 0..KILLS {
        let once = format!("order {n}");
        let http = reqwest::Client::new();
        let server = Process::start(home.path(), ENV);
        let (client, url) = (http.clone(), server.url.clone());
        let (first_key, first_once, first_due) = (key.clone(), once.clone(), due.clone());
        let first = tokio::spawn(async move {
            create(&client, &url, &first_key, (&first_once, &first_due)).await
        });
        clock::sleep(Duration::from_micros(random.u64(0..12_000))).await;
        server.signal(Signal::KILL);
        let first = first.await.unwrap().ok();
        let (_, log) = server.end();
        assert!(!log.contains("panicked"), "{log}");
        match &first {
            Some(_) => answered += 1,
            None => lost += 1,
        }

        let server = Process::start(home.path(), ENV);
        let again = create(&http, &server.url, &key, (&once, &due))
            .await
            .unwrap();
        if let Some(first) = first {
            assert_eq!(first, again);
        }
        let calls = get(&http, &server.url, &key, "/calls?limit=200").await;
        assert_eq!(calls["data"].as_array().unwrap().len() as u64, n + 1);
        let ledger = get(&http, &server.url, &key, "/account/ledger?limit=200").await;
        let lines = ledger["data"].as_array().unwrap();
        let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count() as u64;
        assert_eq!(of("reserve"), n + 1, "{ledger}");
        assert_eq!(of("settle") + of("give_back"), 0, "{ledger}");
        server.signal(Signal::KILL);
    }
    assert!(
        lost > 0,
        "{answered} requests were answered before every kill"
    );
}
