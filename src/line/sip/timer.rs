//! Session timers (RFC 4028): who has to show that a call is still there, how often, and when it counts as gone.

use std::time::{Duration, Instant};

/// The shortest interval that may be agreed on (RFC 4028 section 5).
pub const SHORTEST: Duration = Duration::from_secs(90);
/// Before the interval is over, a call whose peer did not show itself is ended this much earlier, at most.
const EARLIER: Duration = Duration::from_secs(32);

/// Who refreshes a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refresher {
    /// We do.
    We,
    /// The peer does.
    Peer,
}

/// A `Session-Expires` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionExpires {
    /// The interval.
    pub(super) interval: Duration,
    /// Whether it is the one who sent the request (`uac`) that refreshes; `None`: not said.
    pub(super) uac: Option<bool>,
}

impl SessionExpires {
    /// Reads the header's value.
    #[must_use]
    pub(super) fn read(value: &str) -> Option<Self> {
        let mut parts = value.split(';');
        let seconds: u32 = parts.next()?.trim().parse().ok()?;
        let uac = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let is = |word: &str| value.trim().eq_ignore_ascii_case(word);
            match name.trim().eq_ignore_ascii_case("refresher") {
                true if is("uac") => Some(true),
                true if is("uas") => Some(false),
                _ => None,
            }
        });
        Some(Self {
            interval: Duration::from_secs(seconds.into()),
            uac,
        })
    }

    /// Writes the header's value.
    #[must_use]
    pub(super) fn write(&self) -> String {
        let seconds = self.interval.as_secs();
        match self.uac {
            Some(true) => format!("{seconds};refresher=uac"),
            Some(false) => format!("{seconds};refresher=uas"),
            None => seconds.to_string(),
        }
    }
}

/// A session's timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionTimer {
    interval: Duration,
    refresher: Refresher,
    due: Instant,
}

impl SessionTimer {
    /// Starts a timer, or starts it again.
    #[must_use]
    pub(super) fn new(interval: Duration, refresher: Refresher, now: Instant) -> Self {
        let wait = match refresher {
            Refresher::We => interval / 2,
            Refresher::Peer => interval.saturating_sub(EARLIER.min(interval / 3)),
        };
        Self {
            interval,
            refresher,
            due: now + wait,
        }
    }

    /// When it is time to refresh, or to give the call up.
    #[must_use]
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Who refreshes.
    #[must_use]
    pub(super) fn refresher(&self) -> Refresher {
        self.refresher
    }

    /// The interval that was agreed on.
    #[must_use]
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// After a refresh of ours that crossed one of the peer's: when it is tried again.
    pub(super) fn again_at(&mut self, due: Instant) {
        self.due = due;
    }

    /// After a refresh of ours that failed: tries again soon, as long as there is time.
    pub(super) fn again(&mut self, now: Instant) {
        self.due = now + (self.interval / 12).min(Duration::from_secs(30));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    #[test]
    fn headers_are_read_and_written() {
        let read = SessionExpires::read("1800;refresher=uac").unwrap();
        assert_eq!(read.write(), "1800;refresher=uac");
        assert_eq!(
            SessionExpires::read(" 90 ; Refresher = UAS ").unwrap().uac,
            Some(false)
        );
        assert_eq!(SessionExpires::read("600;x=y").unwrap().write(), "600");
        for wrong in ["", "x", "-1", "99999999999", ";refresher=uac"] {
            assert_eq!(SessionExpires::read(wrong), None, "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_refreshed_at_half_time_and_given_up_before_its_end() {
        let now = clock::now();
        let ours = SessionTimer::new(Duration::from_secs(1800), Refresher::We, now);
        assert_eq!(ours.due() - now, Duration::from_secs(900));
        let theirs = SessionTimer::new(Duration::from_secs(1800), Refresher::Peer, now);
        assert_eq!(theirs.due() - now, Duration::from_secs(1768));
        let short = SessionTimer::new(Duration::from_secs(90), Refresher::Peer, now);
        assert_eq!(short.due() - now, Duration::from_secs(60));
    }
}
