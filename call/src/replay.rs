//! Kept calls: events with their times go through a fresh core again, and its actions are compared.
//!
//! Decides nothing; finds the first difference. A kept call is text: `set` lines for the configuration, one line
//! per event, a line `-----`, one line per action.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{Action, Call, CallConfig, Event, text, text::TextError};

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
    /// When it was, or should have been, done.
    pub at: Duration,
    /// What was kept; `None` when the replay does more.
    pub expected: Option<String>,
    /// What the replay does; `None` when it does less.
    pub got: Option<String>,
}

impl fmt::Display for FirstDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".into());
        write!(
            f,
            "action {} at {} differs\n  kept:   {}\n  replay: {}",
            self.index,
            text::write_duration(self.at),
            side(&self.expected),
            side(&self.got)
        )
    }
}

impl std::error::Error for FirstDifference {}

/// Runs events through a fresh core, which counts its time from `origin`; returns all actions with their times.
#[must_use]
pub fn run(
    config: CallConfig,
    events: &[(Duration, Event)],
    origin: Instant,
) -> Vec<(Duration, Action)> {
    let mut call = Call::new(config, origin);
    let mut actions = Vec::new();
    let mut timed = Vec::new();
    call.start(origin, &mut actions);
    timed.extend(actions.drain(..).map(|action| (Duration::ZERO, action)));
    for (at, event) in events {
        let Some(now) = origin.checked_add(*at) else {
            continue;
        };
        call.handle(event.clone(), now, &mut actions);
        timed.extend(actions.drain(..).map(|action| (*at, action)));
    }
    timed
}

/// Replays events and compares the actions with those that were kept, whose instants count from `origin`.
///
/// # Errors
/// The first action that differs.
pub fn replay(
    config: CallConfig,
    events: &[(Duration, Event)],
    expected: &[Action],
    origin: Instant,
) -> Result<(), FirstDifference> {
    let got = run(config, events, origin);
    for index in 0..expected.len().max(got.len()) {
        let (kept, done) = (expected.get(index), got.get(index));
        if kept != done.map(|(_, action)| action) {
            let line = |action: &Action| text::write_action(action, origin);
            return Err(FirstDifference {
                index,
                at: done.or(got.last()).map_or(Duration::ZERO, |(at, _)| *at),
                expected: kept.map(line),
                got: done.map(|(_, action)| line(action)),
            });
        }
    }
    Ok(())
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

    /// Replays the events and compares the actions.
    ///
    /// # Errors
    /// The first action that differs.
    pub fn replay(&self, origin: Instant) -> Result<(), FirstDifference> {
        let expected: Vec<_> = self
            .actions
            .iter()
            .map(|(_, action)| action.clone())
            .collect();
        replay(self.config.clone(), &self.events, &expected, origin)
    }
}
