//! Sound for the telephone: a voice that buzzes, and G.711 µ-law by its standard.

use std::f32::consts::TAU;

/// One frame of a telephone, in samples.
pub(crate) const FRAME: usize = 160;

/// A voice that says `words` words of about a quarter of a second, 8 kHz: harmonics of a gliding low pitch, louder
/// around three formants.
pub(crate) fn voice(words: usize) -> Vec<i16> {
    let (length, pause) = (1_900, 260);
    let mut samples = Vec::new();
    for _ in 0..words {
        let start = samples.len();
        samples.extend((0..length).map(|n| {
            let seconds = (start + n) as f32 / 8_000.0;
            let phase = TAU * 120.0 * seconds + 4.0 * (TAU * 2.1 * seconds).sin();
            let mut sum = 0.0;
            for harmonic in 1..=28_u16 {
                let frequency = f32::from(harmonic) * 120.0;
                let formant =
                    |center: f32, width: f32| (-((frequency - center) / width).powi(2)).exp();
                let level = 0.9 * formant(500.0, 250.0)
                    + 0.5 * formant(1_500.0, 300.0)
                    + 0.25 * formant(2_500.0, 400.0)
                    + 0.03;
                sum += level * (f32::from(harmonic) * phase).sin();
            }
            let edge = n.min(length - n) as f32 / 160.0;
            (sum * 2_400.0 * edge.min(1.0)).clamp(-30_000.0, 30_000.0) as i16
        }));
        samples.resize(samples.len() + pause, 0);
    }
    samples
}

/// µ-law, by ITU-T G.711.
pub(crate) fn encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(32_635) + 132;
    let exponent = 31 - magnitude.leading_zeros() as i32 - 7;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}

/// The inverse of [`encode`].
pub(crate) fn decode(code: u8) -> i16 {
    let code = !code;
    let exponent = i32::from((code >> 4) & 7);
    let magnitude = (((i32::from(code & 0x0f) << 3) + 132) << exponent) - 132;
    if code & 0x80 == 0 {
        magnitude as i16
    } else {
        -magnitude as i16
    }
}

/// Whether a frame of µ-law holds anything loud enough to be heard.
pub(crate) fn sounds(frame: &[u8]) -> bool {
    frame.iter().any(|code| decode(*code).unsigned_abs() > 200)
}
