//! `agentphone demo`: the whole program in one minute. Starts a server with a data folder of its own, makes a key,
//! sends the request of the interface's own documentation by HTTP, shows the call, and tells what served it.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use protocol::{ids::KeyMode, rest::Call};
use serde_json::json;

use super::{Failure, Place, call::watch, client::Client, complain, log, render::achieved, say};
use crate::{
    admin::Wish,
    app::App,
    config::{Check, Config},
    driver::clock,
};

/// How long the call may take.
const LIMIT: Duration = Duration::from_secs(85);

#[derive(Debug, Args)]
pub(super) struct Command {
    /// Read the configuration from this TOML file; the built-in defaults serve without one
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// The scenario that plays the callee
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let mut config = Place {
        config: command.config,
        data: None,
    }
    .config()?;
    config.server.listen.set_port(0);
    config.server.public_url.clear();
    config.calls.drain_seconds = 5;
    config.log.level = "warn".into();
    log::start(&config.log);
    // Kept after the demo: the recording is in it.
    let data = tempfile::Builder::new()
        .prefix("agentphone-demo-")
        .tempdir()?
        .keep();
    let app = App::start(&config, &data).await?;
    say(&format!(
        "listening on http://{}, data in {}",
        app.address(),
        data.display()
    ));
    let done = clock::timeout(LIMIT, call(&app, &config, command.scenario)).await;
    let status = match done {
        Some(Ok(true)) => Ok(ExitCode::SUCCESS),
        Some(Ok(false)) => {
            complain("The objective was not achieved.");
            Ok(ExitCode::FAILURE)
        }
        Some(Err(failure)) => Err(failure),
        None => Err(Failure(format!(
            "the call did not end within {} s",
            LIMIT.as_secs()
        ))),
    };
    app.stop().await;
    status
}

/// Makes the call by HTTP and returns whether its objective was achieved.
async fn call(app: &App, config: &Config, scenario: Option<String>) -> Result<bool, Failure> {
    let wish = Wish::plain(KeyMode::Live);
    let issued = app
        .tools()
        .create(Some("demo".into()), wish, clock::wall())?;
    let client = Client::new(app.public_url(), issued.key)?;
    let mut body = json!({
        "to_phone_number": "+14155551234",
        "objective": "Book a table for 2 at 7pm",
        "business_name": "Nopa",
    });
    say(&format!("POST {}/api/v1/calls {body}", app.public_url()));
    if let Some(scenario) = scenario {
        body["scenario"] = scenario.into();
    }
    let created = client.create(&body).await?;
    say(&format!("202 {}\n", created.raw));
    let id = created.value.data.call_id;
    watch(&client, id.as_str(), false).await?;
    let ended = client.call(id.as_str()).await?;
    say(&format!("\nGET {}/api/v1/calls/{id}", app.public_url()));
    say(&serde_json::to_string_pretty(&ended.raw)?);
    recording(app, &client, &ended.value.data).await?;
    served_by(config).await;
    Ok(achieved(&ended.value.data))
}

/// Fetches the recording by its link, as a client would, and says where the file lies.
async fn recording(app: &App, client: &Client, call: &Call) -> Result<(), Failure> {
    let Some(url) = &call.recording_url else {
        say("\nrecording: none was made");
        return Ok(());
    };
    let bytes = client.fetch(url).await?;
    let file = app.recording(call.call_id.as_str());
    say(&format!(
        "\nrecording: {} ({} KiB, agent left, callee right)",
        file.display(),
        bytes.len() >> 10
    ));
    Ok(())
}

async fn served_by(config: &Config) {
    say("\nserved by:");
    for part in config.parts(Check::Local).await {
        let state = part.state.unwrap_or_else(|problem| problem);
        say(&format!("  {:<16}{state}", part.role));
    }
}
