//! The whole program: a call by REST, over SIP, with real sound, until the callee hangs up.

use agentphone::driver::clock;
use serde_json::{Value, json};
use tokio::net::UdpSocket;

use super::{
    peer::{Peer, Request},
    process::{Process, program},
    rig::{FROM, TO, free_port, ms},
};

fn environment(peer: u16) -> Vec<(&'static str, String)> {
    vec![
        ("AGENTPHONE__LINE__DEFAULT", "sip".into()),
        (
            "AGENTPHONE__LINE__SIP__LISTEN",
            format!("127.0.0.1:{}", free_port()),
        ),
        (
            "AGENTPHONE__LINE__SIP__TRUNKS",
            format!(
                "[{{ name = \"acme\", server = \"127.0.0.1:{peer}\", keep_alive_seconds = 0, from_phone_numbers = [\"{FROM}\"] }}]"
            ),
        ),
    ]
}

async fn ask(url: &str, key: &str, path: &str, body: Option<Value>) -> Value {
    let client = reqwest::Client::new();
    let url = format!("{url}/api/v1{path}");
    let request = match body {
        Some(body) => client.post(url).json(&body),
        None => client.get(url),
    };
    let answer = request
        .header("x-api-key", key)
        .send()
        .await
        .expect("an answer");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn a_call_by_rest_is_heard_at_the_other_end() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let peer = Peer::new().await;
    let env = environment(peer.port);
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let home = tempfile::tempdir().expect("a folder");
    let server = Process::start(home.path(), &env);
    let made = program(home.path(), &env)
        .args(["keys", "create"])
        .output()
        .expect("it runs");
    let key = String::from_utf8(made.stdout)
        .expect("a key")
        .trim()
        .to_owned();
    let body =
        json!({"to_phone_number": TO, "objective": "Ask for the opening hours", "line": "sip"});
    let created = ask(&server.url, &key, "/calls", Some(body)).await;
    let id = created["data"]["call_id"]
        .as_str()
        .expect("a call")
        .to_owned();

    let invite = peer.expect("INVITE").await;
    let sound = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let (extra, description) = peer.describes(sound.local_addr().expect("an address").port());
    peer.send(
        &invite.answer(
            "180 Ringing",
            &extra[..extra.find("Content").unwrap_or(0)],
            "",
        ),
        invite.from,
    )
    .await;
    peer.send(&invite.answer("200 OK", &extra, &description), invite.from)
        .await;
    peer.expect("ACK").await;
    // The agent speaks when nobody else does: half a second of what is no silence has to come.
    let spoken = clock::timeout(ms(20_000), async {
        let (mut loud, mut bytes) = (0, [0; 2048]);
        while loud < 25 {
            let (length, _) = sound.recv_from(&mut bytes).await.expect("sound");
            let samples = bytes[12..length]
                .iter()
                .map(|code| media::Law::Mu.decode_byte(*code));
            let peak = samples.map(i16::unsigned_abs).max().unwrap_or_default();
            loud += usize::from(length == 172 && peak > 1_000);
        }
    });
    assert_eq!(spoken.await, Some(()));
    peer.ask(&invite, Request::new("BYE", 9)).await;
    for _ in 0..100 {
        let call = ask(&server.url, &key, &format!("/calls/{id}"), None).await;
        let call = &call["data"];
        if call["status"] == "completed" {
            assert_eq!(call["line"], "sip", "{call}");
            assert!(
                call["transcript"]
                    .as_str()
                    .is_some_and(|words| words.contains("Agent:")),
                "{call}"
            );
            return;
        }
        clock::sleep(ms(100)).await;
    }
    panic!(
        "{}",
        ask(&server.url, &key, &format!("/calls/{id}"), None).await
    );
}
