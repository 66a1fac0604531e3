//! The unix socket in the data folder: one JSON line asks, one JSON line answers, then it is closed.
//!
//! It exists because only one process can have the database open. A client that sends nothing is given up after
//! [`PATIENCE`]. What concerns the program as a whole is passed on as an [`Errand`].

use std::{
    fs::{File, Permissions},
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{Answer, Request, Standing, Tools};
use crate::{
    driver::clock,
    store::{DataFolder, Secret, Store},
};

/// How long the other side may take to send its line.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a new program may take to start.
const UPGRADE: Duration = Duration::from_secs(70);
/// How long a copy of the database may take.
const COPY: Duration = Duration::from_secs(900);
/// Clients at the same time; further ones wait.
const AT_ONCE: usize = 16;
/// Errands that wait; further ones are refused.
const ERRANDS: usize = 4;
/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 64 << 20;
/// The longest path that fits into a socket's address everywhere (104 bytes on BSD, 108 on Linux, with the zero).
const MAX_ADDRESS: usize = 100;

/// The server's end. Its file goes away with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Makes the socket. The caller holds the database, so whatever lies at its place is left from a dead server.
    ///
    /// # Errors
    /// When the file cannot be made; the sentence names it.
    pub fn bind(folder: &DataFolder) -> io::Result<Self> {
        let path = folder.control_socket();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(named(&path, error));
            }
            _ => {}
        }
        let address = Address::of(&path)?;
        let listener = UnixListener::bind(&address.path).map_err(|error| named(&path, error))?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))
            .map_err(|error| named(&path, error))?;
        Ok(Self { listener, path })
    }

    /// Answers requests until it is dropped, a few at the same time.
    pub async fn run(self, host: Host) {
        let host = Arc::new(host);
        let mut clients = JoinSet::new();
        loop {
            if clients.len() >= AT_ONCE {
                clients.join_next().await;
            }
            while clients.try_join_next().is_some() {}
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let host = host.clone();
                    clients.spawn(async move {
                        if let Err(error) = serve(stream, &host).await {
                            tracing::debug!(%error, "a client of the control socket went away");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket could not take a client; trying again");
                    clock::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What the socket's end of a running server works with.
#[derive(Debug)]
pub struct Host {
    store: Arc<dyn Store>,
    secret: Secret,
    free_credits: Arc<AtomicU32>,
    standing: Arc<Mutex<Standing>>,
    errands: mpsc::Sender<Errand>,
}

/// What is asked of the program as a whole. Who runs the program carries it out.
#[derive(Debug)]
pub enum Errand {
    /// To replace itself.
    Upgrade {
        /// By this program.
        program: PathBuf,
        /// Gets the answer.
        answer: oneshot::Sender<Answer>,
    },
    /// To give way to the process at the other end.
    TakeOver {
        /// Its version.
        version: String,
        /// The connection to it.
        stream: UnixStream,
    },
}

impl Host {
    /// Makes it, with what gets the errands. A server that leaves them lying cannot be replaced while it runs.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        secret: Secret,
        free_credits: Arc<AtomicU32>,
    ) -> (Self, mpsc::Receiver<Errand>, Arc<Mutex<Standing>>) {
        let (errands, receiver) = mpsc::channel(ERRANDS);
        let standing = Arc::new(Mutex::new(Standing {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Standing::default()
        }));
        let host = Self {
            store,
            secret,
            free_credits,
            standing: standing.clone(),
            errands,
        };
        (host, receiver, standing)
    }

    async fn carry_out(&self, request: Request) -> io::Result<Answer> {
        match request {
            Request::Status => {
                let standing = self.standing.lock();
                let standing = standing.unwrap_or_else(PoisonError::into_inner).clone();
                let store = self.store.clone();
                let waiting = move || store.count_waiting_webhooks();
                let counted = tokio::task::spawn_blocking(waiting).await;
                let webhooks = counted.map_err(io::Error::other)?.unwrap_or_default();
                Ok(Answer::Server(Standing {
                    webhooks,
                    ..standing
                }))
            }
            Request::Upgrade { program } => {
                let (answer, told) = oneshot::channel();
                let sent = self.errands.try_send(Errand::Upgrade { program, answer });
                let told = match sent {
                    Ok(()) => clock::timeout(UPGRADE, told).await.and_then(Result::ok),
                    Err(_) => None,
                };
                Ok(told.unwrap_or_else(|| {
                    refused("This server cannot be replaced while it runs, or is about to end.")
                }))
            }
            request => {
                let (store, secret) = (self.store.clone(), self.secret.clone());
                let free_credits = self.free_credits.load(Ordering::Relaxed);
                let work = move || {
                    let tools = Tools {
                        store: &*store,
                        secret: &secret,
                        free_credits,
                    };
                    tools.carry_out(request, clock::wall())
                };
                tokio::task::spawn_blocking(work)
                    .await
                    .map_err(io::Error::other)
            }
        }
    }
}

fn refused(error: impl Into<String>) -> Answer {
    Answer::Refused {
        error: error.into(),
    }
}

async fn serve(mut stream: UnixStream, host: &Host) -> io::Result<()> {
    let asked = clock::timeout(PATIENCE, read_line(&mut stream)).await;
    let line = asked.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))?;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(Request::TakeOver { version }) => {
            // The connection goes with it; dropped, it tells the other end.
            let sent = host.errands.try_send(Errand::TakeOver { version, stream });
            return sent.map_err(|_| io::ErrorKind::ConnectionRefused.into());
        }
        Ok(request) => host.carry_out(request).await?,
        Err(error) => refused(format!(
            "The running server does not understand this request ({error}). Use the same version of agentphone for \
             both."
        )),
    };
    let told = clock::timeout(PATIENCE, write_line(&mut stream, &answer)).await;
    told.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

/// Asks the server that runs on this data folder.
///
/// # Errors
/// When no server answers there.
pub async fn ask(folder: &DataFolder, request: &Request) -> io::Result<Answer> {
    let patience = match request {
        Request::Upgrade { .. } => UPGRADE + PATIENCE,
        Request::Snapshot { .. } => COPY,
        _ => PATIENCE,
    };
    let exchange = async {
        let mut stream = open(folder, request).await?;
        stream.shutdown().await?;
        let line = read_line(&mut stream).await?;
        serde_json::from_str(&line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    };
    let answer = clock::timeout(patience, exchange).await;
    answer.unwrap_or_else(|| {
        let silent = io::Error::new(io::ErrorKind::TimedOut, "the server does not answer");
        Err(named(&folder.control_socket(), silent))
    })
}

/// Connects to the server that runs on this data folder and sends it a request; what it answers is for the caller to read.
///
/// # Errors
/// When no server is there.
pub async fn open(folder: &DataFolder, request: &Request) -> io::Result<UnixStream> {
    let path = folder.control_socket();
    let address = Address::of(&path)?;
    let mut stream = UnixStream::connect(&address.path)
        .await
        .map_err(|error| named(&path, error))?;
    stream.write_all(&line_of(request)?).await?;
    Ok(stream)
}

async fn read_line(stream: &mut UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(MAX_LINE))
        .read_line(&mut line)
        .await?;
    Ok(line)
}

async fn write_line(stream: &mut UnixStream, message: &impl serde::Serialize) -> io::Result<()> {
    stream.write_all(&line_of(message)?).await?;
    stream.shutdown().await
}

fn line_of(message: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// A socket's path in a form that fits: long ones are reached through an open folder.
struct Address {
    path: PathBuf,
    /// Keeps the number in `path` valid.
    _folder: Option<File>,
}

impl Address {
    fn of(path: &Path) -> io::Result<Self> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(named(path, io::ErrorKind::InvalidInput.into()));
        };
        if path.as_os_str().len() <= MAX_ADDRESS {
            return Ok(Self {
                path: path.to_owned(),
                _folder: None,
            });
        }
        let folder = File::open(folder).map_err(|error| named(folder, error))?;
        let through = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
        Ok(Self {
            path: through,
            _folder: Some(folder),
        })
    }
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RedbStore;

    async fn round_trip(depth: usize) {
        let dir = tempfile::tempdir().unwrap();
        let path = (0..depth).fold(dir.path().to_owned(), |path, _| {
            path.join("a-rather-long-name")
        });
        let folder = DataFolder::open(&path).unwrap();
        let store: Arc<dyn Store> = Arc::new(RedbStore::open(&folder.database()).unwrap());
        let secret = Secret::open(&folder.secret()).unwrap();
        // A server that was killed leaves its file behind.
        std::fs::write(folder.control_socket(), "").unwrap();
        let socket = Socket::bind(&folder).unwrap();
        let mode = std::fs::metadata(folder.control_socket())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let (host, _errands, _) = Host::new(store.clone(), secret.clone(), Arc::new(5.into()));
        let server = tokio::spawn(socket.run(host));
        let create = Request::CreateKey {
            account: Some("nopa".into()),
            name: "laptop".into(),
            mode: protocol::ids::KeyMode::Live,
            scopes: protocol::rest::Scopes::default(),
            expires_at: None,
        };
        let Answer::Created(issued) = ask(&folder, &create).await.unwrap() else {
            panic!("no key");
        };
        assert_eq!((issued.credits, issued.new_account), (5, true));
        let found = store
            .find_key(&secret.hash_key(&issued.key))
            .unwrap()
            .unwrap();
        assert_eq!(found.id, issued.id);
        let revoked = ask(
            &folder,
            &Request::RevokeKey {
                id: issued.id.clone(),
            },
        )
        .await
        .unwrap();
        assert_eq!(revoked, Answer::Revoked { id: issued.id });
        let Answer::Keys { keys } = ask(&folder, &Request::ListKeys).await.unwrap() else {
            panic!("no list");
        };
        assert!(keys.len() == 1 && keys[0].revoked_at.is_some());
        let Answer::Created(second) = ask(&folder, &create).await.unwrap() else {
            panic!("no key");
        };
        assert!(!second.new_account && second.account == issued.account);
        server.abort();
        let _ = server.await;
        assert!(!folder.control_socket().exists());
        ask(&folder, &Request::ListKeys).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_running_server_makes_lists_and_revokes_keys() {
        round_trip(1).await;
    }

    #[tokio::test]
    async fn paths_longer_than_a_socket_address_work() {
        round_trip(9).await;
    }

    #[tokio::test]
    async fn nonsense_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let store = Arc::new(RedbStore::open(&folder.database()).unwrap());
        let secret = Secret::open(&folder.secret()).unwrap();
        let (host, _errands, _) = Host::new(store, secret, Arc::new(5.into()));
        let server = tokio::spawn(Socket::bind(&folder).unwrap().run(host));
        for nonsense in [
            &b"\n"[..],
            b"{\"do\": \"dance\"}\n",
            b"\xff\xfe\n",
            b"no line end",
        ] {
            let mut stream = UnixStream::connect(folder.control_socket()).await.unwrap();
            stream.write_all(nonsense).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(
                nonsense[0] == 0xff || answer.contains("does not understand"),
                "{answer}"
            );
        }
        assert!(matches!(
            ask(&folder, &Request::ListKeys).await.unwrap(),
            Answer::Keys { .. }
        ));
        server.abort();
    }
}
