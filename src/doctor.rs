//! What is configured, what is missing, and how to get it: what `agentphone doctor` says, and the page of settings of a
//! running server. Single lines are looked at more thoroughly by the command (`src/cli/doctor.rs`).

use std::path::Path;

use serde::Serialize;

use crate::config::{Check, Config, Part};

mod machine;
mod own;

pub(crate) use self::own::{Server, server};

/// How one thing stands.
#[derive(Debug, Serialize)]
#[serde(tag = "state", content = "text", rename_all = "snake_case")]
pub(crate) enum State {
    /// It works.
    Good(String),
    /// It works, and something about it should be known.
    Note(String),
    /// It does not work, and this is what to do.
    Bad(String),
}

/// What was found out about one thing.
pub(crate) type Finding = (&'static str, State);

/// Looks at everything; may take seconds, because services on the network are asked. `data` is the data folder, `file` where
/// the configuration came from besides the environment.
pub(crate) async fn find(
    config: &Config,
    data: &Path,
    file: Option<&Path>,
    server: &Server,
) -> Vec<Finding> {
    let mut findings = own::configuration(file);
    findings.extend(own::place(config, data, server).await);
    findings.extend(machine::all(config, data, server));
    findings.extend(own::reach(config, server.is_running()).await);
    let parts = config.parts(Check::Everything).await;
    findings.extend(parts.into_iter().flat_map(part));
    findings
}

fn part(part: Part) -> Vec<Finding> {
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
