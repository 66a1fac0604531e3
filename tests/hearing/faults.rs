//! What becomes of a call when the service refuses, breaks off, hangs or talks nonsense: no word is lost or doubled, or the
//! recogniser ends with a reason of the right kind.

use std::time::Duration;

use agentphone::provider::{ProviderErrorKind, SpeechToText, deepgram::Deepgram};

use super::{
    deepgram::{deepgram, options},
    failure, ms, say,
    standin::{Fault, deepgram::StandIn},
    telephone, words,
};

const TEXT: &str = "hello yes a table for two at seven thirty tonight please";
const BUSY: &str = r#"{"err_code":"TOO_MANY_REQUESTS","err_msg":"Too many requests."}"#;

fn busy(retry_after: &'static str) -> Fault {
    Fault::Refuse(429, Some(("retry-after", retry_after)), BUSY)
}

#[tokio::test]
async fn no_word_is_lost_or_doubled_whatever_ends_a_connection() {
    let early = || ms(700);
    for faults in [
        vec![Fault::Cut(early())],
        vec![
            Fault::Cut(early()),
            Fault::Cut(ms(900)),
            Fault::Cut(ms(100)),
        ],
        vec![Fault::Close(1011, "NET-0001", early())],
        vec![Fault::Close(1000, "", early())],
        vec![Fault::Malformed("{\"type\":", early())],
        vec![Fault::Malformed(
            "{\"type\":\"Results\",\"start\":\"soon\"}",
            early(),
        )],
        vec![Fault::Cut(early()), busy("0"), Fault::Refuse(503, None, "")],
    ] {
        let standin = StandIn::start().await;
        let connections = faults.len() + 1;
        standin.plan(faults.clone());
        let mut stream = deepgram(&standin).open(telephone()).await.unwrap();
        let events = say(&mut stream, TEXT, 1).await;
        assert_eq!(words(&events), TEXT, "{faults:?}");
        assert_eq!(words(&say(&mut stream, "thank you", 2).await), "thank you");
        standin.seen(|seen| {
            assert_eq!(seen.handshakes.len(), connections, "{faults:?}");
            assert_eq!(seen.complaints, [""; 0]);
        });
    }
}

#[tokio::test]
async fn a_service_that_falls_silent_is_noticed() {
    let standin = StandIn::start().await;
    standin.plan([Fault::Hang(ms(700))]);
    let mut options = options(&standin);
    options.limits.silence = ms(50);
    let stream = Deepgram::new(options).unwrap().open(telephone()).await;
    let events = say(&mut stream.unwrap(), TEXT, 1).await;
    assert_eq!(words(&events), TEXT);
}

#[tokio::test]
async fn refusals_at_the_start_have_the_right_kind() {
    use ProviderErrorKind::{Auth, Busy, Timeout, Unavailable, Unsupported};
    let twice = |fault: Fault| vec![fault.clone(), fault];
    for (faults, kind, says) in [
        (vec![Fault::Refuse(401, None, "{}")], Auth, "api_key"),
        (vec![Fault::Refuse(403, None, "{}")], Auth, "api_key"),
        (
            vec![Fault::Refuse(402, None, r#"{"err_msg":"No credit."}"#)],
            Auth,
            "No credit.",
        ),
        (
            vec![Fault::Refuse(400, None, r#"{"err_msg":"Bad model."}"#)],
            Unsupported,
            "Bad model.",
        ),
        (vec![busy("30")], Busy, "too many requests"),
        (twice(busy("0")), Busy, "too many requests"),
        (
            twice(Fault::Refuse(503, None, "")),
            Unavailable,
            "status 503",
        ),
        (
            vec![Fault::Slow(Duration::from_secs(5))],
            Timeout,
            "took too long",
        ),
    ] {
        let standin = StandIn::start().await;
        standin.plan(faults.clone());
        let mut options = options(&standin);
        options.limits.connect = ms(200);
        let deepgram = Deepgram::new(options).unwrap();
        let error = deepgram.open(telephone()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{faults:?}: {error}");
        assert!(error.to_string().contains(says), "{error}");
        standin.seen(|seen| assert!(seen.handshakes.len() <= faults.len()));
    }
    // What passes within a second does not end the call.
    let standin = StandIn::start().await;
    standin.plan([busy("0.05")]);
    assert!(deepgram(&standin).open(telephone()).await.is_ok());
    // Nobody there at all.
    let mut nowhere = options(&standin);
    nowhere.base_url = "ws://127.0.0.1:1".to_owned();
    let error = Deepgram::new(nowhere)
        .unwrap()
        .open(telephone())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Unavailable);
    // A key that the service does not know, refused by the service itself.
    let mut stranger = options(&standin);
    stranger.api_key = "expired-key".to_owned();
    let error = Deepgram::new(stranger)
        .unwrap()
        .open(telephone())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Auth);
    assert!(!error.to_string().contains("expired-key"));
}

#[tokio::test]
async fn what_cannot_be_mended_in_mid_call_ends_the_recogniser_with_its_reason() {
    use ProviderErrorKind::{Auth, Busy, Protocol, Unavailable};
    let cut = || Fault::Cut(ms(300));
    for (faults, kind) in [
        // The key expired, and the next connection shows it.
        (vec![cut(), Fault::Refuse(401, None, "{}")], Auth),
        (vec![cut(), busy("60")], Busy),
        (vec![Fault::Close(1008, "DATA-0000", ms(300))], Protocol),
        (vec![cut(), cut(), cut(), cut(), cut()], Unavailable),
        (vec![Fault::Malformed("nonsense", ms(100)); 5], Protocol),
    ] {
        let standin = StandIn::start().await;
        standin.plan(faults.clone());
        let mut stream = deepgram(&standin).open(telephone()).await.unwrap();
        let events = say(&mut stream, TEXT, 1).await;
        assert_eq!(failure(&events).kind(), kind, "{faults:?}");
        assert_eq!(stream.events.recv().await, None);
    }
}
