//! Credits: five for a new account, one a call, 402 when they are spent, back when nobody was reached.

use protocol::ids::KeyMode;
use reqwest::Method;

use crate::server::{Answer, Options, Server, example, ringing};

async fn credits(server: &Server) -> u64 {
    let account = server.get("/account").await;
    assert_eq!(account.status, 200);
    let data = &account.body["data"];
    assert!(data["account_id"].as_str().unwrap().starts_with("ac_"));
    data["credits_remaining"].as_u64().unwrap()
}

#[tokio::test]
async fn five_calls_are_free_and_the_sixth_says_where_to_buy() {
    let server = Server::with(Options {
        free_credits: 5,
        ..Options::default()
    })
    .await;
    for left in (0..5).rev() {
        let answer = server.post("/calls", &ringing()).await;
        assert_eq!(answer.body["credits_remaining"], left);
    }
    let broke = server.post("/calls", &example()).await;
    broke.assert_error(402, "insufficient_credits");
    assert!(
        broke.body["buy_credits_url"]
            .as_str()
            .unwrap()
            .starts_with("http")
    );
    assert_eq!(credits(&server).await, 0);
    let list = server.get("/calls").await;
    assert_eq!(list.body["data"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_call_that_was_canceled_before_the_answer_costs_nothing() {
    let server = Server::with(Options {
        free_credits: 1,
        ..Options::default()
    })
    .await;
    let id = server.create(&ringing()).await;
    assert_eq!(credits(&server).await, 0);
    server.get(&format!("/calls/{id}")).await;
    let request = server.request(Method::DELETE, &format!("/calls/{id}"));
    assert_eq!(Answer::of(request).await.status, 200);
    server.wait_for(&id, "canceled").await;
    assert_eq!(credits(&server).await, 1);
}

#[tokio::test]
async fn a_call_that_was_made_is_paid_once() {
    let server = Server::with(Options {
        free_credits: 2,
        ..Options::default()
    })
    .await;
    let id = server.create(&example()).await;
    server.wait_for(&id, "completed").await;
    assert_eq!(credits(&server).await, 1);
}

#[tokio::test]
async fn a_call_that_was_not_answered_costs_nothing() {
    let server = Server::with(Options {
        free_credits: 1,
        ..Options::default()
    })
    .await;
    let mut body = example();
    body["scenario"] = "busy".into();
    let id = server.create(&body).await;
    let call = server.wait_for(&id, "failed").await;
    assert_eq!(call["error_code"], "call_failed");
    assert_eq!(call["failure"]["reason"], "busy");
    assert_eq!(call["failure"]["at_fault"], "callee");
    assert!(call["failure"]["message"].is_string());
    assert_eq!(credits(&server).await, 1);
}

#[tokio::test]
async fn a_call_that_was_answered_and_broke_is_paid() {
    let server = Server::with(Options {
        free_credits: 1,
        ..Options::default()
    })
    .await;
    let mut body = example();
    body["scenario"] = "breaks".into();
    let id = server.create(&body).await;
    let call = server.wait_for(&id, "failed").await;
    assert_eq!(call["failure"]["reason"], "media_lost");
    assert!(call["started_at"].is_string(), "{call}");
    assert_eq!(credits(&server).await, 0);
    let ledger = server.get("/account/ledger").await;
    assert_eq!(ledger.body["data"][0]["kind"], "settle");
}

#[tokio::test]
async fn a_test_key_pays_nothing() {
    let server = Server::with(Options {
        free_credits: 0,
        ..Options::default()
    })
    .await;
    let (key, _) = server.new_key(KeyMode::Test);
    let request = server
        .anonymous(Method::POST, "/calls")
        .header("x-api-key", key);
    let answer = Answer::of(request.json(&example())).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["credits_remaining"]),
        (202, &0.into())
    );
}
