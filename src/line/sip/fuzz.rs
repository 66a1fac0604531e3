//! Entry points for fuzzing what peers send, in the style of [`crate::testing`]: plain functions that panic only when
//! something is wrong with us. Messages are parsed by the library; everything that we make of them is ours.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rsipstack::{
    sip::{HeadersExt, Request, Response, SipMessage},
    transaction::endpoint::MessageInspector,
    transport::SipAddr,
};

use super::{
    Login, Options, Sound, Tls, attempt,
    failure::{Refusal, of_refusal},
    gate::{Gate, Registry},
    inbound,
    reason::{Block, Reason},
    repair::Repair,
    talk::{key_of, transfer::reported},
    timer::{SHORTEST, SessionExpires},
};
use crate::line::rtp::{Limits, Srtp};

/// The `Call-ID` of a call that is known.
const KNOWN: &str = "a-call-of-ours";

fn options() -> Options {
    Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)),
        public_address: None,
        name_servers: Vec::new(),
        tls: Tls::default(),
        trunks: Vec::new(),
        peers: Vec::new(),
        incoming_numbers: Vec::new(),
        takes_calls: true,
        sound: Sound {
            ports: 10_000..=20_000,
            codecs: vec![media::Codec::Pcmu],
            srtp: Srtp::Disabled,
            limits: Limits::default(),
        },
        session_interval: Duration::ZERO,
        least_session: SHORTEST,
        t1: Duration::from_millis(500),
    }
}

/// Reads `data` as a message that came: through the gate, repaired, and as what it is.
///
/// # Panics
/// When what we say about it is no sentence, or what we send after it cannot be read.
pub fn message(data: &[u8]) {
    let Ok(message) = SipMessage::try_from(data) else {
        return;
    };
    let from = SipAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)));
    let registry = Arc::<Registry>::default();
    let login = Login {
        user: "alice".into(),
        password: "s3cret".into(),
    };
    let _place = registry.enter(KNOWN, Some(&login));
    let repair = Repair {
        registry: registry.clone(),
        tally: Arc::default(),
    };
    match repair.after_received(message, Some(&from)) {
        SipMessage::Response(response) => answer(&response, &repair),
        SipMessage::Request(request) => {
            let gate = Gate {
                registry,
                tally: Arc::default(),
            };
            let known = request.call_id_header().is_ok_and(|id| id.value() == KNOWN);
            assert!(known || !gate.admits(&request, &from), "nobody knows it");
            ask(&request);
        }
    }
}

fn answer(response: &Response, repair: &Repair) {
    for rang in [false, true] {
        let failed = of_refusal(&Refusal::read(response), "acme", rang);
        let sentence = failed.cause.expect("a sentence").sentence;
        assert!(sentence.starts_with("acme answered SIP "), "{sentence}");
        assert!(sentence.chars().count() < 2_000, "{sentence}");
        assert!(!sentence.chars().any(char::is_control), "{sentence}");
    }
    let _ = attempt::body(response);
    let expires = response.session_expires_header();
    if let Some(read) = expires.and_then(|header| SessionExpires::read(header.value())) {
        assert_eq!(SessionExpires::read(&read.write()), Some(read));
    }
    // Whatever was asked, the request that is sent again can be read, and has no more lines than it should.
    let written = repair.before_send(request().into(), None).to_string();
    let again = Request::try_from(written.as_str()).expect("our own request");
    assert_eq!(again.call_id_header().map(|id| id.value()), Ok(KNOWN));
    assert!(again.headers.iter().count() <= request().headers.iter().count() + 4);
}

fn ask(request: &Request) {
    if let Some(key) = key_of(request) {
        assert!(matches!(key, '0'..='9' | '*' | '#' | 'A'..='D'), "{key}");
    }
    let _ = reported(request);
    match inbound::read(&options(), request) {
        Ok(call) => {
            for number in [call.to, call.from] {
                assert!(number.chars().count() <= 64 && !number.chars().any(char::is_control));
            }
        }
        Err((status, _)) => assert!((400..700).contains(&u16::from(status))),
    }
}

/// A request of ours in the call that is known.
fn request() -> Request {
    let text = format!(
        "INVITE sip:+14155551234@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKx\r\n\
         From: <sip:alice@192.0.2.1>;tag=1\r\nTo: <sip:+14155551234@192.0.2.1>\r\nCall-ID: {KNOWN}\r\n\
         CSeq: 2 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    Request::try_from(text.as_str()).expect("a request")
}

/// Reads `data` as the value of a `Reason` header, of a network's word that it blocked a call, and of the headers of ours
/// that are made of numbers.
///
/// # Panics
/// When an address to complain at is none.
pub fn reason(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let reasons = Reason::read(&text);
    assert!(reasons.len() <= text.len());
    for code in [486, 603] {
        let block = Block::read(code, &text, &reasons);
        if let Some(redress) = block.and_then(|block| block.redress) {
            assert!(redress.len() <= 200 && redress.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
    if let Some(read) = SessionExpires::read(&text) {
        assert_eq!(SessionExpires::read(&read.write()), Some(read));
    }
    if let Ok(network) = text.parse::<super::Network>() {
        let any = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
        assert!(!network.holds(any) || text.contains('.'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tests::drive_bytes;

    #[test]
    fn messages_of_strangers_never_break_us() {
        let of_a_call = |first: &str, method: &str, rest: &str| {
            format!(
                "{first}\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx;received=127.0.0.1\r\n\
                 From: \"A\" <sip:+14155550123@127.0.0.1>;tag=1\r\nTo: <sip:100@127.0.0.1>;tag=2\r\n\
                 Call-ID: {KNOWN}\r\nCSeq: 1 {method}\r\n{rest}"
            )
        };
        let challenge = "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\", algorithm=SHA-256, qop=\"auth,auth-int\", \
                         opaque=\"c\", stale=true\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"d\"\r\n\r\n";
        let blocked = "Reason: SIP;cause=603;text=\"v=analytics1;url=https://a.example/x\", Q.850;cause=21\r\n\
                       Warning: 399 a \"b\"\r\nRetry-After: 5 (c)\r\nMin-SE: 90\r\nSession-Expires: 90;refresher=uas\r\n\r\n";
        let sdp = "Session-Expires: 1800\r\nRequire: timer, 100rel\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n";
        let key = "Content-Type: application/dtmf-relay\r\nContent-Length: 24\r\n\r\nSignal=11\r\nDuration=160\r\n";
        let sipfrag = "Content-Type: message/sipfrag\r\n\r\nSIP/2.0 603 Decline\r\n";
        let seeds = [
            of_a_call("SIP/2.0 401 Unauthorized", "INVITE", challenge),
            of_a_call("SIP/2.0 603 Network Blocked", "INVITE", blocked),
            of_a_call("SIP/2.0 200 OK", "INVITE", "\r\n"),
            of_a_call("INVITE sip:100@127.0.0.1 SIP/2.0", "INVITE", sdp),
            of_a_call("INFO sip:100@127.0.0.1 SIP/2.0", "INFO", key),
            of_a_call("NOTIFY sip:100@127.0.0.1 SIP/2.0", "NOTIFY", sipfrag),
        ];
        drive_bytes(message, &seeds, 20_000);
    }

    #[test]
    fn reasons_of_strangers_never_break_us() {
        let seeds = [
            r#"SIP;cause=603;location=LN;text="v=analytics1;url=https://why.example/a;tel=+1;email=a@b""#,
            r#"Q.850 ;cause=17 ;text="User \"busy\"", SIP;cause=486"#,
            "1800;refresher=uac",
            "203.0.113.0/24",
            "2001:db8::/32",
        ];
        drive_bytes(reason, &seeds, 60_000);
    }
}
