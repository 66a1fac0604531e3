use std::{fs, os::unix::fs::PermissionsExt};

use call::{ClauseId, Generation};

use super::*;
use crate::provider::{TtsEvent, TtsInput};

fn options(language: &str, voice: &str) -> TtsOptions {
    TtsOptions {
        language: language.to_owned(),
        voice: voice.to_owned(),
    }
}

const CLAUSE: ClauseId = ClauseId {
    generation: Generation(1),
    index: 0,
};

fn order(text: &str) -> TtsInput {
    TtsInput::Speak {
        clause: CLAUSE,
        text: text.to_owned(),
    }
}

async fn speak(espeak: &Espeak, language: &str, text: &str) -> (Vec<i16>, u32, TtsEvent) {
    let mut stream = espeak.open(options(language, "")).await.unwrap();
    stream.input.send(order(text)).await.unwrap();
    let (mut all, mut last_rate) = (Vec::new(), 0);
    loop {
        match stream.events.recv().await.unwrap() {
            TtsEvent::Audio { samples, rate, .. } => {
                all.extend(samples);
                last_rate = rate;
            }
            last => return (all, last_rate, last),
        }
    }
}

/// A program of the test's own that is called as espeak-ng is.
fn stand_in(folder: &tempfile::TempDir, script: &str) -> Espeak {
    let path = folder.path().join("espeak-ng");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    Espeak::with_program(path)
}

#[tokio::test]
async fn languages_become_sound_that_differs() {
    let espeak = Espeak::default();
    assert!(espeak.version().unwrap().starts_with("espeak-ng 1."));
    let mut spoken = Vec::new();
    for language in ["es", "fr", "de", "it", "pt-BR"] {
        assert_eq!(espeak.check(&options(language, "")), Ok(()), "{language}");
        let text = "Una mesa para dos, a las 7.";
        let (samples, rate, last) = speak(&espeak, language, text).await;
        assert_eq!(last, TtsEvent::Done(CLAUSE), "{language}");
        assert_eq!(rate, 22_050);
        let seconds = samples.len() as f64 / f64::from(rate);
        assert!((1.0..6.0).contains(&seconds), "{language}: {seconds} s");
        let loud = samples.iter().filter(|s| s.unsigned_abs() > 2_000).count();
        assert!(loud > samples.len() / 20, "{language}: {loud}");
        assert!(!spoken.contains(&samples), "{language} sounds like another");
        spoken.push(samples);
    }
}

#[tokio::test]
async fn a_text_is_never_an_option() {
    let espeak = Espeak::default();
    for text in ["--version", "-f /etc/passwd", "-w /tmp/x.wav hola"] {
        let (samples, _, last) = speak(&espeak, "es", text).await;
        assert_eq!(last, TtsEvent::Done(CLAUSE), "{text}");
        assert!(samples.len() > 5_000, "{text}: {}", samples.len());
    }
    let (samples, _, last) = speak(&espeak, "es", "\u{1}\u{2}").await;
    assert_eq!((samples.len(), last), (0, TtsEvent::Done(CLAUSE)));
}

#[tokio::test]
async fn a_missing_program_says_what_to_install() {
    let espeak = Espeak::with_program("/nowhere/espeak-ng");
    let (_, _, last) = speak(&espeak, "es", "Hola.").await;
    let TtsEvent::Failed { error, .. } = last else {
        panic!("{last:?}")
    };
    assert_eq!(error.kind(), ProviderErrorKind::Unavailable);
    let wanted = "the program /nowhere/espeak-ng is missing; install the package espeak-ng (apt-get install espeak-ng)";
    assert_eq!(error.to_string(), wanted);
    assert_eq!(espeak.check(&options("es", "")), Err(error));
    assert_eq!(espeak.version(), Err(wanted.to_owned()));
}

#[tokio::test]
async fn voices_that_are_not_there_are_refused() {
    let espeak = Espeak::default();
    let error = espeak.check(&options("fil", "")).unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Unsupported);
    let error = espeak.check(&options("es", "nobody")).unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Unsupported);
    assert!(error.to_string().contains("\"nobody\""), "{error}");
    let mut stream = espeak.open(options("es", "nobody")).await.unwrap();
    stream.input.send(order("Hola.")).await.unwrap();
    let last = stream.events.recv().await.unwrap();
    assert_eq!(
        last,
        TtsEvent::Failed {
            clause: CLAUSE,
            error
        }
    );
}

/// Waits until the stand-in that wrote its number to a file is gone, taking whatever it still says.
async fn gone(folder: &tempfile::TempDir, stream: &mut TtsStream) {
    let pid = fs::read_to_string(folder.path().join("espeak-ng.pid")).unwrap();
    let state = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    while !(state().is_empty() || state().contains(") Z ")) {
        while stream.events.try_recv().is_ok() {}
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_that_is_no_synthesiser_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let espeak = stand_in(
        &folder,
        "cat >/dev/null; echo $$ >$0.pid; exec cat /dev/zero",
    );
    let mut stream = espeak.open(options("es", "")).await.unwrap();
    stream.input.send(order("Hola.")).await.unwrap();
    let last = stream.events.recv().await.unwrap();
    assert!(matches!(last, TtsEvent::Failed { .. }), "{last:?}");
    gone(&folder, &mut stream).await;
}

#[tokio::test]
async fn a_cancelled_clause_ends_its_process_while_it_speaks() {
    let folder = tempfile::tempdir().unwrap();
    let endless = r#"cat >/dev/null; echo $$ >$0.pid
printf 'RIFF\044\360\377\177WAVEfmt \020\000\000\000\001\000\001\000\042\126\000\000\104\254\000\000\002\000\020\000data\000\360\377\177'
exec tr '\000' '\110' </dev/zero"#;
    let espeak = stand_in(&folder, endless);
    let mut stream = espeak.open(options("es", "")).await.unwrap();
    stream.input.send(order("Hola.")).await.unwrap();
    let first = stream.events.recv().await.unwrap();
    assert!(
        matches!(first, TtsEvent::Audio { rate: 22_050, .. }),
        "{first:?}"
    );
    let cancel = TtsInput::Cancel(CLAUSE.generation);
    stream.input.send(cancel).await.unwrap();
    gone(&folder, &mut stream).await;
}
