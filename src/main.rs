//! The program. Everything is in the library; see `cli.rs` for what it can be asked.

use std::process::ExitCode;

fn main() -> ExitCode {
    agentphone::cli::run()
}
