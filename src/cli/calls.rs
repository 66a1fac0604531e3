//! `agentphone calls`: lists calls, reads one, steers and ends it. Everything through a running server.

use std::process::ExitCode;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use protocol::{
    ids::CallId,
    rest::{Call, Status},
};
use serde_json::{Value, json};

use super::{
    Failure,
    client::{Client, Target, call_id},
    complain,
    exit::Exit,
    render, say, table,
    terminal::{Output, data, plain},
};

/// Most calls in one answer of the interface.
const PAGE: usize = 200;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
struct List {
    /// Only calls that stand there: queued, dialing, in_progress, completed, canceled or failed
    #[arg(
        long,
        value_parser = PossibleValuesParser::new(Status::ALL.iter().map(|status| status.as_str())),
        hide_possible_values = true
    )]
    status: Option<String>,
    /// At most so many, newest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Go on where an earlier list ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
struct One {
    /// The call's id: cl_…
    #[arg(value_name = "CALL", value_parser = call_id)]
    id: CallId,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a call as it is now: how it stands or ended, and what was said
    Get {
        #[command(flatten)]
        call: One,
    },
    /// End a call: a waiting or ringing one at once, a conversation with a goodbye
    Cancel {
        #[command(flatten)]
        call: One,
        /// Hang up without a goodbye
        #[arg(long)]
        now: bool,
    },
    /// Answer the question that the agent asks its requester
    Answer {
        #[command(flatten)]
        call: One,
        /// The answer
        text: String,
        /// The question's number; the open one when not given
        #[arg(long, value_name = "N")]
        question: Option<u32>,
    },
    /// Have the agent say something next, word for word
    Say {
        #[command(flatten)]
        call: One,
        /// What
        text: String,
    },
    /// Give the agent guidance that the callee does not hear
    Instruct {
        #[command(flatten)]
        call: One,
        /// What it should do
        text: String,
    },
    /// Have the agent stop speaking at once
    Interrupt {
        #[command(flatten)]
        call: One,
    },
    /// Have the agent press keys
    Press {
        #[command(flatten)]
        call: One,
        /// 0-9, *, #, A-D, and w for half a second's pause
        keys: String,
    },
    /// Connect the callee to another number
    Transfer {
        #[command(flatten)]
        call: One,
        /// The number, like +14155551234
        number: String,
    },
    /// Stop the agent's voice; it goes on listening
    Mute {
        #[command(flatten)]
        call: One,
    },
    /// Allow the agent's voice again
    Unmute {
        #[command(flatten)]
        call: One,
    },
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let client = command.target.client()?;
    let json = command.output.json;
    let Some(action) = command.action else {
        list(&client, &command.list, json).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let (id, steer) = match action {
        Action::Get { call } => {
            let found = client.call(call.id.as_str()).await?;
            return Ok(show(&found.value.data, &found.raw, json));
        }
        Action::Cancel { call, now } => {
            let ended = client.cancel(call.id.as_str(), now).await?;
            if json {
                say(&ended.raw.to_string());
            } else if ended.value.data.status.is_final() {
                complain("The call is canceled.");
            } else {
                complain("The agent says goodbye and hangs up.");
            }
            return Ok(ExitCode::SUCCESS);
        }
        Action::Answer {
            call,
            text,
            question,
        } => {
            let body = json!({ "text": text, "question": question });
            let answered = client.answer_question(call.id.as_str(), &body).await?;
            if json {
                say(&answered.raw.to_string());
            } else {
                complain("The agent has the answer.");
            }
            return Ok(ExitCode::SUCCESS);
        }
        Action::Say { call, text } => (call.id, json!({ "type": "say", "text": text })),
        Action::Instruct { call, text } => (call.id, json!({ "type": "instruct", "text": text })),
        Action::Interrupt { call } => (call.id, json!({ "type": "interrupt" })),
        Action::Press { call, keys } => (call.id, json!({ "type": "dtmf", "keys": keys })),
        Action::Transfer { call, number } => (call.id, json!({ "type": "transfer", "to": number })),
        Action::Mute { call } => (call.id, json!({ "type": "mute", "on": true })),
        Action::Unmute { call } => (call.id, json!({ "type": "mute", "on": false })),
    };
    client.command(id.as_str(), steer.clone()).await?;
    if json {
        let taken = json!({ "call_id": id, "command": steer["type"] });
        data(taken);
    } else {
        complain("The call has taken it. What comes of it shows in `agentphone watch`.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists calls, page by page.
async fn list(client: &Client, wish: &List, json: bool) -> Result<(), Failure> {
    let limit = wish.limit as usize;
    let (mut calls, mut raw) = (Vec::new(), Vec::new());
    let mut cursor = wish.cursor.clone();
    let mut more = true;
    while more && calls.len() < limit {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &(limit - calls.len()).min(PAGE).to_string());
        if let Some(status) = &wish.status {
            query.append_pair("status", status);
        }
        if let Some(cursor) = &cursor {
            query.append_pair("cursor", cursor);
        }
        let mut page = client.calls(&query.finish()).await?;
        if let Value::Array(data) = page.raw["data"].take() {
            raw.extend(data);
        }
        more = page.value.has_more && page.value.next_cursor.is_some();
        cursor = page.value.next_cursor;
        calls.extend(page.value.data);
    }
    if json {
        let list = json!({ "data": raw, "has_more": more, "next_cursor": cursor.filter(|_| more) });
        say(&list.to_string());
        return Ok(());
    }
    if calls.is_empty() {
        complain("There are no such calls. `agentphone call NUMBER --objective TEXT` makes one.");
        return Ok(());
    }
    let heading = ["CALL", "CREATED", "STATE", "LASTED", "TO", "OBJECTIVE"];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(calls.iter().map(row));
    table::print(&rows);
    if let Some(cursor) = cursor.filter(|_| more) {
        complain(&format!("There are more: --cursor {cursor}"));
    }
    Ok(())
}

fn row(call: &Call) -> [String; 6] {
    let lasted = call.duration_seconds.map_or_else(String::new, |seconds| {
        format!("{}:{:02}", seconds / 60, seconds % 60)
    });
    let created = call.created_at.to_string();
    let minute = created.get(5..16).unwrap_or(&created).replace('T', " ");
    [
        call.call_id.to_string(),
        format!("{minute}Z"),
        state(call),
        lasted,
        call.business_name
            .clone()
            .unwrap_or_else(|| call.to_phone_number.clone()),
        call.objective.clone(),
    ]
}

/// Returns in a few words how a call stands or ended.
fn state(call: &Call) -> String {
    let words = match (call.status, call.outcome, &call.failure) {
        (Status::Failed, _, Some(failure)) => format!("failed: {}", failure.reason.as_str()),
        (Status::Completed, Some(outcome), _) => outcome.as_str().to_owned(),
        (status, _, _) => status.as_str().to_owned(),
    };
    words.replace('_', " ")
}

fn show(call: &Call, raw: &Value, json: bool) -> ExitCode {
    if json {
        say(&raw.to_string());
        return Exit::Done.into();
    }
    let whom = match &call.business_name {
        Some(name) => format!("{name} ({})", call.to_phone_number),
        None => call.to_phone_number.clone(),
    };
    say(&format!("{:<10}{}", "call", call.call_id));
    say(&format!("{:<10}{}", "to", plain(&whom)));
    say(&format!("{:<10}{}", "objective", plain(&call.objective)));
    say(render::summary(call).trim());
    if let Some(result) = &call.result {
        say(&format!("{:<10}{result}", "result"));
    }
    if let Some(url) = &call.recording_url {
        say(&format!("{:<10}{url}", "recording"));
    }
    for warning in &call.warnings {
        say(&format!("{:<10}{}", "warning", plain(warning)));
    }
    if let Some(transcript) = &call.transcript {
        say("");
        for line in transcript.lines() {
            say(&plain(line));
        }
    }
    Exit::Done.into()
}
