//! The command line: what can be asked of the program in a terminal, and how answers look there.
//!
//! Each command has its file below. None of them decides anything about calls: `serve` builds the program from
//! its configuration, the others are clients of it.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::{Value, json};

use crate::{
    config::{Changes, Config, ConfigError, Reading},
    store::DataFolder,
};

mod accounts;
mod admin;
mod backup;
mod bench;
mod call;
mod calls;
mod client;
mod demo;
mod doctor;
mod exit;
mod keys;
mod log;
mod manager;
mod manual;
mod mcp;
mod models;
mod play;
mod render;
mod replay;
mod serve;
mod table;
mod terminal;
mod upgrade;
mod watch;
mod webhooks;

use self::{
    exit::Exit,
    terminal::{Colour, complain, may_colour, say},
};

/// Lets any software agent make a real phone call: give it a number and an objective, it dials, talks, listens
/// and brings back what was said and agreed.
#[derive(Debug, Parser)]
#[command(
    name = "agentphone",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = exit::help()
)]
struct Arguments {
    /// When to use colours: auto, always or never
    #[arg(
        long,
        value_name = "WHEN",
        global = true,
        value_enum,
        default_value_t = Colour::Auto,
        hide_possible_values = true,
        display_order = 900
    )]
    color: Colour,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    ///
    /// Prints one line `listening on http://…` when it is ready. Ctrl-C or SIGTERM stops it: no new calls, and running
    /// ones end politely within calls.drain_seconds; a second one stops it at once. SIGHUP makes it read its
    /// configuration again. docs/operating.md says more.
    Serve(serve::Command),
    /// Replace a running server by this program, without refusing a request
    ///
    /// The running server starts this program, gives it the listening socket, and lets running calls come to their ends,
    /// within calls.upgrade_seconds; new ones are accepted and wait. Then it ends, and this program goes on. When this
    /// program does not start, the running server goes on as before. docs/operating.md says more.
    Upgrade(upgrade::Command),
    /// Write database, secret and recordings into one archive, while a server runs or not
    ///
    /// The archive holds all keys' hashes and everything that was said on calls; it is readable by its owner only.
    Backup(backup::Backup),
    /// Unpack such an archive into an empty data folder, after checking all of it
    Restore(backup::Restore),
    /// Make a call through a running server
    Call(Box<call::Command>),
    /// List calls; read, steer and end one
    Calls(calls::Command),
    /// Show a call while it happens, or one that has ended
    ///
    /// Both sides as they speak, what was cut off, and where the time before each answer went. The exit status tells
    /// how the call ended. Ctrl-C ends the watching and not the call.
    Watch(watch::Command),
    /// Play the recording of a call, or write it to a file
    Play(play::Command),
    /// Replay what was kept of a call through the present program, and show the first action that differs
    ///
    /// Works on the data folder, whether or not a server is running on it.
    Replay(replay::Command),
    /// Make one whole call on this machine, with a server of its own and a simulated callee
    ///
    /// Needs no account and no network. The exit status tells how the call ended.
    Demo(demo::Command),
    /// Tell what is configured, what is missing, and how to get it
    ///
    /// The exit status is 0 when nothing that is needed is missing.
    Doctor(doctor::Command),
    /// Make, list, rename and revoke API keys
    ///
    /// Works whether or not a server is running on the same data folder.
    Keys(keys::Command),
    /// List accounts, show their ledgers, give credits, export everything that is kept of one
    Accounts(accounts::Command),
    /// Keep the list of numbers that are called for no account
    DoNotCall(accounts::Never),
    /// List, get and check models of Whisper
    ///
    /// They lie in the folder models of the data folder; docs/services.md says which to choose.
    Models(models::Command),
    /// Show, set and repeat what requesters' own servers are told
    ///
    /// Works whether or not a server is running on the same data folder. docs/webhooks.md explains it.
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
    /// Write man pages and shell completions into a folder, for a package
    #[command(hide = true)]
    Manual(manual::Command),
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
        /// Over which line they come
        line: bench::WhichLine,
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
        Ok(self.reading()?.config)
    }

    /// Does as [`Place::config`], in a form that a later reading can be compared with.
    fn reading(&self) -> Result<Reading, ConfigError> {
        let mut reading = Reading::of(self.config.as_deref(), environment())?;
        if let Some(dir) = &self.data {
            reading.config.data.dir.clone_from(dir);
        }
        Ok(reading)
    }

    /// Reads the configuration once more; what needs a restart stays as it was in `before`.
    fn again(&self, before: &Reading) -> Result<(Reading, Changes), ConfigError> {
        before.again(self.config.as_deref(), environment())
    }
}

/// The environment, without what is not Unicode: that cannot be one of ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Returns the data folder of a configuration, not yet made.
fn data_dir(config: &Config) -> PathBuf {
    config.data.folder(|name| std::env::var(name).ok())
}

/// Makes and returns the data folder of a configuration.
fn open_folder(config: &Config) -> Result<DataFolder, Failure> {
    Ok(DataFolder::open(&data_dir(config))?)
}

/// Why a command does not do what it was asked.
#[derive(Debug)]
struct Failure {
    /// What went wrong and what to do, for standard error.
    sentence: String,
    /// The refusal of a server, as it answered.
    refusal: Option<Value>,
    exit: Exit,
}

impl Failure {
    fn new(sentence: String) -> Self {
        Self {
            sentence,
            refusal: None,
            exit: Exit::Failed,
        }
    }

    /// Returns the failure of a command line that lacks something.
    fn usage(sentence: String) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::new(sentence)
        }
    }

    /// Returns the failure for programs, in the shape of the HTTP interface.
    fn body(&self) -> Value {
        let code = match self.exit {
            Exit::Usage => "usage",
            _ => "failed",
        };
        let own = || json!({ "error": self.sentence, "code": code });
        self.refusal.clone().unwrap_or_else(own)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// Runs the program: reads the command line and carries it out.
#[must_use]
pub fn run() -> ExitCode {
    // Two kinds of TLS libraries could be linked; this says once which one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    arguments.color.choose();
    let done = match arguments.command {
        Command::Worker(Worker::Speech { models }) => return crate::worker::run_speech(&models),
        Command::Worker(Worker::Whisper { model, threads }) => {
            return crate::worker::run_whisper(&model, threads);
        }
        Command::Worker(Worker::Capacity { calls, line }) => {
            in_runtime(bench::be_measured(calls, line))
        }
        Command::Manual(command) => manual::run(&command),
        Command::Serve(command) => in_runtime(serve::run(command)),
        Command::Backup(command) => in_runtime(backup::backup(command)),
        Command::Restore(command) => in_runtime(backup::restore(command)),
        Command::Upgrade(command) => in_runtime(upgrade::run(command)),
        Command::Demo(command) => in_runtime(demo::run(command)),
        Command::Doctor(command) => in_runtime(doctor::run(command)),
        Command::Call(command) => in_runtime(call::run(*command)),
        Command::Calls(command) => in_runtime(calls::run(command)),
        Command::Watch(command) => in_runtime(watch::run(command)),
        Command::Play(command) => in_runtime(play::run(command)),
        Command::Replay(command) => in_runtime(replay::run(command)),
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
        Err(failure) => {
            if wants_json(&matches) {
                terminal::error(&failure.body());
            }
            complain(&format!("error: {}", failure.sentence));
            failure.exit.into()
        }
    }
}

/// Returns whether the command was told to print JSON. (`bench --json` names a file, and is no such switch.)
fn wants_json(matches: &ArgMatches) -> bool {
    let here = matches.try_get_one::<bool>("json");
    here.ok().flatten() == Some(&true)
        || matches
            .subcommand()
            .is_some_and(|(_, below)| wants_json(below))
}

/// How long a thread that may block and has nothing to do is kept. The runtime's own ten seconds would be for ever: what there is to do
/// goes to the one that has waited longest, so that of a hundred, which one busy moment takes, each gets something in time.
const SPARE_THREAD: Duration = Duration::from_millis(100);

fn in_runtime(
    command: impl Future<Output = Result<ExitCode, Failure>>,
) -> Result<ExitCode, Failure> {
    // One for two processors: memory in one is of no use to the threads of the others.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    native::memory::set_up(processors / 2);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(SPARE_THREAD)
        .build()?
        .block_on(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
