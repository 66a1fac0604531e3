//! Deterministic stand-ins for the three services: canned replies, a buzzing voice, a recogniser that knows its words.
//!
//! They need no native library, no network and no account, wait only through [`crate::driver::clock`], and always do
//! the same, so that whole calls can be tried in paused time. They ship in the program; nobody should talk to them.

mod hearing;
mod speaking;
mod thinking;

pub use hearing::ScriptedSpeechToText;
pub use speaking::ScriptedTextToSpeech;
pub use thinking::{ScriptedModel, ScriptedReply};

#[cfg(test)]
mod tests;
