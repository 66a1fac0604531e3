//! Live events of running calls: one numbered log per call, read by any number of clients with a cursor each.
//!
//! The log is the only copy. A client holds nothing but the number of the last event it has seen, so a slow client
//! costs nothing, and one that comes back gets exactly what it missed. What is no longer news is packed. In-process; what an event means is decided
//! in `protocol::control`, when a call's log is kept after its end is decided by the supervisor.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use protocol::ids::{AccountId, CallId};
use tokio::sync::{broadcast, watch};

use crate::packed::{PIECE, Piece};

/// Pieces of live sound kept for a listener that is late; older ones are dropped for that listener.
const SOUND_BACKLOG: usize = 100;

/// The logs of all calls that somebody may watch.
#[derive(Debug, Clone, Default)]
pub struct Bus(Arc<Mutex<Feeds>>);

#[derive(Debug, Default)]
struct Feeds {
    calls: HashMap<CallId, (AccountId, Arc<Feed>)>,
    accounts: HashMap<AccountId, watch::Sender<u64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while the lock was held leaves a log that is still a log.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bus {
    /// Opens the log of a new call.
    #[must_use]
    pub fn open(&self, call: &CallId, account: &AccountId) -> Arc<Feed> {
        let mut feeds = lock(&self.0);
        let activity = feeds.accounts.entry(account.clone()).or_default().clone();
        let feed = Arc::new(Feed::new(call.clone(), activity));
        feeds
            .calls
            .insert(call.clone(), (account.clone(), feed.clone()));
        feed.activity.send_modify(|n| *n += 1);
        feed
    }

    /// Returns the log of a call, if it is still held here.
    #[must_use]
    pub fn feed(&self, call: &CallId) -> Option<Arc<Feed>> {
        lock(&self.0).calls.get(call).map(|(_, feed)| feed.clone())
    }

    /// Forgets a call. Clients that hold its log read on to its end.
    pub fn forget(&self, call: &CallId) {
        let mut feeds = lock(&self.0);
        let Some((account, _)) = feeds.calls.remove(call) else {
            return;
        };
        let in_use = feeds.calls.values().any(|(a, _)| *a == account);
        let watched = feeds
            .accounts
            .get(&account)
            .is_some_and(|s| s.receiver_count() > 0);
        if !in_use && !watched {
            feeds.accounts.remove(&account);
        }
    }

    /// Returns the logs of an account's calls held here, and a receiver that changes whenever any of them, or the
    /// list itself, does.
    #[must_use]
    pub fn account(&self, account: &AccountId) -> (Vec<Arc<Feed>>, watch::Receiver<u64>) {
        let mut feeds = lock(&self.0);
        let activity = feeds
            .accounts
            .entry(account.clone())
            .or_default()
            .subscribe();
        let logs = feeds
            .calls
            .values()
            .filter(|(owner, _)| owner == account)
            .map(|(_, feed)| feed.clone())
            .collect();
        (logs, activity)
    }
}

/// The numbered log of one call.
#[derive(Debug)]
pub struct Feed {
    call: CallId,
    log: Mutex<Log>,
    changed: watch::Sender<u64>,
    activity: watch::Sender<u64>,
    /// Made for the first listener: most calls have none.
    sound: OnceLock<broadcast::Sender<Arc<[u8]>>>,
}

#[derive(Debug, Default)]
struct Log {
    /// Events that are no longer news, and how many of them there are in each piece.
    packed: Vec<(usize, Piece)>,
    /// How many events that is in all.
    old: usize,
    /// The newest events.
    news: Vec<Arc<str>>,
    /// Their bytes.
    length: usize,
    closed: bool,
}

impl Log {
    fn len(&self) -> usize {
        self.old + self.news.len()
    }

    fn push(&mut self, text: &str) {
        if !self.news.is_empty() && self.length + text.len() > PIECE {
            // JSON has no line breaks.
            let piece = Piece::pack(&self.news.join("\n"));
            self.packed.push((self.news.len(), piece));
            self.old += self.news.len();
            self.news.clear();
            self.length = 0;
        }
        self.length += text.len();
        self.news.push(text.into());
    }

    /// Returns the events from number `from` to before number `to`, both counted from 0 and no greater than there are events.
    fn read(&self, from: usize, to: usize) -> Vec<Arc<str>> {
        let mut events = Vec::with_capacity(to - from);
        let mut first = 0;
        for (count, piece) in &self.packed {
            let last = first + count;
            if from < last && first < to {
                let text = piece.unpack();
                let lines = text.split('\n').map(Arc::from);
                let here = lines.take(to - first);
                events.extend(here.skip(from.saturating_sub(first)));
            }
            first = last;
        }
        let of_news = |number: usize| number.saturating_sub(self.old);
        events.extend_from_slice(&self.news[of_news(from)..of_news(to)]);
        events
    }
}

/// A stretch of a call's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// JSON texts, in order; the first carries the number after the cursor.
    pub events: Vec<Arc<str>>,
    /// Whether these reach the end of a log that will not grow any more.
    pub ended: bool,
}

impl Feed {
    fn new(call: CallId, activity: watch::Sender<u64>) -> Self {
        Self {
            call,
            log: Mutex::default(),
            changed: watch::Sender::new(0),
            activity,
            sound: OnceLock::new(),
        }
    }

    /// Returns which call this is.
    #[must_use]
    pub fn call(&self) -> &CallId {
        &self.call
    }

    /// Appends an event; `make` gets its number (from 1, without gaps) and returns its JSON text, in one line. Ignored once
    /// closed.
    pub fn append(&self, make: impl FnOnce(u64) -> String) {
        let mut log = lock(&self.log);
        if log.closed {
            return;
        }
        let seq = log.len() as u64 + 1;
        log.push(&make(seq));
        drop(log);
        self.tell(seq);
    }

    /// Ends the log.
    pub fn close(&self) {
        let mut log = lock(&self.log);
        log.closed = true;
        let seq = log.len() as u64;
        drop(log);
        self.tell(seq);
    }

    fn tell(&self, seq: u64) {
        self.changed.send_replace(seq);
        self.activity.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Returns up to `max` events after number `after`.
    #[must_use]
    pub fn read(&self, after: u64, max: usize) -> Batch {
        let log = lock(&self.log);
        let from = usize::try_from(after).unwrap_or(usize::MAX).min(log.len());
        let to = from.saturating_add(max).min(log.len());
        Batch {
            events: log.read(from, to),
            ended: log.closed && to == log.len(),
        }
    }

    /// Returns the number of the newest event, 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        lock(&self.log).len() as u64
    }

    /// Returns a receiver that changes with every event and at the end.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Returns the call's sound as it goes: pieces of interleaved 16-bit little-endian stereo PCM at 16 kHz, agent left.
    /// A listener that falls behind loses the oldest pieces.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Arc<[u8]>> {
        let sound = self
            .sound
            .get_or_init(|| broadcast::Sender::new(SOUND_BACKLOG));
        sound.subscribe()
    }

    /// Returns whether anybody listens.
    #[must_use]
    pub fn has_listeners(&self) -> bool {
        self.sound
            .get()
            .is_some_and(|sound| sound.receiver_count() > 0)
    }

    /// Sends a piece of sound to whoever listens.
    pub fn play(&self, pcm: Arc<[u8]>) {
        if let Some(sound) = self.sound.get() {
            // Nobody listening is no fault.
            let _ = sound.send(pcm);
        }
    }
}

#[cfg(test)]
mod tests;
