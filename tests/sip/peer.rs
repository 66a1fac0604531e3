//! A peer made of raw text over UDP, for what a well-behaved program does not do: wrong answers, lost ones, sound
//! before the answer.

use std::net::SocketAddr;

use agentphone::driver::clock;
use tokio::net::UdpSocket;

use super::rig::ms;

/// A peer that answers by hand.
pub(crate) struct Peer {
    socket: UdpSocket,
    pub(crate) port: u16,
}

/// A request of the peer's within a call.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) number: u32,
    pub(crate) tag: &'a str,
    pub(crate) extra: &'a str,
    pub(crate) body: &'a str,
}

impl<'a> Request<'a> {
    pub(crate) fn new(method: &'a str, number: u32) -> Self {
        Self {
            method,
            number,
            tag: "peer",
            extra: "",
            body: "",
        }
    }
}

/// A message that came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) text: String,
    pub(crate) from: SocketAddr,
}

impl Got {
    pub(crate) fn method(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// Returns a header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// Returns the answer with a status, further header lines and a body.
    pub(crate) fn answer(&self, status: &str, extra: &str, body: &str) -> String {
        let get = |name| self.header(name).unwrap_or_default();
        let to = match get("To") {
            to if to.contains("tag=") => to.to_owned(),
            to => format!("{to};tag=peer"),
        };
        format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            get("Via"),
            get("From"),
            get("Call-ID"),
            get("CSeq"),
            body.len()
        )
    }
}

impl Got {
    /// Returns the status of an answer.
    pub(crate) fn status(&self) -> u16 {
        let mut words = self.text.split(' ');
        let status = words.nth(1).unwrap_or_default();
        status.parse().unwrap_or_default()
    }
}

impl Peer {
    pub(crate) async fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let port = socket.local_addr().expect("an address").port();
        Self { socket, port }
    }

    /// Waits for the next message of one method, passing others over.
    pub(crate) async fn expect(&self, method: &str) -> Got {
        let mut bytes = vec![0; 65_536];
        let wait = async {
            loop {
                let (length, from) = self.socket.recv_from(&mut bytes).await.expect("a message");
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                let got = Got { text, from };
                if got.method() == method {
                    return got;
                }
            }
        };
        let got = clock::timeout(ms(8_000), wait).await;
        got.unwrap_or_else(|| panic!("no {method} came"))
    }

    pub(crate) async fn send(&self, text: &str, to: SocketAddr) {
        self.socket
            .send_to(text.as_bytes(), to)
            .await
            .expect("it is sent");
    }

    /// Sends a request within the call that an INVITE of ours has begun, under the tag `peer`.
    pub(crate) async fn ask(&self, invite: &Got, request: Request<'_>) {
        let text = self.request(invite, &request);
        self.send(&text, invite.from).await;
    }

    /// Writes such a request.
    pub(crate) fn request(&self, invite: &Got, request: &Request<'_>) -> String {
        let Request {
            method,
            number,
            tag,
            extra,
            body,
        } = request;
        let get = |name| invite.header(name).unwrap_or_default();
        let to = get("To").split(";tag=").next().unwrap_or_default();
        let port = self.port;
        let contact = match extra.contains("Contact:") {
            true => String::new(),
            false => format!("Contact: <sip:peer@127.0.0.1:{port}>\r\n"),
        };
        format!(
            "{method} sip:x@{} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{method}{number}\r\n\
             From: {to};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n\
             {contact}{extra}Content-Length: {}\r\n\r\n{body}",
            invite.from,
            get("From"),
            get("Call-ID"),
            body.len()
        )
    }

    /// Waits for an answer to a request of this number.
    pub(crate) async fn answered(&self, number: u32, method: &str) -> Got {
        let number = format!("{number} {method}");
        loop {
            let got = self.expect("SIP/2.0").await;
            if got.header("CSeq") == Some(&number) && got.status() >= 200 {
                return got;
            }
        }
    }

    /// Answers an INVITE with sound to a port, and waits until that is acknowledged.
    pub(crate) async fn accept(&self, invite: &Got, more: &str) -> Got {
        let (extra, body) = self.describes(9);
        let ok = invite.answer("200 OK", &format!("{extra}{more}"), &body);
        self.send(&ok, invite.from).await;
        self.expect("ACK").await
    }

    /// Lets itself be hung up; returns the BYE.
    pub(crate) async fn end(&self) -> Got {
        let bye = self.expect("BYE").await;
        self.send(&bye.answer("200 OK", "", ""), bye.from).await;
        bye
    }

    /// Returns the header lines of an answer with a description, and the description: PCMU to a port.
    pub(crate) fn describes(&self, port: u16) -> (String, String) {
        let extra = format!(
            "Contact: <sip:peer@127.0.0.1:{}>\r\nContent-Type: application/sdp\r\n",
            self.port
        );
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
        );
        (extra, body)
    }
}
