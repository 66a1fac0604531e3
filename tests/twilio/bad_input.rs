//! Strangers and broken carriers: refused, counted, and no running call is harmed.

use agentphone::line::Line;
use futures_util::{SinkExt, StreamExt};
use protocol::rest::Status;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::{
    PUBLIC, Plan, Rig, Step, TO, booking, ms, polite, request,
    standin::{ACCOUNT, phone::Phone, reach::Reach, rest, sign},
};

fn url(path: &str) -> String {
    format!("{PUBLIC}/lines/twilio/{path}")
}

fn form() -> Vec<(String, String)> {
    [
        ("CallSid", "CA1"),
        ("AccountSid", ACCOUNT),
        ("CallStatus", "completed"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// A key that was changed because somebody else knew it is good for nothing from then on.
#[tokio::test(start_paused = true)]
async fn after_a_change_of_keys_the_old_one_signs_nothing() {
    let rig = Rig::new();
    let reach = Reach::Memory(rig.line.endpoints().expect("paths"));
    let url = url("status");
    let signature = sign(&url, &form());
    assert_eq!(reach.post(&url, &form(), Some(&signature)).await.0, 204);
    let changed = Rig::options(|options| options.auth_token = "another-token".into());
    rig.line
        .adjust(changed, std::sync::Arc::new(rig.standin.clone()));
    assert_eq!(reach.post(&url, &form(), Some(&signature)).await.0, 403);
    let back = Rig::options(|options| options.account_sid = "AC2".into());
    rig.line
        .adjust(back, std::sync::Arc::new(rig.standin.clone()));
    // The account stays what it was, whatever is asked.
    assert_eq!(reach.post(&url, &form(), Some(&signature)).await.0, 204);
}

#[tokio::test(start_paused = true)]
async fn only_the_carrier_may_tell() {
    let rig = Rig::new();
    let reach = Reach::Memory(rig.line.endpoints().expect("paths"));
    for path in ["status?ref=1", "amd", "stream", "voice", "nothing"] {
        let url = url(path);
        let good = sign(&url, &form());
        for signature in [None, Some(""), Some("AAAA"), Some(&good[1..])] {
            let (status, _) = reach.post(&url, &form(), signature).await;
            assert_eq!(status, 403, "{path} {signature:?}");
        }
        let mut changed = form();
        changed[2].1 = "busy".into();
        assert_eq!(reach.post(&url, &changed, Some(&good)).await.0, 403);
        // Signed for another path.
        let other = sign(&format!("{url}x"), &form());
        assert_eq!(reach.post(&url, &form(), Some(&other)).await.0, 403);
    }
    assert_eq!(rig.line.counts().forged, 30);
    // Another account's callback is none of ours, though its signature be right.
    let mut foreign = form();
    foreign[1].1 = "AC2".into();
    let url = url("status");
    assert_eq!(
        reach
            .post(&url, &foreign, Some(&sign(&url, &foreign)))
            .await
            .0,
        403
    );
    // What is signed and about nobody is taken note of.
    assert_eq!(
        reach
            .post(&url, &form(), Some(&sign(&url, &form())))
            .await
            .0,
        204
    );
    assert_eq!(rig.line.counts().unknown_calls, 1);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_no_forms_need_their_hash() {
    let rig = Rig::new();
    let reach = Reach::Memory(rig.line.endpoints().expect("paths"));
    let body = format!("{{\"a\": \"{}\"}}", "x".repeat(1 << 20));
    let plain = url("status");
    let answer = reach
        .post_body(
            &plain,
            "application/json",
            body.clone(),
            Some(&sign(&plain, &[])),
        )
        .await;
    assert_eq!(answer.0, 403);
    use sha2::Digest as _;
    let hash: String = sha2::Sha256::digest(&body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let hashed = url(&format!("status?bodySHA256={hash}"));
    let answer = reach
        .post_body(&hashed, "application/json", body, Some(&sign(&hashed, &[])))
        .await;
    // Known to be the carrier's, and still nothing that can be used.
    assert_eq!(answer.0, 405);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_to_be_signed() {
    let rig = Rig::new();
    let reach = Reach::Memory(rig.line.endpoints().expect("paths"));
    let stream = "wss://phone.example/lines/twilio/media";
    for signature in ["", "AAAA", &sign("wss://phone.example/other", &[])] {
        assert_eq!(
            reach.open(stream, signature, 1024).await.err(),
            Some(403),
            "{signature}"
        );
    }
    assert_eq!(
        reach
            .open("wss://phone.example/lines/twilio/nothing", "", 1024)
            .await
            .err(),
        Some(404)
    );
    for signed in [
        stream,
        "https://phone.example/lines/twilio/media",
        "wss://phone.example:443/lines/twilio/media",
    ] {
        assert!(
            reach.open(stream, &sign(signed, &[]), 1024).await.is_ok(),
            "{signed}"
        );
    }
}

/// A stream that says nothing, the wrong thing, or has a wrong token is closed.
#[tokio::test(start_paused = true)]
async fn a_stream_has_to_know_its_token() {
    let rig = Rig::new();
    let reach = Reach::Memory(rig.line.endpoints().expect("paths"));
    let stream = "wss://phone.example/lines/twilio/media";
    let wrong = [
        ("ref".to_owned(), "0".repeat(32)),
        ("token".to_owned(), "0".repeat(32)),
    ];
    for opening in [
        Vec::new(),
        vec!["hello".to_owned()],
        vec!["{}".to_owned(); 10],
        Phone::new("CA1", &wrong, &Plan::default(), Default::default())
            .opening()
            .map(|m| m.to_string())
            .to_vec(),
        Phone::new("CA1", &[], &Plan::default(), Default::default())
            .opening()
            .map(|m| m.to_string())
            .to_vec(),
    ] {
        let mut socket = reach
            .open(stream, &sign(stream, &[]), 64 * 1024)
            .await
            .expect("signed");
        for text in &opening {
            socket
                .send(Message::text(text.clone()))
                .await
                .expect("open");
        }
        let end = loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => break frame,
                Some(Ok(_)) => {}
                other => panic!("{opening:?}: {other:?}"),
            }
        };
        assert_eq!(u16::from(end.expect("a reason").code), 1008, "{opening:?}");
    }
    assert_eq!(rig.line.counts().bad_streams, 5);
}

#[tokio::test(start_paused = true)]
async fn a_running_call_takes_no_harm() {
    let rig = Rig::new();
    let media = |payload: &str| {
        let text = json!({"event": "media", "streamSid": "MZ00000000000000000000000000000001", "media": {"track": "inbound", "payload": payload}});
        Step::Send(text.to_string())
    };
    let nonsense = vec![
        Step::Send(String::new()),
        Step::Send("{".into()),
        Step::Send("[1, 2]".into()),
        Step::Send(format!(
            r#"{{"event":"media","x":"{}"}}"#,
            "x".repeat(1 << 20)
        )),
        Step::Send(r#"{"event":"tea","streamSid":"MZ00000000000000000000000000000001"}"#.into()),
        Step::Send(r#"{"event":"media","streamSid":"MZ2","media":{"payload":"/w=="}}"#.into()),
        Step::Send(r#"{"event":"mark","mark":{"name":"999999"}}"#.into()),
        Step::Send(r#"{"event":"mark","mark":{"name":"who?"}}"#.into()),
        media("this is no base64!"),
        media(""),
        media("/w=="),
        media("////////"),
        media(&"/".repeat(204 / 3 * 4)),
        media(&"/".repeat(20_000)),
    ];
    let mut steps = polite();
    steps.splice(1..1, nonsense);
    rig.standin.plan(TO, Plan::answers(steps));
    let engine = rig.engine(booking());
    let id = engine.create_with(request()).await.data.call_id;

    // While it runs: a second stream with the same token, and with another call's name.
    agentphone::driver::clock::sleep(ms(5_000)).await;
    let made = &rig.standin.calls()[0];
    let twiml = rest::stream_of(made.field("Twiml").expect("instructions")).expect("a stream");
    let reach = Reach::Memory(rig.line.endpoints().expect("paths"));
    for sid in [made.sid.as_str(), "CA99"] {
        let mut socket = reach
            .open(&twiml.url, &sign(&twiml.url, &[]), 64 * 1024)
            .await
            .expect("signed");
        let mut phone = Phone::new(sid, &twiml.parameters, &Plan::default(), Default::default());
        for message in phone.opening() {
            socket
                .send(Message::text(message.to_string()))
                .await
                .expect("open");
        }
        assert!(
            matches!(socket.next().await, Some(Ok(Message::Close(_)))),
            "{sid}"
        );
    }
    engine.watch(&id).await;
    rig.standin.settled().await;
    let call = engine.stored(&id);
    assert_eq!(call.status, Status::Completed, "{call:?}");
    assert_eq!(call.turns.len(), 4, "{:?}", call.turns);
    assert!(call.turns.iter().all(|turn| !turn.interrupted));
    let counts = rig.line.counts();
    assert_eq!(counts.second_streams, 2, "{counts:?}");
    assert_eq!(counts.unknown_events, 1, "{counts:?}");
    assert_eq!(counts.foreign, 1, "{counts:?}");
    assert_eq!(counts.odd_frames, 3, "{counts:?}");
    assert_eq!(counts.unreadable, 8, "{counts:?}");
}
