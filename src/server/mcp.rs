//! `/mcp`: the tools over Streamable HTTP, with the key and the scopes of the request.
//!
//! Every request stands alone: no session is kept, so a client of either era of the protocol can come back to any server. The
//! desk calls the same handlers as the REST routes; nothing is decided here.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::{HeaderMap, Request, Response, StatusCode, Uri, header, header::HeaderValue};
use protocol::{
    control::{Event, Numbered},
    error::ApiError,
    ids::CallId,
    rest::Scope,
};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use serde_json::Value;
use tokio::sync::mpsc;

mod refusal;

use super::{
    App, account,
    answer::{self, Body, Outcome},
    answers, calls,
    live::Leash,
};
use crate::{
    mcp::{Ask, Desk, Reply, Retries, Server},
    provider::BoxFuture,
    supervisor::Caller,
};

/// Events on their way to a wait; it takes them as they come.
const EVENTS: usize = 64;
/// Events read from a call's log at once.
const BATCH: usize = 64;

/// Answers one request of the protocol.
pub(super) async fn handle<B>(
    app: &App,
    caller: Caller,
    request: Request<B>,
    body: Bytes,
) -> Outcome {
    let mut leash = Leash::new(app, caller.key.clone());
    let desk = Arc::new(Local {
        app: app.clone(),
        caller,
    });
    let service = StreamableHttpService::new(
        move || Ok(Server::new(desk.clone())),
        Arc::new(NeverSessionManager::default()),
        config(app),
    );
    if let Some(refusal) = refusal::before(request.method(), request.headers(), &body) {
        return refusal;
    }
    let asked = body.clone();
    let request = request.map(|_| Full::new(body));
    // Some tools wait for minutes; none longer than the key holds.
    let response = tokio::select! {
        response = service.handle(request) => response,
        () = leash.snapped() => return Ok(unauthorized(&ApiError::unauthorized())),
    };
    let response = response.map(|body| body.map_err(|never| match never {}).boxed_unsync());
    Ok(refusal::mend(leashed(response, leash), &asked).await)
}

/// Lets an answer that comes in pieces end with its key.
fn leashed(response: Response<Body>, mut leash: Leash) -> Response<Body> {
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        return response;
    }
    response.map(|body| {
        let pieces = BodyStream::new(body);
        let held = pieces.take_until(async move { leash.snapped().await });
        StreamBody::new(held).boxed_unsync()
    })
}

/// Returns the answer to a request without a key, as clients of the protocol expect it.
pub(super) fn unauthorized(error: &ApiError) -> Response<Body> {
    let mut response = answer::error(error);
    if response.status() == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static(r#"Bearer realm="agentphone""#);
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

fn config(app: &App) -> StreamableHttpServerConfig {
    let public = app.settings().public_url.parse::<Uri>().ok();
    let host = public
        .as_ref()
        .and_then(Uri::authority)
        .map(ToString::to_string);
    let hosts = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts(hosts.into_iter().chain(host))
        // A page of somebody else in a person's browser must not place calls, whatever it knows.
        .with_allowed_origins([app.settings().public_url.clone()])
        .enforce_origin_validation()
        .with_max_request_body_bytes(app.settings().max_body_bytes)
        .with_cancellation_token(app.closing.clone())
}

/// The REST interface in this process, with one caller's key.
#[derive(Debug)]
struct Local {
    app: App,
    caller: Caller,
}

impl Local {
    async fn answer(&self, ask: Ask) -> Outcome {
        let (app, caller) = (&self.app, &self.caller);
        let scope = match ask {
            Ask::Get(_) | Ask::List(_) | Ask::Account => Scope::CallsRead,
            Ask::Create { .. } | Ask::Cancel { .. } => Scope::CallsWrite,
            Ask::Answer { .. } => Scope::Control,
        };
        caller.require(scope)?;
        match ask {
            Ask::Create {
                body,
                idempotency_key,
            } => {
                let mut headers = HeaderMap::new();
                if let Some(key) = idempotency_key {
                    let key = HeaderValue::from_str(&key).map_err(|_| {
                        ApiError::invalid_field("idempotency_key", "plain characters")
                    })?;
                    headers.insert("idempotency-key", key);
                }
                calls::create(app, caller, &headers, body.to_string().as_bytes()).await
            }
            Ask::Get(id) => calls::get(app, caller, &id).await,
            Ask::List(query) => calls::list(app, caller, &target(&query)?).await,
            Ask::Cancel { id, now } => {
                let query = if now { "mode=now" } else { "" };
                calls::cancel(app, caller, &target(query)?, &id).await
            }
            Ask::Answer { id, body } => {
                answers::create(app, caller, &id, body.to_string().as_bytes()).await
            }
            Ask::Account => account::get(app, caller).await,
        }
    }
}

fn target(query: &str) -> Result<Uri, ApiError> {
    format!("/?{query}")
        .parse()
        .map_err(|_| ApiError::internal())
}

async fn reply(outcome: Outcome) -> Reply {
    let response = outcome.unwrap_or_else(|error| answer::error(&error));
    let status = response.status().as_u16();
    let replayed = response.headers().contains_key("idempotent-replayed");
    let bytes = response.into_body().collect().await;
    let bytes = bytes
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    Reply {
        status,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        replayed,
    }
}

impl Desk for Local {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Reply> {
        Box::pin(async move { reply(self.answer(ask).await).await })
    }

    fn owner(&self) -> String {
        format!("{} {}", self.caller.account, self.caller.test)
    }

    fn retries(&self) -> &Retries {
        &self.app.retries
    }

    fn follow<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<mpsc::Receiver<Numbered>, Reply>> {
        Box::pin(async move {
            let found = calls::find(&self.app, &self.caller, id).await;
            if let Err(error) = found {
                return Err(reply(Err(error)).await);
            }
            // Full: the reader of the log waits; the log itself waits for nobody.
            let (sender, events) = mpsc::channel(EVENTS);
            let feed = CallId::parse(id).and_then(|id| self.app.supervisor.feed(&id));
            let Some(feed) = feed else {
                return Ok(events);
            };
            tokio::spawn(async move {
                let mut changed = feed.subscribe();
                let mut seen = 0;
                loop {
                    let batch = feed.read(seen, BATCH);
                    seen += batch.events.len() as u64;
                    let read = |text: &Arc<str>| serde_json::from_str::<Numbered>(text).ok();
                    for event in batch.events.iter().filter_map(read) {
                        let last = matches!(event.event, Event::CallEnded { .. });
                        if sender.send(event).await.is_err() || last {
                            return;
                        }
                    }
                    if batch.ended {
                        return;
                    }
                    if batch.events.is_empty() {
                        tokio::select! {
                            changed = changed.changed() => if changed.is_err() { return },
                            () = sender.closed() => return,
                        }
                    }
                }
            });
            Ok(events)
        })
    }
}
