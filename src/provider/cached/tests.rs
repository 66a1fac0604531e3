use std::sync::Mutex;

use super::*;
use crate::provider::ProviderErrorKind;

/// A voice that notes what it is asked; each clause is two pieces of sound made from its text.
#[derive(Debug, Default, Clone)]
struct Voice(Arc<Mutex<Vec<String>>>);

impl TextToSpeech for Voice {
    fn name(&self) -> &'static str {
        "voice"
    }

    fn open(&self, _: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        let said = self.0.clone();
        Box::pin(async move {
            let (input, mut orders) = mpsc::channel(4);
            let (out, events) = mpsc::channel(4);
            tokio::spawn(async move {
                while let Some(order) = orders.recv().await {
                    let TtsInput::Speak { clause, text } = order else {
                        continue;
                    };
                    said.lock().unwrap().push(text.clone());
                    for event in speak(clause, &text) {
                        if out.send(event).await.is_err() {
                            return;
                        }
                    }
                }
            });
            Ok(TtsStream { input, events })
        })
    }
}

fn speak(clause: ClauseId, text: &str) -> Vec<TtsEvent> {
    if text == "fail" {
        let error = ProviderError::new(ProviderErrorKind::Busy, "no");
        return vec![TtsEvent::Failed { clause, error }];
    }
    let sound: Vec<i16> = text.bytes().map(i16::from).collect();
    let audio = |samples: &[i16]| TtsEvent::Audio {
        clause,
        samples: samples.to_vec(),
        rate: 8_000,
    };
    let (first, second) = sound.split_at(sound.len() / 2);
    let ends = vec![Duration::from_millis(1); text.split_whitespace().count()];
    vec![
        TtsEvent::Words { clause, ends },
        audio(first),
        audio(second),
        TtsEvent::Done(clause),
    ]
}

fn clause(generation: u32, index: u16) -> ClauseId {
    ClauseId {
        generation: Generation(generation),
        index,
    }
}

async fn say(stream: &TtsStream, clause: ClauseId, text: &str) {
    let text = text.to_owned();
    stream
        .input
        .send(TtsInput::Speak { clause, text })
        .await
        .unwrap();
}

/// Reads one clause: its samples, the number of its word times, and whether it could be spoken.
async fn hear(stream: &mut TtsStream, expected: ClauseId) -> (Vec<i16>, usize, bool) {
    let (mut heard, mut words) = (Vec::new(), 0);
    loop {
        let event = stream.events.recv().await.unwrap();
        assert_eq!(event.clause(), expected);
        match event {
            TtsEvent::Audio { samples, .. } => heard.extend(samples),
            TtsEvent::Words { ends, .. } => words = ends.len(),
            TtsEvent::Served { .. } => {}
            TtsEvent::Done(_) => return (heard, words, true),
            TtsEvent::Failed { .. } => return (heard, words, false),
        }
    }
}

fn bytes(text: &str) -> Vec<i16> {
    text.bytes().map(i16::from).collect()
}

/// Waits until the cache has the phrase: keeping it is nobody's business to wait for, except here.
async fn until_kept(cache: &Cache, text: &str) {
    let key = CacheKey::new("phrase", &["voice", "", "", text]);
    for _ in 0..5_000 {
        if cache.get(&key).is_some() {
            return;
        }
        crate::driver::clock::sleep(Duration::from_millis(1)).await;
    }
    panic!("{text:?} was not kept");
}

#[tokio::test]
async fn a_phrase_is_spoken_once_and_remembered_for_every_call() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), 1 << 20);
    let voice = Voice::default();
    let cached = Cached::new(Arc::new(voice.clone()), cache.clone());
    for _ in 0..3 {
        let mut stream = cached.open(TtsOptions::default()).await.unwrap();
        say(&stream, clause(1, 0), "hello there").await;
        say(&stream, clause(1, 1), "a table for two").await;
        assert_eq!(
            hear(&mut stream, clause(1, 0)).await,
            (bytes("hello there"), 2, true)
        );
        assert_eq!(
            hear(&mut stream, clause(1, 1)).await,
            (bytes("a table for two"), 4, true)
        );
        until_kept(&cache, "hello there").await;
        until_kept(&cache, "a table for two").await;
    }
    assert_eq!(*voice.0.lock().unwrap(), ["hello there", "a table for two"]);
    let other = TtsOptions {
        voice: "other".into(),
        ..TtsOptions::default()
    };
    let mut stream = cached.open(other).await.unwrap();
    say(&stream, clause(1, 0), "hello there").await;
    hear(&mut stream, clause(1, 0)).await;
    assert_eq!(
        voice.0.lock().unwrap().len(),
        3,
        "another voice sounds different"
    );
}

#[tokio::test]
async fn failures_are_reported_and_not_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let voice = Voice::default();
    let cached = Cached::new(Arc::new(voice.clone()), Cache::open(dir.path(), 1 << 20));
    let mut stream = cached.open(TtsOptions::default()).await.unwrap();
    for index in 0..2 {
        say(&stream, clause(1, index), "fail").await;
        assert!(!hear(&mut stream, clause(1, index)).await.2);
    }
    assert_eq!(voice.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_cancelled_generation_is_not_heard_any_more_and_the_next_one_is() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), 1 << 20);
    let cached = Cached::new(Arc::new(Voice::default()), cache);
    let mut stream = cached.open(TtsOptions::default()).await.unwrap();
    for index in 0..10 {
        say(
            &stream,
            clause(1, index),
            "words that nobody wants to hear any more",
        )
        .await;
    }
    // Something was said, so the voice is in the middle of it.
    stream.events.recv().await.unwrap();
    stream
        .input
        .send(TtsInput::Cancel(Generation(1)))
        .await
        .unwrap();
    say(&stream, clause(2, 0), "sorry").await;
    let mut heard = Vec::new();
    loop {
        match stream.events.recv().await.unwrap() {
            event if event.clause().generation == Generation(1) => assert!(heard.is_empty()),
            TtsEvent::Audio { samples, .. } => heard.extend(samples),
            TtsEvent::Done(_) => break,
            _ => {}
        }
    }
    assert_eq!(heard, bytes("sorry"));
}

#[tokio::test]
async fn without_a_cache_the_voice_speaks_every_time() {
    let voice = Voice::default();
    let cached = Cached::new(Arc::new(voice.clone()), Cache::none());
    let mut stream = cached.open(TtsOptions::default()).await.unwrap();
    for index in 0..3 {
        say(&stream, clause(1, index), "again").await;
        assert_eq!(
            hear(&mut stream, clause(1, index)).await,
            (bytes("again"), 1, true)
        );
    }
    assert_eq!(voice.0.lock().unwrap().len(), 3);
    drop(stream.input);
    assert_eq!(stream.events.recv().await, None);
}
