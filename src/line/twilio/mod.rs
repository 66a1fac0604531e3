//! Telephones through Twilio, or a carrier that looks like it: dialed over its REST interface, heard and spoken to
//! over Media Streams.
//!
//! A call is one task (`call`), which places it (`dial`), waits for the carrier's callbacks and its stream, and then
//! carries sound both ways (`talk`). What comes in over HTTP (`endpoints`) finds its call in the `registry`. The line
//! decides who may speak for the carrier and what its words mean for a call; not what is said on it.

mod api;
mod call;
pub mod check;
mod dial;
mod endpoints;
mod failure;
pub mod fuzz;
mod http;
mod packets;
mod registry;
mod status;
mod talk;
mod tally;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use protocol::twilio::{
    api::NewCall,
    stream::Dialect,
    twiml::{self, ConnectStream},
};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use self::{
    api::Api,
    call::{CallTask, Start},
    registry::{Registry, Ticket},
    tally::Tally,
};
pub use self::{
    http::{ApiRequest, ApiResponse, Http, Lost, Reqwest},
    tally::Counts,
};
use super::{
    DialError, DialRequest, Endpoints, Incoming, Keys, Leg, Line, Playout, leg_commands, leg_events,
};
use crate::{driver::clock, provider::BoxFuture};

/// Where Twilio's own REST interface is.
pub const API_BASE: &str = "https://api.twilio.com";

/// The name of the line in requests, records and paths.
pub const NAME: &str = "twilio";

/// Events on their way to the driver: about 1.3 s of packets. When full, the oldest packets are dropped in the line.
const EVENTS: usize = 64;
/// Commands on their way to the carrier: more than a start of speech holds. When full, the driver drops packets.
const COMMANDS: usize = 64;
/// Incoming calls that wait to be taken; further ones find the line engaged.
const INCOMING: usize = 256;
/// From leaving us to the callee's ear: the way to the carrier, its buffer, the telephone network.
const PLAYOUT_DELAY: Duration = Duration::from_millis(150);
/// How much longer than the longest conversation the carrier lets a call go on, behind our own limit.
const TIME_LIMIT_GRACE: u64 = 120;
/// How long calls that were ended get to be hung up when the program stops.
const SETTLE: Duration = Duration::from_secs(4);

/// What the operator set.
#[derive(Clone)]
pub struct Options {
    /// `AC…`
    pub account_sid: String,
    /// The key of signatures, and of the REST interface unless there is an API key.
    pub auth_token: String,
    /// The numbers that calls are made from, E.164, the first one where a request does not say.
    pub numbers: Vec<String>,
    /// Our numbers whose incoming calls are taken.
    pub incoming_numbers: Vec<String>,
    /// The address by which the carrier reaches us, without a slash at the end.
    pub public_url: String,
    /// Whether the carrier shall find out who answers.
    pub machine_detection: bool,
    /// How the carrier's streams look.
    pub dialect: Arc<dyn Dialect>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("account_sid", &self.account_sid)
            .field("public_url", &self.public_url)
            .field("machine_detection", &self.machine_detection)
            .field("dialect", &self.dialect)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Returns the public address of one of the line's paths.
    fn url(&self, endpoint: &str) -> String {
        format!("{}/lines/{NAME}/{endpoint}", self.public_url)
    }

    /// Returns the public address of the stream.
    fn stream_url(&self) -> String {
        let url = self.url("media");
        match url.strip_prefix("http") {
            // `https` becomes `wss`; a stand-in on this machine may do without TLS.
            Some(rest) => format!("ws{rest}"),
            None => url,
        }
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct TwilioLine(Arc<Shared>);

/// What all calls of the line share.
#[derive(Debug)]
struct Shared {
    /// Changed as a whole, when the operator changes something.
    settings: RwLock<Settings>,
    registry: Registry,
    tally: Tally,
    tasks: TaskTracker,
    incoming: mpsc::Sender<Incoming>,
    taken: Mutex<Option<mpsc::Receiver<Incoming>>>,
}

/// What the operator set, and the carrier as it is asked with that.
#[derive(Debug, Clone)]
struct Settings {
    options: Arc<Options>,
    api: Arc<Api>,
}

impl Settings {
    fn new(options: Options, http: Arc<dyn Http>) -> Self {
        Self {
            api: Arc::new(Api::new(http, &options.account_sid)),
            options: Arc::new(options),
        }
    }
}

impl TwilioLine {
    /// Makes a line that reaches the carrier over `http`.
    #[must_use]
    pub fn new(options: Options, http: Arc<dyn Http>) -> Self {
        let (incoming, taken) = mpsc::channel(INCOMING);
        Self(Arc::new(Shared {
            settings: RwLock::new(Settings::new(options, http)),
            registry: Registry::default(),
            tally: Tally::default(),
            tasks: TaskTracker::new(),
            incoming,
            taken: Mutex::new(Some(taken)),
        }))
    }

    /// Lets other numbers and keys hold from now on; the account stays. Running calls are hung up with the new keys, too:
    /// the old ones may be good for nothing any more.
    pub fn adjust(&self, options: Options, http: Arc<dyn Http>) {
        let account_sid = self.0.options().account_sid.clone();
        let settings = Settings::new(
            Options {
                account_sid,
                ..options
            },
            http,
        );
        let mut current = self
            .0
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = settings;
    }

    /// Returns how often something was refused since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.tally.counts()
    }

    fn from(&self, request: &DialRequest) -> Result<String, DialError> {
        let numbers = &self.0.options().numbers;
        match &request.from {
            None => numbers.first().cloned().ok_or_else(|| {
                DialError(
                    "The line has no number to call from; set line.twilio.from_phone_numbers."
                        .into(),
                )
            }),
            Some(from) if numbers.contains(from) => Ok(from.clone()),
            Some(_) => Err(DialError(
                "The number to call from is none of line.twilio.from_phone_numbers.".into(),
            )),
        }
    }

    fn new_call(&self, request: &DialRequest, ticket: &Ticket) -> Result<NewCall, DialError> {
        let shared = &self.0;
        let options = shared.options();
        Ok(NewCall {
            to: request.to.clone(),
            from: self.from(request)?,
            twiml: shared.connect(ticket),
            status_callback: options.url(&format!("status?ref={}", ticket.handle.reference)),
            timeout: request.ring_timeout.as_secs(),
            time_limit: match request.max_duration.as_secs() {
                0 => None,
                seconds => Some(seconds + TIME_LIMIT_GRACE),
            },
            machine_detection_callback: options
                .machine_detection
                .then(|| options.url(&format!("amd?ref={}", ticket.handle.reference))),
        })
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

    /// Returns the carrier.
    fn api(&self) -> Arc<Api> {
        self.settings().api
    }

    /// Returns the document that connects a call to its stream.
    fn connect(&self, ticket: &Ticket) -> String {
        let options = self.options();
        twiml::connect(&ConnectStream {
            url: &options.stream_url(),
            status_callback: Some(&options.url(&format!("stream?ref={}", ticket.handle.reference))),
            attributes: options.dialect.stream_attributes(),
            parameters: &[("ref", &ticket.handle.reference), ("token", &ticket.token)],
        })
    }
}

impl Line for TwilioLine {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, request: &DialRequest) -> Result<(), DialError> {
        self.from(request).map(|_| ())
    }

    fn dial(&self, request: DialRequest) -> BoxFuture<'_, Result<Leg, DialError>> {
        let started = match &request.incoming {
            Some(id) => self.answer(id),
            None => self.place(&request),
        };
        Box::pin(std::future::ready(started))
    }

    fn endpoints(&self) -> Option<Arc<dyn Endpoints>> {
        Some(Arc::new(endpoints::Carrier(self.0.clone())))
    }

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.take()
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.0.tasks.close();
            if clock::timeout(SETTLE, self.0.tasks.wait()).await.is_none() {
                tracing::warn!(
                    "some calls could not be hung up in time; the carrier ends them by its own limits"
                );
            }
        })
    }
}

impl TwilioLine {
    fn place(&self, request: &DialRequest) -> Result<Leg, DialError> {
        let (ticket, signals) = self.0.registry.open().ok_or_else(no_randomness)?;
        let new = self.new_call(request, &ticket)?;
        if new.twiml.chars().count() > twiml::MAX_INLINE {
            return Err(DialError(
                "The call's instructions are too long for the carrier; set a shorter server.public_url.".into(),
            ));
        }
        Ok(self.start(
            ticket,
            signals,
            Start::Dial(Box::new(new), request.ring_timeout),
        ))
    }

    fn answer(&self, id: &str) -> Result<Leg, DialError> {
        let waiting = self.0.registry.take_incoming(id);
        let (ticket, signals) = waiting
            .ok_or_else(|| DialError("The caller has hung up before we answered.".into()))?;
        Ok(self.start(ticket, signals, Start::Answer))
    }

    fn start(
        &self,
        ticket: Ticket,
        signals: mpsc::Receiver<registry::Signal>,
        start: Start,
    ) -> Leg {
        let (event_sender, events) = leg_events(EVENTS);
        let (commands, command_receiver) = leg_commands(COMMANDS);
        let task = CallTask::new(
            self.0.clone(),
            ticket,
            signals,
            command_receiver,
            event_sender,
        );
        self.0.tasks.spawn(task.run(start));
        Leg {
            events,
            commands,
            codec: media::Codec::Pcmu,
            playout_delay: PLAYOUT_DELAY,
            playout: Playout::Held,
            keys: Keys::InBand,
        }
    }
}

fn no_randomness() -> DialError {
    DialError("The system gives no random numbers, without which no call can be protected.".into())
}
