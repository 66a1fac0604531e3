//! Makes a perfect line worse, the same way each time: [`Network`] for packets, [`Noise`] and [`Echo`] for samples.
//!
//! Everything of chance comes from the seed that the caller gives. Used by the simulated line, by tests and benches;
//! nothing of it lies on the way of a real call.

mod network;
mod samples;

pub use network::{Network, NetworkConfig};
pub use samples::{Echo, Noise};

#[cfg(test)]
mod tests;
