//! `[llm.anthropic]`, and how long the agent waits for its model and for the requester.

use std::time::Duration;

use serde::Deserialize;

use super::Hidden;

/// `[llm.anthropic]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Anthropic {
    /// Where the service is, without a slash at the end; empty: Anthropic itself.
    pub base_url: String,
    /// The key.
    pub api_key: Hidden,
    /// Which model.
    pub model: String,
}

/// `[llm.patience]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Patience {
    /// How long the model may be silent before the agent says that it needs a moment, in milliseconds.
    pub filler_ms: u32,
    /// How long after that the agent says so once more, in milliseconds.
    pub filler_again_ms: u32,
    /// How long the model may be silent before its reply is given up, in seconds.
    pub reply_seconds: u32,
    /// How long the requester may take to answer a question of the agent, in seconds.
    pub answer_seconds: u32,
}

impl Patience {
    /// Returns the settings of a call with this patience.
    pub(crate) fn apply(self, settings: call::CallConfig) -> call::CallConfig {
        call::CallConfig {
            think_filler: Duration::from_millis(self.filler_ms.into()),
            think_filler_again: Duration::from_millis(self.filler_again_ms.into()),
            think_limit: Duration::from_secs(self.reply_seconds.into()),
            answer_limit: Duration::from_secs(self.answer_seconds.into()),
            ..settings
        }
    }

    /// The values with what is allowed, by key.
    pub(super) fn ranges(self) -> [(&'static str, u64, std::ops::Range<u64>); 4] {
        [
            ("llm.patience.filler_ms", self.filler_ms.into(), 300..10_001),
            (
                "llm.patience.filler_again_ms",
                self.filler_again_ms.into(),
                1_000..60_001,
            ),
            (
                "llm.patience.reply_seconds",
                self.reply_seconds.into(),
                2..121,
            ),
            (
                "llm.patience.answer_seconds",
                self.answer_seconds.into(),
                5..301,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn the_patience_of_the_example_is_that_of_the_core() {
        let core = call::CallConfig::default();
        assert_eq!(Config::default().llm.patience.apply(core.clone()), core);
    }
}
