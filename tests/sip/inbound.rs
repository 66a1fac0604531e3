//! Calls that come in: from peers that were configured, and from nobody else.

use std::net::SocketAddr;

use agentphone::{
    driver::clock,
    line::{
        DialRequest, Incoming, Leg, Line,
        sip::{Options, SipLine},
    },
};
use tokio::sync::mpsc;

use super::rig::{FROM, Sipp, follow, free_port, ms, options};

/// A line that takes calls from this machine.
pub(crate) fn line() -> (SipLine, mpsc::Receiver<Incoming>) {
    let (line, _) = line_with(|_| ());
    let incoming = line.incoming().expect("it takes calls");
    (line, incoming)
}

/// The same with more that is set, and where it listens.
pub(crate) fn line_with(set: impl FnOnce(&mut Options)) -> (SipLine, SocketAddr) {
    let mut options = options(Vec::new());
    options.peers = vec!["127.0.0.0/8".parse().expect("a network")];
    options.takes_calls = true;
    set(&mut options);
    let line = SipLine::new(options).expect("a line");
    let at = line.local();
    (line, at)
}

pub(crate) async fn answer(line: &SipLine, incoming: Incoming) -> Leg {
    let request = DialRequest {
        incoming: Some(incoming.id.clone()),
        ..DialRequest::default()
    };
    incoming.take.send(true).expect("it waits");
    line.dial(request).await.expect("a leg")
}

#[tokio::test]
async fn a_call_of_a_peer_is_answered_and_its_caller_hangs_up() {
    let (line, mut incoming) = line();
    let sipp = Sipp::calling("calls", line.local(), 1, 1);
    let call = incoming.recv().await.expect("a call");
    assert_eq!(
        (call.to.as_str(), call.from.as_str()),
        (FROM, "+14155550123")
    );
    let leg = answer(&line, call).await;
    let followed = follow(leg, ms(20_000)).await;
    assert_eq!(
        (followed.answered, followed.hung_up),
        (1, true),
        "{followed:?}"
    );
    sipp.done().await;
    line.settle().await;
    assert_eq!(line.remembered(), 0);
}

#[tokio::test]
async fn a_call_of_a_peer_is_hung_up_by_us() {
    let (line, mut incoming) = line();
    let sipp = Sipp::calling("calls_and_waits", line.local(), 1, 1);
    let call = incoming.recv().await.expect("a call");
    let leg = answer(&line, call).await;
    let followed = follow(leg, ms(300)).await;
    assert_eq!(
        (followed.answered, followed.hung_up),
        (1, false),
        "{followed:?}"
    );
    line.settle().await;
    sipp.done().await;
    assert_eq!(line.remembered(), 0);
}

#[tokio::test]
async fn a_call_that_is_not_taken_finds_the_line_engaged() {
    let (line, mut incoming) = line();
    let sipp = Sipp::calling("calls_in_vain", line.local(), 1, 1);
    let call = incoming.recv().await.expect("a call");
    call.take.send(false).expect("it waits");
    sipp.done().await;
    line.settle().await;
}

/// Sends a datagram and returns what comes back within a second.
async fn ask(to: SocketAddr, text: &str) -> Option<String> {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0")
        .await
        .expect("a socket");
    socket
        .send_to(text.as_bytes(), to)
        .await
        .expect("it is sent");
    let mut bytes = [0; 4096];
    let (length, _) = clock::timeout(ms(1_000), socket.recv_from(&mut bytes))
        .await?
        .ok()?;
    Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

fn message(method: &str, tag: &str) -> String {
    format!(
        "{method} sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{};rport;branch=z9hG4bK{}\r\n\
         From: <sip:scanner@127.0.0.1>;tag=1\r\nTo: <sip:100@127.0.0.1>{tag}\r\nCall-ID: {}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:scanner@127.0.0.1:9>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        free_port(),
        fastrand::u64(..),
        fastrand::u64(..),
    )
}

#[tokio::test]
async fn strangers_get_no_answer() {
    let mut set = options(Vec::new());
    set.peers = vec!["203.0.113.0/24".parse().expect("a network")];
    set.takes_calls = true;
    let line = SipLine::new(set).expect("a line");
    let mut incoming = line.incoming().expect("it takes calls");
    for (method, tag) in [
        ("INVITE", ""),
        ("OPTIONS", ""),
        ("REGISTER", ""),
        ("BYE", ";tag=2"),
        ("CANCEL", ""),
    ] {
        let answer = ask(line.local(), &message(method, tag)).await;
        assert_eq!(answer, None, "{method}");
    }
    assert_eq!(line.counts().strangers, 5);
    assert!(incoming.try_recv().is_err());
}

#[tokio::test]
async fn peers_get_the_answer_that_is_due() {
    let (line, _incoming) = line();
    for (method, tag, status) in [
        ("OPTIONS", "", "200"),
        ("REGISTER", "", "405"),
        ("BYE", ";tag=2", "481"),
        ("INVITE", ";tag=2", "481"),
    ] {
        let answer = ask(line.local(), &message(method, tag))
            .await
            .unwrap_or_default();
        assert!(
            answer.starts_with(&format!("SIP/2.0 {status}")),
            "{method}: {answer}"
        );
    }
    assert_eq!(line.counts().unknown_calls, 2);
}
