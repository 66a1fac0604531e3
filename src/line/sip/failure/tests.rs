use super::*;

fn refusal(code: u16, phrase: &str, reason: &str) -> Refusal {
    Refusal {
        phrase: phrase.into(),
        reasons: Reason::read(reason),
        ..Refusal::bare(code)
    }
}

fn kind(code: u16, reason: &str) -> (Failure, bool) {
    let failed = of_refusal(&refusal(code, "", reason), "acme", true);
    (failed.failure, failed.cause.expect("a sentence").carrier)
}

#[test]
fn every_status_has_a_meaning() {
    use Failure as F;
    for (code, meaning) in [
        (301, (F::LineUnavailable, true)),
        (302, (F::LineUnavailable, true)),
        (400, (F::LineUnavailable, false)),
        (401, (F::LineUnavailable, false)),
        (402, (F::LineUnavailable, false)),
        (403, (F::LineUnavailable, false)),
        (404, (F::InvalidNumber, false)),
        (407, (F::LineUnavailable, false)),
        (408, (F::NoAnswer, false)),
        (410, (F::InvalidNumber, false)),
        (415, (F::LineUnavailable, false)),
        (420, (F::LineUnavailable, false)),
        (480, (F::NoAnswer, false)),
        (482, (F::LineUnavailable, true)),
        (483, (F::LineUnavailable, true)),
        (484, (F::InvalidNumber, false)),
        (485, (F::InvalidNumber, false)),
        (486, (F::Busy, false)),
        (487, (F::NoAnswer, false)),
        (488, (F::LineUnavailable, false)),
        (500, (F::LineUnavailable, true)),
        (502, (F::LineUnavailable, true)),
        (503, (F::LineUnavailable, true)),
        (504, (F::LineUnavailable, true)),
        (600, (F::Busy, false)),
        (603, (F::Rejected, false)),
        (604, (F::InvalidNumber, false)),
        (606, (F::LineUnavailable, false)),
        (607, (F::NetworkBlocked, true)),
        (608, (F::NetworkBlocked, true)),
        (699, (F::LineUnavailable, true)),
    ] {
        assert_eq!(kind(code, ""), meaning, "{code}");
        let failed = of_refusal(&Refusal::bare(code), "acme", true);
        let sentence = failed.cause.expect("a sentence").sentence;
        assert!(
            sentence.contains(&code.to_string()) && sentence.contains("acme"),
            "{sentence}"
        );
    }
}

#[test]
fn a_reason_of_the_network_knows_better() {
    use Failure as F;
    assert_eq!(kind(503, "Q.850;cause=17"), (F::Busy, false));
    assert_eq!(kind(480, "Q.850;cause=1"), (F::InvalidNumber, false));
    assert_eq!(kind(500, "Q.850;cause=21"), (F::Rejected, false));
    assert_eq!(kind(486, "Q.850;cause=34"), (F::LineUnavailable, true));
    assert_eq!(
        kind(480, "SIP;cause=486, Q.850;cause=19"),
        (F::NoAnswer, false)
    );
    // Nothing is known of this cause, and a password is wrong whatever else is said.
    assert_eq!(kind(486, "Q.850;cause=127"), (F::Busy, false));
    assert_eq!(kind(403, "Q.850;cause=21").0, F::LineUnavailable);
}

#[test]
fn a_blocked_call_names_where_to_complain() {
    let blocked = refusal(
        603,
        "Network Blocked",
        r#"SIP;cause=603;location=LN;text="v=analytics1;url=https://block.example/why""#,
    );
    let failed = of_refusal(&blocked, "acme", false);
    let cause = failed.cause.expect("a sentence");
    assert_eq!(
        (failed.failure, cause.carrier),
        (Failure::NetworkBlocked, true)
    );
    assert!(
        cause.sentence.contains("https://block.example/why"),
        "{}",
        cause.sentence
    );
    assert_eq!(kind(603, ""), (Failure::Rejected, false));
}

#[test]
fn limits_and_faults_of_a_trunk_may_be_tried_elsewhere() {
    for (code, phrase, elsewhere) in [
        (503, "Service Unavailable", true),
        (500, "", true),
        (408, "", true),
        (403, "CPS limit exceeded", true),
        (486, "Concurrent call limit exceeded", true),
        (486, "Busy Here", false),
        (403, "Forbidden", false),
        (404, "Not Found", false),
        (302, "Moved", false),
        (603, "Decline", false),
    ] {
        assert_eq!(
            refusal(code, phrase, "").is_the_trunks(),
            elsewhere,
            "{code} {phrase}"
        );
    }
    assert!(!refusal(503, "", "Q.850;cause=17").is_the_trunks());
    let failed = of_refusal(
        &refusal(503, "Concurrent call limit exceeded", ""),
        "acme",
        false,
    );
    assert!(
        failed
            .cause
            .expect("a sentence")
            .sentence
            .contains("max_calls")
    );
}

#[test]
fn words_from_outside_are_tamed() {
    let long = "x\r\n\u{7}".repeat(1_000);
    let failed = of_refusal(&refusal(500, &words(&long), ""), "acme", false);
    let sentence = failed.cause.expect("a sentence").sentence;
    assert!(
        sentence.len() < 400 && !sentence.contains('\n'),
        "{sentence}"
    );
}
