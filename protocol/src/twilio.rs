//! What Twilio and its look-alikes say and are told: Media Streams, TwiML, callbacks, REST and signatures.
//!
//! Bytes and text to typed values and back, nothing more: who is called, when something is sent and what a failure
//! means for a call is decided by the line. Source of every message: Twilio's public documents, and where they are
//! silent, what real traffic shows; reading is therefore tolerant where a carrier may differ without harm (numbers
//! written as strings or the other way round, fields unknown to us) and strict where it matters (sound, names).

pub mod api;
pub mod callback;
pub mod signature;
pub mod stream;
pub mod twiml;
