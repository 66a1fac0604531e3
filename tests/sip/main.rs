//! Telephones through SIP, against real peers (`sipp`) over real sockets and in real time, and against a peer of our
//! own for what `sipp` cannot be brought to do. What happens and in which order is asserted, not how long it takes.

mod baresip;
mod caller;
mod challenges;
mod changes;
mod doctor;
mod ears;
mod inbound;
mod kamailio;
mod many;
mod names;
mod odd;
mod outbound;
mod peer;
mod program;
mod rig;
mod routes;
mod secure;

#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test program uses a part of what they share"
)]
#[path = "../process/mod.rs"]
mod process;
