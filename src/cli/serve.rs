//! `agentphone serve`: runs the program until it is asked to stop, and does what signals ask of it meanwhile.

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, Place, data_dir, log, manager, say};
use crate::{
    app::App,
    config::{Changes, Check, Config, Reading},
};

#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(flatten)]
    place: Place,
    /// Listen at this address; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let mut reading = command.place.reading()?;
    if let Some(listen) = command.listen {
        reading.config.server.listen = listen;
    }
    let config = &reading.config;
    let level = log::start(&config.log);
    // From here on a signal ends the program in order, even while it is starting.
    let mut signals = Signals::new()?;
    let app = App::start(config, &data_dir(config)).await?;
    show(config, &app).await;
    loop {
        match signals.next().await {
            Wish::Stop => break,
            Wish::Reload => reload(&command.place, &mut reading, &app, &level).await,
        }
    }
    manager::stopping(app.live_calls(), reading.config.calls.drain());
    tracing::info!(
        calls = app.live_calls(),
        seconds = reading.config.calls.drain_seconds,
        "stopping: no new calls, running ones end politely within this time; a second signal ends them at once"
    );
    tokio::select! {
        () = app.stop() => Ok(ExitCode::SUCCESS),
        () = signals.stop() => Err(Failure::new("stopped at once; calls that were running end as interrupted at the \
                                         next start.".into())),
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

/// Reads the configuration again and works by it, or says why not.
async fn reload(place: &Place, reading: &mut Reading, app: &App, level: &log::Level) {
    let read = place.again(reading).map_err(|error| error.to_string());
    let (new, changes) = match read {
        Ok(read) => read,
        Err(problem) => return refuse(&problem),
    };
    if let Err(error) = app.reload(&new.config).await {
        return refuse(&error.to_string());
    }
    level.set(&new.config.log);
    *reading = new;
    let Changes { taken, waiting } = changes;
    let list = |keys: &[String]| keys.join(", ");
    match taken.as_slice() {
        [] => tracing::info!(
            "the configuration was read again: nothing that can be changed has changed"
        ),
        keys => tracing::info!(
            keys = list(keys),
            "the configuration was read again: these keys hold for calls that begin from now on"
        ),
    }
    if !waiting.is_empty() {
        tracing::warn!(
            keys = list(&waiting),
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
}

/// The signals that the program listens to.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }

    /// Waits until it is asked to stop.
    async fn stop(&mut self) {
        while !matches!(self.next().await, Wish::Stop) {}
    }
}
