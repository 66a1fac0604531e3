//! What a call is carried out with, and what is known of it when it is over. Decides nothing.

use std::{sync::Arc, time::Instant};

use call::{CallConfig, Command, End};
use tokio::sync::mpsc;

use super::{Providers, Scribe};
use crate::{
    agent::Brief,
    line::{DialRequest, Line},
};

/// Everything one call is carried out with.
#[derive(Debug)]
pub struct CallParts {
    /// Connects.
    pub line: Arc<dyn Line>,
    /// Whom, and how.
    pub dial: DialRequest,
    /// Hear, think, speak.
    pub providers: Providers,
    /// The agent's task.
    pub brief: Arc<Brief>,
    /// How the core behaves.
    pub config: CallConfig,
    /// Wishes from outside. Full means that the one who wishes waits.
    pub commands: mpsc::Receiver<Command>,
    /// Takes everything that is kept or shown.
    pub scribe: Scribe,
}

/// How a call went, beside what the scribe kept.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub end: End,
    /// A sentence about a failure that only the line or a provider could give.
    pub detail: Option<String>,
    /// Whether the line knows that the failure is the carrier's.
    pub carrier_at_fault: bool,
    /// When somebody picked up.
    pub answered: Option<Instant>,
    /// When it was over.
    pub ended: Instant,
}
