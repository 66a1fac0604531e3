//! The services of calls: what happens on a whole call when one of them fails, the vendors' wires against stand-ins that
//! are as strict as the vendors, and what is read about the callee before the call.

#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
#[path = "../support/python.rs"]
mod python;
#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "each program uses its own part of the support")]
#[path = "../support/speech/mod.rs"]
mod speech;

mod context;
mod failover;
mod languages;
mod referee;
mod speaking;
