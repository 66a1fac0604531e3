//! `agentphone bench capacity`: what a call costs while many are held at once, and whether memory stays flat over many more.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};

use super::{Failure, say, show_figures, write};
use crate::bench::{
    bars::known::{self, CAPACITY, ENDURANCE},
    capacity::{self, Carried, endurance, engine},
    report::{Report, Trials},
};

/// See `agentphone bench capacity --help`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Command {
    /// Over which line the calls come
    #[arg(long, value_enum, default_value_t = WhichLine::Twilio)]
    line: WhichLine,
    /// Calls at once
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    calls: u32,
    /// How long the full load is measured, in seconds
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Instead: make so many short calls, and see whether memory grows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "seconds")]
    total_calls: Option<u32>,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page for people to this file: each bar, and by how much it is met or missed
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// A line that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum WhichLine {
    /// Media Streams, as Twilio has them
    Twilio,
    /// SIP and RTP
    Sip,
}

impl From<WhichLine> for Carried {
    fn from(line: WhichLine) -> Self {
        match line {
            WhichLine::Twilio => Self::Stream,
            WhichLine::Sip => Self::Sip,
        }
    }
}

/// Measures. The exit status is 0 when the run can be believed, and memory did not grow.
pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let program = std::env::current_exe()?;
    let (line, calls) = (command.line.into(), command.calls as usize);
    let tell = |step: &str| say(&format!("… {step}"));
    let mut report = Report::new(None);
    let valid = match command.total_calls {
        None => {
            let options = capacity::Options {
                line,
                calls,
                length: Duration::from_secs(command.seconds),
                unloaded: 1,
            };
            let found = capacity::run(&program, &options, tell).await;
            let found = found.map_err(Failure::new)?;
            report.bars = known::capacity(&found);
            show_figures(CAPACITY, &found, &mut report)?;
            found.valid
        }
        Some(total) => {
            let options = endurance::Options {
                line,
                calls,
                total: total as usize,
            };
            let found = endurance::run(&program, &options, tell).await;
            let found = found.map_err(Failure::new)?;
            report.bars = known::endurance(&found);
            show_figures(ENDURANCE, &found, &mut report)?;
            found.valid
        }
    };
    let (json, html) = (command.json.as_deref(), command.html.as_deref());
    write(&report, &Trials::default(), json, html)?;
    Ok(if valid {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Is the program whose capacity is measured, until standard input ends.
pub(in crate::cli) async fn be_measured(
    calls: usize,
    line: WhichLine,
) -> Result<ExitCode, Failure> {
    let ran = engine::run(calls, line.into()).await;
    ran.map_err(Failure::new)?;
    Ok(ExitCode::SUCCESS)
}
