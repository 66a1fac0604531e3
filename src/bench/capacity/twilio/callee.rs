//! One telephone of the rig: it calls in, is heard and hears over a stream, and holds the eight turns of the workload.
//!
//! It paces its sound at 20 ms, holds what it is sent as a carrier does, gives marks back when they were played, and measures
//! what a callee feels. It judges nothing.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use media::FRAME;
use protocol::twilio::signature;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::{
    super::workload::Said,
    engine::{ACCOUNT, NUMBER, TOKEN},
};
use crate::driver::clock;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The agent has finished when it has been silent for so long after it was heard.
const QUIET: Duration = Duration::from_millis(600);
/// A callee whom nobody answers hangs up, and the call counts as failed.
const GIVE_UP: Duration = Duration::from_secs(15);
/// One frame.
const TICK: Duration = Duration::from_millis(20);
/// How late a tick of the rig may be before the rig counts as overloaded.
const RIG_LATE: Duration = Duration::from_millis(20);

/// How a call went.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Outcome {
    /// From the last voiced frame of each turn to the first frame of the answer.
    pub(in super::super) gaps: Vec<Duration>,
    /// Why it failed.
    pub(in super::super) failed: Option<String>,
    /// Answers that came into a hesitation.
    pub(in super::super) cut_in: usize,
    /// Ticks of the rig, and those that came late.
    pub(in super::super) ticks: usize,
    pub(in super::super) late: usize,
}

/// What every callee of the rig knows.
#[derive(Debug)]
pub(in super::super) struct Rig {
    pub(in super::super) url: String,
    pub(in super::super) client: reqwest::Client,
    pub(in super::super) turns: Vec<Turn>,
    /// When set, calls are hung up at once and do not count.
    pub(in super::super) over: AtomicBool,
}

/// A turn, ready to be sent.
#[derive(Debug, Clone)]
pub(in super::super) struct Turn {
    frames: Arc<[String]>,
    voiced: usize,
}

impl Turn {
    pub(in super::super) fn new(said: &Said) -> Self {
        Self {
            frames: said
                .codes
                .chunks(FRAME)
                .map(|c| STANDARD.encode(c))
                .collect(),
            voiced: said.voiced,
        }
    }
}

impl Rig {
    /// Makes one call, from the first ring to its end.
    pub(in super::super) async fn call(&self, number: usize) -> Outcome {
        let sid = format!("CA{number:032x}");
        let mut outcome = Outcome::default();
        if let Err(why) = self.hold(&sid, &mut outcome).await {
            outcome.failed = Some(why);
        }
        outcome
    }

    async fn hold(&self, sid: &str, outcome: &mut Outcome) -> Result<(), String> {
        let twiml = self.ring(sid).await?;
        let url = attribute(&twiml, "url").ok_or("the answer names no stream")?;
        let parameters = parameters(&twiml).ok_or("the stream has no parameters")?;
        let mut request = url
            .as_str()
            .into_client_request()
            .map_err(|error| error.to_string())?;
        let signed = signature::sign(TOKEN, &url, &[]);
        let signed = signed
            .parse()
            .map_err(|_| "a signature that is no header")?;
        request.headers_mut().insert("x-twilio-signature", signed);
        let (socket, _) = tokio_tungstenite::connect_async_with_config(request, None, true)
            .await
            .map_err(|error| error.to_string())?;
        let mut phone = Phone::new(sid, socket, outcome);
        phone.open(&parameters).await?;
        phone.talk(self).await
    }

    /// Rings, and returns what the called side wants done.
    async fn ring(&self, sid: &str) -> Result<String, String> {
        let url = format!("{}/lines/twilio/voice", self.url);
        let form = [
            ("CallSid", sid),
            ("AccountSid", ACCOUNT),
            ("From", "+14155550111"),
            ("To", NUMBER),
            ("Direction", "inbound"),
            ("CallStatus", "ringing"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&form)
            .finish();
        let answer = self
            .client
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", signature::sign(TOKEN, &url, &form))
            .body(body)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if text.contains("<Reject") {
            return Err("the call was turned away".into());
        }
        Ok(text)
    }
}

struct Phone<'a> {
    sid: &'a str,
    stream: String,
    socket: Socket,
    outcome: &'a mut Outcome,
    sequence: u64,
    chunk: u64,
    silence: String,
    /// When what is held will have been played.
    played: Instant,
    /// Marks that are out, and when they will have been played.
    marks: VecDeque<(Instant, String)>,
    /// Whether the agent was heard since the last turn.
    heard: bool,
    /// The last voiced frame of a turn that was not answered yet.
    waits_since: Option<Instant>,
}

impl<'a> Phone<'a> {
    fn new(sid: &'a str, socket: Socket, outcome: &'a mut Outcome) -> Self {
        Self {
            sid,
            stream: sid.replacen("CA", "MZ", 1),
            socket,
            outcome,
            sequence: 0,
            chunk: 0,
            silence: STANDARD.encode([0xff; FRAME]),
            played: clock::now(),
            marks: VecDeque::new(),
            heard: false,
            waits_since: None,
        }
    }

    async fn send(&mut self, text: String) -> Result<(), String> {
        self.socket
            .send(Message::text(text))
            .await
            .map_err(|error| format!("the stream broke: {error}"))
    }

    async fn open(&mut self, parameters: &str) -> Result<(), String> {
        self.send(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#.into())
            .await?;
        self.sequence = 1;
        let (sid, stream) = (self.sid, &self.stream);
        let start = format!(
            r#"{{"event":"start","sequenceNumber":"1","streamSid":"{stream}","start":{{"accountSid":"{ACCOUNT}","streamSid":"{stream}","callSid":"{sid}","tracks":["inbound"],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},"customParameters":{parameters}}}}}"#
        );
        self.send(start).await
    }

    /// Holds the conversation and hangs up.
    async fn talk(&mut self, rig: &Rig) -> Result<(), String> {
        let begun = clock::now();
        let mut ticker = clock::ticker(TICK);
        let mut turns = rig.turns.iter();
        let mut saying: Option<(&Turn, usize)> = None;
        // Whoever picks up speaks first; every further turn waits for the agent.
        let mut next = true;
        let mut last = begun;
        loop {
            tokio::select! {
                biased;
                due = ticker.tick() => {
                    let now = clock::now();
                    self.outcome.ticks += 1;
                    self.outcome.late += usize::from(now.saturating_duration_since(due) > RIG_LATE);
                    if rig.over.load(Ordering::Relaxed) {
                        return self.hang_up().await;
                    }
                    if saying.is_none() {
                        let quiet = self.heard && now > self.played + QUIET;
                        if next || quiet {
                            match turns.next() {
                                Some(turn) => saying = Some((turn, 0)),
                                None => return self.hang_up().await,
                            }
                            (next, self.heard, last) = (false, false, now);
                        } else if now.saturating_duration_since(last.max(self.played)) > GIVE_UP {
                            self.hang_up().await?;
                            return Err("nobody answered for 15 s".into());
                        }
                    }
                    self.frame(&mut saying, now, begun).await?;
                    self.give_back(now).await?;
                }
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        self.receive(&text, saying.is_some()).await?;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => {
                        return Err("the stream was closed from the other side".into());
                    }
                    Some(Ok(_)) => {}
                },
            }
        }
    }

    /// Sends the sound of 20 ms.
    async fn frame(
        &mut self,
        saying: &mut Option<(&Turn, usize)>,
        now: Instant,
        begun: Instant,
    ) -> Result<(), String> {
        self.sequence += 1;
        self.chunk += 1;
        let payload = match saying {
            Some((turn, at)) => {
                let frame = &turn.frames[*at];
                *at += 1;
                if *at == turn.voiced {
                    self.waits_since = Some(now);
                }
                let whole = *at == turn.frames.len();
                let frame = frame.as_str();
                if whole {
                    *saying = None;
                }
                frame
            }
            None => self.silence.as_str(),
        };
        let (sequence, chunk, stream) = (self.sequence, self.chunk, &self.stream);
        let timestamp = (now - begun).as_millis();
        let text = format!(
            r#"{{"event":"media","sequenceNumber":"{sequence}","streamSid":"{stream}","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{timestamp}","payload":"{payload}"}}}}"#
        );
        self.send(text).await
    }

    async fn receive(&mut self, text: &str, talking: bool) -> Result<(), String> {
        let now = clock::now();
        if text.contains(r#""event":"media""#) {
            let payload = field(text, "payload").ok_or("media without a payload")?;
            let length = Duration::from_micros(payload.len() as u64 / 4 * 3 * 125);
            if let Some(since) = self.waits_since.take() {
                self.outcome.gaps.push(now - since);
            }
            if talking {
                self.outcome.cut_in += usize::from(self.played <= now);
            } else {
                self.heard = true;
            }
            self.played = self.played.max(now) + length;
        } else if text.contains(r#""event":"mark""#) {
            let name = field(text, "name")
                .ok_or("a mark without a name")?
                .to_owned();
            self.marks.push_back((self.played, name));
        } else if text.contains(r#""event":"clear""#) {
            self.played = now;
            for (due, _) in &mut self.marks {
                *due = now;
            }
            self.give_back(now).await?;
        } else {
            return Err(format!("a message that no carrier knows: {text}"));
        }
        Ok(())
    }

    /// Gives back the marks that were played.
    async fn give_back(&mut self, now: Instant) -> Result<(), String> {
        while let Some((_, name)) = self.marks.pop_front_if(|(due, _)| *due <= now) {
            self.sequence += 1;
            let (sequence, stream) = (self.sequence, &self.stream);
            let text = format!(
                r#"{{"event":"mark","sequenceNumber":"{sequence}","streamSid":"{stream}","mark":{{"name":"{name}"}}}}"#
            );
            self.send(text).await?;
        }
        Ok(())
    }

    async fn hang_up(&mut self) -> Result<(), String> {
        self.sequence += 1;
        let (sequence, stream, sid) = (self.sequence, &self.stream, self.sid);
        let text = format!(
            r#"{{"event":"stop","sequenceNumber":"{sequence}","streamSid":"{stream}","stop":{{"accountSid":"{ACCOUNT}","callSid":"{sid}"}}}}"#
        );
        self.send(text).await?;
        let _ = clock::timeout(Duration::from_secs(1), self.socket.close(None)).await;
        Ok(())
    }
}

/// Finds the text of a field in a message whose strings hold nothing that is escaped.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let from = text.find(&format!("\"{name}\":\""))? + name.len() + 4;
    let rest = &text[from..];
    rest.find('"').map(|end| &rest[..end])
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let after = tag.split_once(&format!(" {name}=\""))?.1;
    Some(after.split_once('"')?.0.replace("&amp;", "&"))
}

/// The parameters of a stream as a JSON object.
fn parameters(twiml: &str) -> Option<String> {
    let tags = twiml.split("<Parameter").skip(1);
    let pair = |tag: &str| Some((attribute(tag, "name")?, attribute(tag, "value")?));
    let pairs: Option<Vec<_>> = tags.map(pair).collect();
    let object: serde_json::Map<_, _> = pairs?
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    (!object.is_empty()).then(|| serde_json::Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_by_their_fields() {
        let text = r#"{"event":"media","streamSid":"MZ1","media":{"payload":"/v8="}}"#;
        assert_eq!(field(text, "payload"), Some("/v8="));
        assert_eq!(field(text, "name"), None);
        let twiml =
            r#"<Stream url="ws://h/a?b=1&amp;c=2"><Parameter name="ref" value="x"/></Stream>"#;
        assert_eq!(attribute(twiml, "url").as_deref(), Some("ws://h/a?b=1&c=2"));
        assert_eq!(parameters(twiml).as_deref(), Some(r#"{"ref":"x"}"#));
        assert_eq!(parameters("<Stream/>"), None);
    }
}
