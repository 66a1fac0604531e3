//! `agentphone demo`: the whole program in one minute. Starts a server with a data folder of its own, makes a key,
//! sends the request of the interface's own documentation by HTTP, shows the call, and tells what served it.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use protocol::{ids::KeyMode, rest::Call};
use serde_json::json;

use super::{
    Failure, Place,
    client::Client,
    complain,
    exit::Exit,
    log, say,
    watch::{Show, Watched, watch},
};
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
    /// Print the ended call as JSON to standard output, and everything else to standard error
    #[arg(long)]
    json: bool,
}

/// Where the demo tells what it does.
#[derive(Clone, Copy)]
struct Teller {
    json: bool,
}

impl Teller {
    fn say(self, line: &str) {
        if self.json {
            complain(line);
        } else {
            say(line);
        }
    }
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
    let teller = Teller { json: command.json };
    teller.say(&format!(
        "listening on http://{}, data in {}",
        app.address(),
        data.display()
    ));
    let done = clock::timeout(LIMIT, call(&app, &config, command.scenario, teller)).await;
    let status = match done {
        Some(done) => done.map(Into::into),
        None => Err(Failure::new(format!(
            "the call did not end within {} s",
            LIMIT.as_secs()
        ))),
    };
    app.stop().await;
    status
}

/// Makes the call by HTTP and returns how the demo ends with it.
async fn call(
    app: &App,
    config: &Config,
    scenario: Option<String>,
    teller: Teller,
) -> Result<Exit, Failure> {
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
    teller.say(&format!("POST {}/api/v1/calls {body}", app.public_url()));
    if let Some(scenario) = scenario {
        body["scenario"] = scenario.into();
    }
    let created = client.create(&body).await?;
    teller.say(&format!("202 {}\n", created.raw));
    let id = created.value.data.call_id;
    let show = match teller.json {
        true => Show::Aside,
        false => Show::Here,
    };
    if let Watched::Left = watch(&client, id.as_str(), show).await? {
        return Ok(Exit::Left);
    }
    let ended = client.call(id.as_str()).await?;
    teller.say(&format!("\nGET {}/api/v1/calls/{id}", app.public_url()));
    if teller.json {
        say(&ended.raw.to_string());
    } else {
        say(&serde_json::to_string_pretty(&ended.raw)?);
    }
    recording(app, &client, &ended.value.data, teller).await?;
    served_by(config, teller).await;
    let exit = Exit::of(&ended.value.data);
    if exit != Exit::Done {
        complain("The objective was not achieved.");
    }
    Ok(exit)
}

/// Fetches the recording by its link, as a client would, and says where the file lies.
async fn recording(app: &App, client: &Client, call: &Call, teller: Teller) -> Result<(), Failure> {
    let Some(url) = &call.recording_url else {
        teller.say("\nrecording: none was made");
        return Ok(());
    };
    let bytes = client.fetch(url).await?;
    let file = app.recording(call.call_id.as_str());
    teller.say(&format!(
        "\nrecording: {} ({} KiB, agent left, callee right)",
        file.display(),
        bytes.len() >> 10
    ));
    Ok(())
}

async fn served_by(config: &Config, teller: Teller) {
    teller.say("\nserved by:");
    for part in config.parts(Check::Local).await {
        let state = part.state.unwrap_or_else(|problem| problem);
        teller.say(&format!("  {:<16}{state}", part.role));
    }
}
