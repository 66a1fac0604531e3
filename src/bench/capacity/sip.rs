//! A telephone that calls in over SIP and RTP, with no carrier in between and two sockets of its own.
//!
//! It speaks what a trunk does for a call that comes in: INVITE, ACK and BYE over UDP, and a packet of G.711 every 20 ms in each
//! direction. A request that gets no answer is sent again. It judges nothing.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use media::{Codec, FRAME};
use tokio::net::UdpSocket;

use super::{
    dialogue::{Dialogue, Outcome, Sound},
    phone::{Phone, TICK},
};
use crate::driver::clock;

/// A request without an answer is sent again after this (RFC 3261 section 17.1.1.2, T1).
const AGAIN: Duration = Duration::from_millis(500);
/// How often.
const TRIES: usize = 8;
/// Samples above this are a voice: what the line makes up between words is not.
const LOUD: u16 = 300;
/// The header of an RTP packet (RFC 3550 section 5.1).
const HEADER: usize = 12;

/// What every callee over this line knows.
#[derive(Debug)]
pub(super) struct Rig {
    /// Where the program listens.
    pub(super) line: SocketAddr,
}

impl Rig {
    /// Makes one call, until sound can go both ways.
    pub(super) async fn ring(&self, number: usize) -> Result<Telephone, String> {
        let mut phone = Telephone::new(self.line, number).await?;
        let sound = phone.call().await?;
        let there = phone.sound.connect(sound).await;
        there.map_err(|error| error.to_string())?;
        Ok(phone)
    }
}

/// See the module's documentation.
pub(super) struct Telephone {
    signals: UdpSocket,
    sound: UdpSocket,
    at: SocketAddr,
    line: SocketAddr,
    number: usize,
    /// Of the other side, once it is known: the `To` with its tag, and where requests go.
    to: String,
    target: String,
    /// The number of the next packet.
    sequence: u16,
    /// What came last.
    bytes: Box<[u8; 2048]>,
}

/// What comes to it.
pub(super) enum Came {
    /// A packet of sound, in so many of the bytes.
    Sound(usize),
    Message(String),
}

/// Waits for a message.
async fn message(signals: &UdpSocket) -> Result<String, String> {
    let mut bytes = vec![0; 4096];
    let read = signals.recv(&mut bytes).await;
    let length = read.map_err(|error| format!("the line does not listen: {error}"))?;
    Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

async fn socket() -> Result<UdpSocket, String> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
    socket.map_err(|error| format!("no socket for a telephone: {error}"))
}

impl Telephone {
    async fn new(line: SocketAddr, number: usize) -> Result<Self, String> {
        let (signals, sound) = (socket().await?, socket().await?);
        let at = signals.local_addr().map_err(|error| error.to_string())?;
        signals
            .connect(line)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self {
            signals,
            sound,
            at,
            line,
            number,
            to: "<sip:+14155550100@127.0.0.1>".into(),
            target: format!("sip:+14155550100@{line}"),
            sequence: 0,
            bytes: Box::new([0; 2048]),
        })
    }

    fn text(&self, method: &str, sequence: u32, body: &str) -> String {
        let Self {
            at,
            number,
            to,
            target,
            ..
        } = self;
        // An ACK of a success is a transaction of its own (RFC 3261 section 13.2.2.4).
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};rport;branch=z9hG4bK{number}{method}{sequence}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+14155550111@127.0.0.1>;tag=rig{number}\r\nTo: {to}\r\n\
             Call-ID: {number}@rig\r\nCSeq: {sequence} {method}\r\nContact: <sip:rig@{at}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    async fn send(&self, text: &str) -> Result<(), String> {
        let sent = self.signals.send(text.as_bytes()).await;
        sent.map(|_| ())
            .map_err(|error| format!("a message could not be sent: {error}"))
    }

    /// Sends a request until its final answer comes, and returns that.
    async fn request(&self, method: &str, sequence: u32, body: &str) -> Result<String, String> {
        let text = self.text(method, sequence, body);
        let mut trying = false;
        for _ in 0..TRIES {
            if !trying {
                self.send(&text).await?;
            }
            while let Some(answer) = clock::timeout(AGAIN, message(&self.signals)).await {
                let answer = answer?;
                let of_this =
                    header(&answer, "CSeq").is_some_and(|at| at == format!("{sequence} {method}"));
                match answer
                    .strip_prefix("SIP/2.0 ")
                    .and_then(|rest| rest.get(..3))
                {
                    Some(status) if of_this && status.starts_with('1') => trying = true,
                    Some(status) if of_this && status.starts_with('2') => return Ok(answer),
                    Some(status) if of_this => {
                        return Err(format!("{method} was answered with {status}"));
                    }
                    _ => {}
                }
            }
        }
        Err(format!("{method} was not answered"))
    }

    /// Calls, and returns where sound is to be sent.
    async fn call(&mut self) -> Result<SocketAddr, String> {
        let port = self
            .sound
            .local_addr()
            .map_err(|error| error.to_string())?
            .port();
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
        );
        let answer = self.request("INVITE", 1, &offer).await?;
        let misses = "the call was answered without a contact, a tag or a place for sound";
        self.to = header(&answer, "To").ok_or(misses)?.to_owned();
        let contact = header(&answer, "Contact").ok_or(misses)?;
        let contact = contact
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'));
        self.target = contact.ok_or(misses)?.0.to_owned();
        let port = answer
            .lines()
            .find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next());
        let port: u16 = port.and_then(|port| port.parse().ok()).ok_or(misses)?;
        self.send(&self.text("ACK", 1, "")).await?;
        Ok((self.line.ip(), port).into())
    }

    fn rtp_header(&self, sequence: u16) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[0] = 0x80;
        // The first packet of a stretch of sound is marked (RFC 3551 section 4.1).
        header[1] = u8::from(sequence == 0) << 7;
        header[2..4].copy_from_slice(&sequence.to_be_bytes());
        let timestamp = u32::from(sequence) * FRAME as u32;
        header[4..8].copy_from_slice(&timestamp.to_be_bytes());
        header[8..].copy_from_slice(&(self.number as u32).to_be_bytes());
        header
    }
}

impl Phone for Telephone {
    type Came = Came;

    async fn come(&mut self) -> Result<Came, String> {
        let Self {
            sound,
            signals,
            bytes,
            ..
        } = self;
        tokio::select! {
            read = sound.recv(&mut **bytes) => {
                read.map(Came::Sound).map_err(|error| format!("the sound broke: {error}"))
            }
            text = message(signals) => text.map(Came::Message),
        }
    }

    async fn take(
        &mut self,
        came: Came,
        dialogue: &mut Dialogue<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        match came {
            Came::Sound(length) => hear(&self.bytes[..length], dialogue, clock::now(), outcome),
            Came::Message(text) if text.starts_with("BYE ") => {
                return Err("the program hung up".into());
            }
            Came::Message(_) => {}
        }
        Ok(())
    }

    async fn say(&mut self, sound: Option<Sound<'_>>, _now: Instant) -> Result<(), String> {
        let mut packet = [0xff; HEADER + FRAME];
        packet[..HEADER].copy_from_slice(&self.rtp_header(self.sequence));
        if let Some(sound) = sound {
            packet[HEADER..].copy_from_slice(sound.codes);
        }
        self.sequence = self.sequence.wrapping_add(1);
        // A datagram that the system has no room for is lost, as on any network.
        let _ = self.sound.try_send(&packet);
        Ok(())
    }

    async fn hang_up(self) -> Result<(), String> {
        self.request("BYE", 2, "").await.map(|_| ())
    }
}

/// Hears a packet, if there is a voice in it.
fn hear(packet: &[u8], dialogue: &mut Dialogue<'_>, now: Instant, outcome: &mut Outcome) {
    let Some((head, codes)) = packet.split_at_checked(HEADER) else {
        return;
    };
    let is_sound = head[0] == 0x80 && head[1] & 0x7f == 0 && codes.len() == FRAME;
    let loud = |code: &u8| Codec::Pcmu.decode_byte(*code).unsigned_abs() > LOUD;
    if is_sound && codes.iter().any(loud) {
        dialogue.hear(TICK, now, outcome);
    }
}

/// Finds a header of a message.
fn header<'t>(message: &'t str, name: &str) -> Option<&'t str> {
    let (head, _) = message.split_once("\r\n\r\n")?;
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_whatever_their_case() {
        let message =
            "SIP/2.0 200 OK\r\nTO: <sip:a@b>;tag=1\r\nCSeq: 1 INVITE\r\n\r\nContact: none";
        assert_eq!(header(message, "To"), Some("<sip:a@b>;tag=1"));
        assert_eq!(header(message, "CSeq"), Some("1 INVITE"));
        assert_eq!(header(message, "Contact"), None);
    }

    #[test]
    fn only_a_voice_is_heard() {
        let now = clock::now();
        let mut outcome = Outcome::default();
        let mut dialogue = Dialogue::new(&[], now);
        let mut packet = [0xff; HEADER + FRAME];
        (packet[0], packet[1]) = (0x80, 0);
        hear(&packet, &mut dialogue, now, &mut outcome);
        assert_eq!(dialogue.played(), now);
        packet[HEADER + 5] = Codec::Pcmu.encode_sample(5_000);
        hear(&packet[..40], &mut dialogue, now, &mut outcome);
        assert_eq!(dialogue.played(), now);
        hear(&packet, &mut dialogue, now, &mut outcome);
        assert_eq!(dialogue.played(), now + TICK);
    }
}
