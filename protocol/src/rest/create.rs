//! The body of `POST /calls`: read in a fixed order of checks, so that each mistake gets one answer, always the same.
//!
//! Order: JSON, object, required fields, the other fields, then the numbers. `null` counts as absent, and so does an
//! empty optional text. Unknown fields are accepted and named in the warnings. What this version cannot do from
//! the number that was asked for is refused; what it merely leaves out is accepted with a warning.

pub(super) mod fields;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::fields::{Fields, read_object};
use super::Time;
use crate::{
    error::ApiError,
    language,
    phone::{PhoneNumber, PhoneRules},
};

/// What can be asked of this server, for checks that depend on its configuration.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The lines that may be asked for by name; the first one is the default.
    pub lines: Vec<String>,
    /// Which numbers may be called.
    pub phone: PhoneRules,
    /// The longest `max_duration_seconds` that may be asked for.
    pub max_duration_seconds: u32,
    /// The numbers that may be asked for as `from_phone_number`, each with its line.
    pub from_numbers: Vec<(String, String)>,
}

impl Default for Offer {
    /// The simulated line only, ordinary numbers, two hours.
    fn default() -> Self {
        Self {
            lines: vec![SIMULATED.to_owned()],
            phone: PhoneRules::default(),
            max_duration_seconds: 7200,
            from_numbers: Vec::new(),
        }
    }
}

/// The line whose callee is played by a scenario.
const SIMULATED: &str = "simulated";

/// How long a call may last when the request does not say.
const DEFAULT_DURATION_SECONDS: u32 = 600;

/// A call as requested, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateCall {
    /// Whom to call, E.164 and allowed.
    pub to_phone_number: String,
    /// What to accomplish.
    pub objective: String,
    /// Who is called, by name.
    pub business_name: Option<String>,
    /// Where the agent may read about the callee.
    pub website: Option<String>,
    /// BCP 47 tag; `en-US` when the request does not say.
    pub language: String,
    /// What to say first, word for word.
    pub first_message: Option<String>,
    /// How long the conversation may last.
    pub max_duration_seconds: u32,
    /// What to do when a voice mailbox answers.
    pub voicemail: Voicemail,
    /// Where the requester wants to be told what happens to the call; the account's own address when absent.
    pub webhook_url: Option<String>,
    /// Kept and given back, never looked at.
    pub metadata: Option<Map<String, Value>>,
    /// JSON Schema of what to bring back.
    pub result_schema: Option<Value>,
    /// Where the agent may connect the callee to.
    pub transfer_to: Option<String>,
    /// More context for the agent.
    pub instructions: Option<String>,
    /// When to call; at once when absent. Whether it lies ahead is not known here.
    #[serde(default)]
    pub scheduled_at: Option<Time>,
    /// Which line to use; one of the [`Offer`].
    pub line: String,
    /// Which number of the line the callee sees, E.164; the line's first when absent.
    #[serde(default)]
    pub from_phone_number: Option<String>,
    /// For the simulated line: which scenario plays the callee.
    pub scenario: Option<String>,
    /// For the simulated line: a sound file on the server to play as the callee.
    pub callee_audio: Option<String>,
}

/// What to do when a voice mailbox answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Voicemail {
    /// Hang up, or speak after the beep. Defaults to hanging up.
    pub action: VoicemailAction,
    /// What to say after the beep; the agent finds its own words when absent.
    pub message: Option<String>,
}

/// See [`Voicemail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoicemailAction {
    /// End the call.
    #[default]
    Hangup,
    /// Speak after the beep.
    LeaveMessage,
}

/// A checked request and what its sender should know about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The request.
    pub call: CreateCall,
    /// Sentences about fields that are not acted on.
    pub warnings: Vec<String>,
}

impl CreateCall {
    /// Reads and checks a request body.
    ///
    /// # Errors
    /// The documented error of the first check that fails; see the module's order.
    pub fn parse(body: &[u8], offer: &Offer) -> Result<Parsed, ApiError> {
        let example = "{\"to_phone_number\": \"+14155551234\", \"objective\": \"…\"}";
        let object = read_object(body, example)?;
        let mut fields = Fields::new(object);
        let to = fields.required("to_phone_number", "E.164 phone number like +14155551234")?;
        fields.require(
            "objective",
            "a sentence that says what the agent should accomplish",
        )?;
        let objective = fields.text("objective", 10_000)?.ok_or_else(|| {
            ApiError::invalid_field(
                "objective",
                "a sentence that says what the agent should accomplish",
            )
        })?;
        let mut call = Self {
            to_phone_number: String::new(),
            objective,
            business_name: fields.text("business_name", 200)?,
            website: fields.url("website", false)?,
            language: language(&mut fields)?,
            first_message: fields.text("first_message", 2_000)?,
            max_duration_seconds: duration(&mut fields, offer)?,
            voicemail: voicemail(&mut fields)?,
            webhook_url: fields.url("webhook_url", true)?,
            metadata: fields.object("metadata", 16 * 1024)?,
            result_schema: fields
                .object("result_schema", 32 * 1024)?
                .map(Value::Object),
            transfer_to: None,
            instructions: fields.text("instructions", 20_000)?,
            scheduled_at: fields.time("scheduled_at")?,
            line: line(&mut fields, offer)?,
            from_phone_number: fields.text("from_phone_number", 100)?,
            scenario: fields.text("scenario", 200)?,
            callee_audio: fields.text("callee_audio", 4_096)?,
        };
        check_from(&call, offer)?;
        check_simulation(&call)?;
        let transfer_to = fields.take("transfer_to");
        call.to_phone_number = number("to_phone_number", &to, offer)?;
        call.transfer_to = transfer_to
            .map(|value| number("transfer_to", &value, offer))
            .transpose()?;
        Ok(Parsed {
            call,
            warnings: fields.into_warnings(),
        })
    }
}

fn language(fields: &mut Fields) -> Result<String, ApiError> {
    let Some(text) = fields.text("language", 100)? else {
        return Ok(language::DEFAULT.to_owned());
    };
    language::tag(&text).ok_or_else(|| {
        ApiError::invalid_field(
            "language",
            "the English name of a language, like spanish, or a tag like es-MX",
        )
    })
}

fn duration(fields: &mut Fields, offer: &Offer) -> Result<u32, ApiError> {
    let Some(value) = fields.take("max_duration_seconds") else {
        return Ok(DEFAULT_DURATION_SECONDS.min(offer.max_duration_seconds));
    };
    value
        .as_u64()
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| (1..=offer.max_duration_seconds).contains(seconds))
        .ok_or_else(|| {
            ApiError::invalid_field(
                "max_duration_seconds",
                &format!("a whole number from 1 to {}", offer.max_duration_seconds),
            )
        })
}

fn voicemail(fields: &mut Fields) -> Result<Voicemail, ApiError> {
    let Some(object) = fields.object("voicemail", 16 * 1024)? else {
        return Ok(Voicemail::default());
    };
    let mut inner = Fields::nested("voicemail", object);
    let action = match inner.text("action", 100)?.as_deref() {
        None | Some("hangup") => VoicemailAction::Hangup,
        Some("leave_message") => VoicemailAction::LeaveMessage,
        Some(_) => {
            return Err(ApiError::invalid_field(
                "voicemail.action",
                "\"hangup\" or \"leave_message\"",
            ));
        }
    };
    let message = inner.text("message", 2_000)?;
    fields.adopt_warnings(inner);
    Ok(Voicemail { action, message })
}

fn line(fields: &mut Fields, offer: &Offer) -> Result<String, ApiError> {
    let asked = fields.text("line", 100)?;
    match asked {
        None => Ok(offer
            .lines
            .first()
            .cloned()
            .unwrap_or_else(|| SIMULATED.to_owned())),
        Some(line) if offer.lines.contains(&line) => Ok(line),
        Some(_) => Err(ApiError::invalid_field(
            "line",
            &format!(
                "a line that is set up on this server: {}",
                offer.lines.join(", ")
            ),
        )),
    }
}

fn check_from(call: &CreateCall, offer: &Offer) -> Result<(), ApiError> {
    let Some(from) = &call.from_phone_number else {
        return Ok(());
    };
    let of_line = offer
        .from_numbers
        .iter()
        .filter(|(line, _)| *line == call.line);
    let numbers: Vec<_> = of_line.map(|(_, number)| number.as_str()).collect();
    if numbers.contains(&from.as_str()) {
        return Ok(());
    }
    let expected = if numbers.is_empty() {
        format!(
            "no value: the line \"{}\" has no numbers to choose from",
            call.line
        )
    } else {
        format!(
            "one of the numbers of the line \"{}\": {}",
            call.line,
            numbers.join(", ")
        )
    };
    Err(ApiError::invalid_field("from_phone_number", &expected))
}

fn check_simulation(call: &CreateCall) -> Result<(), ApiError> {
    let given = [
        ("scenario", &call.scenario),
        ("callee_audio", &call.callee_audio),
    ];
    for (name, value) in given {
        if value.is_some() && call.line != SIMULATED {
            return Err(ApiError::invalid_field(
                name,
                "no value unless 'line' is \"simulated\"",
            ));
        }
    }
    if call.scenario.is_some() && call.callee_audio.is_some() {
        return Err(ApiError::invalid_field(
            "callee_audio",
            "no value when 'scenario' is given: one of them plays the callee",
        ));
    }
    Ok(())
}

fn number(field: &str, value: &Value, offer: &Offer) -> Result<String, ApiError> {
    let text = match value {
        Value::String(text) => text.clone(),
        // 911 without quotes is still 911.
        other => other.to_string(),
    };
    PhoneNumber::parse(field, &text, offer.phone).map(String::from)
}

#[cfg(test)]
mod tests;
