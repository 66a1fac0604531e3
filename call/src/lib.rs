//! The call core: events in, actions out; no clock, no sound, no network, and it cannot fail.

mod event;

pub use event::*;
