//! Live events of one call as text: what both sides say while they say it, what was cut off, where the time before each
//! answer went, and how it ended. On a terminal what is being spoken, and the state of the call, are redrawn in place below
//! what is said for good; elsewhere (a file, a build log) every step is a line of its own.
//!
//! Text in, text out: nothing here reads a socket or a clock, or writes to a screen.

use std::collections::BTreeMap;

use protocol::{
    control::{Event, Numbered, SpokenWord, WordState},
    rest::{Call, Speaker, Status},
};
use unicode_width::UnicodeWidthStr;

mod latency;
mod summary;

pub(super) use self::summary::summary;
use super::{
    table::{cut, tail, wrap},
    terminal::plain,
};

/// Where a log gets a line for words that are not final, at most every so many words of the agent.
const LOG_EVERY: usize = 4;
/// Width of what stands before the words.
const MARGIN: usize = 17;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// The width of the terminal, in which the last line may be redrawn; `None` when it is no terminal.
    pub(super) terminal: Option<usize>,
    /// Whether escape sequences for colours may be used.
    pub(super) colour: bool,
}

/// Draws one call.
#[derive(Debug)]
pub(super) struct Renderer {
    style: Style,
    /// Words of the callee's turn, not yet printed for good.
    callee: Option<Said>,
    /// Clauses of the agent that are not heard to their end.
    agent: BTreeMap<(u32, u16), Said>,
    /// The newest clause that was printed for good.
    printed: Option<(u32, u16)>,
    introduced: bool,
    /// Whether it was said what the parts of a latency bar are.
    explained: bool,
    state: State,
    /// What stands below what is said for good, and is drawn anew.
    drawn: String,
}

#[derive(Debug)]
struct Said {
    t_ms: u64,
    text: String,
    /// Words of it that were heard.
    heard: usize,
    /// The last number of heard words for which a log got a line.
    logged: usize,
}

/// What the line at the bottom tells.
#[derive(Debug, Default)]
struct State {
    status: Option<Status>,
    answered_ms: Option<u64>,
    thinks: bool,
    asks: bool,
    /// The newest time that is known.
    t_ms: u64,
}

impl Renderer {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            callee: None,
            agent: BTreeMap::new(),
            printed: None,
            introduced: false,
            explained: false,
            state: State::default(),
            drawn: String::new(),
        }
    }

    /// The terminal is so wide now.
    pub(super) fn resize(&mut self, width: usize) {
        if let Some(terminal) = &mut self.style.terminal {
            *terminal = width;
        }
    }

    /// Returns what to write for this event.
    pub(super) fn event(&mut self, numbered: &Numbered) -> String {
        self.state.take(numbered);
        let erased = self.erase();
        let lines = self.lines(numbered);
        erased + &lines + &self.draw()
    }

    /// Returns what to write when the call's time is `t_ms`.
    pub(super) fn tick(&mut self, t_ms: u64) -> String {
        self.state.t_ms = self.state.t_ms.max(t_ms);
        if self.below() == self.drawn {
            return String::new();
        }
        self.erase() + &self.draw()
    }

    /// Returns what to write when the connection was lost, and is opened again.
    pub(super) fn lost(&mut self, t_ms: u64) -> String {
        let note = self.note(t_ms, "the connection was lost; trying again");
        self.erase() + &note + &self.draw()
    }

    /// Returns what to write when nothing more will be drawn.
    pub(super) fn leave(&mut self) -> String {
        self.erase()
    }

    /// Returns the lines for good that an event brings.
    fn lines(&mut self, numbered: &Numbered) -> String {
        let t_ms = numbered.t_ms;
        match &numbered.event {
            Event::Snapshot { call } => self.introduce(call),
            Event::CallStatus { status } => self.note(t_ms, &status.as_str().replace('_', " ")),
            Event::CallAnsweredBy { answered_by } => {
                self.note(t_ms, &format!("answered by: {answered_by}"))
            }
            Event::CalleePartial { text } | Event::CalleeFinal { text } => {
                self.callee_says(t_ms, text)
            }
            Event::AgentThinking { .. } => self.settle_callee(),
            Event::AgentSpeech {
                generation,
                clause,
                text,
                words,
            } => self.agent_says(t_ms, (*generation, *clause), text, words),
            Event::TurnInterrupted { .. } => self.interrupted(t_ms),
            Event::TurnResumed => {
                self.settle_callee()
                    + &self.note(t_ms, "went on speaking: that was no interruption")
            }
            Event::TurnLatency { latency, .. } => self.latency(t_ms, latency),
            Event::Dtmf { key, from } => {
                let who = if *from == Speaker::Agent {
                    "agent"
                } else {
                    "host"
                };
                self.note(t_ms, &format!("the {who} pressed {key}"))
            }
            Event::Tool { name, argument } => {
                let argument = argument
                    .as_ref()
                    .map_or_else(String::new, |text| format!(" {text}"));
                self.note(t_ms, &format!("tool: {name}{argument}"))
            }
            Event::Service {
                name,
                instead_of: Some(failed),
                reason,
                ..
            } => {
                let reason = reason.as_deref().unwrap_or_default();
                self.note(t_ms, &format!("{name} takes over from {failed}: {reason}"))
            }
            Event::Service { .. } => String::new(),
            Event::ToolRefused { name, reason, .. } => {
                self.note(t_ms, &format!("not done: {name}. {reason}"))
            }
            Event::Question { text, .. } => self.note(t_ms, &format!("the agent asks you: {text}")),
            Event::QuestionClosed { answered, .. } => {
                let how = if *answered {
                    "answered"
                } else {
                    "not answered in time"
                };
                self.note(t_ms, &format!("the question was {how}"))
            }
            Event::Warning { message } => self.note(t_ms, &format!("warning: {message}")),
            Event::CallEnded { call } => self.ended(call),
        }
    }

    fn introduce(&mut self, call: &Call) -> String {
        if std::mem::replace(&mut self.introduced, true) {
            return String::new();
        }
        let whom = match &call.business_name {
            Some(name) => format!("{name} ({})", call.to_phone_number),
            None => call.to_phone_number.clone(),
        };
        format!(
            "{}\n",
            plain(&format!("calling {whom}: {}", call.objective))
        )
    }

    /// The words of the callee's turn as they look now; even final ones may still grow or be revised, until the
    /// agent answers.
    fn callee_says(&mut self, t_ms: u64, text: &str) -> String {
        let fresh = || Said {
            t_ms,
            text: String::new(),
            heard: 0,
            logged: 0,
        };
        let mut said = self.callee.take().unwrap_or_else(fresh);
        let words = text.split_whitespace().count();
        let mut out = String::new();
        if self.style.terminal.is_none() && words > said.logged {
            out = log_line(said.t_ms, "Host", text);
            said.logged = words;
        }
        text.clone_into(&mut said.text);
        self.callee = Some(said);
        out
    }

    /// Prints the callee's words for good.
    fn settle_callee(&mut self) -> String {
        match self.callee.take() {
            Some(said) => self.spoken(said.t_ms, "Host", &said.text, None),
            None => String::new(),
        }
    }

    fn agent_says(
        &mut self,
        t_ms: u64,
        id: (u32, u16),
        text: &str,
        words: &[SpokenWord],
    ) -> String {
        let heard = words
            .iter()
            .take_while(|word| word.state == WordState::Heard)
            .count();
        let sent = words
            .iter()
            .take_while(|word| word.state >= WordState::Sent)
            .count();
        if sent == 0 || self.printed.is_some_and(|printed| id <= printed) {
            return String::new();
        }
        let mut out = self.settle_callee();
        let fresh = || Said {
            t_ms,
            text: text.to_owned(),
            heard: 0,
            logged: 0,
        };
        let said = self.agent.entry(id).or_insert_with(fresh);
        said.heard = heard;
        let begun = said.t_ms;
        if heard == words.len() {
            self.agent.remove(&id);
            self.printed = Some(id);
            return out + &self.spoken(begun, "Agent", text, None);
        }
        if self.style.terminal.is_none() && heard >= said.logged + LOG_EVERY {
            said.logged = heard;
            let heard: Vec<_> = words.iter().take(heard).map(|w| w.text.as_str()).collect();
            out += &log_line(begun, "Agent", &heard.join(" "));
        }
        out
    }

    fn interrupted(&mut self, t_ms: u64) -> String {
        let mut out = self.cut_off();
        out += &self.note(t_ms, "the agent was interrupted");
        out
    }

    /// Prints for good what was heard of the clauses under way.
    fn cut_off(&mut self) -> String {
        let mut out = String::new();
        for (id, said) in std::mem::take(&mut self.agent) {
            self.printed = Some(id);
            if said.heard > 0 {
                let words: Vec<&str> = said.text.split_whitespace().collect();
                let (heard, rest) = words.split_at(said.heard.min(words.len()));
                out += &self.spoken(said.t_ms, "Agent", &heard.join(" "), Some(&rest.join(" ")));
            }
        }
        out
    }

    fn ended(&mut self, call: &Call) -> String {
        let out = self.settle_callee() + &self.cut_off();
        out + &summary(call)
    }

    /// A line for good with the words of one side; `lost` is what was cut off behind them.
    fn spoken(&self, t_ms: u64, who: &str, text: &str, lost: Option<&str>) -> String {
        let mut text = plain(text);
        if lost.is_some() {
            text += " —";
        }
        let indent = " ".repeat(MARGIN);
        let room = self
            .style
            .terminal
            .map(|width| width.saturating_sub(MARGIN + 1));
        let lines = match room {
            Some(room) => wrap(&text, room.max(20)),
            None => vec![text],
        };
        let mut text = lines.join(&format!("\n{indent}"));
        // Only where it can be seen that it was not heard: dim, and struck through.
        if let (Some(lost), Some(room), true) = (lost, room, self.style.colour) {
            let left = room.saturating_sub(lines.last().map_or(0, |line| line.width()) + 1);
            if left > 3 && !lost.is_empty() {
                text += &format!(" {}", self.paint("2;9", &cut(&plain(lost), left)));
            }
        }
        let who = self.paint(colour_of(who), &format!("{who:<6}"));
        format!("{:>8}  {who} {text}\n", clock(t_ms))
    }

    /// A line about the call.
    fn note(&self, t_ms: u64, text: &str) -> String {
        let text = self.paint("2", &format!("{:>8}  · {}", clock(t_ms), plain(text)));
        format!("{text}\n")
    }

    /// Takes what was drawn below the lines for good off the terminal.
    fn erase(&mut self) -> String {
        let drawn = std::mem::take(&mut self.drawn);
        match drawn.lines().count() {
            0 => String::new(),
            1 => "\r\x1b[J".into(),
            lines => format!("\r\x1b[{}A\x1b[J", lines - 1),
        }
    }

    fn draw(&mut self) -> String {
        self.drawn = self.below();
        self.drawn.clone()
    }

    /// Returns what is being spoken, and how the call stands.
    fn below(&self) -> String {
        let Some(width) = self.style.terminal else {
            return String::new();
        };
        let over = self.state.status.is_none_or(Status::is_final);
        if over {
            return String::new();
        }
        let mut lines = Vec::new();
        if let Some(said) = &self.callee {
            lines.push(self.growing(width, said, "Host"));
        }
        lines.extend(
            self.agent
                .values()
                .map(|said| self.growing(width, said, "Agent")),
        );
        lines.push(self.bottom(width));
        lines.join("\n")
    }

    /// A line that will be drawn anew: the words so far, and, dim, those that follow.
    fn growing(&self, width: usize, said: &Said, who: &str) -> String {
        let words: Vec<&str> = said.text.split_whitespace().collect();
        let agent = who == "Agent";
        let now = if agent {
            said.heard.max(1).min(words.len())
        } else {
            words.len()
        };
        let (now, next) = words.split_at(now);
        let (now, next) = (plain(&now.join(" ")), plain(&next.join(" ")));
        let room = width.saturating_sub(MARGIN + 1);
        // The newest words matter most: a long line loses its beginning.
        let now = tail(&now, room);
        let next = cut(&next, room.saturating_sub(now.width() + 1));
        let next = if next.is_empty() {
            next
        } else {
            self.paint("2", &format!(" {next}"))
        };
        let who = self.paint(colour_of(who), &format!("{who:<6}"));
        format!("{:>8}  {who} {now}{next}", clock(said.t_ms))
    }

    /// The last line: how the call stands, for how long, and whose turn it is.
    fn bottom(&self, width: usize) -> String {
        let state = &self.state;
        let status = state.status.map_or("", Status::as_str).replace('_', " ");
        let since = state.answered_ms.unwrap_or(0);
        let seconds = state.t_ms.saturating_sub(since) / 1000;
        let who = if state.asks {
            " · the agent asks you: answer with `agentphone calls answer`"
        } else if self.callee.is_some() && !self.agent.is_empty() {
            " · both speak"
        } else if self.callee.is_some() {
            " · the host speaks"
        } else if !self.agent.is_empty() {
            " · the agent speaks"
        } else if state.thinks {
            " · the agent thinks"
        } else if state.status == Some(Status::InProgress) {
            " · nobody speaks"
        } else {
            ""
        };
        let text = format!("{status} {}:{:02}{who}", seconds / 60, seconds % 60);
        self.paint("7", &cut(&format!(" {text} "), width.saturating_sub(1)))
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.style.colour {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

impl State {
    fn take(&mut self, numbered: &Numbered) {
        match &numbered.event {
            Event::Snapshot { call } => {
                // One that is over tells how it was: with the time of its events, and not that of today.
                if call.status.is_final() {
                    return;
                }
                self.status = Some(call.status);
                let answered = call
                    .started_at
                    .map(|at| at.unix_ms() - call.created_at.unix_ms());
                self.answered_ms = answered.and_then(|ms| u64::try_from(ms).ok());
            }
            Event::CallStatus { status } => {
                self.status = Some(*status);
                if *status == Status::InProgress {
                    self.answered_ms = Some(numbered.t_ms);
                }
            }
            Event::AgentThinking { .. } => self.thinks = true,
            Event::AgentSpeech { words, .. }
                if words.iter().any(|word| word.state >= WordState::Sent) =>
            {
                self.thinks = false;
            }
            Event::CalleePartial { .. } | Event::TurnInterrupted { .. } => self.thinks = false,
            Event::Question { .. } => self.asks = true,
            Event::QuestionClosed { .. } => self.asks = false,
            Event::CallEnded { call } => self.status = Some(call.status),
            _ => {}
        }
        self.t_ms = self.t_ms.max(numbered.t_ms);
    }
}

fn colour_of(who: &str) -> &'static str {
    if who == "Agent" { "36" } else { "33" }
}

/// A step of a log: words that may grow.
fn log_line(t_ms: u64, who: &str, text: &str) -> String {
    format!("{:>8}  {who:<6} … {}\n", clock(t_ms), plain(text))
}

/// Returns minutes, seconds and tenths since the call was created.
fn clock(t_ms: u64) -> String {
    let tenths = t_ms / 100;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

#[cfg(test)]
mod tests;
