//! What the callee is told about the call itself, and whether it was heard.

use serde::{Deserialize, Serialize};

/// What the agent says of itself and of the recording before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosure {
    /// Whether it says that it is a machine.
    pub ai: bool,
    /// Whether it says that the call is recorded.
    pub recording: bool,
    /// The words.
    pub text: String,
    /// Whether all of it was heard on the line; `null` while the call has not ended.
    pub heard: Option<bool>,
}
