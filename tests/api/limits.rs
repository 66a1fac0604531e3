//! How much an account may do, by many clients at once: one credit is one call, a queue is fair and says where one
//! stands, a repeated request is one call even at the same instant.

use agentphone::supervisor::Policy;
use futures_util::future::join_all;
use protocol::ids::KeyMode;
use reqwest::Method;
use serde_json::Value;

use crate::server::{Answer, Options, Server, example, ringing};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_with_one_credit_make_exactly_one_call() {
    let server = Server::with(Options {
        free_credits: 1,
        ..Options::default()
    })
    .await;
    // Each on a connection of its own: they are all under way before the first is answered.
    let asks = (0..200).map(|_| {
        let request = server.request(Method::POST, "/calls");
        Answer::of(request.json(&ringing()))
    });
    let answers = join_all(asks).await;
    let made = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!(made, 1);
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        answer.assert_error(402, "insufficient_credits");
        assert!(answer.body["buy_credits_url"].is_string());
    }
    let calls = server.get("/calls").await;
    assert_eq!(calls.body["data"].as_array().unwrap().len(), 1);
    let account = server.get("/account").await;
    assert_eq!(account.body["data"]["credits_remaining"], 0);
    let ledger = server.get("/account/ledger").await;
    let lines = ledger.body["data"].as_array().unwrap().iter();
    let amounts: Vec<_> = lines.map(|line| line["amount"].as_i64().unwrap()).collect();
    assert_eq!(amounts, [-1, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_sent_fifty_times_at_the_same_instant_is_one_call() {
    // They count once against the limit.
    let server = Server::with(Options {
        creations_per_minute: 1,
        ..Options::default()
    })
    .await;
    let asks = (0..50).map(|_| {
        let request = server.request(Method::POST, "/calls");
        Answer::of(request.header("idempotency-key", "once").json(&ringing()))
    });
    let answers = join_all(asks).await;
    let first = &answers[0].body;
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.body), (202, first));
    }
    let replayed = |answer: &&Answer| answer.headers.contains_key("idempotent-replayed");
    assert_eq!(answers.iter().filter(replayed).count(), 49);
    let calls = server.get("/calls").await;
    assert_eq!(calls.body["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn waiting_calls_say_where_they_stand_and_accounts_take_turns() {
    let server = Server::with(Options {
        max_concurrent: 1,
        ..Options::default()
    })
    .await;
    let running = server.create(&ringing()).await;
    server.wait_for(&running, "dialing").await;
    let mut mine = Vec::new();
    for _ in 0..3 {
        mine.push(server.create(&ringing()).await);
    }
    let (other, _) = server.new_key(KeyMode::Live);
    let made = server.ask(&other, Method::POST, "/calls", ringing()).await;
    let theirs = made.body["data"]["call_id"].as_str().unwrap().to_owned();
    let path = format!("/calls/{theirs}");
    let first = server.ask(&other, Method::GET, &path, Value::Null).await;
    assert_eq!(
        first.body["data"]["queue_position"], 1,
        "the other has nothing running"
    );
    let list = server.get("/calls?status=queued").await;
    let calls = list.body["data"].as_array().unwrap().iter();
    let positions: Vec<_> = calls
        .rev()
        .map(|call| call["queue_position"].as_u64().unwrap())
        .collect();
    assert_eq!(positions, [2, 3, 4]);
    let call = server.get(&format!("/calls/{running}")).await;
    assert_eq!(call.body["data"]["queue_position"], Value::Null);
    // The place becomes free.
    let request = server.request(Method::DELETE, &format!("/calls/{running}"));
    Answer::of(request).await;
    loop {
        let call = server.ask(&other, Method::GET, &path, Value::Null).await;
        if call.body["data"]["status"] == "dialing" {
            break;
        }
        assert_eq!(call.body["data"]["status"], "queued");
    }
    let still = server.get(&format!("/calls/{}", mine[0])).await;
    assert_eq!(still.body["data"]["queue_position"], 1);
}

#[tokio::test]
async fn a_day_and_an_account_have_their_limits() {
    let server = Server::with(Options {
        policy: Policy {
            concurrent_per_account: Some(1),
            credits_per_day: Some(2),
            ..Policy::default()
        },
        ..Options::default()
    })
    .await;
    let first = server.create(&ringing()).await;
    server.wait_for(&first, "dialing").await;
    let second = server.create(&ringing()).await;
    let waits = server.get(&format!("/calls/{second}")).await;
    assert_eq!(waits.body["data"]["queue_position"], 1);
    let spent = server.post("/calls", &example()).await;
    spent.assert_error(429, "rate_limit_exceeded");
    let seconds: i64 = spent.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let now = agentphone::driver::clock::wall().as_second();
    let left = 86_400 - now.rem_euclid(86_400);
    assert!(
        (left..=left + 2).contains(&seconds) || left > 86_390,
        "{seconds} {left}"
    );
    // What was not answered can be spent again.
    let request = server.request(Method::DELETE, &format!("/calls/{second}"));
    Answer::of(request).await;
    server.create(&ringing()).await;
}
