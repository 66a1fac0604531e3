use super::*;
use crate::provider::STT_FRAME;

/// "Hears" how many frames there are in the sound, and remembers how often it was asked for partial words.
#[derive(Debug)]
struct Counting {
    looks: std::sync::Mutex<usize>,
    fails: Option<ProviderErrorKind>,
}

impl Transcriber for Counting {
    fn transcribe(&self, sound: Sound) -> BoxFuture<'static, Result<Vec<Segment>, ProviderError>> {
        if !sound.is_final {
            *self.looks.lock().unwrap() += 1;
        }
        let answer = match self.fails {
            Some(kind) => Err(ProviderError::new(kind, "no")),
            None => Ok(vec![Segment {
                text: format!("{}", sound.samples.len() / STT_FRAME),
                end: None,
            }]),
        };
        Box::pin(std::future::ready(answer))
    }

    fn look_every(&self) -> Option<Duration> {
        Some(Duration::from_millis(400))
    }
}

async fn speak(stream: &SttStream, frames: usize, level: i16) {
    for _ in 0..frames {
        let frame = Box::new([level; STT_FRAME]);
        // A recogniser that gave up takes no more, and says why.
        let _ = stream.input.send(SttInput::Audio(frame)).await;
    }
}

/// Says something, twice, with an empty flush in front; returns everything heard until the last mark.
async fn listen(counting: &Arc<Counting>) -> Vec<SttEvent> {
    let mut stream = open(counting.clone(), SttOptions::default());
    stream.input.send(SttInput::Flush(1)).await.unwrap();
    for mark in 2..=3 {
        let _ = stream.input.send(SttInput::SpeechStarted).await;
        speak(&stream, 50, 2000).await;
        speak(&stream, 10, 0).await;
        let _ = stream.input.send(SttInput::Flush(mark)).await;
    }
    let mut events = Vec::new();
    while let Some(event) = stream.events.recv().await {
        let last = matches!(
            event,
            SttEvent::Failed(_) | SttEvent::Final { mark: Some(3), .. }
        );
        events.push(event);
        if last {
            break;
        }
    }
    events
}

#[tokio::test]
async fn an_utterance_is_looked_at_while_it_goes_on_and_heard_whole_at_its_end() {
    let counting = Arc::new(Counting {
        looks: std::sync::Mutex::new(0),
        fails: None,
    });
    let events = listen(&counting).await;
    let said = |text: &str, mark| SttEvent::Final {
        text: text.to_owned(),
        mark: Some(mark),
    };
    // No two looks agree on a count, so no partial words.
    assert_eq!(events, [said("", 1), said("60", 2), said("60", 3)]);
    assert!(*counting.looks.lock().unwrap() >= 2);
}

#[tokio::test]
async fn a_failure_ends_the_recogniser_with_its_reason() {
    let counting = Arc::new(Counting {
        looks: std::sync::Mutex::new(0),
        fails: Some(ProviderErrorKind::Busy),
    });
    let events = listen(&counting).await;
    let Some(SttEvent::Failed(error)) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(error.kind(), ProviderErrorKind::Busy);
}
