//! The requester's JSON Schema: whether it is one, and whether a value fits it.
//!
//! Nothing is fetched: a `$ref` to another document is an error. Patterns run on an engine of linear time, since the
//! schema comes from outside.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// Longest explanation that is passed on, in characters.
const MESSAGE_MAX: usize = 300;

/// Checks that `schema` can be used for a result.
///
/// # Errors
/// A sentence that names what is wrong with it.
pub fn check_schema(schema: &Value) -> Result<(), String> {
    compile(schema).map(|_| ())
}

/// Checks `value` against `schema`.
pub(crate) fn validate(schema: &Value, value: &Value) -> Result<(), String> {
    let problems: Vec<String> = compile(schema)?
        .iter_errors(value)
        .take(3)
        .map(|error| format!("{} at `{}`", error, error.instance_path()))
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(shortened(&problems.join("; ")))
    }
}

fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|error| shortened(&format!("result_schema is no usable JSON Schema: {error}")))
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_are_checked_and_nothing_is_fetched() {
        assert_eq!(
            check_schema(&json!({"type": "object", "properties": {"time": {"type": "string"}}})),
            Ok(())
        );
        assert!(check_schema(&json!({"type": "objekt"})).is_err());
        assert!(check_schema(&json!({"$ref": "http://127.0.0.1:1/schema.json"})).is_err());
        assert!(check_schema(&json!({"$ref": "file:///etc/passwd"})).is_err());
        assert!(
            check_schema(&json!({"type": "string", "pattern": "(a)\\1"})).is_err(),
            "no backtracking"
        );
    }

    #[test]
    fn values_are_checked_with_a_reason() {
        let schema = json!({"type": "object", "required": ["time"], "properties": {"time": {"enum": ["19:00", null]}}});
        assert_eq!(validate(&schema, &json!({"time": "19:00"})), Ok(()));
        assert!(validate(&schema, &json!({"time": 7})).is_err_and(|why| why.contains("/time")));
        assert!(validate(&schema, &json!({})).is_err());
    }
}
