//! The one task that carries out a call: waits, reads the clock once, asks the core, carries out its actions.

pub mod clock;
