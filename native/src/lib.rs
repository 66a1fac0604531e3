//! Flite, PocketSphinx, whisper.cpp and the few calls of the operating system that Rust has no safe name for.
//!
//! This is the only crate with `unsafe` code. It decides nothing: what is spoken, what is listened to and in
//! which process that happens is the business of the callers. Everything public here is safe to call.
#![allow(
    unsafe_code,
    reason = "foreign functions are the purpose of this crate; each use says why it is sound"
)]

pub mod flite;
pub mod memory;
pub mod pocketsphinx;
pub mod process;
pub mod whisper;
