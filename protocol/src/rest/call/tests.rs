use super::*;
use crate::rest::Offer;

#[test]
fn a_new_call_has_every_field_and_reads_back() {
    let body = br#"{"to_phone_number": "+14155551234", "objective": "Book a table"}"#;
    let request = CreateCall::parse(body, &Offer::default()).unwrap().call;
    let call = Call::queued(
        CallId::new(1, 2),
        &request,
        "simulated",
        Time::from_unix_ms(0),
    );
    let json = serde_json::to_value(&call).unwrap();
    for field in [
        "outcome",
        "outcome_details",
        "summary",
        "transcript",
        "duration_seconds",
        "recording_url",
        "started_at",
        "ended_at",
        "error_code",
        "failure",
        "result",
        "metrics",
        "website",
    ] {
        assert!(
            json[field].is_null() && json.get(field).is_some(),
            "{field}"
        );
    }
    assert_eq!(json["status"], "queued");
    assert_eq!(json["created_at"], "1970-01-01T00:00:00.000Z");
    assert_eq!(serde_json::from_value::<Call>(json).unwrap(), call);
}

#[test]
fn words_are_the_documented_ones() {
    let words: Vec<_> = Status::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(
        words.join(", "),
        "queued, dialing, in_progress, completed, canceled, failed"
    );
    assert_eq!("in_progress".parse(), Ok(Status::InProgress));
    assert_eq!("In_Progress".parse::<Status>(), Err(()));
    assert_eq!(
        serde_json::to_value(Outcome::NotAchieved).unwrap(),
        "not_achieved"
    );
}

#[test]
fn percentiles_use_the_nearest_rank() {
    assert_eq!(Percentiles::of(vec![]), Percentiles::default());
    assert_eq!(Percentiles::of(vec![7]), Percentiles { p50: 7, p95: 7 });
    let hundred: Vec<u64> = (1..=100).rev().collect();
    assert_eq!(Percentiles::of(hundred), Percentiles { p50: 50, p95: 95 });
}
