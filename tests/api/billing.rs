//! Buying credits: the checkout page of the payment service, its events, forged and repeated ones, and the ledger. The
//! service is a strict stand-in; whether it is like the real one is asked of Stripe's own library in `referee.rs`.

use std::time::Duration;

use agentphone::{admin::Wish, billing::stripe, driver::clock};
use protocol::{
    ids::KeyMode,
    rest::{Scope, Scopes},
    stripe::{Pack, signature},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    server::{Answer, Options, Server, example, ringing},
    stripe_standin::{KEY, StandIn, WEBHOOK_SECRET, event},
};

pub(crate) fn options(standin: std::net::SocketAddr) -> stripe::Options {
    stripe::Options {
        secret_key: KEY.into(),
        webhook_secret: WEBHOOK_SECRET.into(),
        api_base: format!("http://{standin}"),
        pack: Pack {
            credits: 10,
            amount: 1000,
            currency: "usd".into(),
            price: String::new(),
        },
        billing_page: "https://phone.example/billing".into(),
    }
}

async fn start(free_credits: u32) -> (Server, StandIn) {
    let standin = StandIn::default();
    let address = standin.serve().await;
    let server = Server::with(Options {
        free_credits,
        stripe: Some(options(address)),
        ..Options::default()
    })
    .await;
    (server, standin)
}

async fn tell(server: &Server, body: &str) -> Answer {
    let now = clock::wall().as_second();
    let signature = signature::sign(body.as_bytes(), WEBHOOK_SECRET, now);
    tell_signed(server, body, &signature).await
}

async fn tell_signed(server: &Server, body: &str, signature: &str) -> Answer {
    let request = server
        .anonymous(Method::POST, "/stripe/webhook")
        .header("stripe-signature", signature)
        .body(body.to_owned());
    Answer::of(request).await
}

async fn credits(server: &Server) -> u64 {
    let account = server.get("/account").await;
    account.body["data"]["credits_remaining"].as_u64().unwrap()
}

/// Asks for a call without credits; returns the session whose page the answer names.
async fn offered(server: &Server) -> String {
    let broke = server.post("/calls", &example()).await;
    broke.assert_error(402, "insufficient_credits");
    let url = broke.body["buy_credits_url"].as_str().unwrap().to_owned();
    let id = url.strip_prefix("https://checkout.stripe.com/c/pay/");
    id.unwrap_or_else(|| panic!("{url}")).to_owned()
}

#[tokio::test]
async fn a_page_is_made_when_it_is_needed_and_offered_while_it_is_open() {
    let (server, standin) = start(0).await;
    assert!(standin.asked().is_empty(), "nobody needed one yet");
    let first = offered(&server).await;
    assert_eq!(offered(&server).await, first);
    let page = server.post("/billing/checkout", &json!({})).await;
    assert_eq!(page.body["data"]["credits"], 10);
    assert!(
        page.body["data"]["url"]
            .as_str()
            .unwrap()
            .ends_with(first.as_str())
    );
    assert_eq!(standin.asked().len(), 2, "made once, looked at once");

    let paid = json!({"status": "complete", "payment_status": "paid", "payment_intent": "pi_1", "url": null});
    let session = standin.change(&first, paid);
    let body = event("checkout.session.completed", &session);
    for _ in 0..3 {
        assert_eq!(tell(&server, &body).await.status, 200);
    }
    // Another event about the same session changes nothing either.
    let again = event("checkout.session.async_payment_succeeded", &session);
    assert_eq!(tell(&server, &again).await.status, 200);
    assert_eq!(credits(&server).await, 10);
    server.create(&ringing()).await;
    let next = server.post("/billing/checkout", &json!({})).await;
    let next = next.body["data"]["url"].as_str().unwrap().to_owned();
    assert!(!next.ends_with(first.as_str()), "{next}");

    let id = next.rsplit('/').next().unwrap();
    let expired = standin.change(id, json!({"status": "expired", "url": null}));
    let told = tell(&server, &event("checkout.session.expired", &expired)).await;
    assert_eq!(told.status, 200);
    let third = server.post("/billing/checkout", &json!({})).await;
    assert_ne!(third.body["data"]["url"], next.as_str());
}

#[tokio::test]
async fn many_who_need_a_page_at_once_get_the_same_one() {
    let (server, standin) = start(0).await;
    let asks = (0..30).map(|_| offered(&server));
    let pages = futures_util::future::join_all(asks).await;
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:?}");
    assert_eq!(standin.asked().len(), 1);
}

#[tokio::test]
async fn a_payment_whose_event_was_lost_is_found() {
    let (server, standin) = start(0).await;
    let first = offered(&server).await;
    standin.change(
        &first,
        json!({"status": "complete", "payment_status": "paid", "payment_intent": "pi_1"}),
    );
    let page = server.post("/billing/checkout", &json!({})).await;
    assert!(
        !page.body["data"]["url"]
            .as_str()
            .unwrap()
            .ends_with(first.as_str())
    );
    assert_eq!(credits(&server).await, 10);
    let late = event("checkout.session.completed", &standin.session(&first));
    assert_eq!(tell(&server, &late).await.status, 200);
    assert_eq!(credits(&server).await, 10);
}

#[tokio::test]
async fn a_service_that_is_silent_delays_nobody_for_long() {
    let (server, standin) = start(0).await;
    standin.be_silent(true);
    let start = clock::now();
    let broke = server.post("/calls", &example()).await;
    broke.assert_error(402, "insufficient_credits");
    let own = server.url("").replace("/api/v1", "/billing");
    assert_eq!(broke.body["buy_credits_url"], own.as_str());
    assert!(clock::now() - start < Duration::from_secs(6));
    // For a while it is not asked again.
    let start = clock::now();
    let broke = server.post("/calls", &example()).await;
    assert_eq!(broke.body["buy_credits_url"], own.as_str());
    assert!(clock::now() - start < Duration::from_secs(1));
    assert_eq!(standin.asked().len(), 1);
}

#[tokio::test]
async fn forged_old_and_strange_events_change_nothing() {
    let (server, standin) = start(0).await;
    let id = offered(&server).await;
    let session = standin.change(
        &id,
        json!({"status": "complete", "payment_status": "paid", "payment_intent": "pi_1"}),
    );
    let body = event("checkout.session.completed", &session);
    let now = clock::wall().as_second();
    let sign = |body: &str, secret: &str, at| signature::sign(body.as_bytes(), secret, at);
    for signature in [
        String::new(),
        "t=1,v1=00".to_owned(),
        sign(&body, "whsec_other", now),
        sign(&body.replace("\"10\"", "\"99\""), WEBHOOK_SECRET, now),
        sign(&body, WEBHOOK_SECRET, now - 301),
        sign(&body, WEBHOOK_SECRET, now + 400),
    ] {
        let answer = tell_signed(&server, &body, &signature).await;
        answer.assert_error(400, "invalid_signature");
    }
    for strange in [
        "not json".to_owned(),
        body.replace("\"object\":\"event\"", "\"object\":\"v2.core.event\""),
    ] {
        tell(&server, &strange)
            .await
            .assert_error(400, "invalid_body");
    }
    let unpaid = json!({"id": id, "payment_status": "unpaid", "metadata": {}});
    let stranger =
        json!({"id": "cs_live_9", "payment_status": "paid", "client_reference_id": "acct_1"});
    for object in [unpaid, stranger] {
        let told = tell(&server, &event("checkout.session.completed", &object)).await;
        assert_eq!(told.status, 200);
    }
    let other = tell(&server, &event("invoice.paid", &json!({}))).await;
    assert_eq!(other.status, 200);
    assert_eq!(credits(&server).await, 0);
    // While its secret is changed there are two signatures.
    let good = sign(&body, WEBHOOK_SECRET, now);
    let both = format!("{good},v1={}", "0".repeat(64));
    assert_eq!(tell_signed(&server, &body, &both).await.status, 200);
    assert_eq!(credits(&server).await, 10);
}

#[tokio::test]
async fn refunds_and_disputes_take_the_credits_back_once() {
    let (server, standin) = start(0).await;
    let id = offered(&server).await;
    let session = standin.change(
        &id,
        json!({"status": "complete", "payment_status": "paid", "payment_intent": "pi_7"}),
    );
    tell(&server, &event("checkout.session.completed", &session)).await;
    let charge = |refunded: u32| {
        json!({"id": "ch_1", "object": "charge", "payment_intent": "pi_7", "amount": 1000,
            "amount_refunded": refunded, "refunded": refunded == 1000})
    };
    for (refunded, left) in [(300, 7), (300, 7), (1000, 0), (300, 0)] {
        let told = tell(&server, &event("charge.refunded", &charge(refunded))).await;
        assert_eq!(told.status, 200);
        assert_eq!(credits(&server).await, left);
    }
    // The bank sends it back: the buyer has no money, so the credits come again. A new one goes through.
    let refund = |id: &str, status: &str| {
        let amount = if id == "re_1" { 300 } else { 700 };
        json!({"id": id, "object": "refund", "payment_intent": "pi_7", "charge": "ch_1", "amount": amount,
            "status": status})
    };
    for (kind, id, status, left) in [
        ("refund.created", "re_1", "succeeded", 0),
        ("refund.created", "re_2", "pending", 0),
        ("refund.updated", "re_2", "succeeded", 0),
        ("refund.failed", "re_2", "failed", 7),
        ("refund.failed", "re_2", "failed", 7),
        ("charge.refund.updated", "re_2", "failed", 7),
        ("refund.updated", "re_2", "succeeded", 7),
        ("refund.created", "re_3", "pending", 0),
    ] {
        let told = tell(&server, &event(kind, &refund(id, status))).await;
        assert_eq!(told.status, 200);
        assert_eq!(credits(&server).await, left, "{kind} {id} {status}");
    }
    let dispute =
        json!({"id": "dp_1", "payment_intent": "pi_7", "status": "needs_response", "amount": 1000});
    tell(&server, &event("charge.dispute.created", &dispute)).await;
    assert_eq!(credits(&server).await, 0);

    let ledger = server.get("/account/ledger?limit=3").await;
    let data = ledger.body["data"].as_array().unwrap();
    assert_eq!(
        (&data[0]["kind"], &data[0]["amount"], &data[0]["balance"]),
        (&json!("refund"), &json!(-7), &json!(0))
    );
    assert_eq!(data[0]["reference"], id.as_str());
    assert_eq!(ledger.body["has_more"], true);
    let cursor = ledger.body["next_cursor"].as_str().unwrap();
    let older = server
        .get(&format!("/account/ledger?cursor={cursor}"))
        .await;
    let kinds = older.body["data"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["refund", "purchase"]);
    assert_eq!(older.body["next_cursor"], Value::Null);
    for bad in ["limit=0", "limit=201", "cursor=x"] {
        let answer = server.get(&format!("/account/ledger?{bad}")).await;
        answer.assert_error(422, "invalid_field");
    }
}

#[tokio::test]
async fn without_a_service_there_is_the_operators_address() {
    let server = Server::start().await;
    let page = server.post("/billing/checkout", &json!({})).await;
    assert!(
        page.body["data"]["url"]
            .as_str()
            .unwrap()
            .ends_with("/billing")
    );
    assert_eq!(page.body["data"]["credits"], Value::Null);
    tell(&server, "{}").await.assert_error(404, "not_found");
    let reader = Wish {
        scopes: Scopes::of([Scope::CallsRead]),
        ..Wish::plain(KeyMode::Live)
    };
    let reader = server.another_key(reader).0;
    let answer = server
        .ask(&reader, Method::POST, "/billing/checkout", json!({}))
        .await;
    answer.assert_error(403, "forbidden");
}
