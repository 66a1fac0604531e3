//! What runs when this program is started as one of its own workers: `agentphone worker NAME`.
//!
//! Foreign code that computes runs there, behind everybody else in line for the processor, so that its crash or
//! hunger costs a restart and not a call. Workers talk on standard input and output only.

use std::{path::Path, process::ExitCode};

/// Runs the recogniser's worker with the models in this folder until its standard input closes.
#[must_use]
pub fn run_speech(models: &Path) -> ExitCode {
    crate::provider::pocketsphinx::run_worker(models)
}

/// Runs a worker of Whisper with this model file and so many threads until its standard input closes.
#[must_use]
pub fn run_whisper(model: &Path, threads: usize) -> ExitCode {
    crate::provider::whisper::run_worker(model, threads)
}
