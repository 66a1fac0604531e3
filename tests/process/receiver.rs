//! A requester's own server, as small as one can be: keeps what it is told, and answers as the test says.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// One request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// Names in lower case; `:path` is the path.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
    /// What was answered.
    pub(crate) status: u16,
}

impl Told {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The name of the event; its own, whatever happens to be told twice.
    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

/// Decides the status of an answer from what was told before, and what is told now.
type Answers = Box<dyn FnMut(&[Told], &Told) -> u16 + Send>;

struct State {
    told: Vec<Told>,
    answers: Answers,
}

/// A server on a port of its own.
pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    changed: watch::Receiver<usize>,
}

impl Receiver {
    /// Starts one that answers as `answers` says.
    pub(crate) async fn start(answers: impl FnMut(&[Told], &Told) -> u16 + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            told: Vec::new(),
            answers: Box::new(answers),
        }));
        let (sender, changed) = watch::channel(0);
        let kept = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, sender) = (kept.clone(), sender.clone());
                tokio::spawn(async move {
                    // Whoever is killed in the middle of a request has told nothing.
                    if serve(stream, &kept).await.is_some() {
                        sender.send_modify(|count| *count += 1);
                    }
                });
            }
        });
        Self {
            url,
            state,
            changed,
        }
    }

    /// Returns all that was told so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.state.lock().unwrap().told.clone()
    }

    /// Waits until what was told is enough, and returns it.
    pub(crate) async fn until(&self, enough: impl Fn(&[Told]) -> bool) -> Vec<Told> {
        let mut changed = self.changed.clone();
        loop {
            let told = self.told();
            if enough(&told) {
                return told;
            }
            changed.changed().await.unwrap();
        }
    }
}

async fn serve(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let path = (":path".to_owned(), path);
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .chain([path])
        .collect();
    let mut told = Told {
        headers,
        text: String::new(),
        status: 0,
    };
    let length: usize = told.header("content-length").parse().ok()?;
    while bytes.len() < length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    told.text = String::from_utf8_lossy(&bytes).into_owned();
    let status = {
        let state = &mut *state.lock().unwrap();
        told.status = (state.answers)(&state.told, &told);
        state.told.push(told.clone());
        told.status
    };
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    // It was told, whether or not the answer arrives.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    Some(())
}
