//! Frames of a stream, of any length, as packets of 20 ms.
//!
//! A stream whose order is kept is numbered by what has arrived; one whose order is not, by what the carrier counts,
//! so that the jitter buffer can put it right.

use media::{FRAME, Packet};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Packets {
    ordered: bool,
    sequence: u16,
    timestamp: u32,
    rest: Vec<u8>,
}

impl Packets {
    pub(super) fn new(ordered: bool) -> Self {
        Self {
            ordered,
            sequence: 0,
            timestamp: 0,
            rest: Vec::with_capacity(2 * FRAME),
        }
    }

    /// Takes a frame; `sink` gets the packets that are whole now. What is left over waits for the next frame.
    pub(super) fn push(&mut self, chunk: Option<u64>, sound: &[u8], mut sink: impl FnMut(Packet)) {
        if let (false, Some(chunk), FRAME) = (self.ordered, chunk, sound.len()) {
            // Both numbers wrap, as those of RTP do.
            let timestamp = (chunk as u32).wrapping_mul(FRAME as u32);
            sink(packet(chunk as u16, timestamp, sound));
            return;
        }
        self.rest.extend_from_slice(sound);
        let whole = self.rest.len() / FRAME * FRAME;
        for piece in self.rest[..whole].chunks(FRAME) {
            sink(packet(self.sequence, self.timestamp, piece));
            self.sequence = self.sequence.wrapping_add(1);
            self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        }
        self.rest.drain(..whole);
    }
}

fn packet(sequence: u16, timestamp: u32, sound: &[u8]) -> Packet {
    Packet::new(sequence, timestamp, sound).expect("20 ms of sound fit into a packet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_lost_or_moved() {
        let sound: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        let mut random = fastrand::Rng::with_seed(1);
        let mut packets = Packets::new(true);
        let (mut at, mut out, mut count) = (0, Vec::new(), 0_u16);
        while at < sound.len() {
            let end = sound.len().min(at + random.usize(1..700));
            packets.push(Some(7), &sound[at..end], |packet| {
                assert_eq!(packet.sequence, count);
                assert_eq!(packet.timestamp, u32::from(count) * 160);
                out.extend_from_slice(packet.payload());
                count += 1;
            });
            at = end;
        }
        assert_eq!(out, sound[..out.len()]);
        assert!(sound.len() - out.len() < FRAME);
    }

    #[test]
    fn a_stream_out_of_order_is_numbered_by_the_carrier() {
        let mut packets = Packets::new(false);
        let mut order = Vec::new();
        for chunk in [1, 3, 2, 65_537] {
            packets.push(Some(chunk), &[0xff; FRAME], |packet| {
                order.push(packet.sequence)
            });
        }
        assert_eq!(order, [1, 3, 2, 1]);
    }
}
