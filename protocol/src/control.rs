//! The live socket's messages: numbered events out, commands in, an answer to each command.
//!
//! `docs/control-plane.md` describes every message for clients and names the hash of this file, so that neither
//! changes without the other. When an event is sent, and what a command does, is decided elsewhere.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    error::{ApiError, ErrorCode},
    ids::CallId,
    phone::{PhoneNumber, PhoneRules},
    rest::{AnsweredBy, Call, Speaker, Status, TurnLatency},
};

/// Longest text of `say` and `instruct`, in characters.
const MAX_TEXT: usize = 2_000;
/// Most keys in one `dtmf`.
const MAX_KEYS: usize = 64;
/// Longest `id` of a command, in characters.
const MAX_ID: usize = 128;

/// One event on the wire: `{"seq", "t_ms", "call_id", "type", …}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    /// Counts the events of one call from 1, without gaps.
    pub seq: u64,
    /// Milliseconds since the call was created.
    pub t_ms: u64,
    /// Whose event it is.
    pub call_id: CallId,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened in a call, as watchers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    /// The call as it stands; opens every connection, and its `seq` is the one after which events follow.
    #[serde(rename = "snapshot")]
    Snapshot {
        /// The call object.
        call: Box<Call>,
    },
    /// The status changed.
    #[serde(rename = "call.status")]
    CallStatus {
        /// The new one.
        status: Status,
    },
    /// Who answered became known.
    #[serde(rename = "call.answered_by")]
    CallAnsweredBy {
        /// Who.
        answered_by: AnsweredBy,
    },
    /// The callee is speaking; replaces the partial before it.
    #[serde(rename = "callee.partial")]
    CalleePartial {
        /// The words so far.
        text: String,
    },
    /// Words of the callee that will not change.
    #[serde(rename = "callee.final")]
    CalleeFinal {
        /// The words.
        text: String,
    },
    /// The agent is looking for an answer.
    #[serde(rename = "agent.thinking")]
    AgentThinking {
        /// Counts the agent's replies from 1.
        generation: u32,
    },
    /// Agent speech came further; replaces what was said before about the same clause.
    #[serde(rename = "agent.speech")]
    AgentSpeech {
        /// Which reply.
        generation: u32,
        /// Which clause of it, from 0.
        clause: u16,
        /// The whole clause.
        text: String,
        /// Its words, and how far each has come.
        words: Vec<SpokenWord>,
    },
    /// The agent was cut off.
    #[serde(rename = "turn.interrupted")]
    TurnInterrupted {
        /// What of its reply the callee had heard.
        heard: String,
    },
    /// The agent had stopped for a noise or a backchannel, and went on.
    #[serde(rename = "turn.resumed")]
    TurnResumed,
    /// Where the time before an answer went.
    #[serde(rename = "turn.latency")]
    TurnLatency {
        /// Which reply.
        generation: u32,
        /// The parts.
        latency: TurnLatency,
    },
    /// A key was pressed.
    #[serde(rename = "dtmf")]
    Dtmf {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        key: char,
        /// Who pressed it.
        from: Speaker,
    },
    /// The agent used a tool.
    #[serde(rename = "tool")]
    Tool {
        /// `hang_up`, `press_keys`, `wait_on_hold`, `transfer`, `ask_customer` or `note_fact`.
        name: String,
        /// The keys, the number, the question or the fact.
        argument: Option<String>,
    },
    /// Another service than before serves from here on.
    #[serde(rename = "service")]
    Service {
        /// What it does.
        role: Role,
        /// The service, as it is configured.
        name: String,
        /// Who was to do it and failed.
        instead_of: Option<String>,
        /// How that one failed.
        reason: Option<String>,
    },
    /// The agent wanted to use a tool that it may not use at this moment, and did not.
    #[serde(rename = "tool.refused")]
    ToolRefused {
        /// As in [`Event::Tool`].
        name: String,
        /// As in [`Event::Tool`].
        argument: Option<String>,
        /// Why, in one sentence.
        reason: String,
    },
    /// The agent asks the requester. Answered by the command `answer`, or `POST /calls/{id}/answers`.
    #[serde(rename = "question")]
    Question {
        /// Counts the questions of the call from 1.
        question: u32,
        /// The question, in the agent's words. It may repeat what the callee said.
        text: String,
        /// How long an answer is waited for, from this event on.
        answer_within_ms: u64,
    },
    /// A question is waited for no longer.
    #[serde(rename = "question.closed")]
    QuestionClosed {
        /// Which.
        question: u32,
        /// Whether it was answered; `false`: the time was over.
        answered: bool,
    },
    /// Something a person should know.
    #[serde(rename = "warning")]
    Warning {
        /// One sentence.
        message: String,
    },
    /// The call is over. The last event.
    #[serde(rename = "call.ended")]
    CallEnded {
        /// The whole call object.
        call: Box<Call>,
    },
}

/// What a service does on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Hears.
    Stt,
    /// Thinks.
    Llm,
    /// Speaks.
    Tts,
}

/// One word of a clause and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpokenWord {
    /// The word, punctuation included.
    pub text: String,
    /// How far.
    pub state: WordState,
}

/// How far a word has come on its way to the callee's ear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordState {
    /// Written, no sound yet.
    Pending,
    /// Its sound is made.
    Generated,
    /// Its sound went out on the line.
    Sent,
    /// The callee heard it.
    Heard,
}

impl SpokenWord {
    /// Splits a clause at white space; the first `heard` words were heard, the first `sent` sent, and so on.
    #[must_use]
    pub fn of_clause(text: &str, generated: usize, sent: usize, heard: usize) -> Vec<Self> {
        let state = |place| match place {
            place if place < heard => WordState::Heard,
            place if place < sent => WordState::Sent,
            place if place < generated => WordState::Generated,
            _ => WordState::Pending,
        };
        text.split_whitespace()
            .enumerate()
            .map(|(place, word)| Self {
                text: word.to_owned(),
                state: state(place),
            })
            .collect()
    }
}

/// What a watcher may ask of a running call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Speak this text next.
    Say(String),
    /// Guidance for the agent that the callee does not hear.
    Instruct(String),
    /// The answer to a question of the agent.
    Answer {
        /// Which; the one that is open when it is not said.
        question: Option<u32>,
        /// The answer.
        text: String,
    },
    /// Stop speaking now.
    Interrupt,
    /// Press keys: `0`-`9`, `*`, `#`, `A`-`D`, `w` (half a second).
    Dtmf(String),
    /// Connect the callee to this number, E.164 and allowed.
    Transfer(String),
    /// Stop (`true`) or allow (`false`) the agent's voice.
    Mute(bool),
    /// Say goodbye, then hang up.
    HangUp,
}

/// A command as it came: what to answer to, and what it was, or the error that answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// As the client wrote it: a text, a number, or `null` when it gave none.
    pub id: Value,
    /// Which call is meant; needed on the socket of all calls.
    pub call_id: Option<CallId>,
    /// What is wanted.
    pub command: Result<Command, ApiError>,
}

impl Request {
    /// Reads one text frame. Never fails: what is wrong with it becomes the error that answers it.
    #[must_use]
    pub fn parse(text: &str, rules: PhoneRules) -> Self {
        let refused = |id, error| Self {
            id,
            call_id: None,
            command: Err(error),
        };
        let mut object = match serde_json::from_str(text) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return refused(Value::Null, not_an_object()),
            Err(_) => return refused(Value::Null, not_json()),
        };
        let id = match read_id(object.remove("id")) {
            Ok(id) => id,
            Err(error) => return refused(Value::Null, error),
        };
        let call_id = match object.remove("call_id") {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_str().and_then(CallId::parse) {
                Some(call_id) => Some(call_id),
                None => return refused(id, ApiError::call_not_found()),
            },
        };
        Self {
            id,
            call_id,
            command: read_command(object, rules),
        }
    }
}

/// Returns the frame that answers a command which was carried out.
#[must_use]
pub fn ack(id: &Value) -> String {
    json!({ "type": "ack", "id": id }).to_string()
}

/// Returns the frame that answers a command which was not carried out: the error of the REST shape, with `type` and
/// `id`.
#[must_use]
pub fn refusal(id: &Value, error: &ApiError) -> String {
    let mut body = error.body();
    body["type"] = "error".into();
    body["id"] = id.clone();
    body.to_string()
}

fn read_id(id: Option<Value>) -> Result<Value, ApiError> {
    match id {
        None => Ok(Value::Null),
        Some(Value::String(id)) if id.chars().count() <= MAX_ID => Ok(Value::String(id)),
        Some(id @ (Value::Number(_) | Value::Null)) => Ok(id),
        Some(_) => Err(ApiError::invalid_field(
            "id",
            &format!("a text of at most {MAX_ID} characters, or a number"),
        )),
    }
}

fn read_command(mut object: Map<String, Value>, rules: PhoneRules) -> Result<Command, ApiError> {
    let kind = object
        .remove("type")
        .ok_or_else(|| ApiError::missing_field("type", KINDS))?;
    let command = match kind.as_str() {
        Some("say") => Command::Say(text(&mut object, "text")?),
        Some("instruct") => Command::Instruct(text(&mut object, "text")?),
        Some("answer") => read_answer(&mut object)?,
        Some("interrupt") => Command::Interrupt,
        Some("dtmf") => Command::Dtmf(keys(&mut object)?),
        Some("transfer") => {
            let to = text(&mut object, "to")?;
            Command::Transfer(PhoneNumber::parse("to", &to, rules)?.into())
        }
        Some("mute") => Command::Mute(flag(&mut object, "on")?),
        Some("hang_up") => Command::HangUp,
        _ => return Err(ApiError::invalid_field("type", KINDS)),
    };
    nothing_else(&object).map(|()| command)
}

fn nothing_else(object: &Map<String, Value>) -> Result<(), ApiError> {
    match object.keys().next() {
        None => Ok(()),
        Some(name) => {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            Err(ApiError::invalid_field(
                &shown,
                "no such field in this command",
            ))
        }
    }
}

/// Completes "Expected …" for the type of a command.
const KINDS: &str = "one of say, instruct, answer, interrupt, dtmf, transfer, mute, hang_up";

fn take(object: &mut Map<String, Value>, name: &str, expected: &str) -> Result<Value, ApiError> {
    match object.remove(name) {
        None | Some(Value::Null) => Err(ApiError::missing_field(name, expected)),
        Some(value) => Ok(value),
    }
}

fn text(object: &mut Map<String, Value>, name: &str) -> Result<String, ApiError> {
    let expected = format!("a text of at most {MAX_TEXT} characters");
    let forbidden = |character: char| character.is_control() && !"\n\r\t".contains(character);
    match take(object, name, &expected)? {
        Value::String(text)
            if !text.trim().is_empty()
                && text.chars().count() <= MAX_TEXT
                && !text.contains(forbidden) =>
        {
            Ok(text)
        }
        _ => Err(ApiError::invalid_field(name, &expected)),
    }
}

/// Reads the body of `POST /calls/{id}/answers`: `text`, and `question` when it is said which.
///
/// # Errors
/// `invalid_json`, `invalid_body`, `missing_field` or `invalid_field`.
pub fn parse_answer(body: &[u8]) -> Result<Command, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(|_| not_json())?;
    let Value::Object(mut object) = value else {
        return Err(ApiError::new(
            ErrorCode::InvalidBody,
            "An answer must be a JSON object, like {\"text\": \"Yes, nine is fine.\"}",
        ));
    };
    let answer = read_answer(&mut object)?;
    nothing_else(&object).map(|()| answer)
}

fn read_answer(object: &mut Map<String, Value>) -> Result<Command, ApiError> {
    let question = match object.remove("question") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_u64().and_then(|n| u32::try_from(n).ok()) {
            Some(number) if number > 0 => Some(number),
            _ => {
                return Err(ApiError::invalid_field(
                    "question",
                    "the number of a question event, or no value",
                ));
            }
        },
    };
    let text = text(object, "text")?;
    Ok(Command::Answer { question, text })
}

fn keys(object: &mut Map<String, Value>) -> Result<String, ApiError> {
    let expected = format!("1 to {MAX_KEYS} of 0-9, *, #, A-D and w (half a second's pause)");
    match take(object, "keys", &expected)? {
        Value::String(keys)
            if (1..=MAX_KEYS).contains(&keys.len())
                && keys.chars().all(|key| "0123456789*#ABCDw".contains(key)) =>
        {
            Ok(keys)
        }
        _ => Err(ApiError::invalid_field("keys", &expected)),
    }
}

fn flag(object: &mut Map<String, Value>, name: &str) -> Result<bool, ApiError> {
    take(object, name, "true or false")?
        .as_bool()
        .ok_or_else(|| ApiError::invalid_field(name, "true or false"))
}

fn not_json() -> ApiError {
    ApiError::new(
        ErrorCode::InvalidJson,
        "The message is not valid JSON. Send commands as JSON text frames.",
    )
}

fn not_an_object() -> ApiError {
    ApiError::new(
        ErrorCode::InvalidBody,
        "A command must be a JSON object, like {\"type\": \"hang_up\", \"id\": \"1\"}",
    )
}

#[cfg(test)]
mod tests;
