//! Which codecs there are, and one encoder for all of them: 20 ms of 8 kHz in, the payload of a packet out.
//!
//! G.711 is a table and remembers nothing. G.722 and Opus remember what they encoded and decoded, so their packets
//! are decoded in the order of their sound, by the jitter buffer, when their time has come.

use crate::{Doubler, FRAME, MAX_PAYLOAD, g711::Law, g722, opus};

/// How sound is encoded on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus, with the means to mend lost packets from their successors.
    Opus,
}

impl Codec {
    /// Ticks per second of packet timestamps. G.722's is half of its sampling rate, by an old mistake that everybody
    /// keeps to (RFC 3551 section 4.5.2).
    #[must_use]
    pub const fn clock(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// Ticks of packet timestamps in 20 ms.
    #[must_use]
    pub const fn frame_ticks(self) -> u32 {
        self.clock() / 50
    }

    /// Ticks of packet timestamps for each sample of 8 kHz.
    pub(crate) const fn ticks_per_sample(self) -> i64 {
        (self.clock() / 8_000) as i64
    }

    /// Returns the law of a codec that is G.711.
    #[must_use]
    pub const fn law(self) -> Option<Law> {
        match self {
            Self::Pcmu => Some(Law::Mu),
            Self::Pcma => Some(Law::A),
            Self::G722 | Self::Opus => None,
        }
    }
}

/// Shorthands for those who know that a codec is G.711. Of the others, they take µ-law.
impl Codec {
    const fn law_or_mu(self) -> Law {
        match self.law() {
            Some(law) => law,
            None => Law::Mu,
        }
    }

    /// Samples per second of G.711.
    #[must_use]
    pub const fn rate(self) -> u32 {
        8_000
    }

    /// See [`Law::silence`].
    #[must_use]
    pub const fn silence(self) -> u8 {
        self.law_or_mu().silence()
    }

    /// See [`Law::encode_sample`].
    #[must_use]
    pub const fn encode_sample(self, sample: i16) -> u8 {
        self.law_or_mu().encode_sample(sample)
    }

    /// See [`Law::decode_byte`].
    #[must_use]
    pub fn decode_byte(self, code: u8) -> i16 {
        self.law_or_mu().decode_byte(code)
    }

    /// See [`Law::encode`].
    pub fn encode(self, samples: &[i16], codes: &mut [u8]) {
        self.law_or_mu().encode(samples, codes);
    }

    /// See [`Law::decode`].
    pub fn decode(self, codes: &[u8], samples: &mut [i16]) {
        self.law_or_mu().decode(codes, samples);
    }
}

/// Encodes a call's sound. Takes all its memory when it is made.
#[derive(Debug)]
pub struct Encoder(Kind);

#[derive(Debug)]
enum Kind {
    G711(Law),
    G722(Box<(Doubler, g722::Encoder)>),
    Opus(Box<(Doubler, opus::Encoder)>),
}

impl Encoder {
    /// Makes an encoder.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self(match codec {
            Codec::Pcmu => Kind::G711(Law::Mu),
            Codec::Pcma => Kind::G711(Law::A),
            Codec::G722 => Kind::G722(Box::new((Doubler::new(), g722::Encoder::new()))),
            Codec::Opus => Kind::Opus(Box::new((Doubler::new(), opus::Encoder::new()))),
        })
    }

    /// Encodes 20 ms; returns how many bytes of `payload` they took.
    pub fn encode(&mut self, frame: &[i16; FRAME], payload: &mut [u8; MAX_PAYLOAD]) -> usize {
        match &mut self.0 {
            Kind::G711(law) => {
                law.encode(frame, payload);
                FRAME
            }
            Kind::G722(parts) => {
                let (doubler, encoder) = &mut **parts;
                encoder.encode(doubler.process(frame), payload);
                FRAME
            }
            Kind::Opus(parts) => {
                let (doubler, encoder) = &mut **parts;
                encoder.encode(doubler.process(frame), payload)
            }
        }
    }
}
