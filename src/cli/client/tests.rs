use std::sync::{Arc, Mutex};

use futures_util::SinkExt;
use protocol::{
    ids::CallId,
    rest::{CreateCall, Offer, Status, Time},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{accept_hdr_async, tungstenite::handshake::server};

use super::*;

fn events() -> Vec<Numbered> {
    let body = br#"{"to_phone_number": "+14155551234", "objective": "x"}"#;
    let request = CreateCall::parse(body, &Offer::default()).unwrap().call;
    let call_id = CallId::new(1, 1);
    let call = Call::queued(
        call_id.clone(),
        &request,
        "simulated",
        Time::from_unix_ms(0),
    );
    let status = |status| Event::CallStatus { status };
    let all = [
        status(Status::Dialing),
        status(Status::InProgress),
        Event::CalleePartial { text: "yes".into() },
        Event::CallEnded {
            call: Box::new(Call {
                status: Status::Completed,
                ..call
            }),
        },
    ];
    all.into_iter()
        .zip(1..)
        .map(|(event, seq)| Numbered {
            seq,
            t_ms: seq,
            call_id: call_id.clone(),
            event,
        })
        .collect()
}

/// What the stand-in was asked: path, query and key of each connection.
type Asked = Arc<Mutex<Vec<String>>>;

/// Serves the live socket; each connection gets a few events after its cursor and is then lost.
async fn lossy_server(events: Vec<Numbered>, asked: Asked, each: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream, &events, &asked, each).await;
        }
    });
    url
}

async fn serve(stream: TcpStream, events: &[Numbered], asked: &Asked, each: usize) {
    let note = |request: &server::Request, response| {
        let key = request.headers()["x-api-key"].to_str().unwrap();
        asked
            .lock()
            .unwrap()
            .push(format!("{} {key}", request.uri()));
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, note).await.unwrap();
    let line = asked.lock().unwrap().last().unwrap().clone();
    let after = line
        .split("after=")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let after: u64 = after.parse().unwrap();
    let future = r#"{"seq": 0, "t_ms": 0, "call_id": "x", "type": "from.the.future"}"#;
    socket.send(Message::text(future)).await.unwrap();
    for event in events.iter().filter(|event| event.seq > after).take(each) {
        let text = serde_json::to_string(event).unwrap();
        socket.send(Message::text(text)).await.unwrap();
    }
    // Dropped without a closing handshake, as by a broken line.
}

#[tokio::test]
async fn a_lost_live_socket_is_taken_up_where_it_broke() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = Asked::default();
    let url = lossy_server(events(), asked.clone(), 2).await;
    let client = Client::new(&url, "ak_test_k".into()).unwrap_or_else(|_| panic!("no client"));
    let mut seen = Vec::new();
    let ended = client.follow("cl_1", |event| seen.push(event.seq)).await;
    assert_eq!(
        ended.unwrap_or_else(|Failure(why)| panic!("{why}")).status,
        Status::Completed
    );
    assert_eq!(seen, [1, 2, 3, 4]);
    assert_eq!(
        *asked.lock().unwrap(),
        [
            "/api/v1/calls/cl_1/live?after=0 ak_test_k",
            "/api/v1/calls/cl_1/live?after=2 ak_test_k"
        ]
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_any_more_is_given_up() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = Asked::default();
    let url = lossy_server(events(), asked.clone(), 0).await;
    // Real connections under paused time: only the waits between them are skipped.
    tokio::time::pause();
    let client = Client::new(&url, "k".into()).unwrap_or_else(|_| panic!("no client"));
    let Err(Failure(why)) = client.follow("cl_1", |_| {}).await else {
        panic!("it never ended");
    };
    assert!(why.contains("The call goes on"), "{why}");
    assert_eq!(asked.lock().unwrap().len(), 1 + RECONNECTS as usize);
}

#[test]
fn addresses_may_have_the_path_or_not() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for url in [
        "http://h:1",
        "http://h:1/",
        "http://h:1/api/v1",
        "http://h:1/api/v1/",
    ] {
        let client = Client::new(url, String::new()).unwrap_or_else(|_| panic!("{url}"));
        assert_eq!(client.base.as_str(), "http://h:1/api/v1/");
    }
    for url in ["", "h:1", "ftp://h", "http://"] {
        assert!(Client::new(url, String::new()).is_err(), "{url}");
    }
}

#[test]
fn refusals_are_told_with_what_to_do() {
    let body = ApiError::insufficient_credits("https://pay.example").body();
    let Failure(said) = refused(StatusCode::PAYMENT_REQUIRED, &body);
    assert!(
        said.contains("402") && said.ends_with("https://pay.example"),
        "{said}"
    );
    let Failure(said) = refused(StatusCode::BAD_GATEWAY, &Value::Null);
    assert!(said.contains("no reason given"), "{said}");
}
