//! Fills the requester's schema from what was shown on the call, without a language model.
//!
//! A property is filled when its name says what it is ([`meaning`]) and the call has shown that fact; of several forms
//! of a fact the first that the property's own schema allows is taken. Everything else is null where the schema allows
//! null, and left out where it may be. A result that still does not fit the whole schema, or says nothing, is no
//! result: the caller gets null rather than a guess.

use serde_json::{Map, Value, json};

use crate::agent::schema;

/// What a call has shown. Every `None` is something that it has not.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// Whether it was achieved.
    pub(super) done: Option<bool>,
    /// A yes or no to the question that was asked.
    pub(super) yes: Option<bool>,
    /// The outcome's name.
    pub(super) outcome: Option<String>,
    /// Forms of the agreed time, the preferred one first.
    pub(super) time: Vec<Value>,
    /// Forms of the agreed day.
    pub(super) date: Vec<Value>,
    /// Forms of both together.
    pub(super) when: Vec<Value>,
    /// Number of people that was agreed.
    pub(super) party: Option<u32>,
    /// The name that was given on the line.
    pub(super) name: Option<String>,
    /// Forms of a price that was named.
    pub(super) price: Vec<Value>,
    /// When the business opens and closes, as answered.
    pub(super) opens: Vec<Value>,
    /// See [`Facts::opens`].
    pub(super) closes: Vec<Value>,
    /// The answer to a question, quoted.
    pub(super) answer: Option<String>,
    /// Why it was refused.
    pub(super) reason: Option<String>,
    /// Another time that was offered and not taken.
    pub(super) alternative: Vec<Value>,
    /// Whether a voice mailbox answered.
    pub(super) voicemail: Option<bool>,
    /// One sentence about the outcome.
    pub(super) details: Option<String>,
    /// One or two sentences about the call.
    pub(super) summary: Option<String>,
}

/// Fills `schema`; `None` when nothing of it was shown, or not all that it demands.
pub(super) fn fill(schema: &Value, facts: &Facts) -> Option<Value> {
    let mut filled = 0;
    let value = object(schema, facts, &mut filled)?;
    (filled > 0 && schema::validate(schema, &value).is_ok()).then_some(value)
}

fn object(schema: &Value, facts: &Facts, filled: &mut u32) -> Option<Value> {
    let properties = schema.get("properties")?.as_object()?;
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut out = Map::new();
    for (name, own) in properties {
        let value = if own.get("properties").is_some() {
            object(own, facts, filled)
        } else {
            let forms = meaning(name, facts);
            let value = forms.into_iter().find(|form| fits(own, form));
            *filled += u32::from(value.is_some());
            value
        };
        match value {
            Some(value) => out.insert(name.clone(), value),
            None if fits(own, &Value::Null) => out.insert(name.clone(), Value::Null),
            None if required.contains(&name.as_str()) => return None,
            None => None,
        };
    }
    Some(Value::Object(out))
}

/// Whether a property's own schema allows the value. One that cannot be read alone (it refers to elsewhere) is left to
/// the check of the whole.
fn fits(own: &Value, value: &Value) -> bool {
    own.get("$ref").is_some() || schema::validate(own, value).is_ok()
}

/// The fact that a property of this name stands for, in its forms.
fn meaning(name: &str, facts: &Facts) -> Vec<Value> {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    let text = |fact: &Option<String>| fact.iter().map(|text| json!(text)).collect();
    let truth = |fact: Option<bool>| fact.iter().map(|yes| json!(yes)).collect::<Vec<_>>();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    match name.as_str() {
        "confirmed" | "booked" | "isbooked" | "isconfirmed" | "reserved" | "success"
        | "successful" | "achieved" | "canceled" | "cancelled" | "accepted" | "done"
        | "completed" | "delivered" => truth(facts.done),
        "available" | "isavailable" | "yes" => truth(facts.yes.or(facts.done)),
        "answer" | "response" | "reply" => truth(facts.yes)
            .into_iter()
            .chain(facts.answer.iter().map(|a| json!(a)))
            .collect(),
        "outcome" | "status" => text(&facts.outcome),
        "summary" => text(&facts.summary),
        "details" | "outcomedetails" | "notes" | "comment" | "comments" => text(&facts.details),
        "reason" | "refusalreason" | "failurereason" => text(&facts.reason),
        "voicemail" | "isvoicemail" | "reachedvoicemail" => truth(facts.voicemail),
        "alternative" | "alternativetime" | "offeredtime" | "offer" => facts.alternative.clone(),
        "opens" | "opensat" | "opentime" | "openingtime" => facts.opens.clone(),
        "closes" | "closesat" | "closetime" | "closingtime" => facts.closes.clone(),
        "hours" | "openinghours" | "openhours" | "businesshours" => text(&facts.answer),
        "when" | "datetime" | "slot" => facts.when.clone(),
        "guests" | "people" | "persons" | "covers" | "party" | "partysize" | "numberofpeople"
        | "numberofguests" | "guestcount" | "seats" => facts
            .party
            .iter()
            .flat_map(|n| [json!(n), json!(n.to_string())])
            .collect(),
        _ if ends(&["datetime"]) => facts.when.clone(),
        _ if ends(&["time"]) => facts.time.clone(),
        _ if ends(&["date", "day"]) => facts.date.clone(),
        _ if ends(&["price", "cost", "amount", "fee", "rate"]) => facts.price.clone(),
        "name" | "reservationname" | "bookingname" | "undername" | "customername" | "guestname" => {
            text(&facts.name)
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            done: Some(true),
            time: vec![json!("7:00 PM"), json!("19:00")],
            party: Some(2),
            ..Facts::default()
        }
    }

    #[test]
    fn known_names_are_filled_in_the_form_that_fits() {
        let schema = json!({"type": "object", "required": ["confirmed", "time"], "additionalProperties": false, "properties": {
            "confirmed": {"type": "boolean"},
            "time": {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$"},
            "partySize": {"type": "string"},
            "table_number": {"type": ["integer", "null"]},
            "waiter": {"type": "string"},
        }});
        let expected =
            json!({"confirmed": true, "time": "19:00", "partySize": "2", "table_number": null});
        assert_eq!(fill(&schema, &facts()), Some(expected));
    }

    #[test]
    fn what_was_not_shown_is_not_made_up() {
        let demands = json!({"type": "object", "required": ["price"], "properties": {"price": {"type": "number"}, "confirmed": {"type": "boolean"}}});
        assert_eq!(
            fill(&demands, &facts()),
            None,
            "a price is demanded and none was named"
        );
        let unknown =
            json!({"type": "object", "properties": {"mood": {"type": ["string", "null"]}}});
        assert_eq!(
            fill(&unknown, &facts()),
            None,
            "nothing but nulls is no result"
        );
        assert_eq!(fill(&json!({"type": "string"}), &facts()), None);
        assert_eq!(fill(&json!(true), &facts()), None);
    }

    #[test]
    fn objects_within_are_filled_too() {
        let schema = json!({"type": "object", "properties": {"booking": {"type": "object", "properties": {"guests": {"type": "integer"}}}}});
        assert_eq!(
            fill(&schema, &facts()),
            Some(json!({"booking": {"guests": 2}}))
        );
    }
}
