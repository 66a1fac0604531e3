//! `[failover]`: when one service of several gives way to the next.

use std::time::Duration;

use serde::Deserialize;

use crate::provider::failover::{BreakerSettings, Limits};

/// `[failover]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Failover {
    /// For a recogniser, in milliseconds; see [`Limits::words`].
    pub words_ms: u32,
    /// For a model's first text, in milliseconds.
    pub text_ms: u32,
    /// For a voice's first sound, in milliseconds.
    pub sound_ms: u32,
    /// Failures in a row after which a service is left alone.
    pub failures: u32,
    /// For how many seconds, the first time.
    pub pause_seconds: u32,
}

impl Failover {
    /// Returns how long a service may take while another could be asked.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        Limits {
            words: ms(self.words_ms),
            text: ms(self.text_ms),
            sound: ms(self.sound_ms),
        }
    }

    /// Returns when a service counts as down.
    #[must_use]
    pub fn breaker(&self) -> BreakerSettings {
        BreakerSettings {
            failures: self.failures,
            pause: Duration::from_secs(self.pause_seconds.into()),
        }
    }

    /// Reports values that are out of their range: key, value, first and last allowed.
    pub(super) fn check(&self, within: &mut dyn FnMut(&str, u64, std::ops::Range<u64>)) {
        for (key, value) in [
            ("failover.words_ms", self.words_ms),
            ("failover.text_ms", self.text_ms),
            ("failover.sound_ms", self.sound_ms),
        ] {
            within(key, value.into(), 100..60_001);
        }
        within("failover.failures", self.failures.into(), 1..1001);
        within("failover.pause_seconds", self.pause_seconds.into(), 1..3601);
    }
}
