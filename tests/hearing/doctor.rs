//! `agentphone doctor` with recognisers that are not built in: what is configured is really tried.

use tokio::process::Command;

use super::{
    standin::{KEY, deepgram, openai},
    whisper::MODEL,
};

/// What the doctor says of speech to text with these settings.
async fn says(settings: &[(&str, &str)]) -> String {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentphone"));
    command.arg("doctor").arg("--data").arg(data.path());
    for (name, value) in settings {
        command.env(format!("AGENTPHONE__STT__{name}"), value);
    }
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("speech to text"));
    line.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[tokio::test]
async fn the_doctor_tries_the_recogniser_that_is_configured() {
    let streaming = deepgram::StandIn::start().await;
    let of_utterances = openai::StandIn::start().await;
    let (streaming, of_utterances) = (streaming.url(), of_utterances.url());
    let model = MODEL.to_str().unwrap();
    for (provider, more, expected) in [
        (
            "deepgram",
            vec![
                ("DEEPGRAM__BASE_URL", &*streaming),
                ("DEEPGRAM__API_KEY", KEY),
            ],
            "ok",
        ),
        (
            "deepgram",
            vec![
                ("DEEPGRAM__BASE_URL", &*streaming),
                ("DEEPGRAM__API_KEY", "expired"),
            ],
            "stt.deepgram.api_key",
        ),
        ("deepgram", vec![], "stt.deepgram.api_key"),
        (
            "openai",
            vec![
                ("OPENAI__BASE_URL", &*of_utterances),
                ("OPENAI__API_KEY", KEY),
            ],
            "ok",
        ),
        (
            "openai",
            vec![
                ("OPENAI__BASE_URL", &*of_utterances),
                ("OPENAI__API_KEY", "expired"),
            ],
            "stt.openai.api_key",
        ),
        (
            "openai",
            vec![("OPENAI__BASE_URL", "http://127.0.0.1:1/v1")],
            "cannot be reached",
        ),
        ("whisper", vec![("WHISPER__MODEL", model)], "ok"),
        (
            "whisper",
            vec![("WHISPER__MODEL", "base.en")],
            "agentphone models pull",
        ),
        ("whisper", vec![], "stt.whisper.model"),
    ] {
        let list = format!("[\"{provider}\"]");
        let mut settings = vec![("PROVIDERS", &*list)];
        settings.extend(more);
        let said = says(&settings).await;
        let state = said.split_whitespace().next().unwrap();
        assert_eq!(state == "ok", expected == "ok", "{settings:?}: {said}");
        assert!(said.contains(expected), "{settings:?}: {said}");
        assert!(!said.contains("expired"), "{said}");
    }
}
