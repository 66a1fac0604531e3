//! The ways a phone is connected: [`Line`] dials, a [`Leg`] carries one call's packets and signals both ways.
//!
//! Lines know packets, not conversations: nothing here decides what is said. One file or folder a kind.

pub mod simulated;

use std::{fmt, time::Duration};

use media::Packet;
use tokio::sync::mpsc;

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
}

/// Whom to call and how.
#[derive(Debug, Clone)]
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
}

/// Why a request cannot be dialed: a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DialError(pub String);

/// One call's connection.
#[derive(Debug)]
pub struct Leg {
    /// Packets and signals from the far end. When full, the line drops the oldest packet; signals wait.
    pub events: mpsc::Receiver<LegEvent>,
    /// Packets and wishes to the far end. When full, packets are dropped and counted by the driver.
    pub commands: mpsc::Sender<LegCommand>,
    /// The codec both sides use.
    pub codec: media::Codec,
    /// How long sound takes from leaving us until the callee hears it, as the best estimate.
    pub playout_delay: Duration,
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
    /// Picked up.
    Answered,
    /// Sound, 20 ms a packet.
    Packet(Packet),
    /// A key pressed by the callee, signalled out of band.
    Dtmf(char),
    /// The callee ended the call. The last event.
    HungUp,
    /// The call failed. The last event.
    Failed(call::Failure),
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
    /// Press keys.
    PressKeys(String),
    /// Connect the callee elsewhere.
    Transfer(String),
    /// End the call. Dropping the leg does the same.
    HangUp,
}
