//! Tests of [`super`].

use std::{sync::Arc, time::Duration};

use call::{ClauseId, Generation, Message, Speaker, Tool};
use tokio::sync::mpsc;

use super::*;
use crate::{
    agent::Brief,
    driver::clock,
    provider::{
        LanguageModel, LlmEvent, LlmRequest, STT_FRAME, SpeechToText, SttEvent, SttInput,
        SttOptions, TextToSpeech, TtsEvent, TtsInput, TtsOptions,
    },
};

async fn all<T>(mut events: mpsc::Receiver<T>) -> Vec<T> {
    let mut all = Vec::new();
    while let Some(event) = events.recv().await {
        all.push(event);
    }
    all
}

fn request(callee_turns: usize) -> LlmRequest {
    let said = Message {
        speaker: Speaker::Callee,
        text: "yes".to_owned(),
        interrupted: false,
    };
    LlmRequest {
        brief: Arc::new(Brief::default()),
        history: vec![said; callee_turns],
    }
}

#[tokio::test(start_paused = true)]
async fn the_model_answers_by_turn_at_its_pace() {
    let pace = Duration::from_millis(400);
    let model = ScriptedModel::new(vec![
        ScriptedReply::text("Hi there.").paced(pace, Duration::from_millis(100)),
        ScriptedReply::tool("Goodbye.", Tool::HangUp),
    ]);
    let start = clock::now();
    let opening = all(model.reply(request(0))).await;
    let text = |t: &str| LlmEvent::Text(t.to_owned());
    assert_eq!(opening, [text("Hi "), text("there."), LlmEvent::Done]);
    assert_eq!(clock::now() - start, Duration::from_millis(600));
    for turns in [1, 5] {
        let reply = all(model.reply(request(turns))).await;
        assert_eq!(
            reply,
            [
                text("Goodbye."),
                LlmEvent::Tool(Tool::HangUp),
                LlmEvent::Done
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_without_an_end_stalls() {
    let model = ScriptedModel::new(vec![ScriptedReply {
        events: vec![LlmEvent::Text("Well".to_owned())],
        ..Default::default()
    }]);
    let mut events = model.reply(request(0));
    assert!(events.recv().await.is_some());
    assert_eq!(
        clock::timeout(Duration::from_secs(3600), events.recv()).await,
        None
    );
}

#[tokio::test(start_paused = true)]
async fn the_recogniser_gives_each_stretch_its_sentence() {
    let stt = ScriptedSpeechToText::new(["for how many", "all set"]);
    let stream = stt.open(SttOptions::default()).await.unwrap();
    let frame = || SttInput::Audio(Box::new([0; STT_FRAME]));
    stream.input.send(SttInput::Flush(1)).await.unwrap();
    stream.input.send(SttInput::SpeechStarted).await.unwrap();
    for _ in 0..35 {
        stream.input.send(frame()).await.unwrap();
    }
    for mark in 2..=3 {
        stream.input.send(SttInput::Flush(mark)).await.unwrap();
    }
    stream.input.send(SttInput::SpeechStarted).await.unwrap();
    stream.input.send(SttInput::Flush(4)).await.unwrap();
    drop(stream.input);
    let last = |text: &str, mark| SttEvent::Final {
        text: text.to_owned(),
        mark: Some(mark),
    };
    let partial = |text: &str| SttEvent::Partial(text.to_owned());
    let expected = [
        last("", 1),
        partial("for"),
        partial("for how"),
        last("for how many", 2),
        last("", 3),
        last("all set", 4),
    ];
    assert_eq!(all(stream.events).await, expected);
}

fn clause(generation: u32, index: u16) -> ClauseId {
    ClauseId {
        generation: Generation(generation),
        index,
    }
}

async fn speak(input: &mpsc::Sender<TtsInput>, clause: ClauseId, text: &str) {
    input
        .send(TtsInput::Speak {
            clause,
            text: text.to_owned(),
        })
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_voice_is_as_long_as_its_words() {
    let stream = ScriptedTextToSpeech::default()
        .open(TtsOptions::default())
        .await
        .unwrap();
    speak(&stream.input, clause(1, 0), "table for two").await;
    let mut events = stream.events;
    let (mut length, mut ends) = (0, Vec::new());
    loop {
        match events.recv().await.unwrap() {
            TtsEvent::Audio { samples, rate, .. } => {
                assert_eq!(rate, 16_000);
                length += samples.len();
            }
            TtsEvent::Words { ends: words, .. } => ends = words,
            TtsEvent::Served { .. } => {}
            TtsEvent::Done(done) => break assert_eq!(done, clause(1, 0)),
            TtsEvent::Failed { error, .. } => panic!("{error}"),
        }
    }
    assert_eq!(ends, [250, 440, 630].map(Duration::from_millis));
    assert_eq!(length, 16 * (250 + 150 + 150 + 3 * 40));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_reaches_a_voice_that_nobody_reads() {
    let mut stream = ScriptedTextToSpeech::default()
        .open(TtsOptions::default())
        .await
        .unwrap();
    let long = "a very long sentence ".repeat(20);
    speak(&stream.input, clause(1, 0), &long).await;
    speak(&stream.input, clause(1, 1), "and more").await;
    stream
        .input
        .send(TtsInput::Cancel(Generation(1)))
        .await
        .unwrap();
    speak(&stream.input, clause(2, 0), "so").await;
    let mut done = Vec::new();
    while done.last() != Some(&clause(2, 0)) {
        if let TtsEvent::Done(clause) = stream.events.recv().await.unwrap() {
            done.push(clause);
        }
    }
    assert_eq!(done, [clause(2, 0)], "neither canceled clause was finished");
}

#[tokio::test(start_paused = true)]
async fn voice_detection_takes_the_buzz_for_a_voice() {
    let mut stream = ScriptedTextToSpeech::default()
        .open(TtsOptions::default())
        .await
        .unwrap();
    speak(
        &stream.input,
        clause(1, 0),
        "we have a table for two at seven",
    )
    .await;
    drop(stream.input);
    let mut wide = Vec::new();
    while let Some(event) = stream.events.recv().await {
        if let TtsEvent::Audio { samples, .. } = event {
            wide.extend(samples);
        }
    }
    let narrow: Vec<i16> = wide.chunks(2).map(|pair| pair[0]).collect();
    let mut vad = media::vad::Vad::new();
    let scores: Vec<f32> = narrow
        .chunks_exact(media::FRAME)
        .map(|frame| vad.process(frame.try_into().unwrap()).score)
        .collect();
    let voiced = scores.iter().filter(|score| **score >= 0.6).count();
    assert!(
        voiced * 10 >= scores.len() * 7,
        "{voiced} of {} frames",
        scores.len()
    );
}
