//! A few worker processes and the jobs that they have: which worker gets one, and what happens when a worker dies or hangs.
//!
//! A job that a dying worker had is given to the next worker once more; a second death with it fails it, for then the job or
//! the machine would kill the next one too. A job that was canceled and is not answered for long is stuck inside the library (which
//! looks up between two passes, and needs seconds for one on a slow machine), and its worker is replaced; the others' jobs go
//! to the new one.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{mpsc, oneshot},
};

use super::wire::{Answer, Job, Order};
use crate::{
    driver::clock,
    provider::{ProviderError, ProviderErrorKind, utterance::Segment},
};

/// Times that a job may be given to a worker.
const TRIES: u32 = 2;
/// Jobs on their way to a worker. When full, whoever has another one is told that it is busy.
const QUEUE: usize = 64;

type Words = Result<Vec<Segment>, ProviderError>;

/// Some workers over one model.
#[derive(Debug)]
pub(super) struct Pool {
    start: Start,
    /// How many jobs a worker does at the same time.
    parallel: usize,
    workers: usize,
    desks: Mutex<Vec<Desk>>,
}

/// How a worker is started.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) program: PathBuf,
    pub(super) model: PathBuf,
    pub(super) threads: usize,
    /// How long a job may go on after it was canceled.
    pub(super) stuck: Duration,
}

/// The way to one worker.
#[derive(Debug, Clone)]
struct Desk {
    orders: mpsc::Sender<Give>,
    cancels: mpsc::Sender<u64>,
    busy: Arc<AtomicUsize>,
}

/// A job for a worker, and who waits for it.
#[derive(Debug)]
struct Give {
    ticket: u64,
    language: String,
    samples: Arc<[i16]>,
    is_final: bool,
    reply: oneshot::Sender<Words>,
}

/// Cancels a job that nobody waits for any more.
struct Ticket {
    ticket: u64,
    desk: Desk,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.desk.busy.fetch_sub(1, Ordering::Relaxed);
        // Without room for it the job comes to its end, and its words are dropped. So it does when it is done.
        let _ = self.desk.cancels.try_send(self.ticket);
    }
}

impl Pool {
    pub(super) fn new(start: Start, workers: usize) -> Self {
        Self {
            parallel: start.threads.max(1),
            start,
            workers: workers.max(1),
            desks: Mutex::default(),
        }
    }

    /// Starts the workers. Must be called inside the runtime.
    pub(super) fn prepare(&self) {
        drop(self.desks());
    }

    /// Gives the job to the worker that has the least to do. What nobody waits for is refused when that one is busy.
    pub(super) fn transcribe(
        &self,
        language: String,
        samples: Arc<[i16]>,
        is_final: bool,
    ) -> impl Future<Output = Words> + Send + use<> {
        static TICKETS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let busy = |desk: &Desk| desk.busy.load(Ordering::Relaxed);
        let desk = self.desks().into_iter().min_by_key(busy);
        let room = |desk: &Desk| is_final || busy(desk) < self.parallel;
        let (reply, words) = oneshot::channel();
        let sent = desk.filter(room).and_then(|desk| {
            let ticket = TICKETS.fetch_add(1, Ordering::Relaxed);
            let give = Give {
                ticket,
                language,
                samples,
                is_final,
                reply,
            };
            desk.orders.try_send(give).ok()?;
            desk.busy.fetch_add(1, Ordering::Relaxed);
            Some(Ticket { ticket, desk })
        });
        async move {
            let _ticket = sent.ok_or_else(|| {
                let message = "All workers of Whisper are busy; more workers (stt.whisper.workers) or a smaller model would help.";
                ProviderError::new(ProviderErrorKind::Busy, message)
            })?;
            words
                .await
                .unwrap_or_else(|_| Err(unavailable("its worker is gone with the program")))
        }
    }

    fn desks(&self) -> Vec<Desk> {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        // A runtime that ended took its workers with it; tests have several.
        desks.retain(|desk| !desk.orders.is_closed());
        while desks.len() < self.workers {
            let (orders, received) = mpsc::channel(QUEUE);
            let (cancels, canceled) = mpsc::channel(2 * QUEUE);
            let keeper = Keeper {
                start: self.start.clone(),
                worker: None,
                jobs: HashMap::new(),
                next_id: 0,
                outgoing: (Vec::new(), 0),
                incoming: Vec::new(),
            };
            tokio::spawn(keeper.run(received, canceled));
            desks.push(Desk {
                orders,
                cancels,
                busy: Arc::default(),
            });
        }
        desks.clone()
    }
}

fn unavailable(reason: &str) -> ProviderError {
    let message = format!("Whisper cannot be used: {reason}.");
    ProviderError::new(ProviderErrorKind::Unavailable, message)
}

/// Keeps one worker.
#[derive(Debug)]
struct Keeper {
    start: Start,
    worker: Option<Worker>,
    /// Jobs that the worker owes an answer.
    jobs: HashMap<u32, Owed>,
    next_id: u32,
    /// Bytes on their way to the worker, and how many of them are written.
    outgoing: (Vec<u8>, usize),
    incoming: Vec<u8>,
}

#[derive(Debug)]
struct Owed {
    give: Option<Give>,
    ticket: u64,
    tries: u32,
    canceled: Option<Instant>,
}

#[derive(Debug)]
struct Worker {
    /// Killed when this is dropped.
    _child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

enum Happened {
    Given(Option<Give>),
    Canceled(Option<u64>),
    Written(io::Result<usize>),
    Read(io::Result<usize>),
    Stuck,
}

impl Keeper {
    async fn run(mut self, mut orders: mpsc::Receiver<Give>, mut cancels: mpsc::Receiver<u64>) {
        // Its model is loaded before the first call.
        self.revive();
        loop {
            let result = match self.next(&mut orders, &mut cancels).await {
                Happened::Given(None) => return,
                Happened::Given(Some(give)) => {
                    self.give(give, 0);
                    self.revive();
                    Ok(())
                }
                Happened::Canceled(ticket) => {
                    self.cancel(ticket);
                    Ok(())
                }
                Happened::Written(result) => self.written(result),
                Happened::Read(result) => self.read(result),
                Happened::Stuck => Err("did not heed a stop".to_owned()),
            };
            if let Err(reason) = result {
                self.died(&reason);
            }
        }
    }

    async fn next(
        &mut self,
        orders: &mut mpsc::Receiver<Give>,
        cancels: &mut mpsc::Receiver<u64>,
    ) -> Happened {
        let canceled = self.jobs.values().filter_map(|owed| owed.canceled).min();
        let deadline = canceled.map_or_else(clock::now, |at| at + self.start.stuck);
        let (bytes, written) = &self.outgoing;
        let (mut write, mut read) = (None, None);
        if let Some(worker) = &mut self.worker {
            if !bytes.is_empty() {
                write = Some(worker.stdin.write(&bytes[*written..]));
            }
            read = Some(worker.stdout.read_buf(&mut self.incoming));
        }
        tokio::select! {
            biased;
            result = wait_for(read) => Happened::Read(result),
            result = wait_for(write) => Happened::Written(result),
            ticket = cancels.recv() => Happened::Canceled(ticket),
            give = orders.recv() => Happened::Given(give),
            () = clock::sleep_until(deadline), if canceled.is_some() => Happened::Stuck,
        }
    }

    fn give(&mut self, give: Give, tries: u32) {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let order = Order::Job(Job {
            id,
            is_final: give.is_final,
            language: give.language.clone(),
            samples: give.samples.to_vec(),
        });
        order.encode(&mut self.outgoing.0);
        let owed = Owed {
            ticket: give.ticket,
            give: Some(give),
            tries: tries + 1,
            canceled: None,
        };
        self.jobs.insert(id, owed);
    }

    fn cancel(&mut self, ticket: Option<u64>) {
        let Some(ticket) = ticket else { return };
        // A job that was answered already is not there any more.
        let found = self.jobs.iter_mut().find(|(_, owed)| owed.ticket == ticket);
        if let Some((id, owed)) = found {
            owed.give = None;
            owed.canceled = Some(clock::now());
            let id = *id;
            Order::Cancel(id).encode(&mut self.outgoing.0);
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
        while let Some(answer) = Answer::take(&mut self.incoming)? {
            let (id, words) = match answer {
                Answer::Ready => continue,
                Answer::Broken(reason) => {
                    self.fail_all(&reason);
                    return Err(reason);
                }
                Answer::Words(id, stretches) => (id, Ok(segments(stretches))),
                Answer::Stopped(id) => {
                    let message = "Whisper had more urgent work.";
                    (
                        id,
                        Err(ProviderError::new(ProviderErrorKind::Busy, message)),
                    )
                }
                Answer::Failed(id, reason) => (id, Err(unavailable(&reason))),
            };
            if let Some(give) = self.jobs.remove(&id).and_then(|owed| owed.give) {
                // Whoever asked may be gone.
                let _ = give.reply.send(words);
            }
        }
        Ok(())
    }

    /// The worker is of no more use. Its jobs are given to the next one, but not for ever.
    fn died(&mut self, reason: &str) {
        tracing::warn!(reason, "a worker of Whisper is replaced");
        self.worker = None;
        self.incoming.clear();
        self.outgoing = (Vec::new(), 0);
        for (_, owed) in std::mem::take(&mut self.jobs) {
            let Some(give) = owed.give else { continue };
            if owed.tries < TRIES {
                self.give(give, owed.tries);
            } else {
                let _ = give
                    .reply
                    .send(Err(unavailable(&format!("its worker {reason}"))));
            }
        }
        // One that cannot start would be started for ever; the next job tries again.
        if !self.jobs.is_empty() {
            self.revive();
        }
    }

    fn revive(&mut self) {
        if self.worker.is_some() {
            return;
        }
        match self.start.start() {
            Ok(worker) => self.worker = Some(worker),
            Err(error) => {
                self.fail_all(&format!("no worker can be started ({error})"));
                self.outgoing = (Vec::new(), 0);
            }
        }
    }

    fn fail_all(&mut self, reason: &str) {
        for (_, owed) in self.jobs.drain() {
            if let Some(give) = owed.give {
                let _ = give.reply.send(Err(unavailable(reason)));
            }
        }
    }
}

impl Start {
    fn start(&self) -> io::Result<Worker> {
        let mut child = Command::new(&self.program)
            .args(["worker", "whisper"])
            .arg(&self.model)
            .arg(self.threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("it was started without its pipes");
        Ok(Worker {
            stdin: child.stdin.take().ok_or_else(missing)?,
            stdout: child.stdout.take().ok_or_else(missing)?,
            _child: child,
        })
    }
}

async fn wait_for<T>(work: Option<impl Future<Output = T>>) -> T {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

fn segments(stretches: Vec<(u32, String)>) -> Vec<Segment> {
    let segment = |(end, text)| Segment {
        text,
        end: Some(Duration::from_millis(u64::from(end))),
    };
    stretches.into_iter().map(segment).collect()
}
