//! The ear of a call whose language no recogniser of this server understands: it hears that somebody speaks, because
//! voice detection does, and never a word.
//!
//! So the agent can say what it has to say in that language and end honestly, and the recording keeps the answer.

use tokio::sync::mpsc;

use super::{BoxFuture, ProviderError, SpeechToText, SttEvent, SttInput, SttOptions, SttStream};

/// Frames and flushes on their way in: one second. They are taken at once.
const INPUT: usize = 50;
/// Answers on their way out. When they are not fetched, the next flush waits.
const EVENTS: usize = 4;

/// Understands no language.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deaf;

impl SpeechToText for Deaf {
    fn name(&self) -> &'static str {
        "none"
    }

    fn understands(&self, _: &str) -> bool {
        false
    }

    fn open(&self, _: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        let (input, mut orders) = mpsc::channel(INPUT);
        let (out, events) = mpsc::channel(EVENTS);
        tokio::spawn(async move {
            while let Some(order) = orders.recv().await {
                let SttInput::Flush(mark) = order else {
                    continue;
                };
                let nothing = SttEvent::Final {
                    text: String::new(),
                    mark: Some(mark),
                };
                if out.send(nothing).await.is_err() {
                    return;
                }
            }
        });
        Box::pin(async move { Ok(SttStream { input, events }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_flush_is_answered_with_nothing() {
        let mut stream = Deaf.open(SttOptions::default()).await.unwrap();
        for mark in 1..3 {
            for input in [SttInput::SpeechStarted, SttInput::Flush(mark)] {
                stream.input.send(input).await.unwrap();
            }
            let nothing = SttEvent::Final {
                text: String::new(),
                mark: Some(mark),
            };
            assert_eq!(stream.events.recv().await, Some(nothing));
        }
    }
}
