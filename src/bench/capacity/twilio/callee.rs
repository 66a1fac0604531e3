//! A telephone that calls in over a carrier's stream.
//!
//! It holds what it is sent as a carrier does, and gives marks back when they were played. It judges nothing.

use std::{
    collections::VecDeque,
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
    super::{
        dialogue::{Dialogue, Outcome, Sound},
        phone::Phone,
    },
    engine::{ACCOUNT, NUMBER, TOKEN},
};
use crate::driver::clock;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What every callee over this line knows.
#[derive(Debug)]
pub(in super::super) struct Rig {
    pub(in super::super) url: String,
    pub(in super::super) client: reqwest::Client,
}

impl Rig {
    /// Makes one call, until sound can go both ways.
    pub(in super::super) async fn ring(&self, number: usize) -> Result<Telephone, String> {
        let sid = format!("CA{number:032x}");
        let twiml = self.twiml(&sid).await?;
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
        let mut phone = Telephone::new(sid, socket);
        phone.open(&parameters).await?;
        Ok(phone)
    }

    /// Rings, and returns what the called side wants done.
    async fn twiml(&self, sid: &str) -> Result<String, String> {
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

/// See the module's documentation.
pub(in super::super) struct Telephone {
    sid: String,
    stream: String,
    socket: Socket,
    begun: Instant,
    sequence: u64,
    chunk: u64,
    silence: String,
    /// Marks that are out, and when they will have been played.
    marks: VecDeque<(Instant, String)>,
}

impl Telephone {
    fn new(sid: String, socket: Socket) -> Self {
        Self {
            stream: sid.replacen("CA", "MZ", 1),
            sid,
            socket,
            begun: clock::now(),
            sequence: 0,
            chunk: 0,
            silence: STANDARD.encode([0xff; FRAME]),
            marks: VecDeque::new(),
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
        let (sid, stream) = (&self.sid, &self.stream);
        let start = format!(
            r#"{{"event":"start","sequenceNumber":"1","streamSid":"{stream}","start":{{"accountSid":"{ACCOUNT}","streamSid":"{stream}","callSid":"{sid}","tracks":["inbound"],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},"customParameters":{parameters}}}}}"#
        );
        self.send(start).await
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
}

impl Phone for Telephone {
    type Came = Message;

    async fn come(&mut self) -> Result<Message, String> {
        match self.socket.next().await {
            None | Some(Ok(Message::Close(_)) | Err(_)) => {
                Err("the stream was closed from the other side".into())
            }
            Some(Ok(message)) => Ok(message),
        }
    }

    async fn take(
        &mut self,
        came: Message,
        dialogue: &mut Dialogue<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let Message::Text(text) = came else {
            return Ok(());
        };
        let now = clock::now();
        if text.contains(r#""event":"media""#) {
            let payload = field(&text, "payload").ok_or("media without a payload")?;
            let length = Duration::from_micros(payload.len() as u64 / 4 * 3 * 125);
            dialogue.hear(length, now, outcome);
        } else if text.contains(r#""event":"mark""#) {
            let name = field(&text, "name")
                .ok_or("a mark without a name")?
                .to_owned();
            self.marks.push_back((dialogue.played(), name));
        } else if text.contains(r#""event":"clear""#) {
            dialogue.clear(now);
            for (due, _) in &mut self.marks {
                *due = now;
            }
            self.give_back(now).await?;
        } else {
            return Err(format!("a message that no carrier knows: {text}"));
        }
        Ok(())
    }

    async fn say(&mut self, sound: Option<Sound<'_>>, now: Instant) -> Result<(), String> {
        self.sequence += 1;
        self.chunk += 1;
        let payload = sound.map_or(self.silence.as_str(), |sound| sound.encoded);
        let (sequence, chunk, stream) = (self.sequence, self.chunk, &self.stream);
        let timestamp = (now - self.begun).as_millis();
        let text = format!(
            r#"{{"event":"media","sequenceNumber":"{sequence}","streamSid":"{stream}","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{timestamp}","payload":"{payload}"}}}}"#
        );
        self.send(text).await?;
        self.give_back(now).await
    }

    async fn hang_up(mut self) -> Result<(), String> {
        self.sequence += 1;
        let (sequence, stream, sid) = (self.sequence, &self.stream, &self.sid);
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
