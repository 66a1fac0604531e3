//! Which call a callback or a stream belongs to.
//!
//! Every call has a reference, which the addresses of its callbacks carry, and a token, which its stream has to know
//! and which is good once. The carrier's own id of a call is learned from whatever names it first. The lock is held
//! for a look-up, never while waiting, and is not on the way of sound.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::twilio::{
    callback::{AnsweredBy, StatusCallback},
    stream,
};
use subtle::ConstantTimeEq;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;

use crate::line::Wire;

/// Signals that wait for their call; further ones are dropped, and the carrier is told to try again.
const SIGNALS: usize = 32;
/// How many calls that are over are remembered by their id.
const REMEMBERED: usize = 2_048;

/// What the carrier tells about a call.
#[derive(Debug)]
pub(super) enum Signal {
    /// Where it stands.
    Status(StatusCallback),
    /// Who answered.
    AnsweredBy(AnsweredBy),
    /// Its stream could not be opened, or broke.
    StreamFailed(String),
    /// Its stream is here.
    Stream(Box<OpenStream>),
    /// A second call was made for the same reference: it has to be ended.
    Stray(String),
}

/// A stream that has shown its token.
pub(super) struct OpenStream {
    /// The socket.
    pub(super) socket: WebSocketStream<Wire>,
    /// What is known of it.
    pub(super) start: stream::Start,
    /// Dropped when the stream is over, which lets the connection go.
    pub(super) done: oneshot::Sender<()>,
}

impl std::fmt::Debug for OpenStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenStream")
            .field("stream", &self.start.stream)
            .finish_non_exhaustive()
    }
}

/// A call's place in the registry. Dropping it makes the call unknown.
#[derive(Debug)]
pub(super) struct Ticket {
    /// How the call is named in here.
    pub(super) handle: Handle,
    /// What the stream has to know.
    pub(super) token: String,
}

/// Names a call in the registry.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    /// In the addresses of callbacks.
    pub(super) reference: String,
    place: Registry,
}

impl Handle {
    /// Returns the carrier's id of the call, once it is known.
    pub(super) fn sid(&self) -> Option<String> {
        self.place.lock().calls.get(&self.reference)?.sid.clone()
    }

    /// Notes the carrier's id; whether no other call has it and none was known before.
    pub(super) fn bind(&self, sid: &str) -> bool {
        self.place.lock().bind(&self.reference, sid)
    }

    /// Returns whether the carrier's id belongs to a call of ours, running or over.
    pub(super) fn is_ours(&self, sid: &str) -> bool {
        let inner = self.place.lock();
        inner.by_sid.contains_key(sid) || inner.over.contains(sid)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let handle = &self.handle;
        handle.place.lock().close(&handle.reference);
    }
}

/// Why a stream is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No such call, or not its token.
    Unknown,
    /// The call has its stream.
    Second,
    /// The token is right, but for another call than the stream says.
    OtherCall,
}

/// Why a callback reaches no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// No such call (any more).
    Unknown,
    /// Too many wait already.
    Full,
}

/// See the module's documentation. Clones are the same registry.
#[derive(Debug, Clone, Default)]
pub(super) struct Registry(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    calls: HashMap<String, Entry>,
    by_sid: HashMap<String, String>,
    over: HashSet<String>,
    order: VecDeque<String>,
    incoming: HashMap<String, (Ticket, mpsc::Receiver<Signal>)>,
}

#[derive(Debug)]
struct Entry {
    signals: mpsc::Sender<Signal>,
    token: String,
    claimed: bool,
    sid: Option<String>,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while it was held left maps that are still maps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for a call; `None` when the system has no random numbers.
    pub(super) fn open(&self) -> Option<(Ticket, mpsc::Receiver<Signal>)> {
        let reference = random_name()?;
        let token = random_name()?;
        let (signals, receiver) = mpsc::channel(SIGNALS);
        let entry = Entry {
            signals,
            token: token.clone(),
            claimed: false,
            sid: None,
        };
        self.lock().calls.insert(reference.clone(), entry);
        let place = self.clone();
        let handle = Handle { reference, place };
        Some((Ticket { handle, token }, receiver))
    }

    /// Keeps an incoming call until it is answered or given up.
    pub(super) fn keep_incoming(&self, ticket: Ticket, signals: mpsc::Receiver<Signal>) -> String {
        let id = ticket.handle.reference.clone();
        self.lock().incoming.insert(id.clone(), (ticket, signals));
        id
    }

    /// Takes an incoming call out again.
    pub(super) fn take_incoming(&self, id: &str) -> Option<(Ticket, mpsc::Receiver<Signal>)> {
        self.lock().incoming.remove(id)
    }

    /// Passes a signal to the call that `reference` or the carrier's id names.
    pub(super) fn signal(
        &self,
        reference: Option<&str>,
        sid: &str,
        signal: Signal,
    ) -> Result<(), Undelivered> {
        let mut inner = self.lock();
        let reference = match reference {
            Some(reference) => reference.to_owned(),
            None => inner.by_sid.get(sid).cloned().ok_or(Undelivered::Unknown)?,
        };
        let known = inner.calls.get(&reference).ok_or(Undelivered::Unknown)?;
        let stray = known.sid.as_deref().is_some_and(|known| known != sid);
        if !stray {
            inner.bind(&reference, sid);
        }
        let entry = inner.calls.get(&reference).ok_or(Undelivered::Unknown)?;
        let signal = if stray {
            Signal::Stray(sid.to_owned())
        } else {
            signal
        };
        entry.signals.try_send(signal).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Undelivered::Full,
            mpsc::error::TrySendError::Closed(_) => Undelivered::Unknown,
        })
    }

    /// Lets a stream in, once: returns the way to its call.
    pub(super) fn claim(
        &self,
        reference: &str,
        token: &str,
        sid: &str,
    ) -> Result<mpsc::Sender<Signal>, Refusal> {
        let mut inner = self.lock();
        let entry = inner.calls.get(reference).ok_or(Refusal::Unknown)?;
        if !bool::from(entry.token.as_bytes().ct_eq(token.as_bytes())) {
            return Err(Refusal::Unknown);
        }
        if entry.claimed {
            return Err(Refusal::Second);
        }
        if entry.sid.as_deref().is_some_and(|known| known != sid) {
            return Err(Refusal::OtherCall);
        }
        if entry.sid.is_none() && !inner.bind(reference, sid) {
            return Err(Refusal::OtherCall);
        }
        let entry = inner.calls.get_mut(reference).ok_or(Refusal::Unknown)?;
        entry.claimed = true;
        Ok(entry.signals.clone())
    }
}

impl Inner {
    fn bind(&mut self, reference: &str, sid: &str) -> bool {
        let taken = self.by_sid.contains_key(sid);
        match self.calls.get_mut(reference) {
            Some(entry) if entry.sid.is_none() && !taken => {
                entry.sid = Some(sid.to_owned());
                self.by_sid.insert(sid.to_owned(), reference.to_owned());
                true
            }
            _ => false,
        }
    }

    fn close(&mut self, reference: &str) {
        let Some(Entry { sid: Some(sid), .. }) = self.calls.remove(reference) else {
            return;
        };
        self.by_sid.remove(&sid);
        if self.over.insert(sid.clone()) {
            self.order.push_back(sid);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.over.remove(&oldest);
        }
    }
}

/// 128 random bits in hexadecimal digits.
fn random_name() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("{:032x}", u128::from_le_bytes(bytes)))
}
