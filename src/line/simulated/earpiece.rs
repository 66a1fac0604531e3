//! The callee's telephone: puts the agent's packets into order and gives one frame of sound every 20 ms.
//!
//! A small fixed buffer, as cheap telephones have. It conceals nothing: what was lost is silence, so that
//! measurements see the loss.

use std::collections::VecDeque;

use media::{FRAME, Law, Packet};

/// Packets that must have come before sound begins: they even out 20 ms of jitter.
pub(super) const DEPTH: usize = 2;

/// Packets that wait at most; a sender that is faster than 20 ms a packet loses the oldest.
const MOST: usize = 16;

/// Frames without any packet after which the next packet starts afresh.
const PAUSE: u32 = 5;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Earpiece {
    law: Law,
    /// By sequence number, without gaps filled or doubles.
    waiting: VecDeque<Packet>,
    /// The sequence number to play next; `None` while the buffer fills.
    next: Option<u16>,
    starved: u32,
}

impl Earpiece {
    pub(super) fn new(law: Law) -> Self {
        Self {
            law,
            waiting: VecDeque::with_capacity(MOST + 1),
            next: None,
            starved: 0,
        }
    }

    /// Takes a packet that arrived.
    pub(super) fn push(&mut self, packet: Packet) {
        let after = |a: u16, b: u16| a.wrapping_sub(b) < 1 << 15;
        if let Some(next) = self.next {
            let late = !after(packet.sequence, next);
            // Far behind is not late: the sender began to count anew.
            if late && next.wrapping_sub(packet.sequence) <= 64 {
                return;
            }
        }
        let later = |other: &Packet| {
            other.sequence != packet.sequence && after(other.sequence, packet.sequence)
        };
        let place = self.waiting.partition_point(|other| !later(other));
        let doubled = place > 0 && self.waiting[place - 1].sequence == packet.sequence;
        if !doubled {
            self.waiting.insert(place, packet);
        }
        if self.waiting.len() > MOST {
            self.waiting.pop_front();
            self.next = self.waiting.front().map(|packet| packet.sequence);
        }
    }

    /// Gives the next 20 ms.
    pub(super) fn pull(&mut self, frame: &mut [i16; FRAME]) {
        frame.fill(0);
        if self.next.is_none() && self.waiting.len() >= DEPTH {
            self.next = self.waiting.front().map(|packet| packet.sequence);
        }
        let (Some(next), Some(first)) = (self.next, self.waiting.front()) else {
            self.starved += 1;
            if self.starved >= PAUSE {
                self.next = None;
            }
            return;
        };
        self.starved = 0;
        let ahead = first.sequence.wrapping_sub(next);
        if ahead == 0 || usize::from(ahead) > MOST {
            self.law.decode(first.payload(), frame);
            self.next = Some(first.sequence.wrapping_add(1));
            self.waiting.pop_front();
        } else {
            self.next = Some(next.wrapping_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, value: i16) -> Packet {
        let byte = Law::Mu.encode_sample(value);
        Packet::new(sequence, 0, &[byte; FRAME]).unwrap()
    }

    fn pull(earpiece: &mut Earpiece) -> i16 {
        let mut frame = [1; FRAME];
        earpiece.pull(&mut frame);
        frame[0]
    }

    /// Values that µ-law keeps: distinct per packet.
    fn value(index: u16) -> i16 {
        Law::Mu.decode_byte(0x80 + (index % 64) as u8)
    }

    #[test]
    fn packets_are_ordered_and_doubles_dropped_across_the_wrap_of_the_sequence() {
        let mut earpiece = Earpiece::new(Law::Mu);
        let first = u16::MAX - 1;
        for offset in [1, 0, 0, 2, 4, 3, 3] {
            earpiece.push(packet(first.wrapping_add(offset), value(offset)));
        }
        let heard: Vec<i16> = (0..5).map(|_| pull(&mut earpiece)).collect();
        assert_eq!(heard, [0, 1, 2, 3, 4].map(value));
    }

    #[test]
    fn what_is_lost_is_silent_and_what_is_late_is_dropped() {
        let mut earpiece = Earpiece::new(Law::Mu);
        earpiece.push(packet(7, value(1)));
        assert_eq!(pull(&mut earpiece), 0, "one packet is too few to begin");
        earpiece.push(packet(9, value(3)));
        assert_eq!(pull(&mut earpiece), value(1));
        assert_eq!(pull(&mut earpiece), 0, "8 is missing");
        earpiece.push(packet(8, value(2)));
        assert_eq!(pull(&mut earpiece), value(3));
    }

    #[test]
    fn a_flood_loses_the_oldest_and_a_restarted_count_is_followed() {
        let mut earpiece = Earpiece::new(Law::Mu);
        for sequence in 1000..1100 {
            earpiece.push(packet(sequence, value(sequence - 1000)));
        }
        assert_eq!(earpiece.waiting.len(), MOST);
        assert_eq!(pull(&mut earpiece), value(99 - 15));
        while !earpiece.waiting.is_empty() {
            pull(&mut earpiece);
        }
        for sequence in 0..3 {
            earpiece.push(packet(sequence, value(sequence + 30)));
        }
        assert_eq!(pull(&mut earpiece), value(30));
    }
}
