//! What a scripted model answers.

use std::time::Duration;

use call::Tool;

/// What the model does when it is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// What it writes.
    pub(crate) text: String,
    /// Whether words behind that text are withheld.
    pub(crate) withheld: bool,
    /// What it uses.
    pub(crate) tools: Vec<Tool>,
    /// From the request to the first text.
    pub(crate) after: Duration,
    /// How it ends.
    pub(crate) ends: Ends,
}

/// How a model's answer ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Complete.
    #[default]
    Done,
    /// Broken off.
    Failed,
    /// Not at all.
    Never,
}
