//! Twilio's own streams.
//! Source: <https://www.twilio.com/docs/voice/media-streams/websocket-messages>.

use super::{Dialect, Frame, Unreadable, encode_onto, quoted, read_common};

/// Twilio has one codec only.
const ENCODINGS: &[&str] = &["audio/x-mulaw"];

/// See the module's documentation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Twilio;

impl Dialect for Twilio {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn read(&self, text: &str) -> Result<Frame, Unreadable> {
        read_common(text, ENCODINGS, |_, _| Err(Unreadable::UnknownEvent))
    }

    fn media(&self, stream: &str, sound: &[u8]) -> String {
        let before = r#"{"event":"media","streamSid":"#;
        let mut text = String::with_capacity(before.len() + 96 + sound.len().div_ceil(3) * 4);
        text.push_str(before);
        text.push_str(&quoted(stream));
        text.push_str(r#","media":{"payload":""#);
        encode_onto(sound, &mut text);
        text.push_str("\"}}");
        text
    }

    fn mark(&self, stream: &str, name: &str) -> String {
        format!(
            r#"{{"event":"mark","streamSid":{},"mark":{{"name":{}}}}}"#,
            quoted(stream),
            quoted(name)
        )
    }

    fn clear(&self, stream: &str) -> String {
        format!(r#"{{"event":"clear","streamSid":{}}}"#, quoted(stream))
    }

    fn is_ordered(&self) -> bool {
        true
    }

    fn stream_attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn signature_header(&self) -> Option<&'static str> {
        Some("x-twilio-signature")
    }
}
