//! The program's own commands that ask a running server, against one: listing, watching over a connection that breaks, steering,
//! and what they tell other programs.

use std::{
    net::SocketAddr,
    process::{Output, Stdio},
    time::Duration,
};

use agentphone::driver::clock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
};

use crate::server::{Server, example, ringing};

impl Server {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentphone"));
        command
            .args(arguments)
            .env_clear()
            .env("AGENTPHONE_URL", format!("http://{}", self.address))
            .env("AGENTPHONE_KEY", &self.key)
            .kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What a command told other programs: one line of JSON.
#[track_caller]
fn told(output: &Output) -> Value {
    let out = text(&output.stdout);
    assert_eq!(out.lines().count(), 1, "{out}{}", text(&output.stderr));
    serde_json::from_str(out).unwrap()
}

fn of(scenario: &str) -> Value {
    let mut body = example();
    body["scenario"] = scenario.into();
    body
}

#[tokio::test]
async fn calls_are_listed_page_by_page_and_read() {
    let server = Server::start().await;
    let empty = server.run(&["calls"]).await;
    assert!(empty.status.success() && empty.stdout.is_empty());
    assert!(text(&empty.stderr).contains("no such calls"));
    let busy = server.create(&of("busy")).await;
    server.wait_for(&busy, "failed").await;
    let mut ids = vec![busy.clone()];
    for _ in 0..203 {
        ids.push(server.create(&ringing()).await);
    }
    // Of calls made in the same millisecond the ids alone decide.
    ids.sort();
    ids.reverse();

    let list = told(&server.run(&["calls", "--limit", "203", "--json"]).await);
    let listed: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["call_id"].clone())
        .collect();
    assert_eq!(listed, ids[..203]);
    assert_eq!(list["has_more"], true);
    let cursor = list["next_cursor"].as_str().unwrap();
    let rest = told(&server.run(&["calls", "--cursor", cursor, "--json"]).await);
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&rest["has_more"], &rest["next_cursor"]),
        (&json!(false), &Value::Null)
    );

    let table = server.run(&["calls", "--status", "failed"]).await;
    let table = text(&table.stdout);
    let heading: Vec<_> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        heading,
        ["CALL", "CREATED", "STATE", "LASTED", "TO", "OBJECTIVE"]
    );
    let row = table.lines().nth(1).unwrap();
    for part in [
        busy.as_str(),
        "failed: busy",
        "Nopa",
        "Book a table for 2 at 7pm",
    ] {
        assert!(row.contains(part), "{part}: {table}");
    }
    assert!(!table.contains('\x1b'));
    let short = server.run(&["calls", "--limit", "2"]).await;
    assert_eq!(text(&short.stdout).lines().count(), 3);
    assert!(
        text(&short.stderr).contains("--cursor "),
        "{}",
        text(&short.stderr)
    );

    let shown = server.run(&["calls", "get", &busy]).await;
    let shown = text(&shown.stdout);
    for part in [
        "call      cl_",
        "to        Nopa (+14155551234)",
        "status    failed: The line was busy",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let read = told(&server.run(&["calls", "get", &busy, "--json"]).await);
    assert_eq!(read["data"]["failure"]["reason"], "busy");
}

#[tokio::test]
async fn what_cannot_be_done_is_told_to_people_and_to_programs() {
    let server = Server::start().await;
    let unknown = protocol::ids::CallId::new(1, 1).to_string();
    for (arguments, exit, code) in [
        (
            vec!["calls", "get", &unknown, "--json"],
            1,
            "call_not_found",
        ),
        (vec!["watch", &unknown, "--json"], 1, "call_not_found"),
        (
            vec!["play", &unknown, "--json", "--out", "/dev/null"],
            1,
            "call_not_found",
        ),
        (
            vec!["calls", "say", &unknown, "Hello.", "--json"],
            1,
            "call_not_found",
        ),
        (
            vec!["call", "911", "--objective", "x", "--json"],
            1,
            "emergency_number",
        ),
    ] {
        let output = server.run(&arguments).await;
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}");
        assert_eq!(told(&output)["code"], code, "{arguments:?}");
        assert!(
            text(&output.stderr).starts_with("error: the server refused (4"),
            "{arguments:?}"
        );
    }
    let nobody = server
        .command(&["calls", "--json"])
        .env("AGENTPHONE_URL", "http://127.0.0.1:1")
        .output()
        .await
        .unwrap();
    assert_eq!(
        (nobody.status.code(), &told(&nobody)["code"]),
        (Some(1), &json!("failed"))
    );
    let keyless = server
        .command(&["calls", "--json"])
        .env_remove("AGENTPHONE_KEY")
        .output()
        .await
        .unwrap();
    assert_eq!(
        (keyless.status.code(), &told(&keyless)["code"]),
        (Some(2), &json!("usage"))
    );
    for arguments in [
        ["calls", "get", "../keys"],
        ["calls", "--limit", "0"],
        ["calls", "--status", "done"],
    ] {
        let output = server.run(&arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test]
async fn a_call_that_is_followed_decides_the_exit_status() {
    let server = Server::start().await;
    let busy = server.create(&of("busy")).await;
    let watched = server.run(&["watch", &busy]).await;
    assert_eq!(watched.status.code(), Some(4), "{}", text(&watched.stderr));
    assert!(text(&watched.stdout).contains("status    failed: The line was busy"));
    // It is over by now, and looks the same.
    assert_eq!(server.run(&["watch", &busy]).await.stdout, watched.stdout);
    let hung_up = server.create(&of("books")).await;
    assert_eq!(
        server.run(&["watch", &hung_up]).await.status.code(),
        Some(3)
    );
    let canceled = server.create(&ringing()).await;
    let ended = told(&server.run(&["calls", "cancel", &canceled, "--json"]).await);
    assert_eq!(ended["data"]["status"], "canceled");
    assert_eq!(
        server.run(&["watch", &canceled]).await.status.code(),
        Some(5)
    );
}

/// Passes connections on, and breaks every one that becomes a WebSocket after so many bytes of the server's, `breaks` times.
async fn flaky(to: SocketAddr, mut breaks: u32) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let read = client.read(&mut head).await.unwrap();
            let live = head[..read].windows(5).any(|part| part == b"/live");
            let mut server = TcpStream::connect(to).await.unwrap();
            server.write_all(&head[..read]).await.unwrap();
            if live && breaks > 0 {
                breaks -= 1;
                tokio::spawn(async move {
                    let (mut from, mut to) = (server.take(2_000), client);
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            } else {
                tokio::spawn(async move {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        }
    });
    address
}

#[tokio::test]
async fn a_lost_connection_is_opened_again_and_no_event_is_missed_or_told_twice() {
    let server = Server::start().await;
    let id = server.create(&of("books")).await;
    server.wait_for(&id, "completed").await;
    let whole = server.run(&["watch", &id, "--json"]).await;
    let through = flaky(server.address, 2).await;
    let broken = server
        .command(&["watch", &id, "--json"])
        .env("AGENTPHONE_URL", format!("http://{through}"))
        .output()
        .await
        .unwrap();
    assert_eq!(broken.status.code(), Some(3), "{}", text(&broken.stderr));
    let through = flaky(server.address, 1).await;
    let told = server
        .command(&["watch", &id])
        .env("AGENTPHONE_URL", format!("http://{through}"))
        .output()
        .await
        .unwrap();
    let lost = text(&told.stdout)
        .matches("the connection was lost")
        .count();
    assert_eq!((told.status.code(), lost), (Some(3), 1));
    let numbers = |output: &Output| -> Vec<(u64, String)> {
        let event = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
        let events = text(&output.stdout).lines().map(event);
        events
            .map(|event| {
                (
                    event["seq"].as_u64().unwrap(),
                    event["type"].as_str().unwrap().to_owned(),
                )
            })
            .collect()
    };
    let seen = numbers(&broken);
    assert_eq!(seen, numbers(&whole));
    assert_eq!(seen[0], (0, "snapshot".to_owned()));
    assert!(
        (1..)
            .zip(&seen[1..])
            .all(|(expected, (seq, _))| expected == *seq),
        "{seen:?}"
    );
    assert_eq!(seen.last().unwrap().1, "call.ended");
}

#[tokio::test]
async fn ctrl_c_ends_the_watching_and_not_the_call() {
    let server = Server::start().await;
    let id = server.create(&of("stays")).await;
    let mut watching = server
        .command(&["watch", &id])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("in progress") {
            break;
        }
    }
    let pid = i32::try_from(watching.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
    let left = watching.wait_with_output().await.unwrap();
    assert_eq!(left.status.code(), Some(130));
    assert!(text(&left.stderr).contains(&format!(
        "The call goes on. Watch it again with `agentphone watch {id}`"
    )));
    assert_eq!(
        server.get(&format!("/calls/{id}")).await.body["data"]["status"],
        "in_progress"
    );
    assert!(
        server
            .run(&["calls", "cancel", &id, "--now"])
            .await
            .status
            .success()
    );
}

#[tokio::test]
async fn a_running_call_takes_commands_and_one_that_is_over_does_not() {
    let server = Server::start().await;
    let id = server.create(&of("stays")).await;
    server.wait_for(&id, "in_progress").await;
    for command in [
        vec!["say", &id, "Good evening."],
        vec!["instruct", &id, "Be brief."],
        vec!["press", &id, "12w#"],
        vec!["interrupt", &id],
        vec!["mute", &id],
        vec!["unmute", &id],
    ] {
        let arguments = [&["calls"][..], &command, &["--json"]].concat();
        let output = server.run(&arguments).await;
        assert!(
            output.status.success(),
            "{command:?} {}",
            text(&output.stderr)
        );
        assert_eq!(told(&output)["data"]["call_id"], id.as_str());
    }
    for (command, code) in [
        (vec!["press", &id, "x"], "invalid_field"),
        (vec!["say", &id, ""], "invalid_field"),
        (vec!["transfer", &id, "911"], "emergency_number"),
        (vec!["answer", &id, "Yes."], "invalid_field"),
    ] {
        let arguments = [&["calls"][..], &command, &["--json"]].concat();
        let output = server.run(&arguments).await;
        assert_eq!(
            (output.status.code(), &told(&output)["code"]),
            (Some(1), &json!(code)),
            "{command:?}"
        );
    }
    assert!(
        server
            .run(&["calls", "cancel", &id, "--now"])
            .await
            .status
            .success()
    );
    server.wait_for(&id, "canceled").await;
    let late = server.run(&["calls", "say", &id, "Hello?", "--json"]).await;
    assert_eq!(
        (late.status.code(), &told(&late)["code"]),
        (Some(1), &json!("call_already_ended"))
    );
}

#[tokio::test]
async fn a_recording_is_played_written_and_cut() {
    let server = Server::start().await;
    let id = server.create(&of("books")).await;
    server.wait_for(&id, "completed").await;
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.wav");
    let played = server
        .run(&["play", &id, "--out", whole.to_str().unwrap(), "--json"])
        .await;
    assert!(played.status.success(), "{}", text(&played.stderr));
    let told_whole = told(&played);
    let reader = hound::WavReader::open(&whole).unwrap();
    assert_eq!(reader.spec().channels, 2);
    let seconds = f64::from(reader.duration()) / f64::from(reader.spec().sample_rate);
    assert!((told_whole["data"]["seconds"].as_f64().unwrap() - seconds).abs() < 0.001);
    let callee = folder.path().join("callee.wav");
    let from = (seconds / 2.0).to_string();
    let arguments = [
        "play",
        &id,
        "--side",
        "callee",
        "--from",
        &from,
        "--out",
        callee.to_str().unwrap(),
    ];
    assert!(server.run(&arguments).await.status.success());
    let half = hound::WavReader::open(&callee).unwrap();
    assert_eq!(half.spec().channels, 1);
    assert!(half.duration().abs_diff(reader.duration() / 2) < 10);
    for (arguments, sentence) in [
        (["--from", "3600"], "there is nothing from 3600.0 s on"),
        (["--turn", "99"], "there is no turn 99"),
        (
            ["--player", "/no/such/player"],
            "/no/such/player cannot be run",
        ),
    ] {
        let all = [&["play", &id][..], &arguments].concat();
        let all = if arguments[0] == "--player" {
            all
        } else {
            [&all[..], &["--out", "/dev/null"]].concat()
        };
        let refused = server.run(&all).await;
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            text(&refused.stderr).contains(sentence),
            "{}",
            text(&refused.stderr)
        );
    }
    // A player that is found gets the file; without any, a sentence says what to do.
    let player = folder.path().join("aplay");
    let copy = folder.path().join("played.wav");
    std::fs::write(
        &player,
        format!("#!/bin/sh\n/bin/cp \"$2\" '{}'\n", copy.display()),
    )
    .unwrap();
    std::fs::set_permissions(&player, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let found = server
        .command(&["play", &id])
        .env("PATH", folder.path())
        .output()
        .await
        .unwrap();
    assert!(found.status.success(), "{}", text(&found.stderr));
    assert_eq!(std::fs::read(copy).unwrap(), std::fs::read(whole).unwrap());
    let none = server
        .command(&["play", &id])
        .env("PATH", "/nowhere")
        .output()
        .await
        .unwrap();
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("--out FILE") && text(&none.stderr).contains("alsa-utils"));
}

#[tokio::test]
async fn following_a_new_call_goes_on_until_somebody_has_enough() {
    let server = Server::start().await;
    let arguments = [
        "call",
        "+14155551234",
        "--objective",
        "Book a table",
        "--scenario",
        "never_answers",
        "--follow",
        "--json",
    ];
    let mut following = server
        .command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stderr.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("dialing") {
            break;
        }
    }
    let pid = i32::try_from(following.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
    let limit = Duration::from_secs(20);
    let left = clock::timeout(limit, following.wait_with_output())
        .await
        .expect("it ends")
        .unwrap();
    assert_eq!(left.status.code(), Some(130));
    let told: Value = serde_json::from_slice(&left.stdout).unwrap();
    assert_eq!(told["data"]["status"], "dialing");
}
