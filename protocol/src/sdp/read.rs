//! Reading descriptions, also those of peers who do not follow the rules.
//!
//! What the sound does not need is left out before the parser sees it, and what many get wrong is put right: names in
//! place of numbers in `o=`, missing or misplaced lines, unknown kinds of streams.

use core::net::{IpAddr, Ipv4Addr};
use std::io::Cursor;

use rtc_sdp::description::{media::MediaDescription, session::SessionDescription};

use super::{Audio, Codec, Crypto, Description, Direction, Encoding, Format, Stream};

/// Descriptions are shorter than this.
const MOST_BYTES: usize = 16_384;
/// And have fewer streams.
const MOST_STREAMS: usize = 16;

/// Why a description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(&'static str);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "The session description (SDP) cannot be used: {}",
            self.0
        )
    }
}

impl std::error::Error for Unreadable {}

impl Description {
    /// Reads a description.
    ///
    /// # Errors
    /// When it is no description at all, or far too long.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        if text.len() > MOST_BYTES {
            return Err(Unreadable("it is too long"));
        }
        let mended = Mended::of(text)?;
        let parsed = SessionDescription::unmarshal(&mut Cursor::new(mended.text.as_bytes()))
            .map_err(|_| Unreadable("it is not well formed"))?;
        let session_address = address(parsed.connection_information.as_ref());
        let session_direction = direction(|key| has(&parsed.attributes, key));
        let streams = parsed
            .media_descriptions
            .iter()
            .zip(mended.lines)
            .map(|(media, line)| match line {
                Line::Audio => Stream::Audio(audio(media, session_address, session_direction)),
                Line::Other(line) => Stream::Other(line),
            })
            .collect();
        Ok(Self {
            session: parsed.origin.session_id,
            version: parsed.origin.session_version,
            origin: parsed
                .origin
                .unicast_address
                .parse()
                .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            streams,
        })
    }
}

/// A stream as its `m=` line told it.
enum Line {
    Audio,
    Other(String),
}

/// A description that follows the rules, and what was taken out of it.
struct Mended {
    text: String,
    lines: Vec<Line>,
}

impl Mended {
    fn of(text: &str) -> Result<Self, Unreadable> {
        let mut origin = "- 0 0 IN IP4 0.0.0.0".to_owned();
        let (mut connection, mut head, mut body) = (None, String::new(), String::new());
        // A stream's connection comes before its attributes, wherever it was written.
        let mut stream: Option<(String, Option<&str>, String)> = None;
        let mut lines = Vec::new();
        let mut found = false;
        for line in text.lines() {
            let line = line.trim();
            let Some((kind, value)) = line.split_once('=') else {
                continue;
            };
            let value = value.trim();
            match kind {
                "v" => found = true,
                "o" => origin = mend_origin(value),
                "c" if value.starts_with("IN ") => match &mut stream {
                    Some((_, connection, _)) => *connection = Some(value),
                    None => connection = Some(value),
                },
                "a" if !value.is_empty() => {
                    let attributes = stream.as_mut().map_or(&mut head, |(_, _, text)| text);
                    attributes.push_str(&format!("a={value}\r\n"));
                }
                "m" => {
                    close(&mut body, stream.take());
                    if lines.len() == MOST_STREAMS {
                        return Err(Unreadable("it has too many streams"));
                    }
                    let (line, mended) = mend_media(value);
                    lines.push(line);
                    stream = Some((mended, None, String::new()));
                }
                _ => {}
            }
        }
        if !found {
            return Err(Unreadable("it does not begin with a version"));
        }
        close(&mut body, stream.take());
        let connection = connection.map_or(String::new(), |value| format!("c={value}\r\n"));
        let text = format!("v=0\r\no={origin}\r\ns=-\r\n{connection}t=0 0\r\n{head}{body}");
        Ok(Self { text, lines })
    }
}

fn close(body: &mut String, stream: Option<(String, Option<&str>, String)>) {
    if let Some((media, connection, attributes)) = stream {
        body.push_str(&format!("m={media}\r\n"));
        if let Some(connection) = connection {
            body.push_str(&format!("c={connection}\r\n"));
        }
        body.push_str(&attributes);
    }
}

/// Puts numbers where exchanges write names; the numbers themselves only have to differ when the names do.
fn mend_origin(value: &str) -> String {
    let mut words = value.split_ascii_whitespace().rev();
    let address = words.next().filter(|word| word.parse::<IpAddr>().is_ok());
    let address = address.unwrap_or("0.0.0.0");
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    let mut numbers = words.skip(2).map(number);
    let version = numbers.next().unwrap_or(0);
    let session = numbers.next().unwrap_or(0);
    format!("- {session} {version} IN {family} {address}")
}

fn number(word: &str) -> u64 {
    let digits = || word.bytes().filter(u8::is_ascii_digit);
    if digits().count() == word.len() && word.len() < 20 {
        return word.parse().unwrap_or(u64::MAX);
    }
    // FNV-1a.
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Returns what the stream is, and its line for the parser, which knows fewer kinds than there are.
fn mend_media(value: &str) -> (Line, String) {
    let other = || {
        let safe = value
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        (Line::Other(safe), "audio 0 RTP/AVP 0".to_owned())
    };
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    let [kind, port, profile, formats @ ..] = words.as_slice() else {
        return other();
    };
    let profile = profile.to_ascii_uppercase();
    let known = ["RTP/AVP", "RTP/SAVP", "RTP/AVPF", "RTP/SAVPF"].contains(&profile.as_str());
    let port = port.split('/').next().unwrap_or_default().parse::<u16>();
    match port {
        Ok(port) if known && kind.eq_ignore_ascii_case("audio") => {
            let formats: Vec<&str> = formats
                .iter()
                .copied()
                .filter(|format| format.parse::<u8>().is_ok_and(|payload| payload < 128))
                .collect();
            if formats.is_empty() {
                return other();
            }
            (
                Line::Audio,
                format!("audio {port} {profile} {}", formats.join(" ")),
            )
        }
        _ => other(),
    }
}

fn has(attributes: &[rtc_sdp::description::common::Attribute], key: &str) -> bool {
    attributes.iter().any(|a| a.key.eq_ignore_ascii_case(key))
}

fn direction(has: impl Fn(&str) -> bool) -> Option<Direction> {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let known = [SendOnly, RecvOnly, Inactive, SendRecv];
    known.into_iter().find(|direction| has(direction.name()))
}

fn address(
    connection: Option<&rtc_sdp::description::common::ConnectionInformation>,
) -> Option<IpAddr> {
    connection?.address.as_ref()?.address.parse().ok()
}

fn audio(media: &MediaDescription, address: Option<IpAddr>, above: Option<Direction>) -> Audio {
    let own = media.connection_information.as_ref();
    let address = if own.is_some() {
        self::address(own)
    } else {
        address
    };
    let mut direction = direction(|key| has(&media.attributes, key))
        .or(above)
        .unwrap_or(Direction::SendRecv);
    if address.is_some_and(|address| address.is_unspecified()) {
        // The old way to say hold (RFC 3264 section 8.4).
        direction = Direction::new(direction.sends(), false);
    }
    let values = |key: &'static str| {
        media
            .attributes
            .iter()
            .filter(move |a| a.key.eq_ignore_ascii_case(key))
            .filter_map(|a| a.value.as_deref())
    };
    let profile: Vec<&str> = media.media_name.protos.iter().map(String::as_str).collect();
    let profile = profile.join("/");
    let formats = media.media_name.formats.iter().filter_map(|format| {
        let payload = format.parse().ok()?;
        let of = |value: &str| parameter(value, payload).map(str::to_owned);
        let map = values("rtpmap").find_map(of);
        Some(Format {
            payload,
            encoding: encoding(payload, map.as_deref()),
            parameters: values("fmtp").find_map(of).unwrap_or_default(),
        })
    });
    let port = u16::try_from(media.media_name.port.value).unwrap_or(0);
    Audio {
        address,
        port,
        secure: profile.contains("SAVP"),
        feedback: profile.ends_with('F'),
        formats: formats.collect(),
        direction,
        crypto: values("crypto").filter_map(Crypto::parse).collect(),
        mux: has(&media.attributes, "rtcp-mux"),
        rtcp_port: values("rtcp")
            .filter_map(|value| value.split_ascii_whitespace().next()?.parse().ok())
            .find(|port| *port != 0),
    }
}

/// Returns what an attribute says about a payload type.
fn parameter(value: &str, payload: u8) -> Option<&str> {
    let (number, rest) = value.split_once([' ', '\t'])?;
    (number.parse() == Ok(payload)).then(|| rest.trim())
}

fn encoding(payload: u8, map: Option<&str>) -> Encoding {
    let Some(map) = map else {
        return match payload {
            0 => Encoding::Sound(Codec::Pcmu),
            8 => Encoding::Sound(Codec::Pcma),
            9 => Encoding::Sound(Codec::G722),
            13 => Encoding::ComfortNoise,
            _ => Encoding::Unknown,
        };
    };
    let mut parts = map.split('/').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let clock = parts.next().and_then(|clock| clock.parse().ok());
    match (name.as_str(), clock) {
        ("pcmu", Some(8_000)) => Encoding::Sound(Codec::Pcmu),
        ("pcma", Some(8_000)) => Encoding::Sound(Codec::Pcma),
        ("g722", Some(8_000)) => Encoding::Sound(Codec::G722),
        ("opus", Some(48_000)) => Encoding::Sound(Codec::Opus),
        ("cn", Some(8_000)) => Encoding::ComfortNoise,
        ("telephone-event", Some(clock @ 8_000..=48_000)) => Encoding::TelephoneEvent(clock),
        _ => Encoding::Unknown,
    }
}
