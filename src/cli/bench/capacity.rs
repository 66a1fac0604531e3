//! `agentphone bench capacity`: what a call costs while many are held at once.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;

use super::{Failure, say, write_file};
use crate::bench::capacity::{Options, engine, run as measure};

/// See `agentphone bench capacity --help`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Command {
    /// Calls at once
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    calls: u32,
    /// How long the full load is measured, in seconds
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures. The exit status is 0 when the run can be believed.
pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let options = Options {
        calls: command.calls as usize,
        length: Duration::from_secs(command.seconds),
        unloaded: 1,
    };
    let program = std::env::current_exe()?;
    let found = measure(&program, &options, |step| say(&format!("… {step}")))
        .await
        .map_err(Failure::new)?;
    let report = serde_json::json!({ "version": env!("CARGO_PKG_VERSION"), "capacity": found });
    let mut text = serde_json::to_string_pretty(&report)?;
    say(&text);
    if let Some(file) = command.json {
        text.push('\n');
        write_file(&file, &text)?;
    }
    Ok(if found.valid {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Is the program whose capacity is measured, until standard input ends.
pub(in crate::cli) async fn be_measured(calls: usize) -> Result<ExitCode, Failure> {
    engine::run(calls).await.map_err(Failure::new)?;
    Ok(ExitCode::SUCCESS)
}
