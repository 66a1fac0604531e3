//! The tools: their names, what they tell a model about themselves, and their arguments as wishes at the desk.
//!
//! Descriptions say when *not* to call, because a model that is unsure will try. Arguments are checked for what is not known,
//! so that a model's invention is not silently dropped; what they mean is checked by the REST interface.

use std::{sync::Arc, time::Duration};

use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use super::Ask;

/// The longest wait of one request, in seconds: clients give up after a minute or so.
const LONGEST_WAIT: u64 = 50;
/// The wait when the request does not say.
const USUAL_WAIT: u64 = 45;
/// The longest id that can be one.
const MAX_ID: usize = 64;

/// What a tool is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Call {
    /// Place a call.
    Place {
        /// The request's body.
        body: Value,
        /// The key by which a repetition is known; none: one is made.
        idempotency_key: Option<String>,
    },
    /// One wish.
    Ask(Ask),
    /// Wait for news of a call.
    Wait {
        /// Which.
        call_id: String,
        /// How long at most.
        limit: Duration,
    },
}

/// Why a request to a tool cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misuse {
    /// There is no such tool.
    UnknownTool,
    /// The arguments are wrong: a sentence for the model.
    Arguments(String),
}

fn wrong(sentence: impl Into<String>) -> Misuse {
    Misuse::Arguments(sentence.into())
}

impl Call {
    /// Reads a request to a tool.
    ///
    /// # Errors
    /// When the tool or an argument is not known, or has a type that it cannot have.
    pub(super) fn read(name: &str, arguments: Map<String, Value>) -> Result<Self, Misuse> {
        let definition = DEFINITIONS
            .iter()
            .find(|tool| tool.name == name)
            .ok_or(Misuse::UnknownTool)?;
        let schema = (definition.input)();
        let known = schema["properties"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        if let Some(name) = arguments.keys().find(|name| !known.contains_key(*name)) {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            let name: String = name.chars().take(64).collect();
            return Err(wrong(format!(
                "There is no argument '{name}'. {} takes: {}.",
                definition.name,
                names.join(", ")
            )));
        }
        let mut arguments = Arguments(arguments);
        Ok(match name {
            "place_call" => {
                let idempotency_key = arguments.text("idempotency_key")?;
                Self::Place {
                    body: Value::Object(arguments.0),
                    idempotency_key,
                }
            }
            "wait_for_call" => Self::Wait {
                call_id: arguments.id()?,
                limit: Duration::from_secs(
                    arguments
                        .number("wait_seconds", 1..=LONGEST_WAIT)?
                        .unwrap_or(USUAL_WAIT),
                ),
            },
            "get_call" => Self::Ask(Ask::Get(arguments.id()?)),
            "list_calls" => Self::Ask(Ask::List(arguments.query(&["limit", "status", "cursor"])?)),
            "cancel_call" => Self::Ask(Ask::Cancel {
                id: arguments.id()?,
                now: arguments.flag("now")?,
            }),
            "answer_question" => Self::Ask(Ask::Answer {
                id: arguments.id()?,
                body: Value::Object(arguments.0),
            }),
            "get_account" => Self::Ask(Ask::Account),
            _ => return Err(Misuse::UnknownTool),
        })
    }
}

struct Arguments(Map<String, Value>);

impl Arguments {
    fn text(&mut self, name: &str) -> Result<Option<String>, Misuse> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(format!("'{name}' is a string."))),
        }
    }

    /// The id of a call: letters, digits, `_` and `-`, so that it cannot be another path.
    fn id(&mut self) -> Result<String, Misuse> {
        let id = self.text("call_id")?.unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if id.is_empty() || id.len() > MAX_ID || !id.chars().all(plain) {
            return Err(wrong(
                "'call_id' is needed: the call_id that place_call or list_calls returned, like cl_….",
            ));
        }
        Ok(id)
    }

    fn number(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Misuse> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().filter(|number| range.contains(number)) {
                Some(number) => Ok(Some(number)),
                None => Err(wrong(format!(
                    "'{name}' is a whole number from {} to {}.",
                    range.start(),
                    range.end()
                ))),
            },
        }
    }

    fn flag(&mut self, name: &str) -> Result<bool, Misuse> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(wrong(format!("'{name}' is true or false."))),
        }
    }

    /// Some arguments as the parameters of an address. What they mean is checked behind it.
    fn query(&mut self, names: &[&str]) -> Result<String, Misuse> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in names {
            match self.0.remove(*name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => {
                    query.append_pair(name, &text);
                }
                Some(Value::Number(number)) => {
                    query.append_pair(name, &number.to_string());
                }
                Some(_) => return Err(wrong(format!("'{name}' is a string or a number."))),
            }
        }
        Ok(query.finish())
    }
}

struct Definition {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    input: fn() -> Value,
    annotations: fn() -> ToolAnnotations,
}

fn reads() -> ToolAnnotations {
    ToolAnnotations::new().read_only(true).open_world(false)
}

fn call_only() -> Value {
    json!({
        "type": "object",
        "properties": { "call_id": call_id() },
        "required": ["call_id"],
        "additionalProperties": false
    })
}

fn call_id() -> Value {
    json!({ "type": "string", "description": "The call_id that place_call returned" })
}

const DEFINITIONS: [Definition; 7] = [
    Definition {
        name: "place_call",
        title: "Place a phone call",
        description: "Makes a real phone call: dials a US or Canadian number, talks to whoever answers, works toward the \
objective and brings back the outcome, a summary, the transcript and a recording. A person is rung and it costs one credit. Do \
NOT use it to try something out, for emergency or premium numbers, for sales calls to people who did not ask, or when the user \
has not clearly asked for this call; do not repeat it because an answer is slow: within a minute, and until the call is over, the same \
arguments return the same call (`placed_earlier` tells), and so does the same idempotency_key for a day. Returns at once with a \
call_id; then use wait_for_call.",
        input: || {
            json!({
                "type": "object",
                "properties": {
                    "to_phone_number": { "type": "string", "description": "E.164, US or Canada, like +14155551234" },
                    "objective": { "type": "string", "description": "What the agent should accomplish, with every detail it needs: names, dates, numbers, what may be agreed to and what not" },
                    "business_name": { "type": "string", "description": "Who is called" },
                    "website": { "type": "string", "description": "Their website; read before the call" },
                    "language": { "type": "string", "description": "Language of the call, like spanish or es-MX; English when absent" },
                    "instructions": { "type": "string", "description": "More context for the agent; not told to the callee as such" },
                    "first_message": { "type": "string", "description": "The agent's first words, word for word" },
                    "max_duration_seconds": { "type": "integer", "description": "The longest the call may last" },
                    "voicemail": {
                        "type": "object",
                        "description": "What to do when a voice mailbox answers; hang up when absent",
                        "properties": {
                            "action": { "type": "string", "enum": ["hangup", "leave_message"] },
                            "message": { "type": "string", "description": "What to leave; the objective in a sentence when absent" }
                        },
                        "required": ["action"]
                    },
                    "scheduled_at": { "type": "string", "description": "When to call, RFC 3339 with an offset, at most 30 days ahead; at once when absent" },
                    "webhook_url": { "type": "string", "description": "Where the user's own server wants to be told what happens" },
                    "transfer_to": { "type": "string", "description": "A number to which the agent may connect the callee" },
                    "result_schema": { "type": "object", "description": "JSON Schema of what to bring back in `result`" },
                    "metadata": { "type": "object", "description": "Kept with the call; not told to anybody on the phone" },
                    "from_phone_number": { "type": "string", "description": "Which of the configured numbers is shown" },
                    "line": { "type": "string", "description": "How the phone is connected; the server's default when absent. \"simulated\" rings nobody" },
                    "scenario": { "type": "string", "description": "On the simulated line: which scenario plays the callee" },
                    "idempotency_key": { "type": "string", "description": "Any text of your own for this call; the same again returns the same call, another rings again although the same call is not over" }
                },
                "required": ["to_phone_number", "objective"],
                "additionalProperties": false
            })
        },
        annotations: || {
            ToolAnnotations::new()
                .read_only(false)
                .destructive(true)
                .idempotent(false)
                .open_world(true)
        },
    },
    Definition {
        name: "wait_for_call",
        title: "Wait for a call",
        description: "Waits until a call is over, until its agent asks a question, or until wait_seconds are up, and returns the \
call object with `done`, the open `question` if there is one, and what was said so far. Not done is no failure: wait again. \
Never place the call again because a wait ended.",
        input: || {
            json!({
                "type": "object",
                "properties": {
                    "call_id": call_id(),
                    "wait_seconds": { "type": "integer", "minimum": 1, "maximum": LONGEST_WAIT, "description": "The longest wait; 45 when absent" }
                },
                "required": ["call_id"],
                "additionalProperties": false
            })
        },
        annotations: reads,
    },
    Definition {
        name: "get_call",
        title: "Read a call",
        description: "Returns a call as it is now: status, outcome, summary, transcript, result and evidence. To wait for one \
under way use wait_for_call instead of asking again and again.",
        input: call_only,
        annotations: reads,
    },
    Definition {
        name: "list_calls",
        title: "List calls",
        description: "Lists the account's calls, newest first. Not needed to follow a call whose call_id you have.",
        input: || {
            json!({
                "type": "object",
                "properties": {
                    "limit": { "type": "integer", "minimum": 1, "maximum": 200, "description": "How many; 50 when absent" },
                    "status": { "type": "string", "description": "Only queued, dialing, in_progress, completed, canceled or failed ones" },
                    "cursor": { "type": "string", "description": "next_cursor of the page before" }
                },
                "additionalProperties": false
            })
        },
        annotations: reads,
    },
    Definition {
        name: "cancel_call",
        title: "Cancel a call",
        description: "Ends a call: a waiting or ringing one at once, a conversation with a goodbye, or without a word when `now` \
is true. Do not use it on a call that goes well only because it takes long.",
        input: || {
            json!({
                "type": "object",
                "properties": {
                    "call_id": call_id(),
                    "now": { "type": "boolean", "description": "Hang up without a goodbye" }
                },
                "required": ["call_id"],
                "additionalProperties": false
            })
        },
        annotations: || {
            ToolAnnotations::new()
                .read_only(false)
                .destructive(true)
                .idempotent(true)
                .open_world(true)
        },
    },
    Definition {
        name: "answer_question",
        title: "Answer the agent's question",
        description: "Answers what the agent on the phone asked during the call (`question` of wait_for_call). The callee is \
waiting, so answer at once; when only the user can know, ask the user. Do not make up an answer, and do not use it to give other \
instructions.",
        input: || {
            json!({
                "type": "object",
                "properties": {
                    "call_id": call_id(),
                    "text": { "type": "string", "description": "The answer" },
                    "question": { "type": "integer", "description": "The number of the question; the open one when absent" }
                },
                "required": ["call_id", "text"],
                "additionalProperties": false
            })
        },
        annotations: || ToolAnnotations::new().read_only(false).destructive(false),
    },
    Definition {
        name: "get_account",
        title: "Read the account",
        description: "Returns the account's credits and limits. Not needed before every call: a call without credits is refused \
with a link to buy some.",
        input: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        annotations: reads,
    },
];

/// Returns all tools, always in the same order.
pub(super) fn list() -> Vec<Tool> {
    DEFINITIONS.iter().map(tool).collect()
}

fn tool(definition: &Definition) -> Tool {
    let input = match (definition.input)() {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    Tool::new(definition.name, definition.description, Arc::new(input))
        .with_title(definition.title)
        .with_annotations((definition.annotations)())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, arguments: Value) -> Result<Call, Misuse> {
        let Value::Object(arguments) = arguments else {
            panic!("an object");
        };
        Call::read(name, arguments)
    }

    #[test]
    fn every_tool_that_is_listed_can_be_read() {
        for tool in list() {
            let schema = &tool.input_schema;
            let mut arguments = Map::new();
            for name in schema
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                arguments.insert(name.as_str().expect("a name").into(), "cl_x".into());
            }
            Call::read(&tool.name, arguments).expect("it is known");
            assert_eq!(schema["additionalProperties"], false, "{}", tool.name);
        }
    }

    #[test]
    fn arguments_become_wishes() {
        assert_eq!(
            read("list_calls", json!({ "limit": 3, "status": "failed" })),
            Ok(Call::Ask(Ask::List("limit=3&status=failed".into())))
        );
        assert_eq!(
            read(
                "place_call",
                json!({ "objective": "o", "idempotency_key": "k" })
            ),
            Ok(Call::Place {
                body: json!({ "objective": "o" }),
                idempotency_key: Some("k".into())
            })
        );
        assert_eq!(
            read("wait_for_call", json!({ "call_id": "cl_1" })),
            Ok(Call::Wait {
                call_id: "cl_1".into(),
                limit: Duration::from_secs(USUAL_WAIT)
            })
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(read("dial", json!({})), Err(Misuse::UnknownTool));
        for (tool, arguments) in [
            ("get_call", json!({})),
            ("get_call", json!({ "call_id": "../keys" })),
            ("get_call", json!({ "call_id": 7 })),
            ("get_call", json!({ "call_id": "x".repeat(65) })),
            (
                "wait_for_call",
                json!({ "call_id": "cl_1", "wait_seconds": 3600 }),
            ),
            (
                "wait_for_call",
                json!({ "call_id": "cl_1", "wait_seconds": -1 }),
            ),
            ("cancel_call", json!({ "call_id": "cl_1", "now": "yes" })),
            ("place_call", json!({ "to": "+14155551234" })),
            ("list_calls", json!({ "limit": [1] })),
        ] {
            let misuse = read(tool, arguments.clone()).expect_err("it is wrong");
            assert!(matches!(misuse, Misuse::Arguments(_)), "{tool} {arguments}");
        }
    }
}
