//! One simulated call as a task: rings, then exchanges 20 ms of sound for 20 ms of sound until somebody hangs up.
//!
//! Knows packets, time and channels. What the callee does is `callee`'s, what it notices is `ear`'s.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use call::Failure;
use media::{
    FRAME, FRAME_TIME, Packet,
    impair::{Echo, Network, Noise},
};

use super::{
    callee::{Callee, Deed},
    ear::Ear,
    earpiece::Earpiece,
    probe::Probe,
    scenario::{Reaction, Settings, Step},
    sounds::SPEECH_LEVEL,
    voice::Prepared,
};
use crate::{
    driver::clock,
    line::{LegCommand, LegCommands, LegEvent, LegSender, Room},
};

/// How long it takes a network to say that there is nobody to ring.
const SETUP: Duration = Duration::from_millis(500);

/// Events that wait for the driver here; beyond that the oldest packet is dropped.
const MOST_WAITING: usize = 50;

/// What a call needs to start.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) settings: Settings,
    pub(super) reaction: Reaction,
    pub(super) prepared: Arc<Prepared>,
    pub(super) ring_timeout: Duration,
    pub(super) seed: u64,
    pub(super) probe: Option<(Probe, usize)>,
    pub(super) commands: LegCommands,
    pub(super) events: LegSender,
}

/// Plays the callee until the call is over.
pub(super) async fn run(mut start: Start) {
    let ring = start.settings.ring;
    let end = match start.reaction.clone() {
        Reaction::Busy => start.wait(SETUP).await.map(|()| Failure::Busy),
        Reaction::NoSuchNumber => start.wait(SETUP).await.map(|()| Failure::InvalidNumber),
        Reaction::Declines => start.ring(ring).await.map(|timed_out| match timed_out {
            true => Failure::NoAnswer,
            false => Failure::Rejected,
        }),
        Reaction::NeverAnswers => start.ring(Duration::MAX).await.map(|_| Failure::NoAnswer),
        Reaction::Answers(steps) => match start.ring(ring).await {
            Some(false) => return Talk::new(start, steps.into()).run().await,
            other => other.map(|_| Failure::NoAnswer),
        },
    };
    if let Some(failure) = end {
        // A caller who is gone does not need to know.
        let _: Result<_, _> = start.events.send(LegEvent::Failed(failure)).await;
    }
}

impl Start {
    /// Rings. Returns whether the caller's patience ended first; `None` when the caller hung up.
    async fn ring(&mut self, length: Duration) -> Option<bool> {
        self.events.send(LegEvent::Ringing).await.ok()?;
        self.wait(length.min(self.ring_timeout)).await?;
        Some(length > self.ring_timeout)
    }

    /// Waits, deaf to everything but the caller hanging up or going away, which gives `None`.
    async fn wait(&mut self, length: Duration) -> Option<()> {
        let hung_up = async {
            loop {
                match self.commands.recv().await {
                    None | Some(LegCommand::HangUp) => return,
                    Some(_) => {}
                }
            }
        };
        tokio::select! {
            () = clock::sleep(length) => Some(()),
            () = hung_up => None,
            () = self.events.closed() => None,
        }
    }
}

/// A call that was picked up.
struct Talk {
    commands: LegCommands,
    events: LegSender,
    waiting: VecDeque<LegEvent>,
    prepared: Arc<Prepared>,
    settings: Settings,
    callee: Callee,
    ear: Ear,
    earpiece: Earpiece,
    noise: Option<Noise>,
    background: Option<Loop>,
    echo: Option<Echo>,
    /// From the agent to the callee, and back.
    there: Network,
    back: Network,
    probe: Option<(Probe, usize)>,
    sequence: u16,
    timestamp: u32,
    deeds: Vec<Deed>,
}

/// Whether the call goes on.
#[derive(Debug, PartialEq)]
enum Line {
    Open,
    Closed,
}

impl Talk {
    fn new(start: Start, steps: Arc<[Step]>) -> Self {
        let mut seeds = fastrand::Rng::with_seed(start.seed);
        let settings = start.settings;
        let network = settings.network;
        Self {
            commands: start.commands,
            events: start.events,
            waiting: VecDeque::from([LegEvent::Answered]),
            prepared: start.prepared,
            callee: Callee::new(steps, settings.longest),
            ear: Ear::new(),
            earpiece: Earpiece::new(settings.law),
            there: Network::new(network, seeds.u64(..)),
            back: Network::new(network, seeds.u64(..)),
            noise: settings
                .noise
                .map(|below| Noise::new(SPEECH_LEVEL - below, seeds.u64(..))),
            background: settings.background.clone().map(Loop::new),
            echo: settings.echo.map(|echo| Echo::new(echo.delay, echo.gain)),
            probe: start.probe,
            sequence: seeds.u16(..),
            timestamp: seeds.u32(..),
            deeds: Vec::new(),
            settings,
        }
    }

    async fn run(mut self) {
        let mut ticker = clock::ticker(FRAME_TIME);
        let mut line = Line::Open;
        let events = self.events.clone();
        while line == Line::Open {
            let arrival = self.back.next_arrival();
            // The tick comes first, so that no flood of commands can hold the sound up.
            line = tokio::select! {
                biased;
                now = ticker.tick() => self.tick(now),
                () = at(arrival) => self.deliver(clock::now()),
                room = events.reserve(), if !self.waiting.is_empty() => match room {
                    Ok(room) => self.hand_over(room),
                    Err(_) => Line::Closed,
                },
                command = self.commands.recv() => self.obey(command),
            };
        }
        // What is left, the end above all, still has to reach the driver; one that is gone fetches nothing.
        for event in self.waiting {
            if self.events.send(event).await.is_err() {
                return;
            }
        }
    }

    /// Lives through 20 ms.
    fn tick(&mut self, now: Instant) -> Line {
        while let Some(packet) = self.there.receive(now) {
            self.earpiece.push(packet);
        }
        let (mut heard, mut said) = ([0; FRAME], [0; FRAME]);
        // The callee reacts to what was heard before this frame: nobody answers sound while it arrives.
        let (ear, prepared) = (&mut self.ear, &*self.prepared);
        self.callee.tick(ear, prepared, &mut said, &mut self.deeds);
        self.earpiece.pull(&mut heard);
        self.ear.hear(&heard);
        if let Some((probe, call)) = &self.probe {
            for deed in &self.deeds {
                if let Deed::Sounds(sound) = deed {
                    probe.sound(*call, *sound);
                }
            }
            probe.frame(*call, &said, &heard);
        }
        if let Some(background) = &mut self.background {
            background.add(&mut said);
        }
        if let Some(echo) = &mut self.echo {
            echo.add(&mut said, &heard);
        }
        if let Some(noise) = &mut self.noise {
            noise.add(&mut said);
        }
        self.send(&said, now);
        if let Some(why) = self.prepared.failure() {
            tracing::warn!(why, "the simulated callee cannot speak");
            self.waiting
                .push_back(LegEvent::Failed(Failure::LineUnavailable));
            return Line::Closed;
        }
        for deed in std::mem::take(&mut self.deeds) {
            match deed {
                Deed::Sounds(_) => {}
                Deed::Key(key) => self.waiting.push_back(LegEvent::Dtmf(key)),
                Deed::HungUp => return self.hung_up(),
            }
        }
        self.deliver(now)
    }

    fn send(&mut self, said: &[i16; FRAME], now: Instant) {
        let mut payload = [0; FRAME];
        self.settings.law.encode(said, &mut payload);
        let packet = Packet::new(self.sequence, self.timestamp, &payload)
            .expect("20 ms of sound fit into a packet");
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        self.back.send(packet, now);
    }

    /// Lets what has arrived wait for the driver.
    fn deliver(&mut self, now: Instant) -> Line {
        while let Some(packet) = self.back.receive(now) {
            if self.waiting.len() >= MOST_WAITING {
                let packet = |event: &LegEvent| matches!(event, LegEvent::Packet(_));
                let oldest = self.waiting.iter().position(packet);
                oldest.and_then(|oldest| self.waiting.remove(oldest));
            }
            self.waiting.push_back(LegEvent::Packet(packet));
        }
        Line::Open
    }

    fn hand_over(&mut self, room: Room<'_>) -> Line {
        if let Some(event) = self.waiting.pop_front() {
            room.send(event);
        }
        Line::Open
    }

    fn obey(&mut self, command: Option<LegCommand>) -> Line {
        match command {
            Some(LegCommand::Packet(packet)) => self.there.send(packet, clock::now()),
            // This line plays on arrival, so nobody asks this of it.
            Some(LegCommand::Mark(_) | LegCommand::Clear) => {}
            Some(LegCommand::PressKeys(keys)) => keys.chars().for_each(|key| self.ear.key(key)),
            // Whoever takes the callee over, this line is free again.
            Some(LegCommand::Transfer(_)) => return self.hung_up(),
            Some(LegCommand::HangUp) | None => {
                self.waiting.clear();
                return Line::Closed;
            }
        }
        Line::Open
    }

    fn hung_up(&mut self) -> Line {
        self.waiting.push_back(LegEvent::HungUp);
        Line::Closed
    }
}

/// Sound that begins anew when it is over.
struct Loop {
    samples: Arc<[i16]>,
    at: usize,
}

impl Loop {
    fn new(samples: Arc<[i16]>) -> Self {
        Self { samples, at: 0 }
    }

    fn add(&mut self, frame: &mut [i16; FRAME]) {
        for sample in frame {
            let Some(more) = self.samples.get(self.at) else {
                return;
            };
            *sample = sample.saturating_add(*more);
            self.at = (self.at + 1) % self.samples.len();
        }
    }
}

/// Waits for an instant; for ever when there is none.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => clock::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
