//! `agentphone keys`: on the database itself, or through the server that has it open.

use std::{io, process::ExitCode, time::Duration};

use clap::Subcommand;
use protocol::ids::KeyMode;

use super::{Failure, Place, complain, open_folder, say};
use crate::{
    admin::{Answer, KeyLine, Request, Tools, socket},
    config::Config,
    driver::clock,
    store::{DataFolder, KeyId, RedbStore, Secret},
};

/// How often the database and the socket are tried, for a server that is just starting or stopping.
const TRIES: u32 = 60;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key and print it; it cannot be shown again
    Create {
        #[command(flatten)]
        place: Place,
        /// Make it for the account of this name; a new account when there is none, or when this is not given
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// A name for the key, to recognise it in the list
        #[arg(long, value_name = "NAME", default_value = "")]
        name: String,
        /// Make a test key: its calls use the simulated line and cost nothing
        #[arg(long)]
        test: bool,
    },
    /// List all keys, revoked ones too
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Revoke a key at once
    Revoke {
        /// The key's id, as `keys list` shows it: ky_…
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let (place, request) = match command {
        Command::Create {
            place,
            account,
            name,
            test,
        } => {
            let mode = if test { KeyMode::Test } else { KeyMode::Live };
            (
                place,
                Request::CreateKey {
                    account,
                    name,
                    mode,
                },
            )
        }
        Command::List { place } => (place, Request::ListKeys),
        Command::Revoke { id, place } => (place, Request::RevokeKey { id: KeyId(id) }),
    };
    let config = place.config()?;
    show(carry_out(&config, &open_folder(&config)?, request).await?)
}

/// Does it on the database, or, while a server has that open, through the server.
async fn carry_out(
    config: &Config,
    folder: &DataFolder,
    request: Request,
) -> Result<Answer, Failure> {
    let mut last = None;
    for _ in 0..TRIES {
        match RedbStore::open(&folder.database()) {
            Ok(store) => {
                let secret = Secret::open(&folder.secret())?;
                let free_credits = config.billing.free_credits;
                let tools = Tools {
                    store: &store,
                    secret: &secret,
                    free_credits,
                };
                return Ok(tools.carry_out(request, clock::wall()));
            }
            Err(error) if error.is_locked() => {}
            Err(error) => return Err(error.into()),
        }
        match socket::ask(folder, &request).await {
            Ok(answer) => return Ok(answer),
            // Only what surely did not reach a server may be tried again.
            Err(error) if !is_absent(&error) => return Err(error.into()),
            Err(error) => last = Some(error),
        }
        clock::sleep(PAUSE).await;
    }
    let why = last.map_or_else(String::new, |error| format!(" ({error})"));
    Err(Failure(format!(
        "The data folder {} is in use by another process, which does not answer on its control socket{why}. If it \
         is a server that hangs, stop it and try again.",
        folder.path().display()
    )))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

/// Prints an answer. The key alone goes to standard output, so that `KEY=$(agentphone keys create)` works.
fn show(answer: Answer) -> Result<ExitCode, Failure> {
    match answer {
        Answer::Created(issued) => {
            let (account, new) = (
                &issued.account,
                if issued.new_account { ", new" } else { "" },
            );
            complain(&format!("id       {}", issued.id));
            complain(&format!("account  {} ({}{new})", account.name, account.id));
            complain(&format!("credits  {}", issued.credits));
            complain("Keep this key now: it is stored as a hash only and cannot be shown again.");
            say(&issued.key);
        }
        Answer::Keys { keys } if keys.is_empty() => {
            complain("There are no keys. Make one with `agentphone keys create`.");
        }
        Answer::Keys { keys } => table(&keys),
        Answer::Revoked { id } => complain(&format!("{id} is revoked.")),
        Answer::Refused { error } => return Err(Failure(error)),
    }
    Ok(ExitCode::SUCCESS)
}

fn table(keys: &[KeyLine]) {
    let mut rows =
        vec![["ID", "KEY", "ACCOUNT", "CREDITS", "MADE", "STATE", "NAME"].map(str::to_owned)];
    rows.extend(keys.iter().map(|key| {
        let state = match key.revoked_at {
            Some(at) => format!("revoked {}", day(at)),
            None => "active".to_owned(),
        };
        [
            key.id.to_string(),
            format!("{}…", key.shown),
            key.account.clone(),
            key.credits.to_string(),
            day(key.created_at),
            state,
            key.name.clone(),
        ]
    }));
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        say(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn day(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
