//! Samples: from packets to 16 kHz frames and voice edges, and from speech to packets.
//!
//! No network, no runtime, no clock. Nothing here allocates per frame once it was built.

mod packet;

pub use packet::{Codec, Packet};
