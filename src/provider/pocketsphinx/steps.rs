//! The recogniser as a call uses it, one step after the other and without a runtime: the same gate and the same orders to
//! a worker, but each is answered before the next is given. So what it hears depends on the sound alone, and what each
//! step costs can be timed. For measuring words; `lockstep` is for whole calls on virtual time.

use std::{
    io::{self, Read, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::{
    gate::Gate,
    recogniser::Recogniser,
    wire::{Answer, Order},
    worker,
};
use crate::provider::{SttEvent, SttInput, SttOptions};

/// One call's recogniser, step by step.
#[derive(Debug)]
pub struct Steps {
    gate: Gate,
    behind: Behind,
}

/// Who carries out the orders.
#[derive(Debug)]
enum Behind {
    Here(Box<Recogniser>),
    Worker(Box<Worker>),
}

#[derive(Debug)]
struct Worker {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    incoming: Vec<u8>,
}

impl Steps {
    /// Drives a recogniser inside this process.
    ///
    /// # Errors
    /// When the recogniser fails.
    pub fn here(recogniser: Recogniser, options: SttOptions) -> Result<Self, String> {
        Self::greet(Behind::Here(Box::new(recogniser)), options)
    }

    /// Drives a worker, started as `PROGRAM worker speech FOLDER`.
    ///
    /// # Errors
    /// When no worker can be started, or it cannot load its models.
    pub fn worker(program: &Path, models: &Path, options: SttOptions) -> Result<Self, String> {
        let mut worker = Worker::start(program, models)
            .map_err(|error| format!("no recogniser's worker can be started: {error}"))?;
        // Its models are loaded.
        worker.next()?;
        Self::greet(Behind::Worker(Box::new(worker)), options)
    }

    fn greet(behind: Behind, options: SttOptions) -> Result<Self, String> {
        let mut new = Self {
            gate: Gate::default(),
            behind,
        };
        new.behind.carry_out(Order::Call {
            narrowband: options.narrowband,
            hints: options.hints,
        })?;
        Ok(new)
    }

    /// Gives it the next thing and returns all that it says to it.
    ///
    /// # Errors
    /// When the recogniser or its worker fails.
    pub fn input(&mut self, input: SttInput) -> Result<Vec<SttEvent>, String> {
        let mut events = Vec::new();
        match input {
            SttInput::Audio(frame) => self.gate.audio(frame),
            SttInput::SpeechStarted => self.gate.speech_started(),
            SttInput::Expect(expected) => self.gate.expect(expected),
            SttInput::Flush(mark) => {
                if self.gate.flush(mark) {
                    events.push(SttEvent::Final {
                        text: String::new(),
                        mark: Some(mark),
                    });
                }
            }
        }
        while let Some(order) = self.gate.next_order() {
            match self.behind.carry_out(order)? {
                Answer::Done => {}
                Answer::Partial(text) => events.push(SttEvent::Partial(text)),
                Answer::Final(text) => {
                    let mark = self.gate.answered();
                    events.push(SttEvent::Final { text, mark });
                }
                Answer::Failed(reason) => return Err(format!("the recogniser gave up: {reason}")),
            }
        }
        Ok(events)
    }
}

impl Behind {
    fn carry_out(&mut self, order: Order) -> Result<Answer, String> {
        match self {
            Self::Here(recogniser) => {
                worker::carry_out(order, recogniser).map_err(|error| error.to_string())
            }
            Self::Worker(worker) => {
                let mut bytes = Vec::new();
                order.encode(&mut bytes);
                let sent = worker
                    .stdin
                    .write_all(&bytes)
                    .and_then(|()| worker.stdin.flush());
                sent.map_err(|error| format!("the recogniser's worker is gone: {error}"))?;
                worker.next()
            }
        }
    }
}

impl Worker {
    fn start(program: &Path, models: &Path) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(["worker", "speech"])
            .arg(models)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let missing = || io::Error::other("a worker was started without its pipes");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        Ok(Self {
            child,
            stdin,
            stdout,
            incoming: Vec::new(),
        })
    }

    /// Waits for the next answer.
    fn next(&mut self) -> Result<Answer, String> {
        loop {
            if let Some(answer) =
                Answer::take(&mut self.incoming).map_err(|error| error.to_string())?
            {
                return match answer {
                    Answer::Failed(reason) => Err(format!("the recogniser gave up: {reason}")),
                    answer => Ok(answer),
                };
            }
            let mut piece = [0; 4096];
            match self.stdout.read(&mut piece) {
                Ok(0) => return Err("the recogniser's worker ended by itself".to_owned()),
                Ok(count) => self.incoming.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("the worker cannot be read: {error}")),
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
