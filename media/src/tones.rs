//! Telephone tones: making them ([`Generator`]) and, in the callee's sound, telling them from speech.
//!
//! Frequencies and cadences are the North American ones (ITU-T E.180 and Q.23, Telcordia GR-506); levels are in
//! dBm0, where full scale of G.711 is a sine of +3.17 dBm0.

mod detect;
mod generate;

pub use detect::{Heard, ToneDetector};
pub use generate::{Generator, Segment, Signal, dtmf_pair};
