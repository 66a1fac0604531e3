//! Silence: what the agent does when nobody says anything any more.
//!
//! Counts from the agent's last heard word, or the callee's last turn, and is not set back by line noise: only
//! words do that. Decides when to ask and when to give up.

use std::time::{Duration, Instant};

use crate::CallConfig;

/// What to do about a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Ask whether anybody is there.
    Ask,
    /// Say goodbye.
    GiveUp,
}

/// Returns when the silence that began at `since` has lasted too long.
pub(crate) fn due(since: Instant, on_hold: bool, config: &CallConfig) -> Instant {
    since + limit(on_hold, config)
}

fn limit(on_hold: bool, config: &CallConfig) -> Duration {
    if on_hold {
        config.hold_limit
    } else {
        config.silence_prompt
    }
}

/// Returns what to do about a silence that lasted too long, after so many questions into it.
pub(crate) fn what(prompts: u8, config: &CallConfig) -> Silence {
    if prompts < config.silence_prompts {
        Silence::Ask
    } else {
        Silence::GiveUp
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    #[test]
    fn it_asks_as_often_as_configured_and_then_gives_up() {
        let config = CallConfig::default();
        assert_eq!(what(0, &config), Silence::Ask);
        assert_eq!(what(1, &config), Silence::Ask);
        assert_eq!(what(2, &config), Silence::GiveUp);
    }

    #[test]
    fn hold_is_patient() {
        let (config, now) = (CallConfig::default(), epoch());
        assert_eq!(due(now, false, &config) - now, config.silence_prompt);
        assert_eq!(due(now, true, &config) - now, config.hold_limit);
    }
}
