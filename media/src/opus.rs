//! Opus (RFC 6716, 7587) by libopus: 20 ms of wideband out; whatever comes is decoded at 8 kHz.
//!
//! Each packet carries a coarse copy of the one before (in-band FEC), so that single losses are mended when the next
//! packet is there; other losses are concealed by the decoder itself. Both the library's.

use audiopus::{
    Application, Bitrate, Channels, MutSignals, SampleRate, Signal,
    coder::{self, GenericCtl},
    packet::{self, Packet},
};

use crate::{MAX_PAYLOAD, WIDE_FRAME};

/// Bits per second: speech of 8 kHz bandwidth at its best, with the copies.
const BITRATE: i32 = 28_000;
/// The share of losses that the copies are made for, in per cent.
const EXPECTED_LOSS: u8 = 10;
/// Of 0 to 10: what more would cost is not heard in speech.
const COMPLEXITY: u8 = 5;

/// The longest packet, in samples of 8 kHz: 120 ms.
pub(crate) const LONGEST: usize = 960;
/// The library conceals in steps of 2.5 ms.
const STEP: usize = 20;

/// Why making a coder cannot fail.
const MADE: &str =
    "libopus refuses only wrong arguments, and without memory any allocation ends the program";

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Encoder(coder::Encoder);

impl Encoder {
    pub(crate) fn new() -> Self {
        let set_up = || {
            let mut encoder =
                coder::Encoder::new(SampleRate::Hz16000, Channels::Mono, Application::Voip)?;
            encoder.set_bitrate(Bitrate::BitsPerSecond(BITRATE))?;
            encoder.set_complexity(COMPLEXITY)?;
            encoder.set_signal(Signal::Voice)?;
            encoder.set_inband_fec(true)?;
            encoder.set_packet_loss_perc(EXPECTED_LOSS)?;
            audiopus::Result::Ok(encoder)
        };
        Self(set_up().expect(MADE))
    }

    /// Encodes 20 ms; returns the length of the payload, 0 if the library failed.
    pub(crate) fn encode(
        &mut self,
        frame: &[i16; WIDE_FRAME],
        payload: &mut [u8; MAX_PAYLOAD],
    ) -> usize {
        self.0.encode(frame, payload).unwrap_or(0)
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Decoder(coder::Decoder);

impl Decoder {
    pub(crate) fn new() -> Self {
        Self(coder::Decoder::new(SampleRate::Hz8000, Channels::Mono).expect(MADE))
    }

    /// Returns how many samples a payload holds; `None` when it is no Opus.
    pub(crate) fn length(payload: &[u8]) -> Option<usize> {
        let packet = Packet::try_from(payload).ok()?;
        let length = packet::nb_samples(packet, SampleRate::Hz8000).ok()?;
        (1..=LONGEST).contains(&length).then_some(length)
    }

    /// Decodes a payload; returns how many samples it held.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut [i16; LONGEST]) -> usize {
        self.run(Some(payload), out, false)
    }

    /// Makes the `count` samples before `next` of what that packet knows of them, and of the past.
    pub(crate) fn recover(&mut self, next: &[u8], count: usize, out: &mut [i16; LONGEST]) -> usize {
        let count = count.min(LONGEST) / STEP * STEP;
        self.run(Some(next), &mut out[..count], true)
    }

    /// Makes `count` samples of the past alone.
    pub(crate) fn conceal(&mut self, count: usize, out: &mut [i16; LONGEST]) -> usize {
        let count = count.min(LONGEST) / STEP * STEP;
        self.run(None, &mut out[..count], false)
    }

    /// Forgets what was decoded.
    pub(crate) fn reset(&mut self) {
        // It cannot fail on a decoder that was made.
        let _ = self.0.reset_state();
    }

    fn run(&mut self, payload: Option<&[u8]>, out: &mut [i16], fec: bool) -> usize {
        if out.is_empty() {
            return 0;
        }
        let payload = payload.map(Packet::try_from).transpose();
        let out = MutSignals::try_from(out);
        match (payload, out) {
            (Ok(payload), Ok(out)) => self.0.decode(payload, out, fec).unwrap_or(0),
            _ => 0,
        }
    }
}
