//! The report as one HTML file that needs nothing else: figures, curves, histograms and any trial's timeline.
//!
//! The page (`page/`) draws from the numbers that are put into it here.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Report, Trace, notes::Notes};
use crate::bench::{barge_in, latency, speech::Hearing, turns::TurnOutcome};

/// The page without its numbers, and what belongs where in it.
const PAGE: &str = include_str!("page/page.html");
const STYLE: (&str, &str) = ("/*STYLE*/", include_str!("page/page.css"));
const SCRIPT: (&str, &[&str]) = (
    "/*SCRIPT*/",
    &[
        include_str!("page/draw.js"),
        include_str!("page/figures.js"),
        include_str!("page/load.js"),
        include_str!("page/trials.js"),
    ],
);
const NUMBERS: &str = "/*NUMBERS*/null";

/// Every single trial of a run, as far as its experiment played them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Trials {
    /// Every turn of the experiment on ends of turn.
    pub turns: Vec<TurnOutcome>,
    /// Every trial of the experiment on barge-in.
    pub barge_in: Vec<barge_in::Outcome>,
    /// Every utterance that was heard.
    pub speech: Vec<Hearing>,
    /// Every answer of the experiment on latency.
    pub latency: Vec<latency::Answer>,
    /// What the timelines are drawn from.
    pub traces: Vec<Trace>,
    /// How many trials, in which nothing happened, have no trace.
    pub left_out: usize,
}

/// What a page shows.
#[derive(Debug, Serialize)]
pub struct Page<'a> {
    report: &'a Report,
    notes: BTreeMap<&'static str, Notes>,
    #[serde(flatten)]
    trials: &'a Trials,
}

impl<'a> Page<'a> {
    /// Takes a run, and what the documents say of its figures.
    #[must_use]
    pub fn new(report: &'a Report, trials: &'a Trials) -> Self {
        Self {
            report,
            notes: Notes::all(),
            trials,
        }
    }

    /// Writes the page.
    ///
    /// # Errors
    /// When a number cannot be written as JSON.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        // JSON has `<` in texts only, and there one might end the script.
        let numbers = serde_json::to_string(self)?.replace('<', "\\u003c");
        let page = PAGE
            .replacen(STYLE.0, STYLE.1, 1)
            .replacen(SCRIPT.0, &SCRIPT.1.concat(), 1);
        Ok(page.replacen(NUMBERS, &numbers, 1))
    }
}
