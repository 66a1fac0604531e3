//! Credits and repeated requests: nothing is ever paid or done twice.

use super::*;

#[test]
fn a_call_costs_one_credit_which_comes_back_when_it_never_connected() {
    let store = store();
    let account = account(&store, "nopa");
    let (spent, refunded) = (created(&store, &account, 1), created(&store, &account, 2));
    assert_eq!(store.balance(&account.id).unwrap(), 3);
    assert_eq!(end(&store, &spent, Status::Completed, false).balance, 3);
    let first = end(&store, &refunded, Status::Failed, true);
    assert_eq!((first.balance, first.repeated), (4, false));
    let again = end(&store, &refunded, Status::Completed, true);
    assert_eq!((again.balance, again.repeated), (4, true));
    assert_eq!(again.call.call.status, Status::Failed);
    let amounts: Vec<i64> = store
        .ledger(&account.id)
        .unwrap()
        .iter()
        .map(|entry| entry.amount)
        .collect();
    assert_eq!(amounts, [5, -1, -1, 0, 1]);
}

#[test]
fn without_credit_nothing_is_stored() {
    let store = store();
    let account = store.create_account("poor", 1, at(0)).unwrap();
    created(&store, &account, 1);
    let refused = call(&account, 2);
    assert_eq!(
        store.create_call(&refused, None, at(2)).unwrap(),
        Creation::NoCredit { balance: 0 }
    );
    assert_eq!(store.call(&refused.call.call_id).unwrap(), None);
    assert_eq!(store.unfinished_calls().unwrap().len(), 1);
    assert_eq!(store.ledger(&account.id).unwrap().len(), 2);
}

#[test]
fn a_free_call_leaves_the_ledger_alone() {
    let store = store();
    let account = store.create_account("tester", 0, at(0)).unwrap();
    let free = StoredCall {
        cost: 0,
        ..call(&account, 1)
    };
    assert_eq!(
        store.create_call(&free, None, at(1)).unwrap(),
        Creation::Created { balance: 0 }
    );
    assert_eq!(
        end(&store, &free.call.call_id, Status::Failed, true).balance,
        0
    );
    assert_eq!(store.ledger(&account.id).unwrap(), []);
}

fn render(outcome: &Creation) -> Option<Answer> {
    let (status, body) = match outcome {
        Creation::Created { balance } => (202, format!("{{\"left\": {balance}}}")),
        Creation::NoCredit { .. } => (402, "{}".into()),
        Creation::Replayed(_) | Creation::Conflict => return None,
    };
    Some(Answer { status, body })
}

fn create_with(
    store: &dyn Store,
    account: &Account,
    key: &str,
    body: u8,
    seconds: i64,
) -> Creation {
    let idempotency = Idempotency {
        key,
        body_hash: [body; 32],
        answer: &render,
    };
    store
        .create_call(&call(account, seconds), Some(idempotency), at(seconds))
        .unwrap()
}

#[test]
fn a_repeated_request_gets_the_first_answer_and_makes_no_second_call() {
    let store = store();
    let (mine, other) = (account(&store, "mine"), account(&store, "other"));
    assert_eq!(
        create_with(&store, &mine, "k", 1, 1),
        Creation::Created { balance: 4 }
    );
    let answer = Answer {
        status: 202,
        body: "{\"left\": 4}".into(),
    };
    assert_eq!(
        create_with(&store, &mine, "k", 1, 2),
        Creation::Replayed(answer.clone())
    );
    assert_eq!(create_with(&store, &mine, "k", 2, 3), Creation::Conflict);
    let recall = |key, body| store.recall(&mine.id, key, [body; 32], at(4)).unwrap();
    assert_eq!(recall("k", 1), Recall::Replayed(answer));
    assert_eq!(recall("k", 2), Recall::Conflict);
    assert_eq!(recall("l", 1), Recall::Unknown);
    assert_eq!(store.balance(&mine.id).unwrap(), 4);
    // Keys of different accounts have nothing to do with each other.
    assert_eq!(
        create_with(&store, &other, "k", 2, 5),
        Creation::Created { balance: 4 }
    );
}

#[test]
fn refusals_are_remembered_too() {
    let store = store();
    let poor = store.create_account("poor", 0, at(0)).unwrap();
    assert_eq!(
        create_with(&store, &poor, "k", 1, 1),
        Creation::NoCredit { balance: 0 }
    );
    let refusal = Answer {
        status: 402,
        body: "{}".into(),
    };
    assert_eq!(
        create_with(&store, &poor, "k", 1, 2),
        Creation::Replayed(refusal.clone())
    );
    let bad = Answer {
        status: 422,
        body: "{\"code\": 1}".into(),
    };
    let remember = |answer| {
        store
            .remember(&poor.id, "bad", [3; 32], answer, at(3))
            .unwrap()
    };
    assert_eq!(remember(&bad), Recall::Unknown);
    assert_eq!(remember(&refusal), Recall::Replayed(bad));
}

#[test]
fn answers_are_forgotten_after_a_day_and_cleared_away() {
    let store = store();
    let rich = store.create_account("rich", 1000, at(0)).unwrap();
    const DAY: i64 = 24 * 3600;
    for n in 0..20 {
        create_with(&store, &rich, &format!("k{n}"), 1, n);
    }
    assert!(matches!(
        create_with(&store, &rich, "k0", 1, DAY - 1),
        Creation::Replayed(_)
    ));
    // Used again after its day, the key stands for the new request, and clearing the old row spares it.
    assert!(matches!(
        create_with(&store, &rich, "k0", 2, DAY),
        Creation::Created { .. }
    ));
    for n in 0..10 {
        create_with(&store, &rich, &format!("l{n}"), 1, DAY + 100 + n);
    }
    assert!(matches!(
        create_with(&store, &rich, "k0", 2, DAY + 200),
        Creation::Replayed(_)
    ));
    assert_eq!(store.kept_answers(), 11);
}

/// Any order of creating, ending and repeating leaves a ledger that adds up, with each call reserved once and
/// closed at most once.
#[test]
fn the_ledger_adds_up_whatever_is_repeated() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let store = store();
        let account = store
            .create_account("any", random.u32(0..8), at(0))
            .unwrap();
        let mut known: Vec<StoredCall> = Vec::new();
        let mut closed: HashMap<CallId, bool> = HashMap::new();
        for step in 0..random.i64(1..60) {
            match random.u8(0..4) {
                0 => {
                    let new = call(&account, step);
                    if let Creation::Created { .. } =
                        store.create_call(&new, None, at(step)).unwrap()
                    {
                        known.push(new);
                    }
                }
                1 if !known.is_empty() => {
                    let again = &known[random.usize(..known.len())];
                    let outcome = store.create_call(again, None, at(step));
                    assert!(
                        outcome
                            .map_or(true, |outcome| matches!(outcome, Creation::NoCredit { .. }))
                    );
                }
                _ if !known.is_empty() => {
                    let id = known[random.usize(..known.len())].call.call_id.clone();
                    let give_back = random.bool();
                    let finish = end(&store, &id, Status::Failed, give_back);
                    assert_eq!(finish.repeated, closed.contains_key(&id), "seed {seed}");
                    closed.entry(id).or_insert(give_back);
                }
                _ => {}
            }
        }
        check(&store, &account, &known, &closed, seed);
    }
}

fn check(
    store: &dyn Store,
    account: &Account,
    known: &[StoredCall],
    closed: &HashMap<CallId, bool>,
    seed: u64,
) {
    let ledger = store.ledger(&account.id).unwrap();
    let mut sum = 0;
    let mut references = std::collections::HashSet::new();
    for (index, entry) in ledger.iter().enumerate() {
        sum += entry.amount;
        assert_eq!(
            (entry.seq, entry.balance),
            (index as u64 + 1, sum),
            "seed {seed}"
        );
        assert!(references.insert(entry.entry.reference()), "seed {seed}");
        assert!(entry.balance >= 0, "seed {seed}");
    }
    for stored in known {
        let call = stored.call.call_id.clone();
        let has = |entry: Entry| ledger.iter().any(|line| line.entry == entry);
        assert!(has(Entry::Reserve { call: call.clone() }), "seed {seed}");
        let fate = closed.get(&call);
        assert_eq!(
            has(Entry::Settle { call: call.clone() }),
            fate == Some(&false),
            "seed {seed}"
        );
        assert_eq!(
            has(Entry::GiveBack { call }),
            fate == Some(&true),
            "seed {seed}"
        );
    }
    assert_eq!(store.balance(&account.id).unwrap(), sum, "seed {seed}");
    assert_eq!(
        store.unfinished_calls().unwrap().len(),
        known.len() - closed.len(),
        "seed {seed}"
    );
}
