//! Reading: PCM of 8, 16, 24 and 32 bits, floats, µ-law and A-law, any channels, to mono sixteen bits.

use crate::{Law, resample};

const TAG_PCM: u16 = 1;
const TAG_FLOAT: u16 = 3;
const TAG_ALAW: u16 = 6;
const TAG_ULAW: u16 = 7;
const TAG_EXTENSIBLE: u16 = 0xFFFE;

/// The most channels accepted; they are averaged.
const MAX_CHANNELS: u16 = 8;

/// One channel of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// The samples.
    pub samples: Vec<i16>,
    /// Samples per second.
    pub rate: u32,
}

/// Why bytes are not a WAV file that can be used. Each says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WavError {
    /// There is no RIFF/WAVE header.
    NotWav,
    /// The file ends before its description or its data begin.
    Truncated,
    /// The encoding is not one that is read here.
    Encoding {
        /// The format tag of the file.
        tag: u16,
        /// Bits per sample.
        bits: u16,
    },
    /// The channel count is 0 or beyond reason.
    Channels(u16),
    /// The sampling rate is out of range.
    Rate(u32),
    /// There is no sound in it.
    Empty,
}

impl std::fmt::Display for WavError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotWav => write!(f, "not a WAV file: convert it to WAV first"),
            Self::Truncated => write!(f, "the WAV file is cut off: copy it again"),
            Self::Encoding { tag, bits } => write!(
                f,
                "WAV encoding {tag} with {bits} bits is not supported: convert it to 16-bit PCM"
            ),
            Self::Channels(count) => write!(
                f,
                "a WAV file with {count} channels cannot be used: give 1 to {MAX_CHANNELS}"
            ),
            Self::Rate(rate) => resample::RateError { rate: *rate }.fmt(f),
            Self::Empty => write!(f, "the WAV file holds no sound"),
        }
    }
}

impl std::error::Error for WavError {}

/// Reads a WAV file to one channel of sixteen bits; several channels are averaged.
///
/// A data chunk that announces more than the file holds (a recording cut off) is read as far as it goes.
///
/// # Errors
/// When the bytes are not a WAV file, are cut off before the sound, or hold an encoding that is not read here.
pub fn read(bytes: &[u8]) -> Result<Sound, WavError> {
    let parts = Parts::find(bytes)?;
    if !(1..=MAX_CHANNELS).contains(&parts.channels) {
        return Err(WavError::Channels(parts.channels));
    }
    if !(resample::MIN_RATE..=resample::MAX_RATE).contains(&parts.rate) {
        return Err(WavError::Rate(parts.rate));
    }
    let unsupported = WavError::Encoding {
        tag: parts.tag,
        bits: parts.bits,
    };
    let decode: fn(&[u8]) -> i16 = match (parts.tag, parts.bits) {
        (TAG_PCM, 8) => |b| (i16::from(b[0]) - 128) << 8,
        (TAG_PCM, 16) => |b| i16::from_le_bytes([b[0], b[1]]),
        (TAG_PCM, 24) => |b| i16::from_le_bytes([b[1], b[2]]),
        (TAG_PCM, 32) => |b| i16::from_le_bytes([b[2], b[3]]),
        (TAG_FLOAT, 32) => |b| from_float(f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))),
        (TAG_FLOAT, 64) => {
            |b| from_float(f64::from_le_bytes(std::array::from_fn(|index| b[index])))
        }
        (TAG_ALAW, 8) => |b| Law::A.decode_byte(b[0]),
        (TAG_ULAW, 8) => |b| Law::Mu.decode_byte(b[0]),
        _ => return Err(unsupported),
    };
    let width = usize::from(parts.bits / 8);
    let channels = usize::from(parts.channels);
    let samples: Vec<i16> = parts
        .data
        .chunks_exact(width * channels)
        .map(|block| {
            let sum: i32 = block
                .chunks_exact(width)
                .map(|b| i32::from(decode(b)))
                .sum();
            (sum / channels as i32) as i16
        })
        .collect();
    if samples.is_empty() {
        return Err(WavError::Empty);
    }
    Ok(Sound {
        samples,
        rate: parts.rate,
    })
}

/// `as` saturates and makes 0 of what is not a number.
fn from_float(value: f64) -> i16 {
    (value * 32_768.0).round() as i16
}

/// What the chunks of a WAV file say.
struct Parts<'a> {
    tag: u16,
    channels: u16,
    rate: u32,
    bits: u16,
    data: &'a [u8],
}

impl<'a> Parts<'a> {
    fn find(bytes: &'a [u8]) -> Result<Self, WavError> {
        if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
            return Err(WavError::NotWav);
        }
        let mut rest = &bytes[12..];
        let mut format = None;
        while let Some((head, body)) = rest.split_at_checked(8) {
            let len = le32(head, 4).map_or(0, |len| len as usize);
            let body_here = &body[..len.min(body.len())];
            match &head[..4] {
                b"fmt " => format = Some(body_here),
                b"data" => return Self::of(format.ok_or(WavError::Truncated)?, body_here),
                _ => {}
            }
            // Chunks are padded to an even length.
            rest = body
                .get(len.saturating_add(len & 1)..)
                .ok_or(WavError::Truncated)?;
        }
        Err(WavError::Truncated)
    }

    fn of(format: &[u8], data: &'a [u8]) -> Result<Self, WavError> {
        let field = |at| le16(format, at).ok_or(WavError::Truncated);
        let tag = match field(0)? {
            // The tag proper leads the sub-format.
            TAG_EXTENSIBLE => field(24)?,
            tag => tag,
        };
        Ok(Self {
            tag,
            channels: field(2)?,
            rate: le32(format, 4).ok_or(WavError::Truncated)?,
            bits: field(14)?,
            data,
        })
    }
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..at + 2)
        .map(|b| u16::from_le_bytes([b[0], b[1]]))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)
        .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}
