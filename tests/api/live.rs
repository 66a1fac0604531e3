//! The live sockets, by a client that knows only their description.

use std::{sync::Arc, time::Duration};

use agentphone::{bus::Feed, driver::clock};
use futures_util::{SinkExt, StreamExt};
use protocol::{
    control::{Event, Numbered},
    ids::{CallId, KeyMode},
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

use crate::server::{Server, example, ringing};

pub(crate) type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) async fn try_connect(
    server: &Server,
    key: &str,
    path: &str,
) -> Result<Client, (u16, Value)> {
    let mut request = server
        .url(path)
        .replace("http://", "ws://")
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("x-api-key", key.parse().unwrap());
    match connect_async(request).await {
        Ok((client, _)) => Ok(client),
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            Err((
                response.status().as_u16(),
                serde_json::from_slice(body).unwrap_or(Value::Null),
            ))
        }
        Err(error) => panic!("{error}"),
    }
}

async fn connect(server: &Server, path: &str) -> Client {
    try_connect(server, &server.key, path).await.unwrap()
}

/// Returns the next text frame.
pub(crate) async fn next(client: &mut Client) -> Option<Value> {
    loop {
        match client.next().await? {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// Returns all text frames until the socket closes.
async fn rest(client: &mut Client) -> Vec<Value> {
    let mut events = Vec::new();
    while let Some(event) = next(client).await {
        events.push(event);
    }
    events
}

#[track_caller]
fn assert_gapless(events: &[Value], first: u64) {
    for (seq, event) in (first..).zip(events) {
        assert_eq!(event["seq"], seq, "{event}");
        assert!(
            event["t_ms"].is_u64() && event["type"].is_string(),
            "{event}"
        );
    }
}

#[tokio::test]
async fn a_whole_call_can_be_followed() {
    let server = Server::start().await;
    let id = server.create(&example()).await;
    let mut client = connect(&server, &format!("/calls/{id}/live")).await;
    let events = rest(&mut client).await;
    assert_gapless(&events, 0);
    assert_eq!(events[0]["type"], "snapshot");
    assert_eq!(events[0]["call"]["call_id"], id);
    let last = events.last().unwrap();
    assert_eq!(last["type"], "call.ended");
    assert_eq!(last["call"]["status"], "completed");
    assert!(
        last["call"]["recording_url"]
            .as_str()
            .unwrap()
            .starts_with("http")
    );
    assert!(
        events
            .iter()
            .any(|event| event["type"] == "call.status" && event["status"] == "dialing")
    );
    assert!(events.iter().all(|event| event["call_id"] == id.as_str()));
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed() {
    let server = Server::start().await;
    let id = server.create(&example()).await;
    let path = format!("/calls/{id}/live");
    let all = rest(&mut connect(&server, &path).await).await;
    let last = all.len() as u64 - 1;
    for after in [1, last / 2, last - 1, last] {
        let events = rest(&mut connect(&server, &format!("{path}?after={after}")).await).await;
        assert_eq!(events[0]["type"], "snapshot");
        assert_gapless(&events, after);
        let tail = usize::try_from(after).unwrap() + 1;
        assert_eq!(events[1..], all[tail..], "after {after}");
    }
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_before_the_handshake() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let (other, _) = server.new_key(KeyMode::Live);
    let path = format!("/calls/{id}/live");
    let own = server.key.as_str();
    let long = format!("{path}?after=1000000");
    for (key, path, status, code) in [
        ("", path.clone(), 401, "unauthorized"),
        (&other, path.clone(), 404, "call_not_found"),
        (
            own,
            "/calls/cl_abc123/live".to_owned(),
            404,
            "call_not_found",
        ),
        (own, format!("{path}?after=-1"), 422, "invalid_field"),
        (own, format!("{path}?after=x"), 422, "invalid_field"),
        (own, long, 422, "invalid_field"),
        (own, format!("{path}?audio=loud"), 422, "invalid_field"),
        (own, "/live?after=1".to_owned(), 422, "invalid_field"),
        (own, "/live?audio=1".to_owned(), 422, "invalid_field"),
        ("", "/live".to_owned(), 401, "unauthorized"),
    ] {
        let refusal = try_connect(&server, key, &path).await.unwrap_err();
        assert_eq!(
            (refusal.0, &refusal.1["code"]),
            (status, &json!(code)),
            "{path}"
        );
    }
    for path in [&path, "/live"] {
        let plain = server.get(path).await;
        plain.assert_error(426, "upgrade_required");
        assert_eq!(plain.headers["upgrade"], "websocket");
    }
}

async fn command(client: &mut Client, text: &str) -> Value {
    client.send(Message::text(text)).await.unwrap();
    loop {
        let frame = next(client).await.expect("a command is answered");
        if frame["type"] == "ack" || frame["type"] == "error" {
            return frame;
        }
    }
}

#[tokio::test]
async fn commands_are_answered_in_their_order() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let mut client = connect(&server, &format!("/calls/{id}/live")).await;
    for text in [
        r#"{"type":"say","id":1,"text":"Hello"}"#,
        r#"{"type":"instruct","id":2,"text":"Be brief"}"#,
        r#"{"type":"interrupt","id":3}"#,
        r#"{"type":"dtmf","id":4,"keys":"1"}"#,
        r#"{"type":"mute","id":5,"on":true}"#,
    ] {
        let sent: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            command(&mut client, text).await,
            json!({"type": "ack", "id": sent["id"]})
        );
    }
    for (text, id, code) in [
        ("nonsense", Value::Null, "invalid_json"),
        ("[]", Value::Null, "invalid_body"),
        (r#"{"type":"say","id":"a"}"#, json!("a"), "missing_field"),
        (r#"{"type":"dance","id":"b"}"#, json!("b"), "invalid_field"),
        (
            r#"{"type":"transfer","id":"c","to":"911"}"#,
            json!("c"),
            "emergency_number",
        ),
        (
            r#"{"type":"hang_up","id":"d","call_id":"cl_000000000000000000000000000000"}"#,
            json!("d"),
            "invalid_field",
        ),
    ] {
        let answer = command(&mut client, text).await;
        assert_eq!(
            (&answer["type"], &answer["id"]),
            (&json!("error"), &id),
            "{text}"
        );
        assert_eq!(answer["code"], code, "{text}");
        assert!(answer["error"].is_string());
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_closes_the_socket() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let mut client = connect(&server, &format!("/calls/{id}/live")).await;
    client
        .send(Message::text("x".repeat(70_000)))
        .await
        .unwrap();
    assert_eq!(closing(&mut client).await, CloseCode::Size);
}

#[tokio::test]
async fn pings_are_answered_and_binary_frames_ignored() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let mut client = connect(&server, &format!("/calls/{id}/live")).await;
    client.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    client.send(Message::Ping("here".into())).await.unwrap();
    loop {
        if let Message::Pong(payload) = client.next().await.unwrap().unwrap() {
            assert_eq!(&payload[..], b"here");
            break;
        }
    }
}

/// Appends an event of about a kilobyte to a call's log.
fn append(feed: &Feed) {
    let event = |seq| Numbered {
        seq,
        t_ms: 0,
        call_id: feed.call().clone(),
        event: Event::CalleePartial {
            text: "word ".repeat(200),
        },
    };
    feed.append(|seq| serde_json::to_string(&event(seq)).unwrap());
}

#[tokio::test]
async fn a_client_that_stops_reading_catches_up_with_everything() {
    const EVENTS: u64 = 20_000;
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let mut client = connect(&server, &format!("/calls/{id}/live")).await;
    let feed = server
        .supervisor
        .feed(&CallId::parse(&id).unwrap())
        .unwrap();
    // More than any buffer between us holds.
    for _ in 0..EVENTS {
        append(&feed);
    }
    let mut seen = 0;
    while seen < EVENTS {
        let event = next(&mut client).await.unwrap();
        assert!(
            event["type"] == "snapshot" || event["seq"] == seen + 1,
            "{event}"
        );
        seen = event["seq"].as_u64().unwrap();
    }
}

#[tokio::test]
async fn a_client_that_comes_back_during_the_call_misses_nothing() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let path = format!("/calls/{id}/live");
    let feed = server
        .supervisor
        .feed(&CallId::parse(&id).unwrap())
        .unwrap();
    let mut seen = 0;
    for _ in 0..5 {
        append(&feed);
        let mut client = connect(&server, &format!("{path}?after={seen}")).await;
        assert_eq!(next(&mut client).await.unwrap()["seq"], seen);
        append(&feed);
        for _ in 0..2 {
            seen += 1;
            assert_eq!(next(&mut client).await.unwrap()["seq"], seen);
        }
    }
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_nothing_behind() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let feed = server
        .supervisor
        .feed(&CallId::parse(&id).unwrap())
        .unwrap();
    // The call itself holds the feed, and holds it as often as it will only when it dials.
    let mut changed = feed.subscribe();
    while feed.last() < 2 {
        changed.changed().await.unwrap();
    }
    let before = Arc::strong_count(&feed);
    for path in [format!("/calls/{id}/live"), "/live".to_owned()] {
        let mut client = connect(&server, &path).await;
        next(&mut client).await.unwrap();
        assert!(Arc::strong_count(&feed) > before);
        drop(client);
    }
    for _ in 0..2_000 {
        append(&feed);
        if Arc::strong_count(&feed) == before {
            return;
        }
        clock::sleep(Duration::from_millis(2)).await;
    }
    panic!("a socket is still open");
}

#[tokio::test]
async fn sound_comes_to_those_who_want_it() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let feed = server
        .supervisor
        .feed(&CallId::parse(&id).unwrap())
        .unwrap();
    let mut quiet = connect(&server, &format!("/calls/{id}/live?audio=0")).await;
    next(&mut quiet).await.unwrap();
    assert!(!feed.has_listeners());
    let mut client = connect(&server, &format!("/calls/{id}/live?audio=1")).await;
    next(&mut client).await.unwrap();
    assert!(feed.has_listeners());
    let piece: Arc<[u8]> = (0..=255).collect();
    feed.play(piece.clone());
    loop {
        if let Message::Binary(bytes) = client.next().await.unwrap().unwrap() {
            assert_eq!(bytes[..], piece[..]);
            break;
        }
    }
}

#[tokio::test]
async fn watchers_that_stop_reading_do_not_slow_a_call() {
    let server = Server::start().await;
    let id = server.create(&example()).await;
    let path = format!("/calls/{id}/live");
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(connect(&server, &path).await);
    }
    server.wait_for(&id, "completed").await;
    for mut client in idle {
        assert_gapless(&rest(&mut client).await, 0);
    }
}

#[tokio::test]
async fn all_calls_of_an_account_share_a_socket() {
    let server = Server::start().await;
    let first = server.create(&ringing()).await;
    let mut client = connect(&server, "/live").await;
    let snapshot = next(&mut client).await.unwrap();
    assert_eq!(
        (&snapshot["type"], &snapshot["call_id"]),
        (&json!("snapshot"), &json!(first))
    );

    let second = server.create(&example()).await;
    let mut seen = Vec::new();
    while seen
        .last()
        .is_none_or(|event: &Value| event["type"] != "call.ended")
    {
        let event = next(&mut client).await.unwrap();
        if event["call_id"] == second.as_str() {
            seen.push(event);
        }
    }
    assert_eq!(seen[0]["type"], "snapshot");
    assert_gapless(&seen, 0);

    let answer = command(&mut client, r#"{"type":"interrupt","id":1}"#).await;
    assert_eq!(answer["code"], "missing_field");
    let to = |id: &str| format!(r#"{{"type":"interrupt","id":2,"call_id":"{id}"}}"#);
    assert_eq!(command(&mut client, &to(&first)).await["type"], "ack");
    assert_eq!(
        command(&mut client, &to(&second)).await["code"],
        "call_already_ended"
    );
    let stranger = Server::start().await;
    let foreign = stranger.create(&ringing()).await;
    assert_eq!(
        command(&mut client, &to(&foreign)).await["code"],
        "call_not_found"
    );
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let mut clients = Vec::new();
    for path in [format!("/calls/{id}/live"), "/live".to_owned()] {
        clients.push(connect(&server, &path).await);
    }
    server.shutdown.cancel();
    for mut client in clients {
        assert_eq!(closing(&mut client).await, CloseCode::Away);
    }
}

/// Returns the code with which the server closes the socket.
async fn closing(client: &mut Client) -> CloseCode {
    loop {
        if let Message::Close(frame) = client.next().await.unwrap().unwrap() {
            return frame.unwrap().code;
        }
    }
}
