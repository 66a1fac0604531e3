//! The telephone at the end of a stream: it plays what it is sent at the pace of 20 ms, says what its steps tell it,
//! and notes everything.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use agentphone::driver::clock;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::{
    Plan,
    carrier::Carrier,
    reach::Socket,
    sound::{FRAME, encode, sounds},
};

/// What the callee does, one after the other.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Is silent.
    Wait(Duration),
    /// Speaks so many words.
    Say(usize),
    /// Waits until the agent was heard for so long.
    Hears(Duration),
    /// Waits until the agent has been silent for 600 ms after it spoke.
    Quiet,
    Key(char),
    /// Sends a text frame as it is.
    Send(String),
    /// Does not read the socket for so long.
    Stall(Duration),
    HangUp,
    /// Drops the connection without a word.
    Drop,
    /// Stays on the line.
    Stay,
}

/// What arrived on the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Media(usize),
    Mark(String),
    Clear,
}

/// What the telephone heard and saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// Everything that arrived, with the time since the start.
    pub(crate) seen: Vec<(Duration, Seen)>,
    /// What came out of the earpiece, 20 ms a frame, silence included.
    pub(crate) heard: Vec<Vec<u8>>,
    /// Marks that were played, in order, and marks that a clear gave back.
    pub(crate) played: Vec<String>,
    pub(crate) cleared: Vec<String>,
    /// The largest amount of sound that arrived ahead of its time, within a stretch of speech.
    pub(crate) most_ahead: Duration,
    /// From the callee's last voiced frame to the agent's first, for each of the callee's turns.
    pub(crate) gaps: Vec<Duration>,
    /// Sound that was still held when a clear came, for each clear.
    pub(crate) thrown_away: Vec<Duration>,
    /// When the server closed the socket.
    pub(crate) closed: Option<Duration>,
    /// The answer to the handshake, when it was refused.
    pub(crate) refused: Option<u16>,
    /// What broke the rules of the stream.
    pub(crate) faults: Vec<String>,
}

impl Report {
    /// How long the agent was heard.
    pub(crate) fn heard_for(&self) -> Duration {
        let frames = self.heard.iter().filter(|frame| sounds(frame)).count();
        Duration::from_millis(20) * u32::try_from(frames).expect("a short call")
    }

    pub(crate) fn clears(&self) -> usize {
        self.seen
            .iter()
            .filter(|(_, seen)| *seen == Seen::Clear)
            .count()
    }
}

enum Item {
    Sound(VecDeque<u8>),
    Mark(String),
}

/// See the module's documentation.
pub(crate) struct Phone {
    carrier: Carrier,
    sid: String,
    stream: String,
    parameters: Value,
    /// A frame of a carrier without order that the next one overtakes.
    late: Option<Value>,
    hold: Duration,
    marks: bool,
    report: Arc<Mutex<Report>>,
    buffer: VecDeque<Item>,
    /// When the first sound of this stretch arrived.
    stretch: Option<Instant>,
    arrived: usize,
    sequence: u64,
    chunk: u64,
    saying: VecDeque<i16>,
    last_said: Option<Instant>,
    /// Frames for which the agent has been heard, and silent after it.
    agent: usize,
    quiet: usize,
}

impl Phone {
    pub(crate) fn new(
        sid: &str,
        parameters: &[(String, String)],
        plan: &Plan,
        report: Arc<Mutex<Report>>,
    ) -> Self {
        let parameters: serde_json::Map<String, Value> = parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        Self {
            carrier: plan.carrier,
            sid: sid.to_owned(),
            stream: plan.carrier.stream_of(sid),
            late: None,
            parameters: parameters.into(),
            hold: plan.hold,
            marks: plan.marks,
            report,
            buffer: VecDeque::new(),
            stretch: None,
            arrived: 0,
            sequence: 0,
            chunk: 0,
            saying: VecDeque::new(),
            last_said: None,
            agent: 0,
            quiet: 0,
        }
    }

    fn note(&self, note: impl FnOnce(&mut Report)) {
        note(&mut self.report.lock().expect("a report"));
    }

    /// Returns the next message of the stream.
    fn message(&mut self, event: &str, body: Value) -> Value {
        self.sequence += 1;
        self.carrier
            .message(event, self.sequence, &self.stream, body)
    }

    /// The first two messages of a stream.
    pub(crate) fn opening(&mut self) -> [Value; 2] {
        let start = self
            .carrier
            .start(&self.sid, &self.stream, &self.parameters);
        [self.carrier.connected(), self.message("start", start)]
    }

    /// Is the telephone until somebody hangs up or `ended` says that the carrier does.
    pub(crate) async fn run(
        mut self,
        mut socket: Socket,
        steps: &[Step],
        ended: &CancellationToken,
    ) {
        let start = clock::now();
        for message in self.opening() {
            if send(&mut socket, &message).await.is_none() {
                return;
            }
        }
        let mut steps = steps.iter().cloned().collect::<VecDeque<_>>();
        let mut waited = 0;
        let mut deaf_until = start;
        let mut ticker = clock::ticker(Duration::from_millis(20));
        loop {
            let deaf = clock::now() < deaf_until;
            tokio::select! {
                biased;
                _ = ticker.tick() => {
                    if self.tick(&mut socket, start).await.is_none() {
                        return;
                    }
                    waited += 1;
                    match self.step(&mut steps, &mut waited, &mut deaf_until, &mut socket).await {
                        Next::Go => {}
                        Next::Stop => break,
                        Next::Drop => return,
                    }
                }
                message = socket.next(), if !deaf => match message {
                    Some(Ok(Message::Text(text))) => {
                        if self.receive(&text, start, &mut socket).await.is_none() {
                            return;
                        }
                    }
                    Some(Ok(Message::Binary(_))) => self.note(|report| report.faults.push("a binary frame".into())),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => {
                        self.note(|report| report.closed = Some(clock::now() - start));
                        return;
                    }
                    Some(Ok(_)) => {}
                },
                () = ended.cancelled() => break,
            }
        }
        let stop = self.carrier.stop(&self.sid);
        let stop = self.message("stop", stop);
        if send(&mut socket, &stop).await.is_some() {
            let _ = clock::timeout(Duration::from_secs(1), socket.close(None)).await;
        }
    }

    async fn step(
        &mut self,
        steps: &mut VecDeque<Step>,
        waited: &mut u32,
        deaf_until: &mut Instant,
        socket: &mut Socket,
    ) -> Next {
        let done = match steps.front() {
            None => return Next::Stop,
            Some(Step::Wait(length)) => Duration::from_millis(20) * *waited >= *length,
            Some(Step::Say(words)) => {
                if *waited == 1 {
                    self.saying = super::sound::voice(*words).into();
                }
                self.saying.is_empty()
            }
            Some(Step::Hears(length)) => Duration::from_millis(20) * self.agent as u32 >= *length,
            Some(Step::Quiet) => self.agent > 0 && self.quiet >= 30,
            Some(Step::Key(key)) => {
                let body = json!({"track": "inbound_track", "digit": key.to_string()});
                let message = self.message("dtmf", body);
                send(socket, &message).await;
                true
            }
            Some(Step::Send(text)) => {
                let _ = socket.send(Message::text(text.clone())).await;
                true
            }
            Some(Step::Stall(length)) => {
                *deaf_until = clock::now() + *length;
                true
            }
            Some(Step::HangUp) => return Next::Stop,
            Some(Step::Drop) => return Next::Drop,
            Some(Step::Stay) => false,
        };
        if done {
            steps.pop_front();
            *waited = 0;
            self.agent = 0;
            self.quiet = 0;
        }
        Next::Go
    }

    /// Lives through 20 ms.
    async fn tick(&mut self, socket: &mut Socket, start: Instant) -> Option<()> {
        let now = clock::now();
        let mut frame = Vec::with_capacity(FRAME);
        let held = self.stretch.is_some_and(|since| now < since + self.hold);
        let mut marks = Vec::new();
        while !held && let Some(item) = self.buffer.front_mut() {
            match item {
                Item::Mark(name) => {
                    marks.push(std::mem::take(name));
                    self.buffer.pop_front();
                }
                Item::Sound(sound) => {
                    while frame.len() < FRAME
                        && let Some(code) = sound.pop_front()
                    {
                        frame.push(code);
                    }
                    if !sound.is_empty() {
                        break;
                    }
                    self.buffer.pop_front();
                }
            }
        }
        if self.buffer.is_empty() && frame.is_empty() {
            self.stretch = None;
            self.arrived = 0;
        }
        let sounding = sounds(&frame);
        self.agent += usize::from(sounding);
        self.quiet = if sounding { 0 } else { self.quiet + 1 };
        frame.resize(FRAME, 0xff);
        self.note(|report| report.heard.push(frame));
        for name in marks {
            self.note(|report| report.played.push(name.clone()));
            self.mark(&name, socket).await?;
        }
        let voiced = !self.saying.is_empty();
        let said: Vec<u8> = (0..FRAME)
            .map(|_| encode(self.saying.pop_front().unwrap_or(0)))
            .collect();
        if voiced && sounds(&said) {
            self.last_said = Some(now);
        }
        self.chunk += 1;
        let at = (now - start).as_millis();
        let (chunk, at) = (
            self.carrier.number(self.chunk),
            self.carrier.number(at as u64),
        );
        let body = json!({"track": "inbound", "chunk": chunk, "timestamp": at, "payload": STANDARD.encode(said)});
        let media = self.message("media", body);
        if self.carrier == Carrier::Telnyx && self.chunk.is_multiple_of(7) {
            self.late = Some(media);
            return Some(());
        }
        send(socket, &media).await?;
        match self.late.take() {
            Some(late) => send(socket, &late).await,
            None => Some(()),
        }
    }

    async fn mark(&mut self, name: &str, socket: &mut Socket) -> Option<()> {
        if !self.marks {
            return Some(());
        }
        let message = self.message("mark", json!({"name": name}));
        send(socket, &message).await
    }

    async fn receive(&mut self, text: &str, start: Instant, socket: &mut Socket) -> Option<()> {
        let now = clock::now();
        let at = now - start;
        let message: Value = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => {
                self.note(|report| report.faults.push(error.to_string()));
                return Some(());
            }
        };
        if !self.carrier.is_for(&message, &self.stream) {
            self.note(|report| report.faults.push(format!("not for this stream: {text}")));
        }
        match message["event"].as_str() {
            Some("media") => {
                let payload = message["media"]["payload"].as_str().unwrap_or_default();
                let Ok(sound) = STANDARD.decode(payload) else {
                    self.note(|report| report.faults.push("31951 media".into()));
                    return Some(());
                };
                let since = *self.stretch.get_or_insert(now);
                self.arrived += sound.len();
                let ahead =
                    Duration::from_micros(self.arrived as u64 * 125).saturating_sub(now - since);
                let gap = self
                    .last_said
                    .take_if(|_| sounds(&sound))
                    .map(|last| now - last);
                self.note(|report| {
                    report.seen.push((at, Seen::Media(sound.len())));
                    report.most_ahead = report.most_ahead.max(ahead);
                    report.gaps.extend(gap);
                });
                self.buffer.push_back(Item::Sound(sound.into()));
            }
            Some("mark") => {
                let name = message["mark"]["name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                if name.is_empty() {
                    self.note(|report| report.faults.push("31951 mark".into()));
                }
                self.note(|report| report.seen.push((at, Seen::Mark(name.clone()))));
                self.buffer.push_back(Item::Mark(name));
            }
            Some("clear") => {
                let mut thrown = 0;
                let mut marks = Vec::new();
                for item in self.buffer.drain(..) {
                    match item {
                        Item::Sound(sound) => thrown += sound.len(),
                        Item::Mark(name) => marks.push(name),
                    }
                }
                self.stretch = None;
                self.arrived = 0;
                self.note(|report| {
                    report.seen.push((at, Seen::Clear));
                    report
                        .thrown_away
                        .push(Duration::from_micros(thrown as u64 * 125));
                    report.cleared.extend(marks.iter().cloned());
                });
                for name in marks {
                    self.mark(&name, socket).await?;
                }
            }
            _ => self.note(|report| report.faults.push(format!("31951 {text}"))),
        }
        Some(())
    }
}

enum Next {
    Go,
    Stop,
    Drop,
}

async fn send(socket: &mut Socket, message: &Value) -> Option<()> {
    socket.send(Message::text(message.to_string())).await.ok()
}
