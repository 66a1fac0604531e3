//! G.722 at 64 kbit/s (ITU-T G.722): two bands of 4 kHz, each an adaptive differential coder (ADPCM).
//!
//! [`Encoder`] is the whole of it, from 16 kHz. [`Decoder`] makes 8 kHz, which is the lower band as it is; the upper
//! one is not needed for that. No crate that encodes G.722 does so without allocating for every frame. The tests hold
//! every byte and sample against one that does.

use crate::{MAX_PAYLOAD, WIDE_FRAME};

/// Coefficients of the quadrature mirror filter, half of them; the others mirror them (table 11 of the standard).
const MIRROR: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
/// Decision levels of the lower band's six bits (table 14).
const LEVELS: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940,
    1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Outputs of the lower band's quantiser with six bits, and of the four that predict (tables 18 and 17).
const LOW_SIX: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const LOW_FOUR: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// Outputs of the upper band's two bits (table 19).
const HIGH_TWO: [i32; 4] = [-7408, -1616, 7408, 1616];
/// How the step grows with what was sent: lower band, by the four bits that predict, and upper band (tables 20, 21).
const LOW_GROWTH: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];
const HIGH_GROWTH: [i32; 4] = [798, -214, 798, -214];
/// Powers of two between 1 and 2 in 32 steps, times 2048.
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// The decision level of the upper band.
const HIGH_LEVEL: i32 = 564;

const fn saturate(value: i32) -> i32 {
    if value > i16::MAX as i32 {
        i16::MAX as i32
    } else if value < i16::MIN as i32 {
        i16::MIN as i32
    } else {
        value
    }
}

/// The adaptive predictor and step of one band.
#[derive(Debug, Clone, Default)]
struct Band {
    /// What the next sample is thought to be, and the part of it that the zeros make.
    predicted: i32,
    by_zeros: i32,
    /// The last two reconstructed samples, newest first, and their coefficients.
    reconstructed: [i32; 2],
    poles: [i32; 2],
    /// Signs of the last two partial reconstructions.
    signs: [i32; 2],
    /// The last six differences, newest first, and their coefficients.
    differences: [i32; 6],
    zeros: [i32; 6],
    /// The logarithm of the step, and the step.
    log_step: i32,
    step: i32,
}

impl Band {
    fn low() -> Self {
        Self {
            step: 32,
            ..Self::default()
        }
    }

    fn high() -> Self {
        Self {
            step: 8,
            ..Self::default()
        }
    }

    /// Makes the step follow the signal.
    fn scale(&mut self, growth: i32, most: i32, shift: i32) {
        self.log_step = (((self.log_step * 127) >> 7) + growth).clamp(0, most);
        let power = POWERS[(self.log_step >> 6 & 31) as usize];
        let shift = shift - (self.log_step >> 11);
        let scaled = if shift < 0 {
            power << -shift
        } else {
            power >> shift
        };
        self.step = scaled << 2;
    }

    /// Takes the difference that was sent, and predicts the next sample.
    fn adapt(&mut self, difference: i32) {
        let reconstructed = saturate(self.predicted + difference);
        let sign = saturate(self.by_zeros + difference) >> 15;
        // The poles.
        let push = saturate(self.poles[0] << 2);
        let push = if sign == self.signs[0] { -push } else { push }.min(32_767);
        let lean = if sign == self.signs[1] { 128 } else { -128 };
        let second = ((push >> 7) + lean + ((self.poles[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let lean = if sign == self.signs[0] { 192 } else { -192 };
        let limit = saturate(15_360 - second);
        let first = saturate(lean + ((self.poles[0] * 32_640) >> 15)).clamp(-limit, limit);
        self.poles = [first, second];
        self.signs = [sign, self.signs[0]];
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        // The zeros.
        let lean = if difference == 0 { 0 } else { 128 };
        let sign = difference >> 15;
        for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
            let lean = if before >> 15 == sign { lean } else { -lean };
            *zero = saturate(lean + ((*zero * 32_640) >> 15));
        }
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        // The prediction.
        let product =
            |coefficient: &i32, value: &i32| (coefficient * saturate(value + value)) >> 15;
        let sum = |coefficients: &[i32], values: &[i32]| {
            let products = coefficients.iter().zip(values);
            saturate(products.map(|(a, b)| product(a, b)).sum())
        };
        self.by_zeros = sum(&self.zeros, &self.differences);
        self.predicted = saturate(sum(&self.poles, &self.reconstructed) + self.by_zeros);
    }

    /// One step of the lower band with the six bits that were sent.
    fn adapt_low(&mut self, code: usize) {
        let four = code >> 2;
        let difference = (self.step * LOW_FOUR[four]) >> 15;
        self.scale(LOW_GROWTH[four], 18_432, 8);
        self.adapt(difference);
    }

    /// One step of the upper band with the two bits that were sent.
    fn adapt_high(&mut self, code: usize) {
        let difference = (self.step * HIGH_TWO[code]) >> 15;
        self.scale(HIGH_GROWTH[code], 22_528, 10);
        self.adapt(difference);
    }
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    low: Band,
    high: Band,
    /// The end of the frame before, for the filter.
    past: [i32; 22],
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self {
            low: Band::low(),
            high: Band::high(),
            past: [0; 22],
        }
    }

    /// Encodes 20 ms into one byte for each two samples.
    pub(crate) fn encode(&mut self, frame: &[i16; WIDE_FRAME], payload: &mut [u8; MAX_PAYLOAD]) {
        let mut window = [0; 22 + WIDE_FRAME];
        window[..22].copy_from_slice(&self.past);
        for (slot, sample) in window[22..].iter_mut().zip(frame) {
            *slot = i32::from(*sample);
        }
        for (index, byte) in payload.iter_mut().take(WIDE_FRAME / 2).enumerate() {
            let (pairs, _) = window[2 * index..2 * index + 24].as_chunks::<2>();
            let (mut even, mut odd) = (0, 0);
            for (tap, [first, second]) in pairs.iter().enumerate() {
                odd += first * MIRROR[tap];
                even += second * MIRROR[11 - tap];
            }
            let low = self.encode_low((even + odd) >> 14);
            let high = self.encode_high((even - odd) >> 14);
            *byte = (high << 6 | low) as u8;
        }
        self.past.copy_from_slice(&window[WIDE_FRAME..]);
    }

    fn encode_low(&mut self, sample: i32) -> usize {
        let error = saturate(sample - self.low.predicted);
        let size = if error >= 0 { error } else { -(error + 1) };
        let step = self.low.step;
        let level = LEVELS[1..]
            .iter()
            .position(|level| size < (level * step) >> 12)
            .map_or(30, |found| found + 1);
        // Codes count down from the middle; the smallest two negative ones lie at the upper end (table 15).
        let code = match (error < 0, level) {
            (false, level) => 62 - level,
            (true, level @ 1..=2) => 64 - level,
            (true, level) => 34 - level,
        };
        self.low.adapt_low(code);
        code
    }

    fn encode_high(&mut self, sample: i32) -> usize {
        let error = saturate(sample - self.high.predicted);
        let size = if error >= 0 { error } else { -(error + 1) };
        let small = size < (HIGH_LEVEL * self.high.step) >> 12;
        let code = usize::from(small) | if error < 0 { 0 } else { 2 };
        self.high.adapt_high(code);
        code
    }
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(crate) struct Decoder(Band);

impl Decoder {
    pub(crate) fn new() -> Self {
        Self(Band::low())
    }

    /// Decodes as many bytes as there is room for, one sample of 8 kHz each; returns how many.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        let band = &mut self.0;
        for (sample, byte) in out.iter_mut().zip(payload) {
            let code = usize::from(byte & 63);
            let value = band.predicted + ((band.step * LOW_SIX[code]) >> 15);
            // Its range is half of that of sixteen bits (block 6L).
            *sample = (value.clamp(-16_384, 16_383) << 1) as i16;
            band.adapt_low(code);
        }
        payload.len().min(out.len())
    }

    /// Forgets what was decoded.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use ezk_g722::libg722::{Bitrate, decoder, encoder};

    use super::*;
    use crate::{Doubler, FRAME, testing};

    /// Speech, noise, full scale and silence, so that every path is taken.
    fn sound() -> Vec<i16> {
        let mut doubler = Doubler::new();
        let mut random = fastrand::Rng::with_seed(1);
        let mut sound = Vec::new();
        for (name, _) in testing::SPEECH {
            for frame in testing::speech(name).as_chunks::<FRAME>().0 {
                sound.extend_from_slice(doubler.process(frame));
            }
            sound.extend((0..WIDE_FRAME * 20).map(|_| random.i16(..)));
            sound.extend([i16::MAX; WIDE_FRAME * 2]);
            sound.extend([i16::MIN; WIDE_FRAME * 2]);
            sound.extend([0; WIDE_FRAME * 10]);
        }
        sound
    }

    /// The other implementation begins with steps of nothing, where the standard has 32 and 8 (clause 3.5).
    fn begun_like_the_other() -> (Encoder, Decoder) {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        encoder.low.step = 0;
        encoder.high.step = 0;
        decoder.0.step = 0;
        (encoder, decoder)
    }

    #[test]
    fn it_is_the_same_to_the_bit_as_another_implementation() {
        let mut ours = begun_like_the_other();
        let mut other = (
            encoder::Encoder::new(Bitrate::Mode1_64000, false, false),
            decoder::Decoder::new(Bitrate::Mode1_64000, false, true),
        );
        for frame in sound().as_chunks::<WIDE_FRAME>().0 {
            let mut payload = [0; MAX_PAYLOAD];
            ours.0.encode(frame, &mut payload);
            let payload = &payload[..WIDE_FRAME / 2];
            assert_eq!(payload, other.0.encode(frame));
            let mut samples = [0; FRAME];
            assert_eq!(ours.1.decode(payload, &mut samples), FRAME);
            assert_eq!(samples.as_slice(), other.1.decode(payload));
        }
    }

    #[test]
    fn any_bytes_are_decoded_as_the_other_does() {
        let mut random = fastrand::Rng::with_seed(2);
        let (_, mut ours) = begun_like_the_other();
        let mut other = decoder::Decoder::new(Bitrate::Mode1_64000, false, true);
        for _ in 0..2_000 {
            let payload: Vec<u8> = (0..random.usize(1..200)).map(|_| random.u8(..)).collect();
            let mut samples = [0; 200];
            let count = ours.decode(&payload, &mut samples);
            assert_eq!(samples[..count], other.decode(&payload));
        }
    }
}
