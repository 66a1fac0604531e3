//! A call's sound over RTP, for lines that signal elsewhere: a port, what is offered and agreed about it, and a task
//! that carries packets between it and the driver.
//!
//! [`Session`] belongs to the line: it makes and reads the descriptions that signalling carries. The [`Leg`] belongs to
//! the driver, whose packets and keys go to the task without touching the line; what the line has to do itself comes
//! as [`Signal`]s. Nothing here knows SIP.
//!
//! | file | decides |
//! |---|---|
//! | `ports` | which UDP port, and when it may be used again |
//! | `latch` | whose packets are heard |
//! | `stream` | what a datagram means, and what leaves |
//! | `keys` | which packets make up a key (RFC 4733) |
//! | `crypt` | SRTP |
//! | `reports` | RTCP |
//! | `pace` | when packets leave, and how many are looked at |
//! | `task` | where is waited |

mod crypt;
pub mod fuzz;
mod keys;
mod latch;
mod pace;
mod ports;
mod reports;
mod stream;
mod tally;
mod task;

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use media::Codec;
use protocol::sdp::{self, Agreed, Description, Direction, Local, Refused, Stream as Section};
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
};

pub use self::{
    ports::{DRAIN, NoPort, Port, Ports},
    reports::Quality,
    tally::Counts,
};
use self::{
    stream::{Chance, Stream},
    tally::Tally,
    task::{Task, Wanted},
};
use super::{Keys, Leg, LegEvent, LegSender, Playout, leg_commands, leg_events};
pub use protocol::sdp::Srtp;

/// Events on their way to the driver: about 1.3 s of packets. When full, the task drops the oldest packets.
const EVENTS: usize = 64;
/// Commands on their way to the task. When full, the driver drops packets.
const COMMANDS: usize = 64;
/// Signals that wait for the line: a session has few.
const SIGNALS: usize = 8;
/// From leaving us to the callee's ear: the network, the far end's buffer, the telephone network.
const PLAYOUT_DELAY: Duration = Duration::from_millis(100);

/// How a session is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address that peers are told to send to.
    pub address: IpAddr,
    /// What is spoken, the best first; not empty.
    pub codecs: Vec<Codec>,
    /// Whether sound is encrypted.
    pub srtp: Srtp,
    /// When silence is a fault.
    pub limits: Limits,
}

/// When silence of the peer counts as a broken connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Before anything was heard. Defaults to 30 s.
    pub first_after: Duration,
    /// After that. Defaults to 15 s.
    pub lost_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_after: Duration::from_secs(30),
            lost_after: Duration::from_secs(15),
        }
    }
}

/// What the line has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// The driver ends the call, or is gone. The last signal.
    HangUp,
    /// The driver wants the callee connected elsewhere.
    Transfer(String),
    /// Nothing has come for this long, and something should have.
    MediaLost(Duration),
}

/// Why a description cannot be used; the peer gets status 488 for it, and what was agreed before stays in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unacceptable {
    /// It cannot be read.
    Unreadable(sdp::Unreadable),
    /// Nothing in it suits us.
    Refused(Refused),
    /// There is no offer that it could answer.
    Unasked,
}

impl fmt::Display for Unacceptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => why.fmt(f),
            Self::Refused(why) => why.fmt(f),
            Self::Unasked => f.write_str("the peer answers an offer that was not made"),
        }
    }
}

impl std::error::Error for Unacceptable {}

/// A session that was opened.
#[derive(Debug)]
pub struct Opened {
    /// For the line.
    pub session: Session,
    /// For the driver.
    pub leg: Leg,
    /// What the line has to do.
    pub signals: mpsc::Receiver<Signal>,
}

/// The line's end of a call's sound. Dropping it ends the sound and lets the port rest.
#[derive(Debug)]
pub struct Session {
    local: Local,
    /// The description that we gave last.
    described: Option<Description>,
    /// The one that awaits its answer.
    offered: Option<Description>,
    agreed: Option<Agreed>,
    wanted: watch::Sender<Wanted>,
    agreements: u64,
    quality: watch::Receiver<Quality>,
    tally: Arc<Tally>,
    events: LegSender,
}

impl Session {
    /// Takes a port and starts to carry sound; nothing is sent before something was agreed.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn open(ports: &Arc<Ports>, options: &Options) -> Result<Opened, NoPort> {
        let (port, socket) = ports.take()?;
        let socket = UdpSocket::from_std(socket).map_err(|error| NoPort::of(&error))?;
        let codec = options.codecs.first().copied().unwrap_or(Codec::Pcmu);
        let (event_sender, events) = leg_events(EVENTS);
        let (commands, command_receiver) = leg_commands(COMMANDS);
        let (signal_sender, signals) = mpsc::channel(SIGNALS);
        let (wanted, wanted_receiver) = watch::channel(Wanted::default());
        let (quality_sender, quality) = watch::channel(Quality::default());
        let tally = Arc::new(Tally::default());
        let local = Local {
            // Peers want it to fit into a signed number.
            session: u64::from(u32::from_be_bytes(random())),
            version: 1,
            address: options.address,
            port: port.number(),
            codecs: options
                .codecs
                .iter()
                .copied()
                .map(stream::described)
                .collect(),
            srtp: options.srtp,
            crypto: Local::keyed(&random()),
            direction: Direction::SendRecv,
        };
        let chosen = Chance {
            ssrc: u32::from_be_bytes(random()),
            // Far from its end, so that a lost first packet does not cost SRTP its count (RFC 3711 section 3.3.1).
            sequence: u16::from_be_bytes(random()) >> 1,
            timestamp: u32::from_be_bytes(random()),
        };
        let task = Task {
            stream: Stream::new(codec, chosen, crate::driver::clock::now()),
            port,
            socket,
            tally: tally.clone(),
            limits: options.limits,
            wanted: wanted_receiver,
            quality: quality_sender,
            commands: command_receiver,
            events: event_sender.clone(),
            signals: signal_sender,
            random: fastrand::Rng::with_seed(u64::from(chosen.ssrc)),
        };
        tokio::spawn(task.run());
        Ok(Opened {
            session: Self {
                local,
                described: None,
                offered: None,
                agreed: None,
                wanted,
                agreements: 0,
                quality,
                tally,
                events: event_sender,
            },
            leg: Leg {
                events,
                commands,
                codec,
                playout_delay: PLAYOUT_DELAY,
                playout: Playout::OnArrival,
                keys: Keys::Signalled,
            },
            signals,
        })
    }

    /// Returns the way to the driver, for what the line itself has to tell: ringing, answer, end.
    #[must_use]
    pub fn events(&self) -> &LegSender {
        &self.events
    }

    /// Returns the port that sound comes to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.local.port
    }

    /// Returns what is in force.
    #[must_use]
    pub fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// Whether the peer has put us on hold.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.agreed
            .as_ref()
            .is_some_and(|agreed| !agreed.direction.sends())
    }

    /// Somebody has picked up: from now on silence of the peer is a fault.
    pub fn answered(&self) {
        self.wanted.send_modify(|wanted| wanted.answered = true);
    }

    /// Sets who shall send from the next description on, to hold the peer and to resume.
    pub fn set_direction(&mut self, direction: Direction) {
        self.local.direction = direction;
    }

    /// Returns our offer, for an INVITE, a re-INVITE or an UPDATE. Repeated without a change, it is the same.
    pub fn offer(&mut self) -> String {
        let mut offer = sdp::offer(&self.local);
        // Streams that were refused once keep their place (RFC 3264 section 8).
        if let Some(before) = &self.described
            && let Some(new) = offer.streams.pop()
        {
            let place = before.streams.iter().position(is_open).unwrap_or_default();
            offer.streams.clone_from(&before.streams);
            match offer.streams.get_mut(place) {
                Some(old) => *old = new,
                None => offer.streams.push(new),
            }
        }
        let offer = self.numbered(offer);
        self.offered = Some(offer.clone());
        offer.write()
    }

    /// Takes the answer to our offer; also one that comes early, and again with the final response.
    ///
    /// # Errors
    /// When the answer cannot be used.
    pub async fn accept(&mut self, answer: &str) -> Result<(), Unacceptable> {
        let offered = self.offered.as_ref().ok_or(Unacceptable::Unasked)?;
        let answer = Description::read(answer).map_err(Unacceptable::Unreadable)?;
        let agreed = sdp::accept(&self.local, offered, &answer).map_err(Unacceptable::Refused)?;
        self.put_in_force(agreed).await;
        Ok(())
    }

    /// Answers the peer's offer, the first or a later one.
    ///
    /// # Errors
    /// When nothing in it can be taken.
    pub async fn answer(&mut self, offer: &str) -> Result<String, Unacceptable> {
        let offer = Description::read(offer).map_err(Unacceptable::Unreadable)?;
        let (answer, agreed) = sdp::answer(&self.local, &offer).map_err(Unacceptable::Refused)?;
        let answer = self.numbered(answer);
        self.put_in_force(agreed).await;
        Ok(answer.write())
    }

    /// Our offer was refused, or crossed one of the peer's: what was agreed before stays.
    pub fn withdraw(&mut self) {
        self.offered = None;
    }

    /// Returns what was refused so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// Returns how good the connection is, as of at most a second ago.
    #[must_use]
    pub fn quality(&self) -> Quality {
        *self.quality.borrow()
    }

    /// Gives a description the number it needs: that of the last one where nothing has changed.
    fn numbered(&mut self, mut new: Description) -> Description {
        if let Some(before) = &self.described {
            new.version = before.version;
            if new != *before {
                new.version += 1;
            }
        }
        self.local.version = new.version;
        self.described = Some(new.clone());
        new
    }

    async fn put_in_force(&mut self, agreed: Agreed) {
        if self.agreed.as_ref() == Some(&agreed) {
            return;
        }
        let sound = LegEvent::Sound {
            codec: stream::codec(agreed.codec),
            keys: stream::keys(&agreed),
        };
        let was_held = self.is_held();
        let held = !agreed.direction.sends();
        // A driver that is gone does not need to know.
        let _ = self.events.send(sound).await;
        if held != was_held {
            let _ = self.events.send(LegEvent::Held(held)).await;
        }
        self.agreements += 1;
        let number = self.agreements;
        self.agreed = Some(agreed.clone());
        self.wanted
            .send_modify(|wanted| wanted.agreed = Some((number, agreed)));
    }
}

fn is_open(section: &Section) -> bool {
    matches!(section, Section::Audio(audio) if audio.port != 0)
}

/// Returns bytes that cannot be foretold.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system always has random bytes once it has started");
    bytes
}

#[cfg(test)]
mod tests;
