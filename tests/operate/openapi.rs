//! The description of the interface against the running program: schemathesis makes requests of all kinds from
//! `/openapi.json` and finds no 500 and no undocumented answer.

use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use crate::{client::Client, python};

/// What is checked of every answer. Whether wrong data is refused is not: the interface takes unknown fields on purpose,
/// and a description cannot say which phone numbers exist.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance,unsupported_method,\
                      ensure_resource_availability";

/// Requests per operation and phase.
const EXAMPLES: &str = "10";

#[tokio::test]
async fn no_request_finds_a_fault_or_an_undocumented_answer() {
    let python = python::wait_for("schemathesis").await;
    let schemathesis = python.replace("/python", "/schemathesis");
    // Calls that are made here stay queued: one has the line for itself and rings for ever.
    let client = Client::start(&[("AGENTPHONE__CALLS__MAX_CONCURRENT", "1")]);
    let ringing = serde_json::json!({"scenario": "no-answer"});
    client.create(ringing).await;
    let url = format!("{}/openapi.json", client.url);
    let (status, described) = client.ask(Method::GET, "/openapi.json", Value::Null).await;
    assert_eq!(
        (status.as_u16(), &described["openapi"]),
        (200, &"3.1.0".into())
    );
    let output = tokio::task::spawn_blocking({
        let key = format!("x-api-key: {}", client.key);
        let folder = client.home.path().to_owned();
        move || {
            Command::new(schemathesis)
                .current_dir(folder)
                .args(["run", &url, "-H", &key, "--checks", CHECKS])
                .args(["--phases", "examples,coverage,fuzzing,stateful"])
                .args(["--max-examples", EXAMPLES, "--seed", "7", "--no-color"])
                // The key that the run itself uses must live on.
                .args(["--exclude-operation-id", "revokeKey"])
                .output()
                .unwrap()
        }
    })
    .await
    .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
