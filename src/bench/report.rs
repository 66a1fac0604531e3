//! What a run measured, as JSON: the figures, what they were measured on, and nothing that differs between two machines
//! but times of computing, which say so by their names.

use std::collections::BTreeMap;

use serde::Serialize;

mod html;
mod notes;
mod trace;

pub use self::{
    html::{Page, Trials},
    trace::Trace,
};

use super::{bars::Bar, end_of_turn::EndOfTurn, stats::Percentiles};

/// A run of the harness.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Of this program.
    pub version: &'static str,
    /// What the trials were drawn from, where any were.
    #[serde(flatten)]
    pub drawn: Option<Drawn>,
    /// What the figures are held to.
    pub bars: Vec<Bar>,
    /// When the engine takes its turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_of_turn: Option<EndOfTurn>,
    /// The silence that the callee felt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub felt_silence_ms: Option<Percentiles>,
    /// Figures of the other experiments, by name.
    #[serde(flatten)]
    pub others: BTreeMap<&'static str, serde_json::Value>,
}

/// What trials are drawn from: the same of all these gives the same trials.
#[derive(Debug, Clone, Serialize)]
pub struct Drawn {
    /// What everything was drawn from.
    pub seed: u64,
    /// Trials a group.
    pub size: usize,
    /// `tuning` or `held_out`.
    pub part: &'static str,
    /// The recordings.
    pub audio: Audio,
}

impl Report {
    /// Makes the report of a run that has no figures yet.
    #[must_use]
    pub const fn new(drawn: Option<Drawn>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            drawn,
            bars: Vec::new(),
            end_of_turn: None,
            felt_silence_ms: None,
            others: BTreeMap::new(),
        }
    }
}

/// The recordings of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Audio {
    /// SHA-256 over all of them and their transcripts.
    pub hash: String,
    /// How many there are.
    pub recordings: usize,
    /// The folders that were read.
    pub folders: Vec<String>,
}
