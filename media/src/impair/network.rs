//! Packets in, and out later, twice, in another order, or never.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::Packet;

/// The most packets under way at once; further ones are lost, as in a full router.
const MAX_UNDER_WAY: usize = 256;

/// What a network does to packets.
///
/// Losses come in bursts (Gilbert-Elliott): in the good state none are lost, in the bad state all are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetworkConfig {
    /// Share of packets lost in the long run, 0 to 0.9.
    pub loss: f64,
    /// Mean length of a run of losses in packets, from 1.
    pub burst: f64,
    /// Time every packet takes.
    pub delay: Duration,
    /// Mean of the exponentially distributed time on top of it.
    pub jitter: Duration,
    /// Whether a packet may overtake an earlier one; otherwise a late packet holds up those behind it.
    pub reorder: bool,
    /// Share of packets delivered twice, 0 to 1.
    pub duplicate: f64,
}

impl NetworkConfig {
    /// Nothing happens to packets.
    pub const CLEAN: Self = Self {
        loss: 0.0,
        burst: 1.0,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        reorder: false,
        duplicate: 0.0,
    };
    /// A home wireless network: 0.5 % lost, bursts of 2, 6 ms of jitter.
    pub const WIFI: Self = Self {
        loss: 0.005,
        burst: 2.0,
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(6),
        reorder: true,
        duplicate: 0.001,
    };
    /// A moving mobile phone: 2 % lost, bursts of 4, 15 ms of jitter.
    pub const MOBILE: Self = Self {
        loss: 0.02,
        burst: 4.0,
        delay: Duration::from_millis(60),
        jitter: Duration::from_millis(15),
        reorder: false,
        duplicate: 0.0,
    };
    /// A full uplink: 5 % lost, bursts of 5, 30 ms of jitter.
    pub const CONGESTED: Self = Self {
        loss: 0.05,
        burst: 5.0,
        delay: Duration::from_millis(80),
        jitter: Duration::from_millis(30),
        reorder: true,
        duplicate: 0.002,
    };

    /// Returns the preset of a name: `clean`, `wifi`, `mobile`, `congested`.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "clean" => Some(Self::CLEAN),
            "wifi" => Some(Self::WIFI),
            "mobile" => Some(Self::MOBILE),
            "congested" => Some(Self::CONGESTED),
            _ => None,
        }
    }
}

/// One direction of a network. Give it packets with [`Network::send`], take them with [`Network::receive`].
#[derive(Debug)]
pub struct Network {
    config: NetworkConfig,
    random: fastrand::Rng,
    bad: bool,
    /// Under way, ordered by arrival; equal arrivals keep the order of sending.
    under_way: VecDeque<(Instant, Packet)>,
    last_arrival: Option<Instant>,
    lost: u64,
}

impl Network {
    /// Makes a network whose chance depends on `seed` alone.
    #[must_use]
    pub fn new(config: NetworkConfig, seed: u64) -> Self {
        Self {
            config,
            random: fastrand::Rng::with_seed(seed),
            bad: false,
            under_way: VecDeque::with_capacity(MAX_UNDER_WAY),
            last_arrival: None,
            lost: 0,
        }
    }

    /// Gives a packet to the network.
    pub fn send(&mut self, packet: Packet, now: Instant) {
        if self.loses() {
            self.lost += 1;
            return;
        }
        self.deliver(packet, now);
        if self.random.f64() < self.config.duplicate {
            self.deliver(packet, now);
        }
    }

    /// Takes the next packet that has arrived by `now`. Call until it returns `None`.
    pub fn receive(&mut self, now: Instant) -> Option<Packet> {
        if self.next_arrival()? > now {
            return None;
        }
        self.under_way.pop_front().map(|(_, packet)| packet)
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.front().map(|(arrival, _)| *arrival)
    }

    /// Packets lost so far.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Steps between the good and the bad state with the rates that give the wished loss and burst length.
    fn loses(&mut self) -> bool {
        let leave = 1.0 / self.config.burst.max(1.0);
        let loss = self.config.loss.clamp(0.0, 0.9);
        let enter = leave * loss / (1.0 - loss);
        let chance = self.random.f64();
        self.bad = if self.bad {
            chance >= leave
        } else {
            chance < enter
        };
        self.bad
    }

    fn deliver(&mut self, packet: Packet, now: Instant) {
        if self.under_way.len() == MAX_UNDER_WAY {
            self.lost += 1;
            return;
        }
        let exponential = -(1.0 - self.random.f64()).ln();
        let mut arrival = now + self.config.delay + self.config.jitter.mul_f64(exponential);
        if !self.config.reorder {
            arrival = self.last_arrival.map_or(arrival, |last| last.max(arrival));
        }
        self.last_arrival = Some(arrival);
        let place = self
            .under_way
            .partition_point(|(other, _)| *other <= arrival);
        self.under_way.insert(place, (arrival, packet));
    }
}
