//! The whole program, built from its configuration: data folder, store, services, supervisor, server. `serve` runs
//! it until a signal, `demo` for one call, tests for as long as they like.
//!
//! It decides in which order things start and stop, and nothing else.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use call::CallConfig;
use protocol::{phone::PhoneRules, rest::Offer};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    admin::{Tools, socket::Socket},
    billing::Billing,
    bus::Bus,
    config::{self, Check, Config, Services},
    driver::clock,
    links::Links,
    net::guard::Guard,
    provider::ProviderError,
    server,
    store::{Cache, DataFolder, RedbStore, Secret, Store, StoreError},
    supervisor::{Parts, Reception, Settings, Supervisor},
    watch::{self, Watch, room::Room, trace::Tracer},
    webhooks::{self, Courier},
};

/// How large the cache may become, in bytes.
const CACHE_BYTES: u64 = 64 << 20;
/// How often a database that is in use is tried again: `agentphone keys` has it for an instant.
const TRIES: u32 = 40;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// How long attempts to deliver webhooks get to finish when the program stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// The longest conversation with somebody who calls, in seconds, as it is for calls that do not say.
const INCOMING_SECONDS: u32 = 600;

/// Why the program does not start: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// A running program. Dropped without [`App::stop`], it ends as if it had been killed.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    public_url: String,
    sign_in_link: String,
    folder: DataFolder,
    secret: Secret,
    free_credits: u32,
    supervisor: Supervisor,
    server: AbortOnDropHandle<()>,
    admin: AbortOnDropHandle<()>,
    courier: AbortOnDropHandle<()>,
    /// Tasks that run as long as the program.
    _running: Vec<AbortOnDropHandle<()>>,
    closing: CancellationToken,
}

impl App {
    /// Starts everything and returns when the server takes requests. `data` is the data folder.
    ///
    /// # Errors
    /// When the address or the data folder cannot be used, or a service cannot be made.
    pub async fn start(config: &Config, data: &Path) -> Result<Self, StartError> {
        Self::start_with(config, data, Services::new).await
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
        watch::start();
        let folder = DataFolder::open(data)?;
        let store: Arc<dyn Store> = Arc::new(open_store(&folder).await?);
        let secret = Secret::open(&folder.secret())?;
        // Whoever finds the database in use asks here, so this comes right after it.
        let socket = Socket::bind(&folder)
            .map_err(|error| StartError(format!("The control socket cannot be made: {error}.")))?;
        let free_credits = config.billing.free_credits;
        let admin = socket.run(store.clone(), secret.clone(), free_credits);
        let admin = AbortOnDropHandle::new(tokio::spawn(admin));
        let (listener, address) = listen(config.server.listen).await?;
        let public_url = config.public_url(address);
        let billing = shop(config, store.clone(), &public_url)?;
        let watch = watch_calls(config, &folder)?;
        let room = watch.room.clone();
        let guard = config.net.guard();
        let courier = courier(config, &folder, &store, &secret, &guard, &public_url)?;
        let (supervisor, lines) = supervise(config, &folder, store, &public_url, watch, services)?;
        let recovered = supervisor.recover().await;
        let (queued, interrupted) = recovered.map_err(|error| StartError(error.to_string()))?;
        let webhooks = supervisor.store().count_waiting_webhooks()?;
        tracing::info!(
            queued,
            interrupted,
            webhooks,
            "found this of the last run: calls that waited, calls that it cut off, webhooks that are not delivered"
        );
        let mut running = receive(config, &supervisor).await?;
        let retention = config.retention.rules();
        let retention = retention.run(supervisor.store().clone(), folder.recordings());
        running.push(AbortOnDropHandle::new(tokio::spawn(retention)));
        running.push(AbortOnDropHandle::new(tokio::spawn(room.watch())));
        running.push(AbortOnDropHandle::new(tokio::spawn(upkeep())));
        let app = server::App::new(
            supervisor.clone(),
            secret.clone(),
            interface(config, lines, &public_url, billing, guard)?,
        );
        let inspected = config.clone();
        let app = app.inspected(move || Box::pin(inspect(inspected.clone())));
        let sign_in_link = app.sign_in_link(free_credits);
        let closing = CancellationToken::new();
        let courier = courier.run(closing.clone());
        let courier = AbortOnDropHandle::new(tokio::spawn(courier));
        let server = server::serve(listener, app, closing.clone());
        let server = AbortOnDropHandle::new(tokio::spawn(server));
        Ok(Self {
            address,
            public_url,
            sign_in_link,
            folder,
            secret,
            free_credits,
            supervisor,
            server,
            admin,
            courier,
            _running: running,
            closing,
        })
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
            free_credits: self.free_credits,
        }
    }

    /// Returns how many calls have not ended.
    #[must_use]
    pub fn live_calls(&self) -> usize {
        self.supervisor.live_calls()
    }

    /// Stops: takes no new calls, lets running ones end politely within the configured time, closes the server.
    pub async fn stop(self) {
        self.supervisor.drain().await;
        self.closing.cancel();
        let _ = self.server.await;
        // What is not delivered by now is delivered after the next start.
        let _ = clock::timeout(FAREWELL, self.courier).await;
        self.admin.abort();
        let _ = self.admin.await;
    }
}

async fn open_store(folder: &DataFolder) -> Result<RedbStore, StoreError> {
    for _ in 1..TRIES {
        match RedbStore::open(&folder.database()) {
            Err(error) if error.is_locked() => clock::sleep(PAUSE).await,
            opened => return opened,
        }
    }
    RedbStore::open(&folder.database())
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, address))
    };
    bound.await.map_err(|error| {
        StartError(format!(
            "Cannot listen at {address}: {error}. Stop what uses the port, or choose another address with --listen."
        ))
    })
}

fn supervise(
    config: &Config,
    folder: &DataFolder,
    store: Arc<dyn Store>,
    public_url: &str,
    watch: Watch,
    services: impl FnOnce(&Config, Cache, &str) -> Result<Services, ProviderError>,
) -> Result<(Supervisor, Vec<String>), StartError> {
    let cache = Cache::open(&folder.cache().join("sled"), CACHE_BYTES);
    let reader = config.reader(cache.clone()).map_err(StartError)?;
    let services =
        services(config, cache, public_url).map_err(|error| StartError(error.to_string()))?;
    let settings = Settings {
        max_concurrent: config.calls.max_concurrent,
        policy: config.policy().map_err(StartError)?,
        ring_timeout: config.calls.ring_timeout(),
        drain: config.calls.drain(),
        call: config.llm.patience.apply(CallConfig {
            patience: config.calls.patience,
            max_duration: config.calls.max_duration(),
            ..CallConfig::default()
        }),
        recordings: folder.recordings(),
        buy_credits_url: config.buy_credits_url(public_url),
    };
    let lines = services
        .lines
        .iter()
        .map(|line| line.name().to_owned())
        .collect();
    let supervisor = Supervisor::new(Parts {
        store,
        bus: Bus::default(),
        lines: services.lines,
        stt: services.stt,
        llm: services.llm,
        tts: services.tts,
        reader,
        settings,
        watch,
    });
    Ok((supervisor, lines))
}

fn watch_calls(config: &Config, folder: &DataFolder) -> Result<Watch, StartError> {
    let trace = &config.trace;
    let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let authorization = set(&trace.authorization.0);
    let tracer = set(&trace.otlp_endpoint)
        .map(|endpoint| Tracer::start(&endpoint, authorization.as_deref()))
        .transpose()
        .map_err(|error| StartError(format!("Traces cannot be sent as configured: {error}.")))?;
    Ok(Watch {
        room: Room::of(folder.path(), config.data.reserve()),
        tracer,
    })
}

fn courier(
    config: &Config,
    folder: &DataFolder,
    store: &Arc<dyn Store>,
    secret: &Secret,
    guard: &Guard,
    public_url: &str,
) -> Result<Courier, StartError> {
    let settings = webhooks::Settings {
        timeout: config.webhooks.timeout(),
        pauses: config.webhooks.pauses().collect(),
        guard: guard.clone(),
        recordings: folder.recordings(),
    };
    let links = Links::new(secret.clone(), public_url.to_owned());
    Courier::new(store.clone(), secret.clone(), links, settings)
        .map_err(|error| StartError(format!("No client for webhooks can be made: {error}.")))
}

/// Gathers what was counted, again and again.
async fn upkeep() {
    loop {
        clock::sleep(watch::UPKEEP).await;
        watch::upkeep();
    }
}

/// Starts to take the calls that come in on the lines.
async fn receive(
    config: &Config,
    supervisor: &Supervisor,
) -> Result<Vec<AbortOnDropHandle<()>>, StartError> {
    let mut receptions = Vec::new();
    for line in supervisor.lines() {
        let Some(inbound) = config.reception(line.name()) else {
            continue;
        };
        let Some(calls) = line.incoming() else {
            continue;
        };
        let reception = reception(config, supervisor, inbound).await?;
        let (supervisor, line) = (supervisor.clone(), line.clone());
        let receive = async move { supervisor.receive(line, calls, reception).await };
        receptions.push(AbortOnDropHandle::new(tokio::spawn(receive)));
    }
    Ok(receptions)
}

/// What is done for those who call, with the account that sees it made when there is none.
async fn reception(
    config: &Config,
    supervisor: &Supervisor,
    inbound: &config::Reception,
) -> Result<Reception, StartError> {
    let (store, name) = (supervisor.store().clone(), inbound.account.clone());
    let credits = config.billing.free_credits;
    let account = tokio::task::spawn_blocking(move || match store.account_named(&name)? {
        Some(account) => Ok(account),
        None => store.create_account(&name, credits, clock::wall()),
    });
    let account = account
        .await
        .map_err(|error| StartError(error.to_string()))??;
    let set = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned());
    Ok(Reception {
        account: account.id,
        objective: inbound.objective.clone(),
        instructions: set(&inbound.instructions),
        first_message: set(&inbound.first_message),
        language: protocol::language::DEFAULT.to_owned(),
        max_duration_seconds: config.calls.max_duration_seconds.min(INCOMING_SECONDS),
    })
}

/// Finds out what is in use and whether it works, as `doctor` does.
async fn inspect(config: Config) -> Vec<server::Finding> {
    let mut findings = Vec::new();
    for part in config.parts(Check::Everything).await {
        let (state, text) = match part.state {
            Ok(text) => (server::State::Good, text),
            Err(problem) => (server::State::Bad, problem),
        };
        let finding = |state, text| server::Finding {
            role: part.role.to_owned(),
            state,
            text,
        };
        findings.push(finding(state, text));
        if let Some(better) = part.better {
            findings.push(finding(server::State::Note, format!("Better: {better}")));
        }
    }
    findings
}

fn shop(config: &Config, store: Arc<dyn Store>, public_url: &str) -> Result<Billing, StartError> {
    let service = config.billing.stripe.service(public_url);
    let service = service.map_err(StartError)?;
    Ok(Billing::new(
        store,
        config.buy_credits_url(public_url),
        service,
    ))
}

fn interface(
    config: &Config,
    lines: Vec<String>,
    public_url: &str,
    billing: Billing,
    guard: Guard,
) -> Result<server::Settings, StartError> {
    let tls = &config.server.tls;
    let tls = tls
        .is_set()
        .then(|| server::Tls::open(&tls.cert, &tls.key))
        .transpose()
        .map_err(|error| StartError(error.to_string()))?;
    Ok(server::Settings {
        guard,
        doors: server::Doors {
            max_connections: config.server.max_connections,
            max_per_address: config.server.max_connections_per_address,
            tls,
        },
        public_url: public_url.to_owned(),
        creations_per_minute: config.server.creations_per_minute,
        reads_per_minute: config.server.reads_per_minute,
        max_body_bytes: config.server.max_body_bytes,
        offer: Offer {
            lines,
            phone: PhoneRules {
                allow_premium: config.calls.allow_premium,
            },
            max_duration_seconds: config.calls.max_duration_seconds,
            from_numbers: config.from_numbers(),
        },
        billing,
    })
}
