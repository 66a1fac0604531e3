use serde_json::json;

use super::*;
use crate::error::ErrorCode;

fn parse(body: Value) -> Result<Parsed, ApiError> {
    CreateCall::parse(body.to_string().as_bytes(), &Offer::default())
}

/// The documentation's own request, with `more` added to or replacing its fields.
fn example(more: Value) -> Value {
    let mut body = json!({
        "to_phone_number": "+14155551234",
        "objective": "Book a table for 2 at 7pm",
        "business_name": "Nopa",
        "website": "https://nopa-sf.com",
    });
    let (Value::Object(into), Value::Object(from)) = (&mut body, more) else {
        panic!("both are objects");
    };
    into.extend(from);
    body
}

fn refusal(more: Value) -> (&'static str, String) {
    let error = parse(example(more)).unwrap_err();
    (error.code.as_str(), error.message)
}

#[test]
fn the_published_example_is_accepted_without_a_warning() {
    let parsed = parse(example(json!({}))).unwrap();
    assert_eq!(parsed.warnings, Vec::<String>::new());
    let call = parsed.call;
    assert_eq!(call.to_phone_number, "+14155551234");
    assert_eq!(call.business_name.as_deref(), Some("Nopa"));
    assert_eq!(call.language, "en-US");
    assert_eq!(call.max_duration_seconds, 600);
    assert_eq!(call.line, "simulated");
}

#[test]
fn what_is_no_json_object_is_told_so() {
    for (body, code) in [
        (&b""[..], "invalid_json"),
        (b"{", "invalid_json"),
        (b"{\"a\":1}x", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b"[]", "invalid_body"),
        (b"null", "invalid_body"),
        (b"\"text\"", "invalid_body"),
        (b"17", "invalid_body"),
    ] {
        let error = CreateCall::parse(body, &Offer::default()).unwrap_err();
        assert_eq!((error.code.as_str(), error.status()), (code, 400));
    }
    let deep = "[".repeat(100_000);
    let error = CreateCall::parse(deep.as_bytes(), &Offer::default()).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidJson);
}

#[test]
fn required_fields_are_asked_for_in_order() {
    for (body, name) in [
        (json!({}), "to_phone_number"),
        (json!({"objective": "x"}), "to_phone_number"),
        (
            json!({"to_phone_number": null, "objective": "x"}),
            "to_phone_number",
        ),
        (json!({"to_phone_number": "911"}), "objective"),
        (
            json!({"to_phone_number": "+14155551234", "objective": null}),
            "objective",
        ),
    ] {
        let error = parse(body).unwrap_err();
        assert_eq!(error.code, ErrorCode::MissingField);
        assert!(
            error.message.contains(&format!("'{name}'")),
            "{}",
            error.message
        );
    }
    assert_eq!(
        parse(json!({})).unwrap_err().message,
        "Missing required field 'to_phone_number'. Expected E.164 phone number like +14155551234"
    );
}

#[test]
fn bad_values_are_named() {
    let long = "x".repeat(20_001);
    let table = [
        (json!({"objective": 5}), "objective"),
        (json!({"objective": "  "}), "objective"),
        (json!({"objective": long}), "objective"),
        (json!({"objective": "a\u{0}b"}), "objective"),
        (json!({"business_name": ["Nopa"]}), "business_name"),
        (json!({"website": "not a url"}), "website"),
        (json!({"website": 3}), "website"),
        (json!({"language": "klingonese"}), "language"),
        (json!({"language": {}}), "language"),
        (json!({"first_message": false}), "first_message"),
        (json!({"max_duration_seconds": 0}), "max_duration_seconds"),
        (json!({"max_duration_seconds": -5}), "max_duration_seconds"),
        (
            json!({"max_duration_seconds": 7201}),
            "max_duration_seconds",
        ),
        (json!({"max_duration_seconds": 1.5}), "max_duration_seconds"),
        (
            json!({"max_duration_seconds": "60"}),
            "max_duration_seconds",
        ),
        (json!({"voicemail": "hangup"}), "voicemail"),
        (
            json!({"voicemail": {"action": "shout"}}),
            "voicemail.action",
        ),
        (json!({"voicemail": {"message": 1}}), "voicemail.message"),
        (json!({"webhook_url": "nopa-sf.com"}), "webhook_url"),
        (json!({"metadata": []}), "metadata"),
        (json!({"metadata": {"k": "x".repeat(17_000)}}), "metadata"),
        (json!({"result_schema": "string"}), "result_schema"),
        (json!({"instructions": long}), "instructions"),
        (json!({"scheduled_at": "tomorrow at six"}), "scheduled_at"),
        // Without an offset nobody knows when that is.
        (
            json!({"scheduled_at": "2026-02-20T12:00:00"}),
            "scheduled_at",
        ),
        (json!({"scheduled_at": 1_771_588_800}), "scheduled_at"),
        (
            json!({"from_phone_number": "+14155550000"}),
            "from_phone_number",
        ),
        (json!({"line": "twilio"}), "line"),
        (json!({"line": 1}), "line"),
        (json!({"scenario": 1}), "scenario"),
        (
            json!({"scenario": "books", "callee_audio": "a.wav"}),
            "callee_audio",
        ),
    ];
    for (more, name) in table {
        let (code, message) = refusal(more.clone());
        assert_eq!(code, "invalid_field", "{more}");
        assert!(message.contains(&format!("'{name}'")), "{more}: {message}");
    }
}

#[test]
fn numbers_are_judged_last_and_whatever_their_type() {
    for (number, code) in [
        (json!("911"), "emergency_number"),
        (json!(911), "emergency_number"),
        (json!("+442079460958"), "unsupported_region"),
        (json!("hello"), "invalid_phone"),
        (json!(""), "invalid_phone"),
        (json!(4_155_551_234_u64), "invalid_phone"),
        (json!(["+14155551234"]), "invalid_phone"),
    ] {
        assert_eq!(
            refusal(json!({"to_phone_number": number})).0,
            code,
            "{number}"
        );
        assert_eq!(refusal(json!({"transfer_to": number})).0, code, "{number}");
    }
    let both = refusal(json!({"to_phone_number": "911", "language": "klingonese"}));
    assert_eq!(both.0, "invalid_field");
    assert!(
        refusal(json!({"transfer_to": "x"}))
            .1
            .contains("'transfer_to'")
    );
}

#[test]
fn all_our_fields_are_taken() {
    let parsed = parse(example(json!({
        "language": "spanish", "first_message": "Hola", "max_duration_seconds": 90,
        "voicemail": {"action": "leave_message", "message": "Call us"},
        "webhook_url": "https://hooks.example/x", "metadata": {"order": 7, "deep": [1]},
        "result_schema": {"type": "object"}, "transfer_to": "+14155550100",
        "instructions": "The name is Ada.", "line": "simulated", "scenario": "books",
    })))
    .unwrap();
    let call = parsed.call;
    assert_eq!(call.language, "es");
    assert_eq!(call.voicemail.action, VoicemailAction::LeaveMessage);
    assert_eq!(call.voicemail.message.as_deref(), Some("Call us"));
    assert_eq!(call.metadata.unwrap()["order"], 7);
    assert_eq!(call.transfer_to.as_deref(), Some("+14155550100"));
    assert_eq!(call.scenario.as_deref(), Some("books"));
    assert_eq!(call.webhook_url.as_deref(), Some("https://hooks.example/x"));
    assert_eq!(parsed.warnings, [""; 0]);
}

#[test]
fn unknown_fields_are_ignored_aloud() {
    let parsed = parse(example(
        json!({"colour": "red", "instruction": "x", "voicemail": {"acton": 1}}),
    ))
    .unwrap();
    assert_eq!(
        parsed.warnings,
        [
            "Unknown field 'voicemail.acton' was ignored.",
            "Unknown field 'colour' was ignored.",
            "Unknown field 'instruction' was ignored. Did you mean 'instructions'?",
        ]
    );
    let many: Map<String, Value> = (0..50).map(|i| (format!("field-{i}"), json!(i))).collect();
    let parsed = parse(example(Value::Object(many))).unwrap();
    assert_eq!(parsed.warnings.len(), 21);
}

#[test]
fn simulation_fields_need_the_simulated_line() {
    let offer = Offer {
        lines: vec!["sip".to_owned(), "simulated".to_owned()],
        ..Offer::default()
    };
    let read = |more| CreateCall::parse(example(more).to_string().as_bytes(), &offer);
    assert_eq!(read(json!({})).unwrap().call.line, "sip");
    assert!(read(json!({"line": "simulated", "scenario": "x"})).is_ok());
    assert_eq!(
        read(json!({"scenario": "x"})).unwrap_err().code,
        ErrorCode::InvalidField
    );
}

#[test]
fn a_checked_request_can_be_kept_and_read_again() {
    let call = parse(example(json!({"metadata": {"a": 1}}))).unwrap().call;
    let text = serde_json::to_string(&call).unwrap();
    assert_eq!(serde_json::from_str::<CreateCall>(&text).unwrap(), call);
}

#[test]
fn the_number_to_call_from_is_one_of_the_line() {
    let offer = Offer {
        lines: vec!["twilio".to_owned(), "simulated".to_owned()],
        from_numbers: vec![
            ("twilio".to_owned(), "+14155550100".to_owned()),
            ("twilio".to_owned(), "+14155550101".to_owned()),
        ],
        ..Offer::default()
    };
    let read = |more| CreateCall::parse(example(more).to_string().as_bytes(), &offer);
    assert_eq!(read(json!({})).unwrap().call.from_phone_number, None);
    let chosen = read(json!({"from_phone_number": "+14155550101"})).unwrap();
    assert_eq!(
        chosen.call.from_phone_number.as_deref(),
        Some("+14155550101")
    );
    let error = read(json!({"from_phone_number": "+14155550999"})).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidField);
    assert!(
        error.message.contains("+14155550100, +14155550101"),
        "{error}"
    );
    let other = json!({"from_phone_number": "+14155550100", "line": "simulated"});
    assert!(read(other).unwrap_err().message.contains("simulated"));
}

#[test]
fn a_request_kept_before_there_were_numbers_is_still_read() {
    let call = parse(example(json!({}))).unwrap().call;
    let mut kept = serde_json::to_value(&call).unwrap();
    kept.as_object_mut().unwrap().remove("from_phone_number");
    assert_eq!(serde_json::from_value::<CreateCall>(kept).unwrap(), call);
}
