//! `agentphone serve`: runs the program until it is asked to stop.

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, Place, data_dir, log, manager, say};
use crate::{app::App, config::Check};

#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(flatten)]
    place: Place,
    /// Listen at this address; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let mut config = command.place.config()?;
    if let Some(listen) = command.listen {
        config.server.listen = listen;
    }
    log::start(&config.log);
    // From here on a signal ends the program in order, even while it is starting.
    let mut stop = Stop::new()?;
    let app = App::start(&config, &data_dir(&config)).await?;
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
    stop.wait().await;
    manager::stopping(app.live_calls(), config.calls.drain());
    tracing::info!(
        calls = app.live_calls(),
        seconds = config.calls.drain_seconds,
        "stopping: no new calls, running ones end politely within this time; a second signal ends them at once"
    );
    tokio::select! {
        () = app.stop() => Ok(ExitCode::SUCCESS),
        () = stop.wait() => Err(Failure::new("stopped at once; calls that were running end as interrupted at the \
                                         next start.".into())),
    }
}

/// The signals that ask the program to stop.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
