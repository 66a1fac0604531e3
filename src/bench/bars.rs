//! What the figures are held to: whether a run met each bar and, if not, by how much.
//!
//! The command's text, the JSON and the page all show these. Which bars there are, and which figure each takes, is decided in
//! `known`; what was tried where one is not met stands in the documents, from which `report` puts it into the page.

use serde::Serialize;

pub mod known;

/// A bound, and what a run measured against it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// The name that the experiment's figures have in a report: `barge_in`, `latency`, …
    pub experiment: &'static str,
    /// What is bounded.
    pub name: String,
    /// What the numbers count.
    pub unit: Unit,
    /// Whether the bound itself is still good.
    pub limit: Limit,
    /// The bound.
    pub bound: f64,
    /// What was measured; `None` when there was nothing to measure, or no setting that gets there.
    pub measured: Option<f64>,
    /// How many of what is measured there were.
    pub count: Option<usize>,
    /// Whether it is met; `None` when the run does not tell.
    pub met: Option<bool>,
    /// How far beyond the bound, where that is a number.
    pub missed_by: Option<f64>,
    /// What else must be known to read it.
    pub note: Option<String>,
}

/// What a bar's numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// A share; 1.0 is all.
    Share,
    /// How many times as much.
    Ratio,
    /// How many.
    Count,
    /// Processors.
    Cores,
    /// Megabytes.
    Megabytes,
}

/// Whether the bound itself is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// It is.
    AtMost,
    /// It is not.
    Below,
}

impl Bar {
    /// Holds a figure to a bound that is still good itself.
    #[must_use]
    pub fn at_most(
        experiment: &'static str,
        name: impl Into<String>,
        unit: Unit,
        bound: f64,
        measured: Option<f64>,
    ) -> Self {
        let met = measured.map(|measured| measured <= bound);
        Self {
            experiment,
            name: name.into(),
            unit,
            limit: Limit::AtMost,
            bound,
            measured,
            count: None,
            met,
            missed_by: measured
                .filter(|measured| *measured > bound)
                // Nine digits are more than any figure has, and leave out what binary fractions add.
                .map(|measured| ((measured - bound) * 1e9).round() / 1e9),
            note: None,
        }
    }

    /// Holds a figure to a bound that it must stay below.
    #[must_use]
    pub fn below(
        experiment: &'static str,
        name: impl Into<String>,
        unit: Unit,
        bound: f64,
        measured: Option<f64>,
    ) -> Self {
        let bar = Self::at_most(experiment, name, unit, bound, measured);
        Self {
            limit: Limit::Below,
            met: measured.map(|measured| measured < bound),
            missed_by: (measured == Some(bound)).then_some(0.0).or(bar.missed_by),
            ..bar
        }
    }

    /// Says of how many the figure is.
    #[must_use]
    pub fn of(self, count: usize) -> Self {
        Self {
            count: Some(count),
            ..self
        }
    }

    /// Adds what else must be known.
    #[must_use]
    pub fn noted(self, note: impl Into<String>) -> Self {
        Self {
            note: Some(note.into()),
            ..self
        }
    }

    /// Marks the bar as missed though there is no figure, and says why.
    #[must_use]
    pub fn unreached(self, why: impl Into<String>) -> Self {
        Self {
            met: Some(false),
            ..self.noted(why)
        }
    }

    /// Marks the bar as one that this run cannot decide, and says why.
    #[must_use]
    pub fn undecided(self, why: impl Into<String>) -> Self {
        Self {
            met: None,
            ..self.noted(why)
        }
    }

    /// Returns the verdict in words: `met`, `missed by 13 ms`, `missed`, `not decided`.
    #[must_use]
    pub fn verdict(&self) -> String {
        match (self.met, self.missed_by) {
            (Some(true), _) => "met".to_owned(),
            (Some(false), Some(by)) => format!("missed by {}", self.unit.show(by)),
            (Some(false), None) => "missed".to_owned(),
            (None, _) => "not decided".to_owned(),
        }
    }
}

impl Unit {
    /// Returns a number of this unit for people.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        // As many digits as it has, at most so many.
        let digits = |value: f64, most: usize| {
            let text = format!("{value:.most$}");
            let cut = text.trim_end_matches('0').trim_end_matches('.');
            if most == 0 || cut.is_empty() {
                text
            } else {
                cut.to_owned()
            }
        };
        match self {
            Self::Ms => format!("{} ms", digits(value, 1)),
            Self::Share => format!("{} %", digits(value * 100.0, 2)),
            Self::Ratio => format!("{} times", digits(value, 2)),
            Self::Count => digits(value, 0),
            Self::Cores => format!("{} processors", digits(value, 5)),
            Self::Megabytes => format!("{} MB", digits(value, 3)),
        }
    }
}

/// Returns bars as lines of text for a terminal, one each, under a heading. Nothing of none.
#[must_use]
pub fn lines(bars: &[Bar]) -> Vec<String> {
    if bars.is_empty() {
        return Vec::new();
    }
    let row = |name: &str, bound: &str, measured: &str, rest: &str| {
        format!("  {name:48} {bound:>17} {measured:>12}  {rest}")
            .trim_end()
            .to_owned()
    };
    let mut lines = vec![row("bars", "bound", "measured", "")];
    for bar in bars {
        let sign = match bar.limit {
            Limit::AtMost => "≤",
            Limit::Below => "<",
        };
        let measured = bar
            .measured
            .map_or("–".into(), |value| bar.unit.show(value));
        let mut rest = bar.verdict();
        if let Some(count) = bar.count {
            rest += &format!(", of {count}");
        }
        if let Some(note) = &bar.note {
            rest += &format!("; {note}");
        }
        let bound = format!("{sign} {}", bar.unit.show(bar.bound));
        lines.push(row(&bar.name, &bound, &measured, &rest));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(measured: Option<f64>) -> Bar {
        Bar::at_most("test", "cut", Unit::Share, 0.03, measured)
    }

    #[test]
    fn a_bar_is_met_missed_by_so_much_or_not_decided() {
        assert_eq!(bar(Some(0.03)).verdict(), "met");
        assert_eq!(bar(Some(0.0304)).verdict(), "missed by 0.04 %");
        assert_eq!(bar(Some(0.0304)).missed_by, Some(0.0004));
        assert_eq!(bar(None).verdict(), "not decided");
        assert_eq!(bar(None).unreached("never so few").verdict(), "missed");
        assert_eq!(bar(Some(0.0)).undecided("too few").met, None);
        let below = |measured| Bar::below("test", "delay", Unit::Ratio, 0.5, Some(measured));
        assert_eq!(below(0.49).met, Some(true));
        assert_eq!(below(0.5).verdict(), "missed by 0 times");
        assert_eq!(below(1.25).verdict(), "missed by 0.75 times");
    }

    #[test]
    fn numbers_are_shown_with_the_digits_they_have() {
        assert_eq!(Unit::Ms.show(350.0), "350 ms");
        assert_eq!(Unit::Ms.show(20.25), "20.2 ms");
        assert_eq!(Unit::Share.show(0.0313), "3.13 %");
        assert_eq!(Unit::Share.show(1.0), "100 %");
        assert_eq!(Unit::Count.show(1000.0), "1000");
        assert_eq!(Unit::Cores.show(0.0015), "0.0015 processors");
        assert_eq!(Unit::Megabytes.show(0.3), "0.3 MB");
    }

    #[test]
    fn lines_say_everything_of_a_bar() {
        let bars = [bar(Some(0.0625)).of(32).noted("the lines were quiet")];
        let lines = lines(&bars);
        assert_eq!(lines.len(), 2);
        for part in [
            "cut",
            "≤ 3 %",
            "6.25 %",
            "missed by 3.25 %, of 32; the lines were quiet",
        ] {
            assert!(lines[1].contains(part), "{part:?} in {lines:?}");
        }
        assert!(self::lines(&[]).is_empty());
    }
}
