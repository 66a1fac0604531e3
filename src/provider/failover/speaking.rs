//! Several voices as one: who gives no sound in time, or fails, is replaced by the next, in the middle of a clause too.
//!
//! A clause whose voice fails before its first sound is said by the next voice as if nothing had been; one that breaks off
//! goes on with the word that was cut. Clauses that wait go to the new voice, too, which keeps the call: going back and
//! forth between voices would be heard. Cancelling is passed on to whoever speaks; dropping the stream drops the voice's.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use call::{ClauseId, Generation};
use tokio::sync::mpsc;

use super::{
    BreakerSettings, Chain, Changes, Limits, Order, closed, nobody, piece::Piece, sleep_until,
    too_slow,
};
use crate::{
    driver::clock,
    provider::{
        BoxFuture, ProviderError, ProviderErrorKind, TextToSpeech, TtsEvent, TtsInput, TtsOptions,
        TtsStream,
    },
};

/// Clauses that may wait; a reply with more of them is cut, and the cut clauses are reported as failed.
const WAITING: usize = 256;
/// Orders on their way in; they are taken at once.
const ORDERS: usize = 32;
/// Pieces of sound on their way out; beyond that the voice waits.
const EVENTS: usize = 32;

/// A voice service in its place.
#[derive(Debug, Clone)]
pub struct Voice {
    /// Speaks.
    pub service: Arc<dyn TextToSpeech>,
    /// The voice, by the service's own name, of calls that name none; its default when empty.
    pub voice: String,
}

/// See the module.
#[derive(Debug)]
pub struct Speaking {
    chain: Chain<dyn TextToSpeech>,
    voices: Arc<[String]>,
    limits: Limits,
}

impl Speaking {
    /// Makes one voice of these, the preferred first.
    #[must_use]
    pub fn new(voices: Vec<Voice>, limits: Limits, breaker: BreakerSettings) -> Self {
        let (services, voices): (Vec<_>, Vec<_>) = voices
            .into_iter()
            .map(|voice| (voice.service, voice.voice))
            .unzip();
        Self {
            chain: Chain::new(services, breaker),
            voices: voices.into(),
            limits,
        }
    }

    fn unspoken(&self, language: &str) -> ProviderError {
        let names: Vec<_> = self.chain.services().map(|tts| tts.name()).collect();
        let message = format!(
            "none of the voices of this server ({}) speaks {language}; add one that does to tts.providers, like espeak",
            names.join(", ")
        );
        ProviderError::new(ProviderErrorKind::Unsupported, message)
    }
}

fn with_voice(options: &TtsOptions, voices: &[String], place: usize) -> TtsOptions {
    let mut options = options.clone();
    if options.voice.is_empty() {
        options.voice.clone_from(&voices[place]);
    }
    options
}

impl TextToSpeech for Speaking {
    fn name(&self) -> &'static str {
        self.chain
            .services()
            .next()
            .map_or("none", |tts| tts.name())
    }

    fn speaks(&self, language: &str) -> bool {
        self.chain.services().any(|tts| tts.speaks(language))
    }

    fn check(&self, options: &TtsOptions) -> Result<(), ProviderError> {
        let mut refused = None;
        for (place, tts) in self.chain.services().enumerate() {
            if tts.speaks(&options.language) {
                match tts.check(&with_voice(options, &self.voices, place)) {
                    Ok(()) => return Ok(()),
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
        }
        Err(refused.unwrap_or_else(|| self.unspoken(&options.language)))
    }

    fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        Box::pin(async move {
            let order = self.chain.order(|tts| tts.speaks(&options.language));
            if !order.has_another(&[]) {
                return Err(self.unspoken(&options.language));
            }
            let (input, orders) = mpsc::channel(ORDERS);
            let (out, events) = mpsc::channel(EVENTS);
            let session = Session {
                chain: self.chain.clone(),
                voices: self.voices.clone(),
                order,
                limits: self.limits,
                options,
                pieces: VecDeque::new(),
                cancel: None,
                ready: VecDeque::new(),
                changes: Changes::default(),
                tried: Vec::new(),
                last: nobody("voice", ""),
                worked: false,
                resting: false,
                quiet_since: None,
            };
            tokio::spawn(session.run(orders, out));
            Ok(TtsStream { input, events })
        })
    }
}

/// Who speaks.
enum Current {
    Nobody,
    Opening(usize, BoxFuture<'static, Result<TtsStream, ProviderError>>),
    Open(usize, TtsStream),
}

/// One call.
struct Session {
    chain: Chain<dyn TextToSpeech>,
    voices: Arc<[String]>,
    order: Order,
    limits: Limits,
    options: TtsOptions,
    /// Clauses that are not complete, in order; the first is being spoken.
    pieces: VecDeque<Piece>,
    /// What the voice has to be told before anything else.
    cancel: Option<Generation>,
    /// Events for the driver; more are only fetched when this is empty.
    ready: VecDeque<TtsEvent>,
    changes: Changes,
    /// Who failed since somebody last made a sound.
    tried: Vec<usize>,
    last: ProviderError,
    /// Whether the voice under way has made a sound.
    worked: bool,
    /// Whether all have failed, and no new clause has come since.
    resting: bool,
    /// Since when the first clause waits for sound of the voice, and nothing else.
    quiet_since: Option<Instant>,
}

impl Session {
    async fn run(mut self, mut orders: mpsc::Receiver<TtsInput>, out: mpsc::Sender<TtsEvent>) {
        let mut current = Current::Nobody;
        let mut listening = true;
        loop {
            if matches!(current, Current::Nobody) && !(self.resting && self.pieces.is_empty()) {
                current = self.choose();
            }
            if !listening && self.pieces.is_empty() && self.ready.is_empty() {
                return;
            }
            let due = self.due();
            let (order, hears) = (self.next_order(), self.ready.is_empty());
            tokio::select! {
                biased;
                order = orders.recv(), if listening => match order {
                    Some(TtsInput::Speak { clause, text }) => self.add(clause, text),
                    Some(TtsInput::Cancel(generation)) => self.cancel(generation),
                    None => listening = false,
                },
                room = out.reserve(), if !self.ready.is_empty() => {
                    let Ok(room) = room else { return };
                    if let Some(event) = self.ready.pop_front() {
                        room.send(event);
                    }
                }
                (place, step) = step(&mut current, order, hears) => {
                    if let Err(error) = self.step(place, step, &mut current) {
                        self.failed(place, error);
                        current = Current::Nobody;
                    }
                }
                () = sleep_until(due) => {
                    if let Current::Open(place, _) = current {
                        self.failed(place, too_slow(self.name(place), "sound"));
                        current = Current::Nobody;
                    }
                }
            }
        }
    }

    fn name(&self, place: usize) -> &'static str {
        self.chain.at(place).service.name()
    }

    /// Does what one step of a voice means.
    ///
    /// # Errors
    /// When the voice is not to be used any more.
    fn step(
        &mut self,
        place: usize,
        step: Step,
        current: &mut Current,
    ) -> Result<(), ProviderError> {
        match step {
            Step::Opened(opened) => {
                *current = Current::Open(place, opened?);
                self.worked = false;
            }
            Step::Took => self.sent(),
            Step::Said(event) => self.hear(place, event)?,
            Step::Gone => return Err(closed(self.name(place))),
        }
        Ok(())
    }

    /// Begins to open the next voice. When there is none left, the clause under way fails, and the next one may try all
    /// of them again.
    fn choose(&mut self) -> Current {
        let Some(place) = self.order.next(&self.chain, &self.tried) else {
            self.tried.clear();
            self.resting = true;
            self.ready
                .extend(self.pieces.pop_front().map(|piece| TtsEvent::Failed {
                    clause: piece.clause,
                    error: self.last.clone(),
                }));
            return Current::Nobody;
        };
        self.tried.push(place);
        self.resting = false;
        let service = self.chain.at(place).service.clone();
        let options = with_voice(&self.options, &self.voices, place);
        let limit = self
            .order
            .has_another(&self.tried)
            .then_some(self.limits.sound);
        let opening = async move {
            let opening = service.open(options);
            match limit {
                None => opening.await,
                Some(limit) => match clock::timeout(limit, opening).await {
                    Some(opened) => opened,
                    None => Err(too_slow(service.name(), "connection")),
                },
            }
        };
        Current::Opening(place, Box::pin(opening))
    }

    fn add(&mut self, clause: ClauseId, text: String) {
        if self.pieces.len() < WAITING {
            self.pieces.push_back(Piece::new(clause, text));
            return;
        }
        let error = ProviderError::new(
            ProviderErrorKind::Busy,
            "more clauses wait to be spoken than a call can hold; cancel the reply or send less text",
        );
        self.ready.push_back(TtsEvent::Failed { clause, error });
    }

    fn cancel(&mut self, generation: Generation) {
        let alive = |clause: ClauseId| clause.generation > generation;
        self.pieces.retain(|piece| alive(piece.clause));
        self.ready.retain(|event| alive(event.clause()));
        self.cancel = Some(generation);
        self.quiet_since = None;
    }

    /// What the voice has to be told next.
    fn next_order(&self) -> Option<TtsInput> {
        if let Some(generation) = self.cancel {
            return Some(TtsInput::Cancel(generation));
        }
        let piece = self.pieces.iter().find(|piece| !piece.sent)?;
        Some(TtsInput::Speak {
            clause: piece.clause,
            text: piece.text.clone(),
        })
    }

    fn sent(&mut self) {
        if self.cancel.take().is_none()
            && let Some(piece) = self.pieces.iter_mut().find(|piece| !piece.sent)
        {
            piece.sent = true;
        }
    }

    /// When the voice is given up, if another one could be asked: as long as only its sound is waited for.
    fn due(&mut self) -> Option<Instant> {
        let waits = self.ready.is_empty() && self.pieces.front().is_some_and(|piece| piece.sent);
        if !waits {
            self.quiet_since = None;
            return None;
        }
        let since = *self.quiet_since.get_or_insert_with(clock::now);
        let another = self.order.has_another(&self.tried);
        another.then(|| since + self.limits.sound)
    }

    /// Takes what the voice said.
    fn hear(&mut self, place: usize, event: TtsEvent) -> Result<(), ProviderError> {
        let clause = event.clause();
        // What it says of clauses that were cancelled is dropped.
        let Some(piece) = self
            .pieces
            .front_mut()
            .filter(|piece| piece.clause == clause && piece.sent)
        else {
            return Ok(());
        };
        self.quiet_since = None;
        match event {
            TtsEvent::Failed { error, .. } => return Err(error),
            TtsEvent::Words { ends, .. } => {
                let all = piece.add_words(ends);
                self.ready
                    .extend(all.map(|ends| TtsEvent::Words { clause, ends }));
            }
            TtsEvent::Audio {
                ref samples, rate, ..
            } => {
                piece.add_sound(samples.len(), rate);
                if !std::mem::replace(&mut piece.named, true) {
                    let served = self.changes.served(self.chain.at(place).service.name());
                    self.ready.push_back(TtsEvent::Served { clause, served });
                    self.chain.at(place).breaker.succeeded();
                    self.worked = true;
                    self.tried = vec![place];
                }
                self.ready.push_back(event);
            }
            TtsEvent::Done(_) => {
                self.pieces.pop_front();
                self.ready.push_back(event);
            }
            TtsEvent::Served { .. } => {}
        }
        Ok(())
    }

    /// A voice is not used any more: the next one gets everything that was not said.
    fn failed(&mut self, place: usize, error: ProviderError) {
        let candidate = self.chain.at(place);
        candidate.breaker.failed(&error);
        self.changes.failed(candidate.service.name(), error.clone());
        self.last = error;
        self.cancel = None;
        self.quiet_since = None;
        // One that had spoken may be tried again, after the others.
        if std::mem::take(&mut self.worked) {
            self.order.able.retain(|&other| other != place);
            self.order.able.push(place);
            self.tried.clear();
        }
        let mut first = true;
        self.pieces.retain_mut(|piece| {
            let rest = piece.take_over();
            let over = std::mem::take(&mut first) && piece.has_sounded() && !rest;
            if over {
                self.ready.push_back(TtsEvent::Done(piece.clause));
            }
            !over
        });
    }
}

/// What a voice did.
enum Step {
    Opened(Result<TtsStream, ProviderError>),
    Said(TtsEvent),
    /// The order it was to be given.
    Took,
    Gone,
}

/// Waits for what the voice does next, for ever when there is none: to be opened, to take `order`, and to say something
/// when anybody `hears`. Nothing is lost when this is dropped before it is ready.
async fn step(current: &mut Current, order: Option<TtsInput>, hears: bool) -> (usize, Step) {
    let (place, stream) = match current {
        Current::Nobody => return std::future::pending().await,
        Current::Opening(place, opening) => return (*place, Step::Opened(opening.await)),
        Current::Open(place, stream) => (*place, stream),
    };
    let step = tokio::select! {
        biased;
        event = stream.events.recv(), if hears => event.map_or(Step::Gone, Step::Said),
        room = stream.input.reserve(), if order.is_some() => match (room, order) {
            (Ok(room), Some(order)) => {
                room.send(order);
                Step::Took
            }
            // What it has said before counts; after that its events end, too.
            _ => stream.events.recv().await.map_or(Step::Gone, Step::Said),
        },
        else => std::future::pending().await,
    };
    (place, step)
}
