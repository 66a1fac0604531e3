//! `agentphone doctor`: what is configured, what is missing, and how to get it.

use std::{process::ExitCode, sync::Arc};

use clap::Args;
use serde::Serialize;

use super::{
    Failure, Place, data_dir, say,
    terminal::{Output, data},
};
use crate::{
    app::App,
    config::Config,
    doctor::{self, Finding, State},
    line::{
        sip,
        twilio::{
            self,
            check::{Found, check},
        },
    },
};

#[derive(Debug, Args)]
pub(super) struct Command {
    /// Check one line thoroughly: "twilio" asks the carrier about account and numbers, and tries the way back; "sip"
    /// asks each trunk whether it is there, and registers where that is wanted
    #[arg(long, value_name = "LINE")]
    line: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let findings = match command.place.config() {
        Ok(config) => find(&command, &config).await,
        Err(error) => vec![("configuration", State::Bad(error.to_string()))],
    };
    if command.output.json {
        let lines = findings.iter().map(|(name, state)| Line { name, state });
        data(lines.collect::<Vec<_>>());
    } else {
        for (name, state) in &findings {
            show(name, state);
        }
    }
    let all_good = findings
        .iter()
        .all(|(_, state)| !matches!(state, State::Bad(_)));
    Ok(if all_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A finding as JSON: `{"name": …, "state": "good" | "note" | "bad", "text": …}`.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    #[serde(flatten)]
    state: &'a State,
}

async fn find(command: &Command, config: &Config) -> Vec<Finding> {
    let data = data_dir(config);
    let server = doctor::server(&data).await;
    let running = server.is_running();
    let file = command.place.config.as_deref();
    let mut findings = doctor::find(config, &data, file, &server).await;
    match command.line.as_deref() {
        None => {}
        Some(twilio::NAME) => findings.extend(carrier(config, running).await),
        Some(sip::NAME) => findings.extend(trunks(config, running).await),
        Some(other) => findings.push((
            "line",
            State::Bad(format!(
                "there is no line \"{other}\" that can be checked; say --line twilio or --line sip"
            )),
        )),
    }
    findings
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
