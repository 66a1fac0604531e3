//! The real server killed by SIGKILL in the middle of real calls, again and again: no call, no turn, no credit and no
//! webhook is lost or doubled, and every recording can be played.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use agentphone::store::{DataFolder, Entry, LedgerEntry, RedbStore, Secret, Store};
use futures_util::StreamExt;
use process::{Process, program};
use protocol::ids::AccountId;
use receiver::{Receiver, Told};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

mod process;
#[path = "process/receiver.rs"]
mod receiver;

/// How often the server is killed; `AGENTPHONE_TEST_KILLS` sets another number.
const KILLS: u32 = 20;
/// Calls made in each life of the server, more than run at the same time.
const CALLS: usize = 3;
/// Credits of the account.
const CREDITS: i64 = 1_000_000;

const ENV: &[(&str, &str)] = &[
    ("AGENTPHONE__LOG__LEVEL", "info,agentphone=debug"),
    ("AGENTPHONE__BILLING__FREE_CREDITS", "1000000"),
    ("AGENTPHONE__CALLS__MAX_CONCURRENT", "2"),
    ("AGENTPHONE__SERVER__CREATIONS_PER_MINUTE", "100000"),
    ("AGENTPHONE__SERVER__READS_PER_MINUTE", "100000"),
    ("AGENTPHONE__NET__ALLOW", "[\"127.0.0.0/8\"]"),
    (
        "AGENTPHONE__WEBHOOKS__RETRY_AFTER_SECONDS",
        "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
    ),
];

struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
    /// Where webhooks of calls shall go.
    hooks: String,
}

impl Client {
    async fn get(&self, path: &str) -> Value {
        let url = format!("{}/api/v1/{path}", self.url);
        let answer = self
            .http
            .get(url)
            .header("x-api-key", &self.key)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    async fn create(&self, scenario: &str) -> String {
        let body = json!({
            "to_phone_number": "+14155551234",
            "objective": "Book a table for 2 at 7pm",
            "scenario": scenario,
            "webhook_url": self.hooks,
        });
        let url = format!("{}/api/v1/calls", self.url);
        let request = self
            .http
            .post(url)
            .header("x-api-key", &self.key)
            .json(&body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let body: Value = answer.json().await.unwrap();
        body["data"]["call_id"].as_str().unwrap().to_owned()
    }

    /// Returns the last event that somebody gets who has seen `after` events of a call that is over.
    async fn last_event(&self, id: &str, after: u64) -> Value {
        let address = self.url.replace("http", "ws");
        let url = format!("{address}/api/v1/calls/{id}/live?after={after}");
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("x-api-key", self.key.parse().unwrap());
        let (socket, _) = connect_async(request).await.unwrap();
        let texts = socket.filter_map(async |message| {
            let message = message.ok().filter(|message| message.is_text())?;
            message.into_text().ok()
        });
        let texts: Vec<_> = texts.collect().await;
        serde_json::from_str(texts.last().unwrap()).unwrap()
    }

    /// Follows the live socket of a call for this many events, or until it closes.
    async fn watch(&self, id: &str, events: usize) {
        let url = format!("{}/api/v1/calls/{id}/live", self.url.replace("http", "ws"));
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("x-api-key", self.key.parse().unwrap());
        let (socket, _) = connect_async(request).await.unwrap();
        socket.take(events).for_each(async |_| {}).await;
    }
}

/// What a client knows of a call and may rely on.
type Known = HashMap<String, Value>;

async fn look(client: &Client, known: &mut Known) {
    for (id, call) in known.iter_mut() {
        *call = client.get(&format!("calls/{id}")).await["data"].take();
    }
}

fn is_final(call: &Value) -> bool {
    matches!(
        call["status"].as_str().unwrap(),
        "completed" | "canceled" | "failed"
    )
}

/// A call that runs, or if none does, one that waits.
fn running(known: &Known) -> Option<String> {
    let unfinished = known.iter().filter(|(_, call)| !is_final(call));
    unfinished
        .max_by_key(|(_, call)| call["status"] != "queued")
        .map(|(id, _)| id.clone())
}

async fn until_some_call_has_turns(client: &Client, known: &mut Known) {
    for events in 1..200 {
        look(client, known).await;
        let talking = |call: &Value| !is_final(call) && call["turns"] != json!([]);
        if known.values().any(talking) {
            return;
        }
        let call = running(known).expect("calls that were made just now");
        client.watch(&call, events).await;
    }
    panic!("no call came to its first turn");
}

/// Checks that what was known before the kill is true after the restart.
fn compare(before: &Known, after: &Known) {
    for (id, old) in before {
        let new = &after[id];
        let turns = |call: &Value| call["turns"].as_array().unwrap().clone();
        assert!(
            turns(new).starts_with(&turns(old)),
            "{id} lost turns: {old} {new}"
        );
        if is_final(old) {
            for field in [
                "status",
                "outcome",
                "failure",
                "ended_at",
                "duration_seconds",
            ] {
                assert_eq!(old[field], new[field], "{id} {field}");
            }
        } else if old["status"] != "queued" {
            // It rang or ran: it is over now, and not by itself.
            assert!(is_final(new), "{id}: {new}");
        }
    }
}

/// Checks the ledger, with nobody else at the database; returns the balance.
fn check_money(ledger: &[LedgerEntry], known: &Known) -> i64 {
    let mut sum = 0;
    let mut references = HashSet::new();
    for (index, entry) in ledger.iter().enumerate() {
        sum += entry.amount;
        assert_eq!((entry.seq, entry.balance), (index as u64 + 1, sum));
        assert!(
            references.insert(entry.entry.reference()),
            "doubled: {entry:?}"
        );
    }
    for id in known.keys() {
        assert!(
            references.contains(&format!("reserve/{id}")),
            "{id} was not paid"
        );
    }
    let reserved = ledger
        .iter()
        .filter(|line| matches!(line.entry, Entry::Reserve { .. }));
    assert_eq!(
        reserved.count(),
        known.len(),
        "calls that nobody made were paid"
    );
    sum
}

fn check_recordings(folder: &DataFolder, known: &Known) {
    for file in std::fs::read_dir(folder.recordings()).unwrap() {
        let path = file.unwrap().path();
        let id = path.file_stem().unwrap().to_str().unwrap();
        // A recording that is being made grows; its header is right again when it ends.
        if !known.get(id).is_some_and(is_final) {
            continue;
        }
        let sound = hound::WavReader::open(&path).unwrap();
        let length = std::fs::metadata(&path).unwrap().len();
        let frames = u64::from(sound.duration());
        assert_eq!(sound.spec().channels, 2, "{id}");
        assert!(
            length.abs_diff(44 + frames * 4) < 128,
            "{id}: {frames} frames in {length} bytes"
        );
    }
}

/// Checks that the log tells about the calls, and nothing that was said or who was called.
fn check_log(log: &str, known: &Known) {
    assert!(log.contains("a call is queued"), "{log}");
    assert!(
        !log.contains("4155551234") && !log.contains("Book a table"),
        "{log}"
    );
    for turn in known
        .values()
        .flat_map(|call| call["turns"].as_array().into_iter().flatten())
    {
        let text = turn["text"].as_str().unwrap();
        // A few short words, like "a call", are in every log.
        assert!(
            text.split(' ').count() < 4 || !log.contains(text),
            "{text:?} is in the log: {log}"
        );
    }
}

/// A receiver that does not take every fifth event at once.
async fn flaky_receiver() -> Receiver {
    let mut random = fastrand::Rng::with_seed(9);
    Receiver::start(move |_, _| if random.u8(..5) == 0 { 503 } else { 200 }).await
}

/// What a call that has ended owes its requester.
fn owed(call: &Value) -> Vec<&'static str> {
    let mut owed = Vec::new();
    if !call["started_at"].is_null() {
        owed.push("call.started");
    }
    owed.push("call.ended");
    if !call["outcome"].is_null() {
        owed.push("call.analyzed");
    }
    owed
}

/// The events of each call that were taken, in the order in which they were taken first.
fn taken(told: &[Told]) -> HashMap<String, Vec<(String, Value)>> {
    let mut taken: HashMap<String, Vec<(String, Value)>> = HashMap::new();
    for told in told.iter().filter(|told| told.status == 200) {
        let body = told.body();
        let call = body["data"]["call_id"].as_str().unwrap().to_owned();
        let events = taken.entry(call).or_default();
        if !events.iter().any(|(id, _)| id == told.id()) {
            events.push((told.id().to_owned(), body));
        }
    }
    taken
}

fn is_all_told(told: &[Told], known: &Known) -> bool {
    let taken = taken(told);
    known
        .iter()
        .all(|(id, call)| taken.get(id).map_or(0, Vec::len) >= owed(call).len())
}

/// Checks that each call was told exactly what it owes, in order, and as its record says.
fn check_webhooks(told: &[Told], known: &Known) {
    let taken = taken(told);
    assert_eq!(taken.len(), known.len());
    for (id, call) in known {
        let events = &taken[id];
        let types: Vec<_> = events.iter().map(|(_, body)| &body["type"]).collect();
        assert_eq!(types, owed(call), "{id}");
        let last = &events.last().unwrap().1["data"];
        for field in ["status", "outcome", "failure", "ended_at", "turns"] {
            assert_eq!(last[field], call[field], "{id} {field}");
        }
    }
    // Repetitions are of attempts that were not taken, or that a kill cut off.
    let mut texts = HashMap::new();
    for told in told {
        let mut body = told.body();
        body["data"]["recording_url"].take();
        let first = texts.entry(told.id()).or_insert_with(|| body.clone());
        assert_eq!(*first, body, "{} changed", told.id());
    }
}

/// Opens the database of a server that is gone. One that was killed while it started a worker still has it, through the
/// copy of itself that is about to become the worker, for an instant.
fn open(folder: &DataFolder) -> RedbStore {
    loop {
        match RedbStore::open(&folder.database()) {
            Err(error) if error.is_locked() => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

fn account_of(store: &dyn Store, secret: &Secret, key: &str) -> AccountId {
    store
        .find_key(&secret.hash_key(key))
        .unwrap()
        .unwrap()
        .account
}

fn make_key(home: &Path) -> String {
    let output = program(home, ENV)
        .args(["keys", "create"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

#[tokio::test]
async fn calls_turns_credits_and_recordings_survive_kills() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kills = std::env::var("AGENTPHONE_TEST_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let home = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(&home.path().join(".local/share/agentphone")).unwrap();
    let key = make_key(home.path());
    let receiver = flaky_receiver().await;
    let mut random = fastrand::Rng::with_seed(5);
    let mut known = Known::new();
    let (mut interrupted, mut turns) = (0, 0);
    for kill in 0..kills {
        let server = Process::start(home.path(), ENV);
        let client = Client {
            http: reqwest::Client::new(),
            url: server.url.clone(),
            key: key.clone(),
            hooks: receiver.url.clone(),
        };
        let before = known.clone();
        look(&client, &mut known).await;
        compare(&before, &known);
        check_recordings(&folder, &known);
        let cut_off = |(id, old): &(&String, &Value)| {
            !is_final(old) && known[*id]["failure"]["reason"] == "interrupted_by_restart"
        };
        if let Some((id, _)) = before.iter().find(cut_off) {
            // Whoever followed it and comes back learns how it ended.
            let last = client.last_event(id, 40).await;
            assert_eq!(last["type"], "call.ended", "{last}");
        }
        let mut newest = String::new();
        for _ in 0..CALLS {
            let scenario = random
                .choice(["books", "interrupts", "busy", "full"])
                .unwrap();
            newest = client.create(scenario).await;
            known.insert(newest.clone(), json!({"status": "queued", "turns": []}));
        }
        if kill % 4 == 3 {
            until_some_call_has_turns(&client, &mut known).await;
        } else {
            look(&client, &mut known).await;
            let call = running(&known).unwrap_or(newest);
            client.watch(&call, random.usize(1..24)).await;
            look(&client, &mut known).await;
        }
        server.signal(Signal::KILL);
        check_log(&server.end().1, &known);

        let store = open(&folder);
        let secret = Secret::open(&folder.secret()).unwrap();
        let ledger = store.ledger(&account_of(&store, &secret, &key)).unwrap();
        check_money(&ledger, &known);
        let hit = store.unfinished_calls().unwrap();
        interrupted += hit.len();
        turns += hit
            .iter()
            .map(|stored| stored.call.turns.len())
            .sum::<usize>();
    }
    assert!(
        interrupted >= kills as usize,
        "the kills hit {interrupted} running calls"
    );
    assert!(turns > 0, "no call was killed that had turns already");
    end_all(home.path(), &folder, &key, known, &receiver).await;
}

/// Lets a last server end everything, and counts once more.
async fn end_all(
    home: &Path,
    folder: &DataFolder,
    key: &str,
    mut known: Known,
    receiver: &Receiver,
) {
    let server = Process::start(home, ENV);
    let client = Client {
        http: reqwest::Client::new(),
        url: server.url.clone(),
        key: key.to_owned(),
        hooks: receiver.url.clone(),
    };
    let before = known.clone();
    look(&client, &mut known).await;
    compare(&before, &known);
    for (id, _) in known.iter().filter(|(_, call)| !is_final(call)) {
        let url = format!("{}/api/v1/calls/{id}/cancel?mode=now", client.url);
        let request = client.http.post(url).header("x-api-key", key);
        // While the others were canceled, it may have come to an end by itself: 409.
        let status = request.send().await.unwrap().status();
        assert!(matches!(status.as_u16(), 200 | 409), "{id}: {status}");
        client.watch(id, usize::MAX).await;
    }
    look(&client, &mut known).await;
    assert!(known.values().all(is_final));
    let credits = client.get("account").await["data"]["credits_remaining"]
        .as_i64()
        .unwrap();
    let told = receiver.until(|told| is_all_told(told, &known)).await;
    check_webhooks(&told, &known);
    server.signal(Signal::TERM);
    let (status, said) = server.end();
    assert!(status.success(), "{said}");
    check_recordings(folder, &known);

    let store = open(folder);
    let secret = Secret::open(&folder.secret()).unwrap();
    let ledger = store.ledger(&account_of(&store, &secret, key)).unwrap();
    assert_eq!(check_money(&ledger, &known), credits);
    assert_eq!(
        ledger.len(),
        1 + 2 * known.len(),
        "each call is reserved once and closed once"
    );
    let spent = ledger
        .iter()
        .filter(|line| matches!(line.entry, Entry::Settle { .. }))
        .count();
    assert_eq!(credits, CREDITS - i64::try_from(spent).unwrap());
    for call in known
        .values()
        .filter(|call| call["failure"]["reason"] == "interrupted_by_restart")
    {
        let id = call["call_id"].as_str().unwrap();
        let back = |line: &LedgerEntry| matches!(&line.entry, Entry::GiveBack { call } if call.as_str() == id);
        assert!(
            ledger.iter().any(back),
            "{id} was interrupted and its credit kept"
        );
    }
    assert!(store.unfinished_calls().unwrap().is_empty());
}
