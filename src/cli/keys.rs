//! `agentphone keys`: on the database itself, or through the server that has it open.

use std::{path::Path, process::ExitCode};

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use protocol::{ids::KeyMode, rest::Scopes};

use serde_json::json;

use super::{
    Failure, Place,
    admin::{carry_out, day},
    complain, open_folder, say, table,
    terminal::{Output, data},
};
use crate::{
    admin::{Answer, KeyLine, Request},
    driver::clock,
    store::KeyId,
};

#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Action {
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
        /// What it may do, separated by commas: calls:read, calls:write, control, admin
        #[arg(
            long,
            value_name = "SCOPES",
            default_value = "calls:read,calls:write,control"
        )]
        scopes: Scopes,
        /// When it stops working by itself: a time like 2027-01-01T00:00:00Z, or in how long, like 90d, 12h or 30m
        /// [default: never]
        #[arg(long, value_name = "WHEN", value_parser = when)]
        expires: Option<When>,
    },
    /// List all keys, revoked ones too
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Give a key another name
    Rename {
        /// The key's id, as `keys list` shows it: ky_…
        id: String,
        /// Its new name
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Revoke a key at once; live sockets that were opened with it are closed
    Revoke {
        /// The key's id, as `keys list` shows it: ky_…
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

/// A moment, or a while from now.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    At(Timestamp),
    In(SignedDuration),
}

impl When {
    fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::In(duration) => now.saturating_add(duration).unwrap_or(Timestamp::MAX),
        }
    }
}

fn when(text: &str) -> Result<When, String> {
    if let Ok(at) = text.parse() {
        return Ok(When::At(at));
    }
    let expected = || "expected a time like 2027-01-01T00:00:00Z, or 90d, 12h, 30m".to_owned();
    let unit = text.chars().last().ok_or_else(expected)?;
    let minutes = match unit {
        'd' => 24 * 60,
        'h' => 60,
        'm' => 1,
        _ => return Err(expected()),
    };
    let count: u32 = text
        .trim_end_matches(unit)
        .parse()
        .map_err(|_| expected())?;
    Ok(When::In(SignedDuration::from_mins(
        i64::from(count) * minutes,
    )))
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let (place, request) = match command.action {
        Action::Create {
            place,
            account,
            name,
            test,
            scopes,
            expires,
        } => {
            let mode = if test { KeyMode::Test } else { KeyMode::Live };
            let now = clock::wall();
            let expires_at = expires.map(|expires| expires.moment(now));
            if expires_at.is_some_and(|end| end <= now) {
                return Err(Failure::new(
                    "--expires lies in the past; the key would never work.".into(),
                ));
            }
            let create = Request::CreateKey {
                account,
                name,
                mode,
                scopes,
                expires_at,
            };
            (place, create)
        }
        Action::List { place } => (place, Request::ListKeys),
        Action::Rename { id, name, place } => {
            let id = KeyId(id);
            (place, Request::RenameKey { id, name })
        }
        Action::Revoke { id, place } => (place, Request::RevokeKey { id: KeyId(id) }),
    };
    let config = place.config()?;
    let folder = open_folder(&config)?;
    let answer = carry_out(&config, &folder, request).await?;
    if command.output.json {
        print_json(answer);
    } else {
        show(answer, folder.path());
    }
    Ok(ExitCode::SUCCESS)
}

fn print_json(answer: Answer) {
    match answer {
        Answer::Created(issued) => data(issued),
        Answer::Keys { keys } => data(keys),
        Answer::Revoked { id } => data(json!({ "id": id, "revoked": true })),
        Answer::Renamed { id } => data(json!({ "id": id, "renamed": true })),
        _ => {}
    }
}

/// Prints an answer. The key alone goes to standard output, so that `KEY=$(agentphone keys create)` works.
fn show(answer: Answer, folder: &Path) {
    match answer {
        Answer::Created(issued) => {
            let (account, new) = (
                &issued.account,
                if issued.new_account { ", new" } else { "" },
            );
            complain(&format!("id       {}", issued.id));
            complain(&format!("account  {} ({}{new})", account.name, account.id));
            complain(&format!("credits  {}", issued.credits));
            complain(&format!(
                "data     {} (servers on another folder do not know this key)",
                folder.display()
            ));
            complain("Keep this key now: it is stored as a hash only and cannot be shown again.");
            say(&issued.key);
        }
        Answer::Keys { keys } if keys.is_empty() => {
            complain("There are no keys. Make one with `agentphone keys create`.");
        }
        Answer::Keys { keys } => print(&keys),
        Answer::Revoked { id } => complain(&format!("{id} is revoked.")),
        Answer::Renamed { id } => complain(&format!("{id} has its new name.")),
        _ => {}
    }
}

fn print(keys: &[KeyLine]) {
    let heading = [
        "ID", "KEY", "ACCOUNT", "CREDITS", "MADE", "USED", "STATE", "SCOPES", "NAME",
    ];
    let mut rows = vec![heading.map(str::to_owned)];
    let now = clock::wall();
    rows.extend(keys.iter().map(|key| {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked {}", day(at)),
            (None, Some(at)) if at <= now => format!("expired {}", day(at)),
            (None, Some(at)) => format!("until {}", day(at)),
            (None, None) => "active".to_owned(),
        };
        [
            key.id.to_string(),
            format!("{}…", key.shown),
            key.account.clone(),
            key.credits.to_string(),
            day(key.created_at),
            key.last_used_at.map_or_else(|| "never".to_owned(), day),
            state,
            key.scopes.to_string().replace(' ', ""),
            key.name.clone(),
        ]
    }));
    table::print(&rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_are_moments_or_whiles() {
        let now: Timestamp = "2026-02-20T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("90d", "2026-05-21T12:00:00Z"),
            ("12h", "2026-02-21T00:00:00Z"),
            ("30m", "2026-02-20T12:30:00Z"),
            ("2027-01-01T01:00:00+01:00", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(when(text).unwrap().moment(now).to_string(), expected);
        }
        for bad in ["", "d", "soon", "-5d", "5y", "90 d"] {
            assert!(when(bad).is_err(), "{bad}");
        }
    }
}
