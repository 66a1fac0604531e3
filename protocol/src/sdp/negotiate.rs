//! Offer and answer (RFC 3264): what we propose, what we take of a proposal, and what both then mean.

use core::net::{IpAddr, SocketAddr};

use super::{Audio, Codec, Crypto, Description, Direction, Encoding, Format, Stream, Suite};

/// Payload types that we choose where the number is free (RFC 3551 section 3).
const OPUS: u8 = 111;
const EVENTS_NARROW: u8 = 101;
const EVENTS_OPUS: u8 = 110;
const COMFORT_NOISE: u8 = 13;

/// Whether sound is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Srtp {
    /// Never.
    #[default]
    Disabled,
    /// When the peer can, also beside plain RTP (RFC 8643).
    Allowed,
    /// Or there is no call.
    Required,
}

/// What our side brings to a negotiation.
#[derive(Debug, Clone)]
pub struct Local {
    /// The number of the session.
    pub session: u64,
    /// The number of the next description.
    pub version: u64,
    /// Where sound reaches us.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// What we speak, in the order of preference; never empty.
    pub codecs: Vec<Codec>,
    /// Whether sound is encrypted.
    pub srtp: Srtp,
    /// What we encrypt with, one line for each suite.
    pub crypto: Vec<Crypto>,
    /// Who shall send.
    pub direction: Direction,
}

/// What became of an offer and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// What we send.
    pub codec: Codec,
    /// Its payload type in what we send.
    pub payload: u8,
    /// What may come, by payload type.
    pub receive: Vec<(u8, Codec)>,
    /// How keys are signalled, if they can be.
    pub events: Option<Events>,
    /// The payload types by which comfort noise may come; empty when none may.
    pub comfort_noise: Vec<u8>,
    /// Where the peer receives; `None` when it did not say, or is on no network that we know.
    pub remote: Option<SocketAddr>,
    /// Where the peer receives reports.
    pub remote_rtcp: Option<SocketAddr>,
    /// Whether reports share the port of the sound.
    pub mux: bool,
    /// Who sends, as seen by us.
    pub direction: Direction,
    /// Our key and the peer's, when sound is encrypted.
    pub keys: Option<(Crypto, Crypto)>,
}

/// Our key and the peer's, when sound is encrypted.
type KeyPair = Option<(Crypto, Crypto)>;

/// How keys of the telephone are signalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// The payload type in what we send.
    pub payload: u8,
    /// Those by which they may come.
    pub receive: Vec<u8>,
    /// Ticks per second of their durations.
    pub clock: u32,
}

/// Why two sides do not come together; what is said to a person and, as status 488, to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// There is no stream of sound that we can take part in.
    NoAudio,
    /// No codec in common.
    NoCodec,
    /// The peer wants encryption and we are told not to.
    EncryptionUnwanted,
    /// We are told to encrypt and the peer does not.
    EncryptionMissing,
    /// The peer offers no key that we can use.
    NoKey,
    /// The answer does not fit what was offered.
    Mismatch,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoAudio => "the peer's description holds no sound over RTP, or refuses it",
            Self::NoCodec => "the peer speaks none of the configured codecs",
            Self::EncryptionUnwanted => {
                "the peer insists on encrypted sound; set srtp to \"allowed\" or \"required\""
            }
            Self::EncryptionMissing => {
                "the peer does not encrypt sound, and srtp is \"required\"; turn secure media on there, or set srtp to \
                 \"allowed\""
            }
            Self::NoKey => "the peer gives no key for SRTP of a kind that is known here",
            Self::Mismatch => "the peer's answer does not fit what was offered",
        })
    }
}

impl std::error::Error for Refused {}

/// Returns our proposal.
#[must_use]
pub fn offer(local: &Local) -> Description {
    let mut formats: Vec<Format> = local
        .codecs
        .iter()
        .map(|codec| Format::ours(standard(*codec), Encoding::Sound(*codec)))
        .collect();
    let narrow = local.codecs.iter().any(|codec| *codec != Codec::Opus);
    if narrow {
        formats.push(Format::ours(EVENTS_NARROW, Encoding::TelephoneEvent(8_000)));
    }
    if local.codecs.contains(&Codec::Opus) {
        formats.push(Format::ours(EVENTS_OPUS, Encoding::TelephoneEvent(48_000)));
    }
    if narrow {
        formats.push(Format::ours(COMFORT_NOISE, Encoding::ComfortNoise));
    }
    let audio = Audio {
        address: Some(local.address),
        port: local.port,
        secure: local.srtp == Srtp::Required,
        feedback: false,
        formats,
        direction: local.direction,
        crypto: if local.srtp == Srtp::Disabled {
            Vec::new()
        } else {
            local.crypto.clone()
        },
        mux: true,
        rtcp_port: None,
    };
    describe(local, vec![Stream::Audio(audio)])
}

/// Reads an answer to `offered`.
///
/// # Errors
/// When nothing can be agreed upon; the call cannot go on with it.
pub fn accept(
    local: &Local,
    offered: &Description,
    answer: &Description,
) -> Result<Agreed, Refused> {
    let pairs = offered.streams.iter().zip(&answer.streams);
    let (ours, theirs) = pairs
        .filter_map(|pair| match pair {
            (Stream::Audio(ours), Stream::Audio(theirs)) if theirs.port != 0 => {
                Some((ours, theirs))
            }
            _ => None,
        })
        .next()
        .ok_or(Refused::NoAudio)?;
    let keys = match (&theirs.crypto[..], local.srtp) {
        ([], Srtp::Required) => return Err(Refused::EncryptionMissing),
        ([], _) if theirs.secure => return Err(Refused::NoKey),
        ([], _) => None,
        (_, Srtp::Disabled) if theirs.secure => return Err(Refused::EncryptionUnwanted),
        // Nothing of the kind was offered.
        (_, Srtp::Disabled) => None,
        ([theirs, ..], _) => {
            let fits = |line: &&Crypto| line.tag == theirs.tag && line.suite == theirs.suite;
            let ours = ours.crypto.iter().find(fits).ok_or(Refused::Mismatch)?;
            Some((ours.clone(), theirs.clone()))
        }
    };
    // The first that is sound; keys and comfort noise may be named before it.
    let offered_codec = |codec: &Codec| sounds(ours).any(|(_, other)| other == *codec);
    let (payload, codec) = sounds(theirs)
        .find(|(_, codec)| offered_codec(codec))
        .ok_or(Refused::NoCodec)?;
    Ok(agree(ours, theirs, (payload, codec), keys))
}

/// Answers an offer.
///
/// # Errors
/// When nothing of it can be taken; whatever was agreed upon before stays in force.
pub fn answer(local: &Local, offer: &Description) -> Result<(Description, Agreed), Refused> {
    let mut refused = Refused::NoAudio;
    // An exchange that can do both offers an encrypted stream and a plain one.
    let mut best: Option<(usize, &Audio, KeyPair)> = None;
    for (index, stream) in offer.streams.iter().enumerate() {
        let Stream::Audio(theirs) = stream else {
            continue;
        };
        if theirs.port == 0 {
            continue;
        }
        match keys(local, theirs) {
            Ok(keys)
                if best
                    .as_ref()
                    .is_none_or(|(_, _, best)| best.is_none() && keys.is_some()) =>
            {
                best = Some((index, theirs, keys));
            }
            Ok(_) => {}
            Err(why) => refused = why,
        }
    }
    let (index, theirs, keys) = best.ok_or(refused)?;
    let (payload, codec) = local
        .codecs
        .iter()
        .find_map(|wanted| sounds(theirs).find(|(_, codec)| codec == wanted))
        .ok_or(Refused::NoCodec)?;
    let mut formats = vec![Format::ours(payload, Encoding::Sound(codec))];
    let clock = clock(codec);
    let event = events(theirs, clock)
        .map(|(payload, clock)| Format::ours(payload, Encoding::TelephoneEvent(clock)));
    formats.extend(event);
    let noise = theirs
        .formats
        .iter()
        .find(|format| format.encoding == Encoding::ComfortNoise && codec != Codec::Opus);
    formats.extend(noise.map(|format| Format::ours(format.payload, Encoding::ComfortNoise)));
    let ours = Audio {
        address: Some(local.address),
        port: local.port,
        secure: theirs.secure,
        feedback: theirs.feedback,
        formats,
        direction: Direction::new(
            local.direction.sends() && theirs.direction.receives(),
            local.direction.receives() && theirs.direction.sends(),
        ),
        crypto: keys.iter().map(|(ours, _)| ours.clone()).collect(),
        mux: theirs.mux,
        rtcp_port: None,
    };
    let agreed = agree(&ours, theirs, (payload, codec), keys);
    let mut streams: Vec<Stream> = offer.streams.iter().map(refuse).collect();
    streams[index] = Stream::Audio(ours);
    Ok((describe(local, streams), agreed))
}

fn describe(local: &Local, streams: Vec<Stream>) -> Description {
    Description {
        session: local.session,
        version: local.version,
        origin: local.address,
        streams,
    }
}

fn refuse(stream: &Stream) -> Stream {
    match stream {
        Stream::Audio(audio) => Stream::Audio(Audio {
            address: None,
            port: 0,
            crypto: Vec::new(),
            ..audio.clone()
        }),
        Stream::Other(line) => Stream::Other(line.clone()),
    }
}

/// Returns our key and the peer's for a stream that is offered; `None` when it is to be plain.
fn keys(local: &Local, theirs: &Audio) -> Result<KeyPair, Refused> {
    let known = theirs.crypto.iter().find_map(|line| {
        let ours = local.crypto.iter().find(|ours| ours.suite == line.suite)?;
        Some((ours.tagged(line.tag), line.clone()))
    });
    match (local.srtp, known) {
        (Srtp::Disabled, _) if theirs.secure => Err(Refused::EncryptionUnwanted),
        (Srtp::Disabled, _) => Ok(None),
        (_, None) if theirs.secure => Err(Refused::NoKey),
        (Srtp::Required, None) => Err(Refused::EncryptionMissing),
        (_, known) => Ok(known),
    }
}

fn agree(ours: &Audio, theirs: &Audio, (payload, codec): (u8, Codec), keys: KeyPair) -> Agreed {
    // The peer should use our numbers, and some use their own.
    let common = |codec: Codec| sounds(ours).any(|(_, other)| other == codec);
    let mut receive: Vec<(u8, Codec)> = Vec::new();
    for (payload, codec) in sounds(theirs).chain(sounds(ours)) {
        let taken = receive.iter().any(|(known, _)| *known == payload);
        if common(codec) && sounds(theirs).any(|(_, other)| other == codec) && !taken {
            receive.push((payload, codec));
        }
    }
    let clock = clock(codec);
    let events = events(theirs, clock).filter(|_| self::events(ours, clock).is_some());
    let events = events.map(|(payload, clock)| {
        let mut receive = vec![payload];
        receive.extend(self::events(ours, clock).map(|(payload, _)| payload));
        receive.dedup();
        Events {
            payload,
            receive,
            clock,
        }
    });
    let noise = |audio: &Audio| {
        let found = audio
            .formats
            .iter()
            .find(|format| format.encoding == Encoding::ComfortNoise);
        found.map(|format| format.payload)
    };
    let mut comfort_noise: Vec<u8> = match (noise(theirs), noise(ours)) {
        (Some(theirs), Some(ours)) => vec![theirs, ours],
        _ => Vec::new(),
    };
    comfort_noise.dedup();
    let remote = theirs.remote();
    let mux = ours.mux && theirs.mux;
    let remote_rtcp = remote.and_then(|remote| {
        let port = match (mux, theirs.rtcp_port) {
            (true, _) => remote.port(),
            (false, Some(port)) => port,
            (false, None) => remote.port().checked_add(1)?,
        };
        Some(SocketAddr::new(remote.ip(), port))
    });
    Agreed {
        codec,
        payload,
        receive,
        events,
        comfort_noise,
        remote,
        remote_rtcp,
        mux,
        direction: Direction::new(
            ours.direction.sends() && theirs.direction.receives(),
            ours.direction.receives() && theirs.direction.sends(),
        ),
        keys,
    }
}

fn sounds(audio: &Audio) -> impl Iterator<Item = (u8, Codec)> + '_ {
    audio
        .formats
        .iter()
        .filter_map(|format| match format.encoding {
            Encoding::Sound(codec) => Some((format.payload, codec)),
            _ => None,
        })
}

/// Returns the payload type of keys, best with the clock of the sound (RFC 4733 section 2.1).
fn events(audio: &Audio, clock: u32) -> Option<(u8, u32)> {
    let all = || {
        audio
            .formats
            .iter()
            .filter_map(|format| match format.encoding {
                Encoding::TelephoneEvent(clock) => Some((format.payload, clock)),
                _ => None,
            })
    };
    all().find(|(_, other)| *other == clock).or(all().next())
}

const fn clock(codec: Codec) -> u32 {
    match codec {
        Codec::Opus => 48_000,
        Codec::Pcmu | Codec::Pcma | Codec::G722 => 8_000,
    }
}

const fn standard(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::G722 => 9,
        Codec::Opus => OPUS,
    }
}

impl Local {
    /// Bytes of secrets that [`Local::keyed`] takes.
    pub const SECRETS: usize = 16 + 16 + 32 + 3 * Suite::SALT_LEN;

    /// Makes one line of keys for each suite from unpredictable bytes.
    #[must_use]
    pub fn keyed(secrets: &[u8; Self::SECRETS]) -> Vec<Crypto> {
        let mut rest = &secrets[..];
        let lines = Suite::ALL.into_iter().zip(1..).filter_map(|(suite, tag)| {
            let (secret, later) = rest.split_at_checked(suite.key_len() + Suite::SALT_LEN)?;
            rest = later;
            Crypto::new(tag, suite, secret.to_vec())
        });
        lines.collect()
    }
}
