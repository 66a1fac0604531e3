//! Whole calls on real sound, by the program itself: Flite speaks on both sides, G.711 frames go over an impaired line,
//! PocketSphinx hears. Real time, so few of them; what every rule does is tested on virtual time elsewhere.

use std::process::{Command, Output};

use serde_json::Value;

/// Makes a call by `agentphone demo` and returns the call object that it ends with.
fn demo(scenario: &str) -> (Output, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_agentphone"))
        .args(["demo", "--scenario", scenario])
        .env("NO_COLOR", "1")
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let json = text
        .find("\n{\n")
        .and_then(|from| {
            text[from..]
                .find("\n}\n")
                .map(|to| &text[from..from + to + 2])
        })
        .unwrap_or_else(|| {
            panic!(
                "no JSON in:\n{text}\n{}",
                String::from_utf8_lossy(&output.stderr)
            )
        });
    let answer: Value = serde_json::from_str(json).expect("JSON");
    (output, answer["data"].clone())
}

fn words_of(call: &Value, speaker: &str) -> String {
    let turns = call["turns"].as_array().expect("turns");
    let said = turns.iter().filter(|turn| turn["speaker"] == speaker);
    said.map(|turn| turn["text"].as_str().unwrap_or_default().to_lowercase())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_host_who_books() {
    let (output, call) = demo("books");
    assert_eq!(call["status"], "completed", "{call:#}");
    assert_eq!(call["outcome"], "achieved", "{call:#}");
    assert_eq!(output.status.code(), Some(0));
    assert!(words_of(&call, "callee").contains("seven"), "{call:#}");
    assert!(
        words_of(&call, "agent").contains("table for two"),
        "{call:#}"
    );
    let evidence = call["evidence"].as_array().expect("evidence");
    assert!(!evidence.is_empty(), "{call:#}");
    let text = String::from_utf8_lossy(&output.stdout);
    for part in ["recording: ", "PocketSphinx", "Flite", "simulated"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn a_host_who_is_closed() {
    let (output, call) = demo("closed");
    assert_eq!(call["status"], "completed", "{call:#}");
    assert_eq!(call["outcome"], "not_achieved", "{call:#}");
    assert_ne!(output.status.code(), Some(0));
}

#[test]
fn a_machine() {
    let (_, call) = demo("voicemail");
    assert_eq!(call["answered_by"], "voicemail", "{call:#}");
    assert_eq!(call["end_reason"], "voicemail", "{call:#}");
    assert_eq!(call["outcome"], "not_achieved", "{call:#}");
}
