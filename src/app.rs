//! The whole program, built from its configuration: data folder, store, services, supervisor, server. `serve` runs
//! it until a signal, `demo` for one call, tests for as long as they like.
//!
//! It decides in which order things start and stop, and nothing else. What they are made of is in `app/parts.rs`; how
//! they are changed while calls run, in `app/reload.rs`.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch as latest},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

mod leave;
mod parts;
mod reload;

use crate::{
    admin::{
        Standing, Tools,
        socket::{Errand, Host, Socket},
    },
    bus::Bus,
    config::{Config, Services},
    driver::clock,
    provider::ProviderError,
    server,
    store::{Cache, DataFolder, RedbStore, Secret, Store, StoreError},
    supervisor::{Parts, Reception, Supervisor},
    watch,
    webhooks::Courier,
};

/// How large the cache may become, in bytes.
const CACHE_BYTES: u64 = 64 << 20;
/// How often a database that is in use is tried again: `agentphone keys` has it for an instant.
const TRIES: u32 = 40;
/// How often, when another process is about to let go of it.
const TRIES_AFTER: u32 = 600;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Why the program does not start: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// What is done for those who call, by line. The sender changes it.
type Desks = HashMap<&'static str, latest::Sender<Option<Reception>>>;

/// A running program. Dropped without [`App::stop`], it ends as if it had been killed.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    public_url: String,
    sign_in_link: String,
    folder: DataFolder,
    secret: Secret,
    cache: Cache,
    free_credits: Arc<AtomicU32>,
    supervisor: Supervisor,
    interface: server::App,
    server: AbortOnDropHandle<()>,
    admin: AbortOnDropHandle<()>,
    errands: tokio::sync::Mutex<mpsc::Receiver<Errand>>,
    standing: Arc<Mutex<Standing>>,
    /// The listening socket once more, to be given to another process.
    listener: std::net::TcpListener,
    courier: Arc<Courier>,
    delivery: AbortOnDropHandle<()>,
    /// Deletes what is old; started anew when that changes.
    retention: Mutex<AbortOnDropHandle<()>>,
    desks: Mutex<Desks>,
    /// Tasks that run as long as the program.
    running: Mutex<Vec<AbortOnDropHandle<()>>>,
    closing: CancellationToken,
    /// By what all of this was made.
    config: Arc<RwLock<Config>>,
    /// Where that came from, besides the environment.
    file: Arc<OnceLock<PathBuf>>,
    services: Mutex<Services>,
    /// One change at a time.
    changing: tokio::sync::Mutex<()>,
}

impl App {
    /// Starts everything and returns when the server takes requests. `data` is the data folder.
    ///
    /// # Errors
    /// When the address or the data folder cannot be used, or a service cannot be made.
    pub async fn start(config: &Config, data: &Path) -> Result<Self, StartError> {
        Self::start_with(config, data, Services::new).await
    }

    /// Does as [`App::start`], with a socket that listens already.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_on(
        listener: std::net::TcpListener,
        config: &Config,
        data: &Path,
    ) -> Result<Self, StartError> {
        Self::begin(Some(listener), config, data, Services::new).await
    }

    /// Does as [`App::start`], with services and lines that `services` makes of the configuration, the cache and the public
    /// address.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_with(
        config: &Config,
        data: &Path,
        services: impl FnOnce(&Config, Cache, &str) -> Result<Services, ProviderError>,
    ) -> Result<Self, StartError> {
        Self::begin(None, config, data, services).await
    }

    async fn begin(
        listener: Option<std::net::TcpListener>,
        config: &Config,
        data: &Path,
        services: impl FnOnce(&Config, Cache, &str) -> Result<Services, ProviderError>,
    ) -> Result<Self, StartError> {
        watch::start();
        let folder = DataFolder::open(data)?;
        // The process that gave its socket is gone, or goes this instant.
        let tries = if listener.is_some() {
            TRIES_AFTER
        } else {
            TRIES
        };
        let store: Arc<dyn Store> = Arc::new(open_store(&folder, tries).await?);
        folder.sweep();
        let secret = Secret::open(&folder.secret())?;
        // Whoever finds the database in use asks here, so this comes right after it.
        let socket = Socket::bind(&folder)
            .map_err(|error| StartError(format!("The control socket cannot be made: {error}.")))?;
        let free_credits = Arc::new(AtomicU32::new(config.billing.free_credits));
        let (host, errands, standing) =
            Host::new(store.clone(), secret.clone(), free_credits.clone());
        let admin = spawn(socket.run(host));
        let (listener, spare, address) = listen(config.server.listen, listener).await?;
        let public_url = config.public_url(address);
        let billing = parts::shop(config, store.clone(), &public_url)?;
        let watch = parts::watch_calls(config, &folder)?;
        let room = watch.room.clone();
        let courier = parts::courier(config, &folder, &store, &secret, &public_url)?;
        let tls = parts::tls(config)?;
        let settings = parts::settings(config, &folder, &public_url)?;
        let cache = Cache::open(&folder.cache().join("sled"), CACHE_BYTES);
        let reader = parts::reader(config, &cache)?;
        let services = services(config, cache.clone(), &public_url)
            .map_err(|error| StartError(error.to_string()))?;
        let supervisor = Supervisor::new(Parts {
            store: store.clone(),
            bus: Bus::default(),
            lines: services.lines.clone(),
            stt: services.stt.clone(),
            llm: services.llm.clone(),
            tts: services.tts.clone(),
            reader,
            settings,
            watch,
        });
        let recovered = supervisor.recover().await;
        let (queued, interrupted) = recovered.map_err(|error| StartError(error.to_string()))?;
        let webhooks = store.count_waiting_webhooks()?;
        tracing::info!(
            queued,
            interrupted,
            webhooks,
            "found this of the last run: calls that waited, calls that it cut off, webhooks that are not delivered"
        );
        let retention = config.retention.rules();
        let retention = spawn(retention.run(store.clone(), folder.recordings()));
        let running = vec![spawn(room.watch()), spawn(parts::upkeep())];
        let config = Arc::new(RwLock::new(config.clone()));
        let (inspected, current) = (config.clone(), copy(&config));
        let file: Arc<OnceLock<PathBuf>> = Arc::default();
        let (from, place) = (file.clone(), folder.clone());
        let lines = line_names(&services);
        let settings = parts::interface(&current, lines, &public_url, billing, tls);
        let interface =
            server::App::new(supervisor.clone(), secret.clone(), settings).inspected(move || {
                let (config, from, place) = (copy(&inspected), from.clone(), place.clone());
                Box::pin(async move {
                    parts::inspect(config, &place, from.get().map(PathBuf::as_path)).await
                })
            });
        let closing = CancellationToken::new();
        let courier = Arc::new(courier);
        let app = Self {
            address,
            public_url,
            sign_in_link: interface.sign_in_link(current.billing.free_credits),
            folder,
            secret,
            cache,
            free_credits,
            supervisor,
            server: spawn(server::serve(listener, interface.clone(), closing.clone())),
            interface,
            admin,
            errands: tokio::sync::Mutex::new(errands),
            standing,
            listener: spare,
            delivery: spawn(courier.clone().run(closing.clone())),
            courier,
            retention: Mutex::new(retention),
            desks: Mutex::default(),
            running: Mutex::new(running),
            closing,
            config,
            file,
            services: Mutex::new(services),
            changing: tokio::sync::Mutex::default(),
        };
        app.receive(&current).await?;
        app.stands(|standing| standing.listen = Some(address));
        Ok(app)
    }

    /// Returns where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address by which clients reach it.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Says from which file the configuration came, for those who look at what is in use.
    pub fn is_configured_by(&self, file: &Path) {
        // It comes from one file for good.
        let _ = self.file.set(file.to_owned());
    }

    /// Returns the link by which one person can sign in with a browser, once.
    #[must_use]
    pub fn sign_in_link(&self) -> &str {
        &self.sign_in_link
    }

    /// Returns where the recording of a call lies.
    #[must_use]
    pub fn recording(&self, call: &str) -> PathBuf {
        self.folder.recordings().join(format!("{call}.wav"))
    }

    /// Returns what makes keys while the program runs.
    #[must_use]
    pub fn tools(&self) -> Tools<'_> {
        Tools {
            store: &**self.supervisor.store(),
            secret: &self.secret,
            free_credits: self.free_credits.load(Ordering::Relaxed),
        }
    }

    /// Returns how many calls have not ended.
    #[must_use]
    pub fn live_calls(&self) -> usize {
        self.supervisor.live_calls()
    }

    /// Returns the configuration that is in force.
    #[must_use]
    pub fn config(&self) -> Config {
        copy(&self.config)
    }
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

fn copy(config: &RwLock<Config>) -> Config {
    // Nothing panics while it is held.
    config
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

fn line_names(services: &Services) -> Vec<String> {
    let lines = services.lines.iter();
    lines.map(|line| line.name().to_owned()).collect()
}

async fn open_store(folder: &DataFolder, tries: u32) -> Result<RedbStore, StoreError> {
    for _ in 1..tries {
        match RedbStore::open(&folder.database()) {
            Err(error) if error.is_locked() => clock::sleep(PAUSE).await,
            opened => return opened,
        }
    }
    RedbStore::open(&folder.database())
}

/// Listens at an address, or goes on with a socket that does. The socket comes twice: the second one is given to another
/// process, when one takes over.
async fn listen(
    address: SocketAddr,
    listener: Option<std::net::TcpListener>,
) -> Result<(TcpListener, std::net::TcpListener, SocketAddr), StartError> {
    let bound = async {
        let listener = match listener {
            Some(listener) => listener,
            None => TcpListener::bind(address).await?.into_std()?,
        };
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let spare = listener.try_clone()?;
        Ok::<_, std::io::Error>((TcpListener::from_std(listener)?, spare, address))
    };
    bound.await.map_err(|error| {
        StartError(format!(
            "Cannot listen at {address}: {error}. Stop what uses the port, or choose another address with --listen."
        ))
    })
}
