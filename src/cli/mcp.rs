//! `agentphone mcp`: the tools over standard input and output, for clients that start their servers themselves. Everything is
//! asked of a running server by HTTP.

use std::process::ExitCode;

use clap::Args;
use rmcp::{ServiceExt, transport::io::stdio_pipes};
use std::sync::Arc;

use super::{
    Failure,
    client::{Remote, Target},
};
use crate::mcp::Server;

/// See `agentphone mcp --help`.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(flatten)]
    target: Target,
}

/// Serves until standard input ends.
pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let client = command.target.client()?;
    let server = Server::new(Arc::new(Remote::new(client)));
    let running = server.serve(stdio_pipes()).await.map_err(|error| {
        Failure::new(format!(
            "The client did not begin as the protocol wants: {error}."
        ))
    })?;
    running
        .waiting()
        .await
        .map_err(|error| Failure::new(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
