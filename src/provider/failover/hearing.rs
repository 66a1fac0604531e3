//! Several recognisers as one: who dies in the middle of a call is replaced, and its successor is given the sound that
//! was not recognised yet.
//!
//! A recogniser counts as dead when its stream ends, when it says so, or when it does not answer a request for final words
//! in time while another could be asked. Dropping the stream closes the connection of whoever serves.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use tokio::sync::mpsc;

use super::{
    BreakerSettings, Chain, Changes, Limits, Order, closed, memory::Memory, nobody, sleep_until,
    too_slow,
};
use crate::{
    driver::clock,
    provider::{BoxFuture, ProviderError, SpeechToText, SttEvent, SttInput, SttOptions, SttStream},
};

/// Sound on its way in: one second. It is taken at once.
const INPUT: usize = 50;
/// Words on their way out; beyond that the recogniser waits.
const EVENTS: usize = 32;

/// See the module.
#[derive(Debug)]
pub struct Hearing {
    chain: Chain<dyn SpeechToText>,
    limits: Limits,
}

impl Hearing {
    /// Makes one recogniser of these, the preferred first.
    #[must_use]
    pub fn new(
        recognisers: Vec<Arc<dyn SpeechToText>>,
        limits: Limits,
        breaker: BreakerSettings,
    ) -> Self {
        Self {
            chain: Chain::new(recognisers, breaker),
            limits,
        }
    }
}

impl SpeechToText for Hearing {
    fn name(&self) -> &'static str {
        self.chain
            .services()
            .next()
            .map_or("none", |stt| stt.name())
    }

    fn understands(&self, language: &str) -> bool {
        self.chain.services().any(|stt| stt.understands(language))
    }

    fn open(&self, options: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        Box::pin(async move {
            let (input, sound) = mpsc::channel(INPUT);
            let (words, events) = mpsc::channel(EVENTS);
            let session = Session {
                order: self.chain.order(|stt| stt.understands(&options.language)),
                chain: self.chain.clone(),
                limits: self.limits,
                options,
                sound,
                words,
                memory: Memory::default(),
                changes: Changes::default(),
                tried: Vec::new(),
            };
            tokio::spawn(session.run());
            Ok(SttStream { input, events })
        })
    }
}

/// One call.
struct Session {
    chain: Chain<dyn SpeechToText>,
    order: Order,
    limits: Limits,
    options: SttOptions,
    sound: mpsc::Receiver<SttInput>,
    words: mpsc::Sender<SttEvent>,
    memory: Memory,
    changes: Changes,
    /// Who failed since somebody last recognised something.
    tried: Vec<usize>,
}

/// Why a recogniser is not used any more.
enum Ended {
    /// The call is over.
    Over,
    /// It failed; whether it had recognised anything.
    Failed(ProviderError, bool),
}

impl Session {
    async fn run(mut self) {
        let mut last = nobody("recogniser", &self.options.language);
        while let Some(place) = self.order.next(&self.chain, &self.tried) {
            self.tried.push(place);
            let ended = match self.open(place).await {
                Ok(Some(stream)) => self.serve(place, stream).await,
                Ok(None) => Ended::Over,
                Err(error) => Ended::Failed(error, false),
            };
            let Ended::Failed(error, worked) = ended else {
                return;
            };
            let candidate = self.chain.at(place);
            candidate.breaker.failed(&error);
            self.changes.failed(candidate.service.name(), error.clone());
            last = error;
            if worked {
                // The others first; then it may try again itself.
                self.order.able.retain(|&other| other != place);
                self.order.able.push(place);
                self.tried.clear();
            }
        }
        // An error means that the call is over; so everywhere in this file.
        let _ = self.words.send(SttEvent::Failed(last)).await;
    }

    /// Opens one, keeping the sound meanwhile; `None` when the call ends first.
    async fn open(&mut self, place: usize) -> Result<Option<SttStream>, ProviderError> {
        let service = self.chain.at(place).service.clone();
        let limited = self.order.has_another(&self.tried);
        let (options, limit) = (self.options.clone(), self.limits.words);
        let opening = async move {
            if !limited {
                return service.open(options).await;
            }
            match clock::timeout(limit, service.open(options)).await {
                Some(opened) => opened,
                None => Err(too_slow(service.name(), "connection")),
            }
        };
        tokio::pin!(opening);
        loop {
            tokio::select! {
                biased;
                opened = &mut opening => return opened.map(Some),
                input = self.sound.recv() => match input {
                    Some(input) => self.memory.push(&input),
                    None => return Ok(None),
                },
            }
        }
    }

    async fn serve(&mut self, place: usize, mut stream: SttStream) -> Ended {
        let name = self.chain.at(place).service.name();
        let mut waiting = self.memory.replay();
        let (mut worked, mut told) = (false, false);
        let mut most = waiting.len() + INPUT;
        let mut asked: VecDeque<(u32, Instant)> = VecDeque::new();
        loop {
            let limited = self.order.has_another(&self.tried);
            let due = asked.front().map(|(_, due)| *due).filter(|_| limited);
            tokio::select! {
                biased;
                event = stream.events.recv() => {
                    let event = match event {
                        Some(SttEvent::Failed(error)) => return Ended::Failed(error, worked),
                        None => return Ended::Failed(closed(name), worked),
                        Some(event) => event,
                    };
                    if let SttEvent::Final { mark, .. } = event {
                        self.memory.recognised(mark);
                        asked.retain(|(asked, _)| Some(*asked) != mark);
                    }
                    self.chain.at(place).breaker.succeeded();
                    worked = true;
                    self.tried = vec![place];
                    if !told {
                        told = true;
                        let served = self.changes.served(name);
                        if self.words.send(SttEvent::Served(served)).await.is_err() {
                            return Ended::Over;
                        }
                    }
                    if self.words.send(event).await.is_err() {
                        return Ended::Over;
                    }
                }
                room = stream.input.reserve(), if !waiting.is_empty() => {
                    // A closed input is followed by the end of its events, which says more.
                    let Ok(room) = room else {
                        waiting.clear();
                        continue;
                    };
                    if let Some(input) = waiting.pop_front() {
                        if let SttInput::Flush(mark) = input {
                            asked.push_back((mark, clock::now() + self.limits.words));
                        }
                        room.send(input);
                        most = most.min(waiting.len() + INPUT);
                    }
                }
                // When it does not keep up, the driver's queue fills, which drops the oldest sound and counts it.
                input = self.sound.recv(), if waiting.len() < most => {
                    let Some(input) = input else { return Ended::Over };
                    self.memory.push(&input);
                    waiting.push_back(input);
                }
                () = sleep_until(due) => return Ended::Failed(too_slow(name, "words"), worked),
            }
        }
    }
}
