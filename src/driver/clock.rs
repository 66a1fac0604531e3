//! The only place that reads a clock or waits for one. Built on the runtime's clock, so that a test that pauses
//! it owns all time of the program.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place where time is read and waited for"
)]

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant, SystemTime},
};

/// Returns the monotonic time, for deadlines and durations.
#[must_use]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns real time since some moment, whatever the runtime's clock says, for measuring how long something takes.
#[must_use]
pub fn real() -> Duration {
    read(rustix::time::ClockId::Monotonic)
}

/// Returns how long the calling thread has occupied a processor, for measuring what something costs.
#[must_use]
pub fn processor() -> Duration {
    read(rustix::time::ClockId::ThreadCPUTime)
}

fn read(clock: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(clock);
    // Both clocks begin at zero and go forward.
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

/// Returns the time of day, for records only. A test that lets hours pass on the runtime's clock lets them pass here too.
#[must_use]
pub fn wall() -> jiff::Timestamp {
    // Read in this order, it is nothing unless the runtime's clock was set forward.
    let ahead = now().saturating_duration_since(Instant::now());
    jiff::Timestamp::try_from(SystemTime::now() + ahead).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// Waits until `deadline`; returns at once when it has passed.
pub async fn sleep_until(deadline: Instant) {
    tokio::time::sleep_until(deadline.into()).await;
}

/// Waits for a moment that seldom changes, again and again, without a new timer each time.
#[derive(Debug)]
pub(super) struct Alarm {
    sleep: Pin<Box<tokio::time::Sleep>>,
    at: Option<Instant>,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self {
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            at: None,
        }
    }

    /// Waits until `deadline`, or for ever when there is none.
    pub(super) async fn wait(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else {
            return std::future::pending().await;
        };
        if self.at != Some(deadline) {
            self.at = Some(deadline);
            self.sleep.as_mut().reset(deadline.into());
        }
        self.sleep.as_mut().await;
        self.at = None;
    }
}

/// Waits for `duration`.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Returns what `future` gives, or `None` when `limit` is over first.
pub async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, future).await.ok()
}

/// Returns a ticker with one tick now and one every `period`; ticks that were missed come late but are not lost.
#[must_use]
pub fn ticker(period: Duration) -> Ticker {
    Ticker(tokio::time::interval(period))
}

/// See [`ticker`].
#[derive(Debug)]
pub struct Ticker(tokio::time::Interval);

impl Ticker {
    /// Waits for the next tick and returns when it was due.
    pub async fn tick(&mut self) -> Instant {
        self.0.tick().await.into_std()
    }
}
