//! Ways to a trunk: over TCP, by several addresses of one name, through limits; and what the doctor says of them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use agentphone::{
    driver::clock,
    line::{
        Line,
        sip::{Dns, SipLine, check},
    },
    provider::BoxFuture,
};
use rsipstack::sip::Transport;

use super::{
    peer::Peer,
    rig::{Sipp, call, follow, free_port, ms, options, request, trunk},
};

/// A name server that knows one answer.
#[derive(Debug)]
struct Known(Vec<SocketAddr>);

impl Dns for Known {
    fn look_up<'a>(
        &'a self,
        host: &'a str,
        port: Option<u16>,
        _: Transport,
    ) -> BoxFuture<'a, Result<Vec<SocketAddr>, String>> {
        assert_eq!((host, port), ("trunk.example", None));
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

#[tokio::test]
async fn the_next_address_of_a_trunk_takes_over_and_is_tried_first_from_then_on() {
    let good = Sipp::called("answer", 2, &[]);
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let mut trunk = trunk(good.port);
    trunk.host = "trunk.example".into();
    trunk.domain = "trunk.example".into();
    trunk.port = None;
    let dns = Known(vec![at(free_port()), at(good.port)]);
    let line = SipLine::with_dns(options(vec![trunk]), Arc::new(dns)).expect("a line");
    let mut took = Vec::new();
    for _ in 0..2 {
        let begun = clock::now();
        let followed = call(&line, request()).await;
        followed.was_answered();
        took.push(clock::now() - begun);
    }
    // The second call did not wait for the dead address, 16 times T1.
    assert!(took[0] > took[1], "{took:?}");
    line.settle().await;
    good.done().await;
}

#[tokio::test]
async fn a_call_over_tcp() {
    let port = free_port();
    let sipp = Sipp::start("answer", 1, port, &["-t".into(), "t1".into()]);
    let mut trunk = trunk(port);
    trunk.transport = Transport::Tcp;
    let line = SipLine::new(options(vec![trunk])).expect("a line");
    // TCP is not sent again: wait until it listens.
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
        {
            break;
        }
        clock::sleep(ms(50)).await;
    }
    let followed = call(&line, request()).await;
    followed.was_answered();
    line.settle().await;
    sipp.done().await;
    assert_eq!(line.remembered(), 0);
}

#[tokio::test]
async fn a_trunk_that_is_full_says_so() {
    let sipp = Sipp::called("answer", 1, &[]);
    let mut trunk = trunk(sipp.port);
    trunk.max_calls = Some(1);
    let line = SipLine::new(options(vec![trunk])).expect("a line");
    let first = line.dial(request()).await.expect("a leg");
    let first = tokio::spawn(follow(first, ms(1_000)));
    clock::sleep(ms(100)).await;
    let second = call(&line, request()).await;
    let (_, _, sentence) = second.failure();
    assert!(sentence.contains("max_calls"), "{sentence}");
    assert_eq!(first.await.expect("a call").answered, 1);
    line.settle().await;
    sipp.done().await;
}

#[tokio::test]
async fn the_doctor_says_what_it_sees() {
    let peer = Peer::new().await;
    let mut good = trunk(peer.port);
    good.register = Some(Duration::from_secs(60));
    let mut dead = trunk(free_port());
    dead.name = "dead".into();
    let checking = tokio::spawn(check::check(options(vec![good, dead]), false));
    let asked = peer.expect("OPTIONS").await;
    peer.send(
        &asked.answer("200 OK", "Server: exchange 9\r\n", ""),
        asked.from,
    )
    .await;
    let register = peer.expect("REGISTER").await;
    let contact = register.header("Contact").unwrap_or_default().to_owned();
    let granted = format!("Contact: {contact};expires=60\r\n");
    peer.send(&register.answer("200 OK", &granted, ""), register.from)
        .await;
    let back = peer.expect("REGISTER").await;
    assert_eq!(back.header("Expires"), Some("0"));
    peer.send(&back.answer("200 OK", "", ""), back.from).await;
    let found = checking.await.expect("it is checked");
    let told = format!("{found:?}");
    for part in [
        "answered OPTIONS with 200",
        "exchange 9",
        "registered us for 60 s",
        "dead at",
        "does not answer OPTIONS",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let bad = found
        .iter()
        .filter(|(_, found)| matches!(found, check::Found::Bad(_)));
    assert_eq!(bad.count(), 1, "{told}");
}

#[tokio::test]
async fn trunks_are_changed_while_calls_run_over_them() {
    let (old, new) = (
        Sipp::called("answer", 1, &[]),
        Sipp::called("answer", 1, &[]),
    );
    let line = SipLine::new(options(vec![trunk(old.port)])).expect("a line");
    let leg = line.dial(request()).await.expect("a leg");
    let running = tokio::spawn(follow(leg, ms(1_500)));
    clock::sleep(ms(500)).await;
    let local = line.local();
    let mut changed = trunk(new.port);
    changed.name = "other".into();
    line.adjust(options(vec![changed]));
    let followed = call(&line, request()).await;
    followed.was_answered();
    let followed = running.await.expect("a call");
    followed.was_answered();
    assert_eq!(line.local(), local, "where we are reached has not changed");
    // Without any trunk there is nothing to call over.
    line.adjust(options(Vec::new()));
    let refused = line.check(&request()).expect_err("no trunk");
    assert!(refused.0.contains("line.sip.trunks"), "{refused}");
    line.settle().await;
    old.done().await;
    new.done().await;
}
