//! The process that is measured: the whole program, with the line that is measured and with services that stand in.
//!
//! It says by one line on standard output where it listens, answers every line on standard input with one line of JSON, and
//! ends when standard input does. It is a process of its own so that its processor time and memory are nobody else's.

use std::{io::Write, net::SocketAddr, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::super::{Carried, workload};
use crate::{
    app::App,
    config::{Config, Encryption, Kept, Reception, Services, SoundCodec},
    driver::pulse,
    line::Line,
    provider::{ProviderError, ProviderErrorKind},
    store::Cache,
};

/// The account at the carrier that stands in.
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
/// The token by which the carrier signs.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// The number that is called.
pub const NUMBER: &str = "+14155550100";

/// Where the process listens.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Where it listens for SIP, if calls come that way.
    pub sip: Option<SocketAddr>,
}

/// What it says of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Said {
    /// Calls under way.
    pub live: usize,
    /// Frames since the last time it was asked.
    pub frames: u64,
    /// The lateness of half of them, in milliseconds.
    pub late_p50_ms: Option<f64>,
    /// The lateness of 99 of 100.
    pub late_p99_ms: Option<f64>,
    /// The lateness of 999 of 1000.
    pub late_p999_ms: Option<f64>,
    /// Frames that were dropped since the last time it was asked.
    pub dropped: u64,
}

/// Runs the process until standard input ends.
///
/// # Errors
/// When the program does not start; a sentence.
pub async fn run(calls: usize, line: Carried) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let folder = tempfile::tempdir().map_err(|error| text(&error))?;
    let config = match line {
        Carried::Stream => stream_config(calls),
        Carried::Sip => sip_config(calls),
    };
    let mut sip = None;
    let services = |config: &Config, _cache: Cache, public_url: &str| match line {
        Carried::Stream => {
            let line = config.line.twilio.line(public_url).map_err(unusable)?;
            Ok(services(Arc::new(line)))
        }
        Carried::Sip => {
            let line = config.line.sip.line().map_err(unusable)?;
            sip = Some(line.local());
            Ok(services(Arc::new(line)))
        }
    };
    let app = App::start_with(&config, folder.path(), services)
        .await
        .map_err(|error| text(&error))?;
    print(&Ready {
        url: app.public_url().to_owned(),
        sip,
    })?;
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut before = pulse::read();
    while let Ok(Some(_)) = orders.next_line().await {
        let now = pulse::read();
        let since = now.since(&before);
        let late = |share| since.late(share).map(crate::bench::stats::ms);
        print(&Said {
            live: app.live_calls(),
            frames: since.frames(),
            late_p50_ms: late(0.5),
            late_p99_ms: late(0.99),
            late_p999_ms: late(0.999),
            dropped: since.dropped,
        })?;
        before = now;
    }
    app.stop().await;
    Ok(())
}

fn print(what: &impl Serialize) -> Result<(), String> {
    let line = serde_json::to_string(what).map_err(|error| error.to_string())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| format!("Nobody reads what the measured process says: {error}."))
}

fn common_config(calls: usize) -> Config {
    let mut config = Config::default();
    config.server.listen = ([127, 0, 0, 1], 0).into();
    // The next call of a place may come in before the last one is kept.
    config.calls.max_concurrent = calls * 2 + 8;
    config.calls.drain_seconds = 1;
    config
}

fn stream_config(calls: usize) -> Config {
    let mut config = common_config(calls);
    let carrier = &mut config.line.twilio;
    carrier.account_sid = ACCOUNT.into();
    carrier.auth_token = TOKEN.to_owned().into();
    carrier.from_phone_numbers = vec![NUMBER.into()];
    // Nothing is asked of the carrier: its calls come in, and end by themselves.
    carrier.api_base = "http://127.0.0.1:9".into();
    take_calls(&mut carrier.inbound);
    config
}

fn sip_config(calls: usize) -> Config {
    let mut config = common_config(calls);
    let sip = &mut config.line.sip;
    sip.listen = ([127, 0, 0, 1], 0).into();
    sip.peers = vec!["127.0.0.0/8".into()];
    sip.codecs = vec![SoundCodec::Pcmu];
    sip.srtp = Encryption::Disabled;
    take_calls(&mut sip.inbound);
    config
}

fn take_calls(inbound: &mut Reception) {
    inbound.objective = "Book a table".into();
    inbound.first_message = workload::opening().into();
}

fn unusable(error: String) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Unsupported, error)
}

fn services(line: Arc<dyn Line>) -> Services {
    Services {
        kept: Kept::default(),
        lines: vec![line],
        stt: Arc::new(workload::hearing()),
        llm: Arc::new(workload::thinking()),
        tts: Arc::new(workload::speaking()),
    }
}
