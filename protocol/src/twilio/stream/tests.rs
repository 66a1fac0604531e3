use super::*;

const TWILIO: &str = include_str!("../../../../fixtures/streams/twilio.jsonl");
const TELNYX: &str = include_str!("../../../../fixtures/streams/telnyx.jsonl");
const SIGNALWIRE: &str = include_str!("../../../../fixtures/streams/signalwire.jsonl");

fn messages(dialect: &dyn Dialect, lines: &str) -> Vec<Message> {
    let frame = |line| dialect.read(line).map(|frame| frame.message);
    lines.lines().map(|line| frame(line).expect(line)).collect()
}

/// The same call, as each carrier tells it.
#[test]
fn every_carrier_tells_the_same_call() {
    let carriers: [(&dyn Dialect, &str, &str); 3] = [
        (&Twilio, TWILIO, "MZ18ad3ab5a668481ce02b83e7395059f0"),
        (&Telnyx, TELNYX, "32de0dea-53cb-4b21-89a4-9e1819c043bc"),
        (
            &SignalWire,
            SIGNALWIRE,
            "c3d5b0d0-6c3c-4c8e-9b9e-0b1b8a2f7a11",
        ),
    ];
    for (dialect, lines, stream) in carriers {
        let all = messages(dialect, lines);
        assert_eq!(all[0], Message::Connected, "{}", dialect.name());
        let Message::Start(start) = &all[1] else {
            panic!("{:?}", all[1])
        };
        assert_eq!(start.stream, stream);
        assert!(!start.call.is_empty());
        assert_eq!(start.parameters["token"], "a-token");
        let Message::Media(media) = &all[2] else {
            panic!("{:?}", all[2])
        };
        assert_eq!((media.chunk, media.sound.len()), (Some(1), 160));
        assert!(matches!(&all[3], Message::Media(media) if media.chunk == Some(2)));
        assert_eq!(all[4], Message::Dtmf('1'));
        assert_eq!(all[5], Message::Mark("m7".into()));
        assert_eq!(all.last(), Some(&Message::Stop));
    }
}

#[test]
fn telnyx_tells_errors_on_the_stream() {
    let text = r#"{"event":"error","payload":{"code":100002,"title":"unknown_error","detail":"Unknown error"},"stream_id":"x"}"#;
    assert_eq!(
        Telnyx.read(text).map(|frame| frame.message),
        Ok(Message::Error("unknown_error: Unknown error".into()))
    );
    assert_eq!(Twilio.read(text), Err(Unreadable::UnknownEvent));
}

#[test]
fn what_is_sent_is_what_the_documents_show() {
    assert_eq!(
        Twilio.media("MZ1", &[0xff, 0x7f, 0x00]),
        r#"{"event":"media","streamSid":"MZ1","media":{"payload":"/38A"}}"#
    );
    assert_eq!(
        Twilio.mark("MZ1", "m\"1"),
        r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"m\"1"}}"#
    );
    assert_eq!(
        Twilio.clear("MZ1"),
        r#"{"event":"clear","streamSid":"MZ1"}"#
    );
    assert_eq!(
        Telnyx.media("x", &[0xff]),
        r#"{"event":"media","media":{"payload":"/w=="}}"#
    );
    assert_eq!(
        Telnyx.mark("x", "1"),
        r#"{"event":"mark","mark":{"name":"1"}}"#
    );
    assert_eq!(
        SignalWire.clear("y"),
        r#"{"event":"clear","streamSid":"y"}"#
    );
}

#[test]
fn numbers_may_be_strings_and_strings_numbers() {
    for text in [
        r#"{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"7","timestamp":"120","payload":"/w=="}}"#,
        r#"{"event":"media","sequenceNumber":3,"media":{"chunk":7,"timestamp":120,"payload":"/w","more":[1]},"x":{}}"#,
    ] {
        let Message::Media(media) = Twilio.read(text).unwrap().message else {
            panic!("{text}")
        };
        assert_eq!((media.chunk, media.timestamp), (Some(7), Some(120)));
        assert_eq!(media.sound, [0xff]);
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    let media = |payload: &str| format!(r#"{{"event":"media","media":{{"payload":"{payload}"}}}}"#);
    let long = encode(&vec![0; MAX_PAYLOAD + 1]);
    for (text, why) in [
        ("", Unreadable::NotJson),
        ("[]", Unreadable::Malformed),
        ("{", Unreadable::NotJson),
        ("{}", Unreadable::Malformed),
        (r#"{"event":5}"#, Unreadable::Malformed),
        (r#"{"event":"dance"}"#, Unreadable::UnknownEvent),
        (r#"{"event":"media"}"#, Unreadable::Malformed),
        (r#"{"event":"media","media":{}}"#, Unreadable::Malformed),
        (&media("!!!"), Unreadable::NotBase64),
        (&media("/"), Unreadable::NotBase64),
        (&media(""), Unreadable::BadLength),
        (&media(&long), Unreadable::BadLength),
        (
            r#"{"event":"media","media":{"track":"outbound","payload":"/w=="}}"#,
            Unreadable::OtherTrack,
        ),
        (r#"{"event":"mark","mark":{}}"#, Unreadable::Malformed),
        (
            r#"{"event":"dtmf","dtmf":{"digit":"12"}}"#,
            Unreadable::Malformed,
        ),
        (
            r#"{"event":"dtmf","dtmf":{"digit":"x"}}"#,
            Unreadable::Malformed,
        ),
        (
            r#"{"event":"start","start":{"callSid":"CA1","mediaFormat":{"encoding":"audio/x-l16"}}}"#,
            Unreadable::OtherFormat,
        ),
        (
            r#"{"event":"start","start":{"callSid":"CA1","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":16000}}}"#,
            Unreadable::OtherFormat,
        ),
    ] {
        assert_eq!(Twilio.read(text), Err(why), "{text}");
    }
    let huge = format!(r#"{{"event":"connected","x":"{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(Twilio.read(&huge), Err(Unreadable::TooLong));
}
