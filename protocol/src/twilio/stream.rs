//! Media Streams: the JSON text frames that carry a call's sound both ways over a WebSocket.
//!
//! One trait, [`Dialect`], is what carriers differ in; one file a carrier. It decides how a frame is read and
//! written, and not what happens because of it.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;

mod signalwire;
mod telnyx;
#[cfg(test)]
mod tests;
mod twilio;

pub use self::{signalwire::SignalWire, telnyx::Telnyx, twilio::Twilio};

/// The longest text frame that is read, in bytes. The longest that a carrier sends holds a second of sound.
pub const MAX_TEXT: usize = 64 * 1024;

/// The most sound one frame may carry, in bytes: one second of G.711.
pub const MAX_PAYLOAD: usize = 8_000;

/// Carriers pad their base64; one that does not is understood too.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What one carrier's streams look like.
pub trait Dialect: Send + Sync + fmt::Debug {
    /// Returns the carrier's name as in the configuration.
    fn name(&self) -> &'static str;
    /// Reads a text frame of the carrier.
    ///
    /// # Errors
    /// When it says nothing that can be used; the connection goes on.
    fn read(&self, text: &str) -> Result<Frame, Unreadable>;
    /// Returns the frame that plays `sound`, without any header, after all that was sent before.
    fn media(&self, stream: &str, sound: &[u8]) -> String;
    /// Returns the frame that is echoed once everything sent before it has been played.
    fn mark(&self, stream: &str, name: &str) -> String;
    /// Returns the frame that throws away what was sent and not yet played. Marks that wait come back at once.
    fn clear(&self, stream: &str) -> String;
    /// Returns whether sound arrives in the order in which it was spoken.
    fn is_ordered(&self) -> bool;
    /// Returns what `<Stream>` needs beside its address for sound to flow both ways.
    fn stream_attributes(&self) -> &'static [(&'static str, &'static str)];
    /// Returns the header with the signature of requests and handshakes, if the carrier signs as Twilio does.
    fn signature_header(&self) -> Option<&'static str>;
}

/// A frame that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The stream it belongs to, where it says so.
    pub stream: Option<String>,
    /// What it says.
    pub message: Message,
}

/// What a carrier says on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The socket is open. The first message.
    Connected,
    /// Sound begins to flow. The second message.
    Start(Start),
    /// Sound of the callee.
    Media(Media),
    /// The callee pressed a key: `0`-`9`, `*`, `#`, `A`-`D`.
    Dtmf(char),
    /// Everything sent before this mark was played, or thrown away by a clear.
    Mark(String),
    /// The call has ended or goes on elsewhere. The last message.
    Stop,
    /// The carrier could not use something that was sent.
    Error(String),
}

/// What is known of a stream when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Start {
    /// The stream.
    pub stream: String,
    /// The call.
    pub call: String,
    /// The account, where it is told.
    pub account: Option<String>,
    /// What the TwiML of the stream named.
    pub parameters: BTreeMap<String, String>,
}

/// A piece of the callee's sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Its number, from 1, where it is told.
    pub chunk: Option<u64>,
    /// Its place in the stream in milliseconds, where it is told.
    pub timestamp: Option<u64>,
    /// Encoded sound, 1 to [`MAX_PAYLOAD`] bytes.
    pub sound: Vec<u8>,
}

/// Why a frame says nothing that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unreadable {
    /// Longer than [`MAX_TEXT`].
    TooLong,
    /// No JSON object.
    NotJson,
    /// An event that is not known.
    UnknownEvent,
    /// A field that its event needs is missing or of the wrong kind.
    Malformed,
    /// Sound that is not base64.
    NotBase64,
    /// Sound of no length, or longer than [`MAX_PAYLOAD`].
    BadLength,
    /// Sound that is not the callee's.
    OtherTrack,
    /// A format that was not asked for.
    OtherFormat,
}

impl Unreadable {
    /// Returns the reason in a few words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too long",
            Self::NotJson => "not JSON",
            Self::UnknownEvent => "an unknown event",
            Self::Malformed => "malformed",
            Self::NotBase64 => "sound that is not base64",
            Self::BadLength => "sound of a length that cannot be",
            Self::OtherTrack => "sound of another track",
            Self::OtherFormat => "another format than G.711 µ-law at 8 kHz",
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What every frame has.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default, rename = "streamSid", alias = "stream_id", borrow)]
    stream: Option<Cow<'a, str>>,
}

/// A whole number that may be written as a string; `None` when the string holds none.
#[derive(Clone, Copy)]
struct Count(Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl serde::de::Visitor<'_> for Either {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or one in a string")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Count, E> {
                Ok(Count(Some(number)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Count, E> {
                Ok(Count(text.parse().ok()))
            }
        }
        from.deserialize_any(Either)
    }
}

#[derive(Deserialize)]
struct WithStart<'a> {
    #[serde(borrow)]
    start: RawStart<'a>,
}

#[derive(Deserialize)]
struct RawStart<'a> {
    #[serde(default, rename = "streamSid", alias = "stream_id", borrow)]
    stream: Option<Cow<'a, str>>,
    #[serde(rename = "callSid", alias = "call_control_id", alias = "call_sid")]
    call: Cow<'a, str>,
    #[serde(
        default,
        rename = "accountSid",
        alias = "account_sid",
        alias = "user_id"
    )]
    account: Option<Cow<'a, str>>,
    #[serde(rename = "mediaFormat", alias = "media_format")]
    format: RawFormat<'a>,
    #[serde(default, rename = "customParameters", alias = "custom_parameters")]
    parameters: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct RawFormat<'a> {
    #[serde(borrow)]
    encoding: Cow<'a, str>,
    #[serde(default, rename = "sampleRate", alias = "sample_rate")]
    rate: Option<Count>,
    #[serde(default)]
    channels: Option<Count>,
}

/// A frame of sound, whole.
#[derive(Deserialize)]
struct Sound<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default, rename = "streamSid", alias = "stream_id", borrow)]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow)]
    media: RawMedia<'a>,
}

#[derive(Deserialize)]
struct RawMedia<'a> {
    #[serde(default, borrow)]
    track: Option<Cow<'a, str>>,
    #[serde(default)]
    chunk: Option<Count>,
    #[serde(default)]
    timestamp: Option<Count>,
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WithDtmf {
    dtmf: RawDtmf,
}

#[derive(Deserialize)]
struct RawDtmf {
    digit: String,
}

#[derive(Deserialize)]
struct WithMark {
    mark: RawMark,
}

#[derive(Deserialize)]
struct RawMark {
    name: String,
}

/// Reads the messages that all carriers share; `encodings` says what each calls G.711 µ-law, which is asked for.
fn read_common(
    text: &str,
    encodings: &[&str],
    other: impl FnOnce(&str, &str) -> Result<Message, Unreadable>,
) -> Result<Frame, Unreadable> {
    if text.len() > MAX_TEXT {
        return Err(Unreadable::TooLong);
    }
    // Nearly all frames are sound: they are read in one go.
    if let Ok(Sound {
        event,
        stream,
        media,
    }) = serde_json::from_str(text)
        && event == "media"
    {
        return Ok(Frame {
            stream: stream.map(Cow::into_owned),
            message: Message::Media(read_media(&media)?),
        });
    }
    let head: Head<'_> = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Unreadable::Malformed,
        _ => Unreadable::NotJson,
    })?;
    let message = match head.event.as_ref() {
        "connected" => Message::Connected,
        "start" => {
            let mut start = read_start(text, encodings)?;
            if start.stream.is_empty() {
                start.stream = head.stream.as_deref().unwrap_or_default().to_owned();
            }
            Message::Start(start)
        }
        // It would have been read above.
        "media" => return Err(Unreadable::Malformed),
        "dtmf" => Message::Dtmf(read_key(text)?),
        "mark" => {
            let with: WithMark = within(text)?;
            Message::Mark(with.mark.name)
        }
        "stop" => Message::Stop,
        event => other(event, text)?,
    };
    Ok(Frame {
        stream: head.stream.map(Cow::into_owned),
        message,
    })
}

fn within<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|_| Unreadable::Malformed)
}

fn read_start(text: &str, encodings: &[&str]) -> Result<Start, Unreadable> {
    let WithStart { start } = within(text)?;
    let known = encodings
        .iter()
        .any(|name| start.format.encoding.eq_ignore_ascii_case(name));
    let is =
        |count: &Option<Count>, wanted| count.as_ref().is_none_or(|count| count.0 == Some(wanted));
    if !known || !is(&start.format.rate, 8_000) || !is(&start.format.channels, 1) {
        return Err(Unreadable::OtherFormat);
    }
    let parameters = start.parameters.unwrap_or_default().into_iter();
    Ok(Start {
        stream: start.stream.unwrap_or_default().into_owned(),
        call: start.call.into_owned(),
        account: start.account.map(Cow::into_owned),
        parameters: parameters
            .filter_map(|(name, value)| match value {
                serde_json::Value::String(text) => Some((name, text)),
                serde_json::Value::Number(number) => Some((name, number.to_string())),
                _ => None,
            })
            .collect(),
    })
}

fn read_media(media: &RawMedia<'_>) -> Result<Media, Unreadable> {
    if media
        .track
        .as_ref()
        .is_some_and(|track| !track.starts_with("inbound"))
    {
        return Err(Unreadable::OtherTrack);
    }
    if media.payload.len() > MAX_PAYLOAD.div_ceil(3) * 4 {
        return Err(Unreadable::BadLength);
    }
    let sound = BASE64
        .decode(media.payload.as_bytes())
        .map_err(|_| Unreadable::NotBase64)?;
    if sound.is_empty() || sound.len() > MAX_PAYLOAD {
        return Err(Unreadable::BadLength);
    }
    Ok(Media {
        chunk: media.chunk.and_then(|count| count.0),
        timestamp: media.timestamp.and_then(|count| count.0),
        sound,
    })
}

fn read_key(text: &str) -> Result<char, Unreadable> {
    let with: WithDtmf = within(text)?;
    let mut keys = with.dtmf.digit.chars();
    match (keys.next().map(|key| key.to_ascii_uppercase()), keys.next()) {
        (Some(key @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(key),
        _ => Err(Unreadable::Malformed),
    }
}

fn encode_onto(sound: &[u8], text: &mut String) {
    BASE64.encode_string(sound, text);
}

fn encode(sound: &[u8]) -> String {
    BASE64.encode(sound)
}

/// Returns `text` as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
