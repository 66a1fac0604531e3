//! Days, as people name them: `tonight`, `next Friday`, `March 5`.

use std::ops::Range;

use jiff::civil::{Date, Weekday};

use crate::agent::numbers;

/// A day as people name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Day {
    /// The day of the call.
    Today,
    /// The evening of the day of the call.
    Tonight,
    /// The day after the call.
    Tomorrow,
    /// The day after that.
    AfterTomorrow,
    /// The coming one of that name; `true` for `next Friday`, which people read differently.
    Weekday(Weekday, bool),
    /// A day of a month (1 to 12), of the year when it was given.
    Date(Option<i16>, i8, i8),
}

impl Day {
    /// Returns the date, if `today` is known and the words name one day only.
    #[must_use]
    pub(crate) fn date(self, today: Option<Date>) -> Option<Date> {
        match self {
            Self::Today | Self::Tonight => today,
            Self::Tomorrow => today?.tomorrow().ok(),
            Self::AfterTomorrow => today?.tomorrow().ok()?.tomorrow().ok(),
            Self::Weekday(_, true) => None,
            Self::Weekday(day, false) => {
                let today = today?;
                if today.weekday() == day {
                    Some(today)
                } else {
                    today.nth_weekday(1, day).ok()
                }
            }
            Self::Date(Some(year), month, day) => Date::new(year, month, day).ok(),
            Self::Date(None, month, day) => {
                let today = today?;
                let this = Date::new(today.year(), month, day).ok()?;
                if this >= today {
                    Some(this)
                } else {
                    Date::new(today.year().checked_add(1)?, month, day).ok()
                }
            }
        }
    }

    /// Returns whether both name the same day, as far as it can be told.
    #[must_use]
    pub(crate) fn is_same(self, other: Self, today: Option<Date>) -> bool {
        if let (Some(a), Some(b)) = (self.date(today), other.date(today)) {
            return a == b;
        }
        let weekday = |day: Self| match day {
            Self::Weekday(name, _) => Some(name),
            _ => day.date(today).map(Date::weekday),
        };
        match (weekday(self), weekday(other)) {
            (Some(a), Some(b)) => a == b,
            _ => {
                self == other
                    || matches!(
                        (self, other),
                        (Self::Today, Self::Tonight) | (Self::Tonight, Self::Today)
                    )
            }
        }
    }

    /// Returns how the day is said within a sentence: `tonight`, `on Friday`, `on March fifth`.
    #[must_use]
    pub(crate) fn spoken(self) -> String {
        self.phrase(|day| numbers::ordinal(u32::from(day.unsigned_abs())))
    }

    /// Returns how the day is written in a record: `tonight`, `on Friday`, `on March 5`.
    #[must_use]
    pub(crate) fn written(self) -> String {
        self.phrase(|day| day.to_string())
    }

    fn phrase(self, number: impl Fn(i8) -> String) -> String {
        match self {
            Self::Today => "today".to_owned(),
            Self::Tonight => "tonight".to_owned(),
            Self::Tomorrow => "tomorrow".to_owned(),
            Self::AfterTomorrow => "the day after tomorrow".to_owned(),
            Self::Weekday(day, true) => format!("next {}", weekday_name(day)),
            Self::Weekday(day, false) => format!("on {}", weekday_name(day)),
            Self::Date(_, month, day) => format!("on {} {}", month_name(month), number(day)),
        }
    }
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("Monday", Weekday::Monday),
    ("Tuesday", Weekday::Tuesday),
    ("Wednesday", Weekday::Wednesday),
    ("Thursday", Weekday::Thursday),
    ("Friday", Weekday::Friday),
    ("Saturday", Weekday::Saturday),
    ("Sunday", Weekday::Sunday),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn weekday_name(day: Weekday) -> &'static str {
    WEEKDAYS
        .iter()
        .find(|(_, d)| *d == day)
        .map_or("", |(name, _)| name)
}

fn month_name(month: i8) -> &'static str {
    usize::try_from(month - 1)
        .ok()
        .and_then(|i| MONTHS.get(i))
        .copied()
        .unwrap_or("")
}

/// Finds every day that `words` name, in order.
#[must_use]
pub(crate) fn days(words: &[String]) -> Vec<(Range<usize>, Day)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match day_at(words, at) {
            Some((day, took)) => {
                found.push((at..at + took, day));
                at += took;
            }
            None => at += 1,
        }
    }
    found
}

fn day_at(words: &[String], at: usize) -> Option<(Day, usize)> {
    let word = words[at].as_str();
    let next = words.get(at + 1).map(String::as_str);
    match word {
        "today" => return Some((Day::Today, 1)),
        "tonight" => return Some((Day::Tonight, 1)),
        "this" if matches!(next, Some("evening")) => return Some((Day::Tonight, 2)),
        "this" if matches!(next, Some("morning" | "afternoon")) => return Some((Day::Today, 2)),
        "tomorrow" => return Some((Day::Tomorrow, 1)),
        "day"
            if matches!(next, Some("after"))
                && words.get(at + 2).is_some_and(|w| w == "tomorrow") =>
        {
            return Some((Day::AfterTomorrow, 3));
        }
        "next" => {
            if let Some(day) = next.and_then(weekday) {
                return Some((Day::Weekday(day, true), 2));
            }
        }
        _ => {}
    }
    if let Some(day) = weekday(word) {
        // `Friday the fifth of March`: the date says more.
        let skip = if next == Some("the") { 2 } else { 1 };
        return match date_at(words, at + skip) {
            Some((date, took)) => Some((date, skip + took)),
            None => Some((Day::Weekday(day, false), 1)),
        };
    }
    date_at(words, at)
}

fn weekday(word: &str) -> Option<Weekday> {
    let word = word.strip_suffix('s').unwrap_or(word);
    WEEKDAYS
        .iter()
        .find(|(name, _)| {
            name.eq_ignore_ascii_case(word) || (word == "wensday" && *name == "Wednesday")
        })
        .map(|(_, day)| *day)
}

fn month(word: &str) -> Option<i8> {
    let full = MONTHS.iter().position(|name| {
        name.eq_ignore_ascii_case(word)
            || (word.len() == 3 && name[..3].eq_ignore_ascii_case(word) && word != "mar")
    })?;
    i8::try_from(full + 1).ok()
}

/// `March 5`, `March the fifth`, `5 March`, `the fifth of March`, `2026-03-05` (as three words), `3/5`.
fn date_at(words: &[String], at: usize) -> Option<(Day, usize)> {
    let word = words.get(at)?;
    if let Some(month) = month(word) {
        let skip = usize::from(words.get(at + 1).is_some_and(|w| w == "the"));
        let (day, took) = numbers::read_ordinal(words, at + 1 + skip)?;
        // `may i` and `may 7 people` aside, a month is followed by its day.
        return Some((
            Day::Date(None, month, i8::try_from(day).ok()?),
            1 + skip + took,
        ));
    }
    if let Some((month, day)) = word.split_once('/') {
        let day = day.split('/').next()?;
        let (month, day): (i8, i8) = (month.parse().ok()?, day.parse().ok()?);
        return ((1..=12).contains(&month) && (1..=31).contains(&day))
            .then_some((Day::Date(None, month, day), 1));
    }
    if word.len() == 4
        && let (Ok(year), Some(Ok(month)), Some(Ok(day))) = (
            word.parse::<i16>(),
            words.get(at + 1).map(|w| w.parse::<i8>()),
            words.get(at + 2).map(|w| w.parse::<i8>()),
        )
    {
        return Date::new(year, month, day)
            .is_ok()
            .then_some((Day::Date(Some(year), month, day), 3));
    }
    let (day, took) = numbers::read_ordinal(words, at)?;
    let skip = usize::from(words.get(at + took).is_some_and(|w| w == "of"));
    let month = month(words.get(at + took + skip)?)?;
    Some((
        Day::Date(None, month, i8::try_from(day).ok()?),
        took + skip + 1,
    ))
}
