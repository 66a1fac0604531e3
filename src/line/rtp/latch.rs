//! Whose sound is it? Behind address translation the peer's packets come from elsewhere than its description says,
//! and anybody can send to an open port.
//!
//! Where the description says, one packet is enough. From elsewhere several in a row are needed, and only while nobody
//! was heard yet; once somebody was, he keeps the call until he has been silent and the new one knows his stream's
//! number (SSRC), or has authenticated himself. Only the announced place may take the call from another. A new
//! description starts anew where it names another place.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Packets in a row before a source that was not announced is believed.
const IN_A_ROW: u32 = 3;
/// How much later than expected the next packet of a row may be, in packets.
const GAP: u16 = 5;
/// The current stream has ended, or at least paused, when nothing of it came for this long.
const SILENT: Duration = Duration::from_millis(100);
/// Before somebody at another address may take over the stream.
const GONE: Duration = Duration::from_millis(500);

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Latch {
    told: Option<SocketAddr>,
    /// Whether packets that get here are authenticated.
    authenticated: bool,
    current: Option<Source>,
    candidate: Option<Candidate>,
}

#[derive(Debug, Clone, Copy)]
struct Source {
    from: SocketAddr,
    ssrc: u32,
    last: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    from: SocketAddr,
    ssrc: u32,
    next: u16,
    count: u32,
}

/// What a packet is, before its contents are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Of the stream that is heard.
    Known,
    /// Of one that may become it.
    Possible,
    /// Of nobody who is wanted.
    Stranger,
}

impl Latch {
    pub(super) const fn new() -> Self {
        Self {
            told: None,
            authenticated: false,
            current: None,
            candidate: None,
        }
    }

    /// Takes note of a description.
    pub(super) fn describe(&mut self, told: Option<SocketAddr>, authenticated: bool) {
        if self.told != told || self.authenticated != authenticated {
            self.told = told;
            self.authenticated = authenticated;
            self.current = None;
        }
        self.candidate = None;
    }

    /// Where sound is sent.
    pub(super) fn target(&self) -> Option<SocketAddr> {
        self.current.map(|source| source.from).or(self.told)
    }

    /// Returns the number of the stream that is heard.
    #[cfg(test)]
    pub(super) fn ssrc(&self) -> Option<u32> {
        self.current.map(|source| source.ssrc)
    }

    /// Whether a packet comes from where sound is expected from.
    pub(super) fn expects(&self, from: SocketAddr) -> bool {
        self.target() == Some(from)
    }

    pub(super) fn standing(&self, from: SocketAddr, ssrc: u32, now: Instant) -> Standing {
        match self.needed(from, ssrc, now) {
            Some(0) => Standing::Known,
            Some(_) => Standing::Possible,
            None => Standing::Stranger,
        }
    }

    /// Takes a packet, authenticated where packets are; returns whether it is heard.
    pub(super) fn take(
        &mut self,
        from: SocketAddr,
        ssrc: u32,
        sequence: u16,
        now: Instant,
    ) -> bool {
        let Some(needed) = self.needed(from, ssrc, now) else {
            return false;
        };
        if needed > 0 {
            let row = self.candidate.filter(|one| {
                (one.from, one.ssrc) == (from, ssrc) && sequence.wrapping_sub(one.next) < GAP
            });
            let count = row.map_or(1, |row| row.count + 1);
            if count < needed {
                self.candidate = Some(Candidate {
                    from,
                    ssrc,
                    next: sequence.wrapping_add(1),
                    count,
                });
                return false;
            }
            self.candidate = None;
        }
        self.current = Some(Source {
            from,
            ssrc,
            last: now,
        });
        true
    }

    /// How many packets in a row it takes to be heard; `None` when none will do.
    fn needed(&self, from: SocketAddr, ssrc: u32, now: Instant) -> Option<u32> {
        let Some(current) = self.current else {
            return Some(if self.told == Some(from) { 1 } else { IN_A_ROW });
        };
        if current.from != from && self.told == Some(from) {
            // Whoever was heard for want of it has to give way to the announced place.
            return Some(IN_A_ROW);
        }
        let silent = now.saturating_duration_since(current.last);
        match (current.from == from, current.ssrc == ssrc) {
            (true, true) => Some(0),
            // An exchange connects somebody else.
            (true, false) => (silent >= SILENT).then_some(IN_A_ROW),
            // A translator has forgotten the peer and gives it a new address.
            (false, true) => (silent >= GONE).then_some(IN_A_ROW),
            (false, false) => (self.authenticated && silent >= GONE).then_some(IN_A_ROW),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "192.0.2.7:4000";
    const ELSEWHERE: &str = "198.51.100.9:61000";

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn told(authenticated: bool) -> (Latch, Instant) {
        let mut latch = Latch::new();
        latch.describe(Some(at(PEER)), authenticated);
        (latch, crate::driver::clock::now())
    }

    #[test]
    fn the_announced_place_is_heard_at_once() {
        let (mut latch, now) = told(false);
        assert_eq!(latch.target(), Some(at(PEER)));
        assert!(latch.take(at(PEER), 1, 10, now));
        assert!(!latch.take(at(ELSEWHERE), 2, 10, now));
        assert_eq!(latch.target(), Some(at(PEER)));
    }

    #[test]
    fn behind_a_translator_three_in_a_row_are_believed() {
        let (mut latch, now) = told(false);
        assert!(!latch.take(at(ELSEWHERE), 1, 65_534, now));
        assert!(!latch.take(at(ELSEWHERE), 1, 65_535, now));
        assert!(latch.take(at(ELSEWHERE), 1, 0, now));
        assert_eq!(latch.target(), Some(at(ELSEWHERE)));
    }

    #[test]
    fn strays_do_not_add_up() {
        let (mut latch, now) = told(false);
        for (ssrc, sequence) in [(1, 10), (2, 10), (1, 11), (1, 500), (3, 501)] {
            assert!(!latch.take(at(ELSEWHERE), ssrc, sequence, now));
        }
        assert_eq!(latch.target(), Some(at(PEER)));
    }

    #[test]
    fn a_hijacker_is_never_heard_while_the_peer_talks() {
        for authenticated in [false, true] {
            let (mut latch, mut now) = told(authenticated);
            for sequence in 0..200 {
                assert!(latch.take(at(PEER), 1, sequence, now));
                for ssrc in [1, 2] {
                    assert!(!latch.take(at(ELSEWHERE), ssrc, sequence, now));
                }
                assert!(!latch.take(at(PEER), 9, sequence, now), "a forged address");
                now += Duration::from_millis(20);
            }
        }
    }

    #[test]
    fn a_peer_who_moves_keeps_his_stream() {
        let (mut latch, mut now) = told(false);
        assert!(latch.take(at(PEER), 1, 10, now));
        now += GONE;
        assert!(!latch.take(at(ELSEWHERE), 2, 20, now), "another stream");
        for (sequence, heard) in [(36, false), (37, false), (38, true)] {
            assert_eq!(latch.take(at(ELSEWHERE), 1, sequence, now), heard);
        }
    }

    #[test]
    fn a_new_stream_from_the_same_place_needs_a_pause() {
        let (mut latch, mut now) = told(false);
        assert!(latch.take(at(PEER), 1, 10, now));
        now += SILENT;
        for (sequence, heard) in [(5, false), (6, false), (7, true)] {
            assert_eq!(latch.take(at(PEER), 2, sequence, now), heard);
        }
        assert_eq!(latch.ssrc(), Some(2));
    }

    #[test]
    fn the_announced_place_wins_back_what_another_took_meanwhile() {
        let (mut latch, now) = told(false);
        for sequence in 0..5 {
            latch.take(at(ELSEWHERE), 1, sequence, now);
        }
        assert_eq!(latch.target(), Some(at(ELSEWHERE)));
        for (sequence, heard) in [(5, false), (6, false), (7, true)] {
            assert!(
                latch.take(at(ELSEWHERE), 1, sequence, now),
                "the old one talks on"
            );
            assert_eq!(latch.take(at(PEER), 2, sequence, now), heard);
        }
        assert!(!latch.take(at(ELSEWHERE), 1, 8, now));
    }

    #[test]
    fn a_new_description_starts_anew_and_a_repeated_one_does_not() {
        let (mut latch, now) = told(false);
        assert!(latch.take(at(PEER), 1, 10, now));
        latch.describe(Some(at(PEER)), false);
        assert_eq!(latch.ssrc(), Some(1));
        latch.describe(Some(at(ELSEWHERE)), false);
        assert_eq!(latch.target(), Some(at(ELSEWHERE)));
        assert!(latch.take(at(ELSEWHERE), 5, 10, now));
    }
}
