//! `agentphone accounts` and `agentphone do-not-call`: who pays for calls, what is kept of them, and whom nobody calls.
//! On the database itself, or through the server that has it open.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Failure, Place,
    admin::{carry_out, day, unexpected},
    complain, open_folder,
    table::print,
    terminal::{Output, data},
};
use crate::{
    admin::{Answer, Request},
    config::Config,
    contact,
    store::{DataFolder, random_bytes},
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
    /// List all accounts with their credits
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Show the ledger of an account, newest entry first
    Ledger {
        /// The account's name
        account: String,
        #[command(flatten)]
        place: Place,
    },
    /// Give credits to an account, or take some with a negative number
    Grant {
        /// The account's name
        account: String,
        /// How many
        #[arg(allow_negative_numbers = true)]
        credits: i32,
        /// Why; it stands in the ledger
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        #[command(flatten)]
        place: Place,
    },
    /// Write everything that is kept of an account into a folder: account.json and its recordings
    Export {
        /// The account's name
        account: String,
        /// The folder; it is made, and must be empty when it exists
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
pub(super) struct Never {
    #[command(subcommand)]
    action: NeverAction,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum NeverAction {
    /// List the numbers that are called for no account
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Put a number on the list
    Add {
        /// The number, like +14155551234
        number: String,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take a number off the list
    Remove {
        /// The number, like +14155551234
        number: String,
        #[command(flatten)]
        place: Place,
    },
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let (place, request) = match command.action {
        Action::List { place } => (place, Request::ListAccounts),
        Action::Ledger { account, place } => (place, Request::Ledger { account }),
        Action::Grant {
            account,
            credits,
            note,
            place,
        } => {
            let id = format!("{:032x}", u128::from_le_bytes(random_bytes()));
            let grant = Request::Grant {
                account,
                credits,
                note,
                id,
            };
            (place, grant)
        }
        Action::Export { account, to, place } => {
            let config = place.config()?;
            let folder = open_folder(&config)?;
            return export(&config, &folder, &account, &to, command.output).await;
        }
    };
    let config = place.config()?;
    let answer = carry_out(&config, &open_folder(&config)?, request).await?;
    if command.output.json {
        print_json(answer);
    } else {
        show(answer);
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn never(command: Never) -> Result<ExitCode, Failure> {
    let number = |text: &str| {
        contact::parse(text).ok_or_else(|| {
            Failure::new(format!(
                "'{text}' is no US or Canadian number like +14155551234."
            ))
        })
    };
    let (place, request) = match command.action {
        NeverAction::List { place } => (place, Request::ListNeverCall),
        NeverAction::Add {
            number: text,
            note,
            place,
        } => {
            let number = number(&text)?;
            (place, Request::NeverCall { number, note })
        }
        NeverAction::Remove {
            number: text,
            place,
        } => {
            let number = number(&text)?;
            (place, Request::CallAgain { number })
        }
    };
    let config = place.config()?;
    let answer = carry_out(&config, &open_folder(&config)?, request).await?;
    if command.output.json {
        print_json(answer);
    } else {
        show(answer);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_json(answer: Answer) {
    match answer {
        Answer::Accounts { accounts } => data(accounts),
        Answer::Ledger { entries } => data(entries),
        Answer::Granted { balance } => data(json!({ "credits": balance })),
        Answer::NeverCalled { numbers } => data(numbers),
        Answer::Changed { changed } => data(json!({ "changed": changed })),
        _ => {}
    }
}

fn show(answer: Answer) {
    match answer {
        Answer::Accounts { accounts } => {
            let mut rows = vec![["ID", "NAME", "CREDITS", "MADE"].map(str::to_owned)];
            rows.extend(accounts.into_iter().map(|line| {
                let account = line.account;
                [
                    account.id.to_string(),
                    account.name,
                    line.credits.to_string(),
                    day(account.created_at),
                ]
            }));
            print(&rows);
        }
        Answer::Ledger { entries } => {
            let heading = ["NUMBER", "TIME", "AMOUNT", "BALANCE", "WHY"];
            let mut rows = vec![heading.map(str::to_owned)];
            rows.extend(entries.into_iter().map(|entry| {
                [
                    entry.seq.to_string(),
                    format!("{:.0}", entry.at),
                    format!("{:+}", entry.amount),
                    entry.balance.to_string(),
                    entry.entry.to_string(),
                ]
            }));
            print(&rows);
        }
        Answer::Granted { balance } => complain(&format!("The account has {balance} credits now.")),
        Answer::NeverCalled { numbers } => {
            let mut rows = vec![["NUMBER", "SINCE", "NOTE"].map(str::to_owned)];
            rows.extend(
                numbers
                    .into_iter()
                    .map(|blocked| [blocked.phone_number, day(blocked.at), blocked.note]),
            );
            print(&rows);
        }
        Answer::Changed { changed: true } => complain("Done. It holds at once."),
        Answer::Changed { changed: false } => complain("The number was not on the list."),
        _ => {}
    }
}

async fn export(
    config: &Config,
    folder: &DataFolder,
    account: &str,
    to: &Path,
    output: Output,
) -> Result<ExitCode, Failure> {
    fs::create_dir_all(to)?;
    if fs::read_dir(to)?.next().is_some() {
        return Err(Failure::new(format!(
            "{} is not empty. Name another folder.",
            to.display()
        )));
    }
    let ask = |request| carry_out(config, folder, request);
    let about = Request::DescribeAccount {
        account: account.to_owned(),
    };
    let Answer::Described(about) = ask(about).await? else {
        return Err(unexpected());
    };
    let mut file = fs::File::create(to.join("account.json"))?;
    let mut text = serde_json::to_string_pretty(&about)?;
    // The calls come page by page: there may be many.
    text.truncate(text.trim_end().trim_end_matches('}').trim_end().len());
    write!(file, "{text},\n  \"calls\": [")?;
    let (mut before, mut calls, mut recordings) = (None, 0, 0);
    loop {
        let page = Request::ExportCalls {
            account: account.to_owned(),
            before: before.take(),
        };
        let Answer::Calls { calls: page, more } = ask(page).await? else {
            return Err(unexpected());
        };
        for stored in &page {
            let comma = if calls == 0 { "" } else { "," };
            let item = serde_json::json!({"call": stored.call, "request": stored.request});
            write!(file, "{comma}\n    {item}")?;
            calls += 1;
            let name = format!("{}.wav", stored.call.call_id);
            let recording = folder.recordings().join(&name);
            let over = stored.call.status.is_final() && stored.call.recording_deleted_at.is_none();
            if over && recording.exists() {
                fs::copy(&recording, to.join(&name))?;
                recordings += 1;
            }
        }
        before = page.last().map(|stored| stored.call.call_id.clone());
        if !more {
            break;
        }
    }
    writeln!(file, "\n  ]\n}}")?;
    file.sync_all()?;
    if output.json {
        data(json!({ "folder": to, "calls": calls, "recordings": recordings }));
    }
    complain(&format!(
        "{calls} calls and {recordings} recordings are in {}.",
        to.display()
    ));
    Ok(ExitCode::SUCCESS)
}
