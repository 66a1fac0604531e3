//! The whole program over real sockets and in real time: configuration, server, REST over HTTP, streams over TCP.
//! What happens and in which order is asserted, not how long it takes.

use agentphone::driver::clock;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{
    ACCOUNT, FROM, Plan, Reach, StandIn, Step, TOKEN, ms,
    process::{Process, program},
    standin::phone::{Phone, Seen},
    standin::{Reaction, rest, sign},
};

struct Program {
    process: Process,
    standin: StandIn,
    key: String,
    client: reqwest::Client,
    home: tempfile::TempDir,
}

/// The environment that configures the line for a stand-in at `api`.
fn environment(api: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AGENTPHONE__LINE__DEFAULT", "twilio".into()),
        ("AGENTPHONE__LINE__TWILIO__ACCOUNT_SID", ACCOUNT.into()),
        ("AGENTPHONE__LINE__TWILIO__AUTH_TOKEN", TOKEN.into()),
        (
            "AGENTPHONE__LINE__TWILIO__FROM_PHONE_NUMBERS",
            format!("[\"{FROM}\"]"),
        ),
        (
            "AGENTPHONE__LINE__TWILIO__API_BASE",
            format!("http://{api}"),
        ),
        ("AGENTPHONE__BILLING__FREE_CREDITS", "100".into()),
        ("AGENTPHONE__SERVER__CREATIONS_PER_MINUTE", "1000".into()),
    ]
}

fn borrowed<'a>(env: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    env.iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

impl Program {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let standin = StandIn::default();
        let env = environment(&standin.serve().await.to_string());
        let home = tempfile::tempdir().expect("a folder");
        let process = Process::start(home.path(), &borrowed(&env));
        let client = reqwest::Client::new();
        standin.reach(Reach::Network(client.clone()));
        let made = program(home.path(), &borrowed(&env))
            .args(["keys", "create"])
            .output();
        let made = made.expect("it runs");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        Self {
            process,
            standin,
            key: String::from_utf8(made.stdout)
                .expect("a key")
                .trim()
                .to_owned(),
            client,
            home,
        }
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/api/v1{path}", self.process.url);
        let mut request = self
            .client
            .request(method, url)
            .header("x-api-key", &self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    async fn create(&self, to: &str) -> String {
        let body = json!({"to_phone_number": to, "objective": "Ask for the opening hours", "from_phone_number": FROM});
        let answer = self.ask(reqwest::Method::POST, "/calls", Some(body)).await;
        answer["data"]["call_id"]
            .as_str()
            .expect("a call")
            .to_owned()
    }

    /// Makes a call by the command line, from a number.
    async fn call_from(&self, from: &str, to: &str) -> std::process::Output {
        let env = [
            ("AGENTPHONE_URL", self.process.url.as_str()),
            ("AGENTPHONE_KEY", self.key.as_str()),
        ];
        let mut command = program(self.home.path(), &env);
        command.args(["call", to, "--objective", "Ask", "--json"]);
        command.args(["--from-phone-number", from]);
        let run = tokio::task::spawn_blocking(move || command.output());
        run.await.expect("it ends").expect("it runs")
    }

    async fn ended(&self, id: &str) -> Value {
        loop {
            let answer = self
                .ask(reqwest::Method::GET, &format!("/calls/{id}"), None)
                .await;
            if !answer["data"]["ended_at"].is_null() {
                return answer["data"].clone();
            }
            clock::sleep(ms(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_over_real_sockets() {
    let program = Program::start().await;
    let talks = "+14155551001";
    program.standin.plan(
        talks,
        Plan::answers(vec![Step::Hears(ms(800)), Step::HangUp]),
    );
    let busy = "+14155551002";
    program.standin.plan(busy, Plan::default());
    let breaks = "+14155551003";
    program.standin.plan(
        breaks,
        Plan::answers(vec![Step::Hears(ms(200)), Step::Drop]),
    );
    let unreached = "+14155551004";
    program.standin.plan(
        unreached,
        Plan {
            reaction: Reaction::NoAnswer,
            ring: ms(60_000),
            ..Plan::default()
        },
    );
    let (talks, busy, breaks, unreached) = tokio::join!(
        program.create(talks),
        program.create(busy),
        program.create(breaks),
        program.create(unreached)
    );
    // A second stream with the token of a call that runs, over the network.
    let stolen = loop {
        if let Some(call) = program.standin.calls().first() {
            break call.clone();
        }
        clock::sleep(ms(10)).await;
    };
    let stream = rest::stream_of(stolen.field("Twiml").expect("instructions")).expect("a stream");
    assert_eq!(
        stream.url,
        format!(
            "{}/lines/twilio/media",
            program.process.url.replace("http", "ws")
        )
    );
    let reach = Reach::Network(program.client.clone());
    assert_eq!(reach.open(&stream.url, "AAAA", 0).await.err(), Some(403));
    let status = format!("{}/lines/twilio/status", program.process.url);
    assert_eq!(reach.post(&status, &[], Some("AAAA")).await.0, 403);

    let call = program.ended(&talks).await;
    assert_eq!(
        (&call["status"], &call["end_reason"]),
        (&json!("completed"), &json!("callee_hung_up")),
        "{call}"
    );
    let call = program.ended(&busy).await;
    assert_eq!(call["failure"]["reason"], "busy", "{call}");
    let made = program.call_from(FROM, "+14155551002").await;
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let id = made["data"]["call_id"].as_str().expect("a call");
    let call = program.ended(id).await;
    assert_eq!(call["from_phone_number"], FROM, "{call}");
    assert_eq!(call["failure"]["reason"], "busy", "{call}");
    let refused = program.call_from("+14155559999", "+14155551002").await;
    assert!(!refused.status.success());
    let why = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(why.contains("from_phone_number"), "{why}");
    let call = program.ended(&breaks).await;
    assert_eq!(call["failure"]["reason"], "media_lost", "{call}");
    let path = format!("/calls/{unreached}/cancel?mode=now");
    program.ask(reqwest::Method::POST, &path, None).await;
    assert_eq!(program.ended(&unreached).await["status"], "canceled");
    let account = program.ask(reqwest::Method::GET, "/account", None).await;
    // Two were connected, one of which broke.
    assert_eq!(account["data"]["credits_remaining"], 98, "{account}");

    let report = program.standin.report("+14155551001");
    assert_eq!(report.faults, Vec::<String>::new());
    assert!(
        report
            .seen
            .iter()
            .any(|(_, seen)| matches!(seen, Seen::Mark(_)))
    );
    assert!(report.most_ahead <= ms(300), "{:?}", report.most_ahead);
    // A stream after its call, with the token that is used up.
    let mut socket = reach
        .open(&stream.url, &sign(&stream.url, &[]), 0)
        .await
        .expect("signed");
    let mut phone = Phone::new(
        &stolen.sid,
        &stream.parameters,
        &Plan::default(),
        Default::default(),
    );
    for message in phone.opening() {
        let text = Message::text(message.to_string());
        socket.send(text).await.expect("open");
    }
    let closed = socket.next().await;
    assert!(matches!(closed, Some(Ok(Message::Close(_)))), "{closed:?}");
    program.standin.settled().await;
    let metrics = format!("{}/metrics", program.process.url);
    let numbers = program.client.get(metrics).send().await.expect("an answer");
    let numbers = numbers.text().await.expect("text");
    for (reason, least) in [("forged", 2), ("bad_streams", 1)] {
        let name = format!("agentphone_line_refused_total{{line=\"twilio\",reason=\"{reason}\"}} ");
        let count = numbers.lines().find_map(|line| line.strip_prefix(&name));
        let count: u64 = count.expect(&name).parse().expect("a number");
        assert!(count >= least, "{reason} {count}");
    }
}

/// Without a server of its own running, `doctor` starts one for the way back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_looks_at_the_account_and_the_way_back() {
    let standin = StandIn::default();
    let mut env = environment(&standin.serve().await.to_string());
    env.push(("AGENTPHONE__SERVER__LISTEN", "127.0.0.1:0".into()));
    let doctor = |env: Vec<(&'static str, String)>| async move {
        let home = tempfile::tempdir().expect("a folder");
        let run = move || {
            let output = program(home.path(), &borrowed(&env))
                .args(["doctor", "--line", "twilio"])
                .output();
            String::from_utf8(output.expect("it runs").stdout).expect("text")
        };
        tokio::task::spawn_blocking(run).await.expect("it ends")
    };
    let said = doctor(env.clone()).await;
    for expected in [
        "ok       account",
        "+14155550100 belongs to the account",
        "callbacks and streams reach us, and forged ones are refused",
        // On this machine there is no TLS, which carriers need.
        "is not https://",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let mut wrong = env.clone();
    wrong[2].1 = "another token".into();
    let said = doctor(wrong).await;
    assert!(
        said.contains("check line.twilio.account_sid with auth_token"),
        "{said}"
    );
    let mut unowned = env;
    unowned[3].1 = "[\"+14155550999\"]".into();
    let said = doctor(unowned).await;
    assert!(said.contains("neither bought nor verified"), "{said}");
}
