//! SignalWire's streams: Twilio's messages, with numbers that are numbers.
//! Source: <https://developer.signalwire.com/compatibility-api/cxml/voice/stream/>.

use super::{Dialect, Frame, Twilio, Unreadable, read_common};

const ENCODINGS: &[&str] = &["audio/x-mulaw", "PCMU"];

/// See the module's documentation.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignalWire;

impl Dialect for SignalWire {
    fn name(&self) -> &'static str {
        "signalwire"
    }

    fn read(&self, text: &str) -> Result<Frame, Unreadable> {
        read_common(text, ENCODINGS, |_, _| Err(Unreadable::UnknownEvent))
    }

    fn media(&self, stream: &str, sound: &[u8]) -> String {
        Twilio.media(stream, sound)
    }

    fn mark(&self, stream: &str, name: &str) -> String {
        Twilio.mark(stream, name)
    }

    fn clear(&self, stream: &str) -> String {
        Twilio.clear(stream)
    }

    fn is_ordered(&self) -> bool {
        true
    }

    fn stream_attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[("codec", "PCMU")]
    }

    fn signature_header(&self) -> Option<&'static str> {
        Some("x-signalwire-signature")
    }
}
