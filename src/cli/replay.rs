//! `agentphone replay`: what was kept of a call goes through the present call core, and its actions are compared.
//!
//! The kept events come from the data folder, or from a file that `--out` wrote. What a difference means is for people; this
//! shows the first one, what led to it, and what the present core waited for.

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use call::{FirstDifference, Recording, text};
use clap::Args;
use protocol::ids::CallId;
use serde_json::{Value, json};

use super::{
    Failure, Place,
    admin::carry_out,
    complain,
    exit::Exit,
    open_folder, say,
    terminal::{Output, data, plain},
};
use crate::{
    admin::{Answer, Request},
    driver::clock,
};

#[derive(Debug, Args)]
pub(super) struct Command {
    /// The call's id, cl_…; or a file that --out wrote
    call: String,
    /// Write what was kept into this file, too: the configuration, every event and every action, as text
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let kept = kept(&command).await?;
    if let Some(file) = &command.out {
        fs::write(file, &kept).map_err(|error| {
            Failure::new(format!("{} cannot be written: {error}.", file.display()))
        })?;
        complain(&format!("written to {}", file.display()));
    }
    let origin = clock::now();
    let recording = Recording::read(&kept, origin).map_err(|error| {
        Failure::new(format!(
            "What was kept of this call cannot be read by this version of agentphone: {error}."
        ))
    })?;
    let (events, actions) = (recording.events.len(), recording.actions.len());
    let Err(found) = recording.replay(origin) else {
        if command.output.json {
            data(
                json!({ "call": command.call, "same": true, "events": events, "actions": actions,
                         "difference": null }),
            );
        } else {
            say(&format!(
                "the same: {events} events, {actions} actions, none of them differs"
            ));
        }
        return Ok(Exit::Done.into());
    };
    if command.output.json {
        data(
            json!({ "call": command.call, "same": false, "events": events, "actions": actions,
                     "difference": body(&found) }),
        );
    } else {
        show(&found, actions);
    }
    Ok(Exit::Differs.into())
}

/// Returns the text that was kept of the call.
async fn kept(command: &Command) -> Result<String, Failure> {
    let Some(id) = CallId::parse(&command.call) else {
        return fs::read_to_string(&command.call).map_err(|error| {
            Failure::new(format!(
                "'{}' is no id of a call (cl_…), and no file that can be read: {error}.",
                command.call
            ))
        });
    };
    let config = command.place.config()?;
    let request = Request::KeptCall { id };
    match carry_out(&config, &open_folder(&config)?, request).await? {
        Answer::Kept { text } => Ok(text),
        _ => Err(Failure::new(
            "The running server answers something unexpected. Use the same version of agentphone for both."
                .into(),
        )),
    }
}

fn body(found: &FirstDifference) -> Value {
    let ms = |at: Duration| at.as_secs_f64() * 1000.0;
    let action = |action: &Option<(Duration, String)>| {
        let one = |(at, text): &(Duration, String)| json!({ "at_ms": ms(*at), "action": text });
        action.as_ref().map(one)
    };
    let waited = found
        .waited_for
        .map(|(at, timer)| json!({ "timer": timer.name(), "at_ms": ms(at) }));
    json!({
        "action": found.index,
        "kept": action(&found.kept),
        "replayed": action(&found.replayed),
        "event": found.event.as_ref().map(|(at, text)| json!({ "at_ms": ms(*at), "event": text })),
        "waited_for": waited,
        "why": found.why(),
    })
}

fn show(found: &FirstDifference, actions: usize) {
    let line = |name: &str, what: &Option<(Duration, String)>| {
        let text = what.as_ref().map_or_else(
            || "nothing more".to_owned(),
            |(at, text)| format!("{:>12}  {}", text::write_duration(*at), plain(text)),
        );
        say(&format!("  {name:<9}{text}"));
    };
    say(&format!(
        "action {} of {actions} differs: {}",
        found.index + 1,
        found.why()
    ));
    for (at, event) in &found.before {
        say(&format!(
            "  {:<9}{:>12}  {}",
            "",
            text::write_duration(*at),
            plain(event)
        ));
    }
    line("event", &found.event);
    line("kept", &found.kept);
    line("replayed", &found.replayed);
    if let Some((at, timer)) = found.waited_for {
        say(&format!(
            "  before this event the present core waited for {} at {}",
            timer.name(),
            text::write_duration(at)
        ));
    }
}
