//! The ways a phone is connected: [`Line`] dials, a [`Leg`] carries one call's packets and signals both ways.
//!
//! Lines know packets, not conversations: nothing here decides what is said. One file or folder a kind.

pub mod browser;
mod endpoints;
mod incoming;
pub(crate) mod queue;
pub mod rtp;
mod signals;
pub mod simulated;
pub mod sip;
pub mod twilio;

use std::{fmt, time::Duration};

use media::Packet;
use protocol::ids::{AccountId, CallId};
use tokio::sync::mpsc;

pub use self::{
    endpoints::{Endpoints, Wire, WireRequest, WireResponse, WireSession},
    incoming::Incoming,
    queue::{NoRoom, Receiver, Sender},
    signals::{Gone, LegReceiver, LegSender, Room, leg_events, signalled},
};
use crate::provider::BoxFuture;

/// A way to reach telephones.
pub trait Line: Send + Sync + fmt::Debug {
    /// Returns the kind's name as in requests and records: `simulated`, …
    fn name(&self) -> &'static str;
    /// Starts a call. The leg is there at once; ringing, answer and failure arrive as its events.
    ///
    /// # Errors
    /// When the request itself cannot be carried out (a scenario that does not exist, a file that cannot be
    /// read); the sentence names what to mend. Nothing was dialed then.
    fn dial(&self, request: DialRequest) -> BoxFuture<'_, Result<Leg, DialError>>;
    /// Checks, without dialing, that a request could be carried out. Used before a call is accepted.
    ///
    /// # Errors
    /// As [`Line::dial`].
    fn check(&self, request: &DialRequest) -> Result<(), DialError>;
    /// Returns what a carrier may ask of this line over HTTP, if any does.
    fn endpoints(&self) -> Option<std::sync::Arc<dyn Endpoints>> {
        None
    }
    /// Returns the calls that come in on this line, to the first who asks; `None` when it takes none.
    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        None
    }
    /// Returns name and description of the scenarios that can play the callee, if the line has any.
    fn scenarios(&self) -> Option<Vec<(String, String)>> {
        None
    }
    /// Returns the pages in which this line's calls ring, if it is one that rings in pages.
    fn phones(&self) -> Option<browser::Phones> {
        None
    }
    /// Waits for what hangs up calls that have ended, a few seconds at most. Called before the program ends.
    fn settle(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Whom to call and how.
#[derive(Debug, Clone, Default)]
pub struct DialRequest {
    /// The number, E.164.
    pub to: String,
    /// How long it may ring.
    pub ring_timeout: Duration,
    /// Seeds whatever the line has of chance.
    pub seed: u64,
    /// For the simulated line: which scenario plays the callee; its default when absent.
    pub scenario: Option<String>,
    /// For the simulated line: a WAV file to play as the callee.
    pub callee_audio: Option<std::path::PathBuf>,
    /// Which of the line's own numbers is shown, E.164; its first when absent.
    pub from: Option<String>,
    /// How long the call may last once it was answered, as a limit behind our own.
    pub max_duration: Duration,
    /// Instead of dialing: the incoming call that is to be answered, by [`Incoming::id`].
    pub incoming: Option<String>,
    /// Whose call it is, for lines that ring at their owner's. Not known in tests of a line alone.
    pub owner: Option<Owner>,
    /// Who is called, by name.
    pub callee_name: Option<String>,
}

/// Whose call it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The call.
    pub call: CallId,
    /// The account.
    pub account: AccountId,
}

/// Why a request cannot be dialed: a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DialError(pub String);

/// One call's connection.
#[derive(Debug)]
pub struct Leg {
    /// Packets and signals from the far end. When full, the line drops packets; signals wait.
    pub events: LegReceiver,
    /// Packets and wishes to the far end. When full, packets are dropped and counted by the driver.
    pub commands: CommandSender,
    /// The codec both sides use, until [`LegEvent::Sound`] names another.
    pub codec: media::Codec,
    /// How long sound takes from leaving us until the callee hears it, as the best estimate.
    pub playout_delay: Duration,
    /// What becomes of sound that is sent.
    pub playout: Playout,
    /// How keys reach the far end.
    pub keys: Keys,
}

/// What a line does with the sound that it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Playout {
    /// It plays each packet as it arrives, so one is sent every 20 ms, silence too.
    OnArrival,
    /// It holds what it was sent and plays it in order, so only what sounds is sent, a little ahead of the clock.
    /// It says by [`LegEvent::Played`] what it has played, and forgets the rest at [`LegCommand::Clear`].
    Held,
}

/// How keys reach the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keys {
    /// The line signals them, by [`LegCommand::PressKeys`].
    Signalled,
    /// As tones in the sound.
    InBand,
}

/// A place in the sound that was sent to a line that holds it. The driver chooses the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlayoutMark(pub u64);

/// What a person should know about a failure that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// A sentence that says what to do.
    pub sentence: String,
    /// Whether the carrier is at fault, whatever the kind of failure says.
    pub carrier: bool,
}

/// What comes from the far end.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "packets are of fixed size, so that queues of them never allocate"
)]
pub enum LegEvent {
    /// The far end is being alerted.
    Ringing,
    /// How sound is carried from now on, where that is agreed upon only after dialing.
    Sound {
        /// The codec both sides use.
        codec: media::Codec,
        /// How keys reach the far end.
        keys: Keys,
    },
    /// The far end has put the call on hold (`true`), or is back. Meanwhile nothing of the callee is heard.
    Held(bool),
    /// Picked up.
    Answered,
    /// Sound, 20 ms a packet.
    Packet(Packet),
    /// A key pressed by the callee, signalled out of band.
    Dtmf(char),
    /// All sound that was sent before this mark has been played. Of marks that a clear overtook nothing is said.
    Played(PlayoutMark),
    /// What the carrier found out about who answered.
    AnsweredBy(call::AnsweredBy),
    /// Why the failure that follows came about.
    Because(Cause),
    /// The callee ended the call. The last event.
    HungUp,
    /// The call failed. The last event.
    Failed(call::Failure),
}

/// The driver's end of the queue of commands.
pub type CommandSender = Sender<LegCommand>;
/// The line's end of it.
pub type LegCommands = Receiver<LegCommand>;

/// Makes a queue in which so many commands may wait.
#[must_use]
pub fn leg_commands(capacity: usize) -> (CommandSender, LegCommands) {
    queue::queue(capacity)
}

/// What we want of the far end.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "packets are of fixed size, so that queues of them never allocate"
)]
pub enum LegCommand {
    /// Sound, 20 ms a packet, sent on our clock.
    Packet(Packet),
    /// Tell when everything sent before this was played. Only for lines that hold sound, as is the next.
    Mark(PlayoutMark),
    /// Forget all sound that was sent and has not been played.
    Clear,
    /// Press keys.
    PressKeys(String),
    /// Connect the callee elsewhere.
    Transfer(String),
    /// End the call. Dropping the leg does the same.
    HangUp,
}
