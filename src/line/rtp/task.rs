//! The task of one session: between its socket and the driver. It waits here and nowhere else.
//!
//! Sound that the driver does not take in time is dropped, oldest first; keys and other signals wait. At most a few
//! datagrams are read per wake-up, so that a flood delays neither what is sent nor other calls.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use media::Packet;
use protocol::sdp::Agreed;
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
};

use super::{
    Limits, Signal,
    pace::{Bucket, Pace},
    ports::Port,
    reports::{Quality, ntp},
    stream::{Arrived, Stream, is_report},
    tally::{Counts, Tally},
};
use crate::{
    driver::clock,
    line::{LegCommand, LegCommands, LegEvent, LegSender},
    watch::phone,
};

/// Packets that wait for the driver here; beyond that the oldest is dropped.
const MOST_WAITING: usize = 25;
/// Datagrams read per wake-up.
const PER_WAKE: usize = 32;
/// No datagram that is ours is longer.
const MOST_BYTES: usize = 1_500;
/// Datagrams per second that are looked at: from where sound is expected, five times what a call needs, and from
/// elsewhere.
const EXPECTED: (f64, f64) = (250.0, 100.0);
const UNEXPECTED: (f64, f64) = (50.0, 25.0);
/// Between two reports (RFC 3550 section 6.2), give or take a half.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// A sign of life for the driver while the peer may be silent.
const LIFE_EVERY: Duration = Duration::from_secs(1);
/// How many times as long a peer may be silent that has said that it would be.
const QUIET_PATIENCE: u32 = 4;

/// What the session's owner wants of the task; the latest counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// What was agreed, with the number of the agreement.
    pub(super) agreed: Option<(u64, Agreed)>,
    /// Whether somebody has picked up.
    pub(super) answered: bool,
}

/// See the module's documentation.
pub(super) struct Task {
    pub(super) port: Port,
    pub(super) socket: UdpSocket,
    pub(super) stream: Stream,
    pub(super) tally: Arc<Tally>,
    pub(super) limits: Limits,
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) quality: watch::Sender<Quality>,
    pub(super) commands: LegCommands,
    pub(super) events: LegSender,
    pub(super) signals: mpsc::Sender<Signal>,
    pub(super) random: fastrand::Rng,
}

/// What changes while a task runs.
struct Running {
    task: Task,
    rtcp: Option<UdpSocket>,
    pace: Pace,
    waiting: VecDeque<LegEvent>,
    expected: Bucket,
    unexpected: Bucket,
    applied: u64,
    answered: bool,
    /// Since when nothing has come that should have.
    silent_since: Instant,
    heard: bool,
    /// The level of the noise that the peer wants to be heard while it sends nothing.
    quiet: Option<u8>,
    lost: bool,
    report_due: Option<Instant>,
    life_due: Instant,
    /// What was counted when it was told last.
    told: (Quality, Counts),
}

impl Task {
    /// Carries sound until the session or the driver is gone.
    pub(super) async fn run(self) {
        let now = clock::now();
        let mut running = Running {
            task: self,
            rtcp: None,
            pace: Pace::new(now),
            waiting: VecDeque::new(),
            expected: Bucket::new(EXPECTED.0, EXPECTED.1),
            unexpected: Bucket::new(UNEXPECTED.0, UNEXPECTED.1),
            applied: 0,
            answered: false,
            silent_since: now,
            heard: false,
            quiet: None,
            lost: false,
            report_due: None,
            life_due: now + LIFE_EVERY,
            told: (Quality::default(), Counts::default()),
        };
        running.run().await;
    }
}

impl Running {
    async fn run(&mut self) {
        let events = self.task.events.clone();
        let mut bytes = [0; MOST_BYTES];
        let mut above = [0; MOST_BYTES];
        loop {
            let due = self.deadline();
            let going = tokio::select! {
                biased;
                changed = self.task.wanted.changed() => changed.is_ok() && self.apply(),
                command = self.task.commands.recv() => self.obey(command),
                () = clock::sleep_until(due) => true,
                room = events.reserve(), if !self.waiting.is_empty() => {
                    if let (Ok(room), Some(event)) = (room, self.waiting.pop_front()) {
                        room.send(event);
                    }
                    true
                }
                got = self.task.socket.recv_from(&mut bytes) => {
                    self.read(got, &mut bytes);
                    true
                }
                got = receive(self.rtcp.as_ref(), &mut above) => {
                    if let Ok((length, from)) = got {
                        self.report_came(&above[..length], from, clock::now());
                    }
                    true
                }
            };
            if !going {
                break;
            }
            self.work(clock::now());
        }
        let now = clock::now();
        let farewell = self.task.stream.report(now, ntp(clock::wall()), true);
        self.transmit_report(farewell);
        self.tell();
        let quality = self.task.stream.quality();
        if quality.received > 0 {
            phone::sound_ended(quality.jitter, quality.lost_there);
        }
    }

    /// Tells those who watch what has been counted.
    fn tell(&mut self) {
        let (quality, counts) = (self.task.stream.quality(), self.task.tally.counts());
        let (quality_before, counts_before) = &self.told;
        phone::packets(
            quality.sent - quality_before.sent,
            quality.received.saturating_sub(quality_before.received),
            // What comes late was not lost after all.
            quality.lost.saturating_sub(quality_before.lost),
        );
        for (why, count) in counts.since(counts_before) {
            if count > 0 {
                phone::datagrams_refused(why, count);
            }
        }
        self.told = (quality, counts);
        self.task.quality.send_replace(quality);
    }

    /// When something is due of itself.
    fn deadline(&self) -> Instant {
        let loss = self.loss_due();
        [
            self.pace.next(),
            self.task.stream.key_due(),
            self.report_due,
            loss,
        ]
        .into_iter()
        .flatten()
        .fold(self.life_due, Instant::min)
    }

    /// Whether the peer is to send, so that silence means something.
    fn expects_sound(&self) -> bool {
        let agreed = self.task.stream.agreed();
        self.answered && agreed.is_some_and(|agreed| agreed.direction.receives())
    }

    fn loss_due(&self) -> Option<Instant> {
        let limit = match (self.heard, self.quiet) {
            (false, _) => self.task.limits.first_after,
            (true, None) => self.task.limits.lost_after,
            // It said that it would be silent; only its reports tell that it is there.
            (true, Some(_)) => self.task.limits.lost_after * QUIET_PATIENCE,
        };
        (self.expects_sound() && !self.lost).then(|| self.silent_since + limit)
    }

    fn apply(&mut self) -> bool {
        let wanted = self.task.wanted.borrow_and_update().clone();
        let now = clock::now();
        if wanted.answered && !self.answered {
            self.answered = true;
            self.silent_since = now;
        }
        if let Some((number, agreed)) = wanted.agreed
            && number != self.applied
        {
            self.applied = number;
            let mux = agreed.mux;
            self.silent_since = now;
            self.pace.clear();
            if !self.task.stream.agree(agreed) {
                tracing::error!("the keys of a call's sound cannot be used; it stays silent");
            }
            self.report_due
                .get_or_insert(now + REPORT_EVERY.mul_f64(0.5));
            if mux {
                self.rtcp = None;
            } else if self.rtcp.is_none() {
                // Without it the peer's reports are lost, and nothing else.
                let socket = self.task.port.open_rtcp();
                self.rtcp = socket.and_then(UdpSocket::from_std).ok();
            }
        }
        true
    }

    fn obey(&mut self, command: Option<LegCommand>) -> bool {
        let signal = match command {
            None | Some(LegCommand::HangUp) => Signal::HangUp,
            Some(LegCommand::Transfer(number)) => Signal::Transfer(number),
            Some(LegCommand::Packet(packet)) => {
                if self.pace.push(packet) {
                    self.task.tally.bursts.add();
                }
                return true;
            }
            Some(LegCommand::PressKeys(keys)) => {
                if !self.task.stream.press(&keys) {
                    tracing::warn!("keys could not be signalled on a call");
                }
                return true;
            }
            // Only for lines that hold what they are sent.
            Some(LegCommand::Mark(_) | LegCommand::Clear) => return true,
        };
        let over = matches!(signal, Signal::HangUp);
        // An owner who is gone has hung up already.
        let told = self.task.signals.try_send(signal).is_ok();
        told && !over
    }

    /// Takes what has come, and what else waits in the socket.
    fn read(&mut self, first: io::Result<(usize, SocketAddr)>, bytes: &mut [u8; MOST_BYTES]) {
        let now = clock::now();
        let mut got = first;
        for _ in 0..PER_WAKE {
            match got {
                Ok((length, from)) => self.datagram(&bytes[..length], from, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // What the network says about packets of ours that did not arrive.
                Err(_) => {}
            }
            got = self.task.socket.try_recv_from(bytes);
        }
    }

    fn datagram(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) {
        let bucket = if self.task.stream.expects(from) {
            &mut self.expected
        } else {
            &mut self.unexpected
        };
        if !bucket.take(now) {
            self.task.tally.flooded.add();
            return;
        }
        if is_report(datagram) {
            return self.report_came(datagram, from, now);
        }
        let arrived = self
            .task
            .stream
            .receive(datagram, from, now, &self.task.tally);
        match arrived {
            Arrived::Nothing => return,
            Arrived::Life => {}
            Arrived::Sound(packet) => {
                if let Some((codec, keys)) = self.task.stream.switched() {
                    self.waiting.push_back(LegEvent::Sound { codec, keys });
                }
                self.quiet = packet.noise();
                self.heard(packet);
            }
        }
        self.heard = true;
        self.silent_since = now;
    }

    fn report_came(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) {
        let ntp = ntp(clock::wall());
        let tally = &self.task.tally;
        let arrived = self
            .task
            .stream
            .receive_report(datagram, from, now, ntp, tally);
        if matches!(arrived, Arrived::Life) && self.quiet.is_some() {
            self.silent_since = now;
        }
    }

    /// Hands a packet on, unless the far end is on hold: what it plays then is not the callee.
    fn heard(&mut self, packet: Packet) {
        if self.is_held() {
            return;
        }
        let is_packet = |event: &LegEvent| matches!(event, LegEvent::Packet(_));
        if self.waiting.len() >= MOST_WAITING
            && let Some(oldest) = self.waiting.iter().position(is_packet)
        {
            self.waiting.remove(oldest);
            self.task.tally.overrun.add();
        }
        self.waiting.push_back(LegEvent::Packet(packet));
    }

    fn is_held(&self) -> bool {
        let agreed = self.task.stream.agreed();
        agreed.is_some_and(|agreed| !agreed.direction.sends())
    }

    /// Does what is due.
    fn work(&mut self, now: Instant) {
        while let Some(key) = self.task.stream.key(now) {
            // Keys are few; a peer that floods us with them loses what is too much.
            if self.waiting.len() < 4 * MOST_WAITING {
                self.waiting.push_back(LegEvent::Dtmf(key));
            }
        }
        while let Some(packet) = self.pace.pop(now) {
            if let Some((datagram, target)) = self.task.stream.send(&packet, now) {
                // A full buffer or an unreachable peer: as if the packet had been lost on the way.
                let _ = self.task.socket.try_send_to(&datagram, target);
            }
        }
        if self.report_due.is_some_and(|due| due <= now) {
            let spread = 0.5 + self.task.random.f64();
            self.report_due = Some(now + REPORT_EVERY.mul_f64(spread));
            let report = self.task.stream.report(now, ntp(clock::wall()), false);
            self.transmit_report(report);
        }
        if self.life_due <= now {
            self.life_due = now + LIFE_EVERY;
            let silence = if self.is_held() {
                Some(127)
            } else {
                self.quiet
            };
            if let Some(level) = silence {
                let life = Packet::comfort_noise(0, 0, level);
                self.waiting.push_back(LegEvent::Packet(life));
            }
            self.tell();
        }
        if self.loss_due().is_some_and(|due| due <= now) {
            self.lost = true;
            let silent = now.saturating_duration_since(self.silent_since);
            let _ = self.task.signals.try_send(Signal::MediaLost(silent));
        }
    }

    fn transmit_report(&self, report: Option<(Bytes, SocketAddr)>) {
        let Some((datagram, target)) = report else {
            return;
        };
        // From the port of reports where there is one, so that the peer knows where to answer.
        let socket = self.rtcp.as_ref().unwrap_or(&self.task.socket);
        let _ = socket.try_send_to(&datagram, target);
    }
}

async fn receive(socket: Option<&UdpSocket>, bytes: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(bytes).await,
        None => std::future::pending().await,
    }
}
