//! What time a recogniser behind a network costs, and what each fault adds: sound at the pace of speech, real time, all cases
//! side by side. `cargo test --test hearing cost -- --nocapture` prints the table of docs/services.md.

use std::time::Duration;

use agentphone::{
    driver::clock,
    provider::{SpeechToText, SttEvent, SttInput},
};
use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::{
    LIMIT,
    deepgram::deepgram,
    frames, ms,
    standin::{Fault, deepgram::StandIn, ear},
    telephone,
};

const TEXT: &str = "hello a table for two";

#[derive(Debug)]
struct Cost {
    case: &'static str,
    /// From the start of the speech to the first partial words.
    partial: Option<Duration>,
    /// From the flush to its answer, and the words of the utterance.
    last: Duration,
    words: String,
}

/// Speaks one utterance at the pace of speech and asks for its words 200 ms after its end, as a call does.
async fn measure(case: &'static str, faults: Vec<Fault>) -> Cost {
    let standin = StandIn::start().await;
    let slow = |fault: &&Fault| matches!(fault, Fault::Slow(_));
    let connections = 1 + faults.len() - faults.iter().filter(slow).count();
    standin.plan(faults);
    let mut sound = ear::speak(TEXT);
    sound.extend(ear::silence(ms(100)));
    // Sound that comes before the recogniser is there waits for it, as in a call.
    let (input, mut waiting) = mpsc::channel(500);
    let speaker = tokio::spawn(async move {
        let mut ticker = clock::ticker(ms(20));
        for frame in frames(&sound) {
            ticker.tick().await;
            input.send(frame).await.unwrap();
        }
        let asked = clock::now();
        input.send(SttInput::Flush(1)).await.unwrap();
        asked
    });
    let started = clock::now();
    let mut stream = deepgram(&standin).open(telephone()).await.unwrap();
    let open = stream.input.clone();
    tokio::spawn(async move {
        while let Some(input) = waiting.recv().await {
            open.send(input).await.unwrap();
        }
    });
    let (mut partial, mut words) = (None, Vec::new());
    let answered = loop {
        let event = clock::timeout(LIMIT, stream.events.recv()).await.unwrap();
        match event.expect("the recogniser lives") {
            SttEvent::Partial(text) if !text.is_empty() => {
                partial.get_or_insert(clock::now() - started);
            }
            SttEvent::Final { text, mark } => {
                words.push(text);
                if mark == Some(1) {
                    break clock::now();
                }
            }
            SttEvent::Failed(error) => panic!("{case}: {error}"),
            SttEvent::Partial(_) | SttEvent::Hint(_) | SttEvent::Served(_) => {}
        }
    };
    words.retain(|text| !text.is_empty());
    // The fault did happen.
    standin.seen(|seen| assert_eq!(seen.handshakes.len(), connections, "{case}"));
    Cost {
        case,
        partial,
        last: answered - speaker.await.unwrap(),
        words: words.join(" "),
    }
}

#[tokio::test]
async fn every_fault_costs_less_than_two_seconds_of_waiting_and_no_words() {
    let at = ms(900);
    let busy = Fault::Refuse(429, Some(("retry-after", "0.3")), "{}");
    let cases = [
        ("none", vec![]),
        ("slow handshake, 400 ms", vec![Fault::Slow(ms(400))]),
        ("cut in mid-speech", vec![Fault::Cut(at)]),
        (
            "cut three times",
            vec![Fault::Cut(at), Fault::Cut(ms(300)), Fault::Cut(ms(200))],
        ),
        ("cut at the flush", vec![Fault::Cut(ms(1250))]),
        (
            "cut, then 429 with Retry-After 0.3",
            vec![Fault::Cut(at), busy],
        ),
        ("malformed message", vec![Fault::Malformed("{", at)]),
        ("closed with 1011", vec![Fault::Close(1011, "NET-0000", at)]),
    ];
    let costs = join_all(cases.map(|(case, faults)| measure(case, faults))).await;
    println!(
        "{:<38}{:>15}{:>15}",
        "fault", "first partial", "flush to final"
    );
    for cost in &costs {
        let partial = cost
            .partial
            .map_or("none".to_owned(), |p| format!("{} ms", p.as_millis()));
        println!(
            "{:<38}{partial:>15}{:>12} ms",
            cost.case,
            cost.last.as_millis()
        );
        assert_eq!(cost.words, TEXT, "{}", cost.case);
        assert!(cost.last < Duration::from_secs(2), "{cost:?}");
        assert!(cost.partial.is_some(), "{cost:?}");
    }
}
