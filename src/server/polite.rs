//! Gives a body to the few answers that hyper makes by itself, when a request is no HTTP at all or its head is too
//! large: they get the shape of all other errors. Nothing else is touched.
//!
//! Such an answer is recognised by what it lacks: everything that this server answers carries the common headers.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use protocol::error::{ApiError, ErrorCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A header that only our own answers have, as hyper writes it.
const MARK: &[u8] = b"x-content-type-options";

/// A connection whose bare refusals get a body.
#[derive(Debug)]
pub(super) struct Polite<S> {
    stream: S,
    /// What is sent in place of a bare refusal, and how much of it was.
    instead: Option<(Vec<u8>, usize)>,
}

impl<S> Polite<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self {
            stream,
            instead: None,
        }
    }
}

/// Returns the answer that takes the place of `head`, if that is one of hyper's own refusals.
fn polite(head: &[u8]) -> Option<Vec<u8>> {
    let status = head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let (line, sentence) = match status {
        b"400" => (
            "400 Bad Request",
            "This is no HTTP request that can be understood.",
        ),
        b"414" => (
            "414 URI Too Long",
            "The address of the request is too long.",
        ),
        b"431" => (
            "431 Request Header Fields Too Large",
            "The headers of the request are too large. At most 32 KiB and 100 headers are accepted.",
        ),
        _ => return None,
    };
    if head.windows(MARK.len()).any(|window| window == MARK) {
        return None;
    }
    let body = ApiError::new(ErrorCode::BadRequest, sentence)
        .body()
        .to_string();
    let answer = format!(
        "HTTP/1.1 {line}\r\ncontent-type: application/json\r\nx-content-type-options: nosniff\r\n\
         cache-control: no-store\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    Some(answer.into_bytes())
}

impl<S: AsyncWrite + Unpin> Polite<S> {
    /// Sends what takes the place of a refusal; ready when all of it is sent.
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((answer, sent)) = &mut self.instead {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &answer[*sent..]))?;
            *sent += written;
            if written == 0 || *sent == answer.len() {
                self.instead = None;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Returns whether `head` is taken care of here.
    fn takes(&mut self, head: &[u8]) -> bool {
        if self.instead.is_none() {
            self.instead = polite(head).map(|answer| (answer, 0));
        }
        self.instead.is_some()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Polite<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Polite<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.takes(bytes) {
            ready!(self.poll_instead(context))?;
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = pieces.iter().find(|piece| !piece.is_empty());
        if first.is_some_and(|first| self.takes(first)) {
            ready!(self.poll_instead(context))?;
            return Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn through(pieces: &[&[u8]]) -> String {
        // A pipe that is narrower than the answer: it goes out in pieces.
        let (near, mut far) = tokio::io::duplex(64);
        let reading = tokio::spawn(async move {
            let mut text = String::new();
            far.read_to_string(&mut text).await.unwrap();
            text
        });
        let mut near = Polite::new(near);
        for piece in pieces {
            near.write_all(piece).await.unwrap();
        }
        near.shutdown().await.unwrap();
        drop(near);
        reading.await.unwrap()
    }

    #[tokio::test]
    async fn a_bare_refusal_gets_a_body() {
        let bare = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        let answer = through(&[bare]).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["code"], "bad_request");
    }

    #[tokio::test]
    async fn everything_else_passes_as_it_is() {
        for pieces in [
            &[&b"HTTP/1.1 400 Bad Request\r\nx-content-type-options: nosniff\r\n\r\n{}"[..]][..],
            &[b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 4"],
            &[b"PRI * HTTP/2.0", b"", b"\x00\x01"],
        ] {
            assert_eq!(through(pieces).await.as_bytes(), pieces.concat());
        }
    }
}
