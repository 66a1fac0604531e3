//! A stranger's client: the whole HTTP interface over real connections, from the published text alone.
#![expect(
    clippy::unwrap_used,
    reason = "whatever is missing here fails the test that asked for it"
)]

mod create;
mod credits;
mod doubles;
mod http;
mod keys;
mod list;
mod live;
mod one_call;
mod recording;
mod refusals;
mod server;
