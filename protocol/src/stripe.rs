//! Stripe on the wire: Checkout Sessions as they are asked for and answered, and the events that it sends about them.
//!
//! Field names and rules are those of Stripe's API at [`API_VERSION`] (<https://docs.stripe.com/api/checkout/sessions>).
//! What an event means for an account's credits is not decided here.

pub mod signature;

use serde::Deserialize;

use crate::ids::AccountId;

/// The version of the API that this was written for; sent as `Stripe-Version`.
pub const API_VERSION: &str = "2026-10-28.endive";

/// What is sold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pack {
    /// Credits that one purchase brings.
    pub credits: u32,
    /// What it costs, in the smallest unit of the currency.
    pub amount: u32,
    /// ISO 4217, in lower case.
    pub currency: String,
    /// The id of a price that is kept at Stripe, in place of amount and currency; may be empty.
    pub price: String,
}

/// Returns the fields of `POST /v1/checkout/sessions` by which an account buys a pack. `billing_page` is where the
/// buyer comes back to, without a query.
#[must_use]
pub fn session_form(
    account: &AccountId,
    pack: &Pack,
    billing_page: &str,
) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("mode", "payment".to_owned()),
        // Stripe fills in the id.
        (
            "success_url",
            format!("{billing_page}?session_id={{CHECKOUT_SESSION_ID}}"),
        ),
        ("cancel_url", billing_page.to_owned()),
        ("client_reference_id", account.to_string()),
        ("metadata[account_id]", account.to_string()),
        ("metadata[credits]", pack.credits.to_string()),
        (
            "payment_intent_data[metadata][account_id]",
            account.to_string(),
        ),
        ("line_items[0][quantity]", "1".to_owned()),
    ];
    if pack.price.is_empty() {
        form.extend([
            ("line_items[0][price_data][currency]", pack.currency.clone()),
            (
                "line_items[0][price_data][unit_amount]",
                pack.amount.to_string(),
            ),
            (
                "line_items[0][price_data][product_data][name]",
                format!("{} call credits", pack.credits),
            ),
        ]);
    } else {
        form.push(("line_items[0][price]", pack.price.clone()));
    }
    form
}

/// A Checkout Session, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Session {
    /// `cs_test_…` or `cs_live_…`.
    pub id: String,
    /// Where the buyer pays; absent once the session is over.
    #[serde(default)]
    pub url: Option<String>,
    /// `open`, `complete` or `expired`.
    #[serde(default)]
    pub status: Option<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    #[serde(default)]
    pub payment_status: Option<String>,
    /// Seconds since 1970.
    #[serde(default)]
    pub expires_at: i64,
    /// The payment behind it, by which refunds are found.
    #[serde(default)]
    pub payment_intent: Option<String>,
    /// What it costs, in the smallest unit of the currency.
    #[serde(default)]
    pub amount_total: Option<u64>,
    /// What it was made with.
    #[serde(default)]
    pub metadata: Metadata,
}

/// What a session of ours was made with. Stripe keeps texts only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Metadata {
    /// Who buys.
    #[serde(default)]
    pub account_id: Option<String>,
    /// How many credits.
    #[serde(default)]
    pub credits: Option<String>,
}

impl Session {
    /// Returns whether it can still be paid.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status.as_deref() == Some("open")
    }

    /// Returns whether the money has been paid.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.payment_status.as_deref() == Some("paid")
    }

    /// Returns who bought how many credits, if the session says so.
    #[must_use]
    pub fn bought(&self) -> Option<(AccountId, u32)> {
        let account = AccountId::parse(self.metadata.account_id.as_deref()?)?;
        let credits = self.metadata.credits.as_deref()?.parse().ok()?;
        Some((account, credits))
    }
}

/// What happened, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A session is complete, or its slow payment has come through.
    Completed(Session),
    /// A session can no longer be paid.
    Closed(Session),
    /// Money went back to the buyer.
    Refunded {
        /// The payment.
        payment_intent: String,
        /// What was paid, in the smallest unit.
        amount: u64,
        /// How much of it had gone back then.
        refunded: u64,
        /// When this was so, in seconds since 1970: events come in any order.
        at: i64,
    },
    /// One refund began, goes on, or came to nothing.
    Refund {
        /// The payment.
        payment_intent: String,
        /// The refund, `re_…`.
        id: String,
        /// How much goes back, in the smallest unit.
        amount: u64,
        /// Whether it came to nothing: the buyer does not get the money.
        failed: bool,
        /// When this was so, in seconds since 1970.
        at: i64,
    },
    /// The buyer's bank disputes the payment, or has stopped to.
    Disputed {
        /// The payment.
        payment_intent: String,
        /// Whether the money is gone for now.
        withdrawn: bool,
        /// When this was so, in seconds since 1970: events come in any order.
        at: i64,
    },
    /// Anything else.
    Other,
}

/// Why an event cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnEvent;

#[derive(Deserialize)]
struct Envelope {
    object: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    created: i64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: serde_json::Value,
}

#[derive(Deserialize)]
struct Charge {
    #[serde(default)]
    payment_intent: Option<String>,
    amount: u64,
    amount_refunded: u64,
}

#[derive(Deserialize)]
struct Refund {
    id: String,
    #[serde(default)]
    payment_intent: Option<String>,
    amount: u64,
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize)]
struct Dispute {
    #[serde(default)]
    payment_intent: Option<String>,
    #[serde(default)]
    status: String,
}

/// Reads the body of an event whose signature was checked.
///
/// # Errors
/// When it is no event of the first version of the API, or one of these kinds without the fields that it must have.
pub fn parse_event(body: &[u8]) -> Result<Event, NotAnEvent> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| NotAnEvent)?;
    if envelope.object != "event" {
        return Err(NotAnEvent);
    }
    let object = envelope.data.object;
    Ok(match envelope.kind.as_str() {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            Event::Completed(read(object)?)
        }
        "checkout.session.async_payment_failed" | "checkout.session.expired" => {
            Event::Closed(read(object)?)
        }
        "charge.refunded" => {
            let charge: Charge = read(object)?;
            match charge.payment_intent {
                Some(payment_intent) => Event::Refunded {
                    payment_intent,
                    amount: charge.amount,
                    refunded: charge.amount_refunded,
                    at: envelope.created,
                },
                None => Event::Other,
            }
        }
        kind
        @ ("refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated") => {
            let refund: Refund = read(object)?;
            let failed = matches!(refund.status.as_deref(), Some("failed" | "canceled"));
            match refund.payment_intent {
                Some(payment_intent) => Event::Refund {
                    payment_intent,
                    id: refund.id,
                    amount: refund.amount,
                    failed: failed || kind == "refund.failed",
                    at: envelope.created,
                },
                None => Event::Other,
            }
        }
        "charge.dispute.created" | "charge.dispute.closed" => {
            let dispute: Dispute = read(object)?;
            match dispute.payment_intent {
                Some(payment_intent) => Event::Disputed {
                    payment_intent,
                    withdrawn: !matches!(dispute.status.as_str(), "won" | "warning_closed"),
                    at: envelope.created,
                },
                None => Event::Other,
            }
        }
        _ => Event::Other,
    })
}

fn read<T: serde::de::DeserializeOwned>(object: serde_json::Value) -> Result<T, NotAnEvent> {
    serde_json::from_value(object).map_err(|_| NotAnEvent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, object: serde_json::Value) -> Result<Event, NotAnEvent> {
        let body = json!({"id": "evt_1", "object": "event", "created": 5, "type": kind, "data": {"object": object}});
        parse_event(body.to_string().as_bytes())
    }

    #[test]
    fn events_are_told_apart() {
        let account = AccountId::new(7);
        let session = json!({
            "id": "cs_test_1", "object": "checkout.session", "payment_status": "paid", "status": "complete",
            "metadata": {"account_id": account, "credits": "10"}, "payment_intent": "pi_1", "url": null,
        });
        let Ok(Event::Completed(read)) = event("checkout.session.completed", session) else {
            panic!("a completed session");
        };
        assert!(read.is_paid() && !read.is_open());
        assert_eq!(read.bought(), Some((account, 10)));
        let bare = json!({"id": "cs_1", "payment_status": "paid", "client_reference_id": "acct_1"});
        let Ok(Event::Completed(bare)) = event("checkout.session.completed", bare) else {
            panic!("a completed session");
        };
        assert_eq!(bare.bought(), None);
        let refund = json!({"payment_intent": "pi_1", "amount": 1000, "amount_refunded": 500});
        assert_eq!(
            event("charge.refunded", refund),
            Ok(Event::Refunded {
                payment_intent: "pi_1".into(),
                amount: 1000,
                refunded: 500,
                at: 5
            })
        );
        let one = |status| json!({"id": "re_1", "payment_intent": "pi_1", "amount": 500, "status": status});
        for (kind, status, failed) in [
            ("refund.created", "pending", false),
            ("refund.updated", "succeeded", false),
            ("refund.updated", "canceled", true),
            ("charge.refund.updated", "failed", true),
            ("refund.failed", "failed", true),
        ] {
            let Ok(Event::Refund { failed: told, .. }) = event(kind, one(status)) else {
                panic!("a refund");
            };
            assert_eq!(told, failed, "{kind} {status}");
        }
        let of_no_payment = json!({"id": "re_1", "payment_intent": null, "amount": 5});
        assert_eq!(event("refund.created", of_no_payment), Ok(Event::Other));
        let lost = json!({"payment_intent": "pi_1", "status": "needs_response"});
        let won = json!({"payment_intent": "pi_1", "status": "won"});
        let disputed = |withdrawn| {
            Ok(Event::Disputed {
                payment_intent: "pi_1".into(),
                withdrawn,
                at: 5,
            })
        };
        assert_eq!(event("charge.dispute.created", lost), disputed(true));
        assert_eq!(event("charge.dispute.closed", won), disputed(false));
        assert_eq!(event("customer.created", json!({})), Ok(Event::Other));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"object": "v2.core.event", "type": "x", "data": {"object": {}}}"#,
            r#"{"object": "event", "type": "checkout.session.completed", "data": {"object": {}}}"#,
            r#"{"object": "event", "type": "charge.refunded", "data": {"object": {"amount": -1}}}"#,
        ] {
            assert_eq!(parse_event(body.as_bytes()), Err(NotAnEvent), "{body}");
        }
    }
}
