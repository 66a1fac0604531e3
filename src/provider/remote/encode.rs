//! The callee's sound as services want it: from 16 kHz samples to bytes, at the rate and in the code that was agreed.

use media::{Law, Resampler};

/// A code for sound, mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::provider) enum Encoding {
    /// G.711 µ-law at 8 kHz, one byte a sample: all that a telephone line carries.
    MuLaw,
    /// 16-bit little-endian samples at this rate.
    Linear(u32),
}

impl Encoding {
    /// Samples per second.
    pub(in crate::provider) fn rate(self) -> u32 {
        match self {
            Self::MuLaw => 8_000,
            Self::Linear(rate) => rate,
        }
    }

    fn bytes_per_sample(self) -> usize {
        match self {
            Self::MuLaw => 1,
            Self::Linear(_) => 2,
        }
    }
}

/// Encodes one call's sound.
#[derive(Debug)]
pub(super) struct Encoder {
    encoding: Encoding,
    /// `None` when the rate is the sound's own.
    resampler: Option<Resampler>,
    ready: Vec<u8>,
    piece: usize,
}

impl Encoder {
    /// Rate of the sound that comes in.
    const RATE: u32 = 16_000;

    /// Encodes into pieces of `piece_ms` milliseconds.
    pub(super) fn new(encoding: Encoding, piece_ms: u32) -> Self {
        let resampler = match encoding.rate() {
            Self::RATE => None,
            rate => Resampler::new(Self::RATE, rate).ok(),
        };
        let samples = (encoding.rate() * piece_ms / 1000) as usize;
        Self {
            encoding,
            resampler,
            ready: Vec::new(),
            piece: samples * encoding.bytes_per_sample(),
        }
    }

    /// Takes sound.
    pub(super) fn push(&mut self, samples: &[i16]) {
        let (encoding, ready) = (self.encoding, &mut self.ready);
        let mut encode = |samples: &[i16]| match encoding {
            Encoding::MuLaw => ready.extend(samples.iter().map(|s| Law::Mu.encode_sample(*s))),
            Encoding::Linear(_) => ready.extend(samples.iter().flat_map(|s| s.to_le_bytes())),
        };
        match &mut self.resampler {
            Some(resampler) => resampler.process(samples, encode),
            None => encode(samples),
        }
    }

    /// Returns the next whole piece and its samples.
    pub(super) fn next(&mut self) -> Option<(bytes::Bytes, u64)> {
        (self.ready.len() >= self.piece).then(|| self.take(self.piece))
    }

    /// Returns what is left of a piece, if anything.
    pub(super) fn rest(&mut self) -> Option<(bytes::Bytes, u64)> {
        (!self.ready.is_empty()).then(|| self.take(self.ready.len()))
    }

    fn take(&mut self, count: usize) -> (bytes::Bytes, u64) {
        let bytes: Vec<u8> = self.ready.drain(..count).collect();
        let samples = (count / self.encoding.bytes_per_sample()) as u64;
        (bytes.into(), samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_keeps_its_length_and_its_level_in_every_code() {
        for (encoding, second) in [
            (Encoding::Linear(16_000), 32_000),
            (Encoding::Linear(24_000), 48_000),
            (Encoding::MuLaw, 8_000),
        ] {
            let mut encoder = Encoder::new(encoding, 20);
            for _ in 0..50 {
                encoder.push(&[8000; 320]);
            }
            let mut bytes = Vec::new();
            while let Some((piece, samples)) = encoder.next() {
                assert_eq!(samples, u64::from(encoding.rate()) / 50);
                bytes.extend_from_slice(&piece);
            }
            bytes.extend(encoder.rest().iter().flat_map(|(piece, _)| piece.to_vec()));
            // At most one block of 40 ms is held back by the resampler.
            assert!(
                (second * 24 / 25..=second).contains(&bytes.len()),
                "{encoding:?}"
            );
            let middle = bytes.len() / 4 * 2;
            let level = match encoding {
                Encoding::MuLaw => Law::Mu.decode_byte(bytes[middle]),
                Encoding::Linear(_) => i16::from_le_bytes([bytes[middle], bytes[middle + 1]]),
            };
            assert!((7800..8200).contains(&level), "{encoding:?}: {level}");
        }
    }
}
