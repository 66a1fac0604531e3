//! The conversation's sound: from the carrier's stream to the driver, and back.
//!
//! Sound that waits here for a slow network is thrown away by a clear, as the carrier throws away what it has. What
//! arrives is cut into packets of 20 ms, whatever number of milliseconds a frame has; when the driver does not keep up, the oldest are dropped. A stream that
//! says `stop` has ended with the call; one that ends without is broken.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::{Sink, StreamExt, stream::SplitSink};
use protocol::twilio::stream::{Dialect, Message as Said, Start, Unreadable};
use tokio::sync::mpsc;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message},
};

use super::{
    Shared,
    call::at,
    packets::Packets,
    registry::Signal,
    status::{Change, Told, answered_by},
};
use crate::{
    driver::clock,
    line::{LegCommand, LegCommands, LegEvent, LegSender, PlayoutMark, Wire},
};

/// Packets that wait for the driver here; beyond that the oldest is dropped.
const MOST_WAITING: usize = 50;
/// A millisecond of G.711, in bytes. Carriers send 20 of them in a frame, some any number.
const MILLISECOND: usize = media::FRAME / 20;
/// Messages that wait for the network; the driver sends no more than about half as many without an answer.
const MOST_OUTGOING: usize = 1_024;
/// Messages handed to the network at a time: what a clear cannot take back any more.
const BATCH: usize = 16;
/// How long closing the socket may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// How long is read on after writing has failed, or the carrier has said elsewhere that the call is over.
const FAREWELL: Duration = Duration::from_millis(1_000);

/// How a conversation ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TalkEnd {
    /// The carrier says that the call is over.
    HungUp,
    /// The stream broke.
    Broken,
    /// We do not want it any more.
    NotWanted,
    /// The callee is to be connected with somebody else.
    Transfer(String),
}

pub(super) type Socket = WebSocketStream<Wire>;

/// See the module's documentation.
pub(super) struct Talk {
    shared: Arc<Shared>,
    dialect: Arc<dyn Dialect>,
    socket: Option<Socket>,
    stream: String,
    packets: Packets,
    waiting: VecDeque<LegEvent>,
    /// Frames that wait for the network.
    outgoing: VecDeque<String>,
    refused: u64,
    /// When the call counts as over if the stream says nothing, after the carrier has said so elsewhere.
    over_at: Option<Instant>,
}

impl Talk {
    pub(super) fn new(shared: Arc<Shared>, socket: Socket, start: Start) -> Self {
        let dialect = shared.options().dialect.clone();
        Self {
            packets: Packets::new(dialect.is_ordered()),
            shared,
            dialect,
            socket: Some(socket),
            stream: start.stream,
            waiting: VecDeque::new(),
            outgoing: VecDeque::new(),
            refused: 0,
            over_at: None,
        }
    }

    /// Carries sound until the conversation ends, and closes the stream, or gives it back when the call goes on
    /// elsewhere.
    pub(super) async fn run(
        mut self,
        signals: &mut mpsc::Receiver<Signal>,
        commands: &mut LegCommands,
        events: &LegSender,
        told: &mut Told,
    ) -> (TalkEnd, Option<Socket>) {
        let socket = self.socket.take().expect("a talk runs once");
        let (mut sink, mut source) = socket.split();
        let mut unsent = false;
        // Once nothing can be sent any more, what the carrier said before is still read, its farewell above all.
        let mut mute_until = None;
        let end = loop {
            self.forward(events);
            if mute_until.is_some() {
                self.outgoing.clear();
            } else if !unsent {
                match self.hand_over(&mut sink) {
                    Ok(handed) => unsent = handed,
                    Err(_) => mute_until = Some(clock::now() + FAREWELL),
                }
            }
            let done = tokio::select! {
                biased;
                flushed = poll_fn(|cx| flush(&mut sink, cx)), if unsent => {
                    unsent = false;
                    if flushed.is_err() {
                        mute_until = Some(clock::now() + FAREWELL);
                    }
                    None
                }
                command = commands.recv() => self.obey(command),
                room = events.reserve(), if !self.waiting.is_empty() => match room {
                    Ok(room) => {
                        if let Some(event) = self.waiting.pop_front() {
                            room.send(event);
                        }
                        None
                    }
                    Err(_) => Some(TalkEnd::NotWanted),
                },
                Some(signal) = signals.recv() => self.on_signal(signal, told),
                message = source.next() => self.on_message(message),
                () = at(mute_until) => Some(TalkEnd::Broken),
                () = at(self.over_at) => Some(TalkEnd::HungUp),
            };
            if let Some(end) = done {
                break end;
            }
        };
        self.report();
        if matches!(end, TalkEnd::HungUp | TalkEnd::Broken) {
            for event in self.waiting {
                if events.send(event).await.is_err() {
                    break;
                }
            }
        }
        let Ok(mut socket) = sink.reunite(source) else {
            return (end, None);
        };
        if matches!(end, TalkEnd::Transfer(_)) {
            // Closing it would end the call before it is transferred.
            return (end, Some(socket));
        }
        let _ = clock::timeout(CLOSE_LIMIT, socket.close(None)).await;
        (end, None)
    }

    /// Gives the driver what it has room for.
    fn forward(&mut self, events: &LegSender) {
        while !self.waiting.is_empty() {
            let Some(room) = events.try_reserve() else {
                return;
            };
            if let Some(event) = self.waiting.pop_front() {
                room.send(event);
            }
        }
    }

    /// Gives the network what waits for it, a little at a time. Returns whether there was anything.
    fn hand_over(&mut self, sink: &mut SplitSink<Socket, Message>) -> Result<bool, Error> {
        let mut handed = false;
        for _ in 0..BATCH {
            let Some(text) = self.outgoing.pop_front() else {
                break;
            };
            Pin::new(&mut *sink).start_send(Message::text(text))?;
            handed = true;
        }
        Ok(handed)
    }

    fn obey(&mut self, command: Option<LegCommand>) -> Option<TalkEnd> {
        match command {
            Some(LegCommand::Packet(packet)) => {
                let frame = self.dialect.media(&self.stream, packet.payload());
                self.outgoing.push_back(frame);
            }
            Some(LegCommand::Mark(mark)) => {
                let frame = self.dialect.mark(&self.stream, &mark.0.to_string());
                self.outgoing.push_back(frame);
            }
            Some(LegCommand::Clear) => {
                self.outgoing.clear();
                self.outgoing.push_back(self.dialect.clear(&self.stream));
            }
            // The carrier has no way to signal keys; the driver sends them as tones.
            Some(LegCommand::PressKeys(_)) => {}
            Some(LegCommand::Transfer(number)) => return Some(TalkEnd::Transfer(number)),
            Some(LegCommand::HangUp) | None => return Some(TalkEnd::NotWanted),
        }
        if self.outgoing.len() > MOST_OUTGOING {
            self.outgoing.pop_front();
        }
        None
    }

    fn on_signal(&mut self, signal: Signal, told: &mut Told) -> Option<TalkEnd> {
        match signal {
            Signal::Status(callback) => match told.take(&callback) {
                // The stream says so too, and better: one that breaks ends the call as well.
                Change::Over => self.over_at = Some(clock::now() + FAREWELL),
                Change::Nothing => self.shared.tally.late.add(),
                Change::Ringing | Change::Answered => {}
            },
            Signal::AnsweredBy(who) => self.push(LegEvent::AnsweredBy(answered_by(who))),
            // What the socket itself says about its end is surer.
            Signal::StreamFailed(words) => {
                tracing::warn!(words, "the carrier reports a fault of its stream");
            }
            Signal::Stream(_) => self.shared.tally.second_streams.add(),
            Signal::Stray(sid) => {
                tracing::warn!(
                    sid,
                    "the carrier made a call twice; the second one is ended"
                );
                let shared = self.shared.clone();
                self.shared
                    .tasks
                    .spawn(async move { shared.api().hang_up(&sid).await });
            }
        }
        None
    }

    fn on_message(&mut self, message: Option<Result<Message, Error>>) -> Option<TalkEnd> {
        match message {
            Some(Ok(Message::Text(text))) => self.on_text(text.as_str()),
            Some(Ok(Message::Binary(_))) => {
                self.refuse(None);
                None
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => Some(TalkEnd::Broken),
            Some(Ok(_)) => None,
        }
    }

    fn on_text(&mut self, text: &str) -> Option<TalkEnd> {
        let frame = match self.dialect.read(text) {
            Ok(frame) => frame,
            Err(why) => {
                self.refuse(Some(why));
                return None;
            }
        };
        if frame.stream.is_some_and(|stream| stream != self.stream) {
            self.shared.tally.foreign.add();
            return None;
        }
        match frame.message {
            Said::Media(media) => {
                if !media.sound.len().is_multiple_of(MILLISECOND) {
                    // No carrier cuts there: something was lost on the way, or it is no sound.
                    self.refused += 1;
                    self.shared.tally.odd_frames.add();
                    return None;
                }
                let (waiting, most) = (&mut self.waiting, MOST_WAITING);
                self.packets.push(media.chunk, &media.sound, |packet| {
                    if waiting.len() >= most {
                        let is_packet = |event: &LegEvent| matches!(event, LegEvent::Packet(_));
                        let oldest = waiting.iter().position(is_packet);
                        oldest.and_then(|oldest| waiting.remove(oldest));
                    }
                    waiting.push_back(LegEvent::Packet(packet));
                });
            }
            Said::Dtmf(key) => self.push(LegEvent::Dtmf(key)),
            Said::Mark(name) => match name.parse() {
                Ok(number) => self.push(LegEvent::Played(PlayoutMark(number))),
                Err(_) => self.refuse(Some(Unreadable::Malformed)),
            },
            Said::Stop => return Some(TalkEnd::HungUp),
            Said::Error(words) => tracing::warn!(words, "the carrier could not use what was sent"),
            // Said already.
            Said::Connected | Said::Start(_) => self.refuse(None),
        }
        None
    }

    fn push(&mut self, event: LegEvent) {
        // Signals are few; a carrier that floods us with them loses what is too much.
        if self.waiting.len() < 4 * MOST_WAITING {
            self.waiting.push_back(event);
        }
    }

    fn refuse(&mut self, why: Option<Unreadable>) {
        self.refused += 1;
        match why {
            Some(Unreadable::UnknownEvent) => self.shared.tally.unknown_events.add(),
            _ => self.shared.tally.unreadable.add(),
        }
        if let Some(why) = why {
            tracing::debug!(%why, "a message of a stream cannot be used");
        }
    }

    fn report(&self) {
        if self.refused > 0 {
            tracing::warn!(
                stream = self.stream,
                messages = self.refused,
                "messages of a stream could not be used and were passed over"
            );
        }
    }
}

fn flush(sink: &mut SplitSink<Socket, Message>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
    Pin::new(sink).poll_flush(cx)
}
