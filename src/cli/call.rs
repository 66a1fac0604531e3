//! `agentphone call`: makes one call through a running server, and shows it while it happens.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, builder::NonEmptyStringValueParser};
use serde_json::{Map, Value};

use super::{
    Failure,
    client::Client,
    complain,
    render::{Renderer, Style, achieved},
    say,
};

/// The exit status when a call that was followed did not reach its objective.
const NOT_ACHIEVED: u8 = 3;

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
    /// Which line to use, like simulated; the server's default when not given
    #[arg(long, value_name = "LINE")]
    line: Option<String>,
    /// On the simulated line: the scenario that plays the callee
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// On the simulated line: a WAV file to play as the callee
    #[arg(long, value_name = "FILE", conflicts_with = "scenario")]
    callee_audio: Option<PathBuf>,
    /// Show the call while it happens and wait for its end. The exit status is then 0 when the objective was
    /// achieved and 3 when it was not
    #[arg(long)]
    follow: bool,
    /// Print JSON to standard output: the created call, or with --follow the ended one
    #[arg(long)]
    json: bool,
    /// Where the server is
    #[arg(
        long,
        value_name = "URL",
        env = "AGENTPHONE_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    url: String,
    /// The API key
    #[arg(
        long,
        value_name = "KEY",
        env = "AGENTPHONE_KEY",
        hide_env_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    key: String,
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
        .map_err(|error| Failure(format!("{}: cannot be read: {error}.", file.display())))?;
    path.into_os_string()
        .into_string()
        .map_err(|path| Failure(format!("{} is no Unicode text. Rename it.", path.display())))
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let client = Client::new(&command.url, command.key.clone())?;
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
                "queued; read it with GET {}/api/v1/calls/{id}",
                command.url
            ));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let ended = watch(&client, id, command.json).await?;
    if command.json {
        say(&client.call(id).await?.raw.to_string());
    }
    Ok(if achieved(&ended) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_ACHIEVED)
    })
}

/// Shows a call until its end: on standard output, or on standard error when that is for JSON.
pub(super) async fn watch(
    client: &Client,
    id: &str,
    on_stderr: bool,
) -> Result<protocol::rest::Call, Failure> {
    let mut out: Box<dyn Write> = if on_stderr {
        Box::new(io::stderr())
    } else {
        Box::new(io::stdout())
    };
    let terminal = if on_stderr {
        io::stderr().is_terminal()
    } else {
        io::stdout().is_terminal()
    };
    let mut renderer = Renderer::new(style(terminal));
    client
        .follow(id, move |event| {
            let text = renderer.event(event);
            // Nobody watching any more is no reason to stop waiting for the end.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        })
        .await
}

fn style(terminal: bool) -> Style {
    let width = || terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    Style {
        terminal: terminal.then(width),
        colour: super::may_colour(terminal),
    }
}
