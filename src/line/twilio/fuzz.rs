//! Entry points for fuzzing what carriers send, in the style of [`crate::testing`]: plain functions that panic only
//! when something is wrong with us.

use protocol::twilio::{
    callback as told, signature,
    stream::{self as wire, Dialect},
    twiml,
};

/// Reads `data` as a text frame of a carrier's stream, in every dialect.
///
/// # Panics
/// When sound is read that no frame may carry, or a name or key that cannot be.
pub fn stream(data: &[u8]) {
    // The WebSocket layer closes the connection on text that is no UTF-8.
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let dialects: [&dyn Dialect; 3] = [&wire::Twilio, &wire::SignalWire, &wire::Telnyx];
    for dialect in dialects {
        match dialect.read(text).map(|frame| frame.message) {
            Ok(wire::Message::Media(media)) => {
                assert!((1..=wire::MAX_PAYLOAD).contains(&media.sound.len()));
                // What is sent back is read as the same sound.
                let sent = dialect.media("MZ1", &media.sound);
                let again = dialect.read(&sent).expect("our own frame").message;
                assert!(matches!(again, wire::Message::Media(read) if read.sound == media.sound));
            }
            Ok(wire::Message::Mark(name)) => {
                let sent = dialect.mark("MZ1", &name);
                let again = dialect.read(&sent).expect("our own frame").message;
                assert_eq!(again, wire::Message::Mark(name));
            }
            Ok(wire::Message::Dtmf(key)) => {
                assert!(matches!(key, '0'..='9' | '*' | '#' | 'A'..='D'), "{key}");
            }
            Ok(_) => {}
            Err(why) => assert!(!why.to_string().is_empty()),
        }
    }
}

/// Reads `data` as the form of a carrier's callback, and signs and checks it.
///
/// # Panics
/// When our own signature does not hold, or still holds after a change.
pub fn callback(data: &[u8]) {
    let form: Vec<(String, String)> = form_urlencoded::parse(data).into_owned().collect();
    let fields = told::Fields::new(&form);
    let _ = told::StatusCallback::read(&fields);
    let _ = told::StreamCallback::read(&fields);
    let _ = told::IncomingCall::read(&fields);
    let _ = told::AnsweredBy::read(&fields);
    if let Some(call) = fields.call() {
        assert!(!call.is_empty() && call.is_ascii(), "{call}");
    }
    let url = "https://phone.example/lines/x/status?ref=1";
    let good = signature::sign("token", url, &form);
    let valid = |form: &[(String, String)]| {
        signature::is_valid("token", url, signature::Signed::Form(form), &good)
    };
    assert!(valid(&form));
    let mut changed = form.clone();
    changed.push((
        "CallStatus".into(),
        "completed, but not by the carrier".into(),
    ));
    assert!(!valid(&changed));
    let escaped = twiml::escaped(&String::from_utf8_lossy(data));
    assert!(!escaped.contains(['<', '>', '"', '\'']), "{escaped}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tests::drive;

    const FRAMES: [&str; 3] = [
        include_str!("../../../fixtures/streams/twilio.jsonl"),
        include_str!("../../../fixtures/streams/signalwire.jsonl"),
        include_str!("../../../fixtures/streams/telnyx.jsonl"),
    ];
    const FORMS: [&str; 4] = [
        "CallSid=CA1&AccountSid=AC1&CallStatus=busy&SipResponseCode=486&SequenceNumber=2&To=%2B14155551234&FromCity=",
        "CallSid=CA1&AnsweredBy=machine_end_beep&MachineDetectionDuration=3210",
        "CallSid=CA1&StreamSid=MZ1&StreamEvent=stream-error&StreamError=31920+handshake",
        "CallSid=CA1&From=%2B14155557777&To=%2B14155550100&Direction=inbound&CallStatus=ringing",
    ];

    #[test]
    fn frames_of_strangers_never_break_us() {
        let frames: Vec<&str> = FRAMES.iter().flat_map(|frames| frames.lines()).collect();
        drive(stream, &frames, 100_000);
    }

    #[test]
    fn callbacks_of_strangers_never_break_us() {
        drive(callback, &FORMS, 20_000);
    }
}
