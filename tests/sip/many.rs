//! Many calls at once, and many broken messages: nothing is lost, nothing is left over.

use std::{path::Path, sync::Arc};

use agentphone::{
    driver::clock,
    line::{DialRequest, Line, sip::SipLine},
};
use tokio::net::UdpSocket;

use super::rig::{Sipp, call, follow, ms, options, request, trunk};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_out_at_once() {
    let sipp = Sipp::called("answer", 100, &[]);
    let mut set = options(vec![trunk(sipp.port)]);
    // Patience for a machine that does much else.
    set.t1 = ms(250);
    let line = Arc::new(SipLine::new(set).expect("a line"));
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let line = line.clone();
            tokio::spawn(async move { call(&line, request()).await })
        })
        .collect();
    for call in calls {
        let followed = call.await.expect("a call");
        assert_eq!(
            (followed.answered, followed.failed),
            (1, None),
            "{followed:?}"
        );
    }
    line.settle().await;
    sipp.done().await;
    assert_eq!(line.remembered(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_calls_in_at_once() {
    let mut set = options(Vec::new());
    set.peers = vec!["127.0.0.0/8".parse().expect("a network")];
    set.takes_calls = true;
    let line = Arc::new(SipLine::new(set).expect("a line"));
    let mut incoming = line.incoming().expect("it takes calls");
    let sipp = Sipp::calling("calls", line.local(), 60, 60);
    let mut calls = Vec::new();
    for _ in 0..60 {
        let came = incoming.recv().await.expect("a call");
        let line = line.clone();
        calls.push(tokio::spawn(async move {
            let request = DialRequest {
                incoming: Some(came.id.clone()),
                ..DialRequest::default()
            };
            came.take.send(true).expect("it waits");
            let leg = line.dial(request).await.expect("a leg");
            follow(leg, ms(20_000)).await
        }));
    }
    for call in calls {
        let followed = call.await.expect("a call");
        assert_eq!(
            (followed.answered, followed.hung_up),
            (1, true),
            "{followed:?}"
        );
    }
    sipp.done().await;
    line.settle().await;
    assert_eq!(line.remembered(), 0);
}

/// Messages after RFC 4475, one a file: each gets an answer or silence, and the line goes on.
#[tokio::test]
async fn messages_that_torture_parsers_do_no_harm() {
    let mut set = options(Vec::new());
    set.peers = vec!["127.0.0.0/8".parse().expect("a network")];
    set.takes_calls = true;
    let line = SipLine::new(set).expect("a line");
    let _incoming = line.incoming().expect("it takes calls");
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sip/torture");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("messages")
        .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a message"))
        .collect();
    files.sort();
    assert!(files.len() >= 12);
    let mut random = fastrand::Rng::with_seed(4475);
    for text in &files {
        let whole = text.replace('\n', "\r\n").into_bytes();
        socket
            .send_to(&whole, line.local())
            .await
            .expect("it is sent");
        for _ in 0..40 {
            let mut broken = whole.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..broken.len());
                match random.u8(..3) {
                    0 => broken[at] = random.u8(..),
                    1 => drop(broken.remove(at)),
                    _ => broken.truncate(at + 1),
                }
            }
            socket
                .send_to(&broken, line.local())
                .await
                .expect("it is sent");
        }
        clock::sleep(ms(5)).await;
    }
    // Whatever was made of all that, a question is still answered.
    let port = socket.local_addr().expect("an address").port();
    let question = format!(
        "OPTIONS sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bKlast\r\n\
         From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: the-last-one\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    socket
        .send_to(question.as_bytes(), line.local())
        .await
        .expect("it is sent");
    let mut bytes = [0; 65_536];
    let answered = clock::timeout(ms(5_000), async {
        loop {
            let (length, _) = socket.recv_from(&mut bytes).await.expect("an answer");
            let text = String::from_utf8_lossy(&bytes[..length]);
            if text.contains("the-last-one") {
                return text.starts_with("SIP/2.0 200");
            }
        }
    });
    assert_eq!(answered.await, Some(true));
}
