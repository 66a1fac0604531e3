//! What a service manager is told by the protocol of systemd (sd_notify(3)): that the program is ready, and how long
//! stopping takes. Without a manager that listens, nobody is told, and nothing depends on it.

use std::time::Duration;

use sd_notify::NotifyState;

/// What stopping takes beside `calls.drain_seconds` at most: hanging up, telling carriers, webhooks under way, the database.
const MARGIN: Duration = Duration::from_secs(20);

/// Says that requests are answered.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Says that the program stops, and that its calls get so long to end. The manager's own limit gives way to it, so that
/// `calls.drain_seconds` is decided in one place.
pub(super) fn stopping(calls: usize, drain: Duration) {
    let limit = (drain + MARGIN).as_micros();
    let status = format!("stopping; {calls} calls are still running");
    tell(&[
        NotifyState::Stopping,
        NotifyState::ExtendTimeoutUsec(u32::try_from(limit).unwrap_or(u32::MAX)),
        NotifyState::Status(&status),
    ]);
}

/// Says that another process is the main one from now on. It says itself when it is ready.
pub(super) fn gives_way(pid: u32) {
    tell(&[
        NotifyState::MainPid(pid),
        NotifyState::Status("giving way to a new program"),
    ]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told how the program stands");
    }
}
