//! A stand-in for Stripe's API on a socket of this machine: strict about what it is asked, and in every other way as
//! close to the real one as Checkout Sessions need. It forgets nothing that it was asked.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use agentphone::driver::clock;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

/// The secret key that is taken.
pub(crate) const KEY: &str = "sk_test_standin";
/// The secret of the webhook endpoint.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_standin";

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) form: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct State {
    asked: Vec<Asked>,
    sessions: HashMap<String, Value>,
    /// Idempotency key → what was sent with it, and the session that it got.
    once: HashMap<String, (Vec<(String, String)>, String)>,
    /// Answers nothing, as if the network had swallowed the request.
    silent: bool,
}

/// The stand-in. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct StandIn(Arc<Mutex<State>>);

impl StandIn {
    /// Serves on a free port until the runtime ends. Returns where.
    pub(crate) async fn serve(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let this = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = this.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let this = this.clone();
                        async move { Ok::<_, Infallible>(this.answer(request).await) }
                    });
                    let executor = TokioExecutor::new();
                    let builder = hyper_util::server::conn::auto::Builder::new(executor);
                    // A client that goes away is no fault of the test.
                    let _ = builder
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        address
    }

    /// Returns everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().asked.clone()
    }

    /// Makes it answer nothing, or again.
    pub(crate) fn be_silent(&self, silent: bool) {
        self.0.lock().unwrap().silent = silent;
    }

    /// Returns a session as the API shows it.
    pub(crate) fn session(&self, id: &str) -> Value {
        self.0.lock().unwrap().sessions[id].clone()
    }

    /// Lets somebody pay a session, or lets it expire, without telling. Returns it.
    pub(crate) fn change(&self, id: &str, fields: Value) -> Value {
        let mut state = self.0.lock().unwrap();
        let session = state.sessions.get_mut(id).unwrap();
        for (name, value) in fields.as_object().unwrap() {
            session[name] = value.clone();
        }
        session.clone()
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let method = request.method().to_string();
        let path = request.uri().path().to_owned();
        let headers: BTreeMap<_, _> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let form: Vec<_> = form_urlencoded::parse(&body).into_owned().collect();
        let asked = Asked {
            method,
            path,
            headers,
            form,
        };
        let answered = {
            let mut state = self.0.lock().unwrap();
            state.asked.push(asked.clone());
            if state.silent {
                None
            } else {
                Some(state.carry_out(&asked))
            }
        };
        match answered {
            None => std::future::pending().await,
            Some(Ok(body)) => response(200, &body),
            Some(Err((status, kind, param))) => {
                let error = json!({"error": {"type": kind, "param": param, "message": "refused"}});
                response(status, &error)
            }
        }
    }
}

type Refusal = (u16, &'static str, String);

impl State {
    fn carry_out(&mut self, asked: &Asked) -> Result<Value, Refusal> {
        let bearer = format!("Bearer {KEY}");
        if asked.headers.get("authorization") != Some(&bearer) {
            return Err((401, "invalid_request_error", "key".into()));
        }
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/v1/checkout/sessions") => self.create(asked),
            ("GET", "/v1/checkout/sessions") => Ok(json!({"object": "list", "data": []})),
            ("GET", path) => {
                let id = path.strip_prefix("/v1/checkout/sessions/");
                let session = id.and_then(|id| self.sessions.get(id));
                session
                    .cloned()
                    .ok_or((404, "invalid_request_error", "id".into()))
            }
            _ => Err((404, "invalid_request_error", "path".into())),
        }
    }

    fn create(&mut self, asked: &Asked) -> Result<Value, Refusal> {
        let refuse = |param: &str| Err((400, "invalid_request_error", param.to_owned()));
        if asked.headers.get("content-type").map(String::as_str)
            != Some("application/x-www-form-urlencoded")
        {
            return refuse("content-type");
        }
        let once = asked.headers.get("idempotency-key").cloned();
        let once = once.filter(|key| (1..=255).contains(&key.len()));
        if let Some((form, id)) = once.as_ref().and_then(|key| self.once.get(key)) {
            return if *form == asked.form {
                Ok(self.sessions[id].clone())
            } else {
                Err((400, "idempotency_error", "idempotency-key".into()))
            };
        }
        let known = [
            "mode",
            "success_url",
            "cancel_url",
            "client_reference_id",
            "metadata[account_id]",
            "metadata[credits]",
            "payment_intent_data[metadata][account_id]",
            "line_items[0][quantity]",
            "line_items[0][price]",
            "line_items[0][price_data][currency]",
            "line_items[0][price_data][unit_amount]",
            "line_items[0][price_data][product_data][name]",
        ];
        let mut fields = HashMap::new();
        for (name, value) in &asked.form {
            if !known.contains(&name.as_str()) || value.is_empty() {
                return refuse(name);
            }
            if fields.insert(name.as_str(), value.as_str()).is_some() {
                return refuse(name);
            }
        }
        let get = |name: &str| fields.get(name).copied();
        if get("mode") != Some("payment") {
            return refuse("mode");
        }
        let is_url = |name| get(name).is_some_and(|url| reqwest::Url::parse(url).is_ok());
        if !is_url("success_url") || (get("cancel_url").is_some() && !is_url("cancel_url")) {
            return refuse("success_url");
        }
        if get("line_items[0][quantity]").and_then(|text| text.parse::<u32>().ok()) != Some(1) {
            return refuse("line_items[0][quantity]");
        }
        let amount = match get("line_items[0][price]") {
            Some(price) if price.starts_with("price_") => 1000,
            Some(_) => return refuse("line_items[0][price]"),
            None => {
                let currency = get("line_items[0][price_data][currency]").unwrap_or_default();
                if currency.len() != 3 {
                    return refuse("line_items[0][price_data][currency]");
                }
                match get("line_items[0][price_data][unit_amount]").map(str::parse::<u32>) {
                    Some(Ok(amount)) if amount >= 50 => amount,
                    _ => return refuse("line_items[0][price_data][unit_amount]"),
                }
            }
        };
        let number = self.sessions.len() + 1;
        let id = format!("cs_test_{number}");
        let now = clock::wall().as_second();
        let session = json!({
            "id": id,
            "object": "checkout.session",
            "url": format!("https://checkout.stripe.com/c/pay/{id}"),
            "status": "open",
            "payment_status": "unpaid",
            "mode": "payment",
            "livemode": false,
            "created": now,
            "expires_at": now + 86_400,
            "amount_total": amount,
            "client_reference_id": get("client_reference_id"),
            "payment_intent": null,
            "metadata": {
                "account_id": get("metadata[account_id]"),
                "credits": get("metadata[credits]"),
            },
        });
        self.sessions.insert(id.clone(), session.clone());
        if let Some(key) = once {
            self.once.insert(key, (asked.form.clone(), id));
        }
        Ok(session)
    }
}

fn response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    response
}

/// Returns the body of an event about an object.
pub(crate) fn event(kind: &str, object: &Value) -> String {
    json!({
        "id": format!("evt_{}", fastrand::u64(..)),
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": clock::wall().as_second(),
        "livemode": false,
        "type": kind,
        "data": {"object": object},
    })
    .to_string()
}
