//! Entry points for fuzzing what peers send, in the style of [`crate::testing`]: plain functions that panic only when
//! something is wrong with us.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use protocol::{
    sdp::{self, Codec, Description, Direction, Local, Srtp},
    telephone_event::TelephoneEvent,
};

use super::{
    stream::{Arrived, Chance, Stream, is_report},
    tally::Tally,
};
use crate::driver::clock;

fn local(srtp: Srtp) -> Local {
    Local {
        session: 1,
        version: 1,
        address: Ipv4Addr::LOCALHOST.into(),
        port: 4_000,
        codecs: vec![Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu],
        srtp,
        crypto: Local::keyed(&[7; Local::SECRETS]),
        direction: Direction::SendRecv,
    }
}

/// Reads `data` as a description: as an answer to our offer, and as an offer that is answered.
///
/// # Panics
/// When our answer cannot be read, or does not belong to the offer, or breaks the rule about encryption.
pub fn description(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = match Description::read(&text) {
        Ok(read) => read,
        Err(why) => {
            assert!(!why.to_string().is_empty());
            return;
        }
    };
    for srtp in [Srtp::Disabled, Srtp::Allowed, Srtp::Required] {
        let local = local(srtp);
        let offered = sdp::offer(&local);
        let accepted = sdp::accept(&local, &offered, &read);
        let answered = sdp::answer(&local, &read);
        let agreed = [
            accepted.as_ref().ok(),
            answered.as_ref().ok().map(|(_, agreed)| agreed),
        ];
        for agreed in agreed.into_iter().flatten() {
            assert!(srtp != Srtp::Required || agreed.keys.is_some());
            assert!(srtp != Srtp::Disabled || agreed.keys.is_none());
            assert!(agreed.receive.contains(&(agreed.payload, agreed.codec)));
        }
        if let Ok((answer, _)) = &answered {
            let again = Description::read(&answer.write()).expect("our own answer");
            assert_eq!(again.streams.len(), read.streams.len());
        }
    }
}

/// Reads `data` as datagrams at a call's port, plain and encrypted: the first byte of each is its length.
///
/// # Panics
/// When sound comes of what cannot be authenticated.
pub fn datagrams(data: &[u8]) {
    let now = clock::now();
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 5_000));
    for srtp in [Srtp::Disabled, Srtp::Required] {
        let local = local(srtp);
        let other = Local {
            port: from.port(),
            crypto: Local::keyed(&[9; Local::SECRETS]),
            ..local.clone()
        };
        let (_, agreed) = sdp::answer(&local, &sdp::offer(&other)).expect("both are alike");
        let chance = Chance {
            ssrc: 1,
            sequence: 1,
            timestamp: 1,
        };
        let mut stream = Stream::new(media::Codec::Opus, chance, now);
        assert!(stream.agree(agreed), "the keys are good");
        let mut uplink = media::Uplink::new(media::UplinkConfig::new(media::Codec::Opus));
        let tally = Tally::default();
        let mut rest = data;
        let mut at = now;
        while let Some((length, more)) = rest.split_first() {
            let (datagram, more) = more.split_at(more.len().min(usize::from(*length)));
            rest = more;
            at += Duration::from_millis(20);
            let arrived = if is_report(datagram) {
                stream.receive_report(datagram, from, at, 1 << 40, &tally)
            } else {
                stream.receive(datagram, from, at, &tally)
            };
            if let Arrived::Sound(packet) = arrived {
                assert_eq!(srtp, Srtp::Disabled, "nobody knows the key");
                uplink.push(&packet, at);
            }
            uplink.tick(at, &[0; media::FRAME]);
            while let Some(key) = stream.key(at) {
                assert!(matches!(key, '0'..='9' | '*' | '#' | 'A'..='D'), "{key}");
            }
            assert!(stream.report(at, 1 << 40, false).is_some());
        }
        let quality = stream.quality();
        assert!(quality.received as usize <= data.len());
    }
}

/// Reads `data` as payloads of telephone events.
///
/// # Panics
/// When an event that is written again is another one.
pub fn telephone_event(data: &[u8]) {
    for payload in data.chunks(5) {
        let Some(event) = TelephoneEvent::read(payload) else {
            assert!(payload.len() < 4);
            continue;
        };
        assert_eq!(TelephoneEvent::read(&event.write()), Some(event));
        assert_eq!(event.key().is_some(), event.code < 16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tests::drive_bytes;

    #[test]
    fn descriptions_of_strangers_never_break_us() {
        let offer = |srtp| sdp::offer(&local(srtp)).write().into_bytes();
        let old = b"v=0\no=x abc 1 IN IP4 10.0.0.1\nc=IN IP4 0.0.0.0\nm=audio 9 RTP/SAVP 0 101\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^31|1:4\na=sendonly\nm=video 0 RTP/AVP 31\n";
        let seeds = [offer(Srtp::Required), offer(Srtp::Allowed), old.to_vec()];
        drive_bytes(description, &seeds, 15_000);
    }

    #[test]
    fn datagrams_of_strangers_never_break_us() {
        let framed = |datagram: &[u8]| [&[datagram.len() as u8], datagram].concat();
        let rtp = |payload_type: u8, payload: &[u8]| {
            framed(
                &[
                    &[0x80, payload_type, 0, 1, 0, 0, 0, 160, 0, 0, 0, 9],
                    payload,
                ]
                .concat(),
            )
        };
        let sender_report = [
            0x81, 200, 0, 12, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0,
            5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9,
        ];
        let seeds = [
            rtp(111, &[0x08, 1, 2, 3, 4, 5]),
            rtp(111, &[0xFF, 0xFE, 3, 4]),
            [rtp(110, &[5, 0x0A, 3, 192]), rtp(110, &[5, 0x8A, 3, 192])].concat(),
            framed(&sender_report),
            framed(&[0xBF, 111, 0, 1, 0, 0, 0, 160, 0, 0, 0, 9]),
        ];
        drive_bytes(datagrams, &seeds, 6_000);
    }

    #[test]
    fn events_of_strangers_never_break_us() {
        drive_bytes(telephone_event, &[vec![5, 0x8A, 3, 192]], 20_000);
    }
}
