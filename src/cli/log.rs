//! Where log lines go and how they look. What may appear in them is decided where they are written.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::{
    config::{Log, LogFormat},
    private,
};

/// Libraries that tell at `info` and `warn` what only their authors need, as long as the configuration names none of them.
const TALKATIVE: [&str; 3] = ["rtc=warn", "rtc_ice=error", "rtc_dtls=error"];

/// Sends the log to standard error from here on. Only the first call has an effect.
pub(super) fn start(log: &Log) {
    // The configuration was checked; a filter that still is none must not hide errors.
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let quiet = TALKATIVE
        .iter()
        .filter(|_| !log.level.contains("rtc"))
        .filter_map(|directive| directive.parse().ok());
    let filter = quiet.fold(filter, EnvFilter::add_directive);
    let filter = if log.reveal {
        filter
    } else {
        without_messages(filter)
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(super::may_colour(io::stderr().is_terminal()))
        .with_writer(io::stderr);
    if log.reveal {
        private::reveal();
    }
    let _ = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// The SIP library logs whole messages, with the numbers in them, and of its warnings some quote one.
fn without_messages(filter: EnvFilter) -> EnvFilter {
    match "rsipstack=error".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}
