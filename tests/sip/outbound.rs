//! Calls that we make: how they go, how they fail, and what is said about it.

use std::time::Duration;

use agentphone::line::{LegCommand, LegEvent, Line};
use call::Failure;

use super::rig::{Sipp, call, free_port, line, ms, request, trunk};

#[tokio::test]
async fn a_call_that_is_answered_and_hung_up() {
    let sipp = Sipp::called("answer", 1, &[]);
    let line = line(vec![trunk(sipp.port)]);
    let followed = call(&line, request()).await;
    assert_eq!(
        (followed.ringing, followed.answered),
        (1, 1),
        "{followed:?}"
    );
    assert_eq!(followed.failed, None, "{followed:?}");
    line.settle().await;
    sipp.done().await;
    assert_eq!(line.remembered(), 0);
}

#[tokio::test]
async fn a_refusal_names_the_reason_and_whose_fault_it_is() {
    use Failure as F;
    let blocked =
        r#"Reason: SIP;cause=603;location=LN;text="v=analytics1;url=https://why.example""#;
    for (status, phrase, extra, failure, carrier, word) in [
        ("486", "Busy Here", "X-None: 1", F::Busy, false, "486"),
        (
            "480",
            "Temporarily Unavailable",
            "X-None: 1",
            F::NoAnswer,
            false,
            "480",
        ),
        (
            "487",
            "Request Terminated",
            "X-None: 1",
            F::NoAnswer,
            false,
            "487",
        ),
        (
            "404",
            "Not Found",
            "X-None: 1",
            F::InvalidNumber,
            false,
            "no such number",
        ),
        (
            "484",
            "Address Incomplete",
            "X-None: 1",
            F::InvalidNumber,
            false,
            "incomplete",
        ),
        (
            "403",
            "Forbidden",
            "X-None: 1",
            F::LineUnavailable,
            false,
            "does not allow",
        ),
        (
            "488",
            "Not Acceptable Here",
            "X-None: 1",
            F::LineUnavailable,
            false,
            "codecs",
        ),
        (
            "302",
            "Moved Temporarily",
            "Contact: <sip:other@192.0.2.9>",
            F::LineUnavailable,
            true,
            "elsewhere",
        ),
        (
            "603",
            "Decline",
            "X-None: 1",
            F::Rejected,
            false,
            "declined",
        ),
        (
            "603",
            "Network Blocked",
            blocked,
            F::NetworkBlocked,
            true,
            "https://why.example",
        ),
        (
            "503",
            "Service Unavailable",
            "Reason: Q.850;cause=17",
            F::Busy,
            false,
            "cause 17",
        ),
    ] {
        let sipp = Sipp::called(
            "refuse",
            1,
            &[("status", status), ("phrase", phrase), ("extra", extra)],
        );
        let line = line(vec![trunk(sipp.port)]);
        let followed = call(&line, request()).await;
        let (kind, fault, sentence) = followed.failure();
        assert_eq!(
            (kind, fault),
            (failure, carrier),
            "{status} {phrase}: {sentence}"
        );
        assert!(sentence.contains(word), "{sentence}");
        assert_eq!((followed.ringing, followed.answered), (0, 0), "{status}");
        sipp.done().await;
    }
}

#[tokio::test]
async fn a_trunk_that_wants_a_digest_gets_one() {
    for scenario in ["challenges_401", "challenges_407"] {
        let sipp = Sipp::called(scenario, 1, &[]);
        let line = line(vec![trunk(sipp.port)]);
        let followed = call(&line, request()).await;
        followed.was_answered();
        line.settle().await;
        sipp.done().await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_ours_to_mend() {
    let sipp = Sipp::called("challenges_401", 1, &[]);
    let mut trunk = trunk(sipp.port);
    trunk.login.as_mut().expect("a login").password = "wrong".into();
    let followed = call(&line(vec![trunk]), request()).await;
    let (kind, carrier, sentence) = followed.failure();
    assert_eq!(
        (kind, carrier),
        (Failure::LineUnavailable, false),
        "{sentence}"
    );
    sipp.done().await;
}

#[tokio::test]
async fn a_call_that_nobody_answers_is_taken_back() {
    for scenario in ["cancelled", "answers_a_cancelled_call"] {
        let sipp = Sipp::called(scenario, 1, &[]);
        let line = line(vec![trunk(sipp.port)]);
        let mut request = request();
        request.ring_timeout = ms(700);
        let followed = call(&line, request).await;
        let (kind, carrier, sentence) = followed.failure();
        assert_eq!((kind, carrier), (Failure::NoAnswer, false), "{sentence}");
        assert_eq!((followed.ringing, followed.answered), (1, 0));
        line.settle().await;
        sipp.done().await;
        assert_eq!(line.remembered(), 0, "{scenario}");
    }
}

#[tokio::test]
async fn a_call_that_is_not_wanted_any_more_is_taken_back() {
    let sipp = Sipp::called("cancelled", 1, &[]);
    let line = line(vec![trunk(sipp.port)]);
    let mut leg = line.dial(request()).await.expect("a leg");
    let event = leg.events.recv().await;
    assert!(matches!(event, Some(LegEvent::Ringing)), "{event:?}");
    leg.commands.send(LegCommand::HangUp).await.expect("a call");
    line.settle().await;
    sipp.done().await;
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let sipp = Sipp::called("slow", 1, &[]);
    let line = line(vec![trunk(sipp.port)]);
    let followed = call(&line, request()).await;
    assert_eq!(
        (followed.ringing, followed.answered),
        (0, 1),
        "{followed:?}"
    );
    line.settle().await;
    sipp.done().await;
}

#[tokio::test]
async fn nobody_there_is_the_carriers_fault_after_some_time() {
    let followed = call(&line(vec![trunk(free_port())]), request()).await;
    let (kind, carrier, sentence) = followed.failure();
    assert_eq!(
        (kind, carrier),
        (Failure::LineUnavailable, true),
        "{sentence}"
    );
    assert!(sentence.contains("acme does not answer"), "{sentence}");
}

#[tokio::test]
async fn the_next_trunk_takes_a_call_that_the_first_cannot() {
    let full = Sipp::called(
        "refuse",
        1,
        &[
            ("status", "503"),
            ("phrase", "Service Unavailable"),
            ("extra", "X-None: 1"),
        ],
    );
    let good = Sipp::called("answer", 1, &[]);
    let line = line(vec![trunk(full.port), trunk(good.port)]);
    let followed = call(&line, request()).await;
    followed.was_answered();
    line.settle().await;
    full.done().await;
    good.done().await;
}

#[tokio::test]
async fn a_callee_who_hangs_up_and_a_network_that_breaks_are_told_apart() {
    let normal = "Q.850;cause=16;text=\"Normal call clearing\"";
    let broken = "Q.850;cause=41;text=\"Temporary failure\"";
    for (why, failure) in [(normal, None), (broken, Some(Failure::MediaLost))] {
        let sipp = Sipp::called("hangs_up", 1, &[("why", why)]);
        let line = line(vec![trunk(sipp.port)]);
        let leg = line.dial(request()).await.expect("a leg");
        let followed = super::rig::follow(leg, Duration::from_secs(20)).await;
        assert_eq!(
            (followed.hung_up, followed.failed),
            (failure.is_none(), failure),
            "{followed:?}"
        );
        sipp.done().await;
        assert_eq!(line.remembered(), 0);
    }
}

#[tokio::test]
async fn a_call_that_is_held_resumed_and_moved_goes_on() {
    let sipp = Sipp::called("holds", 1, &[]);
    let line = line(vec![trunk(sipp.port)]);
    let leg = line.dial(request()).await.expect("a leg");
    let followed = super::rig::follow(leg, Duration::from_secs(20)).await;
    assert_eq!(
        (followed.answered, followed.hung_up),
        (1, true),
        "{followed:?}"
    );
    sipp.done().await;
}
