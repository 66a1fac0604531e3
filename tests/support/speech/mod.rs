//! Stand-ins for voice services on a real socket of this machine: as strict about what they are sent as the vendors, and
//! with faults on demand. One server speaks all of them, each on the vendor's own paths.
//!
//! The sound is a tone of 60 ms a character. Everything that is asked is kept, so that tests can look at it.

pub(crate) mod cartesia;
pub(crate) mod elevenlabs;
pub(crate) mod openai;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// The one key that is taken.
pub(crate) const KEY: &str = "sk_standin_0123456789";

/// What goes wrong with one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The first sound never comes.
    NoSound,
    /// The connection is cut after the sound of so many characters.
    CutAfter(usize),
    /// Too many requests; come back in so many seconds.
    Busy(u32),
    /// A piece that is none of the protocol, after the first sound.
    Malformed,
    /// The key has expired.
    Expired,
}

/// The state of all stand-ins of a server.
#[derive(Debug, Default)]
pub(crate) struct State {
    faults: Mutex<VecDeque<Fault>>,
    /// The fault that every text with these words in it meets.
    spoiled: Option<(&'static str, Fault)>,
    texts: Mutex<Vec<String>>,
    wrong: Mutex<Vec<String>>,
    opened: Mutex<Vec<String>>,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Services {
    address: SocketAddr,
    pub(crate) state: Arc<State>,
    open: watch::Receiver<u32>,
    changed: watch::Receiver<u32>,
    _task: JoinHandle<()>,
}

impl State {
    fn fault(&self, text: &str) -> Option<Fault> {
        if let Some((words, fault)) = self.spoiled
            && text.contains(words)
        {
            return Some(fault);
        }
        self.faults
            .lock()
            .expect("nobody panicked with it")
            .pop_front()
    }

    /// The text was asked for.
    fn text(&self, text: &str) {
        self.texts
            .lock()
            .expect("nobody panicked with it")
            .push(text.to_owned());
    }

    /// Something was asked as the vendor would not take it.
    fn wrong(&self, what: impl Into<String>) {
        self.wrong
            .lock()
            .expect("nobody panicked with it")
            .push(what.into());
    }

    /// What was opened or asked so far, by path.
    pub(crate) fn opened(&self) -> Vec<String> {
        self.opened.lock().expect("nobody panicked with it").clone()
    }
}

impl Services {
    /// Starts a server whose first texts meet these faults, one each.
    pub(crate) async fn start(faults: &[Fault]) -> Self {
        Self::with(State {
            faults: Mutex::new(faults.iter().copied().collect()),
            ..State::default()
        })
        .await
    }

    /// Starts a server on which every text with these words in it meets this fault.
    pub(crate) async fn spoiling(words: &'static str, fault: Fault) -> Self {
        Self::with(State {
            spoiled: Some((words, fault)),
            ..State::default()
        })
        .await
    }

    async fn with(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("as the test set it up");
        let address = listener.local_addr().expect("as the test set it up");
        let state = Arc::new(state);
        let (opened, open) = watch::channel(0);
        let (change, changed) = watch::channel(0);
        let shared = state.clone();
        let task = tokio::spawn(async move {
            let (opened, change) = (Arc::new(opened), Arc::new(change));
            while let Ok((stream, _)) = listener.accept().await {
                let (state, opened, change) = (shared.clone(), opened.clone(), change.clone());
                opened.send_modify(|open| *open += 1);
                tokio::spawn(async move {
                    serve(stream, &state, &change).await;
                    opened.send_modify(|open| *open -= 1);
                });
            }
        });
        Self {
            address,
            state,
            open,
            changed,
            _task: task,
        }
    }

    /// The server's address with this scheme.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// The texts that were asked for so far. Panics when anything was not asked as the vendor wants it.
    pub(crate) fn texts(&self) -> Vec<String> {
        let wrong = self.state.wrong.lock().expect("nobody panicked with it");
        assert!(wrong.is_empty(), "{wrong:?}");
        self.state
            .texts
            .lock()
            .expect("nobody panicked with it")
            .clone()
    }

    /// What was opened or asked so far, by path.
    pub(crate) fn opened(&self) -> Vec<String> {
        self.state.opened()
    }

    /// Waits until this text was asked for.
    pub(crate) async fn asked_for(&mut self, text: &str) {
        let asked = |state: &State| {
            state
                .texts
                .lock()
                .expect("nobody panicked with it")
                .iter()
                .any(|one| one == text)
        };
        self.until(asked).await;
    }

    /// Waits until so many connections are open.
    pub(crate) async fn connections(&mut self, number: u32) {
        self.open
            .wait_for(|open| *open == number)
            .await
            .expect("as the test set it up");
    }

    /// Waits until something was opened, asked or cancelled and `seen` says so.
    pub(crate) async fn until(&mut self, seen: impl Fn(&State) -> bool) {
        while !seen(&self.state) {
            self.changed.changed().await.expect("as the test set it up");
        }
    }
}

async fn serve(stream: TcpStream, state: &Arc<State>, change: &Arc<watch::Sender<u32>>) {
    let mut start = [0; 64];
    let Ok(read) = stream.peek(&mut start).await else {
        return;
    };
    let start = String::from_utf8_lossy(&start[..read]).into_owned();
    let told = Told { state, change };
    if start.starts_with("GET /v1/text-to-speech/") {
        elevenlabs::serve(stream, told).await;
    } else if start.starts_with("GET /tts/websocket") {
        cartesia::serve(stream, told).await;
    } else {
        openai::serve(stream, told).await;
    }
}

/// The state, and who waits for its changes.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    state: &'a Arc<State>,
    change: &'a Arc<watch::Sender<u32>>,
}

impl Told<'_> {
    fn changed(&self) {
        self.change.send_modify(|changes| *changes += 1);
    }

    fn text(&self, text: &str) {
        self.state.text(text);
        self.changed();
    }

    fn opened(&self, path: &str) {
        self.state
            .opened
            .lock()
            .expect("nobody panicked with it")
            .push(path.to_owned());
        self.changed();
    }
}

/// Accepts a WebSocket whose request passes `check`; one that does not gets its answer.
#[expect(
    clippy::result_large_err,
    reason = "the library wants a response to refuse with"
)]
async fn accept(
    stream: TcpStream,
    check: impl FnOnce(&Request) -> Result<(), (u16, String, Option<u32>)> + Unpin,
) -> Option<WebSocketStream<TcpStream>> {
    let answer = |request: &Request, response: Response| match check(request) {
        Ok(()) => Ok(response),
        Err((status, body, retry_after)) => {
            let mut refused = ErrorResponse::new(Some(body));
            *refused.status_mut() = status.try_into().expect("as the test set it up");
            if let Some(seconds) = retry_after {
                refused.headers_mut().insert("retry-after", seconds.into());
            }
            Err(refused)
        }
    };
    tokio_tungstenite::accept_hdr_async(stream, answer)
        .await
        .ok()
}

fn close(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame {
        code: CloseCode::from(code),
        reason: reason.to_owned().into(),
    }))
}

/// The fields of an object that are not among those that the vendor knows.
fn unknown(object: &Value, known: &[&str]) -> Vec<String> {
    let fields = object.as_object().expect("an object").keys();
    fields
        .filter(|field| !known.contains(&field.as_str()))
        .cloned()
        .collect()
}

/// The tone of so many characters, 16-bit samples at `rate`.
fn tone(characters: usize, rate: u32) -> Vec<i16> {
    let period = rate / 250;
    (0..characters as u32 * rate * 6 / 100)
        .map(|n| if n % period < period / 2 { 6000 } else { -6000 })
        .collect()
}

fn mulaw(samples: &[i16]) -> Vec<u8> {
    let mut codes = vec![0; samples.len()];
    media::Law::Mu.encode(samples, &mut codes);
    codes
}
