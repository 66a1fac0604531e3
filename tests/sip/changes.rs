//! What either side changes in a call, before its answer and after: several telephones that ring, new places, session
//! timers, both at once.

use std::time::Duration;

use agentphone::{
    driver::clock,
    line::{
        LegCommand, LegEvent, Line,
        sip::{Options, SipLine},
    },
};
use call::Failure;

use super::{
    peer::{Got, Peer, Request},
    rig::{Followed, calling, line, ms, options, request, trunk},
};

/// A line whose session timers are short.
fn timed(peer: &Peer, interval: u64) -> SipLine {
    let set = Options {
        session_interval: Duration::from_secs(interval),
        least_session: Duration::from_secs(2),
        ..options(vec![trunk(peer.port)])
    };
    SipLine::new(set).expect("a line")
}

/// A call that is answered, with these headers in the answer.
async fn answered(
    peer: &Peer,
    line: &SipLine,
    more: &str,
    talk: Duration,
) -> (Got, tokio::task::JoinHandle<Followed>) {
    let call = calling(line, talk).await;
    let invite = peer.expect("INVITE").await;
    peer.accept(&invite, more).await;
    (invite, call)
}

async fn over(line: &SipLine, call: tokio::task::JoinHandle<Followed>) -> Followed {
    let followed = clock::timeout(ms(20_000), call).await;
    let followed = followed.expect("in time").expect("a call");
    line.settle().await;
    assert_eq!(line.remembered(), 0);
    followed
}

#[tokio::test]
async fn a_session_that_is_ours_to_refresh_is_refreshed_by_update_or_by_invite() {
    for (allow, method) in [("Allow: UPDATE\r\n", "UPDATE"), ("", "INVITE")] {
        let peer = Peer::new().await;
        let line = timed(&peer, 2);
        let begun = clock::now();
        let more = format!("{allow}Session-Expires: 2;refresher=uac\r\nRequire: timer\r\n");
        let (_, call) = answered(&peer, &line, &more, ms(2_600)).await;
        for _ in 0..2 {
            let refresh = peer.expect(method).await;
            assert_eq!(
                refresh.header("Session-Expires"),
                Some("2;refresher=uac"),
                "{}",
                refresh.text
            );
            let (extra, body) = match method {
                "INVITE" => peer.describes(9),
                _ => (String::new(), String::new()),
            };
            let extra = format!("{extra}Session-Expires: 2;refresher=uac\r\n");
            peer.send(&refresh.answer("200 OK", &extra, &body), refresh.from)
                .await;
        }
        // At half of the interval each time, not sooner.
        assert!(clock::now() - begun >= ms(1_900), "{method}");
        peer.end().await;
        let followed = over(&line, call).await;
        followed.was_answered();
    }
}

#[tokio::test]
async fn a_refresh_that_the_peer_wants_later_or_that_crosses_its_own_comes_again() {
    let peer = Peer::new().await;
    let line = timed(&peer, 2);
    let more = "Session-Expires: 2;refresher=uac\r\n";
    let (invite, call) = answered(&peer, &line, more, ms(8_000)).await;
    let refresh = peer.expect("INVITE").await;
    // Both at once: each refuses the other's, and who began the call waits 2.1 to 4 s.
    let (extra, body) = peer.describes(9);
    let theirs = Request {
        extra: &extra,
        body: &body,
        ..Request::new("INVITE", 2)
    };
    peer.ask(&invite, theirs).await;
    assert_eq!(peer.answered(2, "INVITE").await.status(), 491);
    peer.ask(&invite, Request::new("ACK", 2)).await;
    let crossed = clock::now();
    peer.send(&refresh.answer("491 Request Pending", "", ""), refresh.from)
        .await;
    let again = peer.expect("INVITE").await;
    let waited = clock::now() - crossed;
    assert!((ms(2_000)..ms(6_000)).contains(&waited), "{waited:?}");
    let small = "Min-SE: 5\r\n";
    peer.send(
        &again.answer("422 Session Interval Too Small", small, ""),
        again.from,
    )
    .await;
    let longer = peer.expect("INVITE").await;
    assert_eq!(longer.header("Session-Expires"), Some("5;refresher=uac"));
    let ok = format!("{extra}Session-Expires: 5;refresher=uac\r\n");
    peer.send(&longer.answer("200 OK", &ok, &body), longer.from)
        .await;
    peer.end().await;
    let followed = over(&line, call).await;
    followed.was_answered();
}

#[tokio::test]
async fn a_peer_that_does_not_show_itself_is_hung_up_with_the_reason() {
    let peer = Peer::new().await;
    let line = timed(&peer, 3);
    let more = "Session-Expires: 3;refresher=uas\r\nRequire: timer\r\n";
    let (invite, call) = answered(&peer, &line, more, ms(20_000)).await;
    // It does once, and is believed.
    clock::sleep(ms(1_000)).await;
    let shown = Request {
        extra: "Supported: timer\r\nSession-Expires: 3;refresher=uac\r\n",
        ..Request::new("UPDATE", 2)
    };
    let begun = clock::now();
    peer.ask(&invite, shown).await;
    let agreed = peer.answered(2, "UPDATE").await;
    assert_eq!(agreed.status(), 200);
    assert_eq!(agreed.header("Session-Expires"), Some("3;refresher=uac"));
    assert_eq!(agreed.header("Require"), Some("timer"));
    let bye = peer.end().await;
    // A third of the interval before its end (RFC 4028 section 10).
    assert!(clock::now() - begun >= ms(1_900));
    let reason = bye.header("Reason").unwrap_or_default();
    assert!(reason.starts_with("SIP;cause=408"), "{reason}");
    let followed = over(&line, call).await;
    assert_eq!(followed.failed, Some(Failure::MediaLost));
}

#[tokio::test]
async fn an_interval_shorter_than_ours_is_refused_with_the_one_that_would_do() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let (invite, call) = answered(&peer, &line, "", ms(1_000)).await;
    let short = Request {
        extra: "Supported: timer\r\nSession-Expires: 60\r\n",
        ..Request::new("UPDATE", 2)
    };
    peer.ask(&invite, short).await;
    let refused = peer.answered(2, "UPDATE").await;
    assert_eq!(
        (refused.status(), refused.header("Min-SE")),
        (422, Some("90"))
    );
    peer.end().await;
    over(&line, call).await;
}

#[tokio::test]
async fn a_peer_that_moves_is_reached_where_it_went() {
    for method in ["UPDATE", "INVITE"] {
        let (peer, elsewhere) = (Peer::new().await, Peer::new().await);
        let line = line(vec![trunk(peer.port)]);
        let (invite, call) = answered(&peer, &line, "", ms(600)).await;
        let (extra, body) = peer.describes(9);
        let moved = extra.replace(&peer.port.to_string(), &elsewhere.port.to_string());
        let change = Request {
            extra: &moved,
            body: &body,
            ..Request::new(method, 2)
        };
        peer.ask(&invite, change).await;
        assert_eq!(peer.answered(2, method).await.status(), 200);
        if method == "INVITE" {
            peer.ask(&invite, Request::new("ACK", 2)).await;
        }
        elsewhere.end().await;
        over(&line, call).await;
    }
}

#[tokio::test]
async fn before_the_answer_requests_of_the_call_get_theirs_and_others_do_not() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let call = calling(&line, ms(300)).await;
    let invite = peer.expect("INVITE").await;
    let (extra, body) = peer.describes(9);
    let early = invite.answer("183 Session Progress", &extra, &body);
    peer.send(&early, invite.from).await;
    clock::sleep(ms(100)).await;
    let offer = Request {
        extra: &extra,
        body: &body,
        ..Request::new("UPDATE", 2)
    };
    peer.ask(&invite, offer).await;
    assert_eq!(peer.answered(2, "UPDATE").await.status(), 491);
    peer.ask(&invite, Request::new("UPDATE", 3)).await;
    assert_eq!(peer.answered(3, "UPDATE").await.status(), 200);
    peer.ask(&invite, Request::new("OPTIONS", 4)).await;
    assert_eq!(peer.answered(4, "OPTIONS").await.status(), 200);
    let strange = Request {
        tag: "somebody-else",
        ..Request::new("UPDATE", 5)
    };
    peer.ask(&invite, strange).await;
    assert_eq!(peer.answered(5, "UPDATE").await.status(), 481);
    assert_eq!(line.counts().unknown_calls, 1);
    peer.accept(&invite, "").await;
    peer.end().await;
    let followed = over(&line, call).await;
    followed.was_answered();
}

#[tokio::test]
async fn of_several_telephones_that_ring_the_first_to_answer_is_heard_and_the_next_is_hung_up() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let call = calling(&line, ms(1_000)).await;
    let invite = peer.expect("INVITE").await;
    let (extra, body) = peer.describes(9);
    for tag in ["one", "two"] {
        let rings = invite.answer("183 Session Progress", &extra, &body);
        peer.send(
            &rings.replace("tag=peer", &format!("tag={tag}")),
            invite.from,
        )
        .await;
    }
    let ok = invite.answer("200 OK", &extra, &body);
    peer.send(&ok.replace("tag=peer", "tag=two"), invite.from)
        .await;
    let ack = peer.expect("ACK").await;
    assert!(ack.header("To").is_some_and(|to| to.ends_with("tag=two")));
    peer.send(&ok.replace("tag=peer", "tag=one"), invite.from)
        .await;
    let ends = |got: &Got| {
        got.header("To")
            .unwrap_or_default()
            .rsplit('=')
            .next()
            .map(str::to_owned)
    };
    let late = peer.end().await;
    assert_eq!(ends(&late).as_deref(), Some("one"), "{}", late.text);
    let talked = peer.end().await;
    assert_eq!(ends(&talked).as_deref(), Some("two"), "{}", talked.text);
    let followed = over(&line, call).await;
    assert_eq!((followed.ringing, followed.answered), (0, 1));
}

#[tokio::test]
async fn a_call_that_is_taken_back_says_why() {
    for (ring, cause) in [(ms(500), "cause=19"), (ms(10_000), "cause=16")] {
        let peer = Peer::new().await;
        let line = line(vec![trunk(peer.port)]);
        let mut wanted = request();
        wanted.ring_timeout = ring;
        let mut leg = line.dial(wanted).await.expect("a leg");
        let invite = peer.expect("INVITE").await;
        peer.send(&invite.answer("180 Ringing", "", ""), invite.from)
            .await;
        let rings = leg.events.recv().await;
        assert!(matches!(rings, Some(LegEvent::Ringing)), "{rings:?}");
        if cause == "cause=16" {
            leg.commands.send(LegCommand::HangUp).await.expect("a call");
        }
        let cancel = peer.expect("CANCEL").await;
        let reason = cancel.header("Reason").unwrap_or_default();
        assert!(
            reason.starts_with("Q.850;") && reason.contains(cause),
            "{reason}"
        );
        peer.send(&cancel.answer("200 OK", "", ""), cancel.from)
            .await;
        let ended = invite.answer("487 Request Terminated", "", "");
        peer.send(&ended, invite.from).await;
        peer.expect("ACK").await;
        line.settle().await;
        assert_eq!(line.remembered(), 0);
    }
}
