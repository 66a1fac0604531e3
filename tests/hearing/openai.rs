//! Plain transcription, one request an utterance.

use std::time::Duration;

use agentphone::provider::{
    ProviderErrorKind, SpeechToText,
    openai_hearing::{OpenAiHearing, Options},
};

use super::{
    failure, ms, say,
    standin::{Fault, KEY, openai::StandIn},
    telephone, words,
};

fn options(standin: &StandIn) -> Options {
    Options {
        base_url: standin.url(),
        api_key: KEY.to_owned(),
        ..Options::default()
    }
}

#[tokio::test]
async fn utterances_are_asked_about_one_by_one_and_in_order() {
    let standin = StandIn::start().await;
    let service = OpenAiHearing::new(options(&standin)).unwrap();
    assert!(service.check().await.is_ok());
    let mut stream = service.open(telephone()).await.unwrap();
    assert_eq!(
        words(&say(&mut stream, "hello a table", 1).await),
        "hello a table"
    );
    assert_eq!(words(&say(&mut stream, "for two", 2).await), "for two");
    standin.seen(|seen| {
        assert_eq!(seen.handshakes.len(), 3);
        assert!(
            seen.texts.contains(&"prompt=Nopa, Alice Smith".to_owned()),
            "{:?}",
            seen.texts
        );
        assert_eq!(seen.complaints, [""; 0]);
    });
}

#[tokio::test]
async fn partial_words_come_when_they_are_paid_for() {
    let standin = StandIn::start().await;
    let mut options = options(&standin);
    options.look_every = ms(300);
    let stream = OpenAiHearing::new(options).unwrap().open(telephone()).await;
    let events = say(&mut stream.unwrap(), "hello a table for two at seven", 1).await;
    assert_eq!(words(&events), "hello a table for two at seven");
    standin.seen(|seen| assert!(seen.handshakes.len() > 1));
}

#[tokio::test]
async fn what_passes_is_tried_once_more_and_costs_no_words() {
    for fault in [
        Fault::Refuse(
            429,
            Some(("retry-after", "0.05")),
            r#"{"error":{"message":"Slow down."}}"#,
        ),
        Fault::Refuse(503, None, ""),
    ] {
        let standin = StandIn::start().await;
        standin.plan([fault]);
        let service = OpenAiHearing::new(options(&standin)).unwrap();
        let mut stream = service.open(telephone()).await.unwrap();
        assert_eq!(
            words(&say(&mut stream, "hello a table", 1).await),
            "hello a table"
        );
    }
}

#[tokio::test]
async fn what_does_not_pass_has_a_reason_of_the_right_kind() {
    use ProviderErrorKind::{Auth, Busy, Protocol, Timeout, Unavailable, Unsupported};
    let down = Fault::Refuse(500, None, r#"{"error":{"message":"Oops."}}"#);
    for (faults, kind) in [
        (vec![Fault::Refuse(401, None, "{}")], Auth),
        (
            vec![Fault::Refuse(429, Some(("retry-after", "60")), "{}")],
            Busy,
        ),
        (
            vec![Fault::Refuse(
                429,
                None,
                r#"{"error":{"message":"You exceeded your current quota."}}"#,
            )],
            Auth,
        ),
        (vec![Fault::Refuse(404, None, "{}")], Unsupported),
        (vec![down.clone(), down], Unavailable),
        (vec![Fault::Malformed("<html>", Duration::ZERO)], Protocol),
        (
            vec![Fault::Malformed("{\"words\":[]}", Duration::ZERO)],
            Protocol,
        ),
        (vec![Fault::Hang(Duration::ZERO)], Timeout),
    ] {
        let standin = StandIn::start().await;
        standin.plan(faults.clone());
        let mut options = options(&standin);
        options.limit = ms(600);
        let service = OpenAiHearing::new(options).unwrap();
        let mut stream = service.open(telephone()).await.unwrap();
        let error = failure(&say(&mut stream, "hello", 1).await);
        assert_eq!(error.kind(), kind, "{faults:?}: {error}");
    }
}

#[test]
fn what_cannot_work_is_refused_with_what_to_change() {
    let with = |change: &dyn Fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        OpenAiHearing::new(options).map_err(|error| error.to_string())
    };
    assert!(with(&|_| {}).unwrap_err().contains("stt.openai.api_key"));
    let local = "http://127.0.0.1:8000/v1";
    assert!(with(&|o| o.base_url = local.to_owned()).is_ok());
    assert!(
        with(&|o| o.base_url = "ws://x/v1".to_owned())
            .unwrap_err()
            .contains("stt.openai.base_url")
    );
    let hidden = with(&|o| o.api_key = "sk-secret".to_owned()).unwrap();
    assert!(!format!("{hidden:?}").contains("sk-secret"));
}
