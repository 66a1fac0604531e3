//! The recognisers that are not built in, against stand-ins over real sockets and real worker processes.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test may fail it, as the test itself may"
)]

#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
#[path = "../support/python.rs"]
mod python;
#[path = "../support/hearing/mod.rs"]
mod standin;
#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
#[path = "../support/mod.rs"]
mod support;

mod calls;
mod cost;
mod deepgram;
mod doctor;
mod faults;
mod flux;
mod models;
mod openai;
mod referee;
mod whisper;

use std::time::Duration;

use agentphone::{
    driver::clock,
    provider::{STT_FRAME, SttEvent, SttInput, SttOptions, SttStream},
};

/// Nothing here takes a tenth of this on an idle machine.
const LIMIT: Duration = Duration::from_secs(60);

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A call by telephone.
fn telephone() -> SttOptions {
    SttOptions {
        language: "en-US".to_owned(),
        narrowband: true,
        hints: vec!["Nopa".to_owned(), "Alice Smith".to_owned()],
    }
}

/// The sound as frames, the last one filled up.
fn frames(sound: &[i16]) -> Vec<SttInput> {
    let mut sound = sound.to_vec();
    sound.resize(sound.len().next_multiple_of(STT_FRAME), 0);
    let frames = sound.as_chunks::<STT_FRAME>().0.iter();
    frames
        .map(|frame| SttInput::Audio(Box::new(*frame)))
        .collect()
}

/// Gives sound, as fast as it is taken.
async fn give(stream: &SttStream, sound: &[i16]) {
    for frame in frames(sound) {
        // A recogniser that gave up says why.
        let _ = stream.input.send(frame).await;
    }
}

/// Reads events until the answer to this flush, or the end.
async fn until(stream: &mut SttStream, mark: u32) -> Vec<SttEvent> {
    let mut events = Vec::new();
    loop {
        let event = clock::timeout(LIMIT, stream.events.recv()).await;
        let Some(event) = event.expect("an event comes in time") else {
            return events;
        };
        let last = match &event {
            SttEvent::Final { mark: answered, .. } => *answered == Some(mark),
            SttEvent::Failed(_) => true,
            SttEvent::Partial(_) | SttEvent::Hint(_) | SttEvent::Served(_) => false,
        };
        events.push(event);
        if last {
            return events;
        }
    }
}

/// Says something with silence behind it and asks for the final words. Returns everything heard.
async fn say(stream: &mut SttStream, text: &str, mark: u32) -> Vec<SttEvent> {
    stream.input.send(SttInput::SpeechStarted).await.unwrap();
    give(stream, &standin::ear::speak(text)).await;
    give(stream, &standin::ear::silence(ms(200))).await;
    let _ = stream.input.send(SttInput::Flush(mark)).await;
    until(stream, mark).await
}

/// The final words of all events.
fn words(events: &[SttEvent]) -> String {
    let finals = events.iter().filter_map(|event| match event {
        SttEvent::Final { text, .. } if !text.is_empty() => Some(text.as_str()),
        _ => None,
    });
    finals.collect::<Vec<_>>().join(" ")
}

/// Why the recogniser ended.
fn failure(events: &[SttEvent]) -> agentphone::provider::ProviderError {
    match events.last() {
        Some(SttEvent::Failed(error)) => error.clone(),
        other => panic!("no failure but {other:?}"),
    }
}
