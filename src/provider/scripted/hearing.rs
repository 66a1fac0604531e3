//! A recogniser that knows beforehand what will be said.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{
    driver::clock,
    provider::{BoxFuture, ProviderError, SpeechToText, SttEvent, SttInput, SttOptions, SttStream},
};

/// Frames of 20 ms per word: how fast partial words appear while somebody speaks.
const FRAMES_PER_WORD: usize = 15;

/// A recogniser whose n-th stretch of speech on a stream is the n-th of its sentences, whatever it sounds like.
///
/// While a stretch lasts its words appear as partials, one every 300 ms; a flush answers with the whole sentence, and
/// with nothing when no stretch has begun since the last one or the list is used up. Dropping the stream ends its
/// task.
#[derive(Debug, Clone, Default)]
pub struct ScriptedSpeechToText {
    sentences: Arc<[String]>,
    delay: Duration,
}

impl ScriptedSpeechToText {
    /// Makes a recogniser of these sentences, in the order in which they will be spoken.
    #[must_use]
    pub fn new<S: Into<String>>(sentences: impl IntoIterator<Item = S>) -> Self {
        Self {
            sentences: sentences.into_iter().map(Into::into).collect(),
            delay: Duration::ZERO,
        }
    }

    /// Sets how long a flush takes.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

impl SpeechToText for ScriptedSpeechToText {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn open(&self, _options: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        // Input full: the driver drops the oldest sound. Events full: this task waits.
        let (input, received) = mpsc::channel(256);
        let (sender, events) = mpsc::channel(64);
        let script = self.clone();
        tokio::spawn(async move { script.run(received, sender).await });
        Box::pin(async move { Ok(SttStream { input, events }) })
    }
}

impl ScriptedSpeechToText {
    /// Runs one stream. A closed events channel ends it: nobody listens any more.
    async fn run(&self, mut input: mpsc::Receiver<SttInput>, events: mpsc::Sender<SttEvent>) {
        let mut sentences = self.sentences.iter();
        let mut speaking: Option<(&str, usize)> = None;
        while let Some(input) = input.recv().await {
            let event = match input {
                SttInput::SpeechStarted => {
                    if speaking.is_none() {
                        speaking = sentences.next().map(|sentence| (sentence.as_str(), 0));
                    }
                    continue;
                }
                SttInput::Expect(_) => continue,
                SttInput::Audio(_) => match &mut speaking {
                    Some((sentence, frames)) => {
                        *frames += 1;
                        let words = *frames / FRAMES_PER_WORD;
                        if *frames % FRAMES_PER_WORD != 0
                            || words > sentence.split_whitespace().count()
                        {
                            continue;
                        }
                        let heard: Vec<&str> = sentence.split_whitespace().take(words).collect();
                        SttEvent::Partial(heard.join(" "))
                    }
                    None => continue,
                },
                SttInput::Flush(mark) => {
                    clock::sleep(self.delay).await;
                    let text = speaking
                        .take()
                        .map_or("", |(sentence, _)| sentence)
                        .to_owned();
                    SttEvent::Final {
                        text,
                        mark: Some(mark),
                    }
                }
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
}
