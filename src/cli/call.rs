//! `agentphone call`: makes one call through a running server, and shows it while it happens.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::{Map, Value};

use super::{
    Failure,
    client::Target,
    complain, say,
    watch::{Show, watch},
};

#[derive(Debug, Args)]
pub(super) struct Command {
    /// Whom to call, like +14155551234
    number: String,
    /// What the agent should accomplish
    #[arg(long, value_name = "TEXT")]
    objective: String,
    /// Name of the business being called
    #[arg(long, value_name = "TEXT")]
    business_name: Option<String>,
    /// Website of the business, for the agent to read before the call
    #[arg(long, value_name = "URL")]
    website: Option<String>,
    /// Language of the call, like spanish or es-MX; English when not given
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// More context for the agent
    #[arg(long, value_name = "TEXT")]
    instructions: Option<String>,
    /// The number to call from, one of those that the server has; its first one when not given
    #[arg(long, value_name = "NUMBER", visible_alias = "from")]
    from_phone_number: Option<String>,
    /// Which line to use, like simulated; the server's default when not given
    #[arg(long, value_name = "LINE")]
    line: Option<String>,
    /// On the simulated line: the scenario that plays the callee
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// On the simulated line: a WAV file to play as the callee
    #[arg(long, value_name = "FILE", conflicts_with = "scenario")]
    callee_audio: Option<PathBuf>,
    /// Show the call while it happens and wait for its end; the exit status then tells how it ended
    #[arg(long)]
    follow: bool,
    /// Print JSON to standard output: the created call, or with --follow the ended one
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl Command {
    fn body(&self) -> Result<Value, Failure> {
        let audio = match &self.callee_audio {
            // The server reads the file, and it may run in another folder.
            Some(file) => Some(absolute(file)?),
            None => None,
        };
        let fields = [
            ("to_phone_number", Some(&self.number)),
            ("objective", Some(&self.objective)),
            ("business_name", self.business_name.as_ref()),
            ("website", self.website.as_ref()),
            ("language", self.language.as_ref()),
            ("instructions", self.instructions.as_ref()),
            ("from_phone_number", self.from_phone_number.as_ref()),
            ("line", self.line.as_ref()),
            ("scenario", self.scenario.as_ref()),
            ("callee_audio", audio.as_ref()),
        ];
        let given = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?.clone()))));
        Ok(Value::Object(given.collect::<Map<_, _>>()))
    }
}

fn absolute(file: &std::path::Path) -> Result<String, Failure> {
    let path = file
        .canonicalize()
        .map_err(|error| Failure::new(format!("{}: cannot be read: {error}.", file.display())))?;
    path.into_os_string()
        .into_string()
        .map_err(|path| Failure::new(format!("{} is no Unicode text. Rename it.", path.display())))
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let client = command.target.client()?;
    let created = client.create(&command.body()?).await?;
    // Who follows the call is shown them by its live events.
    if !command.follow || command.json {
        for warning in &created.value.warnings {
            complain(&format!("warning: {warning}"));
        }
    }
    let id = created.value.data.call_id.as_str();
    if !command.follow {
        if command.json {
            say(&created.raw.to_string());
        } else {
            say(id);
            complain(&format!(
                "queued; see how it goes with `agentphone watch {id}`"
            ));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let show = match command.json {
        true => Show::Aside,
        false => Show::Here,
    };
    let watched = watch(&client, id, show).await?;
    if command.json {
        say(&client.call(id).await?.raw.to_string());
    }
    Ok(watched.exit().into())
}
