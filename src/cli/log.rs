//! Where log lines go and how they look. What may appear in them is decided where they are written.

use std::io::{self, IsTerminal};

use tracing::{Level as Detail, Metadata};
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::{
    config::{Log, LogFormat},
    private,
};

/// Libraries that tell at `info` and `warn` what only their authors need, as long as the configuration names none of them.
const TALKATIVE: [&str; 3] = ["rtc=warn", "rtc_ice=error", "rtc_dtls=error"];

/// The crates that are ours, and keep to the rules of [`private`].
const OURS: [&str; 5] = ["agentphone", "call", "media", "native", "protocol"];

/// Changes how much is logged, while the log is written.
pub(super) struct Level(Box<dyn Fn(EnvFilter) + Send + Sync>);

impl Level {
    /// Logs what `log.level` says from here on.
    pub(super) fn set(&self, log: &Log) {
        (self.0)(filter(log));
    }
}

/// Sends the log to standard error from here on. Only the first call has an effect.
pub(super) fn start(log: &Log) -> Level {
    if log.reveal {
        private::reveal();
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(log))
        .with_ansi(super::may_colour(io::stderr().is_terminal()))
        .with_writer(io::stderr);
    let reveal = log.reveal;
    let allowed = filter_fn(move |line| reveal || is_harmless(line));
    // Setting it fails only when the log is gone, and then nobody reads it.
    match log.format {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.finish().with(allowed).try_init();
            Level(Box::new(move |filter| drop(handle.reload(filter))))
        }
        LogFormat::Json => {
            let builder = builder.json().with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.finish().with(allowed).try_init();
            Level(Box::new(move |filter| drop(handle.reload(filter))))
        }
    }
}

/// Returns whether lines of this kind cannot hold what is private. What libraries tell below `info` are headers with keys in
/// them, messages and frames as they are.
fn is_harmless(line: &Metadata<'_>) -> bool {
    let of = line.target().split("::").next().unwrap_or_default();
    *line.level() <= Detail::INFO || OURS.contains(&of)
}

fn filter(log: &Log) -> EnvFilter {
    // The configuration was checked; a filter that still is none must not hide errors.
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let quiet = TALKATIVE
        .iter()
        .filter(|_| !log.level.contains("rtc"))
        .filter_map(|directive| directive.parse().ok());
    let filter = quiet.fold(filter, EnvFilter::add_directive);
    if log.reveal {
        filter
    } else {
        without_messages(filter)
    }
}

/// The SIP library logs whole messages, with the numbers in them, and of its warnings some quote one.
fn without_messages(filter: EnvFilter) -> EnvFilter {
    match "rsipstack=error".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}
