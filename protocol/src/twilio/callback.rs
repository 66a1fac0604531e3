//! Callbacks: the forms by which a carrier tells how a call goes, who answered, how its stream fares, and that
//! somebody calls. Source: <https://www.twilio.com/docs/voice/api/call-resource#statuscallback> and the real traffic.

use std::collections::HashMap;

/// The decoded fields of a form; of a repeated one the last counts.
#[derive(Debug, Clone, Default)]
pub struct Fields(HashMap<String, String>);

impl Fields {
    /// Takes the fields of a form.
    #[must_use]
    pub fn new(form: &[(String, String)]) -> Self {
        Self(form.iter().cloned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(|value| value.trim())?;
        (!value.is_empty()).then_some(value)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name).and_then(|value| value.parse().ok())
    }

    /// Returns the call that a callback is about, if it names one of a shape that can be.
    #[must_use]
    pub fn call(&self) -> Option<&str> {
        let id = self.get("CallSid")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
        (id.len() <= 128 && id.chars().all(plain)).then_some(id)
    }

    /// Returns the account that a callback names.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.get("AccountSid")
    }
}

/// Where the carrier says that a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Waiting to be dialed.
    Queued,
    /// Being dialed.
    Initiated,
    /// The phone rings.
    Ringing,
    /// Picked up.
    InProgress,
    /// Over, after it had been picked up.
    Completed,
    /// Engaged.
    Busy,
    /// Not picked up in time.
    NoAnswer,
    /// Could not be made.
    Failed,
    /// Taken back before it was picked up.
    Canceled,
}

impl Status {
    /// Reads the word of a callback or a resource.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "queued" => Self::Queued,
            "initiated" => Self::Initiated,
            "ringing" => Self::Ringing,
            "in-progress" | "answered" => Self::InProgress,
            "completed" => Self::Completed,
            "busy" => Self::Busy,
            "no-answer" => Self::NoAnswer,
            "failed" => Self::Failed,
            "canceled" => Self::Canceled,
            _ => return None,
        })
    }

    /// Returns whether nothing comes after it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Busy | Self::NoAnswer | Self::Failed | Self::Canceled
        )
    }
}

/// A callback about the status of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCallback {
    /// Where the call stands.
    pub status: Status,
    /// The callback's place among those of its call, from 0. They may arrive in any order.
    pub sequence: Option<u32>,
    /// The answer of the telephone network.
    pub sip_code: Option<u16>,
    /// The carrier's own number of what went wrong.
    pub error: Option<u32>,
    /// Who answered, where that is told with the status.
    pub answered_by: Option<AnsweredBy>,
}

impl StatusCallback {
    /// Reads a callback; `None` when it names no status that is known.
    #[must_use]
    pub fn read(fields: &Fields) -> Option<Self> {
        Some(Self {
            status: Status::parse(fields.get("CallStatus")?)?,
            sequence: fields.number("SequenceNumber"),
            sip_code: fields.number("SipResponseCode"),
            error: fields.number("ErrorCode"),
            answered_by: AnsweredBy::read(fields),
        })
    }
}

/// Who the carrier says has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnsweredBy {
    /// A person.
    Human,
    /// A machine, its greeting still going on or over.
    Machine,
    /// A fax machine.
    Fax,
    /// Not found out.
    Unknown,
}

impl AnsweredBy {
    /// Reads it from a callback; `None` when it does not say.
    #[must_use]
    pub fn read(fields: &Fields) -> Option<Self> {
        Some(match fields.get("AnsweredBy")? {
            "human" => Self::Human,
            "fax" => Self::Fax,
            word if word.starts_with("machine") => Self::Machine,
            _ => Self::Unknown,
        })
    }
}

/// A callback about a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamCallback {
    /// It started.
    Started,
    /// It stopped.
    Stopped,
    /// It could not be opened, or broke; what the carrier says about it.
    Failed(String),
}

impl StreamCallback {
    /// Reads a callback; `None` when it names no event that is known.
    #[must_use]
    pub fn read(fields: &Fields) -> Option<Self> {
        Some(match fields.get("StreamEvent")? {
            "stream-started" => Self::Started,
            "stream-stopped" => Self::Stopped,
            "stream-error" => {
                let words = fields.get("StreamError").unwrap_or("no reason was given");
                Self::Failed(
                    words
                        .chars()
                        .filter(|c| !c.is_control())
                        .take(200)
                        .collect(),
                )
            }
            _ => return None,
        })
    }
}

/// Somebody calls one of our numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingCall {
    /// The call.
    pub call: String,
    /// The number that was dialed.
    pub to: String,
    /// Who calls, as the network tells; may be empty or a word such as `anonymous`.
    pub from: String,
}

impl IncomingCall {
    /// Reads the request for instructions; `None` when it names no call or no number.
    #[must_use]
    pub fn read(fields: &Fields) -> Option<Self> {
        Some(Self {
            call: fields.call()?.to_owned(),
            to: fields.get("To").or(fields.get("Called"))?.to_owned(),
            from: fields
                .get("From")
                .or(fields.get("Caller"))
                .unwrap_or_default()
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
