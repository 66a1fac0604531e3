//! The Dockerfile without an engine: the steps of its last stage are carried out, word by word, in the clean Debian that
//! the package is tried in, and what the image would start is started and asked for its health.

use std::fs;

use serde_json::Value;

use crate::machine::{Machine, package, project};

/// One instruction, with what it says.
type Step = (String, String);

/// Reads the last stage: instructions, with continued lines joined.
fn last_stage() -> Vec<Step> {
    let text = fs::read_to_string(project().join("Dockerfile")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let steps: Vec<Step> = joined
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()))
        .collect();
    let from = steps.iter().rposition(|(word, _)| word == "FROM").unwrap();
    steps[from..].to_vec()
}

fn one<'a>(stage: &'a [Step], word: &str) -> &'a str {
    let mut found = stage.iter().filter(|(step, _)| step == word);
    let (_, rest) = found.next().unwrap_or_else(|| panic!("no {word}"));
    assert!(found.next().is_none(), "{word} twice");
    rest
}

/// A command in the form of a JSON list, for a shell.
fn command(list: &str) -> String {
    let words: Vec<String> = serde_json::from_str(list).unwrap();
    let quoted = words
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', "'\\''")));
    quoted.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_steps_of_the_dockerfile_lead_to_a_healthy_server() {
    let stage = last_stage();
    assert_eq!(one(&stage, "FROM"), "debian:bookworm-slim");
    assert_eq!(one(&stage, "USER"), "agentphone");
    let machine = Machine::boot();
    for (word, rest) in &stage {
        match word.as_str() {
            "COPY" => {
                let file = package().file_name().unwrap().to_str().unwrap();
                assert_eq!(
                    rest,
                    "--from=package /src/target/debian/agentphone_*.deb /tmp/"
                );
                machine.copy(package(), &format!("/tmp/{file}"));
            }
            // There is no network here; what it would fetch is installed.
            "RUN" => {
                machine.sh(&format!("{{ {rest}; }} 2>&1"));
            }
            "FROM" | "ENV" | "USER" | "VOLUME" | "EXPOSE" | "HEALTHCHECK" | "ENTRYPOINT"
            | "CMD" => {}
            other => panic!("this test does not know {other}"),
        }
    }
    assert_eq!(machine.sh("find /tmp -name '*.deb'"), "");
    // Nothing runs but what is started here: an image has no service manager.
    machine.sh("systemctl stop agentphone");
    assert_eq!(one(&stage, "VOLUME"), "/var/lib/agentphone");
    assert_eq!(machine.sh("stat -c '%u %a' /var/lib/agentphone"), "990 700");

    let start = format!(
        "{} {}",
        command(one(&stage, "ENTRYPOINT")),
        command(one(&stage, "CMD"))
    );
    let server = machine.start_as_user(&format!(
        "export {}; echo $$ >/tmp/pid; exec {start}",
        one(&stage, "ENV")
    ));
    let health = one(&stage, "HEALTHCHECK").split_once("CMD ").unwrap().1;
    machine.as_user(&format!(
        "for try in {{1..100}}; do {} 2>/dev/null && exit; sleep 0.1; done; exit 1",
        command(health)
    ));
    // Whoever comes from outside uses an address that the packaged configuration would not listen at.
    let answer = machine.sh("curl -sS http://127.0.0.2:8080/healthz");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["status"], "ok");
    machine.sh("kill -TERM $(cat /tmp/pid)");
    assert!(server.end().contains("listening on http://0.0.0.0:8080"));
    let ill = machine.attempt(&command(health));
    assert!(
        !ill.status.success(),
        "a server that is gone is not healthy"
    );
}

#[test]
fn compose_lets_calls_end_and_keeps_what_must_survive() {
    let text = fs::read_to_string(project().join("compose.yaml")).unwrap();
    let example = fs::read_to_string(project().join("agentphone.example.toml")).unwrap();
    let example: toml::Table = toml::from_str(&example).unwrap();
    let drain = example["calls"]["drain_seconds"].as_integer().unwrap();
    let grace = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("stop_grace_period: "));
    let grace: i64 = grace.unwrap().trim_end_matches('s').parse().unwrap();
    assert!(grace > drain, "{grace}");
    let volume = format!("data:{}", one(&last_stage(), "VOLUME"));
    assert!(text.contains(&volume), "{volume}");
    assert!(text.contains("read_only: true") && text.contains("no-new-privileges:true"));
}
