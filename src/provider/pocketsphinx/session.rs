//! One call's listening: sound through the gate to a worker, words back, and a new worker when the old one dies
//! or hangs.
//!
//! Two workers in a row may fail without having given final words; at the third the recogniser is given up, for then
//! the sound or the machine would kill the next one too.

use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
};

use super::{
    gate::Gate,
    pool::{Pool, Worker},
    wire::{Answer, Order},
};
use crate::{
    driver::clock,
    provider::{ProviderError, ProviderErrorKind, SttEvent, SttInput, SttOptions},
};

/// How long a worker may keep an answer waiting before it is replaced. It may have to wait for a processor, and
/// a first answer includes the loading of the models.
const PATIENCE: Duration = Duration::from_secs(8);
/// Workers that may be replaced one after the other without final words in between.
const REPLACEMENTS: u32 = 2;
/// Events that wait for the driver before no more input is taken.
const UNREAD: usize = 64;

/// A call's side of a worker.
#[derive(Debug)]
pub(super) struct Session {
    pool: Arc<Pool>,
    call: Order,
    worker: Worker,
    gate: Gate,
    /// Bytes on their way to the worker, and how many of them are written.
    outgoing: (Vec<u8>, usize),
    incoming: Vec<u8>,
    /// Answers that the worker owes, and when the next of them is too late.
    due: usize,
    deadline: Instant,
    /// Workers replaced since the last final words.
    replaced: u32,
    events: VecDeque<SttEvent>,
}

/// Something that can happen next.
enum Happened {
    Input(Option<SttInput>),
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    Delivered(bool),
    Hangs,
}

impl Session {
    pub(super) fn new(pool: Arc<Pool>, worker: Worker, options: SttOptions) -> Self {
        let call = Order::Call {
            narrowband: options.narrowband,
            hints: options.hints,
        };
        let mut session = Self {
            pool,
            call,
            worker,
            gate: Gate::default(),
            outgoing: (Vec::new(), 0),
            incoming: Vec::new(),
            due: 0,
            deadline: clock::now(),
            replaced: 0,
            events: VecDeque::new(),
        };
        session.greet();
        session
    }

    /// Runs until the driver drops its ends, or no worker can be kept.
    pub(super) async fn run(
        mut self,
        mut input: mpsc::Receiver<SttInput>,
        out: mpsc::Sender<SttEvent>,
    ) {
        loop {
            self.fill_outgoing();
            let result = match self.next(&mut input, &out).await {
                Happened::Input(Some(input)) => {
                    self.input(input);
                    Ok(())
                }
                Happened::Input(None) | Happened::Delivered(false) => return,
                Happened::Delivered(true) => Ok(()),
                Happened::Written(result) => self.written(result),
                Happened::Read(result) => self.read(result),
                Happened::Hangs => Err("did not answer in time".to_owned()),
            };
            let result = match result {
                Ok(()) if self.gate.is_hopeless() => {
                    Err("cannot keep up with the speech".to_owned())
                }
                other => other,
            };
            if let Err(reason) = result
                && let Err(error) = self.replace(&reason)
            {
                // Words that are still undelivered come before the end.
                self.events.push_back(SttEvent::Failed(error));
                for event in self.events {
                    if out.send(event).await.is_err() {
                        return;
                    }
                }
                return;
            }
        }
    }

    async fn next(
        &mut self,
        input: &mut mpsc::Receiver<SttInput>,
        out: &mpsc::Sender<SttEvent>,
    ) -> Happened {
        let (bytes, written) = &self.outgoing;
        tokio::select! {
            biased;
            room = out.reserve(), if !self.events.is_empty() => {
                let (Ok(room), Some(event)) = (room, self.events.pop_front()) else {
                    return Happened::Delivered(false);
                };
                room.send(event);
                Happened::Delivered(true)
            }
            read = self.worker.stdout.read_buf(&mut self.incoming) => Happened::Read(read),
            done = self.worker.stdin.write(&bytes[*written..]), if !bytes.is_empty() => Happened::Written(done),
            order = input.recv(), if self.events.len() < UNREAD => Happened::Input(order),
            () = clock::sleep_until(self.deadline), if self.due > 0 => Happened::Hangs,
        }
    }

    fn input(&mut self, input: SttInput) {
        match input {
            SttInput::Audio(frame) => self.gate.audio(frame),
            SttInput::SpeechStarted => self.gate.speech_started(),
            SttInput::Expect(expected) => self.gate.expect(expected),
            SttInput::Flush(mark) => {
                if self.gate.flush(mark) {
                    self.events.push_back(SttEvent::Final {
                        text: String::new(),
                        mark: Some(mark),
                    });
                }
            }
        }
    }

    fn fill_outgoing(&mut self) {
        if self.outgoing.0.is_empty()
            && let Some(order) = self.gate.next_order()
        {
            order.encode(&mut self.outgoing.0);
            self.owe(1);
        }
    }

    fn written(&mut self, result: io::Result<usize>) -> Result<(), String> {
        let count = result.map_err(|error| format!("closed its input ({error})"))?;
        let (bytes, written) = &mut self.outgoing;
        *written += count;
        if *written == bytes.len() {
            bytes.clear();
            *written = 0;
        }
        Ok(())
    }

    fn read(&mut self, result: io::Result<usize>) -> Result<(), String> {
        match result {
            Ok(0) => return Err("ended by itself".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(format!("cannot be read ({error})")),
        }
        while let Some(answer) =
            Answer::take(&mut self.incoming).map_err(|error| error.to_string())?
        {
            self.due = self.due.saturating_sub(1);
            self.deadline = clock::now() + PATIENCE;
            match answer {
                Answer::Done => {}
                Answer::Partial(text) => self.partial(text),
                Answer::Final(text) => {
                    self.replaced = 0;
                    let mark = self.gate.answered();
                    self.events.push_back(SttEvent::Final { text, mark });
                }
                Answer::Failed(reason) => return Err(format!("gave up: {reason}")),
            }
        }
        Ok(())
    }

    /// A newer partial takes the place of one that was not fetched.
    fn partial(&mut self, text: String) {
        if let Some(SttEvent::Partial(unread)) = self.events.back_mut() {
            *unread = text;
        } else {
            self.events.push_back(SttEvent::Partial(text));
        }
    }

    /// Puts a new worker in the place of one that is dead or hangs.
    fn replace(&mut self, reason: &str) -> Result<(), ProviderError> {
        let failed = |message: String| ProviderError::new(ProviderErrorKind::Unavailable, message);
        if self.replaced == REPLACEMENTS {
            return Err(failed(format!(
                "the speech recogniser failed three times in a row: its worker {reason}"
            )));
        }
        self.replaced += 1;
        tracing::warn!(reason, "a speech recogniser's worker is replaced");
        // Dropping the old worker kills it.
        self.worker = self.pool.take().map_err(|error| {
            failed(format!(
                "no worker for speech recognition can be started: {error}"
            ))
        })?;
        self.gate.rewind();
        self.incoming.clear();
        self.outgoing = (Vec::new(), 0);
        self.greet();
        Ok(())
    }

    /// Begins with a new worker: its models are loading, and it is told of the call.
    fn greet(&mut self) {
        self.call.encode(&mut self.outgoing.0);
        self.due = 0;
        self.owe(2);
    }

    fn owe(&mut self, answers: usize) {
        if self.due == 0 {
            self.deadline = clock::now() + PATIENCE;
        }
        self.due += answers;
    }
}
