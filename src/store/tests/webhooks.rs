//! The spool: what a change of a call puts into it, in which order it comes out, and what is forgotten when.

use protocol::{rest::Outcome, webhook::Happening};

use super::*;

fn hooked(account: &Account, seconds: i64) -> StoredCall {
    let mut call = call(account, seconds);
    call.request.webhook_url = Some("https://hooks.example/x".into());
    call
}

fn create(store: &dyn Store, call: &StoredCall) -> CallId {
    store.create_call(call, None, at(0)).unwrap();
    call.call.call_id.clone()
}

fn answer(store: &dyn Store, id: &CallId) {
    let mut change = |stored: &mut StoredCall| {
        stored.call.status = Status::InProgress;
        stored.call.started_at = Some(at(10).into());
    };
    store.update_call(id, &mut change).unwrap();
    // Later changes of a call that runs are no news.
    store.update_call(id, &mut |_| {}).unwrap();
}

fn complete(store: &dyn Store, id: &CallId) {
    let mut change = |stored: &mut StoredCall| {
        stored.call.status = Status::Completed;
        stored.call.outcome = Some(Outcome::Achieved);
        stored.call.ended_at = Some(at(60).into());
    };
    store.finish_call(id, false, at(60), &mut change).unwrap();
    store.finish_call(id, false, at(61), &mut change).unwrap();
}

fn events(store: &dyn Store, id: &CallId) -> Vec<WebhookEvent> {
    let filter = ListWebhooks {
        call: Some(id.clone()),
        limit: 100,
        ..ListWebhooks::default()
    };
    let mut events = store.list_webhooks(&filter).unwrap();
    events.reverse();
    events
}

fn attempted(store: &dyn Store, id: &EventId, then: Result<Delivery, Timestamp>, seconds: i64) {
    let attempt = Attempt {
        at: at(seconds),
        result: "200 OK".into(),
        then,
    };
    store.webhook_attempted(id, &attempt).unwrap();
}

#[test]
fn a_call_owes_each_event_once_with_the_call_as_it_was() {
    let store = store();
    let account = account(&store, "nopa");
    let id = create(&store, &hooked(&account, 1));
    answer(&store, &id);
    complete(&store, &id);
    let events = events(&store, &id);
    let what: Vec<_> = events.iter().map(|event| (event.seq, event.what)).collect();
    assert_eq!(
        what,
        [
            (1, Happening::Started),
            (2, Happening::Ended),
            (3, Happening::Analyzed)
        ]
    );
    assert_eq!(events[0].call.status, Status::InProgress);
    assert_eq!((events[0].at, events[1].at), (at(10), at(60)));
    assert_eq!(events[2].call.outcome, Some(Outcome::Achieved));
    let id = events[1].id();
    assert_eq!(EventId::parse(&id.to_string()), Some(id));
}

#[test]
fn a_question_of_the_agent_is_told_while_the_call_runs() {
    let store = store();
    let account = account(&store, "nopa");
    let id = create(&store, &hooked(&account, 1));
    answer(&store, &id);
    let question = serde_json::json!({"question": 1, "text": "Is nine fine?"});
    store.spool_question(&id, &question, at(20)).unwrap();
    complete(&store, &id);
    store.spool_question(&id, &question, at(70)).unwrap();
    let told = events(&store, &id);
    let asked: Vec<_> = told
        .iter()
        .filter(|event| event.question.is_some())
        .collect();
    assert_eq!((told.len(), asked.len(), asked[0].seq), (4, 1, 2));
    assert_eq!((asked[0].what, asked[0].at), (Happening::Question, at(20)));
    let silent = created(&store, &account, 2);
    store.spool_question(&silent, &question, at(20)).unwrap();
    assert_eq!(events(&store, &silent), []);
}

#[test]
fn a_call_that_was_never_answered_owes_its_end_only() {
    let store = store();
    let account = account(&store, "nopa");
    let id = create(&store, &hooked(&account, 1));
    end(&store, &id, Status::Failed, true);
    let what: Vec<_> = events(&store, &id).iter().map(|event| event.what).collect();
    assert_eq!(what, [Happening::Ended]);
}

#[test]
fn the_account_s_address_serves_calls_that_name_none() {
    let store = store();
    let (nopa, other) = (account(&store, "nopa"), account(&store, "other"));
    let url = Some("https://nopa.example/hooks".to_owned());
    store
        .configure_webhooks(&nopa.id, &mut |settings| settings.url.clone_from(&url))
        .unwrap();
    let (plain, own) = (call(&nopa, 1), hooked(&nopa, 2));
    for call in [&plain, &own, &call(&other, 3)] {
        end(&store, &create(&store, call), Status::Failed, true);
    }
    let lanes: Vec<_> = store
        .waiting_webhooks()
        .unwrap()
        .into_iter()
        .map(|waiting| waiting.lane)
        .collect();
    assert_eq!(lanes, [nopa.id.as_str(), "https://hooks.example/x"]);
    assert_eq!(events(&store, &plain.call.call_id)[0].to, None);
    assert_eq!(store.webhook_settings(&nopa.id).unwrap().url, url);
    assert!(
        store
            .configure_webhooks(&AccountId::new(1), &mut |_| {})
            .unwrap_err()
            .is_not_found()
    );
}

#[test]
fn events_of_a_call_come_out_one_after_the_other() {
    let store = store();
    let account = account(&store, "nopa");
    let id = create(&store, &hooked(&account, 1));
    answer(&store, &id);
    complete(&store, &id);
    let event = |seq| EventId {
        call: id.clone(),
        seq,
    };
    let first = || {
        let waiting = store.waiting_webhooks().unwrap();
        assert!(waiting.len() <= 1, "{waiting:?}");
        waiting.first().map(|w| (w.id.seq, w.due))
    };
    assert_eq!(first(), Some((1, at(10))));
    attempted(&store, &event(1), Err(at(100)), 70);
    assert_eq!(first(), Some((1, at(100))));
    attempted(&store, &event(1), Ok(Delivery::Delivered), 100);
    assert_eq!(first(), Some((2, at(60))));
    attempted(&store, &event(2), Ok(Delivery::GivenUp), 101);
    attempted(&store, &event(3), Ok(Delivery::Delivered), 102);
    assert_eq!(
        (first(), store.count_waiting_webhooks().unwrap()),
        (None, 0)
    );
    // What is over stays over, unless somebody wants it again.
    attempted(&store, &event(3), Err(at(200)), 103);
    assert_eq!(first(), None);
    let again = store.resend_webhook(&event(2), at(300)).unwrap();
    assert_eq!(
        (again.delivery, again.until),
        (Delivery::Waiting, at(300 + 24 * 3600))
    );
    assert_eq!(first(), Some((2, at(300))));
    let unknown = store.resend_webhook(&event(9), at(300)).unwrap_err();
    assert!(unknown.is_not_found(), "{unknown}");
}

#[test]
fn what_is_delivered_is_forgotten_after_a_week_and_what_waits_is_not() {
    const DAY: i64 = 24 * 3600;
    let store = store();
    let account = store.create_account("rich", 50, at(0)).unwrap();
    let (done, waits) = (hooked(&account, 1), hooked(&account, 2));
    for call in [&done, &waits] {
        end(&store, &create(&store, call), Status::Failed, true);
    }
    let id = &done.call.call_id;
    attempted(
        &store,
        &events(&store, id)[0].id(),
        Ok(Delivery::Delivered),
        200,
    );
    let later = |days: i64, seconds: i64| {
        let new = hooked(&account, seconds);
        create(&store, &new);
        let mut change = |stored: &mut StoredCall| {
            stored.call.status = Status::Failed;
            stored.call.ended_at = Some(at(days * DAY).into());
        };
        let id = new.call.call_id;
        store.finish_call(&id, true, at(0), &mut change).unwrap();
    };
    later(6, 3);
    assert_eq!(events(&store, id).len(), 1);
    later(8, 4);
    assert_eq!(events(&store, id).len(), 0);
    assert_eq!(events(&store, &waits.call.call_id).len(), 1);
    store.forget_webhooks(&waits.call.call_id).unwrap();
    assert_eq!(events(&store, &waits.call.call_id).len(), 0);
    assert_eq!(store.count_waiting_webhooks().unwrap(), 2);
}

#[test]
fn what_is_deleted_of_a_call_is_gone_from_the_spool_and_from_a_copy_made_later() {
    let store = store();
    let nopa = account(&store, "nopa");
    let id = create(&store, &hooked(&nopa, 1));
    answer(&store, &id);
    complete(&store, &id);
    assert_eq!(
        (
            events(&store, &id).len(),
            store.count_waiting_webhooks().unwrap()
        ),
        (3, 3)
    );
    store.forget_call(&id, Forget::Words, at(70)).unwrap();
    assert!(events(&store, &id).is_empty());
    assert_eq!(store.count_waiting_webhooks().unwrap(), 0);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("copy.redb");
    store.snapshot(&path).unwrap();
    let copy = RedbStore::open(&path).unwrap();
    assert!(events(&copy, &id).is_empty());
    assert_eq!(copy.call(&id).unwrap(), store.call(&id).unwrap());
    assert_eq!(
        copy.ledger(&nopa.id).unwrap(),
        store.ledger(&nopa.id).unwrap()
    );
    assert_eq!(copy.restored_at().unwrap(), None);
    copy.set_restored(at(80)).unwrap();
    assert_eq!(copy.restored_at().unwrap(), Some(at(80)));
}
