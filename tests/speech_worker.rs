//! The recogniser with its real worker processes: words, flushes, and what happens when a worker is killed.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test may fail it, as the test itself may"
)]

use std::{path::Path, process::Command, time::Duration};

use agentphone::{
    driver::clock,
    provider::{
        STT_FRAME, SpeechToText, SttEvent, SttInput, SttOptions, SttStream,
        pocketsphinx::{DEFAULT_MODELS, PocketSphinx},
    },
};
use native::flite::{Next, Voice};

/// Nothing here takes a tenth of this on an idle machine.
const LIMIT: Duration = Duration::from_secs(60);

fn recogniser(models: &Path) -> PocketSphinx {
    PocketSphinx::with_program(models, Path::new(env!("CARGO_BIN_EXE_agentphone")))
}

async fn open_with(models: &Path) -> SttStream {
    recogniser(models)
        .open(SttOptions::default())
        .await
        .unwrap()
}

/// Flite's voice saying `text`, in frames.
fn say(text: &str) -> Vec<SttInput> {
    let mut sound = Vec::new();
    Voice::Rms
        .speak(text, |piece| {
            sound.extend_from_slice(piece.samples);
            Next::More
        })
        .unwrap();
    sound.resize(sound.len().next_multiple_of(STT_FRAME), 0);
    sound
        .as_chunks::<STT_FRAME>()
        .0
        .iter()
        .map(|frame| SttInput::Audio(Box::new(*frame)))
        .collect()
}

async fn send(stream: &SttStream, inputs: Vec<SttInput>) {
    for input in inputs {
        stream.input.send(input).await.unwrap();
    }
}

async fn next(stream: &mut SttStream) -> SttEvent {
    clock::timeout(LIMIT, stream.events.recv())
        .await
        .expect("an event comes in time")
        .expect("the recogniser is open")
}

/// Waits for the answer to a flush; returns its words and how many partials came before.
async fn answer(stream: &mut SttStream, expected: u32) -> (String, usize) {
    let mut partials = 0;
    loop {
        match next(stream).await {
            SttEvent::Partial(_) => partials += 1,
            SttEvent::Served(_) => {}
            SttEvent::Final { text, mark } => {
                assert_eq!(mark, Some(expected));
                return (text, partials);
            }
            SttEvent::Hint(hint) => panic!("{hint:?}"),
            SttEvent::Failed(error) => panic!("{error}"),
        }
    }
}

/// The process ids of this process's workers that use these models, oldest first.
fn workers(models: &Path) -> Vec<String> {
    let children = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .flat_map(|task| {
            let list =
                std::fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
            list.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
    let mut workers: Vec<String> = children
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|b| *b == 0)
                .any(|word| word == models.as_os_str().as_encoded_bytes())
        })
        .collect();
    workers.sort_by_key(|pid| pid.parse::<u32>().unwrap());
    workers
}

fn kill(pid: &str) {
    assert!(
        Command::new("kill")
            .args(["-9", pid])
            .status()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn words_come_while_speech_goes_on_and_a_flush_gets_the_rest() {
    let mut stream = open_with(Path::new(DEFAULT_MODELS)).await;
    stream.input.send(SttInput::Flush(1)).await.unwrap();
    assert_eq!(answer(&mut stream, 1).await, (String::new(), 0));
    stream.input.send(SttInput::SpeechStarted).await.unwrap();
    send(&stream, say("I would like a table for two people.")).await;
    stream.input.send(SttInput::Flush(2)).await.unwrap();
    let (text, partials) = answer(&mut stream, 2).await;
    assert!(text.contains("table for two people"), "{text}");
    assert!(partials > 0);
    // What follows without speech is answered at once and empty.
    send(&stream, vec![SttInput::Flush(3)]).await;
    assert_eq!(answer(&mut stream, 3).await, (String::new(), 0));
}

#[tokio::test]
async fn killed_workers_cost_no_words() {
    // A name of its own for the models tells this test's workers from the others'.
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    std::os::unix::fs::symlink(DEFAULT_MODELS, &models).unwrap();
    let mut stream = open_with(&models).await;
    for mark in 1..=2 {
        stream.input.send(SttInput::SpeechStarted).await.unwrap();
        let mut sound = say("We have a table for two people at seven thirty.");
        let rest = sound.split_off(sound.len() / 2);
        send(&stream, sound).await;
        while !matches!(next(&mut stream).await, SttEvent::Partial(_)) {}
        // The one in use and the spare.
        let killed = workers(&models);
        assert_eq!(killed.len(), 2);
        killed.iter().for_each(|pid| kill(pid));
        send(&stream, rest).await;
        stream.input.send(SttInput::Flush(mark)).await.unwrap();
        let (text, _) = answer(&mut stream, mark).await;
        assert!(
            text.contains("table for two people at seven thirty"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_worker_that_cannot_start_ends_the_recogniser_with_a_reason() {
    let broken = PocketSphinx::with_program(Path::new(DEFAULT_MODELS), Path::new("/bin/false"));
    let mut stream = broken.open(SttOptions::default()).await.unwrap();
    let SttEvent::Failed(error) = next(&mut stream).await else {
        panic!("words from /bin/false");
    };
    assert!(error.to_string().contains("failed three times"), "{error}");
    assert_eq!(stream.events.recv().await, None);
}

#[tokio::test]
async fn what_is_missing_is_refused_before_the_call() {
    let nowhere = PocketSphinx::with_program(Path::new("/nonexistent"), Path::new("/bin/false"));
    let error = nowhere.open(SttOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("pocketsphinx-en-us"), "{error}");
    let german = SttOptions {
        language: "de-DE".to_owned(),
        ..SttOptions::default()
    };
    assert!(
        recogniser(Path::new(DEFAULT_MODELS))
            .open(german)
            .await
            .is_err()
    );
    assert!(recogniser(Path::new(DEFAULT_MODELS)).check().is_ok());
}
