//! Events, actions and configurations as lines of text: one grammar for kept calls and for the call scripts.
//!
//! A line is a few bare words, `key=value` pairs and quoted sentences: `voice ended silence=120ms voiced=800ms`,
//! `words final "two people" mark=3`, `speak g2.0 "At seven."`. Times are offsets from the beginning of the call
//! in milliseconds with up to six decimals, so that nothing is lost: `12.5ms`. What [`write_event`] and
//! [`write_action`] write, [`read_event`] and [`read_action`] read back equal. Decides nothing about a call.

use std::{
    fmt,
    time::{Duration, Instant},
};

mod read;
mod settings;
mod write;

pub use read::{read_action, read_event};
pub use settings::{read_setting, write_settings};
pub use write::{write_action, write_event};

/// Why a line could not be read: a sentence that quotes what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError(String);

impl TextError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TextError {}

/// Writes a duration as milliseconds, exactly.
#[must_use]
pub fn write_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let (whole, rest) = (nanos / 1_000_000, nanos % 1_000_000);
    if rest == 0 {
        format!("{whole}ms")
    } else {
        format!("{whole}.{}ms", format!("{rest:06}").trim_end_matches('0'))
    }
}

/// Reads a duration: `120ms`, `12.5ms`, `7s`.
///
/// # Errors
/// When the text is no duration, or one beyond a century.
pub fn read_duration(text: &str) -> Result<Duration, TextError> {
    let wrong = || {
        TextError::new(format!(
            "'{text}' is no duration; write it like 120ms or 7s"
        ))
    };
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1_000_000),
        None => (text.strip_suffix('s').ok_or_else(wrong)?, 1_000_000_000),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || part.len() > 9 || !digits(whole) || !digits(part) {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let part: u64 = format!("{part:0<9}").parse().map_err(|_| wrong())?;
    let nanos = whole
        .checked_mul(unit)
        .and_then(|nanos| nanos.checked_add(part / (1_000_000_000 / unit)));
    nanos.map(Duration::from_nanos).ok_or_else(wrong)
}

/// Writes a line of a kept call: when, and what.
#[must_use]
pub fn event_line(at: Duration, event: &crate::Event) -> String {
    format!("{} {}", write_duration(at), write_event(event))
}

/// Writes a line of a kept call: when, and what was done. Instants inside are offsets from `origin`.
#[must_use]
pub fn action_line(at: Duration, action: &crate::Action, origin: Instant) -> String {
    format!("{} {}", write_duration(at), write_action(action, origin))
}

/// Quotes a sentence.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The names of a closed list of values, for both directions.
pub(crate) trait Names: Copy + PartialEq + 'static {
    /// What the list is of, for error sentences.
    const KIND: &'static str;
    /// Every value with its name.
    const ALL: &'static [(Self, &'static str)];

    /// Returns the name.
    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(value, _)| *value == self)
            .map_or("unknown", |(_, name)| name)
    }

    /// Returns the value of a name.
    fn read(name: &str) -> Result<Self, TextError> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found
            .map(|(value, _)| *value)
            .ok_or_else(|| TextError::new(format!("'{name}' is no {}", Self::KIND)))
    }
}

impl Names for crate::Failure {
    const KIND: &'static str = "failure";
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Busy, "busy"),
        (Self::NoAnswer, "no-answer"),
        (Self::Rejected, "rejected"),
        (Self::InvalidNumber, "invalid-number"),
        (Self::NetworkBlocked, "network-blocked"),
        (Self::LineUnavailable, "line-unavailable"),
        (Self::MediaLost, "media-lost"),
        (Self::SttFailed, "stt-failed"),
        (Self::LlmFailed, "llm-failed"),
        (Self::TtsFailed, "tts-failed"),
        (Self::Internal, "internal"),
    ];
}

impl Names for crate::AnsweredBy {
    const KIND: &'static str = "kind of answer";
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Human, "human"),
        (Self::Voicemail, "voicemail"),
        (Self::Ivr, "ivr"),
        (Self::Unknown, "unknown"),
    ];
}

impl Names for crate::Tone {
    const KIND: &'static str = "tone";
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Beep, "beep"),
        (Self::Ringback, "ringback"),
        (Self::Busy, "busy"),
        (Self::Sit, "sit"),
        (Self::Fax, "fax"),
    ];
}

impl Names for crate::Speaker {
    const KIND: &'static str = "speaker";
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Agent, "agent"),
        (Self::Callee, "callee"),
        (Self::Requester, "requester"),
        (Self::Note, "note"),
    ];
}

impl Names for crate::Status {
    const KIND: &'static str = "status";
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Dialing, "dialing"),
        (Self::InProgress, "in-progress"),
    ];
}

#[cfg(test)]
mod tests;
