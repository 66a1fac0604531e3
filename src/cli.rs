//! The command line: what can be asked of the program in a terminal, and how answers look there.
//!
//! Each command has its file below. None of them decides anything about calls: `serve` builds the program from
//! its configuration, the others are clients of it.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Config, ConfigError},
    store::DataFolder,
};

mod accounts;
mod admin;
mod bench;
mod call;
mod client;
mod demo;
mod doctor;
mod keys;
mod log;
mod mcp;
mod models;
mod render;
mod serve;
mod webhooks;

/// Lets any software agent make a real phone call: give it a number and an objective, it dials, talks, listens
/// and brings back what was said and agreed.
#[derive(Debug, Parser)]
#[command(
    name = "agentphone",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    ///
    /// Prints one line `listening on http://…` when it is ready. Ctrl-C stops it: no new calls, and running ones
    /// end politely within calls.drain_seconds.
    Serve(serve::Command),
    /// Make a call through a running server
    Call(Box<call::Command>),
    /// Make one whole call on this machine, with a server of its own and a simulated callee
    ///
    /// Needs no account and no network. The exit status is 0 when the objective was achieved.
    Demo(demo::Command),
    /// Tell what is configured, what is missing, and how to get it
    ///
    /// The exit status is 0 when nothing that is needed is missing.
    Doctor(doctor::Command),
    /// Make, list, rename and revoke API keys
    ///
    /// Works whether or not a server is running on the same data folder.
    #[command(subcommand)]
    Keys(keys::Command),
    /// List accounts, show their ledgers, give credits, export everything that is kept of one
    #[command(subcommand)]
    Accounts(accounts::Command),
    /// Keep the list of numbers that are called for no account
    #[command(subcommand)]
    DoNotCall(accounts::Never),
    /// List, get and check models of Whisper
    ///
    /// They lie in the folder models of the data folder; docs/services.md says which to choose.
    #[command(subcommand)]
    Models(models::Command),
    /// Show, set and repeat what requesters' own servers are told
    ///
    /// Works whether or not a server is running on the same data folder. docs/webhooks.md explains it.
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Serve the tools of the Model Context Protocol on standard input and output
    ///
    /// For programs that start their servers themselves. Asks a running server, which also serves them at /mcp.
    Mcp(mcp::Command),
    /// Measure turn-taking, hearing and capacity
    ///
    /// docs/turn-taking.md says how each figure is defined.
    #[command(subcommand)]
    Bench(bench::Command),
    /// Work for a server of this program, on standard input and output
    #[command(subcommand, hide = true)]
    Worker(Worker),
}

#[derive(Debug, Subcommand)]
enum Worker {
    /// Recognise speech
    Speech {
        /// Where the models are
        models: PathBuf,
    },
    /// Recognise speech with Whisper
    Whisper {
        /// The model file
        model: PathBuf,
        /// How many utterances at the same time
        threads: usize,
    },
    /// Be the program whose capacity is measured
    Capacity {
        /// Calls at once
        calls: usize,
    },
}

/// Where configuration and data are.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Place {
    /// Read the configuration from this TOML file; agentphone.example.toml explains every key
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep database, recordings and cache in this folder [default: ~/.local/share/agentphone]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Place {
    /// Reads the configuration, with what the command line says over it.
    fn config(&self) -> Result<Config, ConfigError> {
        // A variable that is not Unicode cannot be one of ours.
        let env = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let mut config = Config::load(self.config.as_deref(), env)?;
        if let Some(dir) = &self.data {
            config.data.dir.clone_from(dir);
        }
        Ok(config)
    }
}

/// Returns the data folder of a configuration, not yet made.
fn data_dir(config: &Config) -> PathBuf {
    config.data.folder(|name| std::env::var(name).ok())
}

/// Makes and returns the data folder of a configuration.
fn open_folder(config: &Config) -> Result<DataFolder, Failure> {
    Ok(DataFolder::open(&data_dir(config))?)
}

/// Why a command ends with a status other than 0: a sentence, printed to standard error.
#[derive(Debug)]
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Runs the program: reads the command line and carries it out.
#[must_use]
pub fn run() -> ExitCode {
    // Two kinds of TLS libraries could be linked; this says once which one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let done = match Arguments::parse().command {
        Command::Worker(Worker::Speech { models }) => return crate::worker::run_speech(&models),
        Command::Worker(Worker::Whisper { model, threads }) => {
            return crate::worker::run_whisper(&model, threads);
        }
        Command::Worker(Worker::Capacity { calls }) => in_runtime(bench::be_measured(calls)),
        Command::Serve(command) => in_runtime(serve::run(command)),
        Command::Demo(command) => in_runtime(demo::run(command)),
        Command::Doctor(command) => in_runtime(doctor::run(command)),
        Command::Call(command) => in_runtime(call::run(*command)),
        Command::Keys(command) => in_runtime(keys::run(command)),
        Command::Accounts(command) => in_runtime(accounts::run(command)),
        Command::DoNotCall(command) => in_runtime(accounts::never(command)),
        Command::Models(command) => in_runtime(models::run(command)),
        Command::Webhooks(command) => in_runtime(webhooks::run(command)),
        Command::Mcp(command) => in_runtime(mcp::run(command)),
        Command::Bench(command) => in_runtime(bench::run(command)),
    };
    match done {
        Ok(status) => status,
        Err(Failure(sentence)) => {
            complain(&format!("error: {sentence}"));
            ExitCode::FAILURE
        }
    }
}

fn in_runtime(
    command: impl Future<Output = Result<ExitCode, Failure>>,
) -> Result<ExitCode, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(command)
}

/// Writes a line to standard output. Nobody reading it any more is no reason to fail.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Returns whether colours may be used on a stream (<https://no-color.org>).
fn may_colour(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes a line to standard error.
fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
