//! The text of a call for replay: its configuration, every event of the core with its time, and every action. Written by
//! the keeper, read back by `call::replay`.

use std::time::{Duration, Instant};

use call::{Action, CallConfig, Event, text};

use crate::packed::Text;

/// Longest log; a call that needs more is not kept for replay.
const MAX: usize = 8 << 20;

/// A log under way.
#[derive(Debug)]
pub(super) struct ReplayLog {
    origin: Instant,
    settings: String,
    events: Text,
    actions: Text,
    complete: bool,
}

impl ReplayLog {
    /// Starts the log of a core that was made with `config` and started at `origin`.
    pub(super) fn new(config: &CallConfig, origin: Instant) -> Self {
        Self {
            origin,
            settings: text::write_settings(config),
            events: Text::default(),
            actions: Text::default(),
            complete: true,
        }
    }

    pub(super) fn event(&mut self, at: Duration, event: &Event) {
        push(
            &mut self.events,
            &text::event_line(at, event),
            &mut self.complete,
        );
    }

    pub(super) fn action(&mut self, at: Duration, action: &Action) {
        let line = text::action_line(at, action, self.origin);
        push(&mut self.actions, &line, &mut self.complete);
    }

    /// Notes that something is missing: a log with holes replays nothing and is not kept.
    pub(super) fn broken(&mut self) {
        self.complete = false;
    }

    /// Returns the whole text, if nothing is missing.
    pub(super) fn finish(self) -> Option<String> {
        let Self {
            settings,
            events,
            actions,
            ..
        } = self;
        self.complete.then(|| {
            let mut whole = settings;
            events.write(&mut whole);
            whole.push_str("-----\n");
            actions.write(&mut whole);
            whole
        })
    }
}

fn push(to: &mut Text, line: &str, complete: &mut bool) {
    if to.len() + line.len() > MAX {
        *complete = false;
    }
    if *complete {
        to.push_line(line);
    }
}
