//! The recogniser for virtual time: every piece of sound is answered before anything else happens, so that the same
//! sound gives the same words at the same virtual instant on any machine.
//!
//! It blocks its thread while a worker computes and is therefore for a runtime of its own with a paused clock, where
//! blocking takes no time; never for a server. What the computing would have cost is stated as [`FINAL_DELAY`]. Answers
//! are remembered by everything that a worker was told before them, so that a call that is heard again costs nothing.

use std::{
    collections::HashMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::{
    gate::Gate,
    wire::{Answer, Order},
};
use crate::{
    driver::clock,
    provider::{
        BoxFuture, ProviderError, ProviderErrorKind, SpeechToText, SttEvent, SttInput, SttOptions,
        SttStream,
    },
};

/// The virtual time from a flush to its final words: what a worker needs for it on an idle core, rounded up.
pub const FINAL_DELAY: Duration = Duration::from_millis(40);
/// Frames and flushes on their way in; more than a session ever lets wait.
const INPUT: usize = 256;
/// Words on their way out.
const EVENTS: usize = 64;
/// The first line of a file of answers.
const HEADER: &str = "agentphone recogniser answers";

/// What identifies an answer: everything the worker was told so far.
type Key = [u8; 16];

/// PocketSphinx in lock-step. Clones share what they remember.
#[derive(Debug, Clone)]
pub struct LockStep {
    program: PathBuf,
    models: PathBuf,
    remembered: Arc<Mutex<HashMap<Key, Answer>>>,
}

impl LockStep {
    /// Makes the recogniser over the models in this folder; `program` is started as for a server's workers.
    #[must_use]
    pub fn new(models: &Path, program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            models: models.to_owned(),
            remembered: Arc::default(),
        }
    }

    /// Reads answers that an earlier run of the same recogniser remembered. A file that is missing, or of another
    /// recogniser, holds none.
    pub fn remember(&self, file: &Path) {
        let Ok(text) = fs::read_to_string(file) else {
            return;
        };
        let mut lines = text.lines();
        if lines.next() != Some(&self.header()) {
            return;
        }
        self.answers().extend(lines.filter_map(parse_line));
    }

    /// Writes what is remembered.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        let mut lines: Vec<_> = self.answers().iter().filter_map(write_line).collect();
        lines.sort_unstable();
        let mut out = io::BufWriter::new(fs::File::create(file)?);
        writeln!(out, "{}", self.header())?;
        for line in lines {
            writeln!(out, "{line}")?;
        }
        out.flush()
    }

    /// Names the recogniser that gave the answers.
    fn header(&self) -> String {
        format!("{HEADER} {}", hex(&key(&self.start())))
    }

    /// The state before the first order: whatever decides what a worker answers.
    fn start(&self) -> Sha256 {
        let mut state = Sha256::new();
        for part in super::recogniser::parts() {
            state.update(part);
        }
        state.update(self.models.as_os_str().as_encoded_bytes());
        state
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<Key, Answer>> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpeechToText for LockStep {
    fn name(&self) -> &'static str {
        "pocketsphinx"
    }

    fn open(&self, options: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        let (input, received) = mpsc::channel(INPUT);
        let (out, events) = mpsc::channel(EVENTS);
        let mut session = Session {
            service: self.clone(),
            state: self.start(),
            told: Vec::new(),
            worker: None,
            gate: Gate::default(),
        };
        let call = Order::Call {
            narrowband: options.narrowband,
            hints: Vec::new(),
        };
        tokio::spawn(async move {
            let result = match session.ask(&call) {
                Ok(_) => session.run(received, &out).await,
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                let message = format!("the recogniser's worker cannot be used: {error}");
                let error = ProviderError::new(ProviderErrorKind::Unavailable, message);
                // A driver that is gone does not need to know.
                let _: Result<_, _> = out.send(SttEvent::Failed(error)).await;
            }
        });
        Box::pin(async move { Ok(SttStream { input, events }) })
    }
}

/// One call's listening.
struct Session {
    service: LockStep,
    state: Sha256,
    /// Every order so far, for a worker that is started late.
    told: Vec<u8>,
    worker: Option<Worker>,
    gate: Gate,
}

impl Session {
    async fn run(
        &mut self,
        mut input: mpsc::Receiver<SttInput>,
        out: &mpsc::Sender<SttEvent>,
    ) -> io::Result<()> {
        while let Some(input) = input.recv().await {
            let unasked = match input {
                SttInput::Audio(frame) => {
                    self.gate.audio(frame);
                    None
                }
                SttInput::SpeechStarted => {
                    self.gate.speech_started();
                    None
                }
                SttInput::Expect(expected) => {
                    self.gate.expect(expected);
                    None
                }
                SttInput::Flush(mark) => self.gate.flush(mark).then_some(SttEvent::Final {
                    text: String::new(),
                    mark: Some(mark),
                }),
            };
            let mut events: Vec<_> = unasked.into_iter().collect();
            while let Some(order) = self.gate.next_order() {
                match self.ask(&order)? {
                    Answer::Done => {}
                    Answer::Partial(text) => events.push(SttEvent::Partial(text)),
                    Answer::Final(text) => {
                        let mark = self.gate.answered();
                        events.push(SttEvent::Final { text, mark });
                    }
                    Answer::Failed(reason) => return Err(io::Error::other(reason)),
                }
            }
            for event in events {
                if matches!(event, SttEvent::Final { .. }) {
                    clock::sleep(FINAL_DELAY).await;
                }
                if out.send(event).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Answers one order, from memory or by a worker.
    fn ask(&mut self, order: &Order) -> io::Result<Answer> {
        let start = self.told.len();
        order.encode(&mut self.told);
        self.state.update(&self.told[start..]);
        let key = key(&self.state);
        let known = self.service.answers().get(&key).cloned();
        if let (Some(answer), None) = (known, &self.worker) {
            return Ok(answer);
        }
        let (told, service) = (&self.told, &self.service);
        let answer = match &mut self.worker {
            Some(worker) => worker.ask(&told[start..])?,
            none => none
                .insert(Worker::start(service, &told[..start])?)
                .ask(&told[start..])?,
        };
        self.service.answers().insert(key, answer.clone());
        Ok(answer)
    }
}

/// A running worker.
struct Worker {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    read: Vec<u8>,
}

impl Worker {
    /// Starts a worker and brings it to where the session is.
    fn start(service: &LockStep, told: &[u8]) -> io::Result<Self> {
        let mut child = Command::new(&service.program)
            .args(["worker", "speech"])
            .arg(&service.models)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let missing = || io::Error::other("it was started without its pipes");
        let mut worker = Self {
            stdin: child.stdin.take().ok_or_else(missing)?,
            stdout: child.stdout.take().ok_or_else(missing)?,
            child,
            read: Vec::new(),
        };
        // Its models are loaded.
        worker.answer()?;
        let mut rest = told;
        while let Some(order) = Order::read(&mut rest)? {
            let mut bytes = Vec::new();
            order.encode(&mut bytes);
            worker.ask(&bytes)?;
        }
        Ok(worker)
    }

    fn ask(&mut self, order: &[u8]) -> io::Result<Answer> {
        self.stdin.write_all(order)?;
        self.stdin.flush()?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<Answer> {
        loop {
            if let Some(answer) = Answer::take(&mut self.read).map_err(io::Error::other)? {
                return match answer {
                    Answer::Failed(reason) => Err(io::Error::other(reason)),
                    answer => Ok(answer),
                };
            }
            let mut bytes = [0; 4096];
            let count = io::Read::read(&mut self.stdout, &mut bytes)?;
            if count == 0 {
                return Err(io::Error::other("it ended by itself"));
            }
            self.read.extend_from_slice(&bytes[..count]);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A worker that is dead already is what is wanted.
        let _: Result<_, _> = self.child.kill();
        let _: Result<_, _> = self.child.wait();
    }
}

fn key(state: &Sha256) -> Key {
    let whole: [u8; 32] = state.clone().finalize().into();
    std::array::from_fn(|index| whole[index])
}

fn hex(key: &Key) -> String {
    format!("{:032x}", u128::from_be_bytes(*key))
}

fn write_line((key, answer): (&Key, &Answer)) -> Option<String> {
    let key = hex(key);
    match answer {
        Answer::Done => Some(key),
        Answer::Partial(words) => Some(format!("{key} p {words}")),
        Answer::Final(words) => Some(format!("{key} f {words}")),
        Answer::Failed(_) => None,
    }
}

fn parse_line(line: &str) -> Option<(Key, Answer)> {
    let (key, rest) = line.split_at_checked(32)?;
    let key = u128::from_str_radix(key, 16).ok()?.to_be_bytes();
    let answer = match rest.get(..3) {
        None if rest.is_empty() => Answer::Done,
        Some(" p ") => Answer::Partial(rest[3..].to_owned()),
        Some(" f ") => Answer::Final(rest[3..].to_owned()),
        _ => return None,
    };
    Some((key, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_they_were_written_and_only_by_the_same_recogniser() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("answers");
        let one = LockStep::new(Path::new("/models"), Path::new("/program"));
        let answers = [
            ([1; 16], Answer::Done),
            ([0; 16], Answer::Partial("a table".to_owned())),
            ([255; 16], Answer::Final(String::new())),
            ([3; 16], Answer::Final("a table for two".to_owned())),
        ];
        one.answers().extend(answers.clone());
        one.save(&file).unwrap();

        let same = LockStep::new(Path::new("/models"), Path::new("/program"));
        same.remember(&file);
        assert_eq!(*same.answers(), HashMap::from(answers));
        let other = LockStep::new(Path::new("/other models"), Path::new("/program"));
        other.remember(&file);
        assert!(other.answers().is_empty());
    }
}
