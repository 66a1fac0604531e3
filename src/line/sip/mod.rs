//! Telephones through any SIP trunk: no media server beside this program, and none in between.
//!
//! A call is one task (`call`), which asks one trunk after the other (`trunk`, `attempt`), hears what is to be heard
//! before the answer (`early`), and then carries sound both ways and what is changed meanwhile (`talk`). Requests that
//! come in pass the `gate` and are sorted by `inbound`. Messages, transactions and dialogs are the library's (`stack`);
//! what it gets wrong is put right in `repair`. The line decides what signalling means for a call; not what is said
//! on it.

mod attempt;
mod call;
pub mod check;
mod digest;
mod dns;
mod early;
mod failure;
pub mod fuzz;
mod gate;
mod inbound;
mod keeper;
mod options;
mod reason;
mod register;
mod repair;
mod sound;
mod stack;
mod talk;
mod tally;
mod timer;
mod trunk;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use self::{
    call::{CallTask, Start},
    gate::Registry,
    inbound::Waiting,
    keeper::Keeper,
    stack::Stack,
    tally::Tally,
    trunk::Lane,
};
pub use self::{
    dns::{Dns, NameServers, name_server},
    options::{Login, Network, Options, Sound, Tls, Trunk},
    register::Standing,
    tally::Counts,
    timer::SHORTEST as SHORTEST_SESSION,
};
use super::{
    DialError, DialRequest, Incoming, Keys, Leg, Line, Playout, leg_commands, leg_events,
    rtp::Ports,
};
use crate::{driver::clock, provider::BoxFuture};

/// The name of the line in requests and records.
pub const NAME: &str = "sip";

/// Events on their way to the driver: about 1.3 s of packets. When full, packets are dropped.
const EVENTS: usize = 64;
/// Commands on their way to the peer. When full, the driver drops packets.
const COMMANDS: usize = 64;
/// From leaving us to the callee's ear: the network and the buffer at its other end.
const PLAYOUT_DELAY: Duration = Duration::from_millis(100);
/// How long calls that were ended get to be hung up when the program stops.
const SETTLE: Duration = Duration::from_secs(4);

/// See the module's documentation.
#[derive(Debug)]
pub struct SipLine {
    shared: Arc<Shared>,
    keepers: Mutex<Vec<Keeper>>,
    _server: AbortOnDropHandle<()>,
    taken: Mutex<Option<mpsc::Receiver<Incoming>>>,
}

/// What all calls of the line share.
pub(crate) struct Shared {
    /// Changed as a whole, when the operator changes something.
    settings: RwLock<Settings>,
    stack: Arc<Stack>,
    dns: Arc<dyn Dns>,
    registry: Arc<Registry>,
    tally: Arc<Tally>,
    ports: Arc<Ports>,
    tasks: TaskTracker,
    incoming: mpsc::Sender<Incoming>,
    waiting: Mutex<Waiting>,
}

/// What the operator set, and the trunks of it with what goes on over them.
#[derive(Clone)]
struct Settings {
    options: Arc<Options>,
    lanes: Arc<[Arc<Lane>]>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("options", &self.options())
            .field("stack", &self.stack)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn settings(&self) -> Settings {
        // Nothing panics while it is held.
        let settings = self.settings.read();
        settings.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what the operator set.
    fn options(&self) -> Arc<Options> {
        self.settings().options
    }

    /// Returns all trunks, in their order.
    fn lanes(&self) -> Arc<[Arc<Lane>]> {
        self.settings().lanes
    }

    /// Returns the trunks that may call from a number, in their order.
    fn lanes_for(&self, from: Option<&str>) -> Vec<Arc<Lane>> {
        let may = |lane: &&Arc<Lane>| {
            let numbers = &lane.trunk.numbers;
            from.is_none_or(|from| {
                numbers.is_empty() || numbers.iter().any(|number| number == from)
            })
        };
        self.lanes().iter().filter(may).cloned().collect()
    }

    /// Returns the addresses of a trunk, or of the proxy in front of it, the ones to try first at the front.
    async fn addresses(&self, lane: &Lane) -> Result<Vec<SocketAddr>, String> {
        let trunk = &lane.trunk;
        let (host, port) = match &trunk.proxy {
            Some((host, port)) => (host.as_str(), *port),
            None => (trunk.host.as_str(), trunk.port),
        };
        let found = self.dns.look_up(host, port, trunk.transport).await?;
        if found.is_empty() {
            return Err("it has no address".into());
        }
        let at = found.iter().map(|address| address.ip().to_canonical());
        self.registry.note_trunk(at, trunk.login.as_ref());
        Ok(lane.in_order(found, clock::now()))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SipLine {
    /// Opens the sockets, registers where that is wanted, and is ready for calls. Must be called inside the runtime.
    ///
    /// # Errors
    /// When a socket or a certificate cannot be used; the sentence says what to do.
    pub fn new(options: Options) -> Result<Self, String> {
        let dns = match options.name_servers.as_slice() {
            [] => NameServers::of_the_system(),
            servers => NameServers::at(servers),
        };
        Self::with_dns(options, Arc::new(dns))
    }

    /// As [`SipLine::new`], with names looked up by `dns`.
    ///
    /// # Errors
    /// As [`SipLine::new`].
    pub fn with_dns(options: Options, dns: Arc<dyn Dns>) -> Result<Self, String> {
        let (registry, tally) = (Arc::<Registry>::default(), Arc::<Tally>::default());
        let (stack, requests) = Stack::start(&options, registry.clone(), tally.clone())?;
        let (incoming, taken) = mpsc::channel(inbound::MOST_WAITING);
        registry.set_peers(options.peers.clone());
        let lanes = options.trunks.iter().cloned().map(Lane::new).collect();
        let shared = Arc::new(Shared {
            stack: Arc::new(stack),
            dns,
            registry,
            tally,
            ports: Ports::new(options.listen.ip(), options.sound.ports.clone()),
            tasks: TaskTracker::new(),
            incoming,
            waiting: Mutex::default(),
            settings: RwLock::new(Settings {
                options: Arc::new(options),
                lanes,
            }),
        });
        let serve = inbound::serve(Arc::downgrade(&shared), requests);
        let lanes = shared.lanes();
        let keepers = lanes.iter().map(|lane| Keeper::of(&shared, lane.clone()));
        Ok(Self {
            keepers: Mutex::new(keepers.collect()),
            shared,
            _server: AbortOnDropHandle::new(tokio::spawn(serve)),
            taken: Mutex::new(Some(taken)),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.shared.stack.local()
    }

    /// Returns how often something was refused since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.tally.counts()
    }

    /// Returns how a trunk's registration stands.
    #[must_use]
    pub fn standing(&self, trunk: &str) -> Standing {
        let keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keepers = keepers.iter();
        let keeper = keepers.find(|keeper| keeper.lane.trunk.name == trunk);
        keeper.map_or(Standing::None, Keeper::standing)
    }

    /// Returns how many calls the library remembers, for looking for leaks.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.shared.stack.dialogs.len()
    }

    fn start(&self, start: Start) -> Leg {
        let (event_sender, events) = leg_events(EVENTS);
        let (commands, command_receiver) = leg_commands(COMMANDS);
        let task = CallTask::new(self.shared.clone(), command_receiver, event_sender);
        self.shared.tasks.spawn(task.run(start));
        Leg {
            events,
            commands,
            codec: self
                .shared
                .options()
                .sound
                .codecs
                .first()
                .copied()
                .unwrap_or(media::Codec::Pcmu),
            playout_delay: PLAYOUT_DELAY,
            playout: Playout::OnArrival,
            keys: Keys::Signalled,
        }
    }

    fn place(&self, request: &DialRequest) -> Result<Leg, DialError> {
        self.check(request)?;
        Ok(self.start(Start::Dial {
            to: request.to.clone(),
            from: request.from.clone(),
            ring: request.ring_timeout,
        }))
    }

    fn answer(&self, id: &str) -> Result<Leg, DialError> {
        let inbound = self.shared.waiting().remove(id);
        let inbound = inbound
            .ok_or_else(|| DialError("The caller has hung up before we answered.".into()))?;
        Ok(self.start(Start::Answer(inbound)))
    }
}

impl Line for SipLine {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, request: &DialRequest) -> Result<(), DialError> {
        let from = request.from.as_deref();
        match (self.shared.lanes().is_empty(), self.shared.lanes_for(from).is_empty()) {
            (true, _) => Err(DialError("The line has no trunk to call over; add one to line.sip.trunks.".into())),
            (_, true) => Err(DialError(
                "The number to call from belongs to no trunk; see from_phone_numbers of line.sip.trunks.".into(),
            )),
            _ => Ok(()),
        }
    }

    fn dial(&self, request: DialRequest) -> BoxFuture<'_, Result<Leg, DialError>> {
        let started = match &request.incoming {
            Some(id) => self.answer(id),
            None => self.place(&request),
        };
        Box::pin(std::future::ready(started))
    }

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        if !self.shared.options().takes_calls {
            return None;
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.take()
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.shared.tasks.close();
            let settled = async {
                self.shared.tasks.wait().await;
                register::leave(&self.shared, &self.shared.lanes()).await;
            };
            if clock::timeout(SETTLE, settled).await.is_none() {
                tracing::warn!(
                    "some calls could not be hung up in time; their peers end them by their own limits"
                );
            }
        })
    }
}
