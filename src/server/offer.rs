//! What a person can choose from: the lines, and of the one whose callee is played the scenarios.

use hyper::StatusCode;
use protocol::rest::One;
use serde::Serialize;

use super::{
    App,
    answer::{self, Outcome},
};
use crate::supervisor::Caller;

#[derive(Debug, Serialize)]
struct Lines {
    default_line: &'static str,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    /// `null` for a line with a real callee.
    scenarios: Option<Vec<Scenario>>,
}

#[derive(Debug, Serialize)]
struct Scenario {
    name: String,
    about: String,
}

/// `GET /lines`: the lines on which this key can make calls, the default first.
pub(super) fn lines(app: &App, caller: &Caller) -> Outcome {
    let lines: Vec<_> = app
        .supervisor
        .lines()
        .iter()
        .map(|line| {
            let scenarios = line.scenarios().map(|found| {
                let scenario = |(name, about)| Scenario { name, about };
                found.into_iter().map(scenario).collect()
            });
            Line {
                name: line.name(),
                scenarios,
            }
        })
        // Calls of test keys are never real.
        .filter(|line| !caller.test || line.scenarios.is_some())
        .collect();
    let data = Lines {
        default_line: lines.first().map_or("", |line| line.name),
        lines,
    };
    answer::json(StatusCode::OK, &One { data })
}
