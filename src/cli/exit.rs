//! The exit statuses: what each means. One table, which `--help` and docs/cli.md show and a test compares.

use std::{fmt::Write, process::ExitCode};

use protocol::rest::{Call, Outcome, Status};

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NotAchieved = 3,
    CallFailed = 4,
    Canceled = 5,
    Differs = 6,
    Left = 130,
}

/// Every status with its meaning.
pub(super) const MEANINGS: [(Exit, &str); 8] = [
    (
        Exit::Done,
        "done; of a call that was followed: its objective was achieved",
    ),
    (
        Exit::Failed,
        "not done, or something is missing; a sentence says what, and what to do",
    ),
    (Exit::Usage, "the command line is wrong"),
    (
        Exit::NotAchieved,
        "the call was completed, and its objective achieved in part or not at all",
    ),
    (
        Exit::CallFailed,
        "the call failed: nobody was reached, or it broke off",
    ),
    (Exit::Canceled, "the call was canceled"),
    (
        Exit::Differs,
        "the replay of the call differs from what was kept",
    ),
    (
        Exit::Left,
        "Ctrl-C: the call that was followed goes on without being watched",
    ),
];

impl Exit {
    /// Returns how a command ends that followed a call to its end.
    pub(super) fn of(call: &Call) -> Self {
        match (call.outcome, call.status) {
            (Some(Outcome::Achieved), _) => Self::Done,
            (_, Status::Failed) => Self::CallFailed,
            (_, Status::Canceled) => Self::Canceled,
            _ => Self::NotAchieved,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Returns the table as `--help` shows it.
pub(super) fn help() -> String {
    let mut table = String::from("Exit status:\n");
    for (exit, meaning) in MEANINGS {
        // Writing to a String cannot fail.
        let _ = writeln!(table, "  {:<4} {meaning}", exit as u8);
    }
    table += "\ndocs/cli.md tells more, and what every command prints with --json.";
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_have_this_table_and_no_other() {
        let page = include_str!("../../docs/cli.md");
        let rows: Vec<_> = page
            .lines()
            .skip_while(|line| *line != "| exit status | |")
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        let ours: Vec<_> = MEANINGS
            .iter()
            .map(|(exit, meaning)| format!("| {} | {meaning} |", *exit as u8))
            .collect();
        assert_eq!(rows, ours, "docs/cli.md does not say what exit.rs does");
    }
}
