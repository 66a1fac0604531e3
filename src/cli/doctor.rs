//! `agentphone doctor`: what is configured, what is missing, and how to get it.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Args;
use tokio::net::TcpListener;

use super::{Failure, Place, data_dir, say};
use crate::{
    app::App,
    config::{Check, Config, Part},
    line::{
        sip,
        twilio::{
            self,
            check::{Found, check},
        },
    },
    store::{DataFolder, RedbStore},
};

/// Below this much free space calls are likely to fill the disk: a day of one line's recordings.
const ENOUGH_SPACE: u64 = 3 << 30;

#[derive(Debug, Args)]
pub(super) struct Command {
    /// Check one line thoroughly: "twilio" asks the carrier about account and numbers, and tries the way back; "sip"
    /// asks each trunk whether it is there, and registers where that is wanted
    #[arg(long, value_name = "LINE")]
    line: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// How one thing stands.
enum State {
    /// It works.
    Good(String),
    /// It works, and something about it should be known.
    Note(String),
    /// It does not work, and this is what to do.
    Bad(String),
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let config = match command.place.config() {
        Ok(config) => config,
        Err(error) => {
            show("configuration", &State::Bad(error.to_string()));
            return Ok(ExitCode::FAILURE);
        }
    };
    let source = command.place.config.as_ref().map_or_else(
        || "built-in defaults and the environment".to_owned(),
        |file| format!("{} and the environment", file.display()),
    );
    show("configuration", &State::Good(source));
    let data = data_dir(&config);
    let mut all_good = true;
    let (folder, running) = folder(&data);
    let mut checks = vec![
        ("data folder", folder),
        ("disk space", space(&data)),
        ("address", address(&config, running).await),
        ("public_url", public_url(&config)),
    ];
    checks.extend(
        config
            .parts(Check::Everything)
            .await
            .into_iter()
            .flat_map(part),
    );
    match command.line.as_deref() {
        None => {}
        Some(twilio::NAME) => checks.extend(carrier(&config, running).await),
        Some(sip::NAME) => checks.extend(trunks(&config, running).await),
        Some(other) => checks.push((
            "line",
            State::Bad(format!(
                "there is no line \"{other}\" that can be checked; say --line twilio or --line sip"
            )),
        )),
    }
    for (name, state) in &checks {
        all_good &= !matches!(state, State::Bad(_));
        show(name, state);
    }
    Ok(if all_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Checks the line that rings telephones. When no server is running, one is started for as long as it takes, on a
/// data folder of its own.
async fn carrier(config: &Config, running: bool) -> Vec<(&'static str, State)> {
    let settings = &config.line.twilio;
    if !settings.is_set() {
        let problem =
            "line.twilio.account_sid is not set; docs/twilio.md begins with an empty account";
        return vec![("twilio", State::Bad(problem.into()))];
    }
    let client = match settings.client() {
        Ok(client) => client,
        Err(problem) => return vec![("twilio", State::Bad(problem))],
    };
    let server = match running {
        true => None,
        false => match temporary_server(config).await {
            Ok(server) => Some(server),
            Err(problem) => return vec![("twilio", State::Bad(problem))],
        },
    };
    let public_url = match &server {
        Some((app, _)) => app.public_url().to_owned(),
        None => config.public_url(config.server.listen),
    };
    let found = check(&settings.options(&public_url), Arc::new(client)).await;
    if let Some((app, _folder)) = server {
        app.stop().await;
    }
    let state = |found| match found {
        Found::Good(text) => State::Good(text),
        Found::Note(text) => State::Note(text),
        Found::Bad(text) => State::Bad(text),
    };
    found
        .into_iter()
        .map(|(name, found)| (name, state(found)))
        .collect()
}

/// Checks the line that calls over SIP trunks.
async fn trunks(config: &Config, running: bool) -> Vec<(&'static str, State)> {
    let settings = &config.line.sip;
    if !settings.is_set() {
        let problem = "line.sip.trunks holds none; docs/sip.md tells how to add one";
        return vec![("sip", State::Bad(problem.into()))];
    }
    let options = match settings.options() {
        Ok(options) => options,
        Err(problem) => return vec![("sip", State::Bad(problem))],
    };
    let state = |found| match found {
        sip::check::Found::Good(text) => State::Good(text),
        sip::check::Found::Note(text) => State::Note(text),
        sip::check::Found::Bad(text) => State::Bad(text),
    };
    let found = sip::check::check(options, running).await;
    found
        .into_iter()
        .map(|(name, found)| (name, state(found)))
        .collect()
}

async fn temporary_server(config: &Config) -> Result<(App, tempfile::TempDir), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let app = App::start(config, folder.path()).await;
    app.map(|app| (app, folder))
        .map_err(|error| error.to_string())
}

fn show(name: &str, state: &State) {
    let (mark, text) = match state {
        State::Good(text) => ("ok", text),
        State::Note(text) => ("note", text),
        State::Bad(text) => ("missing", text),
    };
    let mut lines = text.lines();
    say(&format!(
        "{mark:<9}{name:<16}{}",
        lines.next().unwrap_or_default()
    ));
    for line in lines {
        say(&format!("{:25}{line}", ""));
    }
}

fn part(part: Part) -> Vec<(&'static str, State)> {
    let role = part.role;
    let state = match part.state {
        Ok(state) => State::Good(state),
        Err(problem) => State::Bad(problem),
    };
    let better = part
        .better
        .map(|better| (role, State::Note(format!("better: {better}"))));
    std::iter::once((role, state)).chain(better).collect()
}

/// Checks the data folder; also returns whether a server is running on it.
fn folder(path: &Path) -> (State, bool) {
    let opened = DataFolder::open(path).and_then(|folder| RedbStore::open(&folder.database()));
    match opened {
        Ok(_) => (State::Good(path.display().to_string()), false),
        Err(error) if error.is_locked() => (
            State::Good(format!("{}, in use by a running server", path.display())),
            true,
        ),
        Err(error) => (State::Bad(error.to_string()), false),
    }
}

fn space(path: &Path) -> State {
    // The folder may not exist when it could not be made; then the disk is that of the first parent that does.
    let existing = path
        .ancestors()
        .find(|path| path.exists())
        .map_or_else(|| PathBuf::from("/"), Path::to_owned);
    match free_space(&existing) {
        Ok(bytes) if bytes < ENOUGH_SPACE => State::Note(format!(
            "{} MiB free; a call's recording takes about 2 MiB a minute. Free some, or choose another folder with \
             --data.",
            bytes >> 20
        )),
        Ok(bytes) => State::Good(format!("{} GiB free", bytes >> 30)),
        Err(error) => State::Note(format!("cannot be asked: {error}")),
    }
}

fn free_space(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

async fn address(config: &Config, running: bool) -> State {
    let listen = config.server.listen;
    match TcpListener::bind(listen).await {
        Ok(_) => State::Good(format!("{listen} is free")),
        Err(error) if running && error.kind() == io::ErrorKind::AddrInUse => State::Good(format!(
            "{listen} is in use, as the data folder is by a running server"
        )),
        Err(error) => State::Bad(format!(
            "cannot listen at {listen}: {error}. Stop what uses the port, or set server.listen."
        )),
    }
}

fn public_url(config: &Config) -> State {
    let listen = config.server.listen;
    match (config.server.public_url.as_str(), listen.ip().is_loopback()) {
        ("", true) => State::Note(format!(
            "http://{listen}, for programs on this machine only; set server.public_url when others shall reach it"
        )),
        ("", false) => State::Note(format!(
            "not set, so links say http://{listen}; set server.public_url to the address that clients use"
        )),
        (url, _) => State::Good(url.to_owned()),
    }
}
