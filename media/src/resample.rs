//! Changes the sampling rate of a mono stream: [`Resampler`] between any two rates, [`Doubler`] from 8 to 16 kHz
//! on the way of a call.
//!
//! [`Resampler`] is rubato's FFT type where the rates allow blocks of at most 40 ms (all rates in use: 8, 16, 22.05,
//! 24, 44.1, 48 kHz), and its sinc type elsewhere. It is flat to 3.4 kHz with images below -140 dB, and late by 10 ms;
//! the delay is cut off at the start, so that output sample n lies at the same time as input sample n·from/to, to
//! within one sample of the lower rate.
//! It serves speech that is synthesised faster than it is played, files, and recordings, where the delay costs
//! nothing.
//!
//! [`Doubler`] is a half-band filter of our own, late by 1.9 ms: a recogniser hears the callee 8 ms earlier than
//! through rubato. Voice detection needs neither: see [`crate::vad`].

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, Fft, FixedAsync, FixedSync, Resampler as Engine, SincInterpolationParameters,
    WindowFunction,
};

mod doubler;

pub use doubler::Doubler;

/// The lowest sampling rate accepted, in Hz.
pub const MIN_RATE: u32 = 4_000;
/// The highest sampling rate accepted, in Hz.
pub const MAX_RATE: u32 = 192_000;

/// Blocks longer than this many milliseconds make [`Resampler`] use its sinc type.
const LONGEST_BLOCK_MS: usize = 40;

/// Why a resampler cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateError {
    /// The sampling rate that is out of range, in Hz.
    pub rate: u32,
}

impl std::fmt::Display for RateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "sound at {} Hz cannot be used: give a rate from {MIN_RATE} to {MAX_RATE} Hz",
            self.rate
        )
    }
}

impl std::error::Error for RateError {}

/// Streams mono samples from one rate to another. See the module's documentation.
pub struct Resampler {
    /// `None` when both rates are equal.
    engine: Option<Box<dyn Engine<f32>>>,
    from: u32,
    to: u32,
    /// Input that does not fill a block yet; only the first `pending` entries count.
    input: Vec<f32>,
    pending: usize,
    output: Vec<f32>,
    samples: Vec<i16>,
    /// Output still to be cut off because it lies before the first input sample.
    lead: usize,
    taken: u64,
    given: u64,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler")
            .field("from", &self.from)
            .field("to", &self.to)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

impl Resampler {
    /// Makes a resampler. This allocates everything that it will ever need.
    ///
    /// # Errors
    /// When a rate lies outside [`MIN_RATE`]`..=`[`MAX_RATE`].
    pub fn new(from: u32, to: u32) -> Result<Self, RateError> {
        for rate in [from, to] {
            if !(MIN_RATE..=MAX_RATE).contains(&rate) {
                return Err(RateError { rate });
            }
        }
        let engine = (from != to).then(|| engine(from as usize, to as usize));
        let (block, room) = engine.as_ref().map_or((0, 0), |engine| {
            (engine.input_frames_max(), engine.output_frames_max())
        });
        Ok(Self {
            lead: engine.as_ref().map_or(0, |engine| engine.output_delay()),
            engine,
            from,
            to,
            input: vec![0.0; block],
            pending: 0,
            output: vec![0.0; room],
            samples: vec![0; room],
            taken: 0,
            given: 0,
        })
    }

    /// Samples per second of the input.
    #[must_use]
    pub const fn from(&self) -> u32 {
        self.from
    }

    /// Takes all of `input` and hands what is ready to `out`, in pieces, in order.
    pub fn process(&mut self, mut input: &[i16], mut out: impl FnMut(&[i16])) {
        self.taken += input.len() as u64;
        let Some(engine) = &mut self.engine else {
            self.given += input.len() as u64;
            return out(input);
        };
        while !input.is_empty() {
            let needed = engine.input_frames_next();
            let count = input.len().min(needed - self.pending);
            let (now, later) = input.split_at(count);
            for (slot, sample) in self.input[self.pending..].iter_mut().zip(now) {
                *slot = f32::from(*sample);
            }
            self.pending += count;
            input = later;
            if self.pending == needed {
                let made = run(engine.as_mut(), &self.input[..needed], &mut self.output);
                self.pending = 0;
                let skipped = self.lead.min(made);
                self.lead -= skipped;
                let ready = to_samples(&self.output[skipped..made], &mut self.samples);
                self.given += ready.len() as u64;
                if !ready.is_empty() {
                    out(ready);
                }
            }
        }
    }

    /// Hands out what the end of the input still holds back and makes ready for a new stream.
    ///
    /// Afterwards the stream's output was as long as its input, rounded to the nearest sample.
    pub fn finish(&mut self, mut out: impl FnMut(&[i16])) {
        let due =
            (self.taken * u64::from(self.to) + u64::from(self.from) / 2) / u64::from(self.from);
        let mut missing = due.saturating_sub(self.given) as usize;
        let silence = [0; 64];
        while missing > 0 && self.engine.is_some() {
            self.process(&silence, |ready| {
                let count = ready.len().min(missing);
                missing -= count;
                if count > 0 {
                    out(&ready[..count]);
                }
            });
        }
        self.reset();
    }

    /// Forgets the stream so far, what was held back included.
    pub fn reset(&mut self) {
        if let Some(engine) = &mut self.engine {
            engine.reset();
            self.lead = engine.output_delay();
        }
        self.pending = 0;
        self.taken = 0;
        self.given = 0;
    }
}

fn engine(from: usize, to: usize) -> Box<dyn Engine<f32>> {
    let block = from * LONGEST_BLOCK_MS / 2000;
    let shortest = from / gcd(from, to);
    if shortest * 1000 <= from * LONGEST_BLOCK_MS {
        Box::new(
            Fft::<f32>::new_custom(
                from,
                to,
                block,
                1,
                1,
                WindowFunction::BlackmanHarris2,
                FixedSync::Both,
            )
            .expect("rates and block are positive"),
        )
    } else {
        let sinc = SincInterpolationParameters::new(128, WindowFunction::BlackmanHarris2);
        Box::new(
            Async::<f32>::new_sinc(
                to as f64 / from as f64,
                1.0,
                &sinc,
                block,
                1,
                FixedAsync::Input,
            )
            .expect("the ratio is finite and positive"),
        )
    }
}

fn run(engine: &mut dyn Engine<f32>, input: &[f32], output: &mut [f32]) -> usize {
    let frames = output.len();
    let input = InterleavedSlice::new(input, 1, input.len()).expect("one channel fills the slice");
    let mut output =
        InterleavedSlice::new_mut(output, 1, frames).expect("one channel fills the slice");
    let (_, made) = engine
        .process_into_buffer(&input, &mut output, None)
        .expect("both buffers have the sizes the engine asked for");
    made
}

fn to_samples<'a>(from: &[f32], to: &'a mut [i16]) -> &'a [i16] {
    let to = &mut to[..from.len()];
    for (sample, value) in to.iter_mut().zip(from) {
        // `as` saturates, which is what an overshoot needs.
        *sample = value.round_ties_even() as i16;
    }
    to
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
