//! What the requester wants, read from the words of the objective.
//!
//! Decides the kind of errand and its details: how many, when, under which name, what else matters. It reads the
//! requester's text only; nothing said on the line reaches it. How the errand is put into words for the callee is
//! in [`phrase`], how details are found in [`details`].

mod details;
mod phrase;

pub(crate) use details::party;

use jiff::civil::Date;

use super::{
    Brief,
    when::{self, Day, Time},
    words::{any, find, first_of, words},
};

/// What kind of errand it is, as far as it changes how the agent talks and what counts as success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A table at a restaurant.
    Table,
    /// An appointment, a room, or anything else that is reserved for a time.
    Booking,
    /// An existing booking is to be canceled.
    Cancel,
    /// An existing booking is to be moved.
    Reschedule,
    /// When the business is open.
    Hours,
    /// What something costs.
    Price,
    /// Any other question.
    Question,
    /// Something is to be told to somebody.
    Message,
    /// Something else that the callee is asked to do.
    Request,
}

impl Kind {
    /// Returns whether the callee has to agree to something for a time.
    pub(crate) fn is_booking(self) -> bool {
        matches!(self, Self::Table | Self::Booking | Self::Reschedule)
    }

    /// Returns whether an answer is all that is wanted.
    pub(crate) fn is_question(self) -> bool {
        matches!(self, Self::Hours | Self::Price | Self::Question)
    }
}

/// Which other times the requester allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Limits {
    /// Nothing before this.
    pub(crate) earliest: Option<Time>,
    /// Nothing after this.
    pub(crate) latest: Option<Time>,
    /// The stated time and no other.
    pub(crate) exact: bool,
    /// Any time of that day.
    pub(crate) any_time: bool,
    /// Any day.
    pub(crate) any_day: bool,
}

/// How far an offered time may lie from the wanted one, in minutes, unless the objective says otherwise.
pub(crate) const TOLERANCE_MINUTES: u16 = 120;

/// One errand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    /// Its kind.
    pub(crate) kind: Kind,
    /// How it is put to the callee, a whole sentence for the ear without the greeting.
    pub(crate) request: String,
    /// What it is about, for the ear: `a table for two`.
    pub(crate) what: String,
    /// The same for a record: `a table for 2`.
    pub(crate) written: String,
    /// Whether a question wants a yes or a no.
    pub(crate) yes_no: bool,
    /// How many people.
    pub(crate) party: Option<u32>,
    /// Which day; of a booking that is moved, the new one.
    pub(crate) day: Option<Day>,
    /// What time; of a booking that is moved, the new one.
    pub(crate) time: Option<Time>,
    /// Which other times are allowed.
    pub(crate) limits: Limits,
    /// Under which name.
    pub(crate) name: Option<String>,
    /// Under which telephone number the requester can be reached, digits and a leading `+`.
    pub(crate) phone: Option<String>,
    /// Where to sit: `outside`, `by the window`.
    pub(crate) seating: Option<&'static str>,
    /// Allergies, occasions and other wishes, in the requester's words.
    pub(crate) needs: Vec<String>,
    /// What the requester wants to be said first, word for word. It counts as having put the errand.
    pub(crate) first_message: Option<String>,
    /// Who is called.
    pub(crate) business: Option<String>,
    /// The date of the call.
    pub(crate) today: Option<Date>,
}

impl Task {
    /// Reads the errand from what the requester wrote.
    pub(crate) fn read(brief: &Brief) -> Self {
        let objective = brief.objective.trim();
        let extra = brief.instructions.as_deref().unwrap_or("");
        let heard = words(objective);
        let all = words(&format!("{objective} . {extra}"));
        let kind = kind(&heard);
        let target = match kind {
            Kind::Reschedule => new_date_part(&heard),
            _ => &heard[..],
        };
        let day = when::days(target).first().map(|(_, day)| *day);
        let time = wanted_time(target, kind);
        let day =
            day.or_else(|| (kind == Kind::Table && time.is_some()).then(|| presumed_day(time)));
        let mut task = Self {
            kind,
            request: String::new(),
            what: String::new(),
            written: String::new(),
            yes_no: any(
                &heard,
                &["if|whether", "^ do|does|is|are|can|could|have|has|will"],
            ),
            party: party(&heard).or_else(|| party(&words(extra))),
            day,
            time,
            limits: limits(&all, target, kind),
            name: details::name(objective, extra, kind, brief.business_name.as_deref()),
            phone: details::phone(objective).or_else(|| details::phone(extra)),
            seating: details::seating(&all),
            needs: details::needs(objective, extra),
            first_message: brief.first_message.clone(),
            business: brief.business_name.clone(),
            today: brief.today.parse().ok(),
        };
        phrase::put_into_words(&mut task, objective);
        task
    }

    /// Returns when it is wanted, for the ear: `tonight at seven p.m.`, or nothing.
    pub(crate) fn when_spoken(&self) -> String {
        when_spoken(self.day, self.time)
    }
}

/// Returns a day and a time for the ear, the day first so that `p.m.` ends the phrase.
pub(crate) fn when_spoken(day: Option<Day>, time: Option<Time>) -> String {
    match (day, time) {
        (Some(day), Some(time)) => format!("{} at {}", day.spoken(), time.spoken()),
        (Some(day), None) => day.spoken(),
        (None, Some(time)) => format!("at {}", time.spoken()),
        (None, None) => String::new(),
    }
}

/// Returns a time and a day for a record: `at 7:00 PM tonight`.
pub(crate) fn when_written(day: Option<Day>, time: Option<Time>) -> String {
    match (day, time) {
        (Some(day), Some(time)) => format!("at {} {}", time.written(), day.written()),
        (Some(day), None) => day.written(),
        (None, Some(time)) => format!("at {}", time.written()),
        (None, None) => String::new(),
    }
}

fn kind(heard: &[String]) -> Kind {
    const BOOKED: &str =
        "booking|bookings|reservation|reservations|appointment|appointments|table|order|stay|visit";
    if find(heard, "cancel|canceling").is_some() && find(heard, "cancellation policy").is_none() {
        return Kind::Cancel;
    }
    let moved = format!("reschedule|move|change|postpone|shift * {BOOKED}|my|the|our");
    if find(heard, &moved).is_some() && any(heard, &[&format!("reschedule|postpone|{BOOKED}")]) {
        return Kind::Reschedule;
    }
    if any(
        heard,
        &[
            "^ please? call? and? leave|give|pass|deliver * message",
            "^ please? tell|inform|remind|notify",
            "let * know",
            "leave a message",
        ],
    ) {
        return Kind::Message;
    }
    let asks = "^ * ask|find|check|inquire|enquire|see|learn|figure|determine|get|what|when|how|do|does|is|are|can|which|where|who|whether|if";
    let books = any(
        heard,
        &[
            "book|reserve|schedule|arrange|secure",
            "make|get|set|need|want|have|find * reservation|booking|appointment|table",
            "^ * reservation|booking|appointment|table for|at|tonight|tomorrow",
        ],
    );
    let table = any(
        heard,
        &[
            "table|dinner|lunch|brunch|breakfast",
            "reservation|reserve|book * for * people|guests|persons",
            "party of",
        ],
    ) && !any(
        heard,
        &[
            "room",
            "haircut",
            "doctor",
            "dentist",
            "appointment",
            "massage",
        ],
    );
    let question = find(heard, asks).is_some_and(|r| r.end <= 4);
    match (books, question) {
        (true, _)
            if table
                || any(heard, &["a reservation"]) && !any(heard, &["room|hotel|car|flight"]) =>
        {
            Kind::Table
        }
        (true, false) => Kind::Booking,
        (true, true) if any(heard, &["and book|reserve|schedule", "^ get|find|see"]) => {
            Kind::Booking
        }
        _ if table && party(heard).is_some() && !question => Kind::Table,
        _ => question_kind(heard, question),
    }
}

fn question_kind(heard: &[String], question: bool) -> Kind {
    if any(
        heard,
        &[
            "hours",
            "when|time * open|close|opens|closes|closing|opening",
            "opening|closing times|time",
            "open until|till",
            "are|is|if|whether * open|closed",
        ],
    ) {
        Kind::Hours
    } else if any(
        heard,
        &[
            "how much",
            "price|prices|cost|costs|rate|rates|fee|fees|quote|charge",
        ],
    ) {
        Kind::Price
    } else if question {
        Kind::Question
    } else {
        Kind::Request
    }
}

/// Of `move my table from friday to saturday at eight`, the words after the last `to` that leads to a day or time.
fn new_date_part(heard: &[String]) -> &[String] {
    let starts = (0..heard.len())
        .rev()
        .filter(|i| matches!(heard[*i].as_str(), "to" | "until" | "for"));
    for start in starts {
        let rest = &heard[start..];
        let leads = when::days(rest).first().is_some_and(|(r, _)| r.start <= 2)
            || when::times(rest, true)
                .first()
                .is_some_and(|t| t.at.start <= 2);
        if leads && heard[start] != "for" {
            return rest;
        }
    }
    heard
}

/// The wanted time: of several, the first that is no limit.
fn wanted_time(target: &[String], kind: Kind) -> Option<Time> {
    if kind.is_question() || kind == Kind::Message {
        return None;
    }
    let found = when::times(target, false);
    let first = found.first()?;
    Some(first.usual(day_begins(target, kind)))
}

/// When the twelve hours begin in which a bare `seven` is meant.
fn day_begins(target: &[String], kind: Kind) -> Time {
    let hour = if any(target, &["breakfast|morning|brunch"]) {
        5
    } else if any(target, &["lunch|noon|afternoon"]) {
        10
    } else if any(target, &["dinner|tonight|evening|night|supper"]) {
        13
    } else if kind == Kind::Table {
        11
    } else {
        8
    };
    Time::new(hour * 60)
}

fn presumed_day(time: Option<Time>) -> Day {
    if time.is_some_and(|t| t.minutes() >= 17 * 60) {
        Day::Tonight
    } else {
        Day::Today
    }
}

fn limits(all: &[String], target: &[String], kind: Kind) -> Limits {
    let begins = day_begins(target, kind);
    let at = |pattern: &[&str]| {
        let place = first_of(target, pattern)?;
        when::times(target, false)
            .iter()
            .find(|t| (place.end..=place.end + 1).contains(&t.at.start))
            .map(|t| t.usual(begins))
    };
    let between = first_of(target, &["between", "from"]).and_then(|place| {
        let found = when::times(target, false);
        let index = found.iter().position(|t| t.at.start == place.end)?;
        let until = found.get(index + 1)?;
        let until = until.usual(begins);
        Some((found[index].near(until), until))
    });
    let between = between.filter(|_| kind != Kind::Reschedule);
    Limits {
        earliest: at(&["after", "no|not earlier than", "not before"]).or(between.map(|b| b.0)),
        latest: at(&["before", "by", "no|not later than", "until", "not after"])
            .filter(|_| find(target, "not before").is_none())
            .or(between.map(|b| b.1)),
        exact: any(
            all,
            &[
                "exactly|strictly|sharp",
                "only at",
                "no other time",
                "must be at",
                "only if",
                "no alternatives",
                "other times do not work",
                "do not accept",
            ],
        ),
        any_time: any(
            all,
            &[
                "any time|anytime",
                "whenever|whatever",
                "time is flexible",
                "flexible on|with|about * time",
                "any slot",
                "i am|we are flexible",
                "next|first|earliest available|possible",
            ],
        ),
        any_day: any(
            all,
            &[
                "any day",
                "day is flexible",
                "flexible on|with|about * day|date",
                "next|first|earliest available|possible",
            ],
        ),
    }
}

#[cfg(test)]
mod tests;
