//! Connections: accepting them, the limits on slow and silent ones, and letting them finish at the end.

use std::{
    convert::Infallible,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{App, handle};
use crate::driver::clock;

/// Connections at the same time; further ones wait in the system's queue.
const MAX_CONNECTIONS: usize = 4096;
/// How long a request's headers may take, and how long a connection may rest between requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of request headers.
const MAX_HEADER_BYTES: u32 = 32 * 1024;
/// Requests at the same time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// How often a silent HTTP/2 connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long connections and sockets get to finish when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// The pause after a connection could not be accepted (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 and HTTP/2 on `listener` until `shutdown`, then lets open requests finish and closes live
/// sockets, for a few seconds at most.
pub async fn serve(listener: TcpListener, app: App, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = permits.clone().acquire_owned();
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = async { (permit.await, listener.accept().await) } => accepted,
        };
        match accepted {
            (permit, Ok((stream, _))) => {
                let (app, shutdown) = (app.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection(stream, app, shutdown).await;
                    drop(permit);
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

async fn connection(stream: TcpStream, app: App, shutdown: CancellationToken) {
    // Live events are small and must not wait for each other.
    let _ = stream.set_nodelay(true);
    let spoke = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request| {
        spoke.store(true, Ordering::Relaxed);
        let answer = handle(app.clone(), request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let builder = builder();
    let mut connection =
        pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
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
            () = shutdown.cancelled(), if open => {
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
