//! A caller made of raw text, by UDP, TCP or TLS, for what `sipp` cannot be brought to do when it calls us.

use std::net::SocketAddr;

use agentphone::{driver::clock, line::Line};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::{
    inbound::{answer, line, line_with},
    peer::Got,
    rig::{FROM, TO, follow, ms},
    secure,
};

/// Whatever a caller is connected by.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

enum Way {
    Datagrams(UdpSocket),
    Stream(Box<dyn Wire>, Vec<u8>),
}

/// See the module's documentation.
struct Caller {
    way: Way,
    transport: &'static str,
    at: SocketAddr,
    line: SocketAddr,
}

const SOUND: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";

impl Caller {
    async fn udp(line: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        socket.connect(line).await.expect("an address");
        let at = socket.local_addr().expect("an address");
        Self {
            way: Way::Datagrams(socket),
            transport: "UDP",
            at,
            line,
        }
    }

    async fn tcp(line: SocketAddr) -> Self {
        let stream = secure::reach(line).await;
        let at = stream.local_addr().expect("an address");
        Self {
            way: Way::Stream(Box::new(stream), Vec::new()),
            transport: "TCP",
            at,
            line,
        }
    }

    async fn send(&mut self, text: &str) {
        match &mut self.way {
            Way::Datagrams(socket) => {
                socket.send(text.as_bytes()).await.expect("it is sent");
            }
            Way::Stream(stream, _) => stream.write_all(text.as_bytes()).await.expect("it is sent"),
        }
    }

    /// Returns the next message.
    async fn next(&mut self) -> Got {
        let text = match &mut self.way {
            Way::Datagrams(socket) => {
                let mut bytes = vec![0; 65_536];
                let length = socket.recv(&mut bytes).await.expect("a message");
                String::from_utf8_lossy(&bytes[..length]).into_owned()
            }
            Way::Stream(stream, read) => loop {
                let text = String::from_utf8_lossy(read).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("Content-Length: "));
                    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
                    if body.len() >= length {
                        let whole = head.len() + 4 + length;
                        read.drain(..whole);
                        break text[..whole].to_owned();
                    }
                }
                let more = stream.read_buf(read).await.expect("a message");
                assert_ne!(more, 0, "the connection has ended");
            },
        };
        Got {
            text,
            from: self.line,
        }
    }

    /// Waits for a message that starts so.
    async fn expect(&mut self, start: &str) -> Got {
        let wait = async {
            loop {
                let got = self.next().await;
                if got.text.starts_with(start) {
                    return got;
                }
            }
        };
        let got = clock::timeout(ms(8_000), wait).await;
        got.unwrap_or_else(|| panic!("no {start} came"))
    }

    /// Writes a request of the call that this caller makes; `to` is our end's tag, once it is known.
    fn request(&self, method: &str, number: u32, to: &str, extra: &str, body: &str) -> String {
        let (at, transport) = (self.at, self.transport);
        // An ACK of a refusal and a CANCEL belong to the INVITE.
        let branch = match (method, to) {
            ("INVITE" | "CANCEL", "") => "first".to_owned(),
            _ => format!("{method}{number}"),
        };
        let parameter = transport.to_ascii_lowercase();
        format!(
            "{method} sip:{FROM}@{} SIP/2.0\r\nVia: SIP/2.0/{transport} {at};branch=z9hG4bK{branch};rport\r\n\
             From: <sip:{TO}@{at}>;tag=caller\r\nTo: <sip:{FROM}@{}>{to}\r\nCall-ID: a-call-from-{at}\r\n\
             CSeq: {number} {method}\r\nContact: <sip:{TO}@{at};transport={parameter}>\r\nMax-Forwards: 70\r\n{extra}\
             Content-Length: {}\r\n\r\n{body}",
            self.line,
            self.line,
            body.len()
        )
    }

    async fn invite(&mut self, extra: &str, body: &str) {
        let extra = format!("Content-Type: application/sdp\r\n{extra}");
        let invite = self.request("INVITE", 1, "", &extra, body);
        self.send(&invite).await;
    }
}

/// Our tag in an answer, as it is written.
fn tag(got: &Got) -> String {
    let to = got.header("To").unwrap_or_default();
    let tag = to.split_once(";tag=").map_or("", |(_, tag)| tag);
    format!(";tag={tag}")
}

/// Makes a call by a way, which the caller ends; returns where our end said that it is.
async fn whole_call(mut caller: Caller, line: &agentphone::line::sip::SipLine) -> String {
    let mut incoming = line.incoming().expect("it takes calls");
    caller.invite("", SOUND).await;
    let came = incoming.recv().await.expect("a call");
    let leg = answer(line, came).await;
    let followed = tokio::spawn(follow(leg, ms(20_000)));
    let ok = caller.expect("SIP/2.0 200").await;
    let to = tag(&ok);
    let ack = caller.request("ACK", 1, &to, "", "");
    caller.send(&ack).await;
    clock::sleep(ms(100)).await;
    let bye = caller.request("BYE", 2, &to, "", "");
    caller.send(&bye).await;
    let gone = caller.expect("SIP/2.0 200").await;
    assert_eq!(gone.header("CSeq"), Some("2 BYE"));
    let followed = followed.await.expect("a call");
    assert_eq!(
        (followed.answered, followed.hung_up),
        (1, true),
        "{followed:?}"
    );
    line.settle().await;
    assert_eq!(line.remembered(), 0);
    ok.header("Contact")
        .unwrap_or_default()
        .to_ascii_lowercase()
}

#[tokio::test]
async fn a_call_comes_in_over_tcp() {
    let (line, port) = line_with(|_| ());
    let contact = whole_call(Caller::tcp(port).await, &line).await;
    assert!(
        contact.contains(&format!("@{port};transport=tcp")),
        "{contact}"
    );
}

#[tokio::test]
async fn a_call_comes_in_over_tls_and_is_told_where_tls_is_listened_for() {
    let (certificate, key) = secure::certificate();
    let secure_port = super::rig::free_port();
    let at = SocketAddr::from(([127, 0, 0, 1], secure_port));
    let (line, _) = line_with(|options| {
        options.tls.listen = Some(at);
        options.tls.certificate = Some(certificate.clone().into_bytes());
        options.tls.key = Some(key.into_bytes());
    });
    let stream = secure::connect(at, &certificate).await;
    let from = stream.get_ref().0.local_addr().expect("an address");
    let caller = Caller {
        way: Way::Stream(Box::new(stream), Vec::new()),
        transport: "TLS",
        at: from,
        line: at,
    };
    let contact = whole_call(caller, &line).await;
    assert!(
        contact.contains(&format!("@{at};transport=tls")),
        "{contact}"
    );
}

#[tokio::test]
async fn a_caller_who_gives_up_is_let_go() {
    let (line, mut incoming) = line();
    let mut caller = Caller::udp(line.local()).await;
    caller.invite("", SOUND).await;
    caller.expect("SIP/2.0 180").await;
    let came = incoming.recv().await.expect("a call");
    let reason = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n";
    let cancel = caller.request("CANCEL", 1, "", reason, "");
    caller.send(&cancel).await;
    let (one, other) = (
        caller.expect("SIP/2.0").await,
        caller.expect("SIP/2.0").await,
    );
    let mut statuses = [one.status(), other.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 487]);
    // The engine was about to take it.
    let wanted = agentphone::line::DialRequest {
        incoming: Some(came.id.clone()),
        ..Default::default()
    };
    let _ = came.take.send(true);
    if let Ok(leg) = line.dial(wanted).await {
        let followed = follow(leg, ms(5_000)).await;
        assert_eq!(
            (followed.answered, followed.hung_up),
            (0, true),
            "{followed:?}"
        );
    }
    line.settle().await;
    assert_eq!(line.remembered(), 0);
}

#[tokio::test]
async fn what_a_caller_wants_and_we_cannot_is_refused_with_what_we_can() {
    let (line, _incoming) = line();
    for (extra, status, header) in [
        (
            "Require: timer\r\nRequire: 100rel\r\n",
            420,
            ("Unsupported", "100rel"),
        ),
        (
            "Session-Expires: 60\r\nSupported: timer\r\n",
            422,
            ("Min-SE", "90"),
        ),
    ] {
        let mut caller = Caller::udp(line.local()).await;
        caller.invite(extra, SOUND).await;
        let refused = loop {
            let got = caller.expect("SIP/2.0").await;
            if got.status() >= 200 {
                break got;
            }
        };
        assert_eq!(refused.status(), status, "{}", refused.text);
        let said = refused.header(header.0).unwrap_or_default();
        assert_eq!(said, header.1, "{}", refused.text);
    }
}

#[tokio::test]
async fn an_offer_that_suits_nobody_is_refused_when_the_call_is_to_be_answered() {
    let (line, mut incoming) = line();
    for body in [
        SOUND.replace("m=audio 9 RTP/AVP 0", "m=video 9 RTP/AVP 31"),
        SOUND.replace("RTP/AVP 0", "RTP/SAVP 0"),
        "nonsense".to_owned(),
    ] {
        let mut caller = Caller::udp(line.local()).await;
        caller.invite("", &body).await;
        let came = incoming.recv().await.expect("a call");
        let leg = answer(&line, came).await;
        let followed = follow(leg, ms(5_000)).await;
        let (_, _, sentence) = followed.failure();
        assert!(sentence.contains("line.sip.codecs"), "{sentence}");
        caller.expect("SIP/2.0 488").await;
    }
    line.settle().await;
}

#[tokio::test]
async fn a_caller_who_does_not_acknowledge_is_hung_up() {
    let (line, mut incoming) = line();
    let mut caller = Caller::udp(line.local()).await;
    caller.invite("", SOUND).await;
    let came = incoming.recv().await.expect("a call");
    let leg = answer(&line, came).await;
    let followed = tokio::spawn(follow(leg, ms(20_000)));
    // The answer comes again and again, and then we give up: 64 times T1.
    for _ in 0..3 {
        caller.expect("SIP/2.0 200").await;
    }
    let bye = caller.expect("BYE").await;
    caller.send(&bye.answer("200 OK", "", "")).await;
    let followed = followed.await.expect("a call");
    let (_, carrier, sentence) = followed.failure();
    assert!(carrier && sentence.contains("acknowledge"), "{sentence}");
    assert_eq!(followed.answered, 0);
    line.settle().await;
    assert_eq!(line.remembered(), 0);
}
