//! The vendors' official Python packages, installed by `scripts/referee`, speak by our stand-ins: so these speak as the
//! vendors do, and what is tested against them holds for the vendors.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    python,
    speech::{Fault, KEY, Services},
};

const TEXT: &str = "Good evening, this is Nopa.";

/// Has the package speak, while the server meets it with this fault.
async fn speak(package: &'static str, key: &str, faults: &[Fault]) -> (Value, Services) {
    let server = Services::start(faults).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services/referee.py");
    let spoken = Command::new(python::wait_for(package).await)
        .args([script, package, &server.url("http"), key, TEXT])
        .output()
        .await
        .expect("Python runs");
    let errors = String::from_utf8_lossy(&spoken.stderr).into_owned();
    assert!(spoken.status.success(), "{errors}");
    let answer = serde_json::from_slice(&spoken.stdout).expect("JSON");
    (answer, server)
}

#[tokio::test]
async fn the_package_of_openai_speaks_by_the_stand_in() {
    let (answer, server) = speak("openai", KEY, &[]).await;
    // 60 ms a character of 16-bit samples at 24 kHz.
    assert_eq!(
        answer,
        json!({"bytes": TEXT.len() * 1440 * 2, "models": []})
    );
    assert_eq!(server.texts(), [TEXT]);
    for (key, faults, expected) in [
        (
            "sk_wrong",
            &[][..],
            json!({"error": "AuthenticationError", "code": "invalid_api_key", "retry_after": null}),
        ),
        (
            KEY,
            &[Fault::Expired],
            json!({"error": "AuthenticationError", "code": "invalid_api_key", "retry_after": null}),
        ),
        (
            KEY,
            &[Fault::Busy(7)],
            json!({"error": "RateLimitError", "code": "rate_limit_exceeded", "retry_after": "7"}),
        ),
    ] {
        let (answer, _server) = speak("openai", key, faults).await;
        assert_eq!(answer, expected);
    }
    let (answer, _server) = speak("openai", KEY, &[Fault::CutAfter(8)]).await;
    assert!(answer["error"].is_string(), "{answer}");
}

#[tokio::test]
async fn the_package_of_elevenlabs_speaks_by_the_stand_in() {
    let (answer, server) = speak("elevenlabs", KEY, &[]).await;
    // 60 ms a character of the text and the two blanks that the package puts at its end, a byte a sample at 8 kHz.
    assert_eq!(answer, json!({"bytes": (TEXT.len() + 2) * 480}));
    assert_eq!(server.texts(), [TEXT]);
    for (key, faults) in [("sk_wrong", &[][..]), (KEY, &[Fault::Expired])] {
        let (answer, _server) = speak("elevenlabs", key, faults).await;
        assert!(answer["error"].is_string(), "{answer}");
    }
}
