//! The whole program over real sockets and in real time: configuration, server, REST over HTTP, streams over TCP.
//! What happens and in which order is asserted, not how long it takes.

use agentphone::{app::App, config::Config, driver::clock};
use protocol::ids::KeyMode;
use serde_json::{Value, json};

use super::{
    ACCOUNT, FROM, Plan, Reach, StandIn, Step, TOKEN, ms,
    standin::phone::{Phone, Seen},
    standin::{Reaction, rest, sign},
};

struct Program {
    app: App,
    standin: StandIn,
    key: String,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Program {
    async fn start() -> Self {
        let standin = StandIn::default();
        let api = standin.serve().await;
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ncreations_per_minute = 1000\n[log]\nlevel = \"off\"\n\
             [billing]\nfree_credits = 100\n[line]\ndefault = \"twilio\"\n[line.twilio]\n\
             account_sid = \"{ACCOUNT}\"\nauth_token = \"{TOKEN}\"\nfrom_phone_numbers = [\"{FROM}\"]\n\
             api_base = \"http://{api}\"\n"
        );
        let config = Config::parse(&text, "test.toml", []).expect("a configuration");
        let folder = tempfile::tempdir().expect("a folder");
        let app = App::start(&config, folder.path()).await.expect("it starts");
        let client = reqwest::Client::new();
        standin.reach(Reach::Network(client.clone()));
        let tools = app.tools();
        let issued = tools.create(None, String::new(), KeyMode::Live, clock::wall());
        let key = issued.expect("a key").key;
        Self {
            app,
            standin,
            key,
            client,
            _folder: folder,
        }
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("http://{}/api/v1{path}", self.app.address());
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
        format!("ws://{}/lines/twilio/media", program.app.address())
    );
    let reach = Reach::Network(program.client.clone());
    assert_eq!(reach.open(&stream.url, "AAAA", 0).await.err(), Some(403));
    let status = format!("http://{}/lines/twilio/status", program.app.address());
    assert_eq!(reach.post(&status, &[], Some("AAAA")).await.0, 403);

    let call = program.ended(&talks).await;
    assert_eq!(
        (&call["status"], &call["end_reason"]),
        (&json!("completed"), &json!("callee_hung_up")),
        "{call}"
    );
    let call = program.ended(&busy).await;
    assert_eq!(call["failure"]["reason"], "busy", "{call}");
    let call = program.ended(&breaks).await;
    assert_eq!(call["failure"]["reason"], "media_lost", "{call}");
    let path = format!("/calls/{unreached}/cancel?mode=now");
    program.ask(reqwest::Method::POST, &path, None).await;
    assert_eq!(program.ended(&unreached).await["status"], "canceled");
    let account = program.ask(reqwest::Method::GET, "/account", None).await;
    assert_eq!(account["data"]["credits_remaining"], 99, "{account}");

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
    use futures_util::{SinkExt, StreamExt};
    for message in phone.opening() {
        let text = tokio_tungstenite::tungstenite::Message::text(message.to_string());
        socket.send(text).await.expect("open");
    }
    let closed = socket.next().await;
    assert!(
        matches!(
            closed,
            Some(Ok(tokio_tungstenite::tungstenite::Message::Close(_)))
        ),
        "{closed:?}"
    );
    program.app.stop().await;
    program.standin.settled().await;
}
