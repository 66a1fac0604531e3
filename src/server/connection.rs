//! Connections: accepting them, the limits on their number and on slow and silent ones, and letting them finish at the end.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use super::{App, handle, polite::Polite, tls::Tls};
use crate::{driver::clock, watch};

/// How long a request's headers may take, and how long a connection may rest between requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the handshake of TLS may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of request headers.
const MAX_HEADER_BYTES: u32 = 32 * 1024;
/// Requests at the same time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// How often a silent HTTP/2 connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long connections and sockets get to finish when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a new connection gets for its first request when another process takes over.
const FIRST_REQUEST: Duration = Duration::from_secs(2);
/// The pause after a connection could not be accepted (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who may come in.
#[derive(Debug, Clone)]
pub struct Doors {
    /// Connections at the same time; further ones wait in the system's queue.
    pub max_connections: usize,
    /// Connections at the same time from one address; further ones are closed at once.
    pub max_per_address: usize,
    /// Encryption, if any.
    pub tls: Option<Tls>,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_per_address: 1024,
            tls: None,
        }
    }
}

/// How many connections each address has.
#[derive(Debug, Clone, Default)]
pub(super) struct Guests(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Guests {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        // A panic while it was held leaves a count that is at worst one off.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many connections there are.
    pub(super) fn count(&self) -> usize {
        self.lock().values().sum()
    }

    /// Counts a connection until the guest is dropped; `None` when its address has `most` already. A whole IPv6
    /// network of 64 bits counts as one address, for that is what one customer gets.
    fn admit(&self, address: IpAddr, most: usize) -> Option<Guest> {
        let address = match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => v4,
        };
        let mut guests = self.lock();
        let count = guests.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(guests);
        Some(Guest(self.clone(), address))
    }
}

/// One counted connection.
struct Guest(Guests, IpAddr);

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.0.lock();
        if let Some(count) = guests.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                guests.remove(&self.1);
            }
        }
    }
}

/// Serves HTTP/1.1 and HTTP/2 on `listener` until `shutdown`, then lets open requests finish and closes live
/// sockets, for a few seconds at most.
pub async fn serve(listener: TcpListener, app: App, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    let doors = app.settings().doors.clone();
    let acceptor = doors.tls.as_ref().map(Tls::acceptor);
    let _renewal = doors
        .tls
        .clone()
        .map(|tls| AbortOnDropHandle::new(tokio::spawn(tls.watch())));
    let permits = Arc::new(Semaphore::new(doors.max_connections));
    loop {
        let permit = permits.clone().acquire_owned();
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = async { (permit.await, listener.accept().await) } => accepted,
        };
        match accepted {
            (permit, Ok((stream, peer))) => {
                let Some(guest) = app.guests.admit(peer.ip(), doors.max_per_address) else {
                    watch::connection_refused("too_many_from_one_address");
                    continue;
                };
                let (app, shutdown, acceptor) = (app.clone(), shutdown.clone(), acceptor.clone());
                connections.spawn(async move {
                    greet(stream, peer, app, acceptor, shutdown).await;
                    drop((permit, guest));
                });
            }
            (_, Err(error)) if is_about_one_connection(&error) => {}
            (_, Err(error)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                clock::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    app.closing.cancel();
    connections.close();
    app.sockets.close();
    let finished = async { tokio::join!(connections.wait(), app.sockets.wait()) };
    if clock::timeout(FAREWELL, finished).await.is_none() {
        tracing::info!("some connections did not finish in time and are cut");
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Begins a connection, with TLS where it is spoken.
async fn greet(
    stream: TcpStream,
    peer: SocketAddr,
    app: App,
    acceptor: Option<TlsAcceptor>,
    shutdown: CancellationToken,
) {
    // Live events are small and must not wait for each other.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        return connection(stream, peer, app, shutdown).await;
    };
    match clock::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Some(Ok(stream)) => connection(stream, peer, app, shutdown).await,
        Some(Err(error)) => {
            watch::connection_refused("tls");
            tracing::debug!(%error, "a client and the server do not agree on TLS");
        }
        None => watch::connection_refused("tls"),
    }
}

async fn connection<S>(stream: S, peer: SocketAddr, app: App, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let spoke = Arc::new(AtomicBool::new(false));
    let first = Arc::new(Notify::new());
    let service = service_fn(|request: Request<Incoming>| {
        if !spoke.swap(true, Ordering::Relaxed) {
            first.notify_one();
        }
        let answer = handle(app.clone(), peer.ip(), request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let builder = builder();
    let stream = TokioIo::new(Polite::new(stream));
    let mut connection = pin!(builder.serve_connection_with_upgrades(stream, service));
    let mut silence = pin!(clock::sleep(HEADER_TIMEOUT));
    let mut silent_so_far = true;
    let mut open = true;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error, "a connection ended badly");
                }
                return;
            }
            () = leaves(&app, &shutdown, &spoke, &first), if open => {
                open = false;
                connection.as_mut().graceful_shutdown();
            }
            () = silence.as_mut(), if silent_so_far => {
                silent_so_far = false;
                if !spoke.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }
}

/// Waits until a connection should take no further request. One that has not brought any yet is given the time for it:
/// its client has opened it for a request that is on its way.
async fn leaves(app: &App, shutdown: &CancellationToken, spoke: &AtomicBool, first: &Notify) {
    shutdown.cancelled().await;
    if app.leaving.is_cancelled() && !spoke.load(Ordering::Relaxed) {
        let _ = clock::timeout(FIRST_REQUEST, first.notified()).await;
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES as usize)
        // A client that closed its sending side still wants its answer.
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_share_and_a_network_of_ipv6_is_one() {
        let guests = Guests::default();
        let admit = |address: &str| guests.admit(address.parse().unwrap(), 2);
        let first = admit("192.0.2.1");
        let _second = admit("::ffff:192.0.2.1");
        assert!(first.is_some() && admit("192.0.2.1").is_none());
        let _others = (
            admit("192.0.2.2"),
            admit("2001:db8::1"),
            admit("2001:db8::2"),
        );
        assert!(admit("2001:db8::3").is_none() && admit("2001:db8:0:1::3").is_some());
        assert_eq!(guests.count(), 5);
        drop(first);
        assert!(admit("192.0.2.1").is_some());
        assert_eq!(guests.count(), 4);
    }
}
