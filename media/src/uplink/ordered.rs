//! Packets of a codec that remembers, kept until their sound is due and then decoded in order.
//!
//! A packet that is missing when its sound is due is mended by the decoder where it can: from the packet after it, or
//! from the past. G.722 can do neither; its gaps are left to the jitter buffer.

use std::collections::VecDeque;

use super::jitter::Origin;
use crate::{
    Codec, FRAME, Law, Packet, g722,
    opus::{self, LONGEST},
};

/// The most packets that wait: the ring full of packets of 10 ms.
const MOST: usize = 52;
/// Gaps longer than this are not mended by the decoder: 60 ms.
const LONGEST_GAP: i64 = 3 * FRAME as i64;

/// How packets become samples.
#[derive(Debug)]
pub(super) enum Decoding {
    /// At once, byte by byte.
    AtOnce(Law),
    /// In order.
    InOrder(Box<Ordered>),
}

impl Decoding {
    pub(super) fn of(codec: Codec) -> Self {
        match codec.law() {
            Some(law) => Self::AtOnce(law),
            None => Self::InOrder(Box::new(Ordered::new(codec))),
        }
    }
}

#[derive(Debug)]
enum Decoder {
    G722(g722::Decoder),
    Opus(opus::Decoder),
}

/// A packet that was not decoded yet.
#[derive(Debug)]
struct Waiting {
    /// Both in samples of 8 kHz.
    timestamp: i64,
    length: usize,
    packet: Packet,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Ordered {
    decoder: Decoder,
    /// In the order of their sound.
    packets: VecDeque<Waiting>,
    /// Up to where sound was decoded or mended.
    done: Option<i64>,
    out: [i16; LONGEST],
}

impl Ordered {
    pub(super) fn new(codec: Codec) -> Self {
        let decoder = match codec {
            Codec::Opus => Decoder::Opus(opus::Decoder::new()),
            Codec::Pcmu | Codec::Pcma | Codec::G722 => Decoder::G722(g722::Decoder::new()),
        };
        Self {
            decoder,
            packets: VecDeque::with_capacity(MOST),
            done: None,
            out: [0; LONGEST],
        }
    }

    /// Another stream begins.
    pub(super) fn restart(&mut self) {
        self.packets.clear();
        self.done = None;
        match &mut self.decoder {
            Decoder::G722(decoder) => decoder.reset(),
            Decoder::Opus(decoder) => decoder.reset(),
        }
    }

    /// Returns how many samples of 8 kHz a packet holds; `None` when it cannot be decoded.
    pub(super) fn length(&self, packet: &Packet) -> Option<usize> {
        match self.decoder {
            Decoder::G722(_) => Some(packet.payload().len()),
            Decoder::Opus(_) => opus::Decoder::length(packet.payload()),
        }
    }

    /// Whether no more packets can be kept.
    pub(super) fn is_full(&self) -> bool {
        self.packets.len() == MOST
    }

    /// Keeps a packet of `length` samples.
    pub(super) fn insert(&mut self, timestamp: i64, length: i64, packet: &Packet) {
        let place = self
            .packets
            .partition_point(|other| other.timestamp <= timestamp);
        let waiting = Waiting {
            timestamp,
            length: length as usize,
            packet: *packet,
        };
        self.packets.insert(place, waiting);
    }

    /// Decodes the sound before `limit` as far as it is known. `sink` gets samples of 8 kHz, the timestamp of the
    /// first of them, and where they come from.
    pub(super) fn decode_until(&mut self, limit: i64, mut sink: impl FnMut(i64, &[i16], Origin)) {
        while let Some(next) = self.packets.front() {
            let (timestamp, payload) = (next.timestamp, next.packet.payload());
            let done = *self.done.get_or_insert(timestamp);
            if done >= limit {
                return;
            }
            let gap = timestamp - done;
            let (from, made, origin) = match &mut self.decoder {
                _ if !(0..=LONGEST_GAP).contains(&gap) => {
                    if timestamp >= limit {
                        return;
                    }
                    self.done = Some(timestamp);
                    continue;
                }
                Decoder::G722(_) if gap > 0 => {
                    self.done = Some(timestamp);
                    continue;
                }
                Decoder::Opus(decoder) if gap > 0 => {
                    let frame = FRAME as i64;
                    let (count, origin, made) = if gap > frame {
                        let made = decoder.conceal(FRAME, &mut self.out);
                        (frame, Origin::Guessed, made)
                    } else {
                        let made = decoder.recover(payload, gap as usize, &mut self.out);
                        (gap, Origin::Recovered, made)
                    };
                    self.done = Some(done + count);
                    (done, made.min(count as usize), origin)
                }
                decoder => {
                    let made = match decoder {
                        Decoder::G722(decoder) => decoder.decode(payload, &mut self.out),
                        Decoder::Opus(decoder) => decoder.decode(payload, &mut self.out),
                    };
                    // Its place was taken when it came, so something has to fill it, also when it is broken.
                    let length = next.length.min(LONGEST);
                    self.out[made.min(length)..length].fill(0);
                    self.packets.pop_front();
                    self.done = Some(done + length as i64);
                    (done, length, Origin::Packet)
                }
            };
            sink(from, &self.out[..made], origin);
        }
    }
}
