//! One labelled telephone dialogue: what the agent asks, what the callee sounds like and when, and what is true of it.
//!
//! Plain data. Who makes it is `dialogue`, who plays it `stage`; what is labelled here stays with the harness and never
//! reaches the engine.

use std::{ops::Range, sync::Arc, time::Duration};

use media::impair::NetworkConfig;

use crate::line::simulated::scenario::Echo;

/// One dialogue.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Its name in reports; unique in a run, and the same for the same seed and recordings.
    pub id: String,
    /// Seeds the chance on its line.
    pub seed: u64,
    /// What kind of trial it is, for figures by group: `statement`, `short answer`, `phone number`, `cough`, …
    pub group: &'static str,
    /// What its line is like, for figures by line: `quiet`, `babble at 10 dB`, `loss`, …
    pub line: &'static str,
    /// What the agent says: the n-th text answers the callee's n-th turn; the last one is said again when there are no
    /// more.
    pub agent: Vec<String>,
    /// What the callee sounds like, in order.
    pub cues: Vec<Cue>,
    /// What the network does, in both directions.
    pub network: NetworkConfig,
    /// Steady sound around the callee, repeated without end: line noise, babble. 8 kHz.
    pub background: Option<Arc<[i16]>>,
    /// The agent's own sound coming back.
    pub echo: Option<Echo>,
}

/// One sound of the callee.
#[derive(Debug, Clone)]
pub struct Cue {
    /// When it begins.
    pub when: When,
    /// The sound, 8 kHz. Speech is at -22 dBFS over its louder parts.
    pub sound: Arc<[i16]>,
    /// What is true of it.
    pub label: Label,
}

/// When a sound begins. The callee takes cues one after the other and hears the agent's sound, not its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This long after the cue before it ended, or after picking up.
    After(Duration),
    /// When the agent has spoken since the cue before and has now been silent for this long.
    AgentStops(Duration),
    /// When the agent has been speaking for this long.
    AgentSpeaks(Duration),
}

/// What is true of a sound. Positions count samples at 8 kHz from the start of the sound.
#[derive(Debug, Clone, PartialEq)]
pub enum Label {
    /// A whole turn: the agent shall answer after its end, and not before.
    Turn {
        /// What is said, lower case, without punctuation.
        text: String,
        /// From the first voiced sample to just behind the last.
        voiced: Range<usize>,
        /// The pauses inside it, in order.
        pauses: Vec<Pause>,
    },
    /// Words by which the callee takes the floor from a speaking agent.
    Interruption {
        /// What is said.
        text: String,
        /// From the first voiced sample to just behind the last.
        voiced: Range<usize>,
    },
    /// A listener's sound, a cough, a laugh, a slamming door: the agent shall go on, or go on again.
    Disturbance {
        /// What it is, for figures by kind.
        kind: &'static str,
        /// From the first sample that can be heard to just behind the last.
        voiced: Range<usize>,
    },
    /// Belongs to no figure: the callee's hello.
    Prelude,
}

/// A silence inside a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// From just behind the last voiced sample before it to the first one after it.
    pub at: Range<usize>,
    /// What surrounds it.
    pub kind: PauseKind,
}

/// What surrounds a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseKind {
    /// The words before it want more: "I would like to …".
    Incomplete,
    /// The words before it could be all: "seven thirty … would be good".
    LooksComplete,
    /// Inside a number, an e-mail address or a spelled name.
    Entity,
    /// Where the speaker of a recording paused, and nobody has judged the words.
    Natural,
}

impl PauseKind {
    /// Returns its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::LooksComplete => "looks_complete",
            Self::Entity => "entity",
            Self::Natural => "natural",
        }
    }
}
