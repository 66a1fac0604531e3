//! `/v1/listen` when all goes well: parameters, words, flushes, keeping and ending a connection.

use agentphone::provider::{
    ProviderErrorKind, SpeechToText, SttEvent, SttInput, SttOptions,
    deepgram::{Deepgram, Options},
    remote::Limits,
};
use call::TurnHint;

use super::{
    give, ms, say,
    standin::{Fault, KEY, deepgram::StandIn, ear},
    telephone, until, words,
};

pub(super) fn options(standin: &StandIn) -> Options {
    Options {
        base_url: standin.url(),
        api_key: KEY.to_owned(),
        limits: Limits {
            retry: ms(10),
            ..Limits::default()
        },
        ..Options::default()
    }
}

pub(super) fn deepgram(standin: &StandIn) -> Deepgram {
    Deepgram::new(options(standin)).expect("usable options")
}

#[tokio::test]
async fn words_come_while_they_are_spoken_and_a_flush_gets_the_rest() {
    for (narrowband, encoding) in [
        (true, "encoding=mulaw&sample_rate=8000"),
        (false, "encoding=linear16&sample_rate=16000"),
    ] {
        let standin = StandIn::start().await;
        let options = SttOptions {
            narrowband,
            ..telephone()
        };
        let mut stream = deepgram(&standin).open(options).await.unwrap();
        let events = say(&mut stream, "hello a table for two", 1).await;
        assert_eq!(words(&events), "hello a table for two");
        let partial = |event: &SttEvent| matches!(event, SttEvent::Partial(text) if "hello a table for two".starts_with(text) && !text.is_empty());
        assert!(events.iter().any(partial), "{events:?}");
        let events = say(&mut stream, "at seven thirty", 2).await;
        assert_eq!(words(&events), "at seven thirty");
        let asked = standin.seen(|seen| seen.handshakes.clone());
        assert!(
            asked[0].starts_with("/v1/listen?model=nova-3&"),
            "{asked:?}"
        );
        for part in [
            encoding,
            "language=en-US",
            "interim_results=true",
            "keyterm=Nopa",
            "keyterm=Alice+Smith",
        ] {
            assert!(asked[0].contains(part), "{part} in {asked:?}");
        }
        standin.seen(|seen| assert_eq!(seen.complaints, [""; 0]));
    }
}

#[tokio::test]
async fn a_long_speech_comes_in_spans_and_none_is_lost() {
    let standin = StandIn::start().await;
    let mut stream = deepgram(&standin).open(telephone()).await.unwrap();
    let text = "hello yes a table for two at seven thirty tonight please thank you goodbye hello yes please";
    let events = say(&mut stream, text, 1).await;
    assert_eq!(words(&events), text);
    let unasked = |event: &&SttEvent| matches!(event, SttEvent::Final { mark: None, .. });
    assert!(events.iter().filter(unasked).count() >= 1, "{events:?}");
}

#[tokio::test]
async fn silences_that_it_hears_are_weak_evidence() {
    let standin = StandIn::start().await;
    let mut stream = deepgram(&standin).open(telephone()).await.unwrap();
    give(&stream, &ear::speak("a table")).await;
    give(&stream, &ear::silence(ms(1500))).await;
    stream.input.send(SttInput::Flush(1)).await.unwrap();
    let events = until(&mut stream, 1).await;
    let hints = events.iter().filter_map(|event| match event {
        SttEvent::Hint(hint) => Some(*hint),
        _ => None,
    });
    let hints: Vec<_> = hints.collect();
    // One for the silence; the gap after it says nothing new.
    assert_eq!(hints, [TurnHint::Over(60)]);
    assert_eq!(words(&events), "a table");
}

#[tokio::test]
async fn flushes_of_nothing_are_answered() {
    let standin = StandIn::start().await;
    let mut stream = deepgram(&standin).open(telephone()).await.unwrap();
    // Before any sound there is nothing to ask for.
    stream.input.send(SttInput::Flush(1)).await.unwrap();
    assert_eq!(words(&until(&mut stream, 1).await), "");
    standin.seen(|seen| assert_eq!(seen.texts, [""; 0]));
    give(&stream, &ear::silence(ms(400))).await;
    for mark in 2..=3 {
        stream.input.send(SttInput::Flush(mark)).await.unwrap();
    }
    assert_eq!(words(&until(&mut stream, 3).await), "");
}

#[tokio::test]
async fn a_flush_that_the_service_does_not_answer_is_answered_when_nothing_was_said() {
    let standin = StandIn::start().await;
    standin.plan([Fault::NoAnswers]);
    let mut options = options(&standin);
    options.limits.flush = ms(200);
    let deepgram = Deepgram::new(options).unwrap();
    let mut stream = deepgram.open(telephone()).await.unwrap();
    give(&stream, &ear::silence(ms(200))).await;
    stream.input.send(SttInput::Flush(1)).await.unwrap();
    assert_eq!(words(&until(&mut stream, 1).await), "");
    // Words are not made up: they come when the service has them.
    give(&stream, &ear::speak("yes please")).await;
    stream.input.send(SttInput::Flush(2)).await.unwrap();
    give(&stream, &ear::silence(ms(3200))).await;
    assert_eq!(words(&until(&mut stream, 2).await), "yes please");
}

#[tokio::test]
async fn dropping_the_stream_says_goodbye_and_closes() {
    let standin = StandIn::start().await;
    let stream = deepgram(&standin).open(telephone()).await.unwrap();
    give(&stream, &ear::speak("hello")).await;
    drop(stream);
    loop {
        let (open, last) = standin.seen(|seen| (seen.open, seen.texts.last().cloned()));
        if open == 0 && last.is_some() {
            assert_eq!(last.as_deref(), Some(r#"{"type":"CloseStream"}"#));
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_anything_is_sent() {
    let standin = StandIn::start().await;
    let with = |change: &dyn Fn(&mut Options)| {
        let mut options = options(&standin);
        change(&mut options);
        Deepgram::new(options).map_err(|error| (error.kind(), error.to_string()))
    };
    let no_key = with(&|options| options.api_key.clear()).unwrap_err();
    assert_eq!(no_key.0, ProviderErrorKind::Auth);
    assert!(no_key.1.contains("stt.deepgram.api_key"));
    let no_address = with(&|options| options.base_url = "ftp://x".to_owned()).unwrap_err();
    assert!(
        no_address.1.contains("stt.deepgram.base_url"),
        "{}",
        no_address.1
    );
    let flux = with(&|options| options.model = "flux-general-en".to_owned()).unwrap();
    assert!(flux.understands("en-GB") && !flux.understands("de-DE"));
    let multi = with(&|options| options.model = "flux-general-multi".to_owned()).unwrap();
    assert!(multi.understands("de-DE") && !multi.understands("fi-FI"));
    let german = SttOptions {
        language: "de-DE".to_owned(),
        ..telephone()
    };
    let error = flux.open(german).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Unsupported);
    assert!(!format!("{flux:?}").contains(KEY));
}
