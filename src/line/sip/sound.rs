//! A call's sound, as the call's task sees it: what is offered and agreed about it, and what comes and goes. The
//! packets themselves are carried by a session of `line::rtp`; between it and the driver stands the call's task, so
//! that what comes before the answer is not taken for the callee.

use std::{collections::VecDeque, fmt::Display, future::Future, net::IpAddr};

use call::Failure;
use tokio::sync::mpsc;

use super::{Shared, failure::Failed};
use crate::line::{
    Leg, LegCommand, LegEvent, LegReceiver,
    rtp::{self, Opened, Session, Signal},
};

/// What comes from the far end.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "packets are of fixed size, so that queues of them never allocate"
)]
pub(super) enum Heard {
    /// Sound, a key, or how sound is carried from now on.
    Event(LegEvent),
    /// Nothing comes any more; a sentence says so.
    Lost(String),
}

/// See the module's documentation.
pub(super) struct Sound {
    session: Session,
    leg: Leg,
    signals: mpsc::Receiver<Signal>,
    /// What came while something was being agreed on.
    waiting: VecDeque<LegEvent>,
}

impl Sound {
    /// Takes a port for a call with a peer at an address.
    pub(super) fn open(shared: &Shared, peer: IpAddr) -> Result<Self, Failed> {
        let options = rtp::Options {
            address: shared.stack.address_towards(peer),
            codecs: shared.options().sound.codecs.clone(),
            srtp: shared.options().sound.srtp,
            limits: shared.options().sound.limits,
        };
        let opened = Session::open(&shared.ports, &options)
            .map_err(|why| Failed::ours(Failure::LineUnavailable, why.to_string()))?;
        let Opened {
            session,
            leg,
            signals,
        } = opened;
        Ok(Self {
            session,
            leg,
            signals,
            waiting: VecDeque::new(),
        })
    }

    /// Returns our offer.
    pub(super) fn offer(&mut self) -> String {
        self.session.offer()
    }

    /// Whether it is known where sound goes.
    pub(super) fn is_agreed(&self) -> bool {
        self.session.agreed().is_some()
    }

    /// Somebody has picked up: from now on silence is a fault. What came before was not his.
    pub(super) fn answered(&mut self) {
        let is_sound = |event: &LegEvent| matches!(event, LegEvent::Packet(_) | LegEvent::Dtmf(_));
        while let Ok(event) = self.leg.events.try_recv() {
            self.waiting.push_back(event);
        }
        self.waiting.retain(|event| !is_sound(event));
        self.session.answered();
    }

    /// Takes the peer's answer to our offer.
    ///
    /// # Errors
    /// When it cannot be used; a phrase says why.
    pub(super) async fn accept(&mut self, answer: &str) -> Result<(), String> {
        let agreed = self.session.accept(answer);
        told(drained(agreed, &mut self.leg.events, &mut self.waiting).await)
    }

    /// Answers the peer's offer.
    ///
    /// # Errors
    /// When it cannot be used; a phrase says why.
    pub(super) async fn answer(&mut self, offer: &str) -> Result<String, String> {
        let agreed = self.session.answer(offer);
        told(drained(agreed, &mut self.leg.events, &mut self.waiting).await)
    }

    /// An offer of ours was refused.
    pub(super) fn withdraw(&mut self) {
        self.session.withdraw();
    }

    /// Sends sound or keys. What the session does not take in time is dropped.
    pub(super) fn send(&self, command: LegCommand) {
        let _: Result<_, _> = self.leg.commands.try_send(command);
    }

    /// Waits for what comes.
    pub(super) async fn hear(&mut self) -> Heard {
        if let Some(event) = self.waiting.pop_front() {
            return Heard::Event(event);
        }
        loop {
            tokio::select! {
                event = self.leg.events.recv() => return match event {
                    Some(event) => Heard::Event(event),
                    None => Heard::Lost("The task that carries the call's sound has ended".into()),
                },
                signal = self.signals.recv() => match signal {
                    Some(Signal::MediaLost(silence)) => return Heard::Lost(format!(
                        "No sound has come from the peer for {} s, although the call was not ended",
                        silence.as_secs()
                    )),
                    // These are asked of the call's task, not of the session.
                    Some(Signal::HangUp | Signal::Transfer(_)) => {}
                    None => return Heard::Lost("The task that carries the call's sound has ended".into()),
                },
            }
        }
    }
}

fn told<T>(result: Result<T, impl Display>) -> Result<T, String> {
    result.map_err(|why| why.to_string())
}

/// Waits for a future that tells something by a channel which only we empty.
async fn drained<T>(
    future: impl Future<Output = T>,
    events: &mut LegReceiver,
    waiting: &mut VecDeque<LegEvent>,
) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        tokio::select! {
            biased;
            done = &mut future => return done,
            Some(event) = events.recv() => waiting.push_back(event),
        }
    }
}
