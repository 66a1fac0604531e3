//! Tells requesters' own servers what happens to their calls. The spool says what is owed; this decides when each
//! event is sent, and when it is given up.
//!
//! Per call in order, at least once: an event is only sent when those of its call before it are delivered or given up,
//! and it is sent again when the process died between the receiver's answer and our writing it down. Receivers tell
//! repetitions by the id, which stays the same. Nothing on a call ever waits for any of this.

mod attempt;
mod backoff;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use protocol::{
    ids::{AccountId, CallId},
    webhook::WebhookSecret,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    driver::clock,
    links::Links,
    net::guard::Guard,
    store::{Secret, Store, StoreError, Waiting, WebhookSettings},
};

/// Attempts at the same time.
const AT_ONCE: usize = 32;
/// Attempts at the same time to one receiver, so that one that hangs does not hold up the others.
const PER_LANE: usize = 4;
/// The longest wait without another look at the clock, which may be set, or stand still with the machine.
const LOOK: Duration = Duration::from_secs(30);
/// The pause after the spool could not be read.
const PAUSE: Duration = Duration::from_secs(5);
/// How long the secret before the last change is good for.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// What the secrets are derived for; see [`Secret::sign`].
const PURPOSE: &str = "webhook-secret";

/// What an operator decides about webhooks.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a receiver may take to answer.
    pub timeout: Duration,
    /// The pause before each repetition; after the last one an event is given up, at the latest a day after it happened.
    pub pauses: Vec<Duration>,
    /// Where events may be sent.
    pub guard: Guard,
    /// Where recordings lie.
    pub recordings: PathBuf,
}

/// Carries events to their receivers.
#[derive(Debug)]
pub struct Courier {
    store: Arc<dyn Store>,
    secret: Secret,
    links: Links,
    /// Changed as a whole, when the operator changes something.
    route: RwLock<Arc<Route>>,
}

/// How events are sent: by what the operator decided, with a client made for that.
#[derive(Debug)]
pub struct Route {
    settings: Settings,
    client: reqwest::Client,
}

impl Courier {
    /// Makes a courier. `secret` is the installation's; those of the accounts are derived from it.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(
        store: Arc<dyn Store>,
        secret: Secret,
        links: Links,
        settings: Settings,
    ) -> Result<Self, reqwest::Error> {
        let client = attempt::client(&settings)?;
        Ok(Self {
            route: RwLock::new(Arc::new(Route { settings, client })),
            store,
            secret,
            links,
        })
    }

    /// Prepares another way to send events.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn route(&self, settings: Settings) -> Result<Route, reqwest::Error> {
        let client = attempt::client(&settings)?;
        Ok(Route { settings, client })
    }

    /// Sends events this way from now on.
    pub fn follow(&self, route: Route) {
        *self.route.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(route);
    }

    fn current(&self) -> Arc<Route> {
        // Nothing panics while it is held.
        let route = self.route.read();
        route.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends what is owed, until `closing`; then lets attempts under way finish, within their time.
    pub async fn run(self: Arc<Self>, closing: CancellationToken) {
        let courier = self;
        let bell = courier.store.bell();
        let mut flights = Flights::default();
        while !closing.is_cancelled() {
            let wait = match courier.waiting().await {
                Ok(waiting) => flights.start(&courier, waiting),
                Err(error) => {
                    tracing::error!(%error, "the spool of webhooks cannot be read; trying again");
                    PAUSE
                }
            };
            tokio::select! {
                () = closing.cancelled() => {}
                () = bell.notified() => {}
                () = flights.land(), if !flights.tasks.is_empty() => {}
                () = clock::sleep(wait) => {}
            }
        }
        while !flights.tasks.is_empty() {
            flights.land().await;
        }
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || store.waiting_webhooks()).await;
        read.unwrap_or_else(|_| Ok(Vec::new()))
    }
}

/// Attempts under way.
#[derive(Default)]
struct Flights {
    tasks: JoinSet<CallId>,
    lanes: HashMap<CallId, String>,
}

impl Flights {
    /// Starts what is due and has room; returns after how long the next one is due.
    fn start(&mut self, courier: &Arc<Courier>, waiting: Vec<Waiting>) -> Duration {
        let now = clock::wall();
        for waiting in waiting {
            if waiting.due > now {
                let wait = Duration::try_from(waiting.due.duration_since(now));
                return wait.unwrap_or(LOOK).min(LOOK);
            }
            let in_lane = self.lanes.values().filter(|l| **l == waiting.lane).count();
            let call = waiting.id.call.clone();
            if self.lanes.contains_key(&call) || in_lane >= PER_LANE || self.tasks.len() >= AT_ONCE
            {
                // Looked at again when one of those under way has landed.
                continue;
            }
            self.lanes.insert(call.clone(), waiting.lane);
            let courier = courier.clone();
            self.tasks.spawn(async move {
                attempt::make(&courier, &waiting.id).await;
                call
            });
        }
        LOOK
    }

    /// Waits until one of the attempts has landed.
    async fn land(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(call)) => {
                self.lanes.remove(&call);
            }
            Some(Err(error)) => {
                tracing::error!(%error, "an attempt to deliver a webhook broke");
                // Which one is not known any more; those under way are looked at again.
                if self.tasks.is_empty() {
                    self.lanes.clear();
                }
            }
            None => {}
        }
    }
}

/// Returns the secrets with which an account's events are signed at `now`, the current one first: for a day after a
/// change the one before is used as well.
#[must_use]
pub fn secrets(
    secret: &Secret,
    account: &AccountId,
    settings: &WebhookSettings,
    now: Timestamp,
) -> Vec<WebhookSecret> {
    let numbered = |number: u32| {
        let name = format!("{}/{number}", account.as_str());
        WebhookSecret::new(secret.sign(PURPOSE, name.as_bytes()))
    };
    let mut secrets = vec![numbered(settings.secret)];
    let changed = settings.rotated_at;
    if changed.is_some_and(|at| now.duration_since(at) < OVERLAP)
        && let Some(before) = settings.secret.checked_sub(1)
    {
        secrets.push(numbered(before));
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_secret_overlaps_with_the_one_before_for_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let secret = Secret::open(&dir.path().join("secret")).unwrap();
        let (nopa, other) = (AccountId::new(1), AccountId::new(2));
        let at = |hours: i64| Timestamp::from_second(1_771_588_800 + hours * 3600).unwrap();
        let mut settings = WebhookSettings::default();
        let first = secrets(&secret, &nopa, &settings, at(0));
        assert_eq!(first.len(), 1);
        assert_eq!(first, secrets(&secret, &nopa, &settings, at(99)));
        assert_ne!(first, secrets(&secret, &other, &settings, at(0)));
        settings.secret += 1;
        settings.rotated_at = Some(at(1));
        let both = secrets(&secret, &nopa, &settings, at(24));
        assert_eq!((both.len(), &both[1]), (2, &first[0]));
        assert_ne!(both[0], first[0]);
        assert_eq!(secrets(&secret, &nopa, &settings, at(25)), both[..1]);
    }
}
