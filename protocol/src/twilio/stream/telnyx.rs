//! Telnyx's streams: the same messages in snake case, out of order at times, with errors told on the stream.
//! Source: <https://developers.telnyx.com/docs/voice/programmable-voice/media-streaming>.

use serde::Deserialize;

use super::{Dialect, Frame, Message, Unreadable, encode, quoted, read_common, within};

const ENCODINGS: &[&str] = &["PCMU"];

/// See the module's documentation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Telnyx;

#[derive(Deserialize)]
struct WithError {
    payload: RawError,
}

#[derive(Deserialize)]
struct RawError {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl Dialect for Telnyx {
    fn name(&self) -> &'static str {
        "telnyx"
    }

    fn read(&self, text: &str) -> Result<Frame, Unreadable> {
        read_common(text, ENCODINGS, |event, text| match event {
            "error" => {
                let WithError { payload } = within(text)?;
                let sentence = format!("{}: {}", payload.title, payload.detail);
                Ok(Message::Error(sentence.chars().take(200).collect()))
            }
            _ => Err(Unreadable::UnknownEvent),
        })
    }

    fn media(&self, _stream: &str, sound: &[u8]) -> String {
        format!(
            r#"{{"event":"media","media":{{"payload":"{}"}}}}"#,
            encode(sound)
        )
    }

    fn mark(&self, _stream: &str, name: &str) -> String {
        format!(r#"{{"event":"mark","mark":{{"name":{}}}}}"#, quoted(name))
    }

    fn clear(&self, _stream: &str) -> String {
        r#"{"event":"clear"}"#.to_owned()
    }

    fn is_ordered(&self) -> bool {
        false
    }

    fn stream_attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[("bidirectionalMode", "rtp"), ("codec", "PCMU")]
    }

    fn signature_header(&self) -> Option<&'static str> {
        None
    }
}
