//! The HTTP interface: one service for every connection, thin over the supervisor and the store.
//!
//! This file holds what all requests share and the path that each takes: route, body size, key, handler, headers.
//! What a request means is in the file of its resource. Nothing here decides anything about a conversation.

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, PoisonError, RwLock},
};

use futures_util::FutureExt;
use hyper::{
    Method, Request, Response, StatusCode, Version,
    body::{Body as _, Incoming},
    header::{self, HeaderValue},
};
use protocol::{
    error::{ApiError, ErrorCode},
    ids::AccountId,
    rest::Offer,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

mod account;
mod answer;
mod answers;
mod billing;
mod calls;
mod connection;
mod documents;
mod export;
mod keys;
mod limits;
mod lines;
mod link;
mod live;
mod mcp;
mod offer;
mod operator;
mod pages;
mod polite;
mod privacy;
mod recording;
mod request;
mod routes;
mod session;
mod settings;
mod tls;
mod token;
mod webhooks;

use self::{
    answer::Body,
    connection::Guests,
    limits::PerMinute,
    link::OneTime,
    routes::{Found, Keyed, Route},
    session::Left,
    settings::Inspection,
};
pub use self::{
    connection::{Doors, serve},
    settings::{Finding, State},
    tls::{Tls, TlsError},
};
use crate::{
    billing::Billing,
    links::Links,
    net::guard::Guard,
    provider::BoxFuture,
    store::{Secret, StoreError},
    supervisor::{self, Supervisor},
    turns::Turns,
    watch,
};

/// Largest event of a payment service in bytes.
const MAX_EVENT_BYTES: usize = 256 * 1024;

/// What the operator decides about the interface.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address by which clients reach the server, without a slash at the end.
    pub public_url: String,
    /// Creations per minute and key.
    pub creations_per_minute: u32,
    /// Requests of any kind per minute and key.
    pub reads_per_minute: u32,
    /// Largest request body in bytes.
    pub max_body_bytes: usize,
    /// What can be asked for.
    pub offer: Offer,
    /// Where credits are bought.
    pub billing: Billing,
    /// Where webhooks may go.
    pub guard: Guard,
    /// Who may come in.
    pub doors: Doors,
}

/// Everything that requests need. Clones share it.
#[derive(Debug, Clone)]
pub struct App {
    supervisor: Supervisor,
    secret: Secret,
    /// Changed as a whole, when the operator changes something.
    settings: Arc<RwLock<Arc<Settings>>>,
    links: Links,
    /// Who is in.
    guests: Guests,
    creations: Arc<PerMinute>,
    requests: Arc<PerMinute>,
    /// What models asked for lately.
    retries: Arc<crate::mcp::Retries>,
    /// Requests with the same idempotency key, one at a time.
    once: Arc<Turns<(AccountId, String)>>,
    /// Which keys' use was noted in the last minute.
    uses: Arc<PerMinute>,
    /// The one-time link.
    one_time: OneTime,
    /// Sessions of browsers that were left.
    left: Arc<Left>,
    /// Finds out whether what is in use works.
    inspection: Inspection,
    /// Open live sockets, which outlive the request that opened them.
    sockets: TaskTracker,
    /// Tells them that the server goes away.
    closing: CancellationToken,
    /// From when on every answer is the last one on its connection.
    leaving: CancellationToken,
}

impl App {
    /// Makes the state of a server. `secret` recognises keys and signs the links to recordings.
    #[must_use]
    pub fn new(supervisor: Supervisor, secret: Secret, settings: Settings) -> Self {
        Self {
            supervisor,
            links: Links::new(secret.clone(), settings.public_url.clone()),
            guests: Guests::default(),
            secret,
            creations: Arc::new(PerMinute::new(settings.creations_per_minute)),
            requests: Arc::new(PerMinute::new(settings.reads_per_minute)),
            retries: Arc::default(),
            once: Arc::default(),
            uses: Arc::new(PerMinute::new(1)),
            settings: Arc::new(RwLock::new(Arc::new(settings))),
            one_time: OneTime::default(),
            left: Arc::default(),
            inspection: Inspection::of_nothing(),
            sockets: TaskTracker::new(),
            closing: CancellationToken::new(),
            leaving: CancellationToken::new(),
        }
    }

    fn settings(&self) -> Arc<Settings> {
        // Nothing panics while it is held.
        let settings = self.settings.read();
        settings.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers requests from now on by these settings. [`Settings::doors`] and [`Settings::public_url`] stay as they were.
    pub fn set(&self, settings: Settings) {
        self.creations.set(settings.creations_per_minute);
        self.requests.set(settings.reads_per_minute);
        let mut current = self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let (doors, public_url) = (current.doors.clone(), current.public_url.clone());
        *current = Arc::new(Settings {
            doors,
            public_url,
            ..settings
        });
    }

    /// Lets every connection end with its next answer, so that clients open new ones, which somebody else may take. Those
    /// without a request stay as they are.
    pub fn leave(&self) {
        self.leaving.cancel();
    }

    /// Says how to find out whether what is in use works, for the page of settings.
    #[must_use]
    pub fn inspected(
        mut self,
        look: impl Fn() -> BoxFuture<'static, Vec<Finding>> + Send + Sync + 'static,
    ) -> Self {
        self.inspection = Inspection::new(Arc::new(look));
        self
    }

    /// Makes a link by which one person may sign in with a browser, once. An account that has to be made for it gets
    /// `free_credits`.
    #[must_use]
    pub fn sign_in_link(&self, free_credits: u32) -> String {
        let secret = self.one_time.make(&self.secret, free_credits);
        format!("{}/sign-in#link={secret}", self.settings().public_url)
    }
}

/// Answers one request, whatever happens.
async fn handle(app: App, peer: IpAddr, request: Request<Incoming>) -> Response<Body> {
    let head_only = request.method() == Method::HEAD;
    let version = request.version();
    // A panic costs its request an answer of 500, not the connection and those that share it.
    let answered = AssertUnwindSafe(dispatch(&app, peer, request))
        .catch_unwind()
        .await;
    let outcome = answered.unwrap_or_else(|_| {
        tracing::error!("a request handler panicked");
        Err(ApiError::internal())
    });
    let mut response = outcome.unwrap_or_else(|error| answer::error(&error));
    let encrypted = app.settings().public_url.starts_with("https://");
    answer::add_common_headers(&mut response, encrypted);
    // HTTP/2 has its own word for it; see `connection`. A socket goes on until the server closes it.
    if app.leaving.is_cancelled()
        && version < Version::HTTP_2
        && response.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    watch::http_request(response.status().as_u16());
    if head_only {
        drop_body(&mut response);
    }
    response
}

async fn dispatch(app: &App, peer: IpAddr, mut request: Request<Incoming>) -> answer::Outcome {
    let (route, id) = match routes::find(request.method(), request.uri().path())? {
        Found::Route(route, id) => (route, id),
        Found::Options(allow) => {
            return Ok(with_allow(answer::empty(StatusCode::NO_CONTENT), &allow));
        }
        Found::WrongMethod(allow) => {
            let error = ApiError::new(
                ErrorCode::MethodNotAllowed,
                format!(
                    "This path does not take {}. Allowed: {allow}.",
                    request.method()
                ),
            );
            return Ok(with_allow(answer::error(&error), &allow));
        }
    };
    // Few requests have a body, but whoever sends one that is too large is told so everywhere.
    let limit = app.settings().max_body_bytes;
    let announced = request.body().size_hint().lower();
    let waits = request.headers().contains_key(header::EXPECT);
    let has_body = match route {
        Route::Keyed(keyed) => keyed.has_body(),
        Route::Line => request.method() == Method::POST,
        Route::Payment => true,
        Route::SignIn => true,
        Route::Mcp => request.method() == Method::POST,
        _ => false,
    };
    let limit = if route == Route::Payment {
        limit.max(MAX_EVENT_BYTES)
    } else {
        limit
    };
    let body = if has_body || announced > limit as u64 {
        request::read_body(request.body_mut(), limit, waits).await?
    } else {
        bytes::Bytes::new()
    };
    let keyed = match route {
        Route::Health => return operator::health(),
        Route::Ready => return operator::ready(app).await,
        Route::OpenApi => return operator::openapi(),
        Route::Llms => return documents::llms(),
        Route::Document => return documents::page(&id),
        Route::Metrics => return operator::metrics(app, peer, request.headers()).await,
        Route::Recording => return recording::get(app, &request, &id).await,
        Route::Line => return lines::handle(app, request, &id, body).await,
        Route::Payment => return billing::event(app, request.headers(), &body).await,
        Route::Page => return pages::page(),
        Route::Asset => return pages::asset(request.uri().path(), request.headers()),
        Route::Session => return session::get(app, request.headers()).await,
        Route::SignIn => return session::create(app, request.headers(), &body).await,
        Route::SignOut => return session::delete(app, request.headers()),
        Route::Mcp => {
            return match request::authenticate(app, request.method(), request.headers()).await {
                Ok(caller) => mcp::handle(app, caller, request, body).await,
                Err(error) => Ok(mcp::unauthorized(&error)),
            };
        }
        Route::Keyed(keyed) => keyed,
    };
    let caller = match keyed {
        Keyed::LiveCall | Keyed::LiveAccount | Keyed::Phone => {
            token::authenticate(app, request.headers(), &id).await?
        }
        _ => request::authenticate(app, request.method(), request.headers()).await?,
    };
    caller.require(keyed.scope())?;
    match keyed {
        Keyed::CreateCall => calls::create(app, &caller, request.headers(), &body).await,
        Keyed::ListCalls => calls::list(app, &caller, request.uri()).await,
        Keyed::GetCall => calls::get(app, &caller, &id).await,
        Keyed::CancelCall => calls::cancel(app, &caller, request.uri(), &id).await,
        Keyed::AnswerQuestion => answers::create(app, &caller, &id, &body).await,
        Keyed::LiveCall => live::open_call(app, caller, request, &id).await,
        Keyed::LiveAccount => live::open_account(app, caller, request).await,
        Keyed::LiveToken => token::create(app, &caller, &body).await,
        Keyed::Account => account::get(app, &caller).await,
        Keyed::Ledger => billing::ledger(app, &caller, request.uri()).await,
        Keyed::Checkout => billing::checkout(app, &caller).await,
        Keyed::Export => export::get(app, &caller),
        Keyed::DeleteData => privacy::delete_data(app, &caller, &id).await,
        Keyed::ListBlocked => privacy::list(app, &caller).await,
        Keyed::Block => privacy::block(app, &caller, &body).await,
        Keyed::Unblock => privacy::unblock(app, &caller, &id).await,
        Keyed::ListKeys => keys::list(app, &caller).await,
        Keyed::CreateKey => keys::create(app, &caller, &body).await,
        Keyed::GetKey => keys::get(app, &caller, &id).await,
        Keyed::RenameKey => keys::rename(app, &caller, &id, &body).await,
        Keyed::RevokeKey => keys::revoke(app, &caller, &id).await,
        Keyed::GetWebhooks => webhooks::get(app, &caller).await,
        Keyed::SetWebhooks => webhooks::set(app, &caller, &body).await,
        Keyed::RotateWebhooks => webhooks::rotate(app, &caller).await,
        Keyed::ListWebhooks => webhooks::list(app, &caller, request.uri()).await,
        Keyed::ResendWebhook => webhooks::resend(app, &caller, &id).await,
        Keyed::Lines => offer::lines(app, &caller),
        Keyed::Phone => live::open_phone(app, caller, request).await,
        Keyed::Settings => settings::get(app).await,
    }
}

fn with_allow(mut response: Response<Body>, allow: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// Keeps the headers of an answer to `HEAD`, its length included, and drops the body.
fn drop_body(response: &mut Response<Body>) {
    if let Some(length) = response.body().size_hint().exact() {
        response
            .headers_mut()
            .entry(header::CONTENT_LENGTH)
            .or_insert(HeaderValue::from(length));
    }
    *response.body_mut() = answer::no_body();
}

/// Runs a store operation on a thread that may wait; its failure is ours, not the client's.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            watch::store_failed();
            tracing::error!(%error, "the store failed");
            Err(supervisor::refusal(&error))
        }
        Err(_) => {
            tracing::error!("a store operation panicked");
            Err(ApiError::internal())
        }
    }
}
