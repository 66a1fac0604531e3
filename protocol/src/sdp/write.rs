//! Writing descriptions, by the book.

use core::net::IpAddr;

use rtc_sdp::description::{
    common::{Address, Attribute, ConnectionInformation},
    media::{MediaDescription, MediaName, RangedPort},
    session::{Origin, SessionDescription, TimeDescription},
};

use super::{Audio, Codec, Description, Encoding, Format, Stream};

/// The events that can be received: keys (RFC 4733 section 3.2).
const EVENTS: &str = "0-15";

impl Description {
    /// Returns the description as text.
    #[must_use]
    pub fn write(&self) -> String {
        SessionDescription {
            origin: Origin {
                username: "-".into(),
                session_id: self.session,
                session_version: self.version,
                network_type: "IN".into(),
                address_type: family(self.origin).into(),
                unicast_address: self.origin.to_string(),
            },
            session_name: "-".into(),
            connection_information: Some(connection(self.origin)),
            time_descriptions: vec![TimeDescription::default()],
            media_descriptions: self
                .streams
                .iter()
                .map(|one| stream(one, self.origin))
                .collect(),
            ..SessionDescription::default()
        }
        .marshal()
    }
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IP4" } else { "IP6" }
}

fn connection(address: IpAddr) -> ConnectionInformation {
    ConnectionInformation {
        network_type: "IN".into(),
        address_type: family(address).into(),
        address: Some(Address {
            address: address.to_string(),
            ttl: None,
            range: None,
        }),
    }
}

fn stream(stream: &Stream, origin: IpAddr) -> MediaDescription {
    match stream {
        Stream::Audio(audio) => self::audio(audio, origin),
        Stream::Other(line) => refused(line),
    }
}

/// Returns the line of a stream that is not wanted: as it was offered, with port 0 (RFC 3264 section 6).
fn refused(line: &str) -> MediaDescription {
    let mut words = line.split_ascii_whitespace();
    let media = words.next().unwrap_or("audio").to_owned();
    let profile = words.nth(1).unwrap_or("RTP/AVP").to_owned();
    let formats: Vec<String> = words.map(str::to_owned).collect();
    MediaDescription {
        media_name: MediaName {
            media,
            port: RangedPort {
                value: 0,
                range: None,
            },
            protos: vec![profile],
            formats: if formats.is_empty() {
                vec!["0".into()]
            } else {
                formats
            },
        },
        ..MediaDescription::default()
    }
}

fn audio(audio: &Audio, origin: IpAddr) -> MediaDescription {
    let profile = match (audio.secure, audio.feedback) {
        (false, false) => "RTP/AVP",
        (false, true) => "RTP/AVPF",
        (true, false) => "RTP/SAVP",
        (true, true) => "RTP/SAVPF",
    };
    let mut attributes = Vec::new();
    let mut add = |key: &str, value: Option<String>| {
        attributes.push(Attribute::new(key.to_owned(), value));
    };
    if audio.port != 0 {
        for format in &audio.formats {
            if let Some(map) = map(format) {
                add("rtpmap", Some(map));
            }
            if !format.parameters.is_empty() {
                add(
                    "fmtp",
                    Some(format!("{} {}", format.payload, format.parameters)),
                );
            }
        }
        add("ptime", Some("20".into()));
        for crypto in &audio.crypto {
            add("crypto", Some(crypto.value()));
        }
        if let Some(port) = audio.rtcp_port {
            add("rtcp", Some(port.to_string()));
        }
        if audio.mux {
            add("rtcp-mux", None);
        }
        add(audio.direction.name(), None);
    }
    MediaDescription {
        media_name: MediaName {
            media: "audio".into(),
            port: RangedPort {
                value: isize::try_from(audio.port).unwrap_or_default(),
                range: None,
            },
            protos: vec![profile.into()],
            formats: audio
                .formats
                .iter()
                .map(|format| format.payload.to_string())
                .collect(),
        },
        connection_information: audio
            .address
            .filter(|address| *address != origin)
            .map(connection),
        attributes,
        ..MediaDescription::default()
    }
}

fn map(format: &Format) -> Option<String> {
    let name = match format.encoding {
        Encoding::Sound(Codec::Pcmu) => "PCMU/8000".to_owned(),
        Encoding::Sound(Codec::Pcma) => "PCMA/8000".to_owned(),
        Encoding::Sound(Codec::G722) => "G722/8000".to_owned(),
        Encoding::Sound(Codec::Opus) => "opus/48000/2".to_owned(),
        Encoding::TelephoneEvent(clock) => format!("telephone-event/{clock}"),
        Encoding::ComfortNoise => "CN/8000".to_owned(),
        Encoding::Unknown => return None,
    };
    Some(format!("{} {name}", format.payload))
}

impl Format {
    /// Returns a payload type with the parameters that we give.
    pub(super) fn ours(payload: u8, encoding: Encoding) -> Self {
        let parameters = match encoding {
            // Damaged frames can be mended from the next one; nothing is to be sent in stereo (RFC 7587 section 6.1).
            Encoding::Sound(Codec::Opus) => "useinbandfec=1;stereo=0;sprop-stereo=0".to_owned(),
            Encoding::TelephoneEvent(_) => EVENTS.to_owned(),
            _ => String::new(),
        };
        Self {
            payload,
            encoding,
            parameters,
        }
    }
}
