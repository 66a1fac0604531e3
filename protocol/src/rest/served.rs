//! Who served a turn, in the call object.

use serde::{Deserialize, Serialize};

/// The services behind one turn, by their configured names, in the order in which they served; empty where none had a
/// part in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServedBy {
    /// Recognisers.
    pub stt: Vec<String>,
    /// Language models.
    pub llm: Vec<String>,
    /// Voices.
    pub tts: Vec<String>,
}
