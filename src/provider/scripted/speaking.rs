//! A voice that buzzes: one buzz a word, as long as the word is.

use std::{
    collections::{HashMap, VecDeque},
    f32::consts::TAU,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc;

use crate::{
    driver::clock,
    provider::{BoxFuture, ProviderError, TextToSpeech, TtsEvent, TtsInput, TtsOptions, TtsStream},
};

/// Samples per second.
const RATE: u32 = 16_000;
/// Length of a buzz for each letter of its word: about four words a second, as people speak.
const PER_LETTER: Duration = Duration::from_millis(50);
/// Silence after each word.
const BETWEEN_WORDS: Duration = Duration::from_millis(40);
/// Samples per event: 100 ms.
const PIECE: usize = 1600;

/// A voice without any library.
///
/// Each word becomes a buzz with the harmonics and the rhythm of a voice (so that voice detection takes it for one)
/// of 50 ms per letter, and 40 ms of silence; the same text always gives the same samples. Dropping the stream ends
/// its task.
#[derive(Debug, Clone, Default)]
pub struct ScriptedTextToSpeech {
    first: Duration,
    /// What was said before. Clones share it, so that saying it again costs no computing.
    said: Arc<Mutex<HashMap<String, Arc<Buzz>>>>,
}

/// The sound of a text and where each of its words ends.
type Buzz = (Vec<i16>, Vec<Duration>);

impl ScriptedTextToSpeech {
    /// Makes a voice whose first sound of each clause comes after `first`.
    #[must_use]
    pub fn new(first: Duration) -> Self {
        Self {
            first,
            ..Self::default()
        }
    }

    /// Makes the sound of a text beforehand, so that saying it costs no computing.
    pub fn prepare(&self, text: &str) {
        self.buzz(text);
    }

    fn buzz(&self, text: &str) -> Arc<Buzz> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match said.get(text) {
            Some(buzz) => buzz.clone(),
            None => {
                let made = Arc::new(buzz(text));
                said.insert(text.to_owned(), made.clone());
                made
            }
        }
    }
}

impl TextToSpeech for ScriptedTextToSpeech {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn open(&self, _options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        // Input full: the driver waits. Events full: the voice waits, and still hears a cancel.
        let (input, received) = mpsc::channel(32);
        let (sender, events) = mpsc::channel(4);
        let voice = Voice {
            script: self.clone(),
            input: received,
            events: sender,
            waiting: VecDeque::new(),
        };
        tokio::spawn(voice.run());
        Box::pin(async move { Ok(TtsStream { input, events }) })
    }
}

/// One open voice.
struct Voice {
    script: ScriptedTextToSpeech,
    input: mpsc::Receiver<TtsInput>,
    events: mpsc::Sender<TtsEvent>,
    waiting: VecDeque<(call::ClauseId, String)>,
}

impl Voice {
    async fn run(mut self) {
        loop {
            let (clause, text) = match self.waiting.pop_front() {
                Some(next) => next,
                None => match self.input.recv().await {
                    Some(TtsInput::Speak { clause, text }) => (clause, text),
                    Some(TtsInput::Cancel(_)) => continue,
                    None => return,
                },
            };
            if self.speak(clause, &text).await.is_none() {
                return;
            }
        }
    }

    /// Speaks one clause; `None` when nobody listens any more.
    async fn speak(&mut self, clause: call::ClauseId, text: &str) -> Option<()> {
        let sound = self.script.buzz(text);
        let (samples, ends) = (&sound.0, sound.1.clone());
        let first = self.script.first;
        let pieces = samples.chunks(PIECE).map(|piece| TtsEvent::Audio {
            clause,
            samples: piece.to_vec(),
            rate: RATE,
        });
        let events = [TtsEvent::Words { clause, ends }]
            .into_iter()
            .chain(pieces)
            .chain([TtsEvent::Done(clause)]);
        if self
            .unless_canceled(clause, clock::sleep(first))
            .await?
            .is_none()
        {
            return Some(());
        }
        for event in events {
            let sender = self.events.clone();
            let Some(sent) = self
                .unless_canceled(clause, async move { sender.send(event).await })
                .await?
            else {
                return Some(());
            };
            sent.ok()?;
        }
        Some(())
    }

    /// Waits for `work` while listening for orders. `Some(None)` when the clause was canceled, `None` when the stream
    /// was dropped.
    async fn unless_canceled<T>(
        &mut self,
        clause: call::ClauseId,
        work: impl Future<Output = T>,
    ) -> Option<Option<T>> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                order = self.input.recv() => match order? {
                    TtsInput::Speak { clause, text } => self.waiting.push_back((clause, text)),
                    TtsInput::Cancel(generation) => {
                        self.waiting.retain(|(waiting, _)| waiting.generation > generation);
                        if clause.generation <= generation {
                            return Some(None);
                        }
                    }
                },
                done = &mut work => return Some(Some(done)),
            }
        }
    }
}

/// The sound of `text` and where each of its words ends.
fn buzz(text: &str) -> Buzz {
    let mut samples = Vec::new();
    let mut ends = Vec::new();
    for word in text.split_whitespace() {
        let letters = u32::try_from(word.chars().count())
            .unwrap_or(u32::MAX)
            .min(100);
        let length = samples_in(PER_LETTER * letters);
        let start = samples.len();
        samples.extend((0..length).map(|n| voiced(start + n, n, length)));
        ends.push(Duration::from_secs_f64(
            samples.len() as f64 / f64::from(RATE),
        ));
        samples.resize(samples.len() + samples_in(BETWEEN_WORDS), 0);
    }
    (samples, ends)
}

fn samples_in(length: Duration) -> usize {
    (length.as_millis() as usize) * (RATE as usize / 1000)
}

/// One sample of a buzz: harmonics of a gliding low pitch, louder around three formants, fading in and out.
fn voiced(at: usize, within: usize, length: usize) -> i16 {
    let seconds = at as f32 / RATE as f32;
    let pitch = 110.0;
    // A slow glide of the pitch, as its integral, so that the phase has no jumps.
    let phase = TAU * pitch * seconds + 4.0 * (TAU * 2.5 * seconds).sin();
    let mut sum = 0.0;
    for harmonic in 1..=30_u16 {
        let frequency = f32::from(harmonic) * pitch;
        let formant = |center: f32, width: f32| (-((frequency - center) / width).powi(2)).exp();
        let level = 0.9 * formant(550.0, 250.0)
            + 0.5 * formant(1400.0, 300.0)
            + 0.25 * formant(2500.0, 400.0)
            + 0.03;
        sum += level * (f32::from(harmonic) * phase).sin();
    }
    let edge = within.min(length - within) as f32 / 320.0;
    (sum * 2400.0 * edge.min(1.0)).clamp(-30_000.0, 30_000.0) as i16
}
