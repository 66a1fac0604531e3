//! The report as one HTML file that needs nothing else: figures, curves, histograms and any trial's timeline.
//!
//! The page (`page.html`) draws from the numbers that are put into it here.

use serde::Serialize;

use super::{Report, Trace};
use crate::bench::turns::TurnOutcome;

/// The page without its numbers.
const PAGE: &str = include_str!("page.html");
/// Where they belong.
const PLACE: &str = "/*NUMBERS*/null";

/// What a page shows.
#[derive(Debug, Serialize)]
pub struct Page<'a> {
    /// The figures.
    pub report: &'a Report,
    /// Every turn of the experiment on ends of turn.
    pub turns: &'a [TurnOutcome],
    /// Every trial.
    pub traces: &'a [Trace],
}

impl Page<'_> {
    /// Writes the page.
    ///
    /// # Errors
    /// When a number cannot be written as JSON.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        // A `</script>` in a transcript would end the numbers.
        let numbers = serde_json::to_string(self)?.replace("</", "<\\/");
        Ok(PAGE.replacen(PLACE, &numbers, 1))
    }
}
