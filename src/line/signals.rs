//! The queue from a line to the driver of its call: packets and signals in one order, but only signals wake.
//!
//! The driver takes sound every 20 ms by its own clock, so that a packet which woke it in between would cost a turn of the
//! scheduler and bring nothing. Each event carries when it was put here, which is when the packet arrived.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Instant,
};

use futures_util::task::AtomicWaker;
use tokio::sync::mpsc::error::TryRecvError;

use super::{
    LegEvent,
    queue::{Permit, Receiver, Sender, queue},
};
use crate::driver::clock;

/// Makes a queue in which `capacity` events may wait.
#[must_use]
pub fn leg_events(capacity: usize) -> (LegSender, LegReceiver) {
    let (sender, receiver) = queue(capacity);
    let bell = Arc::new(Bell::default());
    (
        LegSender {
            sender,
            bell: Ringer(bell.clone()),
        },
        LegReceiver { receiver, bell },
    )
}

/// Rung when something waits that cannot wait for the next frame.
#[derive(Debug, Default)]
struct Bell {
    rung: AtomicBool,
    waker: AtomicWaker,
}

impl Bell {
    fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// Nobody takes events any more: the call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call is over")]
pub struct Gone;

/// The line's end.
#[derive(Debug, Clone)]
pub struct LegSender {
    // Dropped in this order: that the last one is gone is known when it rings.
    sender: Sender<(Instant, LegEvent)>,
    bell: Ringer,
}

/// Rings once more when it is dropped.
#[derive(Debug, Clone)]
struct Ringer(Arc<Bell>);

impl Drop for Ringer {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl LegSender {
    /// Puts an event into the queue; waits while it is full.
    ///
    /// # Errors
    /// When the call is over.
    pub async fn send(&self, event: LegEvent) -> Result<(), Gone> {
        self.reserve().await?.send(event);
        Ok(())
    }

    /// Waits until there is room for an event.
    ///
    /// # Errors
    /// When the call is over.
    pub async fn reserve(&self) -> Result<Room<'_>, Gone> {
        let permit = self.sender.reserve().await.map_err(|_| Gone)?;
        Ok(self.room(permit))
    }

    /// Puts an event into the queue if there is room for it. Returns whether there was.
    pub fn try_send(&self, event: LegEvent) -> bool {
        self.try_reserve().map(|room| room.send(event)).is_some()
    }

    /// Returns room for an event if there is some now. `None` when there is none or the call is over.
    #[must_use]
    pub fn try_reserve(&self) -> Option<Room<'_>> {
        let permit = self.sender.try_reserve()?;
        Some(self.room(permit))
    }

    fn room<'a>(&'a self, permit: Permit<'a, (Instant, LegEvent)>) -> Room<'a> {
        Room {
            permit,
            bell: &self.bell.0,
        }
    }

    /// Waits until the call is over.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }
}

/// Room for one event.
#[derive(Debug)]
pub struct Room<'a> {
    permit: Permit<'a, (Instant, LegEvent)>,
    bell: &'a Bell,
}

impl Room<'_> {
    /// Puts the event there.
    pub fn send(self, event: LegEvent) {
        let signal = !matches!(event, LegEvent::Packet(_));
        self.permit.send((clock::now(), event));
        if signal {
            self.bell.ring();
        }
    }
}

/// Waits until a line, if there is one, has something to say or has gone; packets do not end it.
pub async fn signalled(line: Option<&LegReceiver>) {
    match line {
        Some(line) => line.signalled().await,
        None => std::future::pending().await,
    }
}

/// The driver's end.
#[derive(Debug)]
pub struct LegReceiver {
    receiver: Receiver<(Instant, LegEvent)>,
    bell: Arc<Bell>,
}

impl LegReceiver {
    async fn signalled(&self) {
        poll_fn(|cx| {
            self.bell.waker.register(cx.waker());
            if self.bell.rung.swap(false, Ordering::AcqRel) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Returns the next event and when it was put into the queue, if there is one.
    ///
    /// # Errors
    /// [`TryRecvError::Disconnected`] when the line has gone and all it said was taken.
    pub fn try_next(&mut self) -> Result<(Instant, LegEvent), TryRecvError> {
        self.receiver.try_recv()
    }

    /// Waits for the next event, be it a packet. `None` when the line has gone.
    pub async fn recv(&mut self) -> Option<LegEvent> {
        self.receiver.recv().await.map(|(_, event)| event)
    }

    /// Returns the next event if there is one.
    ///
    /// # Errors
    /// As [`LegReceiver::try_next`].
    pub fn try_recv(&mut self) -> Result<LegEvent, TryRecvError> {
        self.try_next().map(|(_, event)| event)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn packet() -> LegEvent {
        LegEvent::Packet(media::Packet::new(0, 0, &[0xff; 160]).expect("it fits"))
    }

    async fn wakes(events: &LegReceiver) -> bool {
        clock::timeout(Duration::from_millis(1), events.signalled())
            .await
            .is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn signals_wake_and_packets_wait() {
        let (line, mut driver) = leg_events(4);
        line.send(packet()).await.unwrap();
        assert!(!wakes(&driver).await);
        let put = clock::now();
        line.send(LegEvent::Answered).await.unwrap();
        assert!(wakes(&driver).await && !wakes(&driver).await);
        assert!(matches!(driver.try_next(), Ok((at, LegEvent::Packet(_))) if at < put));
        assert!(matches!(driver.try_next(), Ok((at, LegEvent::Answered)) if at == put));
        drop(line);
        assert!(wakes(&driver).await);
        assert_eq!(driver.try_recv().err(), Some(TryRecvError::Disconnected));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_hears_that_the_call_is_over() {
        let (line, driver) = leg_events(1);
        line.send(packet()).await.unwrap();
        assert!(line.try_reserve().is_none());
        drop(driver);
        line.closed().await;
        assert_eq!(line.send(LegEvent::Answered).await, Err(Gone));
    }
}
