//! One call's sound as datagrams: what each one that arrives means, and what leaves. No sockets and no clock: the
//! session's task brings both.
//!
//! Cheap questions come first, so that a flood costs little: who sends it, of which stream, of which kind. Only then
//! is anything decrypted.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use media::{Codec, MAX_PAYLOAD, Packet};
use protocol::{
    sdp::{self, Agreed},
    telephone_event::TelephoneEvent,
};
use rtc_rtp::{Header, Packet as Rtp};
use rtc_shared::marshal::{Marshal, MarshalSize, Unmarshal};

use super::{
    crypt::Crypt,
    keys::{KeysIn, KeysOut},
    latch::{Latch, Standing},
    reports::{Quality, Reports},
    tally::Tally,
};
use crate::line::Keys;

/// RTP's header without anything optional.
const HEADER: usize = 12;
/// The longest datagram that is made: header, payload, authentication.
const MOST_BYTES: usize = HEADER + MAX_PAYLOAD + 16;

/// Packets in a row in another codec before it is believed that the peer means it.
const MEANT: u32 = 3;
/// Packets that a change of the codec finds between the driver and here.
const IN_FLIGHT: u32 = 2;

/// What a datagram brought.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::large_enum_variant,
    reason = "packets are of fixed size, so that none is allocated for each"
)]
pub(super) enum Arrived {
    /// Nothing that is wanted.
    Nothing,
    /// Only a sign of life, and perhaps a key ([`Stream::key`]).
    Life,
    /// Sound, or the noise in place of it.
    Sound(Packet),
}

/// What a session chooses by chance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Stream {
    agreed: Option<Agreed>,
    codec: Codec,
    crypt: Option<Crypt>,
    latch: Latch,
    reports: Reports,
    keys_in: KeysIn,
    /// Keys that were heard and not asked for yet: one or two.
    pressed: VecDeque<char>,
    keys_out: KeysOut,
    ssrc: u32,
    sequence: u16,
    /// What is added to the driver's timestamps.
    offset: u32,
    /// Timestamp and moment of the last packet of sound that the driver gave.
    last_sent: Option<(u32, Instant)>,
    /// Packets in a row in another codec than is spoken.
    astray: u32,
    /// Whether the codec has changed and the driver does not know yet.
    switched: bool,
    /// Packets that are still on their way from the driver in the codec of before.
    mute: u32,
    /// Whether the next packet is the first after a pause.
    marker: bool,
    /// From where moments are counted.
    epoch: Instant,
    scratch: BytesMut,
}

impl Stream {
    pub(super) fn new(codec: Codec, chance: Chance, now: Instant) -> Self {
        Self {
            agreed: None,
            codec,
            crypt: None,
            latch: Latch::new(),
            reports: Reports::new(chance.ssrc),
            keys_in: KeysIn::default(),
            pressed: VecDeque::new(),
            keys_out: KeysOut::default(),
            ssrc: chance.ssrc,
            sequence: chance.sequence,
            offset: chance.timestamp,
            last_sent: None,
            astray: 0,
            switched: false,
            mute: 0,
            marker: true,
            epoch: now,
            scratch: BytesMut::with_capacity(MOST_BYTES),
        }
    }

    /// Takes note of what was agreed. Returns `false` when its keys cannot be used.
    pub(super) fn agree(&mut self, agreed: Agreed) -> bool {
        self.crypt = match (&agreed.keys, self.crypt.take()) {
            (None, _) => None,
            (Some((ours, theirs)), Some(crypt)) if crypt.is_of(ours, theirs) => Some(crypt),
            (Some((ours, theirs)), _) => match Crypt::new(ours, theirs) {
                Some(crypt) => Some(crypt),
                None => return false,
            },
        };
        self.latch.describe(agreed.remote, self.crypt.is_some());
        self.codec = codec(agreed.codec);
        if !agreed.direction.sends() || agreed.events.is_none() {
            self.keys_out.clear();
        }
        self.agreed = Some(agreed);
        true
    }

    /// Returns what is in force.
    pub(super) fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    pub(super) fn quality(&self) -> Quality {
        self.reports.quality()
    }

    /// Whether a datagram comes from where sound is expected from.
    pub(super) fn expects(&self, from: SocketAddr) -> bool {
        self.latch.expects(from)
    }

    /// Takes a datagram.
    pub(super) fn receive(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        now: Instant,
        tally: &Tally,
    ) -> Arrived {
        let Some(agreed) = &self.agreed else {
            tally.early.add();
            return Arrived::Nothing;
        };
        let [first, second, _, _, _, _, _, _, s0, s1, s2, s3, ..] = *datagram else {
            tally.unreadable.add();
            return Arrived::Nothing;
        };
        if first >> 6 != 2 {
            tally.unreadable.add();
            return Arrived::Nothing;
        }
        let ssrc = u32::from_be_bytes([s0, s1, s2, s3]);
        let Some(kind) = kind(agreed, second & 0x7F) else {
            tally.unknown_payloads.add();
            return Arrived::Nothing;
        };
        let standing = self.latch.standing(from, ssrc, now);
        let opened = match (&mut self.crypt, standing) {
            (_, Standing::Stranger) => {
                tally.strangers.add();
                return Arrived::Nothing;
            }
            (None, _) => Some(Bytes::copy_from_slice(datagram)),
            (Some(crypt), Standing::Known) => crypt.open(datagram).map(BytesMut::freeze),
            (Some(crypt), Standing::Possible) => crypt.open_doubted(datagram).map(BytesMut::freeze),
        };
        let Some(mut opened) = opened else {
            tally.unauthenticated.add();
            return Arrived::Nothing;
        };
        let Ok(rtp) = Rtp::unmarshal(&mut opened) else {
            tally.unreadable.add();
            return Arrived::Nothing;
        };
        let (sequence, timestamp) = (rtp.header.sequence_number, rtp.header.timestamp);
        if !self.latch.take(from, ssrc, sequence, now) {
            return Arrived::Nothing;
        }
        if standing == Standing::Possible {
            self.keys_in.restart();
            if let Some(crypt) = &mut self.crypt {
                crypt.believe();
            }
        }
        let since = now.saturating_duration_since(self.epoch);
        let clock = self.codec.clock();
        match kind {
            Kind::OtherSound(codec) if !self.follow(codec) => Arrived::Life,
            Kind::Sound | Kind::OtherSound(_) => {
                if kind == Kind::Sound {
                    self.astray = 0;
                }
                self.reports
                    .on_received(ssrc, sequence, timestamp, clock, since);
                match Packet::new(sequence, timestamp, &rtp.payload) {
                    Some(packet) if !rtp.payload.is_empty() => Arrived::Sound(packet),
                    Some(_) => Arrived::Life,
                    None => {
                        tally.unreadable.add();
                        Arrived::Nothing
                    }
                }
            }
            Kind::Event => {
                self.reports
                    .on_received(ssrc, sequence, timestamp, clock, since);
                if let Some(event) = TelephoneEvent::read(&rtp.payload) {
                    let pressed = &mut self.pressed;
                    self.keys_in
                        .take(timestamp, event, now, |key| pressed.push_back(key));
                }
                Arrived::Life
            }
            Kind::Noise => {
                // The first byte is the level; what may follow is its spectrum (RFC 3389 section 3).
                let level = rtp.payload.first().copied().unwrap_or(127) & 0x7F;
                Arrived::Sound(Packet::comfort_noise(sequence, timestamp, level))
            }
        }
    }

    /// Several codecs may be agreed upon, and a peer may send any of them. Returns whether we go over to this one,
    /// in both directions, because the peer means it.
    fn follow(&mut self, other: sdp::Codec) -> bool {
        self.astray += 1;
        if self.astray < MEANT {
            return false;
        }
        let Some(agreed) = &mut self.agreed else {
            return false;
        };
        let theirs = agreed.receive.iter().find(|(_, codec)| *codec == other);
        let Some((payload, _)) = theirs.copied() else {
            return false;
        };
        agreed.codec = other;
        agreed.payload = payload;
        self.codec = codec(other);
        self.astray = 0;
        self.mute = IN_FLIGHT;
        self.switched = true;
        true
    }

    /// Returns the codec, when it has changed since it was asked for.
    pub(super) fn switched(&mut self) -> Option<(Codec, Keys)> {
        let agreed = self.agreed.as_ref()?;
        std::mem::take(&mut self.switched).then(|| (self.codec, keys(agreed)))
    }

    /// Takes a report that came to either socket.
    pub(super) fn receive_report(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        now: Instant,
        ntp: u64,
        tally: &Tally,
    ) -> Arrived {
        let target = self.latch.target();
        if target.is_none_or(|target| target.ip() != from.ip()) {
            tally.strangers.add();
            return Arrived::Nothing;
        }
        let read = match &mut self.crypt {
            None => self.reports.on_report(datagram, now, ntp),
            Some(crypt) => {
                let Some(opened) = crypt.open_report(datagram) else {
                    tally.unauthenticated.add();
                    return Arrived::Nothing;
                };
                self.reports.on_report(&opened, now, ntp)
            }
        };
        if !read {
            tally.unreadable.add();
            return Arrived::Nothing;
        }
        Arrived::Life
    }

    /// When a key counts as pressed though its end was not heard.
    pub(super) fn key_due(&self) -> Option<Instant> {
        self.keys_in.due()
    }

    /// Returns the next key that was pressed, also one whose end was lost.
    pub(super) fn key(&mut self, now: Instant) -> Option<char> {
        self.pressed
            .pop_front()
            .or_else(|| self.keys_in.expire(now))
    }

    /// Presses keys. Returns `false` when they cannot be signalled, or too many wait.
    pub(super) fn press(&mut self, keys: &str) -> bool {
        let can = self
            .agreed
            .as_ref()
            .is_some_and(|agreed| agreed.events.is_some());
        can && self.keys_out.press(keys)
    }

    /// Makes the datagram of this 20 ms, of the driver's sound or of a key in its place; `None` when nothing may be
    /// sent.
    pub(super) fn send(&mut self, packet: &Packet, now: Instant) -> Option<(Bytes, SocketAddr)> {
        let timestamp = packet.timestamp.wrapping_add(self.offset);
        self.last_sent = Some((timestamp, now));
        let agreed = self.agreed.as_ref()?;
        let target = self.latch.target()?;
        if !agreed.direction.sends() {
            self.marker = true;
            return None;
        }
        if let Some(less) = self.mute.checked_sub(1) {
            self.mute = less;
            return None;
        }
        let press = agreed.events.as_ref().and_then(|events| {
            let press = self.keys_out.beat(timestamp, events.clock)?;
            Some((press, events.payload))
        });
        let (payload_type, timestamp, marker, payload) = match press {
            Some((press, payload_type)) => (
                payload_type,
                press.timestamp,
                press.first,
                Bytes::copy_from_slice(&press.event.write()),
            ),
            None => {
                let marker = std::mem::take(&mut self.marker);
                let payload = Bytes::copy_from_slice(packet.payload());
                (agreed.payload, timestamp, marker, payload)
            }
        };
        let rtp = Rtp {
            header: Header {
                version: 2,
                marker,
                payload_type,
                sequence_number: self.sequence,
                timestamp,
                ssrc: self.ssrc,
                ..Header::default()
            },
            payload,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.reports.on_sent(rtp.payload.len());
        self.scratch.resize(rtp.marshal_size(), 0);
        let length = rtp.marshal_to(&mut self.scratch).ok()?;
        let plain = &self.scratch[..length];
        let datagram = match &mut self.crypt {
            Some(crypt) => crypt.protect(plain)?.freeze(),
            None => Bytes::copy_from_slice(plain),
        };
        Some((datagram, target))
    }

    /// Makes a report, the last one when the session is over.
    pub(super) fn report(
        &mut self,
        now: Instant,
        ntp: u64,
        last: bool,
    ) -> Option<(Bytes, SocketAddr)> {
        let agreed = self.agreed.as_ref()?;
        let target = self.latch.target()?;
        let target = match agreed.remote_rtcp {
            _ if agreed.mux => target,
            // The peer sits behind a translator: what it said of ports cannot be true, but they may be neighbours.
            Some(told) if agreed.remote == Some(target) => told,
            _ => SocketAddr::new(target.ip(), target.port().checked_add(1)?),
        };
        let plain = if last {
            self.reports.farewell(now)?
        } else {
            let timestamp = self.last_sent.map_or(self.offset, |(timestamp, at)| {
                let since = now.saturating_duration_since(at);
                timestamp.wrapping_add(ticks(since, self.codec.clock()))
            });
            self.reports.compose(now, ntp, timestamp)?
        };
        let datagram = match &mut self.crypt {
            Some(crypt) => crypt.protect_report(&plain)?.freeze(),
            None => Bytes::from(plain),
        };
        Some((datagram, target))
    }
}

fn ticks(time: Duration, clock: u32) -> u32 {
    (time.as_nanos() * u128::from(clock) / 1_000_000_000) as u32
}

/// What a payload type was agreed to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sound,
    /// In another codec that was agreed upon too.
    OtherSound(sdp::Codec),
    Event,
    Noise,
}

fn kind(agreed: &Agreed, payload: u8) -> Option<Kind> {
    let sound = agreed.receive.iter().find(|(known, _)| *known == payload);
    if let Some((_, codec)) = sound {
        return Some(if *codec == agreed.codec {
            Kind::Sound
        } else {
            Kind::OtherSound(*codec)
        });
    }
    let events = agreed.events.as_ref();
    if events.is_some_and(|events| events.receive.contains(&payload)) {
        return Some(Kind::Event);
    }
    agreed
        .comfort_noise
        .contains(&payload)
        .then_some(Kind::Noise)
}

/// Whether a datagram is a report and not sound, where both share a port (RFC 5761 section 4).
pub(super) fn is_report(datagram: &[u8]) -> bool {
    matches!(datagram, [_, 192..=223, ..])
}

/// Returns the codec by which `media` knows one of a description.
pub(super) const fn codec(codec: sdp::Codec) -> Codec {
    match codec {
        sdp::Codec::Pcmu => Codec::Pcmu,
        sdp::Codec::Pcma => Codec::Pcma,
        sdp::Codec::G722 => Codec::G722,
        sdp::Codec::Opus => Codec::Opus,
    }
}

/// Returns the name by which descriptions know a codec of `media`.
pub(super) const fn described(codec: Codec) -> sdp::Codec {
    match codec {
        Codec::Pcmu => sdp::Codec::Pcmu,
        Codec::Pcma => sdp::Codec::Pcma,
        Codec::G722 => sdp::Codec::G722,
        Codec::Opus => sdp::Codec::Opus,
    }
}

/// Returns how keys reach the far end under an agreement.
pub(super) const fn keys(agreed: &Agreed) -> Keys {
    if agreed.events.is_some() {
        Keys::Signalled
    } else {
        Keys::InBand
    }
}
