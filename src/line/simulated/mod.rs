//! The simulated line: a callee played by a scenario, over real G.711 packets.

pub mod catalog;
pub mod parse;
pub mod scenario;
