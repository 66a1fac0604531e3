//! The call core: events in, actions out; no clock, no sound, no network, and it cannot fail.
//!
//! [`Event`] and [`Action`] are everything that can happen and everything a call can do; [`Call`] turns the one
//! into the other. The rules of conversation are small modules that know nothing of each other: `endpoint` and
//! `shape` (has the callee finished?), `barge_in` (does the callee want the floor?), `ledger` (what was heard?),
//! `chunk` (what can be spoken already?), `answer` (who picked up?), `silence`, `history`, `latency`.

mod answer;
mod barge_in;
mod call;
mod chunk;
mod config;
mod ending;
mod endpoint;
mod event;
mod history;
mod latency;
mod ledger;
pub mod notes;
mod replay;
mod reply;
mod shape;
mod silence;
mod spelling;
#[cfg(test)]
mod testing;
pub mod text;
mod timer;
mod tools;
mod turn;
mod warning;
mod words;

pub use call::{Call, Counters};
pub use config::{CallConfig, Phrases, Voicemail};
pub use endpoint::END_FEATURES;
pub use event::*;
pub use replay::{FirstDifference, Recording, run};
pub use timer::Timer;
pub use warning::WITHHELD;
