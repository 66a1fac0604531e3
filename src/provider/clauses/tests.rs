use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::*;

fn clause(generation: u32, index: u16) -> ClauseId {
    ClauseId {
        generation: Generation(generation),
        index,
    }
}

fn speak(generation: u32, index: u16, text: &str) -> TtsInput {
    TtsInput::Speak {
        clause: clause(generation, index),
        text: text.to_owned(),
    }
}

/// A synthesiser that gives a loud sample per byte of text, and counts how often it was told to go away.
fn loud(abandoned: Arc<AtomicUsize>) -> impl FnMut(String) -> mpsc::Receiver<Sound> + Send {
    move |text| {
        let (out, sound) = mpsc::channel(1);
        let abandoned = Arc::clone(&abandoned);
        tokio::spawn(async move {
            for _ in text.bytes() {
                if out
                    .send(Sound::Samples(vec![9000; 1600], 16_000))
                    .await
                    .is_err()
                {
                    abandoned.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
        });
        sound
    }
}

async fn next(stream: &mut TtsStream) -> TtsEvent {
    stream.events.recv().await.expect("the voice is open")
}

#[tokio::test]
async fn clauses_come_in_order_and_each_is_done() {
    let mut stream = open(loud(Arc::default()));
    stream.input.send(speak(1, 0, "aa")).await.unwrap();
    stream.input.send(speak(1, 1, "b")).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        if let TtsEvent::Done(clause) = next(&mut stream).await {
            seen.push(clause);
        }
    }
    assert_eq!(seen, [clause(1, 0), clause(1, 1)]);
}

#[tokio::test]
async fn a_cancelled_generation_is_never_heard_of_again() {
    let abandoned = Arc::new(AtomicUsize::new(0));
    let mut stream = open(loud(Arc::clone(&abandoned)));
    stream
        .input
        .send(speak(1, 0, &"a".repeat(500)))
        .await
        .unwrap();
    stream.input.send(speak(1, 1, "b")).await.unwrap();
    assert_eq!(next(&mut stream).await.clause(), clause(1, 0));
    stream
        .input
        .send(TtsInput::Cancel(Generation(1)))
        .await
        .unwrap();
    stream.input.send(speak(2, 0, "c")).await.unwrap();
    // What was already in the channel may still come, but no more than that, and no end of the dead clause.
    let mut late = 0;
    loop {
        match next(&mut stream).await {
            event if event.clause().generation == Generation(2) => break,
            TtsEvent::Audio { .. } => late += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(late <= EVENTS, "{late}");
    assert_eq!(abandoned.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_failed_clause_does_not_take_the_next_with_it() {
    let mut stream = open(|text: String| {
        let (out, sound) = mpsc::channel(1);
        let what = if text == "bad" {
            Sound::Failed(ProviderError::new(ProviderErrorKind::Protocol, "bad text"))
        } else {
            Sound::Samples(vec![9000; 160], 16_000)
        };
        out.try_send(what).unwrap();
        sound
    });
    stream.input.send(speak(1, 0, "bad")).await.unwrap();
    stream.input.send(speak(1, 1, "good")).await.unwrap();
    assert!(
        matches!(next(&mut stream).await, TtsEvent::Failed { clause: c, .. } if c == clause(1, 0))
    );
    assert!(
        matches!(next(&mut stream).await, TtsEvent::Audio { clause: c, .. } if c == clause(1, 1))
    );
}

#[tokio::test]
async fn what_was_ordered_is_spoken_to_its_end_after_the_input_closes() {
    let stream = open(loud(Arc::default()));
    stream.input.send(speak(1, 0, "abc")).await.unwrap();
    let TtsStream { input, mut events } = stream;
    drop(input);
    let mut done = false;
    while let Some(event) = events.recv().await {
        done = matches!(event, TtsEvent::Done(_));
    }
    assert!(done);
}

#[test]
fn typography_becomes_what_a_voice_can_say() {
    assert_eq!(
        plain_english("we\u{2019}re full \u{2014} sorry"),
        "we're full ,  sorry"
    );
    assert_eq!(
        plain_english("Caf\u{e9} M\u{fc}ller & Sons"),
        "Cafe Muller  and  Sons"
    );
    assert_eq!(plain_english("caf\u{4e2d}\n**now**"), "caf    now  ");
}
