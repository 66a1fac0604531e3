//! Every call of this process: admission, the queue, running calls, commands to them, recovery and drain.
//!
//! Decides when a call may run and makes sure that each ends exactly once, with its credit settled, whatever
//! happens to the task that carries it out. What is said on a call is not decided here, and HTTP is unknown.

mod equipment;
mod finish;
mod incoming;
mod language;
mod leave;
mod metrics;
mod policy;
mod queue;
mod records;
mod run;
mod schedule;
mod site;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use call::Command;
use protocol::{
    error::{ApiError, ErrorCode},
    ids::{AccountId, CallId},
    rest,
};
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    agent::Brief,
    bus::{Bus, Feed},
    context,
    disk::Disk,
    driver::clock,
    line::{DialRequest, Line},
    store::{Answer, Creation, Idempotency, KeyId, Store, StoredCall},
    watch::{Watch, call_created, room::Room},
};

pub(crate) use self::records::refusal;
pub use self::{
    equipment::{Equipment, Parts, Settings},
    incoming::Reception,
    policy::Policy,
};
use self::{queue::Queue, records::blocking};

/// Commands to one call that wait for it; beyond that the one who commands waits.
const COMMANDS: usize = 16;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose call it will be.
    pub account: AccountId,
    /// With which key.
    pub key: KeyId,
    /// Whether the key is for trying out: simulated line only, and nothing is paid.
    pub test: bool,
    /// What the key may do. Whoever serves a request asks [`Caller::require`]; the supervisor does not.
    pub scopes: rest::Scopes,
}

impl Caller {
    /// Checks that the key may do something.
    ///
    /// # Errors
    /// `forbidden` when it may not.
    pub fn require(&self, scope: rest::Scope) -> Result<(), ApiError> {
        if self.scopes.allow(scope) {
            Ok(())
        } else {
            Err(ApiError::lacks_scope(scope.as_str()))
        }
    }
}

/// A client's wish that a creation happen once, however often it is sent.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// The client's key.
    pub key: String,
    /// SHA-256 of the request's body.
    pub body_hash: [u8; 32],
}

/// What came of a creation.
#[derive(Debug)]
pub enum CreateAnswer {
    /// A new call.
    Created(rest::Created),
    /// The answer that the same request got before.
    Replayed(Answer),
}

/// All calls of this process. Clones are the same supervisor.
#[derive(Debug, Clone)]
pub struct Supervisor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    disk: Disk,
    bus: Bus,
    watch: Watch,
    /// What calls are made with from now on; those that run hold what they began with.
    equipment: RwLock<Arc<Equipment>>,
    queue: Queue,
    live: Mutex<HashMap<CallId, Live>>,
    draining: watch::Sender<bool>,
    /// Whether new calls are refused. When another process takes over, they are not: they wait for it.
    refusing: AtomicBool,
    tasks: TaskTracker,
}

/// A call that has not ended.
#[derive(Debug, Clone)]
struct Live {
    account: AccountId,
    commands: mpsc::Sender<Command>,
    /// Ends it while it waits for its turn.
    canceled: CancellationToken,
}

impl Supervisor {
    /// Makes a supervisor without calls; [`Supervisor::recover`] brings back those of the last run.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let (fixed, equipment) = parts.split();
        let (store, bus, watch) = fixed;
        Self(Arc::new(Inner {
            store,
            disk: Disk::default(),
            bus,
            watch,
            queue: Queue::new(equipment.limits()),
            equipment: RwLock::new(Arc::new(equipment)),
            live: Mutex::default(),
            draining: watch::Sender::new(false),
            refusing: AtomicBool::new(false),
            tasks: TaskTracker::new(),
        }))
    }

    /// Returns the live events of a call that has not ended, or ended a moment ago.
    #[must_use]
    pub fn feed(&self, call: &CallId) -> Option<Arc<Feed>> {
        self.0.bus.feed(call)
    }

    /// Returns the bus that carries the live events of all calls.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// Returns the records.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Returns the ways to reach telephones, the default first.
    #[must_use]
    pub fn lines(&self) -> Vec<Arc<dyn Line>> {
        self.equipment().lines.clone()
    }

    /// Returns at which place of the queue each waiting call stands, from 1. Calls for later are not in it yet.
    #[must_use]
    pub fn queue_positions(&self) -> HashMap<CallId, u32> {
        self.0.queue.positions()
    }

    /// Returns what is known of the room on the disk.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.0.watch.room
    }

    /// Returns how many calls wait, and how many ring or run.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let running = self.0.queue.running();
        (self.live_calls().saturating_sub(running), running)
    }

    /// Returns how many calls have not ended.
    #[must_use]
    pub fn live_calls(&self) -> usize {
        self.live().len()
    }

    /// Returns whether new calls are refused because the program stops.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.refusing.load(Ordering::Relaxed)
    }

    /// Returns whether no call begins any more.
    fn is_ending(&self) -> bool {
        *self.0.draining.borrow()
    }

    fn live(&self) -> MutexGuard<'_, HashMap<CallId, Live>> {
        // A panic while it was held left a map that is still a map.
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts a call: checks that its line can carry it, takes the credit, and queues it.
    ///
    /// # Errors
    /// `unavailable` while draining, `invalid_field` when the line cannot carry the request,
    /// `insufficient_credits`, `idempotency_conflict`. Nothing was taken then.
    pub async fn create(
        &self,
        caller: &Caller,
        request: rest::CreateCall,
        warnings: Vec<String>,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<CreateAnswer, ApiError> {
        if self.is_draining() {
            return Err(ApiError::unavailable(
                "The server is shutting down and takes no new calls. Try again in a moment.",
                5,
            ));
        }
        if self.room().is_short() {
            return Err(ApiError::unavailable(
                format!("{} Try again later.", self.room().sentence()),
                30,
            ));
        }
        schedule::check(request.scheduled_at, clock::wall())?;
        let equipment = self.equipment();
        let mut request = request;
        let waits = self.admit(&caller.account, &mut request).await?;
        let line = equipment.choose_line(caller, &request)?;
        let seed = getrandom::u64().map_err(|_| ApiError::internal())?;
        let dial = self.dial_request(&request, seed);
        let (checking, tts) = (line.clone(), equipment.tts.clone());
        let tag = request.language.clone();
        // It may read files and start programs.
        tokio::task::spawn_blocking(move || {
            language::check(&*tts, &tag)?;
            checking
                .check(&dial)
                .map_err(|error| ApiError::new(ErrorCode::InvalidField, error.to_string()))
        })
        .await
        .map_err(|_| ApiError::internal())??;
        let mut warnings = warnings;
        warnings.extend(waits);
        warnings.extend(language::warnings(&equipment, &request.language));
        let at = clock::wall();
        let id = new_call_id(at)?;
        let call = rest::Call {
            warnings: warnings.clone(),
            disclosure: equipment.settings.policy.disclosure(&request.language),
            ..rest::Call::queued(id, &request, line.name(), rest::Time::from(at))
        };
        let stored = StoredCall {
            account: caller.account.clone(),
            key: caller.key.clone(),
            call,
            request,
            seed,
            cost: u32::from(!caller.test),
        };
        let (stored, creation, answer) = self.keep(stored, warnings, idempotency, at).await?;
        match creation {
            Creation::Created { .. } => {
                call_created(line.name());
                self.launch(stored, line, None);
                Ok(CreateAnswer::Created(answer))
            }
            Creation::Replayed(answer) => Ok(CreateAnswer::Replayed(answer)),
            Creation::Conflict => Err(ApiError::idempotency_conflict()),
            Creation::NoCredit { .. } => Err(ApiError::insufficient_credits(
                equipment.settings.buy_credits_url.clone(),
            )),
            Creation::DaySpent { seconds } => Err(ApiError::rate_limited(
                format!(
                    "This account has spent the {} credits that it may spend in a day (UTC). Try again in {seconds} s.",
                    equipment
                        .settings
                        .policy
                        .credits_per_day
                        .unwrap_or_default()
                ),
                seconds,
            )),
        }
    }

    async fn keep(
        &self,
        stored: StoredCall,
        warnings: Vec<String>,
        idempotency: Option<IdempotencyKey>,
        at: jiff::Timestamp,
    ) -> Result<(StoredCall, Creation, rest::Created), ApiError> {
        let store = self.store().clone();
        let per_day = self.equipment().settings.policy.credits_per_day;
        blocking(&self.0.disk, move || {
            let created = |balance: i64| {
                let left = u64::try_from(balance).unwrap_or(0);
                rest::Created::new(&stored.call, left, warnings.clone())
            };
            let render = |creation: &Creation| match creation {
                Creation::Created { balance } => Some(Answer {
                    status: 202,
                    body: serde_json::to_string(&created(*balance)).ok()?,
                }),
                _ => None,
            };
            let idempotency = idempotency.as_ref().map(|wish| Idempotency {
                key: &wish.key,
                body_hash: wish.body_hash,
                answer: &render,
            });
            let creation = store.create_call_within(&stored, per_day, idempotency, at)?;
            let balance = match &creation {
                Creation::Created { balance } | Creation::NoCredit { balance } => *balance,
                Creation::Replayed(_) | Creation::Conflict | Creation::DaySpent { .. } => 0,
            };
            let answer = created(balance);
            Ok((stored, creation, answer))
        })
        .await
    }

    fn dial_request(&self, request: &rest::CreateCall, seed: u64) -> DialRequest {
        DialRequest {
            to: request.to_phone_number.clone(),
            ring_timeout: self.equipment().settings.ring_timeout,
            seed,
            scenario: request.scenario.clone(),
            callee_audio: request.callee_audio.as_ref().map(PathBuf::from),
            from: request.from_phone_number.clone(),
            max_duration: Duration::from_secs(request.max_duration_seconds.into()),
            incoming: None,
            owner: None,
            callee_name: request.business_name.clone(),
        }
    }

    fn brief(equipment: &Equipment, stored: &StoredCall) -> Arc<Brief> {
        let (request, created_at) = (&stored.request, stored.call.created_at);
        Arc::new(Brief {
            incoming: stored.call.direction == rest::Direction::Inbound,
            objective: request.objective.clone(),
            business_name: request.business_name.clone(),
            website_context: stored.call.context.as_ref().and_then(context::told),
            language: request.language.clone(),
            deaf: !equipment.stt.understands(&request.language),
            instructions: request.instructions.clone(),
            first_message: request.first_message.clone(),
            result_schema: request.result_schema.clone(),
            transfer_to: request.transfer_to.clone(),
            today: jiff::Timestamp::from(request.scheduled_at.unwrap_or(created_at))
                .strftime("%Y-%m-%d")
                .to_string(),
        })
    }

    /// Ends a call: one that waits at once, a running one with a goodbye, or without when `now`. Canceling it again
    /// gives the same answer.
    ///
    /// # Errors
    /// `call_not_found`, or `call_already_ended` when it ended for another reason.
    pub async fn cancel(
        &self,
        account: &AccountId,
        id: &CallId,
        now: bool,
    ) -> Result<rest::Call, ApiError> {
        let live = self
            .live()
            .get(id)
            .filter(|l| l.account == *account)
            .cloned();
        if let Some(live) = live {
            live.canceled.cancel();
            // A call that ends this very moment no longer takes it, and needs it no more.
            let _ = live.commands.send(Command::Cancel { now }).await;
        }
        let store = self.store().clone();
        let (owner, call) = (account.clone(), id.clone());
        let stored = blocking(&self.0.disk, move || store.get_call(&owner, &call)).await?;
        let stored = stored.ok_or_else(ApiError::call_not_found)?;
        let call = match stored.call.status {
            rest::Status::Queued if self.is_ending() => self.cancel_for_later(stored).await?,
            _ => stored.call,
        };
        match call.status {
            rest::Status::Completed | rest::Status::Failed => Err(ApiError::call_already_ended()),
            _ => Ok(call),
        }
    }

    /// Passes a wish to a running call.
    ///
    /// # Errors
    /// `call_already_ended` when it does not run (any more).
    pub async fn command(&self, id: &CallId, command: Command) -> Result<(), ApiError> {
        let live = self.live().get(id).cloned();
        let live = live.ok_or_else(ApiError::call_already_ended)?;
        let sent = live.commands.send(command).await;
        sent.map_err(|_| ApiError::call_already_ended())
    }
}

fn new_call_id(at: jiff::Timestamp) -> Result<CallId, ApiError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| ApiError::internal())?;
    let ms = u64::try_from(at.as_millisecond()).unwrap_or(0);
    Ok(CallId::new(ms, u128::from_le_bytes(random)))
}
