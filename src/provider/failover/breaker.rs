//! The circuit breaker of one service: whether it is worth asking, judged by how its last requests went.
//!
//! *Closed*: it is asked. After some failures in a row it is *open*: left alone for a while. Then it is *half-open*: one
//! request tries it, and closes the breaker or opens it again, for twice as long. One breaker is shared by all calls, so
//! that what one call found out about a service spares the others. It never forbids: who has nobody else asks anyway.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    driver::clock,
    provider::{ProviderError, ProviderErrorKind},
};

/// The longest pause, as a multiple of the first.
const LONGEST: u32 = 8;

/// How soon a service counts as down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row after which a service is left alone.
    pub failures: u32,
    /// For how long, the first time. A service that still fails then is left alone twice as long, up to eight times.
    pub pause: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 3,
            pause: Duration::from_secs(30),
        }
    }
}

/// What a breaker thinks of its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It works, as far as is known.
    Closed,
    /// It is left alone.
    Open,
    /// Somebody is trying it.
    HalfOpen,
}

/// See the module.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        pause: Duration,
    },
    /// A trial that nobody reports on, because its call ended, is over at `until`.
    HalfOpen {
        until: Instant,
        pause: Duration,
    },
}

impl Breaker {
    /// Makes a closed breaker.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            state: Mutex::new(State::Closed { failures: 0 }),
        }
    }

    /// Returns whether the service should be asked now. Of an open breaker whose pause is over, the first who asks is
    /// the trial.
    pub fn admits(&self) -> bool {
        let now = clock::now();
        let mut state = self.state();
        match *state {
            State::Closed { .. } => true,
            State::Open { until, pause } | State::HalfOpen { until, pause } if now >= until => {
                *state = State::HalfOpen {
                    until: now + pause,
                    pause,
                };
                true
            }
            State::Open { .. } | State::HalfOpen { .. } => false,
        }
    }

    /// Returns what is thought of the service.
    pub fn phase(&self) -> Phase {
        match *self.state() {
            State::Closed { .. } => Phase::Closed,
            State::Open { .. } => Phase::Open,
            State::HalfOpen { .. } => Phase::HalfOpen,
        }
    }

    /// The service gave a result.
    pub fn succeeded(&self) {
        *self.state() = State::Closed { failures: 0 };
    }

    /// The service failed. A refused key, or a wish to be left alone, counts as enough failures; that it cannot do what
    /// one request wants says nothing about it.
    pub fn failed(&self, error: &ProviderError) {
        match error.kind() {
            ProviderErrorKind::Unsupported => {}
            ProviderErrorKind::Auth => self.fail(error, true),
            _ => self.fail(error, error.wait().is_some()),
        }
    }

    /// The service broke off what it had begun. That counts as enough failures: the callee has heard half a sentence, and the
    /// next half is not to be left to chance.
    pub fn broke_off(&self, error: &ProviderError) {
        self.fail(error, true);
    }

    fn fail(&self, error: &ProviderError, hopeless: bool) {
        let mut state = self.state();
        let pause = match *state {
            State::Closed { failures } if !hopeless && failures + 1 < self.settings.failures => {
                *state = State::Closed {
                    failures: failures + 1,
                };
                return;
            }
            State::Closed { .. } => self.settings.pause,
            // Of those who ask an open one for want of another: it is no news.
            State::Open { .. } => return,
            State::HalfOpen { pause, .. } => (pause * 2).min(self.settings.pause * LONGEST),
        };
        let longest = self.settings.pause * LONGEST;
        let wait = error.wait().map_or(pause, |wait| wait.min(longest));
        *state = State::Open {
            until: clock::now() + wait,
            pause,
        };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every state is a good one, whoever panicked with it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable() -> ProviderError {
        ProviderError::new(ProviderErrorKind::Unavailable, "gone")
    }

    fn opened() -> Breaker {
        let breaker = Breaker::new(BreakerSettings::default());
        for _ in 0..3 {
            assert!(breaker.admits());
            breaker.failed(&unavailable());
        }
        assert_eq!(breaker.phase(), Phase::Open);
        breaker
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_one_trial_closes_it() {
        let breaker = opened();
        pass(29).await;
        assert!(!breaker.admits());
        pass(1).await;
        assert!(breaker.admits(), "the trial");
        assert!(!breaker.admits(), "only one");
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        breaker.succeeded();
        assert!(breaker.admits() && breaker.admits());
        breaker.failed(&unavailable());
        breaker.failed(&unavailable());
        breaker.succeeded();
        breaker.failed(&unavailable());
        assert_eq!(breaker.phase(), Phase::Closed, "not in a row");
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_trial_doubles_the_pause_up_to_eight_times() {
        let breaker = opened();
        for pause in [30, 60, 120, 240, 240] {
            pass(pause - 1).await;
            assert!(!breaker.admits(), "{pause}");
            pass(1).await;
            assert!(breaker.admits(), "{pause}");
            breaker.failed(&unavailable());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_nobody_reports_on_is_no_end() {
        let breaker = opened();
        pass(30).await;
        assert!(breaker.admits());
        pass(30).await;
        assert!(breaker.admits());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_failure_means_decides_how_long() {
        let error = |kind| ProviderError::new(kind, "");
        let breaker = Breaker::new(BreakerSettings::default());
        for _ in 0..9 {
            breaker.failed(&error(ProviderErrorKind::Unsupported));
        }
        assert_eq!(breaker.phase(), Phase::Closed);
        breaker.failed(&error(ProviderErrorKind::Auth));
        assert_eq!(breaker.phase(), Phase::Open, "a refused key at once");

        let breaker = Breaker::new(BreakerSettings::default());
        let busy = error(ProviderErrorKind::Busy).retry_after(Some(Duration::from_secs(7)));
        breaker.failed(&busy);
        pass(6).await;
        assert!(!breaker.admits());
        pass(1).await;
        assert!(breaker.admits(), "as long as the service wished");
    }
}
