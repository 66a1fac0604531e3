//! A stranger's client: the whole HTTP interface over real connections, from the published text alone.
#![expect(
    clippy::unwrap_used,
    reason = "whatever is missing here fails the test that asked for it"
)]

mod answers;
mod billing;
mod command_line;
mod crash;
mod create;
mod credits;
mod doubles;
mod http;
mod keys;
mod limits;
mod list;
mod live;
mod mcp;
mod mcp_misuse;
mod mcp_pipe;
mod one_call;
mod privacy;
#[path = "../process/mod.rs"]
mod process;
#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
#[path = "../support/python.rs"]
mod python;
mod recording;
mod referee;
mod refusals;
mod server;
mod session;
mod slow;
#[path = "../support/stripe/mod.rs"]
mod stripe_standin;
