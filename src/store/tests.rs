//! What every store must do, tried on redb: in memory for the rules, in a file where the file matters.

use std::{collections::HashMap, path::PathBuf};

use jiff::Timestamp;
use protocol::{
    ids::KeyMode,
    rest::{CreateCall, Offer, Scopes, Speaker},
};

use super::*;

mod disk;
mod file;
mod money;
mod power;
mod webhooks;

fn store() -> RedbStore {
    RedbStore::in_memory().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_771_588_800 + seconds).unwrap()
}

fn account(store: &dyn Store, name: &str) -> Account {
    store.create_account(name, 5, at(0)).unwrap()
}

/// A call of `account` created `seconds` after the others' zero.
fn call(account: &Account, seconds: i64) -> StoredCall {
    let body = br#"{"to_phone_number": "+14155551234", "objective": "Book a table"}"#;
    let request = CreateCall::parse(body, &Offer::default()).unwrap().call;
    let created = at(seconds);
    let id = CallId::new(
        u64::try_from(created.as_millisecond()).unwrap(),
        random_u128(),
    );
    StoredCall {
        account: account.id.clone(),
        key: KeyId::new(1),
        call: Call::queued(id, &request, "simulated", created.into()),
        request,
        seed: 7,
        cost: 1,
    }
}

fn created(store: &dyn Store, account: &Account, seconds: i64) -> CallId {
    let call = call(account, seconds);
    let outcome = store.create_call(&call, None, at(seconds)).unwrap();
    assert!(matches!(outcome, Creation::Created { .. }), "{outcome:?}");
    call.call.call_id
}

fn end(store: &dyn Store, id: &CallId, status: Status, give_back: bool) -> Finish {
    store
        .finish_call(id, give_back, at(100), &mut |stored| {
            stored.call.status = status
        })
        .unwrap()
}

fn new_key(account: &Account, secret: u8) -> NewKey {
    NewKey {
        account: account.id.clone(),
        name: "laptop".into(),
        hash: KeyHash([secret; 32]),
        shown: "ak_live_abcd".into(),
        mode: KeyMode::Live,
        scopes: Scopes::default(),
        expires_at: None,
        at: at(i64::from(secret)),
    }
}

#[test]
fn a_new_account_has_its_free_credits_as_a_ledger_entry() {
    let store = store();
    let account = account(&store, "nopa");
    assert_eq!(store.balance(&account.id).unwrap(), 5);
    let ledger = store.ledger(&account.id).unwrap();
    assert_eq!(ledger.len(), 1);
    assert_eq!((&ledger[0].entry, ledger[0].amount), (&Entry::Welcome, 5));
    assert_eq!(store.account_named("nopa").unwrap(), Some(account.clone()));
    assert_eq!(store.account(&account.id).unwrap(), Some(account));
    assert_eq!(store.account_named("other").unwrap(), None);
    let error = store.create_account("nopa", 5, at(0)).unwrap_err();
    assert!(error.is_conflict(), "{error}");
}

#[test]
fn keys_are_found_by_hash_until_they_are_revoked() {
    let store = store();
    let account = account(&store, "nopa");
    let first = store.create_key(new_key(&account, 1)).unwrap();
    let second = store.create_key(new_key(&account, 2)).unwrap();
    assert_eq!(
        store.find_key(&KeyHash([1; 32])).unwrap(),
        Some(first.clone())
    );
    assert_eq!(store.find_key(&KeyHash([3; 32])).unwrap(), None);
    let revoked = store.revoke_key(&first.id, at(50)).unwrap();
    assert_eq!(revoked.revoked_at, Some(at(50)));
    assert_eq!(store.revoke_key(&first.id, at(60)).unwrap(), revoked);
    assert_eq!(store.find_key(&KeyHash([1; 32])).unwrap(), None);
    assert_eq!(store.list_keys().unwrap(), [revoked, second]);
    assert!(
        store
            .revoke_key(&KeyId::new(9), at(0))
            .unwrap_err()
            .is_not_found()
    );
    let stranger = Account {
        id: AccountId::new(9),
        ..account
    };
    assert!(
        store
            .create_key(new_key(&stranger, 4))
            .unwrap_err()
            .is_not_found()
    );
}

#[test]
fn a_call_is_kept_as_it_was_given_and_belongs_to_its_account() {
    let store = store();
    let (mine, other) = (account(&store, "mine"), account(&store, "other"));
    let call = call(&mine, 1);
    let id = call.call.call_id.clone();
    assert_eq!(
        store.create_call(&call, None, at(1)).unwrap(),
        Creation::Created { balance: 4 }
    );
    assert_eq!(store.get_call(&mine.id, &id).unwrap(), Some(call.clone()));
    assert_eq!(store.get_call(&other.id, &id).unwrap(), None);
    assert!(
        store
            .create_call(&call, None, at(1))
            .unwrap_err()
            .is_conflict()
    );
    assert_eq!(store.balance(&mine.id).unwrap(), 4);
}

#[test]
fn turns_and_changes_are_kept_until_the_end_and_not_after() {
    let store = store();
    let account = account(&store, "nopa");
    let id = created(&store, &account, 1);
    let turn = Turn {
        speaker: Speaker::Agent,
        text: "Hi".into(),
        started_ms: 10,
        ended_ms: 20,
        interrupted: false,
        latency: None,
        served_by: protocol::rest::ServedBy::default(),
    };
    store.append_turn(&id, &turn).unwrap();
    let now = store
        .update_call(&id, &mut |stored| stored.call.status = Status::InProgress)
        .unwrap();
    assert_eq!(
        (now.call.status, now.call.turns.len()),
        (Status::InProgress, 1)
    );
    let finish = end(&store, &id, Status::Completed, false);
    assert!(!finish.repeated);
    store.append_turn(&id, &turn).unwrap();
    let now = store
        .update_call(&id, &mut |stored| stored.call.status = Status::Queued)
        .unwrap();
    assert_eq!(now, finish.call);
    assert_eq!(store.call(&id).unwrap(), Some(finish.call));
}

#[test]
fn a_change_cannot_break_what_the_store_promises() {
    let store = store();
    let account = account(&store, "nopa");
    let id = created(&store, &account, 1);
    let before = store.call(&id).unwrap();
    let ended = store.update_call(&id, &mut |stored| stored.call.status = Status::Failed);
    assert!(ended.unwrap_err().to_string().contains("without settling"));
    let renamed = store.update_call(&id, &mut |stored| stored.call.call_id = CallId::new(1, 1));
    renamed.unwrap_err();
    let cheaper = store.update_call(&id, &mut |stored| stored.cost = 0);
    cheaper.unwrap_err();
    let not_ended = store.finish_call(&id, true, at(2), &mut |_| {});
    not_ended.unwrap_err();
    assert_eq!(store.call(&id).unwrap(), before);
    assert_eq!(store.balance(&account.id).unwrap(), 4);
    let missing = store.update_call(&CallId::new(1, 1), &mut |_| {});
    assert!(missing.unwrap_err().is_not_found());
}

#[test]
fn lists_are_newest_first_by_page_and_by_status() {
    let store = store();
    let (mine, other) = (
        store.create_account("mine", 100, at(0)).unwrap(),
        account(&store, "other"),
    );
    let ids: Vec<CallId> = (0..7).map(|n| created(&store, &mine, n)).collect();
    created(&store, &other, 3);
    end(&store, &ids[2], Status::Completed, false);
    end(&store, &ids[5], Status::Completed, false);
    let list = |status, before, limit| {
        let page = store
            .list_calls(
                &mine.id,
                &ListCalls {
                    status,
                    before,
                    limit,
                },
            )
            .unwrap();
        let found: Vec<usize> = page
            .calls
            .iter()
            .map(|stored| {
                ids.iter()
                    .position(|id| *id == stored.call.call_id)
                    .unwrap()
            })
            .collect();
        (found, page.has_more)
    };
    assert_eq!(list(None, None, 3), (vec![6, 5, 4], true));
    assert_eq!(list(None, Some(&ids[4]), 4), (vec![3, 2, 1, 0], false));
    assert_eq!(list(None, Some(&ids[0]), 4), (vec![], false));
    assert_eq!(list(Some(Status::Completed), None, 1), (vec![5], true));
    assert_eq!(
        list(Some(Status::Completed), Some(&ids[5]), 1),
        (vec![2], false)
    );
    assert_eq!(
        list(Some(Status::Queued), None, 50),
        (vec![6, 4, 3, 1, 0], false)
    );
    assert_eq!(list(Some(Status::Failed), None, 50), (vec![], false));
    let unfinished = store.unfinished_calls().unwrap();
    assert_eq!(unfinished.len(), 6);
    assert!(unfinished.is_sorted_by_key(|stored| stored.call.created_at));
}

#[test]
fn attachments_are_kept_apart_and_replaced() {
    let store = store();
    let id = CallId::new(1, 1);
    assert_eq!(store.load(&id, Attachment::Feed).unwrap(), None);
    store.save(&id, Attachment::Feed, b"one").unwrap();
    store.save(&id, Attachment::Feed, b"two").unwrap();
    store.save(&id, Attachment::Events, b"events").unwrap();
    assert_eq!(
        store.load(&id, Attachment::Feed).unwrap().as_deref(),
        Some(&b"two"[..])
    );
    assert_eq!(
        store.load(&id, Attachment::Events).unwrap().as_deref(),
        Some(&b"events"[..])
    );
}
