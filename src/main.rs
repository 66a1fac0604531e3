//! The command line.

use std::{env, ffi::OsStr, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    if let [worker, speech, models] = arguments.as_slice()
        && *worker == "worker"
        && *speech == "speech"
    {
        return agentphone::worker::run_speech(Path::new(models));
    }
    ExitCode::SUCCESS
}
