//! Payments before Stripe's own Python package, which `scripts/referee` installs below `target/`: signatures both ways,
//! and whether our requests are those that it would send.

use std::process::Command;

use agentphone::billing::{PaymentService, stripe::Stripe};
use protocol::{
    ids::AccountId,
    stripe::{API_VERSION, signature},
};
use serde_json::{Value, json};

use crate::{
    billing::options,
    python::ask_json,
    stripe_standin::{KEY, StandIn, WEBHOOK_SECRET, event},
};

/// Asks the referee. Returns its answers in order. May wait for its installation.
fn ask(questions: &[Value]) -> Vec<Value> {
    ask_json("stripe", "api/referee.py", questions)
}

#[test]
fn signatures_agree_with_stripes_own_library() {
    let mut random = fastrand::Rng::with_seed(3);
    let now = agentphone::driver::clock::wall().as_second();
    let mut questions = vec![json!({"kind": "version"})];
    let mut cases = Vec::new();
    for n in 0..40 {
        let words: String = (0..random.usize(0..40))
            .map(|_| random.char('\u{20}'..='\u{2fff}'))
            .collect();
        let body = event("checkout.session.completed", &json!({"id": words}));
        let secret = format!("whsec_{}", random.u64(..));
        let at = now - random.i64(0..200);
        questions.push(json!({"kind": "sign", "body": body, "secret": secret, "time": at}));
        let mut ours = signature::sign(body.as_bytes(), &secret, at);
        let forged = n % 4 == 3;
        if forged {
            let last = ours.pop().expect("a digit");
            ours.push(if last == '0' { '1' } else { '0' });
        }
        questions.push(json!({"kind": "verify", "body": body, "header": ours, "secret": secret, "tolerance": 300}));
        cases.push((body, secret, forged));
    }
    let old = signature::sign(b"{}", WEBHOOK_SECRET, now - 301);
    questions.push(json!({"kind": "verify", "body": "{}", "header": old, "secret": WEBHOOK_SECRET, "tolerance": 300}));
    let answers = ask(&questions);
    assert_eq!(answers[0], API_VERSION);
    for (n, (body, secret, forged)) in cases.iter().enumerate() {
        let theirs = answers[1 + 2 * n].as_str().expect("a header");
        assert_eq!(
            signature::verify(theirs, body.as_bytes(), secret, now),
            Ok(()),
            "{theirs}"
        );
        let verdict = if *forged {
            "refused"
        } else {
            "checkout.session.completed"
        };
        assert_eq!(answers[2 + 2 * n], verdict);
    }
    assert_eq!(answers.last().expect("one"), "refused");
    let stale = signature::verify(&old, b"{}", WEBHOOK_SECRET, now);
    assert_eq!(stale, Err(signature::Refusal::Stale));
}

#[tokio::test]
async fn sessions_are_asked_for_as_stripes_own_library_does() {
    let standin = StandIn::default();
    let address = standin.serve().await;
    let account = AccountId::new(5);
    let service = Stripe::new(options(address)).unwrap();
    service.create(&account, 0).await.unwrap();
    let id = account.to_string();
    let params = json!({
        "mode": "payment",
        "success_url": "https://phone.example/billing?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://phone.example/billing",
        "client_reference_id": id,
        "metadata": {"account_id": id, "credits": "10"},
        "payment_intent_data": {"metadata": {"account_id": id}},
        "line_items": [{"quantity": 1, "price_data": {
            "currency": "usd", "unit_amount": 1000, "product_data": {"name": "10 call credits"},
        }}],
    });
    let base = format!("http://{address}");
    let question =
        json!({"kind": "create", "key": KEY, "base": base, "once": "once", "params": params});
    let answers = tokio::task::spawn_blocking(move || ask(&[question]));
    // The stand-in's answers are ones that the library understands.
    assert_eq!(
        answers.await.unwrap()[0],
        json!([
            "cs_test_2",
            "https://checkout.stripe.com/c/pay/cs_test_2",
            "open",
            "10"
        ])
    );
    let asked = standin.asked();
    let sorted = |n: usize| {
        let mut form = asked[n].form.clone();
        form.sort();
        form
    };
    assert_eq!(sorted(0), sorted(1), "ours and theirs");
    for header in ["authorization", "stripe-version", "content-type"] {
        assert_eq!(asked[0].headers[header], asked[1].headers[header]);
    }
    assert!(
        asked
            .iter()
            .take(2)
            .all(|asked| asked.headers.contains_key("idempotency-key"))
    );
    // What is asked for again is the same session; that is what makes a crash in between harmless.
    let again = service.create(&account, 0).await.unwrap();
    assert_eq!(again.session, "cs_test_1");
    assert_eq!(
        service.create(&account, 1).await.unwrap().session,
        "cs_test_3"
    );
}

#[test]
fn the_zones_of_area_codes_are_those_of_their_source() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/area-zones");
    let made = Command::new(script).output().expect("a shell");
    assert!(
        made.status.success(),
        "scripts/area-zones needs python3 with venv, and PyPI:\n{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let committed = include_str!("../../src/contact/zones.txt");
    assert_eq!(String::from_utf8_lossy(&made.stdout), committed);
}
