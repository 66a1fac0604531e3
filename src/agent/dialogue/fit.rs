//! Times, days and numbers that a callee says, held against the wanted ones.

use super::Slot;
use crate::agent::{
    heard::Heard,
    numbers,
    task::{Kind, Task},
    when::{Day, Time, times},
    words::words,
};

/// How the details in a callee's line compare with the wanted ones.
pub(super) struct Fit {
    target: Slot,
    times: Vec<Time>,
    days: Vec<Day>,
    pub(super) matches: bool,
    time_matches: bool,
    day_matches: bool,
    party_matches: bool,
    pub(super) other_party: bool,
}

impl Fit {
    pub(super) fn of(heard: &Heard, task: &Task, target: Slot) -> Self {
        let near = target.time.unwrap_or(Time::new(
            if task.kind == Kind::Table { 19 } else { 13 } * 60,
        ));
        let times: Vec<Time> = heard
            .times
            .iter()
            .filter(|t| !is_limit(&heard.words, t.at.start))
            .map(|t| t.near(near))
            .collect();
        let bare_hour = target.time.is_some_and(|t| says_hour(&heard.words, t));
        let time_matches = target.time.is_some_and(|t| times.contains(&t)) || bare_hour;
        let same_day = |day: &Day| {
            target
                .day
                .is_some_and(|wanted| wanted.is_same(*day, task.today))
        };
        let day_matches = heard.days.iter().any(same_day);
        // `booked for seven` may be the time as well as the number of people.
        let party = heard
            .party
            .filter(|n| !bare_hour || target.time.is_none_or(|t| *n != t.hour12()));
        let party_matches = party.is_some() && party == task.party;
        let other_party = task.party.is_some() && party.is_some() && !party_matches;
        Self {
            matches: time_matches || (target.time.is_none() && (day_matches || party_matches)),
            days: heard
                .days
                .iter()
                .filter(|d| !same_day(d))
                .copied()
                .collect(),
            times: times
                .into_iter()
                .filter(|t| Some(*t) != target.time)
                .collect(),
            target,
            time_matches,
            day_matches,
            party_matches,
            other_party,
        }
    }

    /// Whether any wanted detail is named.
    pub(super) fn echoes(&self) -> bool {
        self.time_matches || self.day_matches || self.party_matches
    }

    /// Whether the line speaks of something else than the wanted.
    pub(super) fn differs(&self) -> bool {
        let time = !self.times.is_empty() && !self.time_matches;
        let day = !self.days.is_empty() && !self.day_matches && self.target.day.is_some();
        time || day || self.other_party
    }

    /// The other times and days put forward. After a refusal the wanted time does not count, even if repeated.
    pub(super) fn offers(&self, refused: bool) -> Option<Vec<Slot>> {
        let day = self.days.first().copied().or(self.target.day);
        let other_day = !self.days.is_empty() && (refused || !self.day_matches);
        let slots: Vec<Slot> = if self.times.is_empty() {
            let time = self.target.time;
            if other_day {
                vec![Slot { day, time }]
            } else {
                Vec::new()
            }
        } else {
            self.times
                .iter()
                .map(|time| Slot {
                    day,
                    time: Some(*time),
                })
                .collect()
        };
        (!slots.is_empty()).then_some(slots)
    }
}

/// Whether the time at word `at` is a limit: `we need the table back by nine`.
fn is_limit(heard: &[String], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|i| heard.get(i));
    before.is_some_and(|w| matches!(w.as_str(), "by" | "until" | "till" | "til" | "before"))
}

/// Whether the hour of `time` is said as a bare number, as in `seven for two`. Only a full hour is said so.
fn says_hour(heard: &[String], time: Time) -> bool {
    time.minutes().is_multiple_of(60)
        && (0..heard.len()).any(|at| {
            let next = heard.get(at + 1).map(String::as_str);
            let counted = matches!(
                next,
                Some("people" | "persons" | "guests" | "of" | "thirty" | "fifteen" | "forty")
            );
            !counted && numbers::read(heard, at) == Some((time.hour12(), 1))
        })
}

/// Which of the offers the agent speaks of: the one whose time it names, or the one closest to the wanted time.
pub(super) fn chosen(slots: &[Slot], text: &str, wanted: Slot) -> Slot {
    let said = words(text);
    let near = wanted.time.unwrap_or_default();
    let named = slots.iter().find(|slot| {
        slot.time
            .is_some_and(|time| times(&said, false).iter().any(|t| t.near(time) == time))
    });
    let closest = || {
        slots.iter().min_by_key(|slot| {
            slot.time
                .map_or(0, |t| t.minutes().abs_diff(near.minutes()))
        })
    };
    named.or_else(closest).copied().unwrap_or(wanted)
}
