//! `agentphone serve`: runs the program until it is asked to stop, and does what signals ask of it meanwhile.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Args;
use tokio::{
    net::UnixStream,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use super::{Failure, Place, data_dir, log, manager, open_folder, say, upgrade::Starting};
use crate::{
    admin::{Answer, socket::Errand},
    app::App,
    config::{Changes, Check, Config, Reading},
    driver::clock,
    handover::{Left, Predecessor, Successor},
};

#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(flatten)]
    place: Place,
    /// Listen at this address; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Take the place of the server that runs on the same data folder, as `agentphone upgrade` does
    #[arg(long)]
    take_over: bool,
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let program = std::env::current_exe()?;
    let mut reading = command.place.reading()?;
    if let Some(listen) = command.listen {
        reading.config.server.listen = listen;
    }
    let level = log::start(&reading.config.log);
    // From here on a signal ends the program in order, even while it is starting.
    let mut signals = Signals::new()?;
    let data = data_dir(&reading.config);
    let app = if command.take_over {
        let Some(listener) = wait(&mut reading, &command.place, &mut signals).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        App::start_on(listener, &reading.config, &data).await?
    } else {
        App::start(&reading.config, &data).await?
    };
    if let Some(file) = &command.place.config {
        app.is_configured_by(file);
    }
    show(&reading.config, &app).await;
    let mut server = Server {
        program,
        place: command.place,
        reading,
        level,
        starting: None,
        successor: None,
    };
    if let Some(successor) = server.run(&app, &mut signals).await {
        tracing::info!(pid = successor.pid(), "giving way to the new program");
        manager::gives_way(successor.pid());
        return tokio::select! {
            () = app.make_room() => Ok(ExitCode::SUCCESS),
            () = signals.stop() => {
                successor.dismiss().await;
                Err(stopped_at_once())
            }
        };
    }
    let calls = &server.reading.config.calls;
    manager::stopping(app.live_calls(), calls.drain());
    tracing::info!(
        calls = app.live_calls(),
        seconds = calls.drain_seconds,
        "stopping: no new calls, running ones end politely within this time; a second signal ends them at once"
    );
    tokio::select! {
        () = app.stop() => Ok(ExitCode::SUCCESS),
        () = signals.stop() => Err(stopped_at_once()),
    }
}

fn stopped_at_once() -> Failure {
    let sentence = "stopped at once; calls that were running end as interrupted at the next start.";
    Failure::new(sentence.into())
}

/// Finds out whether this program could start, gets the listening socket of the running server, and waits until that is
/// gone. Returns the socket; nothing when this process was told to end instead.
async fn wait(
    reading: &mut Reading,
    place: &Place,
    signals: &mut Signals,
) -> Result<Option<TcpListener>, Failure> {
    let config = &reading.config;
    let folder = open_folder(config)?;
    App::rehearse(config, &folder)?;
    let asked = Predecessor::ask(&folder, config.server.listen).await;
    let (mut predecessor, listener) = asked.map_err(Failure::new)?;
    let (pid, version) = predecessor.name();
    tracing::info!(
        pid,
        version,
        "ready to take over; waiting until the running server is gone"
    );
    let left = tokio::select! {
        left = predecessor.left() => left,
        () = signals.stop() => Left::Dismissed,
    };
    if left == Left::Dismissed {
        tracing::info!("told to end before the running server was gone; nothing was taken over");
        return Ok(None);
    }
    // It may have been changed while the calls of the other one ended.
    match place.again(reading) {
        Ok((again, _)) => *reading = again,
        Err(problem) => {
            tracing::error!("the configuration that was read before is used: {problem}")
        }
    }
    Ok(Some(listener))
}

/// A server that runs, with what may become of it.
struct Server {
    /// Where this program lay when it started; another one may lie there now.
    program: PathBuf,
    place: Place,
    reading: Reading,
    level: log::Level,
    /// A program that was started to replace it.
    starting: Option<Starting>,
    /// The process that has its socket, and until when the calls that run may go on.
    successor: Option<(Successor, Instant)>,
}

impl Server {
    /// Does what it is asked until it is to end. Returns the process that it is to give way to, if any.
    async fn run(&mut self, app: &App, signals: &mut Signals) -> Option<Successor> {
        loop {
            let deadline = self.successor.as_ref().map(|(_, deadline)| *deadline);
            tokio::select! {
                wish = signals.next() => match wish {
                    Wish::Stop => {
                        if let Some((successor, _)) = self.successor.take() {
                            successor.dismiss().await;
                        }
                        return None;
                    }
                    Wish::Reload => self.reload(app).await,
                    Wish::Upgrade => {
                        let program = self.program.clone();
                        self.upgrade(app, &program, None);
                    }
                },
                errand = app.errand() => match errand {
                    Errand::Upgrade { program, answer } => self.upgrade(app, &program, Some(answer)),
                    Errand::TakeOver { version, stream } => self.give(app, &version, stream).await,
                },
                problem = failed(&mut self.starting) => {
                    let answer = self.starting.take().and_then(|starting| starting.answer);
                    goes_on(answer, &problem);
                }
                () = gone(&mut self.successor) => {
                    self.successor = None;
                    app.go_on();
                    goes_on(None, "The new program ended before it took over.");
                }
                () = idle(app, deadline) => {
                    return self.successor.take().map(|(successor, _)| successor);
                }
            }
        }
    }

    /// Starts the program that is to replace this one.
    fn upgrade(&mut self, app: &App, program: &Path, answer: Option<oneshot::Sender<Answer>>) {
        let busy = match (&self.starting, &self.successor) {
            (None, None) => None,
            (Some(starting), _) => Some(starting.pid()),
            (_, Some((successor, _))) => Some(Some(successor.pid())),
        };
        if let Some(pid) = busy {
            let pid = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
            return goes_on(
                answer,
                &format!("Another program is about to take over already{pid}."),
            );
        }
        match Starting::new(program, answer) {
            Ok(starting) => {
                tracing::info!(
                    pid = starting.pid(),
                    calls = app.running_calls(),
                    "starting the new program"
                );
                self.starting = Some(starting);
            }
            Err((problem, answer)) => goes_on(answer, &problem),
        }
    }

    /// Gives the listening socket to the process that asks for it, and begins to give way.
    async fn give(&mut self, app: &App, version: &str, stream: UnixStream) {
        if self.successor.is_some() {
            tracing::warn!("a second program wanted to take over and was refused");
            return;
        }
        let successor = match app.give(stream).await {
            Ok(successor) => successor,
            Err(error) => {
                return tracing::error!(%error, "a program wanted to take over and then did not; this one goes on");
            }
        };
        let limit = self.reading.config.calls.upgrade();
        let (pid, calls) = (successor.pid(), app.running_calls());
        tracing::info!(
            pid,
            version,
            calls,
            seconds = limit.as_secs(),
            "a new program is ready: running calls come to their ends within this time, new ones wait for it"
        );
        self.successor = Some((successor, clock::now() + limit));
        let answer = self.starting.take().and_then(|starting| starting.answer);
        if let Some(answer) = answer {
            let seconds = limit.as_secs() + self.reading.config.calls.drain().as_secs();
            let _ = answer.send(Answer::Upgrading {
                pid,
                calls,
                seconds,
            });
        }
    }

    /// Reads the configuration again and works by it, or says why not.
    async fn reload(&mut self, app: &App) {
        let read = self.place.again(&self.reading);
        let (new, changes) = match read.map_err(|error| error.to_string()) {
            Ok(read) => read,
            Err(problem) => return refuse(&problem),
        };
        if let Err(error) = app.reload(&new.config).await {
            return refuse(&error.to_string());
        }
        self.level.set(&new.config.log);
        self.reading = new;
        tell(&changes);
    }
}

/// Waits until the program that was started has failed.
async fn failed(starting: &mut Option<Starting>) -> String {
    match starting {
        Some(starting) => starting.failed().await,
        None => std::future::pending().await,
    }
}

/// Waits until the process that was to take over is gone.
async fn gone(successor: &mut Option<(Successor, Instant)>) {
    match successor {
        Some((successor, _)) => successor.gone().await,
        None => std::future::pending().await,
    }
}

/// Waits until no call runs any more, or for as long as they may.
async fn idle(app: &App, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => app.idle(deadline).await,
        None => std::future::pending().await,
    }
}

/// Says that nothing became of an upgrade.
fn goes_on(answer: Option<oneshot::Sender<Answer>>, problem: &str) {
    tracing::error!("no upgrade, this program goes on as before: {problem}");
    if let Some(answer) = answer {
        let _ = answer.send(Answer::Refused {
            error: format!("{problem} The running server goes on as before."),
        });
    }
}

/// Says what is in use and where.
async fn show(config: &Config, app: &App) {
    for part in config.parts(Check::Local).await {
        match part.state {
            Ok(state) => tracing::info!("{}: {state}", part.role),
            Err(problem) => tracing::warn!("{} cannot be used: {problem}", part.role),
        }
        if let Some(better) = part.better {
            tracing::info!("{}, better: {better}", part.role);
        }
    }
    let scheme = if config.server.tls.is_set() {
        "https"
    } else {
        "http"
    };
    say(&format!("listening on {scheme}://{}", app.address()));
    say(&format!(
        "in the browser, once within 15 minutes: {}",
        app.sign_in_link()
    ));
    manager::ready(&format!("listening on {scheme}://{}", app.address()));
}

/// Says what was taken of a changed configuration.
fn tell(changes: &Changes) {
    let list = |keys: &[String]| keys.join(", ");
    match changes.taken.as_slice() {
        [] => tracing::info!(
            "the configuration was read again: nothing that can be changed has changed"
        ),
        keys => tracing::info!(
            keys = list(keys),
            "the configuration was read again: these keys hold for calls that begin from now on"
        ),
    }
    if !changes.waiting.is_empty() {
        tracing::warn!(
            keys = list(&changes.waiting),
            "needs a restart: these keys keep their old values until then"
        );
    }
}

fn refuse(problem: &str) {
    let problem = problem.split_whitespace().collect::<Vec<_>>().join(" ");
    tracing::error!("the configuration is not taken and nothing has changed: {problem}");
}

/// What a signal asks for.
enum Wish {
    /// To stop.
    Stop,
    /// To read the configuration again.
    Reload,
    /// To be replaced by the program that lies where this one lay.
    Upgrade,
}

/// The signals that the program listens to.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    user: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.hang_up.recv() => Wish::Reload,
            _ = self.user.recv() => Wish::Upgrade,
        }
    }

    /// Waits until it is asked to stop.
    async fn stop(&mut self) {
        while !matches!(self.next().await, Wish::Stop) {}
    }
}
