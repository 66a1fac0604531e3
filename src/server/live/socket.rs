//! One WebSocket: sending with a limit on patience, pings, size limits, closing. It knows no events.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        error::CapacityError,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::driver::clock::{self, Ticker};

/// Longest message of a client, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// How long a client may take none of what is sent before it counts as gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(120);
/// How often a client is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// Pings without any sign of life after which the client counts as gone.
const MAX_UNANSWERED: u32 = 4;
/// How long a client gets to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The client is gone, or has closed the socket.
#[derive(Debug)]
pub(super) struct Gone;

/// Memory for what is read from a socket at once. Every listener has one.
const READ_BUFFER: usize = 4 << 10;

/// An open socket.
pub(super) struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    ping: Ticker,
    unanswered: u32,
}

/// The limits on what a client may send.
pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

impl Socket {
    pub(super) fn new(stream: WebSocketStream<TokioIo<Upgraded>>) -> Self {
        Self {
            stream,
            ping: clock::ticker(PING),
            unanswered: 0,
        }
    }

    /// Sends a text frame.
    pub(super) async fn text(&mut self, text: impl Into<Utf8Bytes>) -> Result<(), Gone> {
        self.send(Message::Text(text.into())).await
    }

    /// Sends a binary frame.
    pub(super) async fn binary(&mut self, bytes: Bytes) -> Result<(), Gone> {
        self.send(Message::Binary(bytes)).await
    }

    /// Returns the next text frame of the client; pings it meanwhile. Binary frames are no commands and are
    /// ignored. Cancel safe.
    pub(super) async fn next_text(&mut self) -> Result<Utf8Bytes, Gone> {
        loop {
            let message = tokio::select! {
                message = self.stream.next() => message,
                _ = self.ping.tick() => {
                    self.check_pulse().await?;
                    continue;
                }
            };
            self.unanswered = 0;
            match message {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(_))) => {
                    // The library answers it; the stream is at its end once that is sent.
                    let _ = clock::timeout(CLOSE_TIMEOUT, self.stream.flush()).await;
                    return Err(Gone);
                }
                Some(Ok(_)) => {}
                Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                    self.close(CloseCode::Size, "messages have at most 65536 bytes")
                        .await;
                    return Err(Gone);
                }
                Some(Err(_)) | None => return Err(Gone),
            }
        }
    }

    /// Closes the socket and waits a little for the client to agree.
    pub(super) async fn close(&mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        };
        let farewell = async {
            self.stream.close(Some(frame)).await?;
            while let Some(Ok(_)) = self.stream.next().await {}
            Ok::<_, Error>(())
        };
        let _ = clock::timeout(CLOSE_TIMEOUT, farewell).await;
    }

    async fn check_pulse(&mut self) -> Result<(), Gone> {
        self.unanswered += 1;
        if self.unanswered > MAX_UNANSWERED {
            return Err(Gone);
        }
        self.send(Message::Ping(Bytes::new())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match clock::timeout(SEND_TIMEOUT, self.stream.send(message)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(Gone),
        }
    }
}
