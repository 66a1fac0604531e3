//! Times of day, as people write and say them, read from words and turned into words for the ear or for a record.
//! Days are in [`day`].
//!
//! English only. What a bare `seven` means is decided here only as far as the words themselves say it; whether a
//! restaurant's seven is in the evening is the reader's business ([`TimeWords::near`], [`TimeWords::usual`]).

mod day;

pub(crate) use day::{Day, days};

use std::ops::Range;

use super::numbers;

/// Minutes in half a day.
const HALF: u16 = 12 * 60;

/// A time of day, in minutes after midnight (0 to 1439).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Time(u16);

impl Time {
    /// Returns the time `minutes` after midnight; whole days are left out.
    #[must_use]
    pub(crate) fn new(minutes: u16) -> Self {
        Self(minutes % (2 * HALF))
    }

    /// Returns the minutes after midnight.
    #[must_use]
    pub(crate) fn minutes(self) -> u16 {
        self.0
    }

    /// Returns how the time is said: `seven p.m.`, `eight thirty a.m.`, `noon`.
    #[must_use]
    pub(crate) fn spoken(self) -> String {
        if self.0.is_multiple_of(HALF) {
            return if self.0 == 0 { "midnight" } else { "noon" }.to_owned();
        }
        let hour = numbers::spoken(self.hour12());
        let half = if self.0 < HALF { "a.m." } else { "p.m." };
        match self.0 % 60 {
            0 => format!("{hour} {half}"),
            m @ 1..10 => format!("{hour} oh {} {half}", numbers::spoken(u32::from(m))),
            m => format!("{hour} {} {half}", numbers::spoken(u32::from(m))),
        }
    }

    /// Returns how the time is written in a record: `7:00 PM`.
    #[must_use]
    pub(crate) fn written(self) -> String {
        let half = if self.0 < HALF { "AM" } else { "PM" };
        format!("{}:{:02} {half}", self.hour12(), self.0 % 60)
    }

    /// Returns the 24-hour form for machines: `19:00`.
    #[must_use]
    pub(crate) fn iso(self) -> String {
        format!("{:02}:{:02}", self.0 / 60, self.0 % 60)
    }

    /// Returns the hour on a clock of twelve, 1 to 12.
    pub(crate) fn hour12(self) -> u32 {
        match self.0 / 60 % 12 {
            0 => 12,
            hour => u32::from(hour),
        }
    }
}

/// A time as words gave it: `seven` may be either half of the day, `seven p.m.` may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeWords {
    /// Which words.
    pub(crate) at: Range<usize>,
    minutes: u16,
    sure: bool,
}

impl TimeWords {
    /// Returns the reading that is closest to `other`.
    #[must_use]
    pub(crate) fn near(&self, other: Time) -> Time {
        let second = Time::new(self.minutes + HALF);
        let first = Time::new(self.minutes);
        if self.sure || first.0.abs_diff(other.0) <= second.0.abs_diff(other.0) {
            first
        } else {
            second
        }
    }

    /// Returns the reading that falls between `from` and twelve hours later.
    #[must_use]
    pub(crate) fn usual(&self, from: Time) -> Time {
        let first = Time::new(self.minutes);
        if self.sure || (from.0..from.0 + HALF).contains(&first.0) {
            first
        } else {
            Time::new(self.minutes + HALF)
        }
    }
}

/// Finds every time of day in `words`, in order. With `loose`, a bare number from one to twelve counts as one even
/// without a word like `at` before it, as in the answer to a question about the time.
#[must_use]
pub(crate) fn times(words: &[String], loose: bool) -> Vec<TimeWords> {
    let mut found: Vec<TimeWords> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let hinted = loose || leads_to_time(words, at, found.last());
        match time_at(words, at, hinted) {
            Some(mut time) => {
                half_of_day(words, &mut time);
                at = time.at.end;
                found.push(time);
            }
            None => at += digit_run(words, at).max(1),
        }
    }
    found
}

/// How many words a run of single digits takes: four or more are a telephone number or a spelled code, not times.
fn digit_run(words: &[String], at: usize) -> usize {
    let run = words[at..].iter().take_while(|w| {
        numbers::read(std::slice::from_ref(w), 0).is_some_and(|(n, _)| n < 10) || *w == "oh"
    });
    match run.count() {
        n @ 4.. => n,
        _ => 0,
    }
}

fn leads_to_time(words: &[String], at: usize, before: Option<&TimeWords>) -> bool {
    const LEADS: [&str; 14] = [
        "at", "around", "about", "by", "until", "till", "til", "before", "after", "from",
        "between", "say", "instead", "near",
    ];
    let Some(previous) = at.checked_sub(1).and_then(|i| words.get(i)) else {
        return false;
    };
    let joins = matches!(
        previous.as_str(),
        "and" | "or" | "to" | "till" | "until" | "through"
    );
    LEADS.contains(&previous.as_str()) || (joins && before.is_some_and(|t| t.at.end + 1 == at))
}

fn time_at(words: &[String], at: usize, hinted: bool) -> Option<TimeWords> {
    let word = words.get(at)?.as_str();
    let whole = |minutes: u16, took: usize, sure: bool| {
        Some(TimeWords {
            at: at..at + took,
            minutes,
            sure,
        })
    };
    match word {
        "noon" | "midday" => return whole(HALF, 1, true),
        "midnight" => return whole(0, 1, true),
        "half" if words.get(at + 1).is_some_and(|w| w == "past") => {
            let hour = hour_at(words, at + 2)?;
            return whole(hour * 60 + 30, 3, false);
        }
        "quarter" => return beside_hour(words, at, 15, 1),
        _ => {}
    }
    if let Some((hour, minute)) = word.split_once(':') {
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        return (hour < 24 && minute < 60).then_some(TimeWords {
            at: at..at + 1,
            minutes: hour * 60 + minute,
            sure: hour > 12 || hour == 0,
        });
    }
    if let Some((minutes, took)) = numbers::read(words, at).filter(|(n, _)| (1..60).contains(n))
        && let Some(time) = beside_hour(words, at, u16::try_from(minutes).ok()?, took)
    {
        return Some(time);
    }
    let hour = hour_at(words, at)?;
    if digit_run(words, at) > 0 {
        return None;
    }
    if let Some((minute, took)) = minute_at(words, at + 1) {
        return whole(hour * 60 + minute, 1 + took, false);
    }
    let next = words.get(at + 1).map(String::as_str);
    match next {
        Some("am" | "pm") => whole(hour * 60, 1, false),
        Some("o'clock" | "oclock") => whole(hour * 60, 2, false),
        Some("in") if words.get(at + 2).is_some_and(|w| w == "the") => whole(hour * 60, 1, false),
        _ if hinted && !counts_things(next) && word != "to" && word != "for" => {
            whole(hour * 60, 1, false)
        }
        _ => None,
    }
}

/// `ten past seven`, `quarter to eight`.
fn beside_hour(words: &[String], at: usize, minutes: u16, took: usize) -> Option<TimeWords> {
    let mut next = at + took;
    if words.get(next).is_some_and(|w| w == "minutes") {
        next += 1;
    }
    let side = words.get(next)?.as_str();
    let hour = hour_at(words, next + 1)
        .filter(|_| words.get(next + 1).is_some_and(|w| w != "to" && w != "for"))?;
    let minutes = match side {
        "past" | "after" if minutes.is_multiple_of(5) || took < next - at => hour * 60 + minutes,
        "to" | "before" | "of"
            if minutes.is_multiple_of(5) && minute_at(words, next + 2).is_none() =>
        {
            hour * 60 - minutes
        }
        _ => return None,
    };
    Some(TimeWords {
        at: at..next + 2,
        minutes,
        sure: false,
    })
}

/// An hour from one to twelve; `ate` and `won` are how recognisers hear two of them.
fn hour_at(words: &[String], at: usize) -> Option<u16> {
    match words.get(at)?.as_str() {
        "ate" => Some(8),
        "won" => Some(1),
        "for" | "fore" if at > 0 && matches!(words[at - 1].as_str(), "at" | "around" | "about") => {
            Some(4)
        }
        _ => {
            let (n, took) = numbers::read(words, at)?;
            (took == 1 && (1..=12).contains(&n)).then_some(u16::try_from(n).ok()?)
        }
    }
}

fn minute_at(words: &[String], at: usize) -> Option<(u16, usize)> {
    if words.get(at).is_some_and(|w| w == "oh" || w == "o") {
        let (n, took) = numbers::read(words, at + 1).filter(|(n, _)| (1..10).contains(n))?;
        return Some((u16::try_from(n).ok()?, 1 + took));
    }
    let (n, took) = numbers::read(words, at).filter(|(n, _)| (10..60).contains(n))?;
    // People give minutes in fives; `seven eleven` or `two fourteen` is rather a shop or a price.
    (n % 5 == 0 && !counts_things(words.get(at + took).map(String::as_str)))
        .then_some((u16::try_from(n).ok()?, took))
}

fn counts_things(next: Option<&str>) -> bool {
    const THINGS: [&str; 24] = [
        "people", "persons", "person", "guests", "guest", "of", "minutes", "minute", "hours",
        "hour", "days", "nights", "night", "weeks", "dollars", "bucks", "euros", "pounds",
        "percent", "tables", "rooms", "seats", "other", "more",
    ];
    next.is_some_and(|w| THINGS.contains(&w))
}

/// Words around a time that say which half of the day it is in.
fn half_of_day(words: &[String], time: &mut TimeWords) {
    let after = words.get(time.at.end).map(String::as_str);
    let half = match after {
        Some(half @ ("am" | "pm")) => {
            time.at.end += 1;
            Some(half)
        }
        Some("in") if words.get(time.at.end + 1).is_some_and(|w| w == "the") => {
            match words.get(time.at.end + 2).map(String::as_str) {
                Some("morning") => Some("am"),
                Some("evening" | "afternoon") => Some("pm"),
                _ => None,
            }
        }
        Some("tonight") => Some("pm"),
        _ => None,
    };
    if time.sure || half.is_none() {
        return;
    }
    time.sure = true;
    time.minutes = time.minutes % HALF + if half == Some("pm") { HALF } else { 0 };
}

#[cfg(test)]
mod tests;
