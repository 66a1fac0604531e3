//! The program as its operator has it: told, watched, encrypted, out of room. Each test runs the real thing.
#![expect(
    clippy::unwrap_used,
    reason = "whatever is missing here fails the test that asked for it"
)]

#[path = "../process/mod.rs"]
mod process;
#[path = "../process/receiver.rs"]
mod receiver;
#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
#[path = "../support/mod.rs"]
mod support;

#[allow(
    dead_code,
    reason = "each test program uses its own part of the stand-in"
)]
#[path = "../support/stripe/mod.rs"]
mod stripe;

mod backup;
mod client;
mod doctor;
mod manager;
mod openapi;
#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
#[path = "../support/python.rs"]
mod python;
mod reload;
mod room;
mod running;
mod stop;
mod tls;
mod upgrade;
mod watched;
mod webhooks;
