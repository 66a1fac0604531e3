//! Asking for a call: what is sent again, what never is, and what refusals mean.

use protocol::rest::{AtFault, FailureReason, Status};

use super::{
    Plan, Rig, Step, TO, booking, ms, polite, request,
    standin::{Trouble, phone::Seen},
};

fn made(rig: &Rig) -> usize {
    rig.standin.calls().len()
}

fn posts(rig: &Rig) -> usize {
    let state = rig.standin.state();
    state
        .requests
        .iter()
        .filter(|request| {
            request.ends_with(
                "POST /2010-04-01/Accounts/AC00000000000000000000000000000001/Calls.json",
            )
        })
        .count()
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_now_is_asked_again() {
    let rig = Rig::new();
    rig.standin
        .trouble(&[Trouble::Refuse(429, 20429), Trouble::Refuse(429, 20429)]);
    let (call, _) = rig.call(Plan::answers(polite()), booking()).await;
    assert_eq!(call.status, Status::Completed, "{call:?}");
    assert_eq!((made(&rig), posts(&rig)), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_the_carrier_is_looked_up_before_it_is_asked_again() {
    let rig = Rig::new();
    rig.standin.trouble(&[Trouble::Refuse(503, 0)]);
    let (call, _) = rig.call(Plan::answers(polite()), booking()).await;
    assert_eq!(call.status, Status::Completed, "{call:?}");
    assert_eq!((made(&rig), posts(&rig)), (1, 2));
    let state = rig.standin.state();
    assert!(
        state.requests[1].contains("GET") && state.requests[1].contains("To=%2B14155551234"),
        "{:?}",
        state.requests
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_is_rung_twice() {
    for trouble in [Trouble::MakesAndIsSilent, Trouble::MakesAndFails] {
        let rig = Rig::new();
        rig.standin.trouble(&[trouble]);
        let (call, _) = rig.call(Plan::answers(polite()), booking()).await;
        assert_eq!(call.status, Status::Completed, "{trouble:?} {call:?}");
        assert_eq!((made(&rig), posts(&rig)), (1, 1), "{trouble:?}");
    }
    // Without any callback to go by, the look-up alone has to find it.
    for trouble in [Trouble::MakesAndIsSilent, Trouble::MakesAndFails] {
        let rig = Rig::new();
        rig.standin.trouble(&[trouble]);
        let plan = Plan {
            setup: ms(60_000),
            ..Plan::answers(polite())
        };
        let (call, _) = rig.call(plan, booking()).await;
        assert_eq!((made(&rig), posts(&rig)), (1, 1), "{trouble:?}");
        // It never rang, so we gave up and took it back.
        assert_eq!(
            call.failure.expect("a reason").reason,
            FailureReason::NoAnswer
        );
        assert_eq!(rig.standin.calls()[0].updates.len(), 1, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_lost_is_asked_again_once_nothing_shows() {
    let rig = Rig::new();
    rig.standin.trouble(&[Trouble::IsSilent]);
    let (call, _) = rig.call(Plan::answers(polite()), booking()).await;
    assert_eq!(call.status, Status::Completed, "{call:?}");
    assert_eq!((made(&rig), posts(&rig)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn refusals_name_the_fault_and_are_not_repeated() {
    for (status, code, reason, fault, word) in [
        (
            400,
            21211,
            FailureReason::InvalidNumber,
            AtFault::Callee,
            "21211",
        ),
        (
            400,
            21210,
            FailureReason::LineUnavailable,
            AtFault::Us,
            "verified",
        ),
        (
            400,
            21215,
            FailureReason::LineUnavailable,
            AtFault::Us,
            "Geographic",
        ),
        (
            400,
            21216,
            FailureReason::NetworkBlocked,
            AtFault::Carrier,
            "21216",
        ),
        (
            400,
            21219,
            FailureReason::LineUnavailable,
            AtFault::Us,
            "trial",
        ),
        (
            401,
            20003,
            FailureReason::LineUnavailable,
            AtFault::Us,
            "auth_token",
        ),
        (
            404,
            20404,
            FailureReason::LineUnavailable,
            AtFault::Us,
            "account_sid",
        ),
    ] {
        let rig = Rig::new();
        rig.standin.trouble(&[Trouble::Refuse(status, code)]);
        let (call, _) = rig.call(Plan::answers(polite()), booking()).await;
        let failure = call.failure.expect("a reason");
        assert_eq!(
            (failure.reason, failure.at_fault),
            (reason, fault),
            "{code}"
        );
        assert!(failure.message.contains(word), "{}", failure.message);
        assert_eq!((made(&rig), posts(&rig)), (0, 1), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_stays_away_is_given_up() {
    let rig = Rig::new();
    rig.standin.trouble(&[Trouble::Refuse(500, 0); 4]);
    let (call, _) = rig.call(Plan::answers(polite()), booking()).await;
    let failure = call.failure.expect("a reason");
    assert_eq!(
        (failure.reason, failure.at_fault),
        (FailureReason::LineUnavailable, AtFault::Carrier)
    );
    assert_eq!((made(&rig), posts(&rig)), (0, 4));
}

#[tokio::test(start_paused = true)]
async fn a_call_canceled_before_the_carrier_answers_does_not_ring_on() {
    let rig = Rig::new();
    rig.standin.trouble(&[Trouble::MakesAndIsSilent]);
    rig.standin.plan(
        TO,
        Plan {
            ring: ms(60_000),
            setup: ms(3_000),
            ..Plan::answers(vec![Step::Stay])
        },
    );
    let engine = rig.engine(booking());
    let id = engine.create_with(request()).await.data.call_id;
    agentphone::driver::clock::sleep(ms(1_000)).await;
    let canceled = engine
        .supervisor
        .cancel(&engine.caller.account, &id, true)
        .await;
    canceled.expect("it waits");
    engine.watch(&id).await;
    rig.standin.settled().await;
    assert_eq!(made(&rig), 1);
    assert_eq!(rig.standin.calls()[0].status, "canceled");
    let report = rig.standin.report(TO);
    assert!(
        !report
            .seen
            .iter()
            .any(|(_, seen)| matches!(seen, Seen::Media(_)))
    );
}
