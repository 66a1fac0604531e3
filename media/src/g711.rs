//! G.711: sixteen-bit samples to and from µ-law and A-law bytes (ITU-T G.711, ranges scaled to 16 bits).
//!
//! Decoding reads a table of 256 entries. Encoding finds the segment from the highest set bit of the magnitude:
//! that is one instruction, where a direct table would push 64 KiB of a call's other data out of the cache.
//! Knows no frames and no packets.

use crate::Codec;

/// One of the two laws of G.711.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// µ-law.
    Mu,
    /// A-law.
    A,
}

/// Added to a magnitude before its µ-law segment is found, so that segments start at powers of two.
const ULAW_BIAS: i32 = 132;
/// The largest magnitude that µ-law carries; larger ones are clipped to it.
const ULAW_CLIP: i32 = 32_635;

static ULAW: [i16; 256] = {
    let mut entries = [0; 256];
    let mut code = 0;
    while code < 256 {
        entries[code] = ulaw_expand(code as u8);
        code += 1;
    }
    entries
};

static ALAW: [i16; 256] = {
    let mut entries = [0; 256];
    let mut code = 0;
    while code < 256 {
        entries[code] = alaw_expand(code as u8);
        code += 1;
    }
    entries
};

impl Law {
    /// Returns the codec of this law.
    #[must_use]
    pub const fn codec(self) -> Codec {
        match self {
            Self::Mu => Codec::Pcmu,
            Self::A => Codec::Pcma,
        }
    }

    /// The byte that stands for silence: 0xFF in µ-law (exactly 0), 0xD5 in A-law (8, its smallest step).
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xFF,
            Self::A => 0xD5,
        }
    }

    /// Encodes one sample.
    #[must_use]
    pub const fn encode_sample(self, sample: i16) -> u8 {
        match self {
            Self::Mu => ulaw_compress(sample),
            Self::A => alaw_compress(sample),
        }
    }

    /// Decodes one byte.
    #[must_use]
    pub fn decode_byte(self, code: u8) -> i16 {
        match self {
            Self::Mu => ULAW[usize::from(code)],
            Self::A => ALAW[usize::from(code)],
        }
    }

    /// Encodes as many samples as both slices have room for.
    pub fn encode(self, samples: &[i16], codes: &mut [u8]) {
        match self {
            Self::Mu => encode_with(ulaw_compress, samples, codes),
            Self::A => encode_with(alaw_compress, samples, codes),
        }
    }

    /// Decodes as many bytes as both slices have room for.
    pub fn decode(self, codes: &[u8], samples: &mut [i16]) {
        let table = match self {
            Self::Mu => &ULAW,
            Self::A => &ALAW,
        };
        for (sample, code) in samples.iter_mut().zip(codes) {
            *sample = table[usize::from(*code)];
        }
    }
}

fn encode_with(compress: impl Fn(i16) -> u8, samples: &[i16], codes: &mut [u8]) {
    for (code, sample) in codes.iter_mut().zip(samples) {
        *code = compress(*sample);
    }
}

const fn ulaw_compress(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (sample as i32).abs();
    let clipped = if magnitude > ULAW_CLIP {
        ULAW_CLIP
    } else {
        magnitude
    };
    let biased = (clipped + ULAW_BIAS) as u32;
    let segment = 24 - biased.leading_zeros();
    let step = (biased >> (segment + 3)) & 0x0F;
    !(sign | (segment << 4) as u8 | step as u8)
}

const fn ulaw_expand(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 7;
    let step = (code & 0x0F) as i32;
    let magnitude = (((step << 3) + ULAW_BIAS) << segment) - ULAW_BIAS;
    (if code & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }) as i16
}

const fn alaw_compress(sample: i16) -> u8 {
    let (mask, magnitude) = if sample >= 0 {
        (0xD5, (sample >> 3) as u32)
    } else {
        (0x55, !(sample >> 3) as u32)
    };
    let segment = if magnitude < 32 {
        0
    } else {
        27 - magnitude.leading_zeros()
    };
    let shift = if segment == 0 { 1 } else { segment };
    (((segment << 4) | ((magnitude >> shift) & 0x0F)) as u8) ^ mask
}

const fn alaw_expand(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = (code >> 4) & 7;
    let step = ((code & 0x0F) as i32) << 4;
    let magnitude = match segment {
        0 => step + 8,
        _ => (step + 0x108) << (segment - 1),
    };
    (if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sample, its code, and what the code decodes to.
    type Point = (i16, u8, i16);

    #[test]
    fn ulaw_meets_its_test_points() {
        let points: [Point; 9] = [
            (0, 0xFF, 0),
            (100, 0xF2, 104),
            (-100, 0x72, -104),
            (1000, 0xCE, 988),
            (-1000, 0x4E, -988),
            (8000, 0xA0, 7932),
            (-8000, 0x20, -7932),
            (i16::MAX, 0x80, 32_124),
            (i16::MIN, 0x00, -32_124),
        ];
        check(Law::Mu, &points);
        assert_eq!(Law::Mu.decode_byte(0x7F), 0, "negative zero");
    }

    #[test]
    fn alaw_meets_its_test_points() {
        let points: [Point; 7] = [
            (0, 0xD5, 8),
            (-1, 0x55, -8),
            (1000, 0xFA, 1008),
            (-1000, 0x7A, -1008),
            (8000, 0x8A, 8064),
            (i16::MAX, 0xAA, 32_256),
            (i16::MIN, 0x2A, -32_256),
        ];
        check(Law::A, &points);
    }

    fn check(law: Law, points: &[Point]) {
        for (sample, code, decoded) in points {
            assert_eq!(law.encode_sample(*sample), *code, "{law:?} {sample}");
            assert_eq!(law.decode_byte(*code), *decoded, "{law:?} {code:#x}");
        }
    }

    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=u8::MAX {
            let again = Law::Mu.encode_sample(Law::Mu.decode_byte(code));
            let expected = if code == 0x7F { 0xFF } else { code };
            assert_eq!(again, expected, "µ-law: the two zeros are one");
            assert_eq!(Law::A.encode_sample(Law::A.decode_byte(code)), code);
        }
    }

    #[test]
    fn the_error_stays_within_half_a_step_of_the_segment() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            for law in [Law::Mu, Law::A] {
                let back = i32::from(law.decode_byte(law.encode_sample(sample)));
                let error = (back - i32::from(sample)).abs();
                let allowed = i32::from(sample).abs() / 16 + 16;
                let clipped = i32::from(sample).abs() > 32_000;
                assert!(error <= allowed || clipped, "{law:?} {sample} -> {back}");
            }
        }
    }

    #[test]
    fn silence_is_the_code_of_zero() {
        for law in [Law::Mu, Law::A] {
            assert_eq!(law.silence(), law.encode_sample(0));
        }
    }
}
