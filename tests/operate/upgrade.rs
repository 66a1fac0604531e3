//! A server that is replaced by another program while clients ask and calls run: nobody is refused, calls come to their
//! ends, and whichever of the two dies at whatever time, the other one has everything.

use std::{
    process::{Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agentphone::driver::clock;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};

use crate::client::Client;

/// A process that is nobody's child here. Killed when dropped.
struct Other(Pid);

impl Other {
    /// Finds it in what `upgrade` prints.
    fn named(printed: &str) -> Self {
        let mut words = printed.split(' ').skip_while(|word| *word != "process");
        let pid = words.nth(1).and_then(|word| word.parse().ok());
        Self(Pid::from_raw(pid.expect(printed)).unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.0, signal).unwrap();
    }

    async fn gone(&self) {
        for _ in 0..1_500 {
            // One that was killed stays visible until whoever has it as a child looks.
            let state = std::fs::read_to_string(format!("/proc/{}/stat", self.0.as_raw_nonzero()));
            if state.map_or(true, |state| state.contains(") Z")) {
                return;
            }
            clock::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?} is still there", self.0);
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        if test_kill_process(self.0).is_ok() {
            let _ = kill_process(self.0, Signal::KILL);
        }
    }
}

/// Runs `agentphone upgrade` to its end.
async fn upgrade(client: &Client, args: &[&str]) -> Output {
    let mut command = client.prepare(&["upgrade"]);
    command.args(args).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Starts a new program that waits for the calls of the old one.
async fn begin(client: &Client) -> Other {
    let output = upgrade(client, &["--no-wait"]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    Other::named(&text(&output.stdout))
}

/// Clients that ask again and again, each in its own way.
struct Load {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    seen: Arc<Mutex<Seen>>,
}

/// What they got.
#[derive(Default)]
struct Seen {
    created: Vec<String>,
    answers: usize,
    wrong: Vec<String>,
}

impl Load {
    fn start(client: &Client, id: &str) -> Self {
        let (stop, seen) = (
            Arc::new(AtomicBool::new(false)),
            Arc::<Mutex<Seen>>::default(),
        );
        let tasks = (0..6).map(|n| {
            let builder = reqwest::Client::builder();
            let http = match n % 2 {
                // A connection for every request, and one that is kept.
                0 => builder.pool_max_idle_per_host(0),
                _ => builder,
            };
            let (url, key, id) = (client.url.clone(), client.key.clone(), id.to_owned());
            let (stop, seen, http) = (stop.clone(), seen.clone(), http.build().unwrap());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let request = match n {
                        0 | 1 => http.post(format!("{url}/api/v1/calls")).json(&json!({
                            "to_phone_number": "+14155551234",
                            "objective": "Book a table for 2 at 7pm",
                            "scenario": "busy",
                        })),
                        2 | 3 => http.get(format!("{url}/api/v1/calls/{id}")),
                        _ => http.get(format!("{url}/readyz")),
                    };
                    let answer = request.header("x-api-key", &key).send().await;
                    note(&seen, answer).await;
                    clock::sleep(Duration::from_millis(if n < 2 { 300 } else { 50 })).await;
                }
            })
        });
        let tasks = tasks.collect();
        Self { stop, tasks, seen }
    }

    async fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        Arc::into_inner(self.seen).unwrap().into_inner().unwrap()
    }
}

async fn note(seen: &Mutex<Seen>, answer: reqwest::Result<reqwest::Response>) {
    let read = match answer {
        Ok(answer) => {
            let status = answer.status().as_u16();
            answer.json::<Value>().await.map(|body| (status, body))
        }
        Err(error) => Err(error),
    };
    let mut seen = seen.lock().unwrap();
    seen.answers += 1;
    match read {
        Ok((202, body)) => {
            let id = body["data"]["call_id"].as_str().unwrap().to_owned();
            seen.created.push(id);
        }
        Ok((200, _)) => {}
        Ok((status, body)) => seen.wrong.push(format!("{status} {body}")),
        Err(error) => seen.wrong.push(format!("{error:?}")),
    }
}

async fn credits(client: &Client) -> i64 {
    let (_, body) = client
        .ask(Method::GET, "/api/v1/account", Value::Null)
        .await;
    body["data"]["credits_remaining"].as_i64().unwrap()
}

#[tokio::test]
async fn nobody_is_refused_while_a_new_program_takes_over_and_calls_run() {
    let mut client = Client::start(&[]);
    let (_, first) = client.create(json!({"scenario": "books"})).await;
    client.until_a_turn(&first).await;
    let load = Load::start(&client, &first);
    let output = upgrade(&client, &[]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let new = Other::named(&printed);
    assert!(printed.contains("ready and waits for "), "{printed}");
    assert!(printed.contains("serves, version 0."), "{printed}");
    let log = client.ended();
    // The new one is asked for a while, too.
    clock::sleep(Duration::from_millis(500)).await;
    let seen = load.end().await;
    assert!(seen.wrong.is_empty(), "{:?} {log}", seen.wrong);
    assert!(
        seen.answers > 100 && seen.created.len() > 10,
        "{}",
        seen.answers
    );
    // The call that ran came to its own end, and all that were created were made. What was understood in it is not asked
    // here: the machine was busy.
    let ended = client.until(&first, "completed").await;
    let by_itself = ["agent_hung_up", "callee_hung_up"].map(serde_json::Value::from);
    assert!(by_itself.contains(&ended["end_reason"]), "{ended}");
    for id in &seen.created {
        let ended = client.until(id, "failed").await;
        assert_eq!(ended["failure"]["reason"], "busy", "{ended}");
    }
    assert_eq!(credits(&client).await, 100_000 - 1);
    new.signal(Signal::TERM);
    new.gone().await;
}

#[tokio::test]
async fn whichever_dies_the_other_one_has_everything() {
    let mut client = Client::start(&[]);
    let (_, first) = client.create(json!({"scenario": "no-answer"})).await;
    client.until(&first, "dialing").await;

    // The new one dies: the old one goes on.
    let new = begin(&client).await;
    let (_, second) = client.create(json!({"scenario": "busy"})).await;
    clock::sleep(Duration::from_millis(100)).await;
    let (_, waits) = client
        .ask(Method::GET, &format!("/api/v1/calls/{second}"), Value::Null)
        .await;
    assert_eq!(waits["data"]["status"], "queued", "{waits}");
    let second_try = upgrade(&client, &[]).await;
    let said = text(&second_try.stderr);
    assert!(
        !second_try.status.success() && said.contains("take over already"),
        "{said}"
    );
    new.signal(Signal::KILL);
    client.until_logged("ended before it took over").await;
    client.until(&second, "failed").await;

    // The old one dies: the new one has it all.
    let new = begin(&client).await;
    let (_, third) = client.create(json!({"scenario": "busy"})).await;
    client.signal(Signal::KILL);
    // Connections that were open died with it; new ones wait for the other one.
    client.http = reqwest::Client::new();
    let ended = client.until(&first, "failed").await;
    assert_eq!(ended["failure"]["reason"], "interrupted_by_restart");
    client.until(&third, "failed").await;
    assert_eq!(credits(&client).await, 100_000);
    new.signal(Signal::TERM);
    new.gone().await;
    drop(client.kill());
}

#[tokio::test]
async fn a_program_that_does_not_start_changes_nothing() {
    let mut client = Client::configured("", &[]);
    let (_, running) = client.create(json!({"scenario": "no-answer"})).await;
    client.until(&running, "dialing").await;
    for (args, file, why) in [
        (&["--program", "/bin/false"][..], "", "exit status: 1"),
        (
            &["--program", "/nowhere/agentphone"],
            "",
            "/nowhere/agentphone cannot be used",
        ),
        (&["--program", "/etc/hostname"], "", "cannot be started"),
        (&[], "[calls]\npatience = 9\n", "did not start"),
        (
            &[],
            "[contact]\ndo_not_call_file = \"/nowhere\"\n",
            "did not start",
        ),
    ] {
        std::fs::write(client.home.path().join("agentphone.toml"), file).unwrap();
        let output = upgrade(&client, args).await;
        let said = text(&output.stderr);
        assert!(
            !output.status.success() && said.contains(why),
            "{args:?}: {said}"
        );
    }
    let (_, next) = client.create(json!({"scenario": "busy"})).await;
    client.until(&next, "failed").await;

    // Stopped while a new one waits, both end.
    std::fs::write(client.home.path().join("agentphone.toml"), "").unwrap();
    let new = begin(&client).await;
    let log = client.end(Signal::TERM);
    assert!(log.contains("goes on as before"), "{log}");
    new.gone().await;
}
