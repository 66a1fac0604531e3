//! What the tests of this crate share: speech, and a line to hear it on.

use std::time::{Duration, Instant};

use crate::{
    Codec, Edge, FRAME, FRAME_TIME, Law, Packet, Uplink, UplinkConfig, impair::Noise,
    uplink::JitterConfig, wav,
};

/// Recordings under `fixtures/audio`; see the README there.
pub(crate) const SPEECH: [(&str, &[u8]); 7] = [
    (
        "rms-hello",
        include_bytes!("../../fixtures/audio/rms-hello.wav"),
    ),
    (
        "rms-hold",
        include_bytes!("../../fixtures/audio/rms-hold.wav"),
    ),
    (
        "rms-seven-thirty",
        include_bytes!("../../fixtures/audio/rms-seven-thirty.wav"),
    ),
    (
        "rms-uh-huh",
        include_bytes!("../../fixtures/audio/rms-uh-huh.wav"),
    ),
    (
        "slt-fully-booked",
        include_bytes!("../../fixtures/audio/slt-fully-booked.wav"),
    ),
    ("slt-no", include_bytes!("../../fixtures/audio/slt-no.wav")),
    (
        "slt-yes",
        include_bytes!("../../fixtures/audio/slt-yes.wav"),
    ),
];

/// Returns the samples of a recording.
pub(crate) fn speech(name: &str) -> Vec<i16> {
    let (_, bytes) = SPEECH.iter().find(|(other, _)| *other == name).unwrap();
    wav::read(bytes).unwrap().samples
}

/// Returns an instant to count from.
#[expect(clippy::disallowed_methods, reason = "tests count from any instant")]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

pub(crate) fn silence(millis: usize) -> Vec<i16> {
    vec![0; millis * 8]
}

/// Adds line noise of `level` dBFS.
pub(crate) fn noisy(mut samples: Vec<i16>, level: f32) -> Vec<i16> {
    Noise::new(level, 1).add(&mut samples);
    samples
}

/// Returns the first and last moment at which samples come within 35 dB of the loudest, which is where speech of a
/// clean recording begins and ends.
pub(crate) fn extent(samples: &[i16]) -> (Duration, Duration) {
    let powers: Vec<f32> = samples.chunks(40).map(crate::dsp::power).collect();
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    let loud = |power: &f32| *power > loudest * 3e-4;
    let first = powers.iter().position(loud).unwrap();
    let last = powers.iter().rposition(loud).unwrap();
    let at = |index: usize| Duration::from_millis(5) * index as u32;
    (at(first), at(last + 1))
}

/// An uplink on a perfect line without delay.
pub(crate) struct Ear {
    pub(crate) uplink: Uplink,
    start: Instant,
    tick: u32,
}

impl Ear {
    pub(crate) fn new() -> Self {
        let mut config = UplinkConfig::new(Codec::Pcmu);
        config.jitter = JitterConfig {
            initial: Duration::ZERO,
            ..config.jitter
        };
        Self {
            uplink: Uplink::new(config),
            start: epoch(),
            tick: 0,
        }
    }

    /// Hears one frame while `sent` is sent; returns its edges with the time since the first frame's start.
    pub(crate) fn frame(
        &mut self,
        heard: &[i16; FRAME],
        sent: &[i16; FRAME],
    ) -> Vec<(Duration, Edge)> {
        let mut codes = [0; FRAME];
        Law::Mu.encode(heard, &mut codes);
        let packet = Packet::new(self.tick as u16, self.tick * FRAME as u32, &codes).unwrap();
        let now = self.start + FRAME_TIME * self.tick;
        self.tick += 1;
        self.uplink.push(&packet, now);
        let at = FRAME_TIME * self.tick;
        let tick = self.uplink.tick(now, sent);
        tick.edges.iter().map(|edge| (at, *edge)).collect()
    }

    /// Hears samples while nothing is sent.
    pub(crate) fn hear(&mut self, samples: &[i16]) -> Vec<(Duration, Edge)> {
        let (frames, _) = samples.as_chunks();
        frames
            .iter()
            .flat_map(|frame| self.frame(frame, &[0; FRAME]))
            .collect()
    }
}

/// Returns the edges of samples heard on a perfect line.
pub(crate) fn edges_of(samples: &[i16]) -> Vec<(Duration, Edge)> {
    Ear::new().hear(samples)
}
