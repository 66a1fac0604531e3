//! The tools of the agent, as a language model sees them: their names, descriptions and arguments, and back.
//!
//! Every vendor wraps this list in its own format. When a tool may be used is decided by the call; where a transfer
//! goes is the requester's choice and no argument.

use call::Tool;
use serde_json::{Value, json};

use super::Brief;

/// Longest keys that one tool call may press.
const KEYS_MAX: usize = 32;

/// The names of all tools.
pub(crate) const NAMES: &[&str] = &[
    "hang_up",
    "press_keys",
    "wait_on_hold",
    "ask_customer",
    "note_fact",
    "transfer",
];

/// One tool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    /// Its name: letters and underscores.
    pub(crate) name: &'static str,
    /// What it does and when to use it.
    pub(crate) description: &'static str,
    /// JSON Schema of its arguments, in the subset that every vendor takes.
    pub(crate) parameters: Value,
}

/// Returns the tools that a model may use on a call of this brief.
pub(crate) fn definitions(brief: &Brief) -> Vec<Definition> {
    let tool = |name, description, argument: Option<(&str, &str)>| {
        let properties: serde_json::Map<String, Value> = argument
            .iter()
            .map(|(name, about)| {
                let schema = json!({"type": "string", "description": about});
                ((*name).to_owned(), schema)
            })
            .collect();
        let required: Vec<&str> = argument.iter().map(|(name, _)| *name).collect();
        Definition {
            name,
            description,
            parameters: json!({
                "type": "object", "properties": properties, "required": required, "additionalProperties": false,
            }),
        }
    };
    let mut all = vec![
        tool(
            "hang_up",
            "End the call after everything you said was heard. Say goodbye in the same reply.",
            None,
        ),
        tool(
            "press_keys",
            "Press keys in a phone menu. Only when a machine, or the callee, asked for keys.",
            Some((
                "keys",
                "The keys in order: 0-9, *, #; w waits half a second.",
            )),
        ),
        tool(
            "wait_on_hold",
            "Stay silent and wait because the callee asked you to hold.",
            None,
        ),
        tool(
            "ask_customer",
            "Ask the customer something that only they can decide or know, and that the objective leaves open. Tell the \
             callee in the same reply that you check with the customer; the answer comes as a Customer: message.",
            Some(("question", "One short question.")),
        ),
        tool(
            "note_fact",
            "Keep a fact that the callee told, such as a price, a name or a reference number.",
            Some(("fact", "One short sentence.")),
        ),
    ];
    if brief.transfer_to.is_some() {
        all.push(tool(
            "transfer",
            "Connect the callee to the customer in person.",
            None,
        ));
    }
    all
}

/// Reads a tool call of a model; `None` when there is no such tool, or its arguments say nothing. Where a transfer goes
/// is taken from `transfer_to`, never from the arguments.
pub(crate) fn read(name: &str, arguments: &Value, transfer_to: Option<&str>) -> Option<Tool> {
    let text = |key: &str| {
        let text = arguments[key].as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    match name {
        "hang_up" => Some(Tool::HangUp),
        "wait_on_hold" => Some(Tool::Wait),
        "transfer" => transfer_to.map(|to| Tool::Transfer(to.to_owned())),
        "ask_customer" => text("question").map(Tool::Ask),
        "note_fact" => text("fact").map(Tool::Note),
        "press_keys" => {
            let keys =
                text("keys").or_else(|| arguments["keys"].as_u64().map(|n| n.to_string()))?;
            let known =
                |key: &char| key.is_ascii_digit() || matches!(key, '*' | '#' | 'A'..='D' | 'w');
            let keys: String = keys.chars().filter(known).take(KEYS_MAX).collect();
            (!keys.is_empty()).then_some(Tool::PressKeys(keys))
        }
        _ => None,
    }
}

/// Reads a tool that a model wrote into its text, like `press_keys 1`, as models without tools are told to.
pub(crate) fn read_spelled(text: &str, transfer_to: Option<&str>) -> Option<Tool> {
    let (name, argument) = text
        .trim()
        .split_once([' ', ':'])
        .unwrap_or((text.trim(), ""));
    let argument = argument.trim().trim_matches('"');
    let arguments = json!({"keys": argument, "question": argument, "fact": argument});
    read(name, &arguments, transfer_to)
}

/// How a model without tools is told to use them.
pub(crate) fn spelled(brief: &Brief) -> String {
    let mut text = "To use a tool, end your reply with it in square brackets, its argument after a space, like \
                    [hang_up] or [press_keys 1]. It is not spoken. The tools:"
        .to_owned();
    for definition in definitions(brief) {
        text.push_str(&format!(
            "\n[{}] {}",
            definition.name, definition.description
        ));
    }
    text
}

/// Reads arguments that came as JSON text; none at all is an empty object.
pub(crate) fn arguments(text: &str) -> Option<Value> {
    match text.trim() {
        "" => Some(json!({})),
        text => serde_json::from_str(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_that_is_offered_can_be_read_back() {
        let brief = Brief {
            transfer_to: Some("+14155550000".into()),
            ..Brief::default()
        };
        let definitions = definitions(&brief);
        let names: Vec<&str> = definitions.iter().map(|tool| tool.name).collect();
        assert_eq!(names, NAMES);
        for definition in definitions {
            let required = definition.parameters["required"]
                .as_array()
                .unwrap()
                .clone();
            let arguments: serde_json::Map<String, Value> = required
                .iter()
                .map(|name| (name.as_str().unwrap().to_owned(), json!("1")))
                .collect();
            let tool = read(
                definition.name,
                &arguments.into(),
                brief.transfer_to.as_deref(),
            );
            assert_eq!(tool.unwrap().name(), definition.name);
            if !required.is_empty() {
                assert_eq!(read(definition.name, &json!({}), None), None);
            }
        }
        assert_eq!(super::definitions(&Brief::default()).len(), 5);
    }

    #[test]
    fn a_transfer_takes_no_number_from_the_model() {
        let arguments = json!({"to": "+19005550000"});
        assert_eq!(read("transfer", &arguments, None), None);
        assert_eq!(
            read("transfer", &arguments, Some("+14155550000")),
            Some(Tool::Transfer("+14155550000".into()))
        );
    }

    #[test]
    fn tools_may_be_written_out() {
        assert_eq!(read_spelled("hang_up", None), Some(Tool::HangUp));
        assert_eq!(
            read_spelled(" press_keys 1#", None),
            Some(Tool::PressKeys("1#".into()))
        );
        assert_eq!(
            read_spelled("ask_customer: Is nine all right?", None),
            Some(Tool::Ask("Is nine all right?".into()))
        );
        assert_eq!(read_spelled("smiles", None), None);
        assert!(spelled(&Brief::default()).contains("[note_fact]"));
    }

    #[test]
    fn arguments_may_be_missing_or_broken() {
        assert_eq!(arguments(" "), Some(json!({})));
        assert_eq!(arguments("{\"keys\":"), None);
    }
}
