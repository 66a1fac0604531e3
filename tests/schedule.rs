//! Calls for later: they wait, survive the process, can be canceled, are made when due and never long after.

#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
mod support;

use std::{sync::Arc, time::Duration};

use agentphone::{
    contact::{Hours, Outside},
    driver::clock,
    store::{RedbStore, Store},
    supervisor::Policy,
};
use jiff::{Zoned, tz::TimeZone};
use protocol::{control::Event, ids::CallId, rest};
use support::{Engine, Setup};

const HOUR: Duration = Duration::from_secs(3600);
const RINGS: &str = "ring: 60 s\n---\nhang up";

fn setup() -> Setup {
    Setup {
        scenario: RINGS,
        ..Setup::default()
    }
}

fn in_time(ahead: Duration) -> rest::Time {
    (clock::wall() + ahead).into()
}

async fn schedule(engine: &Engine, at: rest::Time) -> CallId {
    let request = rest::CreateCall {
        scheduled_at: Some(at),
        ..engine.request()
    };
    engine.create_with(request).await.data.call_id
}

async fn cancel(engine: &Engine, id: &CallId) {
    let canceled = engine
        .supervisor
        .cancel(&engine.caller.account, id, true)
        .await;
    canceled.expect("it has not ended");
    engine.watch(id).await;
    assert_eq!(engine.stored(id).status, rest::Status::Canceled);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_made_when_it_is_due() {
    let engine = setup().start();
    let at = in_time(Duration::from_millis(300));
    let id = schedule(&engine, at).await;
    let call = engine.stored(&id);
    assert_eq!(call.status, rest::Status::Queued);
    assert_eq!(call.scheduled_at, Some(at));
    let dialing = Event::CallStatus {
        status: rest::Status::Dialing,
    };
    engine.reached(&id, |event| *event == dialing).await;
    assert!(clock::wall() >= at.into(), "not before its time");
    cancel(&engine, &id).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_for_later_survives_the_process_and_can_be_canceled() {
    let store: Arc<dyn Store> = Arc::new(RedbStore::in_memory().expect("a store"));
    let first = setup().start_on(store.clone());
    let kept = schedule(&first, in_time(HOUR)).await;
    let canceled = schedule(&first, in_time(HOUR)).await;
    assert_eq!(first.credits(), 3);
    cancel(&first, &canceled).await;
    assert_eq!(first.credits(), 4);
    first.supervisor.drain().await;

    let second = setup().start_on(store);
    let recovered = second.supervisor.recover().await;
    assert_eq!(recovered.expect("the store answers"), (1, 0));
    assert_eq!(second.stored(&kept).status, rest::Status::Queued);
    cancel(&second, &kept).await;
    assert_eq!(second.credits(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_due_long_ago_is_not_made_any_more() {
    let store: Arc<dyn Store> = Arc::new(RedbStore::in_memory().expect("a store"));
    let first = setup().start_on(store.clone());
    let (missed, late) = (
        schedule(&first, in_time(HOUR)).await,
        schedule(&first, in_time(HOUR)).await,
    );
    first.supervisor.drain().await;
    for (id, ago) in [(&missed, 2 * HOUR), (&late, HOUR / 2)] {
        let at = (clock::wall() - ago).into();
        let mut change = |stored: &mut agentphone::store::StoredCall| {
            stored.request.scheduled_at = Some(at);
        };
        store.update_call(id, &mut change).expect("it waits");
    }

    let second = setup().start_on(store);
    let recovered = second.supervisor.recover().await;
    assert_eq!(recovered.expect("the store answers"), (1, 1));
    let call = second.stored(&missed);
    assert_eq!(call.status, rest::Status::Failed);
    let failure = call.failure.expect("a reason");
    assert_eq!(failure.reason, rest::FailureReason::InterruptedByRestart);
    assert!(
        failure.message.contains("when the call was due"),
        "{}",
        failure.message
    );
    cancel(&second, &late).await;
    assert_eq!(second.credits(), 5);
}

#[tokio::test]
async fn a_time_that_cannot_be_kept_is_refused() {
    let engine = setup().start();
    for at in [clock::wall() - HOUR, clock::wall() + 31 * 24 * HOUR] {
        let request = rest::CreateCall {
            scheduled_at: Some(at.into()),
            ..engine.request()
        };
        let refused = engine
            .supervisor
            .create(&engine.caller, request, Vec::new(), None);
        let error = refused.await.expect_err("it cannot be kept");
        assert_eq!(
            (error.status(), error.code.as_str()),
            (422, "invalid_field")
        );
        assert!(error.message.contains("scheduled_at"), "{}", error.message);
    }
    assert_eq!(engine.credits(), 5);
}

/// A number, and the clock of whoever has it: in San Francisco, or, when it is late there, in New York, where it is early.
fn callee() -> (&'static str, TimeZone) {
    let west = TimeZone::posix("PST8PDT,M3.2.0,M11.1.0").expect("a zone");
    if clock::wall().to_zoned(west.clone()).hour() < 20 {
        return ("+14155551234", west);
    }
    let east = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").expect("a zone");
    ("+12125551234", east)
}

fn open_between(start: &Zoned, end: &Zoned) -> Setup {
    let text = |time: &Zoned| time.strftime("%H:%M").to_string();
    let hours = Hours::new(&text(start), &text(end)).expect("hours of one day");
    Setup {
        policy: Policy {
            hours: Some((hours, Outside::Schedule)),
            ..Policy::default()
        },
        max_concurrent: 1,
        credits: 20,
        ..setup()
    }
}

fn hours(count: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_hours(count)
}

#[tokio::test(start_paused = true)]
async fn a_call_at_a_bad_time_waits_for_the_morning_where_the_callee_is() {
    let (number, zone) = callee();
    let now = clock::wall().to_zoned(zone.clone());
    // They have closed by now, or open later today.
    let (start, end) = if now.hour() >= 2 {
        (&now - hours(2), &now - hours(1))
    } else {
        (&now + hours(1), &now + hours(2))
    };
    let engine = open_between(&start, &end).start();
    let request = rest::CreateCall {
        to_phone_number: number.into(),
        ..engine.request()
    };
    let made = engine.create_with(request).await;
    assert!(made.warnings[0].contains("waits until"), "{made:?}");
    let id = made.data.call_id;
    let call = engine.stored(&id);
    assert_eq!(call.status, rest::Status::Queued);
    let opens = call.scheduled_at.expect("a time");
    let dialing = Event::CallStatus {
        status: rest::Status::Dialing,
    };
    engine.reached(&id, |event| *event == dialing).await;
    let then = clock::wall();
    assert!(then >= opens.into(), "{then} {opens:?}");
    let local = then.to_zoned(zone);
    assert_eq!(
        (local.hour(), local.minute()),
        (start.hour(), start.minute()),
        "{local}"
    );
    cancel(&engine, &id).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_into_the_night_is_made_in_the_morning() {
    let (number, zone) = callee();
    let now = clock::wall().to_zoned(zone.clone());
    // It rings for 20 seconds each, so that not all of these are through when it closes.
    let closes = &now + jiff::SignedDuration::from_mins(2);
    let opens = &now - hours(i64::from(now.hour().min(1)));
    let engine = open_between(&opens, &closes).start();
    let mut calls = Vec::new();
    for _ in 0..10 {
        let request = rest::CreateCall {
            to_phone_number: number.into(),
            ..engine.request()
        };
        let made = engine.create_with(request).await;
        assert!(made.warnings.is_empty(), "{made:?}");
        calls.push(made.data.call_id);
    }
    let mut days = Vec::new();
    for id in &calls {
        engine.watch(id).await;
        let call = engine.stored(id);
        let failure = call.failure.expect("nobody answers");
        assert_eq!(failure.reason, rest::FailureReason::NoAnswer);
        let at = clock::wall().to_zoned(zone.clone());
        days.push((at.date(), call.scheduled_at.is_some()));
    }
    let today = days.iter().filter(|day| **day == (now.date(), false));
    let tomorrow = now.date().tomorrow().expect("there is one");
    let next = days.iter().filter(|day| **day == (tomorrow, true));
    let (today, next) = (today.count(), next.count());
    assert!(today > 0 && next > 0 && today + next == 10, "{days:?}");
    assert_eq!(engine.credits(), 20, "nobody was reached");
}
