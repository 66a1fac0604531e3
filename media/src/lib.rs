//! Samples: from packets to 16 kHz frames and voice edges, and from speech to packets.
//!
//! No network, no runtime, no clock: everything is a plain struct driven by its input and the instant the caller
//! read. Nothing here allocates per frame once it was built, and nothing panics on any packet or sample.

use std::time::Duration;

mod codec;
pub mod downlink;
mod dsp;
pub mod echo;
mod g711;
mod g722;
pub mod impair;
pub mod mix;
pub mod music;
mod opus;
mod packet;
pub mod pitch;
pub mod recording;
pub mod resample;
pub mod spectrum;
#[cfg(test)]
mod testing;
pub mod tones;
pub mod uplink;
pub mod vad;
pub mod wav;

pub use codec::{Codec, Encoder};
pub use downlink::{Downlink, DownlinkConfig, DownlinkTick, Mark, Progress};
pub use g711::Law;
pub use packet::{MAX_PAYLOAD, Packet};
pub use resample::{Doubler, Resampler};
pub use uplink::{Edge, Prosody, Tone, Uplink, UplinkConfig, UplinkStats, UplinkTick};

/// Samples in one frame on the wire: 20 ms at 8 kHz.
pub const FRAME: usize = 160;
/// Samples in one frame for recognisers: 20 ms at 16 kHz.
pub const WIDE_FRAME: usize = 320;
/// How long one frame lasts; the beat of [`Uplink::tick`] and [`Downlink::tick`].
pub const FRAME_TIME: Duration = Duration::from_millis(20);

/// Returns how long `samples` last at 8 kHz.
#[must_use]
pub const fn wire_time(samples: u64) -> Duration {
    Duration::from_micros(samples * 125)
}
