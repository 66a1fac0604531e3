//! Twilio's own streams.
//! Source: <https://www.twilio.com/docs/voice/media-streams/websocket-messages>.

use super::{Dialect, Frame, Unreadable, encode, quoted, read_common};

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
        format!(
            r#"{{"event":"media","streamSid":{},"media":{{"payload":"{}"}}}}"#,
            quoted(stream),
            encode(sound)
        )
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
