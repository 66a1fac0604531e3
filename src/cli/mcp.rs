//! `agentphone mcp`: the tools over standard input and output, for clients that start their servers themselves. Everything is
//! asked of a running server by HTTP.

use std::process::ExitCode;

use clap::Args;
use rmcp::{ServiceExt, transport::io::stdio_pipes};
use std::sync::Arc;

use super::{
    Failure,
    client::{Client, Remote},
};
use crate::mcp::Server;

/// See `agentphone mcp --help`.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// The address of the server
    #[arg(
        long,
        value_name = "URL",
        env = "AGENTPHONE_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    url: String,
    /// The API key
    #[arg(
        long,
        value_name = "KEY",
        env = "AGENTPHONE_API_KEY",
        hide_env_values = true
    )]
    key: String,
}

/// Serves until standard input ends.
pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let client = Client::new(&command.url, command.key)?;
    let server = Server::new(Arc::new(Remote::new(client)));
    let running = server.serve(stdio_pipes()).await.map_err(|error| {
        Failure(format!(
            "The client did not begin as the protocol wants: {error}."
        ))
    })?;
    running
        .waiting()
        .await
        .map_err(|error| Failure(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
