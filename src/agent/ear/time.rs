//! Times of day and dates.

use super::{Reading, Token, number};
use crate::agent::numbers;

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

/// A time of day as it was written.
#[derive(Debug, Clone, Copy)]
struct Clock {
    hour: u32,
    minute: u32,
    /// `a m` or `p m`, where it was written.
    half: Option<&'static str>,
    /// Whether minutes were written.
    exact: bool,
}

impl Clock {
    /// Reads `7`, `7:30`, `19:30`, `7pm`, `7:30p.m`.
    fn read(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        let (digits, half) = match half(&lower) {
            Some((digits, half)) => (digits, Some(half)),
            None => (lower.as_str(), None),
        };
        let (hour, minute) = match digits.split_once([':', '.']) {
            Some((hour, minute)) if minute.len() == 2 => (hour, Some(minute)),
            Some(_) => return None,
            None => (digits, None),
        };
        if half.is_none() && digits.contains('.') {
            return None;
        }
        let number = |text: &str| {
            let plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| text.parse::<u32>().ok()).flatten()
        };
        let this = Self {
            hour: number(hour)?,
            minute: minute.map_or(Some(0), number)?,
            half,
            exact: minute.is_some(),
        };
        let most = if half.is_some() { 12 } else { 24 };
        (this.hour <= most && this.minute < 60).then_some(this)
    }

    fn said(self) -> String {
        let half = match self.half {
            Some(half) => Some(half),
            None if self.hour > 12 && self.hour < 24 => Some("p m"),
            None if self.hour == 0 || self.hour == 24 => Some("a m"),
            None => None,
        };
        let hour = match self.hour % 12 {
            0 => 12,
            hour => hour,
        };
        let hour = numbers::spoken(hour);
        let time = match (self.minute, half) {
            (0, Some(_)) => hour,
            (0, None) if self.exact => format!("{hour} o'clock"),
            (0, None) => hour,
            (minute @ 1..10, _) => format!("{hour} oh {}", numbers::spoken(minute)),
            (minute, _) => format!("{hour} {}", numbers::spoken(minute)),
        };
        match half {
            Some(half) => format!("{time} {half}"),
            None => time,
        }
    }
}

/// Splits the half of the day from the end of a lower-case text.
fn half(text: &str) -> Option<(&str, &'static str)> {
    for (written, said) in [
        ("a.m.", "a m"),
        ("p.m.", "p m"),
        ("a.m", "a m"),
        ("p.m", "p m"),
        ("am", "a m"),
        ("pm", "p m"),
    ] {
        if let Some(digits) = text.strip_suffix(written) {
            return Some((digits, said));
        }
    }
    None
}

/// Times of day, and spans of them: `7:30 p.m.`, `19:00`, `9am-5pm`.
pub(super) fn clock(tokens: &[Token<'_>]) -> Reading {
    let core = tokens[0].core;
    let next_half = tokens
        .get(1)
        .filter(|_| tokens[0].runs_on())
        .and_then(|next| {
            let lower = next.lower();
            match half(&lower) {
                Some(("", half)) => Some(half),
                _ => None,
            }
        });
    if let Some((from, to)) = core.split_once(['-', '\u{2013}']) {
        let (mut from, mut to) = (Clock::read(from)?, Clock::read(to)?);
        to.half = to.half.or(next_half);
        // Without any sign of a time it is a span of numbers.
        if to.half.is_none() && from.half.is_none() && !(from.exact && to.exact) {
            return None;
        }
        if from.half.is_none() && to.half.is_some() && from.hour < to.hour {
            from.half = None;
        }
        from.exact &= to.half.is_none();
        let said = format!("{} to {}", from.said(), to.said());
        return Some(with_half(said, next_half));
    }
    let mut time = Clock::read(core)?;
    if time.half.is_none() && next_half.is_none() && !time.exact {
        return None;
    }
    time.half = time.half.or(next_half);
    Some(with_half(time.said(), next_half))
}

/// What was written as two words is said as two, too.
fn with_half(said: String, written: Option<&str>) -> Vec<String> {
    match written.and_then(|half| said.strip_suffix(half)) {
        Some(time) => vec![
            time.trim_end().to_owned(),
            written.unwrap_or_default().to_owned(),
        ],
        None => vec![said],
    }
}

/// Dates: `2026-11-26`, `11/26/2026`, `Nov. 26`, `November 26, 2026`, `26 November`.
pub(super) fn date(tokens: &[Token<'_>], at: usize) -> Reading {
    let core = tokens[at].core;
    let parts: Vec<&str> = core.split(['-', '/', '.']).collect();
    let numbers: Option<Vec<u32>> = parts
        .iter()
        .map(|part| {
            let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse().ok()).flatten()
        })
        .collect();
    match numbers.as_deref() {
        Some(&[y, m, d]) if parts[0].len() == 4 => return Some(vec![day(m, d, Some(y))?]),
        Some(&[m, d, y]) if core.contains('/') => {
            let year = if y < 100 { 2000 + y } else { y };
            return Some(vec![day(m, d, Some(year))?]);
        }
        Some(&[m, d]) if core.contains('/') && (m > 4 || d > 4) => {
            return Some(vec![day(m, d, None)?]);
        }
        _ => {}
    }
    if let Some(name) = month(core) {
        let day_token = tokens.get(at + 1)?;
        let day = day_of(day_token.core)?;
        let mut said = vec![name.to_owned(), numbers::ordinal(day)];
        if let Some(year) = tokens.get(at + 2).and_then(|token| year_of(token.core)) {
            said.push(year);
        }
        return Some(said);
    }
    let next = tokens.get(at + 1).filter(|_| tokens[at].runs_on())?;
    let name = month(next.core)?;
    let day = day_of(core)?;
    let mut said = vec![format!("the {} of", numbers::ordinal(day)), name.to_owned()];
    if at > 0 && tokens[at - 1].lower() == "the" {
        said[0] = format!("{} of", numbers::ordinal(day));
    }
    if let Some(year) = tokens.get(at + 2).and_then(|token| year_of(token.core)) {
        said.push(year);
    }
    Some(said)
}

fn day(month: u32, day: u32, year: Option<u32>) -> Option<String> {
    let name = MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if !(1..=31).contains(&day) {
        return None;
    }
    let date = format!("{name} {}", numbers::ordinal(day));
    Some(match year {
        Some(year) => format!("{date}, {}", said_year(year)),
        None => date,
    })
}

fn month(text: &str) -> Option<&'static str> {
    // "may" and "march" are words, too, unless they are written as names.
    if !text.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let lower = text.to_lowercase();
    MONTHS.into_iter().find(|name| {
        let name = name.to_lowercase();
        lower == name || lower.len() >= 3 && lower.len() <= 4 && name.starts_with(&lower)
    })
}

fn day_of(text: &str) -> Option<u32> {
    let digits = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|ending| text.strip_suffix(ending))
        .unwrap_or(text);
    let plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let day = plain.then(|| digits.parse().ok()).flatten()?;
    (1..=31).contains(&day).then_some(day)
}

fn year_of(text: &str) -> Option<String> {
    let year = (text.len() == 4).then(|| text.parse().ok()).flatten()?;
    (1900..2100).contains(&year).then(|| said_year(year))
}

/// Returns how a year is said: `twenty twenty-six`, `two thousand five`.
fn said_year(year: u32) -> String {
    let (century, rest) = (year / 100, year % 100);
    match (century, rest) {
        (20, 0..10) => number::amount(year.into()),
        (_, 0) => format!("{} hundred", numbers::spoken(century)),
        (_, 1..10) => format!("{} oh {}", numbers::spoken(century), numbers::spoken(rest)),
        _ => format!("{} {}", numbers::spoken(century), numbers::spoken(rest)),
    }
}
