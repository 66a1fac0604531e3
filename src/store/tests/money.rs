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
        Creation::Replayed(_) | Creation::Conflict | Creation::DaySpent { .. } => return None,
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

#[test]
fn a_day_has_a_limit_that_counts_what_was_really_spent() {
    let store = store();
    let rich = store.create_account("rich", 1000, at(0)).unwrap();
    let midnight = (at(0).as_second() / 86_400 + 1) * 86_400 - at(0).as_second();
    let create = |seconds| {
        let new = call(&rich, seconds);
        let outcome = store.create_call_within(&new, Some(2), None, at(seconds));
        (outcome.unwrap(), new.call.call_id)
    };
    let made = |outcome: &Creation| matches!(outcome, Creation::Created { .. });
    let (first, id) = create(1);
    let (second, _) = create(2);
    assert!(made(&first) && made(&second));
    assert_eq!(
        create(midnight - 10).0,
        Creation::DaySpent { seconds: 10 },
        "two are spent"
    );
    // One was not answered: its credit can be spent again.
    end(&store, &id, Status::Failed, true);
    assert!(made(&create(150).0));
    assert_eq!(create(midnight - 1).0, Creation::DaySpent { seconds: 1 });
    assert!(made(&create(midnight).0));
    assert_eq!(store.balance(&rich.id).unwrap(), 997);
}

fn payment(session: &str, bought: Option<(&Account, u32)>) -> Payment {
    Payment {
        session: session.into(),
        reference: Some(format!("pi_{session}")),
        paid: 1000,
        bought: bought.map(|(account, credits)| (account.id.clone(), credits)),
    }
}

#[test]
fn a_payment_is_applied_once_and_goes_back_as_the_money_does() {
    let store = store();
    let buyer = account(&store, "buyer");
    let balance = || store.balance(&buyer.id).unwrap();
    let paid = payment("cs_1", Some((&buyer, 10)));
    let granted = Applied::Granted {
        account: buyer.id.clone(),
        credits: 10,
    };
    assert_eq!(store.apply_payment(&paid, at(1)).unwrap(), granted);
    assert_eq!(store.apply_payment(&paid, at(2)).unwrap(), Applied::Before);
    assert_eq!(balance(), 15);
    let refund = |refunded| Told::Refunded {
        amount: 1000,
        refunded,
        at: 1,
    };
    let dispute = |withdrawn, at| Told::Withdrawn { withdrawn, at };
    for (told, left) in [
        (refund(500), 10),
        (refund(500), 10),
        // An older one comes late.
        (refund(100), 10),
        (dispute(true, 1), 5),
        (refund(700), 5),
        (dispute(false, 2), 8),
        (dispute(true, 1), 8),
        (refund(1000), 5),
        (refund(1000), 5),
    ] {
        store
            .reverse_payment("pi_cs_1", told.clone(), at(3))
            .unwrap();
        assert_eq!(balance(), left, "{told:?}");
    }
    let amounts: Vec<_> = store.ledger(&buyer.id).unwrap();
    let amounts: Vec<_> = amounts.iter().map(|entry| entry.amount).collect();
    assert_eq!(amounts, [5, 10, -5, -5, 3, -3]);
}

#[test]
fn a_refund_that_is_told_before_its_payment_is_not_lost() {
    let store = store();
    let buyer = account(&store, "buyer");
    let gone = Told::Refunded {
        amount: 1000,
        refunded: 1000,
        at: 1,
    };
    store.reverse_payment("pi_cs_1", gone, at(1)).unwrap();
    let paid = payment("cs_1", Some((&buyer, 10)));
    store.apply_payment(&paid, at(2)).unwrap();
    assert_eq!(store.balance(&buyer.id).unwrap(), 5);
    // Spent credits that are taken back leave a debt, and no call is made on debt.
    let late = payment("cs_2", Some((&buyer, 2)));
    store.apply_payment(&late, at(3)).unwrap();
    for n in 0..7 {
        created(&store, &buyer, n);
    }
    let disputed = Told::Withdrawn {
        withdrawn: true,
        at: 4,
    };
    store.reverse_payment("pi_cs_2", disputed, at(4)).unwrap();
    assert_eq!(store.balance(&buyer.id).unwrap(), -2);
    let refused = store.create_call(&call(&buyer, 9), None, at(9)).unwrap();
    assert_eq!(refused, Creation::NoCredit { balance: -2 });
}

#[test]
fn a_checkout_is_offered_until_it_is_over_and_knows_what_it_was_for() {
    let store = store();
    let buyer = account(&store, "buyer");
    let checkout = Checkout {
        session: "cs_1".into(),
        account: buyer.id.clone(),
        credits: 10,
        url: "https://pay.example/1".into(),
        expires_at: at(1000),
        fingerprint: "f".into(),
    };
    store.offer_checkout(&checkout).unwrap();
    let offered = || store.offered_checkout(&buyer.id).unwrap();
    assert_eq!(offered().checkout, Some(checkout));
    store.close_session("cs_other").unwrap();
    assert_eq!(offered().generation, 0);
    // What the event says is not asked when the checkout is known.
    let paid = payment("cs_1", Some((&buyer, 1_000_000)));
    store.apply_payment(&paid, at(1)).unwrap();
    assert_eq!(store.balance(&buyer.id).unwrap(), 15);
    assert_eq!((offered().generation, offered().checkout), (1, None));
    store.skip_checkout(&buyer.id, 0).unwrap();
    assert_eq!(offered().generation, 1);
    store.skip_checkout(&buyer.id, 1).unwrap();
    assert_eq!(offered().generation, 2);
    for unknown in [
        payment("cs_9", None),
        Payment {
            bought: Some((AccountId::new(9), 10)),
            ..payment("cs_8", None)
        },
    ] {
        let applied = store.apply_payment(&unknown, at(2)).unwrap();
        assert_eq!(applied, Applied::Unknown);
    }
    let id = |n: &str| {
        store
            .grant(&buyer.id, n, "sorry", 3, at(5))
            .expect("a grant")
    };
    assert_eq!((id("a"), id("a"), id("b")), (18, 18, 21));
    let page = store.ledger_page(&buyer.id, None, 2).unwrap();
    assert_eq!([page[0].seq, page[1].seq], [4, 3]);
    let page = store.ledger_page(&buyer.id, Some(3), 5).unwrap();
    assert_eq!([page[0].seq, page[1].seq], [2, 1]);
}
