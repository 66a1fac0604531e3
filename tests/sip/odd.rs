//! Peers that are wrong, slow of hearing, or before their time.

use std::net::SocketAddr;

use agentphone::{
    driver::clock,
    line::{LegCommand, LegEvent, Line},
};
use call::Failure;
use media::tones::{Generator, Signal};
use tokio::net::UdpSocket;

use super::{
    ears::OURS,
    peer::{Got, Peer, Request},
    rig::{call, calling, line, ms, options, request, trunk},
};

#[tokio::test]
async fn what_is_lost_is_sent_again() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let talk = tokio::spawn(async move { (call(&line, request()).await, line) });
    // The first two INVITEs are lost, and the first BYE.
    peer.expect("INVITE").await;
    peer.expect("INVITE").await;
    let invite = peer.expect("INVITE").await;
    let (extra, body) = peer.describes(9);
    let ok = invite.answer("200 OK", &extra, &body);
    peer.send(&ok, invite.from).await;
    // The first ACK is lost: the answer comes again, and is acknowledged again.
    peer.expect("ACK").await;
    peer.send(&ok, invite.from).await;
    peer.expect("ACK").await;
    peer.expect("BYE").await;
    let bye = peer.expect("BYE").await;
    assert!(
        bye.header("Reason")
            .is_some_and(|reason| reason.starts_with("Q.850;cause=16")),
        "{}",
        bye.text
    );
    peer.send(&bye.answer("200 OK", "", ""), bye.from).await;
    let (followed, line) = talk.await.expect("a call");
    followed.was_answered();
    line.settle().await;
    assert_eq!(line.remembered(), 0);
}

#[tokio::test]
async fn an_invite_says_who_we_are_and_what_we_can() {
    let peer = Peer::new().await;
    let mut trunk = trunk(peer.port);
    trunk.asserted_identity = true;
    let line = line(vec![trunk]);
    let talk = tokio::spawn(async move { call(&line, request()).await });
    let invite = peer.expect("INVITE").await;
    let port = peer.port;
    let first = invite.text.lines().next().unwrap_or_default();
    assert_eq!(
        first,
        format!("INVITE sip:+14155551234@127.0.0.1:{port};user=phone SIP/2.0")
    );
    for (name, part) in [
        ("From", format!("<sip:+14155550100@127.0.0.1:{port}>;tag=")),
        (
            "P-Asserted-Identity",
            format!("<sip:+14155550100@127.0.0.1:{port}>"),
        ),
        ("Contact", "<sip:+14155550100@127.0.0.1:".to_owned()),
        ("Supported", "timer".to_owned()),
        ("Session-Expires", "1800".to_owned()),
        ("Min-SE", "90".to_owned()),
        ("Max-Forwards", "70".to_owned()),
        ("Allow", "UPDATE".to_owned()),
        ("User-Agent", "agentphone/".to_owned()),
        ("Content-Type", "application/sdp".to_owned()),
    ] {
        let value = invite.header(name).unwrap_or_default();
        assert!(value.contains(&part), "{name}: {value}");
    }
    assert!(
        invite
            .header("Via")
            .is_some_and(|via| via.contains(";rport") && via.contains("z9hG4bK"))
    );
    peer.send(&invite.answer("486 Busy Here", "", ""), invite.from)
        .await;
    peer.expect("ACK").await;
    let followed = talk.await.expect("a call");
    assert_eq!(followed.failed, Some(Failure::Busy));
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_hung_up_with_a_reason() {
    for body in [
        "",
        "nonsense",
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n",
    ] {
        let peer = Peer::new().await;
        let line = line(vec![trunk(peer.port)]);
        let talk = tokio::spawn(async move { (call(&line, request()).await, line) });
        let invite = peer.expect("INVITE").await;
        let (extra, _) = peer.describes(9);
        peer.send(&invite.answer("200 OK", &extra, body), invite.from)
            .await;
        peer.expect("ACK").await;
        let bye = peer.expect("BYE").await;
        assert!(
            bye.header("Reason")
                .is_some_and(|reason| reason.contains("cause=488")),
            "{}",
            bye.text
        );
        peer.send(&bye.answer("200 OK", "", ""), bye.from).await;
        let (followed, _line) = talk.await.expect("a call");
        assert_eq!(
            (followed.failed, followed.answered),
            (Some(Failure::LineUnavailable), 0),
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_a_contact_is_acknowledged_and_ended_all_the_same() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let talk = tokio::spawn(async move { (call(&line, request()).await, line) });
    let invite = peer.expect("INVITE").await;
    let (_, body) = peer.describes(9);
    let extra = "Content-Type: application/sdp\r\n";
    peer.send(&invite.answer("200 OK", extra, &body), invite.from)
        .await;
    peer.expect("ACK").await;
    let bye = peer.expect("BYE").await;
    peer.send(&bye.answer("200 OK", "", ""), bye.from).await;
    let (followed, _line) = talk.await.expect("a call");
    followed.was_answered();
}

#[tokio::test]
async fn sha_256_is_preferred_and_written_as_the_rfc_has_it() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let talk = tokio::spawn(async move { (call(&line, request()).await, line) });
    let invite = peer.expect("INVITE").await;
    let challenges = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n\
                      WWW-Authenticate: Digest realm=\"r\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth,auth-int\"\r\n";
    peer.send(
        &invite.answer("401 Unauthorized", challenges, ""),
        invite.from,
    )
    .await;
    peer.expect("ACK").await;
    let again = peer.expect("INVITE").await;
    let written = again.header("Authorization").expect("an answer").to_owned();
    for part in [
        "nonce=\"n2\"",
        "algorithm=SHA-256",
        "qop=auth,",
        "nc=00000001",
        "username=\"alice\"",
    ] {
        assert!(written.contains(part), "{part}: {written}");
    }
    let number = |got: &super::peer::Got| {
        got.header("CSeq")
            .unwrap_or_default()
            .split(' ')
            .next()
            .map(str::to_owned)
    };
    assert_ne!(number(&invite), number(&again));
    for same in ["Call-ID", "From", "To"] {
        assert_eq!(invite.header(same), again.header(same));
    }
    peer.send(
        &again.answer("401 Unauthorized", challenges, ""),
        again.from,
    )
    .await;
    let (followed, _line) = talk.await.expect("a call");
    assert_eq!(followed.failed, Some(Failure::LineUnavailable));
}

/// What is played before an answer.
#[derive(Debug, Clone, Copy)]
enum Before {
    Tone(Signal),
    Voice,
}

impl Before {
    /// Returns eight seconds of it.
    fn samples(self) -> Vec<i16> {
        let mut samples = vec![0; 8 * 8_000];
        match self {
            Self::Tone(signal) => {
                let mut generator = Generator::new(signal);
                for frame in samples.chunks_mut(media::FRAME) {
                    generator.fill(frame);
                }
            }
            Self::Voice => samples = OURS.samples().repeat(2),
        }
        samples
    }
}

/// Plays something to a port, as sound of a phone, until it is stopped.
async fn play(socket: UdpSocket, to: SocketAddr, what: Before) {
    let samples = what.samples();
    let (frames, _) = samples.as_chunks::<{ media::FRAME }>();
    let mut ticker = clock::ticker(media::FRAME_TIME);
    for (n, frame) in (0_u32..).zip(frames.iter().cycle()) {
        ticker.tick().await;
        let mut packet = vec![0x80, 0];
        packet.extend_from_slice(&(n as u16).to_be_bytes());
        packet.extend_from_slice(&(n * 160).to_be_bytes());
        packet.extend_from_slice(&[1, 2, 3, 4]);
        packet.extend(frame.map(|sample| media::Law::Mu.encode_sample(sample)));
        let _ = socket.send_to(&packet, to).await;
    }
}

/// Sends sound before the answer; returns the task that plays it.
async fn early(peer: &Peer, invite: &Got, what: Before) -> tokio::task::JoinHandle<()> {
    let sound = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let (extra, body) = peer.describes(sound.local_addr().expect("an address").port());
    let progress = invite.answer("183 Session Progress", &extra, &body);
    peer.send(&progress, invite.from).await;
    let port = invite.text.lines().find_map(|line| {
        let rest = line.strip_prefix("m=audio ")?;
        rest.split(' ').next()?.parse::<u16>().ok()
    });
    let to = SocketAddr::from(([127, 0, 0, 1], port.expect("a port")));
    tokio::spawn(play(sound, to, what))
}

#[tokio::test]
async fn a_voice_before_the_answer_is_not_the_callees() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let call = calling(&line, ms(300)).await;
    let invite = peer.expect("INVITE").await;
    let playing = early(&peer, &invite, Before::Voice).await;
    clock::sleep(ms(2_000)).await;
    playing.abort();
    let _ = playing.await;
    clock::sleep(ms(100)).await;
    peer.accept(&invite, "").await;
    peer.end().await;
    let followed = call.await.expect("a call");
    followed.was_answered();
    assert_eq!(followed.packets, 0, "of what came before");
}

#[tokio::test]
async fn what_is_heard_before_the_answer_explains_the_failure() {
    let (no, later, full) = (
        Some("404 Not Found"),
        Some("480 Temporarily Unavailable"),
        Some("503 Service Unavailable"),
    );
    tokio::join!(
        explains(Before::Tone(Signal::Busy), None, Failure::Busy, "busy tone"),
        explains(
            Before::Tone(Signal::Sit),
            no,
            Failure::InvalidNumber,
            "three tones"
        ),
        explains(
            Before::Tone(Signal::Ringback),
            later,
            Failure::NoAnswer,
            "heard to ring"
        ),
        explains(
            Before::Voice,
            full,
            Failure::LineUnavailable,
            "played an announcement"
        ),
    );
}

/// Plays something before the answer and refuses the call, or waits until it is given up; a word of what was heard has to
/// be in the failure's sentence.
async fn explains(what: Before, refused: Option<&str>, failure: Failure, word: &str) {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let follow = calling(&line, ms(300)).await;
    let invite = peer.expect("INVITE").await;
    let playing = early(&peer, &invite, what).await;
    if let Some(status) = refused {
        clock::sleep(ms(4_500)).await;
        peer.send(&invite.answer(status, "", ""), invite.from).await;
        peer.expect("ACK").await;
    } else {
        // Given up before the ring time is over.
        let cancel = peer.expect("CANCEL").await;
        peer.send(&cancel.answer("200 OK", "", ""), cancel.from)
            .await;
        peer.send(
            &invite.answer("487 Request Terminated", "", ""),
            invite.from,
        )
        .await;
    }
    playing.abort();
    let followed = follow.await.expect("a call");
    let (kind, _, sentence) = followed.failure();
    assert_eq!(kind, failure, "{what:?}: {sentence}");
    assert!(sentence.contains(word), "{sentence}");
    // Nothing of it was taken for the callee.
    assert_eq!((followed.answered, followed.packets), (0, 0), "{what:?}");
}

#[tokio::test]
async fn a_transfer_is_asked_for_and_waited_for() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let mut leg = line.dial(request()).await.expect("a leg");
    let invite = peer.expect("INVITE").await;
    let (extra, body) = peer.describes(9);
    peer.send(&invite.answer("200 OK", &extra, &body), invite.from)
        .await;
    peer.expect("ACK").await;
    loop {
        match leg.events.recv().await {
            Some(LegEvent::Answered) => break,
            Some(_) => {}
            None => panic!("the call is over"),
        }
    }
    leg.commands
        .send(LegCommand::Transfer("+14155550177".into()))
        .await
        .expect("a call");
    let refer = peer.expect("REFER").await;
    let to = refer.header("Refer-To").unwrap_or_default();
    assert!(
        to.starts_with("<sip:+14155550177@127.0.0.1"),
        "{}",
        refer.text
    );
    assert!(refer.header("Referred-By").is_some());
    peer.send(&refer.answer("202 Accepted", &extra, ""), refer.from)
        .await;
    let notify = Request {
        extra: "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\nContent-Type: message/sipfrag\r\n",
        body: "SIP/2.0 200 OK\r\n",
        ..Request::new("NOTIFY", 7)
    };
    peer.ask(&invite, notify).await;
    let bye = peer.expect("BYE").await;
    peer.send(&bye.answer("200 OK", "", ""), bye.from).await;
    line.settle().await;
    assert_eq!(line.remembered(), 0);
}

#[tokio::test]
async fn a_session_interval_that_is_too_short_for_the_trunk_is_raised() {
    let peer = Peer::new().await;
    let mut set = options(vec![trunk(peer.port)]);
    set.session_interval = std::time::Duration::from_secs(90);
    let line = agentphone::line::sip::SipLine::new(set).expect("a line");
    let talk = tokio::spawn(async move { (call(&line, request()).await, line) });
    let invite = peer.expect("INVITE").await;
    let refused = invite.answer("422 Session Interval Too Small", "Min-SE: 1200\r\n", "");
    peer.send(&refused, invite.from).await;
    let again = peer.expect("INVITE").await;
    assert_eq!(again.header("Session-Expires"), Some("1200"));
    peer.send(&again.answer("486 Busy Here", "", ""), again.from)
        .await;
    let (followed, _line) = talk.await.expect("a call");
    assert_eq!(followed.failed, Some(Failure::Busy));
}

#[tokio::test]
async fn answers_that_are_malformed_are_passed_over_and_the_real_one_counts() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let call = calling(&line, ms(300)).await;
    let invite = peer.expect("INVITE").await;
    let good = invite.answer("200 OK", "", "");
    for broken in [
        "SIP/2.0\r\n\r\n".to_owned(),
        "SIP/2.0 abc OK\r\n\r\n".to_owned(),
        good.replace("SIP/2.0 200 OK", "SIP/2.0 99 Too low"),
        good.replace("SIP/2.0 200 OK", "SIP/3.0 200 OK"),
        good.replace("CSeq: ", "CSeq: x"),
        good.replace("branch=z9hG4bK", "branch=z9hG4bKnot"),
        good.replace("Via: ", "Vai: "),
        good.replace("Content-Length: 0", "Content-Length: -1"),
        "\0\u{1}\u{2}".to_owned(),
    ] {
        peer.send(&broken, invite.from).await;
    }
    peer.send(&invite.answer("486 Busy Here", "", ""), invite.from)
        .await;
    let followed = call.await.expect("a call");
    assert_eq!(
        (followed.answered, followed.failed),
        (0, Some(Failure::Busy)),
        "{followed:?}"
    );
    line.settle().await;
    assert_eq!(line.remembered(), 0);
}
