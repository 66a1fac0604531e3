//! Recognisers that hear whole utterances: what all of them share. Cuts the sound, asks for the words of what is being said
//! every now and then, and for the final words when it is over.
//!
//! What differs is a [`Transcriber`]: a function from sound to words. Which words of partial results are told is decided in
//! [`window`]; where an utterance begins and ends in the gate that PocketSphinx uses too.
//!
//! **Dropping the stream** drops the questions under way, which cancels them.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesOrdered};
use tokio::sync::mpsc;

use super::{
    BoxFuture, ProviderError, ProviderErrorKind, SttEvent, SttInput, SttOptions, SttStream,
    pocketsphinx::{gate::Gate, wire::Order},
};

mod window;

use window::Window;

/// Frames and flushes on their way in: one second. When full, the driver drops the oldest sound.
const INPUT: usize = 50;
/// Words on their way out. The session waits when they are not fetched.
const EVENTS: usize = 16;
/// Events that wait for the driver before nothing more is read.
const UNREAD: usize = 64;
/// The least sound in which words are looked for; below that models make them up.
const LEAST: usize = 16_000 / 5;

/// Sound of one speaker, to be made into words.
#[derive(Debug, Clone)]
pub(super) struct Sound {
    /// 16 kHz mono.
    pub(super) samples: Arc<[i16]>,
    /// BCP 47; US English when empty.
    pub(super) language: Arc<str>,
    /// Words likely to be said.
    pub(super) hints: Arc<[String]>,
    /// Whether somebody waits for it: the utterance is over.
    pub(super) is_final: bool,
}

/// Some words and where they end in the sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// The words.
    pub(super) text: String,
    /// `None` when it is not known.
    pub(super) end: Option<Duration>,
}

/// Makes words of sound.
pub(super) trait Transcriber: fmt::Debug + Send + Sync + 'static {
    /// Returns the words. Dropping the future cancels the work as far as possible.
    fn transcribe(&self, sound: Sound) -> BoxFuture<'static, Result<Vec<Segment>, ProviderError>>;
    /// How much new sound there must be for another look at an utterance under way; `None` for no such looks.
    fn look_every(&self) -> Option<Duration>;
}

/// Starts the task that listens for one call.
pub(super) fn open(transcriber: Arc<dyn Transcriber>, options: SttOptions) -> SttStream {
    let (input, orders) = mpsc::channel(INPUT);
    let (out, events) = mpsc::channel(EVENTS);
    tokio::spawn(Session::new(transcriber, options).run(orders, out));
    SttStream { input, events }
}

type Answer = Result<Vec<Segment>, ProviderError>;

/// One call's listening.
#[derive(Debug)]
struct Session {
    transcriber: Arc<dyn Transcriber>,
    language: Arc<str>,
    hints: Arc<[String]>,
    gate: Gate,
    /// The utterance under way.
    window: Window,
    /// Samples of it that the last look was at.
    looked: usize,
    events: VecDeque<SttEvent>,
}

/// Questions under way.
#[derive(Default)]
struct Asked {
    /// Of utterances that are over, in their order, with what was known of their beginnings.
    finals: FuturesOrdered<BoxFuture<'static, (String, Answer)>>,
    look: Option<BoxFuture<'static, Answer>>,
}

enum Happened {
    Input(Option<SttInput>),
    Delivered(bool),
    Final(String, Answer),
    Looked(Answer),
}

impl Session {
    fn new(transcriber: Arc<dyn Transcriber>, options: SttOptions) -> Self {
        Self {
            transcriber,
            language: options.language.into(),
            hints: options.hints.into(),
            gate: Gate::default(),
            window: Window::default(),
            looked: 0,
            events: VecDeque::new(),
        }
    }

    async fn run(mut self, mut input: mpsc::Receiver<SttInput>, out: mpsc::Sender<SttEvent>) {
        let mut asked = Asked::default();
        loop {
            let result = match self.next(&mut asked, &mut input, &out).await {
                Happened::Input(None) | Happened::Delivered(false) => return,
                Happened::Delivered(true) => Ok(()),
                Happened::Input(Some(input)) => {
                    self.input(input, &mut asked);
                    Ok(())
                }
                Happened::Final(head, answer) => self.over(&head, answer),
                Happened::Looked(answer) => {
                    asked.look = None;
                    self.looked(answer)
                }
            };
            let result = match result {
                Ok(()) if self.gate.is_hopeless() => Err(ProviderError::new(
                    ProviderErrorKind::Timeout,
                    "The recogniser cannot keep up with the speech; choose a smaller model or another recogniser.",
                )),
                other => other,
            };
            if let Err(error) = result {
                self.events.push_back(SttEvent::Failed(error));
                for event in self.events {
                    if out.send(event).await.is_err() {
                        return;
                    }
                }
                return;
            }
            self.look(&mut asked);
        }
    }

    async fn next(
        &mut self,
        asked: &mut Asked,
        input: &mut mpsc::Receiver<SttInput>,
        out: &mpsc::Sender<SttEvent>,
    ) -> Happened {
        let (finals, look) = (&mut asked.finals, &mut asked.look);
        let looking = async {
            match look {
                Some(look) => look.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            room = out.reserve(), if !self.events.is_empty() => {
                let (Ok(room), Some(event)) = (room, self.events.pop_front()) else {
                    return Happened::Delivered(false);
                };
                room.send(event);
                Happened::Delivered(true)
            }
            () = out.closed() => Happened::Delivered(false),
            Some((head, answer)) = finals.next(), if !finals.is_empty() => Happened::Final(head, answer),
            answer = looking => Happened::Looked(answer),
            order = input.recv(), if self.events.len() < UNREAD => Happened::Input(order),
        }
    }

    fn input(&mut self, input: SttInput, asked: &mut Asked) {
        match input {
            SttInput::Audio(frame) => self.gate.audio(frame),
            SttInput::SpeechStarted => self.gate.speech_started(),
            // Whole utterances are transcribed by services that are told nothing.
            SttInput::Expect(_) => {}
            SttInput::Flush(mark) => {
                if self.gate.flush(mark) {
                    self.events.push_back(SttEvent::Final {
                        text: String::new(),
                        mark: Some(mark),
                    });
                }
            }
        }
        while let Some(order) = self.gate.next_order() {
            match order {
                Order::Begin(_) => {
                    self.window = Window::default();
                    self.looked = 0;
                }
                Order::Audio(samples) => self.window.push(&samples),
                Order::End => self.end(asked),
                Order::Call { .. } => {}
            }
        }
    }

    /// An utterance is over: what is left of it is asked for, and no look at it is of use any more.
    fn end(&mut self, asked: &mut Asked) {
        asked.look = None;
        let (head, samples) = std::mem::take(&mut self.window).finish();
        let answer: BoxFuture<'static, Answer> = if samples.len() < LEAST {
            Box::pin(std::future::ready(Ok(Vec::new())))
        } else {
            self.transcriber.transcribe(self.sound(samples, true))
        };
        asked
            .finals
            .push_back(Box::pin(async move { (head, answer.await) }));
    }

    /// Looks at the utterance under way when there is enough that is new, and nobody waits for another.
    fn look(&mut self, asked: &mut Asked) {
        let Some(every) = self.transcriber.look_every() else {
            return;
        };
        let samples = self.window.samples();
        let new = samples.len().saturating_sub(self.looked);
        let every = (every.as_millis() as usize) * 16;
        if asked.look.is_none() && asked.finals.is_empty() && new >= every && samples.len() >= LEAST
        {
            self.looked = samples.len();
            let sound = self.sound(samples.to_vec(), false);
            asked.look = Some(self.transcriber.transcribe(sound));
        }
    }

    fn looked(&mut self, answer: Answer) -> Result<(), ProviderError> {
        let segments = match answer {
            Ok(segments) => segments,
            // A look that was too much is left out; the final words are asked for in any case.
            Err(error) if error.is_retryable() => return Ok(()),
            Err(error) => return Err(error),
        };
        let before = self.window.samples().len();
        if let Some(text) = self.window.heard(&segments) {
            self.events.push_back(SttEvent::Partial(text));
        }
        // What was settled is cut off the front.
        let cut = before - self.window.samples().len();
        self.looked = self.looked.saturating_sub(cut);
        Ok(())
    }

    fn over(&mut self, head: &str, answer: Answer) -> Result<(), ProviderError> {
        let segments = answer?;
        let words = segments.iter().map(|segment| segment.text.trim());
        let words = std::iter::once(head)
            .chain(words)
            .filter(|text| !text.is_empty());
        let text = words.collect::<Vec<_>>().join(" ");
        let mark = self.gate.answered();
        self.events.push_back(SttEvent::Final { text, mark });
        Ok(())
    }

    fn sound(&self, samples: Vec<i16>, is_final: bool) -> Sound {
        Sound {
            samples: samples.into(),
            language: Arc::clone(&self.language),
            hints: Arc::clone(&self.hints),
            is_final,
        }
    }
}

#[cfg(test)]
mod tests;
