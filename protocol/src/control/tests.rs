use sha2::Digest;

use super::*;

fn read(text: &str) -> Request {
    Request::parse(text, PhoneRules::default())
}

#[test]
fn commands_are_read() {
    for (text, command) in [
        (
            r#"{"type":"say","text":"Hello"}"#,
            Command::Say("Hello".to_owned()),
        ),
        (
            r#"{"type":"instruct","text":"Ask for 8pm"}"#,
            Command::Instruct("Ask for 8pm".to_owned()),
        ),
        (r#"{"type":"interrupt"}"#, Command::Interrupt),
        (
            r##"{"type":"dtmf","keys":"1w#A"}"##,
            Command::Dtmf("1w#A".to_owned()),
        ),
        (
            r#"{"type":"transfer","to":"+14155551234"}"#,
            Command::Transfer("+14155551234".to_owned()),
        ),
        (r#"{"type":"mute","on":true}"#, Command::Mute(true)),
        (r#"{"type":"hang_up"}"#, Command::HangUp),
    ] {
        assert_eq!(read(text).command, Ok(command), "{text}");
    }
}

#[test]
fn bad_commands_get_their_error() {
    for (text, code) in [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("[]", "invalid_body"),
        ("{}", "missing_field"),
        (r#"{"type":null}"#, "invalid_field"),
        (r#"{"type":"dance"}"#, "invalid_field"),
        (r#"{"type":"say"}"#, "missing_field"),
        (r#"{"type":"say","text":" "}"#, "invalid_field"),
        (r#"{"type":"say","text":7}"#, "invalid_field"),
        (r#"{"type":"say","text":"a","loud":true}"#, "invalid_field"),
        (r#"{"type":"dtmf","keys":""}"#, "invalid_field"),
        (r#"{"type":"dtmf","keys":"12x"}"#, "invalid_field"),
        (r#"{"type":"mute","on":"yes"}"#, "invalid_field"),
        (r#"{"type":"transfer","to":"911"}"#, "emergency_number"),
        (
            r#"{"type":"transfer","to":"+442079460958"}"#,
            "unsupported_region",
        ),
        (r#"{"type":"hang_up","id":[]}"#, "invalid_field"),
        (r#"{"type":"hang_up","call_id":"cl_x"}"#, "call_not_found"),
    ] {
        let error = read(text).command.unwrap_err();
        assert_eq!(error.code.as_str(), code, "{text}");
    }
}

#[test]
fn answers_carry_the_id_as_it_came() {
    for (text, id) in [
        (r#"{"type":"hang_up","id":"a"}"#, r#""a""#),
        (r#"{"type":"hang_up","id":7}"#, "7"),
        (r#"{"type":"hang_up"}"#, "null"),
    ] {
        let request = read(text);
        assert_eq!(ack(&request.id), format!(r#"{{"id":{id},"type":"ack"}}"#));
    }
    let request = read(r#"{"type":"dance","id":"b"}"#);
    let frame: Value =
        serde_json::from_str(&refusal(&request.id, &request.command.unwrap_err())).unwrap();
    assert_eq!(frame["type"], "error");
    assert_eq!(frame["id"], "b");
    assert_eq!(frame["code"], "invalid_field");
}

#[test]
fn events_have_the_documented_shape() {
    let numbered = Numbered {
        seq: 3,
        t_ms: 1_200,
        call_id: CallId::new(0, 0),
        event: Event::AgentSpeech {
            generation: 1,
            clause: 0,
            text: "Hi, a table please.".to_owned(),
            words: SpokenWord::of_clause("Hi, a table please.", 3, 2, 1),
        },
    };
    let json = serde_json::to_value(&numbered).unwrap();
    assert_eq!(
        json,
        json!({
            "seq": 3, "t_ms": 1200, "call_id": "cl_000000000000000000000000000000",
            "type": "agent.speech", "generation": 1, "clause": 0, "text": "Hi, a table please.",
            "words": [
                {"text": "Hi,", "state": "heard"},
                {"text": "a", "state": "sent"},
                {"text": "table", "state": "generated"},
                {"text": "please.", "state": "pending"},
            ],
        })
    );
    assert_eq!(serde_json::from_value::<Numbered>(json).unwrap(), numbered);
}

#[test]
fn the_description_for_clients_belongs_to_this_version_of_the_code() {
    let hash: String = sha2::Sha256::digest(include_bytes!("../control.rs"))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let line = format!("<!-- control.rs sha256: {hash} -->");
    assert!(
        include_str!("../../../docs/control-plane.md").contains(&line),
        "bring docs/control-plane.md up to date with protocol/src/control.rs, then write there: {line}"
    );
}
