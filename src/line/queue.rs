//! A bounded queue to and from the driver of a call that holds no more memory than what waits in it needs.
//!
//! The channels of the runtime take memory for 32 items at a time. Items here are packets of half a kilobyte, and what services
//! say, of which one or two wait in a call, so that such blocks would be a good part of what a call costs. The memory grows to the most
//! that ever waited and is used again and again. What becomes of items that find no room is decided by whoever sends.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_util::task::AtomicWaker;
use tokio::sync::{Notify, Semaphore, mpsc::error::TryRecvError};

/// Makes a queue in which `capacity` items may wait.
pub(crate) fn queue<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        room: Semaphore::new(capacity),
        items: Mutex::default(),
        senders: AtomicUsize::new(1),
        deaf: AtomicBool::new(false),
        over: Notify::new(),
        waker: AtomicWaker::new(),
    });
    (Sender(shared.clone()), Receiver(shared))
}

#[derive(Debug)]
struct Shared<T> {
    /// A permit for each item that may still be put in.
    room: Semaphore,
    items: Mutex<VecDeque<T>>,
    senders: AtomicUsize,
    /// Whether nobody takes items any more.
    deaf: AtomicBool,
    over: Notify,
    waker: AtomicWaker,
}

impl<T> Shared<T> {
    fn items(&self) -> MutexGuard<'_, VecDeque<T>> {
        // Held for one push or pop; a panic of the allocator leaves a queue that is still one.
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody takes items any more, or there is no room for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no room, or nobody takes it")]
pub struct NoRoom;

/// Nobody takes items any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed;

/// The end that puts items in. When the last clone is dropped, the other end hears of it.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.senders.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.waker.wake();
        }
    }
}

impl<T> Sender<T> {
    /// Puts an item in if there is room.
    ///
    /// # Errors
    /// When there is none, or nobody takes items any more; the item is dropped then.
    pub fn try_send(&self, item: T) -> Result<(), NoRoom> {
        self.try_reserve().ok_or(NoRoom)?.send(item);
        Ok(())
    }

    /// Waits for room and puts an item in.
    ///
    /// # Errors
    /// When nobody takes items any more; the item is dropped then.
    pub async fn send(&self, item: T) -> Result<(), NoRoom> {
        self.reserve().await.map_err(|Closed| NoRoom)?.send(item);
        Ok(())
    }

    pub(super) async fn reserve(&self) -> Result<Permit<'_, T>, Closed> {
        let permit = self.0.room.acquire().await.map_err(|_| Closed)?;
        Ok(Permit {
            permit,
            queue: &self.0,
        })
    }

    pub(super) fn try_reserve(&self) -> Option<Permit<'_, T>> {
        let permit = self.0.room.try_acquire().ok()?;
        Some(Permit {
            permit,
            queue: &self.0,
        })
    }

    /// Returns whether nobody takes items any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.deaf.load(Ordering::Acquire)
    }

    /// Waits until nobody takes items any more.
    pub async fn closed(&self) {
        let over = self.0.over.notified();
        tokio::pin!(over);
        // Registered before the look, so that an end in between is not missed.
        over.as_mut().enable();
        if !self.is_closed() {
            over.await;
        }
    }
}

/// Room for one item.
#[derive(Debug)]
pub(super) struct Permit<'a, T> {
    permit: tokio::sync::SemaphorePermit<'a>,
    queue: &'a Shared<T>,
}

impl<T> Permit<'_, T> {
    pub(super) fn send(self, item: T) {
        self.permit.forget();
        self.queue.items().push_back(item);
        self.queue.waker.wake();
    }
}

/// The end that takes items out.
#[derive(Debug)]
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.room.close();
        self.0.deaf.store(true, Ordering::Release);
        self.0.over.notify_waiters();
        // What nobody takes is not kept for as long as a sender lives.
        drop(std::mem::take(&mut *self.0.items()));
    }
}

impl<T> Receiver<T> {
    /// Takes the next item, if there is one.
    ///
    /// # Errors
    /// [`TryRecvError::Disconnected`] when all senders are gone and everything they sent was taken.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        // Before the look: what the last sender put in is there when it is seen to be gone.
        let gone = self.0.senders.load(Ordering::Acquire) == 0;
        match self.0.items().pop_front() {
            Some(item) => {
                self.0.room.add_permits(1);
                Ok(item)
            }
            None if gone => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Polls for the next item; `None` when all senders are gone and everything they sent was taken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if let Ok(item) = self.try_recv() {
            return Poll::Ready(Some(item));
        }
        self.0.waker.register(cx.waker());
        match self.try_recv() {
            Ok(item) => Poll::Ready(Some(item)),
            Err(TryRecvError::Disconnected) => Poll::Ready(None),
            Err(TryRecvError::Empty) => Poll::Pending,
        }
    }

    /// Waits for the next item; `None` when all senders are gone and everything they sent was taken. Dropping the future
    /// loses nothing.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| {
            // As the runtime's own channels do, so that one that is never empty does not starve other tasks.
            let budget = ready!(tokio::task::coop::poll_proceed(cx));
            let polled = self.poll_recv(cx);
            if polled.is_ready() {
                budget.made_progress();
            }
            polled
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn items_come_in_order_and_no_more_than_there_is_room_for() {
        let (sender, mut receiver) = queue(2);
        assert_eq!((sender.try_send(1), sender.try_send(2)), (Ok(()), Ok(())));
        assert_eq!(sender.try_send(3), Err(NoRoom));
        let waiting = sender.clone();
        let waiting = tokio::spawn(async move { waiting.send(4).await });
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(receiver.recv().await, Some(2));
        assert_eq!(receiver.recv().await, Some(4));
        assert_eq!(waiting.await.expect("it does not panic"), Ok(()));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        drop(sender);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(receiver.recv().await, None);
    }

    #[tokio::test]
    async fn room_that_is_given_back_is_room_for_another() {
        let (sender, mut receiver) = queue(1);
        let room = sender.try_reserve().expect("it is empty");
        assert!(sender.try_reserve().is_none());
        drop(room);
        sender.try_reserve().expect("it was given back").send('a');
        assert_eq!(receiver.recv().await, Some('a'));
    }

    #[tokio::test]
    async fn both_ends_hear_that_the_other_is_gone() {
        let (sender, mut receiver) = queue::<u8>(1);
        let waiting = tokio::spawn(async move { receiver.recv().await });
        tokio::task::yield_now().await;
        drop(sender);
        assert_eq!(waiting.await.expect("it does not panic"), None);

        let (sender, receiver) = queue::<u8>(1);
        sender.try_send(1).expect("there is room");
        let full = sender.clone();
        let full = tokio::spawn(async move { full.send(2).await });
        let waiting = tokio::spawn(async move { sender.closed().await });
        tokio::task::yield_now().await;
        drop(receiver);
        waiting.await.expect("it is told");
        assert_eq!(full.await.expect("it is told"), Err(NoRoom));
    }
}
