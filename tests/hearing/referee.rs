//! The stand-ins before the vendors' own Python packages, which `scripts/referee` installs below `target/`: what a stand-in
//! says must be what the vendor's package understands, and what it refuses must be refused for the same reason.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::standin::{self, KEY};
use crate::python;

/// Runs a referee's script with the package's Python; returns the JSON that it prints.
async fn run(package: &'static str, script: &str, url: &str) -> Value {
    let root = env!("CARGO_MANIFEST_DIR");
    let python = python::wait_for(package).await;
    let said = Command::new(python)
        .args([
            format!("{root}/tests/hearing/{script}"),
            url.to_owned(),
            KEY.to_owned(),
        ])
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap();
    assert!(
        said.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&said.stdout)
    );
    serde_json::from_slice(&said.stdout).expect("JSON")
}

#[tokio::test]
async fn deepgrams_package_understands_the_stand_in() {
    let standin = standin::deepgram::StandIn::start().await;
    let said = run("deepgram-sdk", "referee_deepgram.py", &standin.url()).await;
    let finals = said["listen"]["finals"].as_array().unwrap();
    let words: Vec<_> = finals.iter().filter_map(Value::as_str).collect();
    assert_eq!(words.join(" ").trim(), "hello a table for two", "{said:#}");
    for kind in [
        "ListenV1Results",
        "ListenV1SpeechStarted",
        "ListenV1UtteranceEnd",
        "ListenV1Metadata",
    ] {
        assert!(
            said["listen"]["kinds"]
                .as_array()
                .unwrap()
                .contains(&kind.into()),
            "{kind} in {said:#}"
        );
    }
    assert_eq!(said["listen"]["from_finalize"], true);
    let events = &said["turns"]["events"];
    let of_turns: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| **e != "Update")
        .collect();
    assert_eq!(
        of_turns,
        [
            "StartOfTurn",
            "EagerEndOfTurn",
            "TurnResumed",
            "EagerEndOfTurn",
            "EndOfTurn"
        ],
        "{said:#}"
    );
    assert_eq!(said["turns"]["transcript"], "a table for two");
    assert_eq!(said["turns"]["configured"], true);
    assert_eq!(said["wrong_key"], 401);
    assert_eq!(said["wrong_model"], 400);
    // One complaint: the model that there is not.
    standin.seen(|seen| assert_eq!(seen.complaints.len(), 1, "{:?}", seen.complaints));
}

#[tokio::test]
async fn openais_package_understands_the_stand_in() {
    let standin = standin::openai::StandIn::start().await;
    let said = run("openai", "referee_openai.py", &standin.url()).await;
    assert_eq!(said["text"], "hello a table for two", "{said:#}");
    assert_eq!(said["wrong_key"], "AuthenticationError");
    assert_eq!(said["wrong_model"], "NotFoundError");
    assert_eq!(said["busy"], "RateLimitError");
}
