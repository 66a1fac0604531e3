//! `agentphone upgrade`: has a running server replaced by another program; and how a server starts that program.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::json;
use tokio::{
    process::{Child, Command as Program},
    sync::oneshot,
};

use super::{
    Failure, Place, admin, open_folder, say,
    terminal::{Output, data},
};
use crate::{
    admin::{Answer, Request, Standing, socket},
    driver::clock,
    store::DataFolder,
};

/// How long a new program gets until it has asked for the socket.
const START: Duration = Duration::from_secs(60);
/// How often the server is asked how it stands.
const LOOK: Duration = Duration::from_millis(300);
/// What the end of the old program and the start of the new one may take beside the calls, in seconds.
const MARGIN: u64 = 120;
/// The flag with which a server takes over from another one.
const TAKE_OVER: &str = "--take-over";

#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(flatten)]
    place: Place,
    /// The program that takes over [default: this one]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Return as soon as the new program is there and waits for the calls that run
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let folder = open_folder(&command.place.config()?)?;
    let program = match command.program {
        Some(program) => program.canonicalize().map_err(|error| {
            Failure::new(format!("{} cannot be used: {error}.", program.display()))
        })?,
        None => std::env::current_exe()?,
    };
    let answer = socket::ask(&folder, &Request::Upgrade { program }).await;
    let answer = answer.map_err(|error| {
        Failure::new(format!(
            "No server answers on this data folder ({error}), so there is nothing to replace. Start it with `agentphone \
             serve`."
        ))
    })?;
    let (pid, calls, seconds) = match answer {
        Answer::Upgrading {
            pid,
            calls,
            seconds,
        } => (pid, calls, seconds),
        Answer::Refused { error } => return Err(Failure::new(error)),
        _ => return Err(admin::unexpected()),
    };
    let json = command.output.json;
    if !json {
        say(&format!(
            "process {pid} is ready and waits for {calls} running calls, at most {seconds} s; new ones are accepted and wait"
        ));
    }
    if command.no_wait {
        if json {
            data(json!({ "pid": pid, "running_calls": calls, "seconds": seconds }));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let arrived = clock::timeout(
        Duration::from_secs(seconds + MARGIN),
        until_it_serves(&folder, pid),
    );
    match arrived.await {
        Some(Ok(standing)) => {
            let version = standing.version;
            if json {
                data(json!({ "pid": pid, "version": version }));
            } else {
                say(&format!("process {pid} serves, version {version}"));
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Err(failure)) => Err(failure),
        None => Err(Failure::new(format!(
            "Process {pid} does not serve yet; look at the server's log."
        ))),
    }
}

/// Waits until the server on the data folder is this process.
async fn until_it_serves(folder: &DataFolder, pid: u32) -> Result<Standing, Failure> {
    loop {
        // Between the two nobody answers for an instant.
        if let Ok(Answer::Server(standing)) = socket::ask(folder, &Request::Status).await {
            if standing.pid == pid && standing.listen.is_some() {
                return Ok(standing);
            }
            if standing.pid != pid && standing.successor.is_none() {
                return Err(Failure::new(
                    "The new program ended before it took over; the old one goes on. The server's log says more.".into(),
                ));
            }
        }
        clock::sleep(LOOK).await;
    }
}

/// A program that was started and has not asked for the socket yet.
pub(super) struct Starting {
    child: Child,
    deadline: Instant,
    /// Gets the answer, if somebody asked for one.
    pub(super) answer: Option<oneshot::Sender<Answer>>,
}

impl Starting {
    /// Starts the program as this one was started, to take over from it.
    pub(super) fn new(
        program: &Path,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> Result<Self, (String, Option<oneshot::Sender<Answer>>)> {
        let own = std::env::args_os().skip(1);
        let arguments: Vec<OsString> = own.filter(|argument| argument != TAKE_OVER).collect();
        let started = Program::new(program)
            .args(arguments)
            .arg(TAKE_OVER)
            .stdin(Stdio::null())
            // A Ctrl-C in the terminal is for this process, which tells the other one.
            .process_group(0)
            .spawn();
        match started {
            Ok(child) => Ok(Self {
                child,
                deadline: clock::now() + START,
                answer,
            }),
            Err(error) => Err((
                format!("{} cannot be started: {error}.", program.display()),
                answer,
            )),
        }
    }

    /// Returns which process it is.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until the program has ended, or has had long enough, and returns a sentence about it. Cancel safe.
    pub(super) async fn failed(&mut self) -> String {
        let left = self.deadline.saturating_duration_since(clock::now());
        match clock::timeout(left, self.child.wait()).await {
            Some(Ok(status)) => ended(status),
            Some(Err(error)) => format!("The new program cannot be waited for: {error}."),
            None => {
                let _ = self.child.start_kill();
                format!(
                    "The new program was not ready within {} s and was killed.",
                    START.as_secs()
                )
            }
        }
    }
}

fn ended(status: ExitStatus) -> String {
    format!("The new program did not start ({status}); the server's log has its own words.")
}
