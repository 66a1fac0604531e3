//! SDP (RFC 8866) as telephones use it: one stream of sound, its codecs, keys and direction.
//!
//! Reading forgives what trunks and old exchanges get wrong (`read`); `write` is strict. What two descriptions agree
//! on is decided in `negotiate` (RFC 3264). Nothing here knows sockets, time or chance: ports, keys and numbers of
//! sessions come in.

mod crypto;
mod negotiate;
mod read;
#[cfg(test)]
mod tests;
mod write;

use core::net::{IpAddr, SocketAddr};

pub use self::{
    crypto::{Crypto, Suite},
    negotiate::{Agreed, Events, Local, Refused, Srtp, accept, answer, offer},
    read::Unreadable,
};

/// How sound is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s; its clock is said to be 8000 by an old mistake (RFC 3551 section 4.5.2).
    G722,
    /// Opus (RFC 7587).
    Opus,
}

/// What a payload type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Sound.
    Sound(Codec),
    /// Keys (RFC 4733), with the ticks per second of their timestamps.
    TelephoneEvent(u32),
    /// Comfort noise (RFC 3389) beside codecs of 8 kHz.
    ComfortNoise,
    /// Something else.
    Unknown,
}

/// One payload type of a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The payload type, 0 to 127.
    pub payload: u8,
    /// What it stands for.
    pub encoding: Encoding,
    /// Its parameters (`a=fmtp`), empty when there are none.
    pub parameters: String,
}

/// Who sends, as seen by the one who describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both.
    SendRecv,
    /// Only the describer: the other is on hold.
    SendOnly,
    /// Only the other.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    /// Makes a direction of its two halves.
    #[must_use]
    pub const fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the describer sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the describer receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// A description of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The number of the session; stays the same for a call.
    pub session: u64,
    /// Rises by one with each changed description.
    pub version: u64,
    /// Who describes; the address is not used for sound.
    pub origin: IpAddr,
    /// Its streams in order. The order and number never change in a call (RFC 3264 section 8).
    pub streams: Vec<Stream>,
}

/// One stream of a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stream {
    /// Sound over RTP.
    Audio(Audio),
    /// Anything else, which is refused: the value of its `m=` line.
    Other(String),
}

/// Sound over RTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Where it is received; `None` when nowhere can be told from the description (a name, or nothing at all).
    pub address: Option<IpAddr>,
    /// The port; 0 when the stream is refused.
    pub port: u16,
    /// Whether the profile is a secure one (`RTP/SAVP`, `RTP/SAVPF`).
    pub secure: bool,
    /// Whether the profile is one with feedback (`RTP/AVPF`, `RTP/SAVPF`).
    pub feedback: bool,
    /// Payload types in the order of preference.
    pub formats: Vec<Format>,
    /// Who sends.
    pub direction: Direction,
    /// Keys (RFC 4568) in the order of preference, those that can be used.
    pub crypto: Vec<Crypto>,
    /// Whether reports may come to the same port (RFC 5761).
    pub mux: bool,
    /// Where reports are received, when that is not the next port (RFC 3605).
    pub rtcp_port: Option<u16>,
}

impl Audio {
    /// Returns where sound is received.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        let address = self.address.filter(|address| !address.is_unspecified())?;
        (self.port != 0).then(|| SocketAddr::new(address, self.port))
    }
}
