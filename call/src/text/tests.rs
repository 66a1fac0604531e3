//! Every kind of line survives writing and reading; wrong lines are explained.

use super::*;
use crate::{testing::epoch, *};

#[test]
fn durations_keep_every_nanosecond() {
    for nanos in [0, 1, 62_500, 1_000_000, 20_000_000, 1_234_567_891] {
        let duration = Duration::from_nanos(nanos);
        assert_eq!(read_duration(&write_duration(duration)), Ok(duration));
    }
    assert_eq!(write_duration(Duration::from_micros(12_500)), "12.5ms");
    assert_eq!(read_duration("7s"), Ok(Duration::from_secs(7)));
    for wrong in [
        "",
        "ms",
        "7",
        "-7ms",
        "1e3ms",
        "7.ms s",
        "99999999999999s",
        "1.1234567890s",
    ] {
        assert!(read_duration(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_event_reads_back_equal() {
    for line in [
        "line ringing",
        "line answered",
        "line dtmf \"#\"",
        "line hung-up",
        "line failed network-blocked",
        "line answered-by voicemail",
        "voice started voiced=60ms echo=0.25",
        "voice going voiced=300ms echo=0",
        "voice ended silence=120.5ms voiced=800ms slope=-2.5 level=-2.5 drop=-6 last=210ms",
        "voice tone beep",
        "voice music on",
        "words partial \"I'd \\\"like\\\" \\\\ a\"",
        "words final \"\"",
        "words final \"two\\npeople\" mark=7",
        "words over 82",
        "words goes-on",
        "words failed",
        "reply g2 text \" Hi, \"",
        "reply g2 tool hang-up",
        "reply g2 tool keys \"1w2\"",
        "reply g2 tool wait",
        "reply g2 tool transfer \"+14155551234\"",
        "reply g2 tool ask \"Is nine all right?\"",
        "reply g2 tool fact \"They close at ten.\"",
        "reply g2 withheld",
        "reply g2 done",
        "reply g2 failed",
        "speech g2.10 audio 400ms",
        "speech g2.0 words 100ms 250.25ms",
        "speech g2.0 words",
        "speech g2.0 done 1200ms",
        "speech g2.0 failed",
        "playout g2.0 sent 20ms",
        "playout g2.0 heard 20ms",
        "playout g2.0 finished",
        "command say \"Hello\"",
        "command instruct \"Be brief\"",
        "command answer 2 \"Yes, nine is fine.\"",
        "command interrupt",
        "command keys \"1\"",
        "command transfer \"+1\"",
        "command mute off",
        "command hang-up",
        "command cancel",
        "command cancel now",
        "command drain",
        "deadline",
    ] {
        let event = read_event(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(write_event(&event), line);
    }
}

#[test]
fn every_action_reads_back_equal() {
    let origin = epoch();
    let latency =
        "end-of-turn=330ms words=0ms first-token=250ms first-sound=150ms wire=20ms felt=750ms";
    let lines = [
        "flush 3",
        "expect number",
        "think g1",
        "think g2 callee \"Hello?\" agent \"Hi—\" cut note \"x\" requester \"y\"",
        "speak g2.0 \"At seven.\"",
        "cancel g2",
        "pause",
        "resume",
        "keys \"12#\"",
        "transfer \"+1\"",
        "hang-up",
        "note status in-progress",
        "note callee-partial \"a\"",
        "note callee-final \"a\"",
        "note thinking g2",
        "note agent-speech g2.1 3/2/1 \"one two three\"",
        "note interrupted \"At\"",
        "note false-alarm",
        &format!("note latency g2 {latency}"),
        "note dtmf \"5\" callee",
        "note dtmf \"5\" agent",
        "note tool wait",
        "note tool fact \"They close at ten.\"",
        "note tool-refused keys \"1\" \"Nobody asked for keys.\"",
        "note question 1 within=30000ms \"Is nine all right?\"",
        "note question-closed 1 answered",
        "note question-closed 1 unanswered",
        "note answered-by ivr",
        "note warning \"A sentence could not be spoken.\"",
        "turn callee \"Two.\" started=1000ms ended=1400.5ms",
        &format!("turn agent \"At—\" started=2000ms ended=2100ms cut {latency}"),
        "end callee-hung-up",
        "end failed llm-failed",
    ];
    for line in lines {
        let action = read_action(line, origin).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(write_action(&action, origin), line);
    }
}

#[test]
fn wrong_lines_are_explained() {
    for (line, expected) in [
        ("", "the line ends too early"),
        ("lion roars", "'lion' is no event"),
        ("line failed badly", "'badly' is no failure"),
        ("line answered twice", "'twice' is too much"),
        (
            "words final hello",
            "a quoted sentence is expected where 'hello' stands",
        ),
        (
            "words final \"hello",
            "a quotation mark is missing at the end",
        ),
        ("speech g2 failed", "'g2' is no clause; write it like g2.0"),
        ("voice started echo=0", "voiced= is missing"),
        (
            "voice started voiced=60 echo=0",
            "'60' is no duration; write it like 120ms or 7s",
        ),
    ] {
        assert_eq!(
            read_event(line).map_err(|error| error.to_string()),
            Err(expected.to_owned()),
            "{line}"
        );
    }
    assert!(read_action("note warning \"Unheard of\"", epoch()).is_err());
}

#[test]
fn settings_read_back_equal() {
    let mut config = CallConfig {
        first_message: Some("Hi \"there\"".into()),
        patience: 1.5,
        silence_prompts: 3,
        hold_limit: Duration::from_secs(9),
        voicemail: Voicemail::LeaveMessage("Call back.".into()),
        ..CallConfig::default()
    };
    config.phrases.nobody = "Bye.".into();
    let mut read = CallConfig::default();
    for line in write_settings(&config).lines() {
        read_setting(line.strip_prefix("set ").unwrap(), &mut read).unwrap();
    }
    assert_eq!(read, config);
    assert_eq!(write_settings(&CallConfig::default()), "");
    assert!(read_setting("pateince=1", &mut read).is_err());
    assert!(read_setting("patience=much", &mut read).is_err());
}
