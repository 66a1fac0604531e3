//! The unix socket in the data folder: one JSON line asks, one JSON line answers, then it is closed.
//!
//! It exists because only one process can have the database open. Requests are carried out one after the other;
//! a client that sends nothing is given up after [`PATIENCE`].

use std::{
    fs::{File, Permissions},
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

use super::{Answer, Request, Tools};
use crate::{
    driver::clock,
    store::{DataFolder, Secret, Store},
};

/// How long the other side may take to send its line.
const PATIENCE: Duration = Duration::from_secs(10);
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

    /// Answers requests until it is dropped.
    pub async fn run(self, store: Arc<dyn Store>, secret: Secret, free_credits: Arc<AtomicU32>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let free_credits = free_credits.load(Ordering::Relaxed);
                    let served = serve(stream, store.clone(), secret.clone(), free_credits);
                    if let Some(Err(error)) = clock::timeout(PATIENCE, served).await {
                        tracing::debug!(%error, "a client of the control socket went away");
                    }
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

async fn serve(
    mut stream: UnixStream,
    store: Arc<dyn Store>,
    secret: Secret,
    free_credits: u32,
) -> io::Result<()> {
    let line = read_line(&mut stream).await?;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(request) => tokio::task::spawn_blocking(move || {
            let tools = Tools {
                store: &*store,
                secret: &secret,
                free_credits,
            };
            tools.carry_out(request, clock::wall())
        })
        .await
        .map_err(io::Error::other)?,
        Err(error) => Answer::Refused {
            error: format!(
                "The running server does not understand this request ({error}). Use the same version of \
                 agentphone for both."
            ),
        },
    };
    write_line(&mut stream, &answer).await
}

/// Asks the server that runs on this data folder.
///
/// # Errors
/// When no server answers there.
pub async fn ask(folder: &DataFolder, request: &Request) -> io::Result<Answer> {
    let path = folder.control_socket();
    let address = Address::of(&path)?;
    let mut stream = UnixStream::connect(&address.path)
        .await
        .map_err(|error| named(&path, error))?;
    let exchange = async {
        write_line(&mut stream, request).await?;
        let line = read_line(&mut stream).await?;
        serde_json::from_str(&line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    };
    let answer = clock::timeout(PATIENCE, exchange).await;
    answer.unwrap_or_else(|| {
        Err(named(
            &path,
            io::Error::new(io::ErrorKind::TimedOut, "the server does not answer"),
        ))
    })
}

async fn read_line(stream: &mut UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(MAX_LINE))
        .read_line(&mut line)
        .await?;
    Ok(line)
}

async fn write_line(stream: &mut UnixStream, message: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.shutdown().await
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
        let server = tokio::spawn(socket.run(store.clone(), secret.clone(), Arc::new(5.into())));
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
        let server = tokio::spawn(Socket::bind(&folder).unwrap().run(
            store,
            secret,
            Arc::new(5.into()),
        ));
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
