//! One call's listening: sound to the service, words back, and another connection when one is lost.
//!
//! A connection that is lost costs no words: the sound that was not recognised is sent again on the next one, faster than
//! it was spoken. [`TRIES`] connections in a row may fail before anything is recognised; then the recogniser is given up,
//! with the reason of the last one.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{self, Message};

use super::{
    Dialect, Heard, Limits, Lost,
    connect::{self, Socket},
    encode::Encoder,
    unheard::{Next, Unheard},
};
use crate::{
    driver::clock,
    provider::{BoxFuture, ProviderError, ProviderErrorKind, SttEvent, SttInput},
};

/// Connections that may fail one after the other without any sound being recognised.
const TRIES: u32 = 4;
/// The longest that a service may ask to be left alone in mid-call.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(4);
/// Without sound, a service is told that we are still there as often.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// How long the network may refuse to take a message before the connection is taken for dead.
const WRITE_LIMIT: Duration = Duration::from_secs(4);
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);
/// Events that wait for the driver before nothing more is read.
const UNREAD: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    dialect: Box<dyn Dialect>,
    limits: Limits,
    encoder: Encoder,
    unheard: Unheard,
    events: VecDeque<SttEvent>,
    /// Whether the last thing heard was words that may still change.
    words_open: bool,
    /// Connections that failed since sound was last recognised.
    failed: u32,
    /// Since when a flush that was sent is waited for.
    asked: Option<Instant>,
    /// Answers to flushes that were given up, which may still come.
    given_up: u32,
    /// When something was last sent, and last heard, and whether the service was asked since whether it lives.
    sent: Instant,
    heard: Instant,
    pinged: bool,
}

/// The connection, or the way to it.
enum Link {
    Open(Socket),
    Opening(BoxFuture<'static, Result<Socket, Lost>>),
}

/// Something that can happen next.
enum Happened {
    Input(Option<SttInput>),
    Delivered(bool),
    Opened(Result<Socket, Lost>),
    Received(Option<Result<Message, tungstenite::Error>>),
    Due,
}

impl Session {
    pub(super) fn new(dialect: Box<dyn Dialect>, limits: Limits) -> Self {
        let (encoding, piece_ms) = dialect.encoding();
        let now = clock::now();
        Self {
            dialect,
            limits,
            encoder: Encoder::new(encoding, piece_ms),
            unheard: Unheard::new(encoding.rate()),
            events: VecDeque::new(),
            words_open: false,
            failed: 0,
            asked: None,
            given_up: 0,
            sent: now,
            heard: now,
            pinged: false,
        }
    }

    /// Runs until the driver drops its ends, or no connection can be kept.
    pub(super) async fn run(
        mut self,
        mut socket: Socket,
        greeting: Vec<Message>,
        mut input: mpsc::Receiver<SttInput>,
        out: mpsc::Sender<SttEvent>,
    ) {
        let mut link = match self.say_all(&mut socket, greeting).await {
            Ok(()) => Link::Open(socket),
            Err(lost) => match self.lost(lost) {
                Ok(link) => link,
                Err(error) => return self.fail(error, &out).await,
            },
        };
        loop {
            let result = match self.next(&mut link, &mut input, &out).await {
                Happened::Input(None) | Happened::Delivered(false) => {
                    return self.part(link).await;
                }
                Happened::Delivered(true) => Ok(()),
                Happened::Input(Some(input)) => self.input(input),
                Happened::Opened(Ok(socket)) => {
                    link = Link::Open(socket);
                    self.begin(&mut link).await
                }
                Happened::Opened(Err(lost)) => Err(lost),
                Happened::Received(message) => self.received(message),
                Happened::Due => self.due(&mut link).await,
            };
            let result = match (result, &mut link) {
                (Ok(()), Link::Open(socket)) => self.give(socket).await,
                (result, _) => result,
            };
            if let Err(lost) = result {
                match self.lost(lost) {
                    Ok(next) => link = next,
                    Err(error) => return self.fail(error, &out).await,
                }
            }
        }
    }

    async fn next(
        &mut self,
        link: &mut Link,
        input: &mut mpsc::Receiver<SttInput>,
        out: &mpsc::Sender<SttEvent>,
    ) -> Happened {
        let full = self.events.len() >= UNREAD;
        let deadline = self.deadline(link);
        let connection = async {
            match link {
                Link::Open(socket) => Happened::Received(socket.next().await),
                Link::Opening(opening) => Happened::Opened(opening.await),
            }
        };
        tokio::select! {
            biased;
            room = out.reserve(), if !self.events.is_empty() => {
                let (Ok(room), Some(event)) = (room, self.events.pop_front()) else {
                    return Happened::Delivered(false);
                };
                room.send(event);
                Happened::Delivered(true)
            }
            () = out.closed() => Happened::Delivered(false),
            happened = connection, if !full => happened,
            order = input.recv(), if !full => Happened::Input(order),
            () = clock::sleep_until(deadline) => Happened::Due,
        }
    }

    fn input(&mut self, input: SttInput) -> Result<(), Lost> {
        match input {
            SttInput::SpeechStarted | SttInput::Expect(_) => {}
            SttInput::Audio(frame) => {
                self.encoder.push(&frame[..]);
                let mut kept = true;
                while let Some((bytes, samples)) = self.encoder.next() {
                    kept &= self.unheard.push_sound(bytes, samples);
                }
                if !kept {
                    tracing::warn!("a recogniser cannot be given sound; the oldest is lost");
                }
            }
            SttInput::Flush(mark) => {
                if let Some((bytes, samples)) = self.encoder.rest() {
                    self.unheard.push_sound(bytes, samples);
                }
                if !self.unheard.push_flush(mark) {
                    self.events.push_back(SttEvent::Final {
                        text: String::new(),
                        mark: Some(mark),
                    });
                }
            }
        }
        Ok(())
    }

    /// Sends what was not sent on this connection.
    async fn give(&mut self, socket: &mut Socket) -> Result<(), Lost> {
        let mut any = false;
        while let Some(next) = self.unheard.next() {
            let message = match next {
                Next::Sound(bytes) => Some(self.dialect.sound(&bytes)),
                Next::Flush(at) => {
                    self.asked.get_or_insert_with(clock::now);
                    self.dialect.flush(at)
                }
            };
            if let Some(message) = message {
                any = true;
                within(WRITE_LIMIT, socket.feed(message)).await?;
            }
        }
        if any {
            self.sent = clock::now();
            within(WRITE_LIMIT, socket.flush()).await?;
        }
        Ok(())
    }

    async fn say_all(&mut self, socket: &mut Socket, messages: Vec<Message>) -> Result<(), Lost> {
        for message in messages {
            within(WRITE_LIMIT, socket.send(message)).await?;
        }
        Ok(())
    }

    fn received(
        &mut self,
        message: Option<Result<Message, tungstenite::Error>>,
    ) -> Result<(), Lost> {
        self.heard = clock::now();
        self.pinged = false;
        match message {
            Some(Ok(Message::Text(text))) => {
                for heard in self.dialect.read(text.as_str())? {
                    self.heard(heard);
                }
                Ok(())
            }
            // Pings are answered by the library; sound from a recogniser is nothing that we know.
            Some(Ok(
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) | Message::Binary(_),
            )) => Ok(()),
            Some(Ok(Message::Close(frame))) => Err(match frame {
                Some(frame) => self
                    .dialect
                    .closed(frame.code.into(), &clean(&frame.reason)),
                None => broken("closed the connection"),
            }),
            Some(Err(error)) => Err(broken(&format!("broke off the connection ({error})"))),
            None => Err(broken("broke off the connection")),
        }
    }

    fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Partial(text) => {
                self.words_open = !text.is_empty();
                // A newer partial takes the place of one that was not fetched.
                if let Some(SttEvent::Partial(unread)) = self.events.back_mut() {
                    *unread = text;
                } else {
                    self.events.push_back(SttEvent::Partial(text));
                }
            }
            Heard::Final {
                text,
                until,
                answers,
            } => {
                let retracted = self.words_open;
                let marks = self.recognised(until, answers);
                let mut marks = marks.into_iter();
                let first = marks.next();
                self.words_open = false;
                if first.is_some() || retracted || !text.is_empty() {
                    self.events.push_back(SttEvent::Final { text, mark: first });
                }
                self.answer(marks);
            }
            Heard::Silence(until) => {
                let marks = self.recognised(Some(until), false);
                self.answer(marks.into_iter());
            }
            Heard::Hint(hint) => self.events.push_back(SttEvent::Hint(hint)),
        }
    }

    fn recognised(&mut self, until: Option<Duration>, answers: bool) -> Vec<u32> {
        if until.is_some() || answers {
            self.failed = 0;
        }
        let late = answers && self.given_up > 0;
        self.given_up -= u32::from(late);
        let answers = answers && !late;
        let marks = self.unheard.recognised(until.unwrap_or_default(), answers);
        self.asked = self.unheard.is_asked().then(clock::now);
        marks
    }

    fn answer(&mut self, marks: impl Iterator<Item = u32>) {
        self.events.extend(marks.map(|mark| SttEvent::Final {
            text: String::new(),
            mark: Some(mark),
        }));
    }

    /// When something has to be done though nothing happens.
    fn deadline(&self, link: &Link) -> Instant {
        if matches!(link, Link::Opening(_)) {
            // The opening has a limit of its own.
            return clock::now() + KEEP_ALIVE;
        }
        let silence = self.limits.silence * if self.pinged { 2 } else { 1 };
        let mut deadline = (self.sent + KEEP_ALIVE).min(self.heard + silence);
        if let Some(asked) = self.asked.filter(|_| !self.words_open) {
            deadline = deadline.min(asked + self.limits.flush);
        }
        deadline
    }

    async fn due(&mut self, link: &mut Link) -> Result<(), Lost> {
        let Link::Open(socket) = link else {
            return Ok(());
        };
        let now = clock::now();
        // Words under way are waited for; whoever asked has a limit of its own.
        if let Some(asked) = self.asked.filter(|_| !self.words_open)
            && now >= asked + self.limits.flush
        {
            let mark = self.unheard.give_up();
            self.asked = self.unheard.is_asked().then_some(now);
            self.given_up += 1;
            self.answer(mark.into_iter());
        }
        if self.pinged && now >= self.heard + self.limits.silence * 2 {
            return Err(Lost::again(
                ProviderErrorKind::Timeout,
                "does not answer any more",
            ));
        }
        if !self.pinged && now >= self.heard + self.limits.silence {
            self.pinged = true;
            within(WRITE_LIMIT, socket.send(Message::Ping(Vec::new().into()))).await?;
        }
        if now >= self.sent + KEEP_ALIVE {
            self.sent = now;
            if let Some(message) = self.dialect.keep_alive() {
                within(WRITE_LIMIT, socket.send(message)).await?;
            }
        }
        Ok(())
    }

    /// A new connection is open: everything not recognised is said on it.
    async fn begin(&mut self, link: &mut Link) -> Result<(), Lost> {
        let now = clock::now();
        (self.sent, self.heard, self.pinged) = (now, now, false);
        (self.asked, self.given_up) = (None, 0);
        self.words_open = false;
        self.unheard.rewind();
        let greeting = self.dialect.begin();
        match link {
            Link::Open(socket) => self.say_all(socket, greeting).await,
            Link::Opening(_) => Ok(()),
        }
    }

    /// What is done about a lost connection: another one, after a wait, or nothing any more.
    fn lost(&mut self, lost: Lost) -> Result<Link, ProviderError> {
        let service = self.dialect.service();
        self.failed += 1;
        let wait = match self.failed {
            1 => Duration::ZERO,
            2 => self.limits.retry,
            failed => self.limits.retry * (1 << (failed - 1).min(5)),
        };
        let wait = wait.max(lost.retry_after.unwrap_or_default());
        if !lost.again || self.failed > TRIES || wait > RETRY_AFTER_MAX {
            return Err(lost.error(&service));
        }
        tracing::warn!(
            reason = lost.what,
            ?wait,
            "a recogniser's connection is opened again"
        );
        let request = self.dialect.request()?;
        let limit = self.limits.connect;
        Ok(Link::Opening(Box::pin(async move {
            clock::sleep(wait).await;
            connect::connect(service, request, limit).await
        })))
    }

    /// Nobody listens any more.
    async fn part(self, link: Link) {
        let Link::Open(mut socket) = link else { return };
        let goodbye = self.dialect.goodbye();
        let _ = clock::timeout(GOODBYE, async {
            if let Some(message) = goodbye {
                socket.send(message).await?;
            }
            socket.close().await
        })
        .await;
    }

    async fn fail(mut self, error: ProviderError, out: &mpsc::Sender<SttEvent>) {
        self.events.push_back(SttEvent::Failed(error));
        for event in self.events {
            if out.send(event).await.is_err() {
                return;
            }
        }
    }
}

async fn within(
    limit: Duration,
    write: impl Future<Output = Result<(), tungstenite::Error>>,
) -> Result<(), Lost> {
    match clock::timeout(limit, write).await {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(broken(&format!("broke off the connection ({error})"))),
        None => Err(Lost::again(
            ProviderErrorKind::Timeout,
            "takes no more sound",
        )),
    }
}

fn broken(what: &str) -> Lost {
    Lost::again(ProviderErrorKind::Unavailable, what)
}

fn clean(reason: &str) -> String {
    reason
        .chars()
        .filter(|c| !c.is_control())
        .take(120)
        .collect()
}
