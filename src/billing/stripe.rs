//! Stripe: makes Checkout Sessions, looks at them, and tells genuine events from others. What they mean for credits is
//! decided in `billing.rs`; how they look on the wire, in `protocol::stripe`.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use protocol::{
    error::{ApiError, ErrorCode},
    ids::AccountId,
    stripe::{self, API_VERSION, Event, Pack, Session, signature},
};
use reqwest::header::{self, HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use super::{News, PaymentService, Problem};
use crate::{
    provider::BoxFuture,
    store::{Checkout, Payment, Told},
};

/// Where the API is.
pub const API_BASE: &str = "https://api.stripe.com";

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a request may take altogether.
const WHOLE: Duration = Duration::from_secs(10);
/// The most that is read of an answer, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// How the service is set up.
#[derive(Clone)]
pub struct Options {
    /// The secret key, `sk_…` or `rk_…`.
    pub secret_key: String,
    /// The secret of the webhook endpoint, `whsec_…`; empty: events are refused.
    pub webhook_secret: String,
    /// Where the API is, without a slash at the end.
    pub api_base: String,
    /// What is sold.
    pub pack: Pack,
    /// Where the buyer comes back to.
    pub billing_page: String,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("api_base", &self.api_base)
            .field("pack", &self.pack)
            .finish_non_exhaustive()
    }
}

/// The service.
#[derive(Debug, Clone)]
pub struct Stripe {
    options: Options,
    client: reqwest::Client,
    fingerprint: String,
}

impl Stripe {
    /// Makes a client.
    ///
    /// # Errors
    /// A sentence when the key cannot be a header, or there is no TLS.
    pub fn new(options: Options) -> Result<Self, String> {
        let mut key =
            HeaderValue::from_str(&format!("Bearer {}", options.secret_key)).map_err(|_| {
                "`billing.stripe.secret_key` has characters that no key has.".to_owned()
            })?;
        key.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, key);
        headers.insert("stripe-version", HeaderValue::from_static(API_VERSION));
        // One cryptography provider for the program; an error only says that it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&options.api_base) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| {
            format!("No TLS client could be made for billing.stripe ({error}).")
        })?;
        Ok(Self {
            fingerprint: fingerprint(&options),
            options,
            client,
        })
    }

    /// Asking again gives the same one: Stripe keeps it under the idempotency key for a day.
    async fn make(&self, account: &AccountId, generation: u64) -> Result<Checkout, Problem> {
        let pack = &self.options.pack;
        let form = stripe::session_form(account, pack, &self.options.billing_page);
        let once = format!("agentphone-{account}-{generation}-{}", self.fingerprint);
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&form)
            .finish();
        let request = self
            .client
            .post(self.url("/v1/checkout/sessions"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("idempotency-key", once)
            .body(body);
        let session = self.session(request).await?;
        let open = session.is_open();
        Ok(Checkout {
            expires_at: Timestamp::from_second(session.expires_at).unwrap_or_default(),
            // One that was asked for before may be over; then it has no address worth giving.
            url: session.url.filter(|_| open).unwrap_or_default(),
            session: session.id,
            account: account.clone(),
            credits: pack.credits,
            fingerprint: self.fingerprint.clone(),
        })
    }

    async fn find(&self, session: &str) -> Result<(bool, Option<News>), Problem> {
        let path = format!("/v1/checkout/sessions/{session}");
        let session = self.session(self.client.get(self.url(&path))).await?;
        if session.is_open() {
            return Ok((true, None));
        }
        Ok((false, Some(completed(session))))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.options.api_base)
    }

    /// Returns whether its key is one for trying, with which nobody pays.
    #[must_use]
    pub fn is_for_tests(&self) -> bool {
        ["sk_test_", "rk_test_"]
            .iter()
            .any(|start| self.options.secret_key.starts_with(start))
    }

    /// Asks for something that costs nothing, to find out whether the key is good for what is done with it.
    ///
    /// # Errors
    /// A sentence when it is not, or nobody answers.
    pub async fn check(&self) -> Result<String, Problem> {
        let request = self.client.get(self.url("/v1/checkout/sessions?limit=1"));
        self.answer(request).await?;
        let pack = &self.options.pack;
        let price = match pack.price.as_str() {
            "" => format!("{} {} in its smallest unit", pack.amount, pack.currency),
            price => price.to_owned(),
        };
        Ok(format!(
            "{} answers, and the key may look at checkouts; {} credits are sold for {price}",
            self.options.api_base, pack.credits
        ))
    }

    async fn session(&self, request: reqwest::RequestBuilder) -> Result<Session, Problem> {
        let body = self.answer(request).await?;
        serde_json::from_slice(&body)
            .map_err(|error| Problem(format!("Stripe's answer cannot be understood ({error}).")))
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, Problem> {
        let unreachable = |error: reqwest::Error| {
            Problem(format!(
                "Stripe cannot be reached ({}).",
                error.without_url()
            ))
        };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&piece);
            if body.len() > MAX_ANSWER {
                return Err(Problem("Stripe's answer does not end.".into()));
            }
        }
        if !status.is_success() {
            let told: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let kind = told["error"]["type"].as_str().unwrap_or("no reason given");
            let code = told["error"]["code"].as_str().unwrap_or("-");
            return Err(Problem(format!(
                "Stripe refused: {status}, {kind}, {code}."
            )));
        }
        Ok(body)
    }
}

impl PaymentService for Stripe {
    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn create<'a>(
        &'a self,
        account: &'a AccountId,
        generation: u64,
    ) -> BoxFuture<'a, Result<Checkout, Problem>> {
        Box::pin(self.make(account, generation))
    }

    fn look<'a>(
        &'a self,
        session: &'a str,
    ) -> BoxFuture<'a, Result<(bool, Option<News>), Problem>> {
        Box::pin(self.find(session))
    }

    fn signature_header(&self) -> &'static str {
        "stripe-signature"
    }

    fn read_event(&self, header: &str, body: &[u8], now: i64) -> Result<News, ApiError> {
        let refused = |why: &str| {
            ApiError::new(
                ErrorCode::InvalidSignature,
                format!("This event is not taken: {why}."),
            )
        };
        if self.options.webhook_secret.is_empty() {
            return Err(refused("`billing.stripe.webhook_secret` is not set"));
        }
        signature::verify(header, body, &self.options.webhook_secret, now).map_err(|refusal| {
            refused(match refusal {
                signature::Refusal::Malformed => "it has no signature in 'Stripe-Signature'",
                signature::Refusal::Forged => "its signature is not that of the body",
                signature::Refusal::Stale => "its signature is too old; look at the server's clock",
            })
        })?;
        let event = stripe::parse_event(body).map_err(|_| {
            ApiError::new(
                ErrorCode::InvalidBody,
                "This is no event of Stripe's API v1 that can be understood.",
            )
        })?;
        Ok(match event {
            Event::Completed(session) => completed(session),
            Event::Closed(session) => News::Closed {
                session: session.id,
            },
            Event::Refunded {
                payment_intent,
                amount,
                refunded,
                at,
            } => News::Reversed {
                reference: payment_intent,
                told: Told::Refunded {
                    amount,
                    refunded,
                    at,
                },
            },
            Event::Refund {
                payment_intent,
                id,
                amount,
                failed,
                at,
            } => News::Reversed {
                reference: payment_intent,
                told: Told::Refund {
                    id,
                    amount,
                    failed,
                    at,
                },
            },
            Event::Disputed {
                payment_intent,
                withdrawn,
                at,
            } => News::Reversed {
                reference: payment_intent,
                told: Told::Withdrawn { withdrawn, at },
            },
            Event::Other => News::Nothing,
        })
    }
}

/// A session that is complete has brought money, or not yet: then there will be another event.
fn completed(session: Session) -> News {
    if !session.is_paid() {
        return News::Closed {
            session: session.id,
        };
    }
    News::Paid(Payment {
        bought: session.bought(),
        reference: session.payment_intent,
        paid: session.amount_total.unwrap_or(0),
        session: session.id,
    })
}

fn fingerprint(options: &Options) -> String {
    let Options {
        pack, billing_page, ..
    } = options;
    let text = format!(
        "{}\n{}\n{}\n{}\n{billing_page}\n{API_VERSION}",
        pack.credits, pack.amount, pack.currency, pack.price
    );
    let digest = Sha256::digest(text);
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn is_loopback(base: &str) -> bool {
    reqwest::Url::parse(base).is_ok_and(|url| {
        let host = url
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}
