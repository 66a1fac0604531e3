//! What a call brought back beside its words: what proves a claim, and what the agent only noted.

use serde::{Deserialize, Serialize};

/// What shows that something claimed about the call is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What is claimed, in one sentence.
    pub claim: String,
    /// Which of `turns` shows it, from 0.
    pub turn: usize,
    /// The words that show it.
    pub quote: String,
    /// Where they are in the recording, in milliseconds.
    pub audio_ms: u64,
}

/// A fact that the agent kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedFact {
    /// In the agent's words.
    pub text: String,
    /// When it was kept, in milliseconds since the call was created.
    pub t_ms: u64,
}
