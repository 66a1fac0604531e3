//! A voice that remembers what it has said: phrases spoken before come from the cache, everything else from the
//! voice behind it, one clause at a time and in order.
//!
//! What is remembered may be forgotten at any time; then the voice behind it speaks again. Nothing here knows how
//! sound is made.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use call::{ClauseId, Generation};
use tokio::sync::{mpsc, oneshot};

use super::{BoxFuture, ProviderError, TextToSpeech, TtsEvent, TtsInput, TtsOptions, TtsStream};
use crate::store::{Cache, CacheKey};

mod phrase;

use phrase::Phrase;

/// Orders on their way in. The driver waits for room, which there always is: orders are taken at once.
const ORDERS: usize = 32;
/// Pieces of sound on their way out. The voice waits when they are not fetched.
const EVENTS: usize = 32;
/// The longest phrase that is worth remembering.
const LONGEST: Duration = Duration::from_secs(12);

/// A voice with a memory.
#[derive(Debug)]
pub struct Cached {
    voice: Arc<dyn TextToSpeech>,
    cache: Cache,
}

impl Cached {
    /// Gives `voice` a memory.
    #[must_use]
    pub fn new(voice: Arc<dyn TextToSpeech>, cache: Cache) -> Self {
        Self { voice, cache }
    }
}

impl TextToSpeech for Cached {
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
            let named = [
                self.voice.name().to_owned() + &self.voice.variant(),
                options.language.clone(),
                options.voice.clone(),
            ];
            let inner = self.voice.open(options).await?;
            let (input, orders) = mpsc::channel(ORDERS);
            let (out, events) = mpsc::channel(EVENTS);
            let speaking = Speaking {
                cache: self.cache.clone(),
                named,
                voice: inner.input,
                waiting: VecDeque::new(),
                current: None,
                ready: VecDeque::new(),
            };
            tokio::spawn(speaking.run(orders, inner.events, out));
            Ok(TtsStream { input, events })
        })
    }
}

struct Speaking {
    cache: Cache,
    /// What, beside its text, makes one phrase sound different from another.
    named: [String; 3],
    voice: mpsc::Sender<TtsInput>,
    waiting: VecDeque<(ClauseId, String)>,
    current: Option<Current>,
    /// Events for the driver; more are only fetched when this is empty.
    ready: VecDeque<TtsEvent>,
}

struct Current {
    clause: ClauseId,
    key: CacheKey,
    stage: Stage,
}

enum Stage {
    /// The cache is asked.
    Remembering(oneshot::Receiver<Option<Phrase>>, String),
    /// The voice speaks; what it says is kept, unless it becomes too long or mixed.
    Speaking(Option<Phrase>),
}

impl Speaking {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<TtsInput>,
        mut spoken: mpsc::Receiver<TtsEvent>,
        out: mpsc::Sender<TtsEvent>,
    ) {
        let mut listening = true;
        loop {
            self.begin_next();
            if !listening && self.current.is_none() && self.ready.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                order = orders.recv(), if listening => match order {
                    Some(TtsInput::Speak { clause, text }) => self.waiting.push_back((clause, text)),
                    Some(TtsInput::Cancel(generation)) => self.cancel(generation).await,
                    None => listening = false,
                },
                room = out.reserve(), if !self.ready.is_empty() => {
                    let Ok(room) = room else { return };
                    if let Some(event) = self.ready.pop_front() {
                        room.send(event);
                    }
                }
                found = remembered(&mut self.current), if self.ready.is_empty() => self.found(found).await,
                event = spoken.recv(), if self.ready.is_empty() => match event {
                    Some(event) => self.hear(event),
                    // The driver sees the end of the channel, as it would without us.
                    None => return,
                },
            }
        }
    }

    fn begin_next(&mut self) {
        if self.current.is_some() {
            return;
        }
        let Some((clause, text)) = self.waiting.pop_front() else {
            return;
        };
        let [name, language, voice] = &self.named;
        let key = CacheKey::new("phrase", &[name, language, voice, &text]);
        let (answer, found) = oneshot::channel();
        let cache = self.cache.clone();
        tokio::task::spawn_blocking(move || {
            let _ = answer.send(cache.get(&key).and_then(|bytes| Phrase::decode(&bytes)));
        });
        self.current = Some(Current {
            clause,
            key,
            stage: Stage::Remembering(found, text),
        });
    }

    async fn cancel(&mut self, generation: Generation) {
        let alive = |clause: ClauseId| clause.generation > generation;
        self.waiting.retain(|(clause, _)| alive(*clause));
        self.ready.retain(|event| alive(event.clause()));
        self.current.take_if(|current| !alive(current.clause));
        let _ = self.voice.send(TtsInput::Cancel(generation)).await;
    }

    /// Takes the cache's answer for the current clause.
    async fn found(&mut self, phrase: Option<Phrase>) {
        let Some(current) = &mut self.current else {
            return;
        };
        let clause = current.clause;
        if let Some(phrase) = phrase {
            self.current = None;
            self.ready.extend(phrase.events(clause));
            return;
        }
        let before =
            std::mem::replace(&mut current.stage, Stage::Speaking(Some(Phrase::default())));
        if let Stage::Remembering(_, text) = before {
            let _ = self.voice.send(TtsInput::Speak { clause, text }).await;
        }
    }

    /// Takes what the voice said. What it says of clauses that were cancelled is dropped.
    fn hear(&mut self, event: TtsEvent) {
        let Some(current) = self
            .current
            .as_mut()
            .filter(|current| current.clause == event.clause())
        else {
            return;
        };
        if let Stage::Speaking(kept) = &mut current.stage {
            kept.take_if(|phrase| !phrase.add(&event, LONGEST));
        }
        if matches!(event, TtsEvent::Done(_) | TtsEvent::Failed { .. })
            && let Some(Current {
                key,
                stage: Stage::Speaking(Some(phrase)),
                ..
            }) = self.current.take()
            && matches!(event, TtsEvent::Done(_))
        {
            let cache = self.cache.clone();
            tokio::task::spawn_blocking(move || cache.put(&key, phrase.encode()));
        }
        self.ready.push_back(event);
    }
}

/// Waits for the cache's answer; for ever when nothing was asked.
async fn remembered(current: &mut Option<Current>) -> Option<Phrase> {
    match current {
        Some(Current {
            stage: Stage::Remembering(found, _),
            ..
        }) => found.await.ok().flatten(),
        _ => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
