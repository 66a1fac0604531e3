//! The live socket of one call: following it to its end, coming back with `?after=` when the connection is lost, and giving
//! the call a command.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use protocol::{
    control::{Event, Numbered},
    rest::Call,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};

use super::{Client, refused};
use crate::{cli::Failure, driver::clock};

/// How often a lost live socket is opened again without an event in between.
const RECONNECTS: u32 = 12;
/// The longest pause before it is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What comes while a call is followed.
pub(in crate::cli) enum News<'a> {
    /// A message as it came and, where this program knows it, as the event that it is.
    Message(&'a str, Option<&'a Numbered>),
    /// The connection was lost, and is opened again.
    Lost,
}

/// How long the answer to a command may take.
const ACK: Duration = Duration::from_secs(10);

impl Client {
    /// Follows a call to its end and returns it as the last event shows it. `show` is given every message; of the snapshots
    /// that open connections only the first.
    pub(in crate::cli) async fn follow(
        &self,
        id: &str,
        mut show: impl FnMut(News<'_>),
    ) -> Result<Call, Failure> {
        let mut seen = Seen::default();
        let mut failed = 0;
        loop {
            let before = seen.last;
            let lost = match self.follow_once(id, &mut seen, &mut show).await {
                Ok(call) => return Ok(call),
                Err(Lost::ForGood(failure)) => return Err(failure),
                Err(Lost::ForNow(error)) => error,
            };
            failed = if seen.last > before { 1 } else { failed + 1 };
            if failed > RECONNECTS {
                return Err(Failure::new(format!(
                    "The live socket of the call is lost: {lost}. The call goes on; watch it again with `agentphone watch \
                     {id}`."
                )));
            }
            if failed == 1 {
                show(News::Lost);
            }
            clock::sleep(LONGEST_PAUSE.min(Duration::from_millis(200) * failed)).await;
        }
    }

    /// Follows a call until it ends or the connection does.
    async fn follow_once(
        &self,
        id: &str,
        seen: &mut Seen,
        show: &mut impl FnMut(News<'_>),
    ) -> Result<Call, Lost> {
        let mut socket = self.live(id, seen.last).await?;
        while let Some(message) = socket.next().await {
            let Message::Text(text) = message.map_err(lost)? else {
                continue;
            };
            // A newer server may send what this client does not know.
            let event = serde_json::from_str::<Numbered>(&text).ok();
            if seen.take(event.as_ref()) {
                show(News::Message(&text, event.as_ref()));
            }
            if let Some(Event::CallEnded { call }) = event.map(|event| event.event) {
                return Ok(*call);
            }
        }
        Err(Lost::ForNow("the server closed it".into()))
    }

    /// Gives a running call a command of the live socket, and waits until the call has taken it.
    pub(in crate::cli) async fn command(
        &self,
        id: &str,
        mut command: Value,
    ) -> Result<(), Failure> {
        command["id"] = json!(1);
        let exchange = async {
            let mut socket = self.live(id, 0).await?;
            let text = Message::text(command.to_string());
            socket.send(text).await.map_err(lost)?;
            while let Some(message) = socket.next().await {
                let Message::Text(text) = message.map_err(lost)? else {
                    continue;
                };
                let answer: Value = serde_json::from_str(&text).unwrap_or_default();
                if answer["id"] != command["id"] {
                    continue;
                }
                return match answer["type"].as_str() {
                    Some("ack") => Ok(()),
                    _ => Err(Lost::ForGood(Failure::refused("refused", &answer))),
                };
            }
            // The socket of a call that is over sends what there was, and closes.
            let over = json!({ "error": "The call is over.", "code": "call_already_ended" });
            Err(Lost::ForGood(Failure::refused("refused", &over)))
        };
        match clock::timeout(ACK, exchange).await {
            Some(Ok(())) => Ok(()),
            Some(Err(Lost::ForGood(failure))) => Err(failure),
            Some(Err(Lost::ForNow(error))) => Err(Failure::new(format!(
                "The live socket of the call was lost: {error}. Whether the call took the command is not known; watch it with \
                 `agentphone watch {id}`."
            ))),
            None => Err(Failure::new(
                "The server did not answer the command in time.".into(),
            )),
        }
    }

    async fn live(
        &self,
        id: &str,
        after: u64,
    ) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Lost> {
        let mut url = self
            .url(&format!("calls/{id}/live?after={after}"))
            .map_err(Lost::ForGood)?;
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        url.set_scheme(scheme)
            .map_err(|()| Lost::ForGood(Failure::new("no such scheme".into())))?;
        let mut request = url.as_str().into_client_request().map_err(lost)?;
        let key = HeaderValue::from_str(&self.key).map_err(|_| {
            Lost::ForGood(Failure::new(
                "The key has characters that no key has.".into(),
            ))
        })?;
        request.headers_mut().insert("x-api-key", key);
        let (socket, _) = connect_async(request).await.map_err(lost)?;
        Ok(socket)
    }
}

/// What of a call was seen already.
#[derive(Debug, Default)]
struct Seen {
    opened: bool,
    /// The number of the newest event.
    last: u64,
}

impl Seen {
    /// Takes what came, and returns whether it is new.
    fn take(&mut self, event: Option<&Numbered>) -> bool {
        let Some(event) = event else {
            return true;
        };
        let new = match event.event {
            Event::Snapshot { .. } => !std::mem::replace(&mut self.opened, true),
            // The end of a call that a killed server cut off is numbered from 1 again.
            Event::CallEnded { .. } => true,
            _ => event.seq > self.last,
        };
        self.last = self.last.max(event.seq);
        new
    }
}

/// Why following stopped before the end.
enum Lost {
    ForNow(String),
    ForGood(Failure),
}

/// Refusals are for good, unless the server is only not ready.
fn lost(error: tungstenite::Error) -> Lost {
    match error {
        tungstenite::Error::Http(response) => {
            let status = response.status();
            if status.is_server_error() || status.as_u16() == 429 {
                return Lost::ForNow(format!("the server answers {status}"));
            }
            let raw = response
                .body()
                .as_deref()
                .and_then(|body| serde_json::from_slice(body).ok());
            Lost::ForGood(refused(status, &raw.unwrap_or_default()))
        }
        error => Lost::ForNow(error.to_string()),
    }
}
