//! Kept calls: events with their times go through a fresh core again, and its actions are compared.
//!
//! Decides nothing; finds the first difference, and tells what led to it. A kept call is text: `set` lines for the
//! configuration, one line per event, a line `-----`, one line per action.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{Action, Call, CallConfig, Event, Timer, text, text::TextError};

/// How many events before the one that matters are told, at most.
const BEFORE: usize = 3;
/// The line between events and actions.
const DIVIDER: &str = "-----";

/// A call as it was kept. Times count from [`Call::start`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recording {
    /// How the call was configured.
    pub config: CallConfig,
    /// What happened, in order.
    pub events: Vec<(Duration, Event)>,
    /// What was done, in order; empty when it was not kept.
    pub actions: Vec<(Duration, Action)>,
}

/// Where a replay first differs from what was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstDifference {
    /// Which action, counted from 0.
    pub index: usize,
    /// What was kept, and when it was done; `None` when the replay does more.
    pub kept: Option<(Duration, String)>,
    /// What the replay does, and when; `None` when it does less.
    pub replayed: Option<(Duration, String)>,
    /// The event at which they part; `None` when they do before any.
    pub event: Option<(Duration, String)>,
    /// The events before that one, oldest first: the last few.
    pub before: Vec<(Duration, String)>,
    /// What the present core waited for before that event, and until when.
    pub waited_for: Option<(Duration, Timer)>,
}

impl FirstDifference {
    /// Says in a sentence why they differ, as far as the events tell it.
    #[must_use]
    pub fn why(&self) -> String {
        let time = text::write_duration;
        let what = match (&self.kept, &self.replayed) {
            (Some((kept, what)), Some((now, same))) if what == same => {
                let (much, how) = match kept.checked_sub(*now) {
                    Some(early) => (early, "earlier"),
                    None => (now.saturating_sub(*kept), "later"),
                };
                format!("the present core does the same, but {} {how}", time(much))
            }
            (Some((_, kept)), Some((_, now))) if word(kept) == word(now) => {
                format!("the present core does {} otherwise", word(kept))
            }
            (Some((_, kept)), Some((_, now))) => {
                format!(
                    "the present core does {} where {} was done",
                    word(now),
                    word(kept)
                )
            }
            (None, Some((_, now))) => format!("the present core does {}, too", word(now)),
            (Some((_, kept)), None) => format!("the present core does not do {}", word(kept)),
            (None, None) => "nothing differs".into(),
        };
        format!("{what}, {}", self.occasion())
    }

    fn occasion(&self) -> String {
        let time = text::write_duration;
        let Some((at, event)) = &self.event else {
            return "at the start".into();
        };
        if event != "deadline" {
            return format!("at the event: {event}");
        }
        match self.waited_for {
            Some((due, timer)) if due == *at => {
                format!("when the time of {} is over", timer.name())
            }
            Some((due, timer)) => format!(
                "for the kept call was woken at {}, while the present core waits for {} until {}",
                time(*at),
                timer.name(),
                time(due)
            ),
            None => format!(
                "for the kept call was woken at {}, while the present core waits for nothing",
                time(*at)
            ),
        }
    }
}

/// The kind of an action: its first word.
fn word(action: &str) -> &str {
    action.split_whitespace().next().unwrap_or(action)
}

impl fmt::Display for FirstDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &Option<(Duration, String)>| match side {
            Some((at, what)) => format!("{} {what}", text::write_duration(*at)),
            None => "nothing".into(),
        };
        write!(
            f,
            "action {} differs: {}\n  kept:   {}\n  replay: {}",
            self.index,
            self.why(),
            side(&self.kept),
            side(&self.replayed)
        )
    }
}

impl std::error::Error for FirstDifference {}

/// An action, when it was done, and the event that it followed, counted from 0.
type Done = (Option<usize>, Duration, Action);

/// Runs events through a fresh core, which counts its time from `origin`; returns all actions with their times.
#[must_use]
pub fn run(
    config: CallConfig,
    events: &[(Duration, Event)],
    origin: Instant,
) -> Vec<(Duration, Action)> {
    let (done, _) = follow(config, events, origin);
    done.into_iter()
        .map(|(_, at, action)| (at, action))
        .collect()
}

/// Runs events through a fresh core; returns what it did, and what it waits for then.
fn follow(
    config: CallConfig,
    events: &[(Duration, Event)],
    origin: Instant,
) -> (Vec<Done>, Option<(Duration, Timer)>) {
    let mut call = Call::new(config, origin);
    let mut actions = Vec::new();
    let mut done = Vec::new();
    call.start(origin, &mut actions);
    done.extend(
        actions
            .drain(..)
            .map(|action| (None, Duration::ZERO, action)),
    );
    for (number, (at, event)) in events.iter().enumerate() {
        let Some(now) = origin.checked_add(*at) else {
            continue;
        };
        call.handle(event.clone(), now, &mut actions);
        done.extend(actions.drain(..).map(|action| (Some(number), *at, action)));
    }
    let waits = call.deadline();
    let waits = waits.map(|(due, timer)| (due.saturating_duration_since(origin), timer));
    (done, waits)
}

impl Recording {
    /// Reads a kept call, whose instants will count from `origin`. Empty lines and lines that begin with `#` are
    /// passed over.
    ///
    /// # Errors
    /// The number of the first line that cannot be read, and why.
    pub fn read(whole: &str, origin: Instant) -> Result<Self, TextError> {
        let mut recording = Self::default();
        let mut acting = false;
        for (number, line) in whole.lines().enumerate() {
            let line = line.trim();
            if line == DIVIDER {
                acting = true;
            } else if !line.is_empty() && !line.starts_with('#') {
                recording
                    .read_line(line, acting, origin)
                    .map_err(|error| TextError::new(format!("line {}: {error}", number + 1)))?;
            }
        }
        Ok(recording)
    }

    fn read_line(&mut self, line: &str, acting: bool, origin: Instant) -> Result<(), TextError> {
        if let Some(setting) = line.strip_prefix("set ") {
            return text::read_setting(setting, &mut self.config);
        }
        let (at, rest) = line
            .split_once(char::is_whitespace)
            .ok_or_else(|| TextError::new("a time and more is needed"))?;
        let at = text::read_duration(at)?;
        if acting {
            self.actions.push((at, text::read_action(rest, origin)?));
        } else {
            self.events.push((at, text::read_event(rest)?));
        }
        Ok(())
    }

    /// Writes the whole as text.
    #[must_use]
    pub fn write(&self, origin: Instant) -> String {
        let mut whole = text::write_settings(&self.config);
        for (at, event) in &self.events {
            whole.push_str(&text::event_line(*at, event));
            whole.push('\n');
        }
        whole.push_str(DIVIDER);
        whole.push('\n');
        for (at, action) in &self.actions {
            whole.push_str(&text::action_line(*at, action, origin));
            whole.push('\n');
        }
        whole
    }

    /// Replays the events and compares the actions, and the times at which they are done.
    ///
    /// # Errors
    /// The first action that differs.
    pub fn replay(&self, origin: Instant) -> Result<(), Box<FirstDifference>> {
        let (done, _) = follow(self.config.clone(), &self.events, origin);
        let same = |index: &usize| match (self.actions.get(*index), done.get(*index)) {
            (Some((at, kept)), Some((_, now, action))) => at == now && kept == action,
            _ => false,
        };
        let count = self.actions.len().max(done.len());
        match (0..count).find(|index| !same(index)) {
            Some(index) => Err(Box::new(self.tell(index, &done, origin))),
            None => Ok(()),
        }
    }

    fn tell(&self, index: usize, done: &[Done], origin: Instant) -> FirstDifference {
        let line = |at: Duration, action: &Action| (at, text::write_action(action, origin));
        let kept = self.actions.get(index);
        let now = done.get(index);
        // They part at the earlier of the two.
        let event = match (kept, now) {
            (Some((at, _)), Some((_, now, _))) if at < now => self.last_event_at(*at),
            (_, Some((event, _, _))) => *event,
            (Some((at, _)), None) => self.last_event_at(*at),
            (None, None) => None,
        };
        let written = |number: usize| {
            let (at, event) = &self.events[number];
            (*at, text::write_event(event))
        };
        let until = event.unwrap_or(0);
        let (_, waited_for) = follow(self.config.clone(), &self.events[..until], origin);
        FirstDifference {
            index,
            kept: kept.map(|(at, action)| line(*at, action)),
            replayed: now.map(|(_, at, action)| line(*at, action)),
            event: event.map(written),
            before: (until.saturating_sub(BEFORE)..until).map(written).collect(),
            waited_for: event.and(waited_for),
        }
    }

    fn last_event_at(&self, at: Duration) -> Option<usize> {
        self.events.iter().rposition(|(when, _)| *when <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LineEvent, testing::epoch};

    fn kept() -> Recording {
        let at = Duration::from_millis;
        let events = vec![
            (at(0), Event::Line(LineEvent::Ringing)),
            (at(2_000), Event::Line(LineEvent::Answered)),
            (at(9_000), Event::Deadline),
        ];
        let config = CallConfig::default();
        let actions = run(config.clone(), &events, epoch());
        Recording {
            config,
            events,
            actions,
        }
    }

    fn differs(kept: &Recording) -> FirstDifference {
        *kept.replay(epoch()).expect_err("it differs")
    }

    #[test]
    fn a_call_replays_to_itself() {
        kept().replay(epoch()).expect("the same actions");
    }

    #[test]
    fn an_action_that_is_missing_or_new_is_told_with_its_event() {
        let mut less = kept();
        let gone = less.actions.pop().expect("it did something");
        let found = differs(&less);
        assert_eq!((found.index, &found.kept), (less.actions.len(), &None));
        assert!(found.why().contains("too, "), "{found}");
        assert_eq!(found.replayed.map(|(at, _)| at), Some(gone.0));
        let mut more = kept();
        more.actions.push((Duration::from_secs(9), Action::HangUp));
        let found = differs(&more);
        assert!(
            found.why().starts_with("the present core does not do hang"),
            "{found}"
        );
        assert_eq!(
            found.event,
            Some((Duration::from_secs(9), "deadline".into()))
        );
        assert_eq!(found.before.len(), 2);
    }

    #[test]
    fn a_time_that_differs_is_a_difference() {
        let mut late = kept();
        let last = late.actions.last_mut().expect("it did something");
        last.0 += Duration::from_millis(40);
        let found = differs(&late);
        assert!(
            found.why().contains("the same, but 40ms earlier"),
            "{found}"
        );
    }

    #[test]
    fn a_deadline_that_moved_is_told_by_its_timer() {
        // As if the core had been patient for another time when the call was made.
        let mut moved = kept();
        let due = moved.events.len() - 1;
        moved.events[due].0 = Duration::from_millis(2_001);
        moved
            .actions
            .push((Duration::from_millis(2_001), Action::HangUp));
        moved
            .actions
            .retain(|(at, _)| *at <= Duration::from_millis(2_001));
        let found = differs(&moved);
        assert!(
            found
                .why()
                .contains("was woken at 2001ms, while the present core waits for"),
            "{found}"
        );
    }
}
