//! Vendors' official Python packages as referees: `scripts/referee` installs them below `target/`, and they are asked by scripts
//! beside the tests, a question and an answer a line.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

/// Returns the Python that has a package. May wait for its installation.
pub(crate) fn of(package: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/referee");
    let made = Command::new(script).arg(package).output().expect("a shell");
    assert!(
        made.status.success(),
        "scripts/referee could not install {package}; it needs python3 with venv, and PyPI:\n{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let python = String::from_utf8(made.stdout).expect("a path");
    python.trim().to_owned()
}

/// As [`of`], where a thread must not wait.
pub(crate) async fn wait_for(package: &'static str) -> String {
    let python = tokio::task::spawn_blocking(move || of(package));
    python.await.expect("it ends")
}

/// Asks a script below `tests/` that has the package; returns the lines that it answers, one for each question.
pub(crate) fn ask(package: &str, script: &str, questions: &[Value]) -> Vec<String> {
    let mut referee = Command::new(of(package))
        .arg(format!("{}/tests/{script}", env!("CARGO_MANIFEST_DIR")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut input = referee.stdin.take().expect("a pipe");
    let lines: String = questions
        .iter()
        .map(|question| format!("{question}\n"))
        .collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).expect("it listens"));
    let output = referee.wait_with_output().expect("it ends");
    writer.join().expect("it was written");
    assert!(
        output.status.success(),
        "{script} ends with {}",
        output.status
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), questions.len(), "{text}");
    answers
}

/// As [`ask`], where every answer is JSON.
pub(crate) fn ask_json(package: &str, script: &str, questions: &[Value]) -> Vec<Value> {
    let answers = ask(package, script, questions);
    let read = |line: &String| serde_json::from_str(line).expect("JSON");
    answers.iter().map(read).collect()
}
