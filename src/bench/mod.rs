//! The harness: turn-taking, hearing and capacity, measured on recorded sound.
//!
//! Recordings (`library`) become labelled telephone dialogues (`dialogue`, described by [`Trial`]), which are played to
//! the real driver over the simulated line on the virtual clock (`stage`); what came of it is compared with the labels,
//! which the engine never sees. `docs/turn-taking.md` defines every figure.

pub mod barge_in;
pub mod bars;
pub mod capacity;
pub mod dialogue;
pub mod end_of_turn;
pub mod examples;
pub mod fit;
pub mod latency;
pub mod library;
pub mod report;
pub mod run;
pub mod speech;
pub mod stage;
pub mod stats;
pub mod trial;
pub mod turns;

pub use self::trial::{Cue, Label, Pause, PauseKind, Trial, When};
