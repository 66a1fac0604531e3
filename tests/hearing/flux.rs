//! `/v2/listen`: turns as evidence, and flushes inside a turn.

use agentphone::provider::{SpeechToText, SttEvent, SttInput, SttStream, deepgram::Deepgram};
use call::TurnHint;

use super::{
    deepgram::options,
    give, ms,
    standin::{Fault, deepgram::StandIn, ear},
    telephone, until, words,
};

async fn open(standin: &StandIn) -> SttStream {
    let mut options = options(standin);
    options.model = "flux-general-en".to_owned();
    let flux = Deepgram::new(options).unwrap();
    flux.open(telephone()).await.unwrap()
}

fn hints(events: &[SttEvent]) -> Vec<TurnHint> {
    let hints = events.iter().filter_map(|event| match event {
        SttEvent::Hint(hint) => Some(*hint),
        _ => None,
    });
    hints.collect()
}

#[tokio::test]
async fn what_it_makes_of_a_turn_is_told() {
    let standin = StandIn::start().await;
    let mut stream = open(&standin).await;
    give(&stream, &ear::speak("a table for two")).await;
    give(&stream, &ear::silence(ms(400))).await;
    give(&stream, &ear::speak("at seven")).await;
    give(&stream, &ear::silence(ms(1000))).await;
    stream.input.send(SttInput::Flush(1)).await.unwrap();
    give(&stream, &ear::silence(ms(400))).await;
    let events = until(&mut stream, 1).await;
    assert_eq!(
        hints(&events),
        [
            TurnHint::GoesOn,
            TurnHint::Over(55),
            TurnHint::GoesOn,
            TurnHint::Over(55),
            TurnHint::Over(90)
        ]
    );
    assert_eq!(words(&events), "a table for two at seven");
    let asked = standin.seen(|seen| seen.handshakes[0].clone());
    for part in [
        "/v2/listen?model=flux-general-en",
        "eot_threshold=0.7",
        "eager_eot_threshold=0.5",
        "keyterm=Nopa",
    ] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
    standin.seen(|seen| assert_eq!(seen.complaints, [""; 0]));
}

#[tokio::test]
async fn a_flush_inside_a_turn_gets_the_words_so_far_and_none_of_them_comes_again() {
    let standin = StandIn::start().await;
    let mut stream = open(&standin).await;
    let mut all = Vec::new();
    for (mark, text) in (1..).zip(["a table", "for two", "at seven thirty"]) {
        give(&stream, &ear::speak(text)).await;
        give(&stream, &ear::silence(ms(160))).await;
        stream.input.send(SttInput::Flush(mark)).await.unwrap();
        // Sound goes on; without it the service says nothing.
        give(&stream, &ear::silence(ms(320))).await;
        let events = until(&mut stream, mark).await;
        assert_eq!(words(&events), text);
        all.extend(events);
    }
    give(&stream, &ear::silence(ms(1000))).await;
    stream.input.send(SttInput::Flush(9)).await.unwrap();
    give(&stream, &ear::silence(ms(400))).await;
    all.extend(until(&mut stream, 9).await);
    assert_eq!(words(&all), "a table for two at seven thirty");
}

#[tokio::test]
async fn a_lost_connection_costs_no_words() {
    let standin = StandIn::start().await;
    standin.plan([Fault::Cut(ms(1000)), Fault::Cut(ms(500))]);
    let mut stream = open(&standin).await;
    let text = "hello a table for two at seven thirty";
    give(&stream, &ear::speak(text)).await;
    give(&stream, &ear::silence(ms(300))).await;
    stream.input.send(SttInput::Flush(1)).await.unwrap();
    give(&stream, &ear::silence(ms(400))).await;
    assert_eq!(words(&until(&mut stream, 1).await), text);
    standin.seen(|seen| assert_eq!(seen.handshakes.len(), 3));
}
