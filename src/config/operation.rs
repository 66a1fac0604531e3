//! What an operator sets about running the program: webhooks, TLS, traces. What of it cannot be is refused here.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{Config, Hidden};

/// `[webhooks]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// How long a receiver may take to answer.
    pub timeout_seconds: u32,
    /// The pauses between attempts.
    pub retry_after_seconds: Vec<u32>,
}

impl Webhooks {
    /// Returns how long a receiver may take to answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.into())
    }

    /// Returns the pause before each repetition.
    pub fn pauses(&self) -> impl Iterator<Item = Duration> {
        let seconds = self.retry_after_seconds.iter();
        seconds.map(|seconds| Duration::from_secs(u64::from(*seconds)))
    }
}

/// `[server.tls]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate and those above it, PEM; empty: no TLS.
    pub cert: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

impl Tls {
    /// Returns whether the server shall speak TLS.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.cert.as_os_str().is_empty()
    }
}

/// `[trace]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// Where traces of calls are sent, OTLP over HTTP; empty: nowhere.
    pub otlp_endpoint: String,
    /// The `Authorization` header of these requests; empty: none.
    pub authorization: Hidden,
}

impl Config {
    /// Reports what cannot be.
    pub(super) fn check_operation(&self, wrong: &mut dyn FnMut(String)) {
        let mut within = |key: &str, value: u64, range: RangeInclusive<u64>| {
            if !range.contains(&value) {
                let (first, last) = range.into_inner();
                wrong(format!("`{key}` is {value} and must be {first} to {last}."));
            }
        };
        let (server, webhooks) = (&self.server, &self.webhooks);
        within(
            "server.max_connections",
            server.max_connections as u64,
            1..=1_000_000,
        );
        within(
            "server.max_connections_per_address",
            server.max_connections_per_address as u64,
            1..=1_000_000,
        );
        within(
            "webhooks.timeout_seconds",
            webhooks.timeout_seconds.into(),
            1..=120,
        );
        let times = webhooks.retry_after_seconds.len() as u64;
        within("the length of webhooks.retry_after_seconds", times, 0..=100);
        let tls = &server.tls;
        if tls.is_set() == tls.key.as_os_str().is_empty() {
            wrong(
                "`server.tls.cert` and `server.tls.key` need each other: set both, or none.".into(),
            );
        }
    }
}
