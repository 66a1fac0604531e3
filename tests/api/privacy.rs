//! What is kept and for how long, whom nobody calls, at what hours, and what an account gets of itself.

use agentphone::{
    admin::Wish,
    contact::{Hours, NeverCall, Outside},
    driver::clock,
    retention::{Retention, Swept},
    supervisor::Policy,
};
use jiff::SignedDuration;
use protocol::{
    ids::{CallId, KeyMode},
    rest::{Scope, Scopes},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, Options, Server, example, ringing};

fn admin(server: &Server) -> String {
    let wish = Wish {
        scopes: Scopes::of([Scope::Admin, Scope::CallsRead]),
        ..Wish::plain(KeyMode::Live)
    };
    server.another_key(wish).0
}

async fn ended(server: &Server) -> (String, Value) {
    let id = server.create(&example()).await;
    let call = server.wait_for(&id, "completed").await;
    (id, call)
}

#[tokio::test]
async fn what_a_call_left_is_deleted_at_once() {
    let server = Server::start().await;
    let (id, call) = ended(&server).await;
    assert!(call["transcript"].is_string(), "{call}");
    let link = call["recording_url"].as_str().unwrap().to_owned();
    let file = server
        .supervisor
        .recording_path(&CallId::parse(&id).unwrap());
    assert!(file.exists());
    let path = format!("/calls/{id}/data");
    let mut times = Vec::new();
    for _ in 0..2 {
        let gone = Answer::of(server.request(Method::DELETE, &path)).await;
        assert_eq!(gone.status, 200, "{}", gone.body);
        let call = &gone.body["data"];
        for field in [
            "transcript",
            "summary",
            "outcome_details",
            "result",
            "recording_url",
        ] {
            assert_eq!(call[field], Value::Null, "{field}");
        }
        assert_eq!(
            (&call["turns"], &call["evidence"]),
            (&json!([]), &json!([]))
        );
        assert_eq!(call["objective"], "Book a table for 2 at 7pm");
        times.push(call["transcript_deleted_at"].clone());
        assert!(call["recording_deleted_at"].is_string());
    }
    assert!(times[0].is_string() && times[0] == times[1]);
    assert!(!file.exists());
    // A link that was given out before leads to nothing.
    let request = reqwest::Client::new().get(link);
    Answer::of(request)
        .await
        .assert_error(404, "recording_not_found");
    let log = server.store.load(
        &CallId::parse(&id).unwrap(),
        agentphone::store::Attachment::Feed,
    );
    assert_eq!(log.unwrap(), None);

    let running = server.create(&ringing()).await;
    let path = format!("/calls/{running}/data");
    Answer::of(server.request(Method::DELETE, &path))
        .await
        .assert_error(409, "call_not_ended");
    let (foreign, _) = server.new_key(KeyMode::Live);
    let path = format!("/calls/{id}/data");
    let answer = server
        .ask(&foreign, Method::DELETE, &path, Value::Null)
        .await;
    answer.assert_error(404, "call_not_found");
}

#[tokio::test]
async fn things_are_deleted_when_they_were_kept_long_enough() {
    let server = Server::start().await;
    let (first, _) = ended(&server).await;
    let id = CallId::parse(&first).unwrap();
    let file = server.supervisor.recording_path(&id);
    let folder = file.parent().unwrap().to_owned();
    let running = server.create(&ringing()).await;
    let hours = |hours| Some(SignedDuration::from_hours(hours));
    let rules = Retention {
        recordings: hours(48),
        words: hours(24),
    };
    let sweep = |later: i64| {
        let now = clock::wall() + SignedDuration::from_hours(later);
        rules.sweep(&*server.store, &folder, now).unwrap()
    };
    assert_eq!(sweep(23), Swept::default());
    assert_eq!(
        sweep(25),
        Swept {
            recordings: 0,
            calls: 1
        }
    );
    let call = server.get(&format!("/calls/{first}")).await;
    assert_eq!(call.body["data"]["transcript"], Value::Null);
    assert!(call.body["data"]["recording_url"].is_string());
    assert_eq!(
        sweep(49),
        Swept {
            recordings: 1,
            calls: 0
        }
    );
    assert!(!file.exists());
    let call = server.get(&format!("/calls/{first}")).await;
    assert_eq!(call.body["data"]["recording_url"], Value::Null);
    assert_eq!(sweep(500), Swept::default());
    // A file that is there again was left by a deletion that a crash cut off.
    std::fs::write(&file, b"RIFF").unwrap();
    let nothing = Retention::default();
    let swept = nothing.sweep(&*server.store, &folder, clock::wall());
    assert_eq!(swept.unwrap().recordings, 1);
    let call = server.get(&format!("/calls/{running}")).await;
    assert_eq!(call.body["data"]["transcript_deleted_at"], Value::Null);
}

#[tokio::test]
async fn numbers_on_the_list_are_not_called() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("never.txt");
    std::fs::write(&file, "+14155550199\n").unwrap();
    let server = Server::with(Options {
        max_concurrent: 1,
        policy: Policy {
            never_call: NeverCall::read(&file).unwrap(),
            ..Policy::default()
        },
        ..Options::default()
    })
    .await;
    let admin = admin(&server);
    let to = |number: &str| {
        let mut body = ringing();
        body["to_phone_number"] = number.into();
        body
    };
    server
        .post("/calls", &to("+14155550199"))
        .await
        .assert_error(403, "do_not_call");
    // Two wait behind one that rings; then the number of one of them is put on the list.
    let rings = server.create(&to("+14155551234")).await;
    let waits = server.create(&to("+14155551235")).await;
    let body = json!({"phone_number": "+14155551235", "note": "asked us"});
    let listed = server.ask(&admin, Method::POST, "/do-not-call", body).await;
    assert_eq!(listed.status, 201, "{}", listed.body);
    server
        .post("/calls", &to("+14155551235"))
        .await
        .assert_error(403, "do_not_call");
    let mut transfer = ringing();
    transfer["transfer_to"] = "+14155551235".into();
    server
        .post("/calls", &transfer)
        .await
        .assert_error(403, "do_not_call");
    Answer::of(server.request(Method::DELETE, &format!("/calls/{rings}"))).await;
    let call = server.wait_for(&waits, "canceled").await;
    let warning = call["warnings"].to_string();
    assert!(warning.contains("do-not-call"), "{warning}");
    let account = server.get("/account").await;
    assert_eq!(account.body["data"]["credits_remaining"], 1_000);

    let list = server
        .ask(&admin, Method::GET, "/do-not-call", Value::Null)
        .await;
    assert_eq!(list.body["data"][0]["note"], "asked us");
    // The list is the account's own.
    let (foreign, _) = server.new_key(KeyMode::Live);
    let answer = server
        .ask(&foreign, Method::POST, "/calls", to("+14155551235"))
        .await;
    assert_eq!(answer.status, 202);
    let answer = server
        .ask(&foreign, Method::GET, "/do-not-call", Value::Null)
        .await;
    answer.assert_error(403, "forbidden");
    for path in ["/do-not-call/+14155551235", "/do-not-call/%2B14155551235"] {
        let body = json!({"phone_number": "+14155551235"});
        server.ask(&admin, Method::POST, "/do-not-call", body).await;
        let removed = server.ask(&admin, Method::DELETE, path, Value::Null).await;
        assert_eq!(removed.status, 200, "{}", removed.body);
        let again = server.ask(&admin, Method::DELETE, path, Value::Null).await;
        again.assert_error(404, "not_found");
    }
    server.create(&to("+14155551235")).await;
    for (body, status, code) in [
        (json!({}), 400, "missing_field"),
        (json!({"phone_number": "911"}), 422, "emergency_number"),
        (json!({"phone_number": "555"}), 422, "invalid_phone"),
        (
            json!({"phone_number": "+14155551235", "note": 5}),
            422,
            "invalid_field",
        ),
    ] {
        let answer = server.ask(&admin, Method::POST, "/do-not-call", body).await;
        answer.assert_error(status, code);
    }
    // For everybody.
    let blocked = agentphone::store::Blocked {
        phone_number: "+14155551299".into(),
        at: clock::wall(),
        note: String::new(),
    };
    server.store.block(None, &blocked).unwrap();
    let answer = server
        .ask(&foreign, Method::POST, "/calls", to("+14155551299"))
        .await;
    answer.assert_error(403, "do_not_call");
}

/// Hours that do not hold now in San Francisco: the hour after the next.
fn not_now() -> Hours {
    let zone = jiff::tz::TimeZone::posix("PST8PDT,M3.2.0,M11.1.0").unwrap();
    let hour = clock::wall().to_zoned(zone).hour();
    let start = (hour + 2) % 23;
    Hours::new(&format!("{start:02}:00"), &format!("{:02}:00", start + 1)).unwrap()
}

#[tokio::test]
async fn nobody_is_called_at_a_bad_time() {
    let with = |outside| Options {
        policy: Policy {
            hours: Some((not_now(), outside)),
            ..Policy::default()
        },
        ..Options::default()
    };
    let server = Server::with(with(Outside::Refuse)).await;
    let refused = server.post("/calls", &example()).await;
    refused.assert_error(422, "outside_hours");
    let sentence = refused.body["error"].as_str().unwrap();
    assert!(sentence.contains("America/Los_Angeles"), "{sentence}");
    let next = sentence.split('"').nth(1).unwrap();
    let mut body = example();
    body["scheduled_at"] = next.into();
    server.create(&body).await;

    let server = Server::with(with(Outside::Schedule)).await;
    let made = server.post("/calls", &example()).await;
    assert_eq!(made.status, 202, "{}", made.body);
    let warning = made.body["warnings"][0].as_str().unwrap();
    assert!(warning.contains("waits until"), "{warning}");
    let id = made.body["data"]["call_id"].as_str().unwrap();
    let call = server.get(&format!("/calls/{id}")).await;
    assert_eq!(call.body["data"]["status"], "queued");
    assert!(warning.contains(call.body["data"]["scheduled_at"].as_str().unwrap()));
    assert_eq!(call.body["data"]["queue_position"], Value::Null);
}

#[tokio::test]
async fn an_account_gets_everything_that_is_kept_of_it_and_nothing_else() {
    let server = Server::start().await;
    let admin = admin(&server);
    let (id, _) = ended(&server).await;
    for _ in 0..104 {
        server.create(&ringing()).await;
    }
    let (foreign, _) = server.new_key(KeyMode::Live);
    let other = server
        .ask(&foreign, Method::POST, "/calls", ringing())
        .await;
    let other = other.body["data"]["call_id"].as_str().unwrap();
    let whole = server
        .ask(&admin, Method::GET, "/account/export", Value::Null)
        .await;
    assert_eq!(whole.status, 200);
    let body = &whole.body;
    let calls = body["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 105);
    let first = calls.last().unwrap();
    assert_eq!(first["call"]["call_id"], id.as_str());
    assert!(first["call"]["recording_url"].is_string() && first["call"]["transcript"].is_string());
    assert_eq!(first["request"]["business_name"], "Nopa");
    assert_eq!(body["keys"].as_array().unwrap().len(), 2);
    assert!(body["ledger"].as_array().unwrap().len() >= 106);
    let text = body.to_string();
    assert!(!text.contains(other) && !text.contains("hash") && !text.contains(&server.key));
    let answer = Answer::of(server.request(Method::GET, "/account/export")).await;
    answer.assert_error(403, "forbidden");
}

#[tokio::test]
async fn what_belongs_to_another_account_is_not_found_anywhere() {
    let server = Server::start().await;
    let (done, _) = ended(&server).await;
    let running = server.create(&ringing()).await;
    let stranger = Wish {
        scopes: Scopes::all(),
        ..Wish::plain(KeyMode::Live)
    };
    let (stranger, _) = server.stranger(stranger);
    for id in [&done, &running] {
        for (method, path) in [
            (Method::GET, format!("/calls/{id}")),
            (Method::DELETE, format!("/calls/{id}")),
            (Method::POST, format!("/calls/{id}/cancel")),
            (Method::GET, format!("/calls/{id}/recording")),
            (Method::GET, format!("/calls/{id}/live")),
            (Method::DELETE, format!("/calls/{id}/data")),
        ] {
            let answer = server.ask(&stranger, method, &path, Value::Null).await;
            answer.assert_error(404, "call_not_found");
        }
        let body = json!({"call_id": id});
        let answer = server
            .ask(&stranger, Method::POST, "/live/token", body)
            .await;
        answer.assert_error(404, "call_not_found");
    }
    for path in ["/calls", "/account/ledger", "/account/export", "/keys"] {
        let answer = server.ask(&stranger, Method::GET, path, Value::Null).await;
        let text = answer.body.to_string();
        assert!(answer.status == 200 && !text.contains(&done) && !text.contains(&running));
    }
    // A command on the socket of all calls reaches the own ones only.
    let mut socket = crate::live::try_connect(&server, &stranger, "/live")
        .await
        .unwrap();
    let command = json!({"type": "hang_up", "id": 1, "call_id": running}).to_string();
    let message = tokio_tungstenite::tungstenite::Message::text(command);
    futures_util::SinkExt::send(&mut socket, message)
        .await
        .unwrap();
    let answer = crate::live::next(&mut socket).await.unwrap();
    assert_eq!(answer["code"], "call_not_found", "{answer}");
    let call = server.get(&format!("/calls/{running}")).await;
    assert!(call.body["data"]["ended_at"].is_null());
}
