//! What is heard before a call is answered: the network's tones and announcements. Nobody has answered, so nothing
//! of it is the callee's; it explains a failure that follows, and a busy tone ends the waiting.

use std::time::{Duration, Instant};

use call::Failure;
use media::{Codec, Edge, FRAME, Packet, Tone, Uplink, UplinkConfig};

use super::failure::Failed;
use crate::driver::clock::{self, Ticker};

/// So much voice is an announcement.
const ANNOUNCEMENT: Duration = Duration::from_millis(800);
/// After a tone that says no, so long is waited for the network to say it in its own way.
pub(super) const AFTER_NO: Duration = Duration::from_secs(4);

/// See the module's documentation.
pub(super) struct Early {
    uplink: Uplink,
    ticker: Ticker,
    /// What the callee's network was heard to say.
    ringback: bool,
    busy: bool,
    special: bool,
    music: bool,
    voiced: Duration,
    /// When a tone said that the call will not succeed.
    no_since: Option<Instant>,
}

impl Early {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            uplink: Uplink::new(UplinkConfig::new(codec)),
            ticker: clock::ticker(media::FRAME_TIME),
            ringback: false,
            busy: false,
            special: false,
            music: false,
            voiced: Duration::ZERO,
            no_since: None,
        }
    }

    /// Goes over to another codec.
    pub(super) fn set_codec(&mut self, codec: Codec) {
        self.uplink.set_codec(codec);
    }

    /// Takes a packet.
    pub(super) fn push(&mut self, packet: &Packet, now: Instant) {
        self.uplink.push(packet, now);
    }

    /// Waits for the next 20 ms and listens to them. Returns as [`Early::tick`].
    pub(super) async fn next(&mut self) -> bool {
        self.ticker.tick().await;
        self.tick(clock::now())
    }

    /// Listens to 20 ms. Returns whether the phone was heard to ring for the first time.
    fn tick(&mut self, now: Instant) -> bool {
        let rang = self.ringback;
        let tick = self.uplink.tick(now, &[0; FRAME]);
        for edge in tick.edges {
            match edge {
                Edge::Tone(Tone::Ringback) => self.ringback = true,
                Edge::Tone(Tone::Busy) => self.busy = true,
                Edge::Tone(Tone::Sit) => self.special = true,
                Edge::Music(true) => self.music = true,
                Edge::Ended { voiced, .. } => self.voiced += *voiced,
                _ => {}
            }
        }
        if self.busy || self.special {
            self.no_since.get_or_insert(now);
        }
        self.ringback && !rang
    }

    /// When waiting for an answer has no sense any more.
    pub(super) fn hopeless_at(&self) -> Option<Instant> {
        let patience = if self.special {
            // An announcement follows, and then the network's own word.
            3 * AFTER_NO
        } else {
            AFTER_NO
        };
        self.no_since.map(|since| since + patience)
    }

    /// What was heard, as a part of a sentence; `None` when it was nothing that explains anything.
    pub(super) fn told(&self) -> Option<&'static str> {
        if self.special {
            Some(
                "before that, the network played the three tones of an announcement that the number cannot be reached",
            )
        } else if self.busy {
            Some("before that, a busy tone was heard")
        } else if self.voiced >= ANNOUNCEMENT {
            Some(
                "before that, the network played an announcement, which was not taken for the callee",
            )
        } else if self.ringback || self.music {
            Some("before that, the phone was heard to ring")
        } else {
            None
        }
    }

    /// What it means that nobody has answered, as far as it was heard.
    pub(super) fn failure(&self) -> Option<Failed> {
        if self.special {
            Some(Failed::ours(
                Failure::InvalidNumber,
                "The network played the three tones of an announcement that the number cannot be reached; check it",
            ))
        } else if self.busy {
            Some(Failed::ours(
                Failure::Busy,
                "The network played a busy tone in place of an answer",
            ))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use media::tones::{Generator, Signal};

    use super::*;

    /// Plays a signal for so many seconds; returns what was made of it.
    fn hear(signal: Signal, seconds: u64) -> Early {
        let mut early = Early::new(Codec::Pcmu);
        let mut generator = Generator::new(signal);
        let mut now = clock::now();
        for n in 0..seconds * 50 {
            let mut frame = [0_i16; FRAME];
            generator.fill(&mut frame);
            let mut bytes = [0_u8; FRAME];
            media::Law::Mu.encode(&frame, &mut bytes);
            let packet = Packet::new(n as u16, n as u32 * 160, &bytes).unwrap();
            early.push(&packet, now);
            now += media::FRAME_TIME;
            early.tick(now);
        }
        early
    }

    #[tokio::test(start_paused = true)]
    async fn tones_are_told_apart() {
        let ringback = hear(Signal::Ringback, 7);
        assert!(
            ringback.ringback && ringback.failure().is_none() && ringback.hopeless_at().is_none()
        );
        let busy = hear(Signal::Busy, 4);
        assert_eq!(busy.failure().unwrap().failure, Failure::Busy);
        assert!(busy.hopeless_at().is_some());
        let special = hear(Signal::Sit, 3);
        assert_eq!(special.failure().unwrap().failure, Failure::InvalidNumber);
        assert!(special.told().unwrap().contains("three tones"));
    }
}
