//! Where an account buys credits: an address of the operator's, or a checkout page at a payment service, made when
//! somebody first needs it and offered again as long as it is open.
//!
//! It decides when a page is made and what a payment means; how the service is asked, and whether an event is genuine,
//! is in the file of the service. That nothing is granted twice is the store's promise.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use protocol::{error::ApiError, ids::AccountId};

use crate::{
    driver::clock,
    provider::BoxFuture,
    store::{Applied, Checkout, Offered, Payment, Store, StoreError, Told},
    turns::Turns,
};

pub mod stripe;

/// How long a client that has no credits waits for its page before it gets the operator's address.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long a payment service that failed is left alone.
const REST: Duration = Duration::from_secs(10);
/// How long a page must still be open to be offered.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// How often another page is asked for when the service gives one that is over.
const TRIES: u32 = 4;

/// What happened, as a payment service told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A payment came through.
    Paid(Payment),
    /// A checkout can no longer be paid.
    Closed {
        /// Which one.
        session: String,
    },
    /// Money went back, or came again.
    Reversed {
        /// Which payment.
        reference: String,
        /// What of it.
        told: Told,
    },
    /// Nothing that matters here.
    Nothing,
}

/// Why a payment service could not do it: a sentence for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(pub String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service that takes money for credits.
pub trait PaymentService: Send + Sync + fmt::Debug {
    /// Returns what tells checkouts made with these settings from others.
    fn fingerprint(&self) -> &str;

    /// Makes the checkout of this generation for an account. Asking again, even after a crash, gives the same one, for a
    /// day at least.
    fn create<'a>(
        &'a self,
        account: &'a AccountId,
        generation: u64,
    ) -> BoxFuture<'a, Result<Checkout, Problem>>;

    /// Looks whether a checkout is open; of one that is not, what became of it.
    fn look<'a>(&'a self, session: &'a str)
    -> BoxFuture<'a, Result<(bool, Option<News>), Problem>>;

    /// Returns the name of the header that carries the signature of an event, in lower case.
    fn signature_header(&self) -> &'static str;

    /// Returns what an event says, if it is from the service and from now. `now` in seconds since 1970.
    ///
    /// # Errors
    /// `invalid_signature`, or `invalid_body` for what is no event.
    fn read_event(&self, signature: &str, body: &[u8], now: i64) -> Result<News, ApiError>;
}

/// A page where credits can be bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its address.
    pub url: String,
    /// How many credits; absent where only the operator knows.
    pub credits: Option<u32>,
    /// Until when; absent for an address that stays.
    pub expires_at: Option<Timestamp>,
}

/// The shop. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Billing(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    /// The operator's own address.
    address: String,
    service: Option<Arc<dyn PaymentService>>,
    /// One page at a time is made for an account.
    busy: Turns<AccountId>,
    resting: Mutex<Option<Instant>>,
}

impl Billing {
    /// Makes a shop. `address` is where credits are bought when there is no service, or it does not answer.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        address: String,
        service: Option<Arc<dyn PaymentService>>,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            address,
            service,
            busy: Turns::default(),
            resting: Mutex::default(),
        }))
    }

    /// Returns the payment service, if one is configured.
    #[must_use]
    pub fn service(&self) -> Option<&dyn PaymentService> {
        self.0.service.as_deref()
    }

    /// Returns where an account buys credits, within a few seconds, whatever the payment service does.
    pub async fn link(&self, account: &AccountId) -> String {
        let address = || self.0.address.clone();
        let Some(service) = &self.0.service else {
            return address();
        };
        if self.rests() {
            return address();
        }
        match clock::timeout(PATIENCE, self.page(&**service, account, false)).await {
            Some(Ok(page)) => page.url,
            Some(Err(problem)) => {
                tracing::warn!(%problem, "no checkout page could be made");
                self.rest();
                address()
            }
            None => {
                tracing::warn!("the payment service did not answer in time");
                self.rest();
                address()
            }
        }
    }

    /// Returns a page where an account can buy credits now; an open one is asked for at the service first.
    ///
    /// # Errors
    /// `unavailable` when the payment service fails.
    pub async fn checkout(&self, account: &AccountId) -> Result<Page, ApiError> {
        let Some(service) = &self.0.service else {
            return Ok(Page {
                url: self.0.address.clone(),
                credits: None,
                expires_at: None,
            });
        };
        self.page(&**service, account, true)
            .await
            .map_err(|problem| {
                tracing::warn!(%problem, "no checkout page could be made");
                ApiError::unavailable(
                    "The payment service does not answer as it should. Try again in a moment.",
                    REST.as_secs(),
                )
            })
    }

    /// Carries out what a payment service told, whose signature was checked. Repeating it changes nothing.
    ///
    /// # Errors
    /// When the store fails; the service will tell it again.
    pub async fn learn(&self, news: News) -> Result<(), StoreError> {
        let store = self.0.store.clone();
        let learned = tokio::task::spawn_blocking(move || learn(&*store, news, clock::wall()));
        learned
            .await
            .unwrap_or_else(|_| Err(StoreError::panicked()))
    }

    async fn page(
        &self,
        service: &dyn PaymentService,
        account: &AccountId,
        ask: bool,
    ) -> Result<Page, Problem> {
        let _mine = self.0.busy.take(account.clone()).await;
        for _ in 0..TRIES {
            let offered = self.offered(account).await?;
            if let Some(checkout) = &offered.checkout {
                if self.is_open(service, checkout, ask).await? {
                    return Ok(page(checkout.clone()));
                }
                // It is closed now, and another generation has begun.
                continue;
            }
            let made = service.create(account, offered.generation).await?;
            let open = made.expires_at > clock::wall() + MARGIN && !made.url.is_empty();
            if !open {
                // Asked for before, in another life of this program, and over since.
                let account = account.clone();
                self.keep(move |store| store.skip_checkout(&account, offered.generation))
                    .await?;
                continue;
            }
            let kept = made.clone();
            self.keep(move |store| store.offer_checkout(&kept)).await?;
            return Ok(page(made));
        }
        Err(Problem(
            "The payment service gives checkouts that are over.".into(),
        ))
    }

    /// Returns whether a checkout can still be paid. One that cannot is closed.
    async fn is_open(
        &self,
        service: &dyn PaymentService,
        checkout: &Checkout,
        ask: bool,
    ) -> Result<bool, Problem> {
        let fresh = checkout.expires_at > clock::wall() + MARGIN
            && checkout.fingerprint == service.fingerprint();
        let (open, news) = match (fresh, ask) {
            (false, _) => (false, None),
            (true, false) => (true, None),
            (true, true) => service.look(&checkout.session).await?,
        };
        if open {
            return Ok(true);
        }
        // A payment whose event was lost is found here.
        if let Some(news) = news {
            self.keep(move |store| learn(store, news, clock::wall()))
                .await?;
        }
        let (account, session) = (checkout.account.clone(), checkout.session.clone());
        self.keep(move |store| store.close_checkout(&account, &session))
            .await?;
        Ok(false)
    }

    async fn offered(&self, account: &AccountId) -> Result<Offered, Problem> {
        let account = account.clone();
        self.keep(move |store| store.offered_checkout(&account))
            .await
    }

    async fn keep<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = self.0.store.clone();
        match tokio::task::spawn_blocking(move || work(&*store)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Problem(error.to_string())),
            Err(_) => Err(Problem("A store operation panicked.".into())),
        }
    }

    fn rests(&self) -> bool {
        let resting = self
            .0
            .resting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        resting.is_some_and(|until| clock::now() < until)
    }

    fn rest(&self) {
        let mut resting = self
            .0
            .resting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *resting = Some(clock::now() + REST);
    }
}

fn page(checkout: Checkout) -> Page {
    Page {
        url: checkout.url,
        credits: Some(checkout.credits),
        expires_at: Some(checkout.expires_at),
    }
}

fn learn(store: &dyn Store, news: News, at: Timestamp) -> Result<(), StoreError> {
    match news {
        News::Paid(payment) => match store.apply_payment(&payment, at)? {
            Applied::Granted { account, credits } => {
                tracing::info!(%account, credits, "credits were bought");
            }
            Applied::Before => {}
            Applied::Unknown => {
                tracing::warn!(
                    session = payment.session,
                    "a payment that nobody here asked for"
                );
            }
        },
        News::Closed { session } => store.close_session(&session)?,
        News::Reversed { reference, told } => store.reverse_payment(&reference, told, at)?,
        News::Nothing => {}
    }
    Ok(())
}
