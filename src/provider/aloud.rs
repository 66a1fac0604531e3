//! A voice that reads aloud: what is written is given to the voice behind it as it is said, and the times of the spoken
//! words come back as those of the written ones.
//!
//! How a text is said is decided in [`crate::agent::ear`]. Here is only the bookkeeping, so that the call core counts what
//! was heard in the text that it wrote. Where the voice does not tell its word times and the texts differ, they are estimated.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use call::ClauseId;
use tokio::sync::mpsc;

use super::{BoxFuture, ProviderError, TextToSpeech, TtsEvent, TtsInput, TtsOptions, TtsStream};
use crate::agent::ear::{self, Spoken};

/// Orders on their way in; they are taken at once.
const ORDERS: usize = 32;
/// Pieces of sound on their way out; beyond that the voice waits.
const EVENTS: usize = 32;

/// See the module.
#[derive(Debug)]
pub struct Aloud {
    voice: Arc<dyn TextToSpeech>,
}

impl Aloud {
    /// Has `voice` read aloud.
    #[must_use]
    pub fn new(voice: Arc<dyn TextToSpeech>) -> Self {
        Self { voice }
    }
}

impl TextToSpeech for Aloud {
    fn name(&self) -> &'static str {
        self.voice.name()
    }

    fn speaks(&self, language: &str) -> bool {
        self.voice.speaks(language)
    }

    fn variant(&self) -> String {
        self.voice.variant()
    }

    fn check(&self, options: &TtsOptions) -> Result<(), ProviderError> {
        self.voice.check(options)
    }

    fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        Box::pin(async move {
            let language = options.language.clone();
            let inner = self.voice.open(options).await?;
            let (input, orders) = mpsc::channel(ORDERS);
            let (out, events) = mpsc::channel(EVENTS);
            let reading = Reading {
                language,
                clauses: HashMap::new(),
                ready: VecDeque::new(),
            };
            tokio::spawn(reading.run(orders, inner, out));
            Ok(TtsStream { input, events })
        })
    }
}

/// A clause that is being read.
struct Clause {
    spoken: Spoken,
    made: Duration,
    /// Whether the voice told when its words end.
    told: bool,
}

/// One call.
struct Reading {
    language: String,
    clauses: HashMap<ClauseId, Clause>,
    /// Events for the driver; more are only fetched when this is empty.
    ready: VecDeque<TtsEvent>,
}

impl Reading {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<TtsInput>,
        mut voice: TtsStream,
        out: mpsc::Sender<TtsEvent>,
    ) {
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => {
                    let Some(order) = order else { break };
                    let order = self.order(order);
                    if voice.input.send(order).await.is_err() {
                        break;
                    }
                }
                room = out.reserve(), if !self.ready.is_empty() => {
                    let Ok(room) = room else { return };
                    if let Some(event) = self.ready.pop_front() {
                        room.send(event);
                    }
                }
                event = voice.events.recv(), if self.ready.is_empty() => {
                    let Some(event) = event else { return };
                    self.hear(event);
                }
            }
        }
        // No more orders: what was ordered is still read to its end.
        drop(voice.input);
        loop {
            while let Some(event) = self.ready.pop_front() {
                if out.send(event).await.is_err() {
                    return;
                }
            }
            match voice.events.recv().await {
                Some(event) => self.hear(event),
                None => return,
            }
        }
    }

    fn order(&mut self, order: TtsInput) -> TtsInput {
        match order {
            TtsInput::Speak { clause, text } => {
                let spoken = ear::spoken(&text, &self.language);
                if spoken.differs() {
                    // Until the voice tells better: a price is not heard with its first word.
                    let ends = spoken.estimate(None);
                    self.ready.push_back(TtsEvent::Words { clause, ends });
                }
                let text = if spoken.text.is_empty() {
                    text
                } else {
                    spoken.text.clone()
                };
                let reading = Clause {
                    spoken,
                    made: Duration::ZERO,
                    told: false,
                };
                self.clauses.insert(clause, reading);
                TtsInput::Speak { clause, text }
            }
            TtsInput::Cancel(generation) => {
                self.clauses
                    .retain(|clause, _| clause.generation > generation);
                let alive = |event: &TtsEvent| event.clause().generation > generation;
                self.ready.retain(alive);
                TtsInput::Cancel(generation)
            }
        }
    }

    fn hear(&mut self, event: TtsEvent) {
        let id = event.clause();
        let Some(clause) = self.clauses.get_mut(&id) else {
            // Of a generation that was cancelled.
            return;
        };
        match &event {
            TtsEvent::Words { ends, .. } => {
                clause.told = true;
                let ends = clause.spoken.written(ends);
                self.ready.push_back(TtsEvent::Words { clause: id, ends });
                return;
            }
            TtsEvent::Audio { samples, rate, .. } => {
                let seconds = samples.len() as f64 / f64::from((*rate).max(1));
                clause.made += Duration::from_secs_f64(seconds);
            }
            TtsEvent::Done(_) => {
                if !clause.told && clause.spoken.differs() {
                    let ends = clause.spoken.estimate(Some(clause.made));
                    self.ready.push_back(TtsEvent::Words { clause: id, ends });
                }
                self.clauses.remove(&id);
            }
            TtsEvent::Failed { .. } => {
                self.clauses.remove(&id);
            }
            TtsEvent::Served { .. } => {}
        }
        self.ready.push_back(event);
    }
}

#[cfg(test)]
mod tests {
    use call::Generation;

    use super::*;
    use crate::provider::scripted::ScriptedTextToSpeech;

    #[tokio::test(start_paused = true)]
    async fn what_is_heard_is_counted_in_what_was_written() {
        let aloud = Aloud::new(Arc::new(ScriptedTextToSpeech::default()));
        let mut stream = aloud.open(TtsOptions::default()).await.unwrap();
        let clause = ClauseId {
            generation: Generation(1),
            index: 0,
        };
        let text = "Pay $12.50 now.".to_owned();
        let order = TtsInput::Speak { clause, text };
        stream.input.send(order).await.unwrap();
        let (mut times, mut length) = (Vec::new(), Duration::ZERO);
        loop {
            match stream.events.recv().await.unwrap() {
                TtsEvent::Words { ends, .. } => times.push(ends),
                TtsEvent::Audio { samples, rate, .. } => {
                    length += Duration::from_secs_f64(samples.len() as f64 / f64::from(rate));
                }
                TtsEvent::Done(_) => break,
                other => panic!("{other:?}"),
            }
        }
        // "Pay twelve dollars and fifty cents now.": 50 ms a letter and 40 ms after each word.
        let all: Vec<usize> = times.iter().map(Vec::len).collect();
        assert_eq!(all, [3, 3], "an estimate, then what the voice tells");
        let ends = times.pop().unwrap();
        assert_eq!(ends[0], Duration::from_millis(150));
        assert_eq!(
            ends[1],
            Duration::from_millis(150 + 5 * 40 + 50 * (6 + 7 + 3 + 5 + 5))
        );
        assert!(ends[2] <= length);
    }
}
