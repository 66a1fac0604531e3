//! One server gives way to another of a newer program, over the control socket in the data folder: the newer one gets the
//! listening socket, waits until the older one is gone, however that goes, and only then opens the store. So there is one
//! writer at any time, and connections that come in between wait in the socket's queue.
//!
//! What is said: the newer one asks ([`Request::TakeOver`](crate::admin::Request)); the older one answers with [`Offer`]
//! and the socket beside it; the newer one says [`READY`]. From then on the connection is only held: its end tells each
//! side that the other one is gone. The older one may also say [`STOP`], when both are to end. When the program gives way
//! is decided by `src/cli/serve.rs`.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::UnixStream,
};

use crate::{
    admin::{Request, socket},
    driver::clock,
    store::{DataFolder, SCHEMA},
};

/// How long each side waits for a word of the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest offer, in bytes.
const LONGEST: usize = 4096;
/// The newer one has all that it needs, and waits.
const READY: &[u8] = b"ready\n";
/// The newer one shall end, because the older one was told to stop.
const STOP: &[u8] = b"stop\n";

/// What the older one says of itself beside its socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Offer {
    /// Where the socket listens.
    listen: SocketAddr,
    /// The version of the tables in the store.
    schema: u32,
    /// Which process it is.
    pid: u32,
    /// Its version.
    version: String,
}

/// The newer process, as the older one sees it.
#[derive(Debug)]
pub struct Successor {
    stream: UnixStream,
    pid: u32,
}

impl Successor {
    /// Gives the listening socket to the process at the other end, and waits until that is ready to take over.
    ///
    /// # Errors
    /// When it is not within a few seconds.
    pub async fn greet(stream: UnixStream, listener: &TcpListener) -> io::Result<Self> {
        let offer = Offer {
            listen: listener.local_addr()?,
            schema: SCHEMA,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let pid = stream.peer_cred()?.pid();
        let pid = pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0);
        let mut this = Self { stream, pid };
        let greeted = clock::timeout(PATIENCE, this.exchange(&offer, listener.as_fd()));
        greeted
            .await
            .unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(this)
    }

    async fn exchange(&mut self, offer: &Offer, socket: BorrowedFd<'_>) -> io::Result<()> {
        let mut line = serde_json::to_vec(offer)?;
        line.push(b'\n');
        let stream = &self.stream;
        let send = || -> io::Result<usize> {
            let sockets = [socket];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !control.push(SendAncillaryMessage::ScmRights(&sockets)) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            Ok(sendmsg(
                stream,
                &[IoSlice::new(&line)],
                &mut control,
                SendFlags::NOSIGNAL,
            )?)
        };
        if stream.async_io(Interest::WRITABLE, send).await? != line.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let mut word = [0; READY.len()];
        self.stream.read_exact(&mut word).await?;
        if word == READY {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    /// Returns which process it is.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until it is gone. Cancel safe.
    pub async fn gone(&mut self) {
        let mut byte = [0];
        // It has nothing more to say.
        while self.stream.read(&mut byte).await.is_ok_and(|read| read > 0) {}
    }

    /// Tells it to end, because this process ends without being replaced.
    pub async fn dismiss(mut self) {
        let _ = clock::timeout(PATIENCE, self.stream.write_all(STOP)).await;
    }
}

/// The older process, as the newer one sees it, with what that has given already.
#[derive(Debug)]
pub struct Predecessor {
    stream: UnixStream,
    pid: u32,
    version: String,
    /// Whether it has said that this process is not wanted.
    dismissed: bool,
}

/// How the wait for the older process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It is gone; the store is free.
    Gone,
    /// It was told to stop, and so is this one.
    Dismissed,
}

impl Predecessor {
    /// Asks the server on this data folder to give way. `listen` is where this program is to listen.
    ///
    /// # Errors
    /// A sentence: no server is there, or what it has is not what this program needs. It goes on as before then.
    pub async fn ask(
        folder: &DataFolder,
        listen: SocketAddr,
    ) -> Result<(Self, TcpListener), String> {
        let asked = clock::timeout(PATIENCE, Self::exchange(folder, listen)).await;
        asked.unwrap_or_else(|| {
            Err("The running server does not answer on its control socket.".into())
        })
    }

    async fn exchange(
        folder: &DataFolder,
        listen: SocketAddr,
    ) -> Result<(Self, TcpListener), String> {
        let request = Request::TakeOver {
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let mut stream = socket::open(folder, &request).await.map_err(|error| {
            format!(
                "There is no running server to take over from: {error}. Start without --take-over."
            )
        })?;
        let (line, socket) = receive(&stream)
            .await
            .map_err(|error| format!("The running server gave nothing: {error}."))?;
        let text = String::from_utf8_lossy(&line);
        let offer: Offer = serde_json::from_str(&text)
            .map_err(|_| format!("The running server does not give way: {}", text.trim()))?;
        let socket = socket.ok_or("The running server gave no socket.")?;
        let listener = TcpListener::from(socket);
        check(&offer, listen)?;
        stream
            .write_all(READY)
            .await
            .map_err(|error| format!("The running server is gone: {error}."))?;
        let this = Self {
            stream,
            pid: offer.pid,
            version: offer.version,
            dismissed: false,
        };
        Ok((this, listener))
    }

    /// Returns which process it is, and its version.
    #[must_use]
    pub fn name(&self) -> (u32, &str) {
        (self.pid, &self.version)
    }

    /// Waits until it is gone, or says that this process is not wanted. Cancel safe.
    pub async fn left(&mut self) -> Left {
        let mut byte = [0];
        loop {
            match self.stream.read(&mut byte).await {
                Ok(read) if read > 0 && !self.dismissed => {
                    self.dismissed = true;
                    return Left::Dismissed;
                }
                // The rest of the word.
                Ok(read) if read > 0 => {}
                _ => return Left::Gone,
            }
        }
    }
}

fn check(offer: &Offer, listen: SocketAddr) -> Result<(), String> {
    let port = listen.port() == 0 || listen.port() == offer.listen.port();
    if listen.ip() != offer.listen.ip() || !port {
        return Err(format!(
            "The running server listens at {}, and the configuration says server.listen = \"{listen}\". Another address \
             needs a restart.",
            offer.listen
        ));
    }
    if offer.schema > SCHEMA {
        return Err(format!(
            "The running server writes a store of version {}, and this program knows {SCHEMA}. Use a newer program.",
            offer.schema
        ));
    }
    Ok(())
}

/// Receives a line with a socket beside it.
async fn receive(stream: &UnixStream) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let mut socket = None;
    let mut line = Vec::new();
    while !line.ends_with(b"\n") && line.len() < LONGEST {
        let read = stream
            .async_io(Interest::READABLE, || {
                let mut bytes = [0; LONGEST];
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut control = RecvAncillaryBuffer::new(&mut space);
                let mut parts = [IoSliceMut::new(&mut bytes)];
                let flags = RecvFlags::CMSG_CLOEXEC;
                let received = recvmsg(stream, &mut parts, &mut control, flags)?;
                for message in control.drain() {
                    if let RecvAncillaryMessage::ScmRights(sockets) = message {
                        socket = sockets.last().or(socket.take());
                    }
                }
                Ok(bytes[..received.bytes].to_vec())
            })
            .await?;
        if read.is_empty() {
            break;
        }
        line.extend(read);
    }
    Ok((line, socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(listen: &str, schema: u32) -> Offer {
        Offer {
            listen: listen.parse().unwrap(),
            schema,
            pid: 1,
            version: "0.1.0".into(),
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_before_anything_happens() {
        let check = |listen: &str, schema, wanted: &str| {
            check(&offer(listen, schema), wanted.parse().unwrap())
        };
        assert_eq!(check("127.0.0.1:8080", SCHEMA, "127.0.0.1:8080"), Ok(()));
        assert_eq!(check("127.0.0.1:40123", SCHEMA, "127.0.0.1:0"), Ok(()));
        assert_eq!(check("127.0.0.1:8080", 1, "127.0.0.1:8080"), Ok(()));
        let other = check("127.0.0.1:8080", SCHEMA, "0.0.0.0:8080").unwrap_err();
        assert!(other.contains("needs a restart"), "{other}");
        assert!(check("127.0.0.1:8080", SCHEMA, "127.0.0.1:9").is_err());
        let newer = check("127.0.0.1:8080", SCHEMA + 1, "127.0.0.1:8080").unwrap_err();
        assert!(newer.contains("newer program"), "{newer}");
    }

    #[tokio::test]
    async fn a_socket_goes_over_and_each_side_sees_the_other_leave() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (old, mut new) = UnixStream::pair().unwrap();
        let newer = async {
            let (line, socket) = receive(&new).await.unwrap();
            let offer: Offer = serde_json::from_slice(&line).unwrap();
            assert_eq!((offer.listen, offer.pid), (address, std::process::id()));
            new.write_all(READY).await.unwrap();
            TcpListener::from(socket.unwrap())
        };
        let (successor, taken) = tokio::join!(Successor::greet(old, &listener), newer);
        let mut successor = successor.unwrap();
        assert_eq!(successor.pid(), std::process::id());
        drop(listener);
        // Whoever comes while nobody accepts waits.
        let client = std::net::TcpStream::connect(address).unwrap();
        assert_eq!(taken.accept().unwrap().1, client.local_addr().unwrap());
        assert!(
            clock::timeout(Duration::from_millis(50), successor.gone())
                .await
                .is_none()
        );
        let mut predecessor = Predecessor {
            stream: new,
            pid: 1,
            version: String::new(),
            dismissed: false,
        };
        assert!(
            clock::timeout(Duration::from_millis(50), predecessor.left())
                .await
                .is_none()
        );
        successor.dismiss().await;
        assert_eq!(predecessor.left().await, Left::Dismissed);
        assert_eq!(predecessor.left().await, Left::Gone);
        let (old, new) = UnixStream::pair().unwrap();
        drop(new);
        let mut successor = Successor {
            stream: old,
            pid: 1,
        };
        successor.gone().await;
    }
}
