//! Two sessions over real sockets on this machine, a network between them, and ears on both sides. On virtual time.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use media::{
    Codec, Downlink, DownlinkConfig, FRAME, Mark, Packet, Uplink, UplinkConfig,
    impair::{Network, NetworkConfig},
    wav,
};
use tokio::sync::mpsc;

use super::super::{Limits, Opened, Options, Ports, Session, Signal, Srtp};
use crate::{
    driver::clock,
    line::{Keys, Leg, LegCommand, LegEvent},
};

/// Part of a 20 ms step after which the network is looked at again.
const PART: Duration = Duration::from_millis(5);

/// Each test has ports of its own.
pub(super) fn range() -> RangeInclusive<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(22_000);
    let first = NEXT.fetch_add(20, Ordering::Relaxed);
    first..=first + 19
}

pub(super) fn options(codecs: &[Codec], srtp: Srtp) -> Options {
    Options {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        codecs: codecs.to_vec(),
        srtp,
        limits: Limits::default(),
    }
}

/// One end of a call.
pub(super) struct Phone {
    pub(super) session: Session,
    pub(super) leg: Leg,
    pub(super) signals: mpsc::Receiver<Signal>,
    pub(super) downlink: Downlink,
    pub(super) uplink: Uplink,
    pub(super) codec: Codec,
    pub(super) keys: Keys,
    pub(super) heard: Vec<i16>,
    pub(super) pressed: String,
    pub(super) held: bool,
    mark: u64,
}

impl Phone {
    pub(super) fn new(ports: &Arc<Ports>, options: &Options) -> Self {
        let Opened {
            session,
            leg,
            signals,
        } = Session::open(ports, options).unwrap();
        let codec = leg.codec;
        Self {
            session,
            keys: leg.keys,
            leg,
            signals,
            downlink: Downlink::new(DownlinkConfig {
                paused: false,
                ..DownlinkConfig::new(codec)
            }),
            uplink: Uplink::new(UplinkConfig::new(codec)),
            codec,
            heard: Vec::new(),
            pressed: String::new(),
            held: false,
            mark: 0,
        }
    }

    pub(super) fn say(&mut self, samples: &[i16]) {
        self.mark += 1;
        let taken = self.downlink.enqueue(Mark(self.mark), samples, 8_000);
        assert_eq!(taken, Ok(samples.len()));
        self.downlink.finish(Mark(self.mark));
    }

    pub(super) fn speak(&mut self) {
        let packet = self.downlink.tick().packet;
        let _ = self.leg.commands.try_send(LegCommand::Packet(packet));
    }

    pub(super) fn take(&mut self, now: Instant) {
        while let Ok(event) = self.leg.events.try_recv() {
            match event {
                LegEvent::Packet(packet) => self.uplink.push(&packet, now),
                LegEvent::Dtmf(key) => self.pressed.push(key),
                LegEvent::Sound { codec, keys } => {
                    (self.codec, self.keys) = (codec, keys);
                    self.uplink.set_codec(codec);
                    self.downlink.set_codec(codec);
                }
                LegEvent::Held(held) => self.held = held,
                other => panic!("nobody sends {other:?}"),
            }
        }
    }

    pub(super) fn hear(&mut self, now: Instant) {
        let tick = self.uplink.tick(now, &[0; FRAME]);
        self.heard.extend_from_slice(tick.wire);
    }
}

/// The way between two phones: each sees one of its sockets, and only that.
pub(super) struct Way {
    near: UdpSocket,
    far: UdpSocket,
    there: Network,
    back: Network,
    /// Where the phones receive.
    ends: (SocketAddr, SocketAddr),
    /// Nothing gets through.
    pub(super) cut: bool,
    /// Each datagram that went from the first phone to the second.
    pub(super) seen: Vec<Vec<u8>>,
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl Way {
    fn new(config: NetworkConfig, seed: u64, ends: (u16, u16)) -> Self {
        let open = || {
            let socket = UdpSocket::bind(local(0)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        Self {
            near: open(),
            far: open(),
            there: Network::new(config, seed),
            back: Network::new(config, seed + 1),
            ends: (local(ends.0), local(ends.1)),
            cut: false,
            seen: Vec::new(),
        }
    }

    fn ports(&self) -> (u16, u16) {
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        (port(&self.near), port(&self.far))
    }

    fn pump(&mut self, now: Instant) {
        let mut bytes = [0; 1_500];
        while let Ok((length, _)) = self.near.recv_from(&mut bytes) {
            self.seen.push(bytes[..length].to_vec());
            self.there.send(parcel(&bytes[..length]), now);
        }
        while let Ok((length, _)) = self.far.recv_from(&mut bytes) {
            self.back.send(parcel(&bytes[..length]), now);
        }
        while let Some(parcel) = self.there.receive(now).filter(|_| !self.cut) {
            let _ = self.far.send_to(parcel.payload(), self.ends.1);
        }
        while let Some(parcel) = self.back.receive(now).filter(|_| !self.cut) {
            let _ = self.near.send_to(parcel.payload(), self.ends.0);
        }
    }
}

/// A datagram fits into a packet of `media`, which its networks carry.
fn parcel(datagram: &[u8]) -> Packet {
    Packet::new(0, 0, datagram).unwrap()
}

/// Two phones and the way between them.
pub(super) struct Call {
    pub(super) caller: Phone,
    pub(super) callee: Phone,
    pub(super) way: Way,
}

impl Call {
    /// Opens both sides and lets the callee answer the caller's offer.
    pub(super) async fn new(caller: &Options, callee: &Options, network: NetworkConfig) -> Self {
        let ports = Ports::new(Ipv4Addr::LOCALHOST.into(), range());
        let caller = Phone::new(&ports, caller);
        let callee = Phone::new(&ports, callee);
        let ends = (caller.session.port(), callee.session.port());
        let way = Way::new(network, 1, ends);
        let mut call = Self {
            caller,
            callee,
            way,
        };
        let offer = call.caller.session.offer();
        call.negotiate(offer, true).await;
        call
    }

    /// Carries an offer to the other side and its answer back, through the network between them.
    pub(super) async fn negotiate(&mut self, offer: String, by_caller: bool) {
        let (near, far) = self.way.ports();
        let (asks, answers, there, back) = if by_caller {
            (
                &mut self.caller.session,
                &mut self.callee.session,
                far,
                near,
            )
        } else {
            (
                &mut self.callee.session,
                &mut self.caller.session,
                near,
                far,
            )
        };
        let offer = at_port(&offer, asks.port(), there);
        let answer = answers.answer(&offer).await.unwrap();
        let answer = at_port(&answer, answers.port(), back);
        asks.accept(&answer).await.unwrap();
        self.caller.session.answered();
        self.callee.session.answered();
    }

    /// Lets 20 ms pass as often as told.
    pub(super) async fn pass(&mut self, frames: usize) {
        self.pass_with(frames, |_, _| ()).await;
    }

    /// The same, doing something at each.
    pub(super) async fn pass_with(
        &mut self,
        frames: usize,
        mut also: impl FnMut(&mut Self, usize),
    ) {
        for frame in 0..frames {
            self.caller.speak();
            self.callee.speak();
            also(self, frame);
            for _ in 0..4 {
                clock::sleep(PART).await;
                let now = clock::now();
                self.way.pump(now);
                // What arrives is read before time goes on.
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                self.caller.take(now);
                self.callee.take(now);
            }
            let now = clock::now();
            self.caller.hear(now);
            self.callee.hear(now);
        }
    }
}

/// Says that sound is received elsewhere.
pub(super) fn at_port(description: &str, port: u16, other: u16) -> String {
    let line = format!("m=audio {port} ");
    assert!(description.contains(&line), "{description}");
    description.replace(&line, &format!("m=audio {other} "))
}

pub(super) fn speech() -> Vec<i16> {
    let recording = include_bytes!("../../../../fixtures/audio/slt-fully-booked.wav");
    wav::read(recording).unwrap().samples
}

/// How alike a recording and what was heard of it are, 0 to 1: the mean over stretches of 100 ms that hold speech, each
/// of which may lie a little earlier or later than the one before, as a jitter buffer may move it.
pub(super) fn likeness(said: &[i16], heard: &[i16]) -> f64 {
    const STRETCH: usize = 800;
    let last = heard.len().saturating_sub(STRETCH);
    let around =
        |place: usize, by: usize| place.saturating_sub(by).min(last)..(place + by).min(last);
    // Energies of all stretches at once, by differences of their sums.
    let mut sums = vec![0.0];
    for sample in heard {
        sums.push(sums[sums.len() - 1] + f64::from(*sample).powi(2));
    }
    let best = |stretch: &[i16], places: std::ops::Range<usize>, step: usize| {
        let own = energy(stretch);
        places
            .step_by(step)
            .map(|at| {
                let there = sums[at + STRETCH] - sums[at];
                let dot = dot(stretch, &heard[at..at + STRETCH]);
                (dot / (own * there + 1.0).sqrt(), at)
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap_or_default()
    };
    // How much later than it was said something is heard.
    let mut delay: Option<usize> = None;
    let (mut sum, mut count) = (0.0, 0.0);
    for (index, stretch) in said.chunks_exact(STRETCH).enumerate() {
        if energy(stretch) / (STRETCH as f64) < 1e5 {
            continue;
        }
        let start = index * STRETCH;
        let mut found = match delay {
            None => best(stretch, 0..last, 2),
            Some(delay) => best(stretch, around(start + delay, 40), 1),
        };
        if let Some(delay) = delay.filter(|_| found.0 < 0.8) {
            let wider = best(stretch, around(start + delay, 800), 1);
            found = if wider.0 > found.0 { wider } else { found };
        }
        if found.0 > 0.6 {
            delay = found.1.checked_sub(start).or(delay);
        }
        sum += found.0.max(0.0);
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|s| f64::from(*s).powi(2)).sum()
}

fn dot(a: &[i16], b: &[i16]) -> f64 {
    let mut sum = 0;
    for (a, b) in a.iter().zip(b) {
        sum += i64::from(*a) * i64::from(*b);
    }
    sum as f64
}
