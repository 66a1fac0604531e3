//! How late packets arrive, and how long they should therefore be kept: the jitter buffer's measure of the network.
//!
//! All times are in samples of 8 kHz. A packet's transit is its arrival on our clock less its timestamp on the
//! sender's; only differences between transits mean anything.

/// Width of one bucket of the histogram: 5 ms.
const BUCKET: i64 = 40;
/// Buckets: up to 320 ms.
const BUCKETS: usize = 64;
/// Share of packets that may come too late.
const LATE_SHARE: f32 = 0.02;
/// Weight of one packet in the long run: the histogram remembers about 10 s.
const WEIGHT: f32 = 1.0 / 500.0;
/// The initial guess counts as much as this many packets.
const GUESS_PACKETS: f32 = 2.0;
/// The smallest transit is taken over one to two of these: 2.5 s. Longer, and clock drift goes unseen.
const WINDOW: i64 = 20_000;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(crate) struct Delay {
    /// Share of packets by how much later than the fastest they came.
    shares: [f32; BUCKETS],
    packets: f32,
    /// The smallest transit in the current and in the previous window.
    smallest: (i64, i64),
    window_end: i64,
    target: i64,
}

impl Delay {
    /// Starts with a guess of the target.
    pub(crate) fn new(guess: i64) -> Self {
        let mut shares = [0.0; BUCKETS];
        shares[bucket(guess - 1)] = 1.0;
        Self {
            shares,
            packets: GUESS_PACKETS,
            smallest: (i64::MAX, i64::MAX),
            window_end: i64::MIN,
            target: guess,
        }
    }

    /// Notes a packet.
    pub(crate) fn note(&mut self, arrival: i64, timestamp: i64) {
        let transit = arrival.saturating_sub(timestamp);
        if arrival >= self.window_end {
            self.smallest = (transit, self.smallest.0);
            self.window_end = arrival + WINDOW;
        }
        self.smallest.0 = self.smallest.0.min(transit);
        let late = transit - self.base();
        self.packets += 1.0;
        let weight = (1.0 / self.packets).max(WEIGHT);
        for share in &mut self.shares {
            *share *= 1.0 - weight;
        }
        self.shares[bucket(late)] += weight;
        self.target = self.quantile();
    }

    /// The transit of the fastest packets; meaningless before the first packet.
    pub(crate) fn base(&self) -> i64 {
        self.smallest.0.min(self.smallest.1)
    }

    /// How much longer than the fastest packets' transit sound should be kept.
    pub(crate) const fn target(&self) -> i64 {
        self.target
    }

    /// Returns the smallest delay that all but the late share of packets keep to; 0 if they all come on time.
    fn quantile(&self) -> i64 {
        let mut beyond = 0.0;
        for (index, share) in self.shares.iter().enumerate().rev() {
            beyond += share;
            if beyond > LATE_SHARE {
                return match index {
                    0 => 0,
                    index => (index as i64 + 1) * BUCKET,
                };
            }
        }
        0
    }
}

fn bucket(late: i64) -> usize {
    usize::try_from(late / BUCKET).map_or(0, |index| index.min(BUCKETS - 1))
}
