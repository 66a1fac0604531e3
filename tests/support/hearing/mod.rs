//! Stand-ins for recognisers behind a network: strict servers on 127.0.0.1 that speak the vendors' protocols, with faults
//! on demand. They really hear: a word is a level of sound ([`ear`]), so that what was lost or sent twice shows in words.

pub(crate) mod deepgram;
pub(crate) mod ear;
pub(crate) mod openai;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

/// The key that every stand-in takes.
pub(crate) const KEY: &str = "key-for-tests";

/// What goes wrong with one connection. Those that nothing was planned for go well.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// The handshake is refused with this status, header and body.
    Refuse(u16, Option<(&'static str, &'static str)>, &'static str),
    /// The handshake takes so long.
    Slow(Duration),
    /// The connection breaks off, without a goodbye, after so much sound.
    Cut(Duration),
    /// The service closes with this code and reason after so much sound.
    Close(u16, &'static str, Duration),
    /// A message that is none, after so much sound.
    Malformed(&'static str, Duration),
    /// Words come as always, but no answer to a flush.
    NoAnswers,
    /// Nothing is read or said after so much sound.
    Hang(Duration),
}

/// What a stand-in was told, for tests to look at.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The path and parameters of every handshake.
    pub(crate) handshakes: Vec<String>,
    /// Every text message.
    pub(crate) texts: Vec<String>,
    /// What a client did that the protocol does not allow.
    pub(crate) complaints: Vec<String>,
    /// Connections that are open.
    pub(crate) open: usize,
}

/// What all stand-ins share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared {
    /// What will be said, where only a voice is heard.
    script: ear::Script,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    seen: Arc<Mutex<Seen>>,
}

impl Shared {
    fn next_fault(&self) -> Option<Fault> {
        self.faults.lock().expect("no panic").pop_front()
    }

    fn see(&self, what: impl FnOnce(&mut Seen)) {
        what(&mut self.seen.lock().expect("no panic"));
    }

    fn complain(&self, what: impl Into<String>) {
        self.see(|seen| seen.complaints.push(what.into()));
    }
}

/// A WebSocket on the stand-in's side.
type Socket = WebSocketStream<TcpStream>;
