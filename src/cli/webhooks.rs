//! `agentphone webhooks`: on the database itself, or through the server that has it open.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Url;
use serde_json::json;

use super::{
    Failure, Place,
    admin::carry_out,
    complain, open_folder, say, table,
    terminal::{Output, data},
};
use crate::{
    admin::{
        self,
        webhooks::{Answer, EventLine, Request},
    },
    store::Delivery,
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
    /// Show where an account wants its webhooks, and the secret with which they are signed
    Show {
        #[command(flatten)]
        whose: Whose,
    },
    /// Set where an account wants the webhooks of calls that name no webhook_url themselves
    Set {
        #[command(flatten)]
        whose: Whose,
        /// The address, like https://hooks.example/calls; an empty one turns them off
        url: String,
    },
    /// Give an account another secret; the one before is good for a day longer
    Rotate {
        #[command(flatten)]
        whose: Whose,
    },
    /// List what was sent and what waits, newest calls first
    List {
        #[command(flatten)]
        place: Place,
        /// Only those of the account of this name
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Only those of this call
        #[arg(long, value_name = "ID")]
        call: Option<String>,
        /// Only those that have come so far
        #[arg(long)]
        state: Option<State>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
    },
    /// Send events again, at once and whatever came of them before
    Resend {
        /// Their ids, as `webhooks list` shows them: msg_…
        #[arg(required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
struct Whose {
    /// The account's name
    #[arg(long, value_name = "NAME")]
    account: String,
    #[command(flatten)]
    place: Place,
}

/// How far an event has come.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Waiting,
    Delivered,
    GivenUp,
}

impl From<State> for Delivery {
    fn from(state: State) -> Self {
        match state {
            State::Waiting => Self::Waiting,
            State::Delivered => Self::Delivered,
            State::GivenUp => Self::GivenUp,
        }
    }
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let (place, requests) = match command.action {
        Action::Show { whose } => (
            whose.place,
            vec![Request::Show {
                account: whose.account,
            }],
        ),
        Action::Set { whose, url } => {
            let request = Request::Set {
                account: whose.account,
                url: address(&url)?,
            };
            (whose.place, vec![request])
        }
        Action::Rotate { whose } => (
            whose.place,
            vec![Request::Rotate {
                account: whose.account,
            }],
        ),
        Action::List {
            place,
            account,
            call,
            state,
            limit,
        } => {
            let request = Request::List {
                account,
                call,
                delivery: state.map(Delivery::from),
                limit,
            };
            (place, vec![request])
        }
        Action::Resend { ids, place } => {
            let requests = ids.into_iter().map(|id| Request::Resend { id });
            (place, requests.collect())
        }
    };
    let config = place.config()?;
    let folder = open_folder(&config)?;
    for request in requests {
        let request = admin::Request::Webhooks(request);
        if let admin::Answer::Webhooks(answer) = carry_out(&config, &folder, request).await? {
            if command.output.json {
                print_json(answer);
            } else {
                show(answer);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn address(text: &str) -> Result<Option<String>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let whole = Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if whole {
        Ok(Some(text.to_owned()))
    } else {
        Err(Failure::new(format!(
            "\"{text}\" is no web address. Give one like https://hooks.example/calls."
        )))
    }
}

fn print_json(answer: Answer) {
    match answer {
        Answer::Settings { url, secret } => data(json!({ "url": url, "secret": secret })),
        Answer::Events { events } => data(events),
        Answer::Resent { id } => data(json!({ "id": id, "resent": true })),
    }
}

/// Prints an answer. The secret alone goes to standard output, so that it can be taken from there.
fn show(answer: Answer) {
    match answer {
        Answer::Settings { url, secret } => {
            let url = url.unwrap_or_else(|| "none, unless a call names its webhook_url".to_owned());
            complain(&format!("address  {url}"));
            say(&secret);
        }
        Answer::Events { events } if events.is_empty() => {
            complain("There are no such events. They are listed for a week.");
        }
        Answer::Events { events } => print(&events),
        Answer::Resent { id } => complain(&format!("{id} is sent again.")),
    }
}

fn print(events: &[EventLine]) {
    let heading = ["ID", "EVENT", "AT", "STATE", "TRIED", "NEXT", "LAST"].map(str::to_owned);
    let rows = events.iter().map(|event| {
        let state = match event.delivery {
            Delivery::Waiting => "waiting",
            Delivery::Delivered => "delivered",
            Delivery::GivenUp => "given up",
        };
        let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        [
            event.id.clone(),
            event.what.to_string(),
            time(event.at),
            state.to_owned(),
            event.attempts.to_string(),
            event.next_at.map(time).unwrap_or_default(),
            event.last.clone().unwrap_or_default(),
        ]
    });
    let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
    table::print(&rows);
}
