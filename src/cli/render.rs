//! Live events of one call as lines of text: what both sides say while they say it, how long answers took, and
//! how it ended. On a terminal the line that is being spoken is redrawn in place; elsewhere (a file, a build log)
//! every step is a line of its own.
//!
//! Text in, text out: nothing here reads a socket or writes to a screen.

use std::collections::BTreeMap;

use protocol::{
    control::{Event, Numbered, SpokenWord, WordState},
    rest::{Call, Outcome, Speaker, TurnLatency},
};

/// Where a log gets a line for words that are not final, at most every so many words of the agent.
const LOG_EVERY: usize = 4;
/// What moves to the start of the line and empties it.
const CLEAR: &str = "\r\x1b[2K";
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

impl Renderer {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            callee: None,
            agent: BTreeMap::new(),
            printed: None,
            introduced: false,
        }
    }

    /// Returns what to write for this event.
    pub(super) fn event(&mut self, numbered: &Numbered) -> String {
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
            Event::TurnLatency { latency, .. } => self.note(t_ms, &latency_text(latency)),
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
        let due = if self.style.terminal.is_some() {
            said.text != text
        } else {
            words > said.logged
        };
        let mut out = String::new();
        if due {
            out = self.growing(said.t_ms, "Host", text, "");
            said.logged = words;
        }
        text.clone_into(&mut said.text);
        self.callee = Some(said);
        out
    }

    /// Prints the callee's words for good.
    fn settle_callee(&mut self) -> String {
        match self.callee.take() {
            Some(said) => self.spoken(said.t_ms, "Host", &said.text, ""),
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
            return out + &self.spoken(begun, "Agent", text, "");
        }
        let due = self.style.terminal.is_some() || heard >= said.logged + LOG_EVERY;
        if due {
            said.logged = heard;
            let split = |from: usize, to: usize| {
                words[from..to]
                    .iter()
                    .map(|word| word.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            out += &self.growing(
                begun,
                "Agent",
                &split(0, heard.max(1)),
                &split(heard.max(1), words.len()),
            );
        }
        out
    }

    fn interrupted(&mut self, t_ms: u64) -> String {
        let mut out = String::new();
        let cut = std::mem::take(&mut self.agent);
        for (id, said) in cut {
            self.printed = Some(id);
            if said.heard > 0 {
                let words: Vec<&str> = said.text.split_whitespace().take(said.heard).collect();
                out += &self.spoken(said.t_ms, "Agent", &words.join(" "), " —");
            }
        }
        out + &self.note(t_ms, "the agent was interrupted")
    }

    fn ended(&mut self, call: &Call) -> String {
        let mut out = self.settle_callee();
        for said in std::mem::take(&mut self.agent)
            .into_values()
            .filter(|said| said.heard > 0)
        {
            let words: Vec<&str> = said.text.split_whitespace().take(said.heard).collect();
            out += &self.spoken(said.t_ms, "Agent", &words.join(" "), " —");
        }
        if self.style.terminal.is_some() {
            out += CLEAR;
        }
        out + &summary(call)
    }

    /// A line for good with the words of one side.
    fn spoken(&self, t_ms: u64, who: &str, text: &str, cut: &str) -> String {
        let clear = self.clear();
        let colour = if who == "Agent" { "36" } else { "33" };
        let who = self.paint(colour, &format!("{who:<6}"));
        format!("{clear}{:>8}  {who} {}{cut}\n", clock(t_ms), plain(text))
    }

    /// A line about the call.
    fn note(&self, t_ms: u64, text: &str) -> String {
        let text = self.paint("2", &format!("{:>8}  · {}", clock(t_ms), plain(text)));
        format!("{}{text}\n", self.clear())
    }

    /// A line that will be replaced: `now` is said, `next` will be.
    fn growing(&self, t_ms: u64, who: &str, now: &str, next: &str) -> String {
        let (now, next) = (plain(now), plain(next));
        let Some(width) = self.style.terminal else {
            return format!("{:>8}  {who:<6} … {now}\n", clock(t_ms));
        };
        let room = width.saturating_sub(MARGIN + 2).max(20);
        // The newest words matter most: a long line loses its beginning.
        let count = now.chars().count();
        let now: String = now.chars().skip(count.saturating_sub(room)).collect();
        let left = room.saturating_sub(count);
        let next: String = next.chars().take(left.saturating_sub(1)).collect();
        let next = if next.is_empty() {
            next
        } else {
            self.paint("2", &format!(" {next}"))
        };
        format!("{CLEAR}{:>8}  {who:<6} {now}{next}", clock(t_ms))
    }

    fn clear(&self) -> &'static str {
        if self.style.terminal.is_some() {
            CLEAR
        } else {
            ""
        }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.style.colour {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Takes from a text what could move the cursor or change the terminal: it came over the network.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Returns minutes, seconds and tenths since the call was created.
fn clock(t_ms: u64) -> String {
    let tenths = t_ms / 100;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

fn latency_text(latency: &TurnLatency) -> String {
    let s = |ms: u64| format!("{}.{:02}", ms / 1000, ms % 1000 / 10);
    format!(
        "answered after {} s: end of turn {}, words {}, thought {}, voice {}, line {}",
        s(latency.felt_silence_ms),
        s(latency.end_of_turn_ms),
        s(latency.words_ms),
        s(latency.first_token_ms),
        s(latency.first_sound_ms),
        s(latency.wire_ms)
    )
}

fn summary(call: &Call) -> String {
    let mut out = String::from("\n");
    let mut row = |name: &str, text: &str| out += &format!("{name:<10}{}\n", plain(text));
    let how = match (&call.failure, call.end_reason) {
        (Some(failure), _) => format!(": {}", failure.message),
        (None, Some(reason)) => format!(", {}", reason.as_str().replace('_', " ")),
        (None, None) => String::new(),
    };
    row(
        "status",
        &format!("{}{how}", call.status.as_str().replace('_', " ")),
    );
    if let Some(outcome) = call.outcome {
        let details = call
            .outcome_details
            .as_deref()
            .map_or_else(String::new, |text| format!(": {text}"));
        row(
            "outcome",
            &format!("{}{details}", outcome.as_str().replace('_', " ")),
        );
    }
    if let Some(summary) = &call.summary {
        row("summary", summary);
    }
    if let Some(seconds) = call.duration_seconds {
        row("duration", &format!("{seconds} s"));
    }
    if let Some(metrics) = call.metrics.as_ref().filter(|metrics| metrics.answers > 0) {
        row(
            "silence",
            &format!(
                "before an answer {} ms in the middle, {} ms at the 95th percentile",
                metrics.felt_silence_ms.p50, metrics.felt_silence_ms.p95
            ),
        );
    }
    out
}

/// Returns whether the call did what it was made for.
pub(super) fn achieved(call: &Call) -> bool {
    call.outcome == Some(Outcome::Achieved)
}

#[cfg(test)]
mod tests;
