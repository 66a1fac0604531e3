//! Whisper in its real worker processes, with a model of random weights in the real format: that it loads, runs, shares and
//! cancels, and that neither a bad file nor a dead or stuck worker ends more than it must.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use agentphone::{
    driver::clock,
    provider::{
        ProviderErrorKind, SpeechToText, SttEvent, SttInput, SttOptions, SttStream,
        whisper::{LIMIT, Options, Whisper},
    },
};

use super::{failure, give, ms, say, standin::ear, until, words};

/// The model of `scripts/whisper-test-model`, made once.
pub(super) static MODEL: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("target/whisper-test.bin");
    let script = root.join("scripts/whisper-test-model");
    assert!(Command::new(script).arg(&file).status().unwrap().success());
    file
});

/// A folder with the model under a name of its own, so that a test's workers can be told from the others'.
pub(super) fn own_model() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.bin");
    std::fs::copy(&*MODEL, &model).unwrap();
    (folder, model)
}

pub(super) fn options(model: &Path) -> Options {
    Options {
        model: model.to_owned(),
        workers: 1,
        parallel: 2,
        look_every: ms(0),
        limit: LIMIT,
    }
}

pub(super) fn whisper(options: Options) -> Whisper {
    Whisper::with_program(options, Path::new(env!("CARGO_BIN_EXE_agentphone")))
}

async fn open(whisper: &Whisper) -> SttStream {
    whisper.open(SttOptions::default()).await.unwrap()
}

/// The process ids of workers with this model.
pub(super) fn workers(model: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line
            .split(|b| *b == 0)
            .any(|word| word == model.as_os_str().as_encoded_bytes())
        {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
    found
}

/// Sends a signal to all of them; returns whether all were there.
fn signal(pids: &[String], name: &str) -> bool {
    assert!(!pids.is_empty());
    let sent = Command::new("kill").arg(name).args(pids).output().unwrap();
    sent.status.success()
}

#[tokio::test]
async fn calls_share_one_loaded_model_and_hear_the_same() {
    let (_folder, model) = own_model();
    let service = whisper(Options {
        look_every: ms(300),
        ..options(&model)
    });
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(open(&service).await);
    }
    let heard = calls
        .iter_mut()
        .map(|call| say(call, "hello a table for two", 1));
    let heard: Vec<String> = futures_util::future::join_all(heard)
        .await
        .iter()
        .map(|events| words(events))
        .collect();
    assert!(!heard[0].is_empty(), "random weights say something");
    assert!(heard.iter().all(|words| *words == heard[0]), "{heard:?}");
    assert_eq!(workers(&model).len(), 1);
}

#[tokio::test]
async fn a_worker_that_dies_costs_no_words() {
    let (_folder, model) = own_model();
    let service = whisper(options(&model));
    let mut call = open(&service).await;
    let before = words(&say(&mut call, "a table for two", 1).await);
    for (mark, name) in [(2, "-KILL"), (4, "-ABRT")] {
        // It is stopped so that it cannot be done before it dies.
        let pids = workers(&model);
        assert!(signal(&pids, "-STOP"));
        call.input.send(SttInput::SpeechStarted).await.unwrap();
        give(&call, &ear::speak("a table for two")).await;
        give(&call, &ear::silence(ms(200))).await;
        call.input.send(SttInput::Flush(mark)).await.unwrap();
        tokio::task::yield_now().await;
        assert!(signal(&pids, name));
        // One that is stopped and aborted ends when it goes on.
        let _ = signal(&pids, "-CONT");
        assert_eq!(words(&until(&mut call, mark).await), before, "{name}");
        // And the next call has a worker, too.
        let mut other = open(&service).await;
        assert_eq!(
            words(&say(&mut other, "a table for two", mark + 1).await),
            before
        );
    }
}

#[tokio::test]
async fn a_worker_that_is_stuck_ends_one_utterance_and_is_replaced() {
    let (_folder, model) = own_model();
    let service = whisper(Options {
        limit: ms(3000),
        ..options(&model)
    });
    let mut call = open(&service).await;
    let before = words(&say(&mut call, "a table for two", 1).await);
    let pids = workers(&model);
    assert!(signal(&pids, "-STOP"));
    let error = failure(&say(&mut call, "a table for two", 2).await);
    assert_eq!(error.kind(), ProviderErrorKind::Timeout, "{error}");
    // Nobody but the pool ends it, after as long again.
    let mut ticker = clock::ticker(ms(50));
    while workers(&model) == pids {
        ticker.tick().await;
    }
    let mut other = open(&service).await;
    assert_eq!(words(&say(&mut other, "a table for two", 3).await), before);
}

#[tokio::test]
async fn a_file_that_is_no_model_is_refused_and_ends_nothing_else() {
    let (folder, model) = own_model();
    let whole = std::fs::read(&model).unwrap();
    let good = whisper(options(&model));
    let mut call = open(&good).await;
    let before = words(&say(&mut call, "a table", 1).await);
    let bad = folder.path().join("bad.bin");
    for damaged in [&whole[..whole.len() / 2], &whole[..3], b"no model at all"] {
        std::fs::write(&bad, damaged).unwrap();
        let error = whisper(options(&bad))
            .open(SttOptions::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Unavailable);
        assert!(
            error.to_string().contains("agentphone models pull"),
            "{error}"
        );
    }
    // A checksum that is kept beside the file tells damage to the weights, too.
    let mut flipped = whole.clone();
    flipped[whole.len() - 100] ^= 1;
    std::fs::write(&bad, &flipped).unwrap();
    assert!(whisper(options(&bad)).check().is_ok());
    std::fs::write(folder.path().join("bad.bin.sha256"), "0".repeat(64)).unwrap();
    let problem = whisper(options(&bad)).check().unwrap_err();
    assert!(problem.contains("damaged"), "{problem}");
    assert_eq!(words(&say(&mut call, "a table", 2).await), before);
}

#[tokio::test]
async fn a_worker_that_cannot_work_ends_the_recogniser_with_a_reason() {
    let (_folder, model) = own_model();
    for program in ["/bin/false", "/nonexistent"] {
        let service = Whisper::with_program(options(&model), Path::new(program));
        let mut call = service.open(SttOptions::default()).await.unwrap();
        let error = failure(&say(&mut call, "hello", 1).await);
        assert_eq!(error.kind(), ProviderErrorKind::Unavailable, "{error}");
        assert_eq!(call.events.recv().await, None);
    }
    let english = Whisper::with_program(
        options(Path::new("ggml-base.en.bin")),
        Path::new("/bin/false"),
    );
    assert!(english.understands("en-US") && !english.understands("de-DE"));
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_canceled() {
    let (_folder, model) = own_model();
    let service = whisper(Options {
        parallel: 1,
        ..options(&model)
    });
    let mut kept = open(&service).await;
    let first = words(&say(&mut kept, "a table", 1).await);
    // Many calls ask for words and are dropped before they have them; one that is kept is not behind all of them.
    for _ in 0..20 {
        let call = open(&service).await;
        call.input.send(SttInput::SpeechStarted).await.unwrap();
        give(&call, &ear::speak("hello a table for two at seven thirty")).await;
        call.input.send(SttInput::Flush(1)).await.unwrap();
        drop(call);
    }
    let events = say(&mut kept, "a table", 2).await;
    assert!(
        matches!(events.last(), Some(SttEvent::Final { mark: Some(2), .. })),
        "{events:?}"
    );
    assert_eq!(words(&events), first);
}
