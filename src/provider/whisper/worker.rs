//! The worker's side: one loaded model, a few threads that compute with it, and a queue before them in which jobs that
//! somebody waits for come first.

use std::{
    collections::VecDeque,
    io::{self, BufReader, Write},
    path::Path,
    process::ExitCode,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use native::whisper::{Error, Model, State};

use super::wire::{Answer, Job, Order};

/// How far a worker steps back behind the threads that carry sound.
const NICE: u8 = 10;

/// Runs a worker on this process's standard input and output, with so many threads.
pub(super) fn run(model: &Path, threads: usize) -> ExitCode {
    // Without these two a worker still works: it competes for the processor, and outlives a killed parent until
    // its input closes, which is at once.
    let _ = native::process::lower_priority(NICE);
    let _ = native::process::die_with_parent();
    match serve(model, threads) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(model: &Path, threads: usize) -> io::Result<()> {
    let states = Model::load(model).and_then(|model| {
        let states = (0..threads.max(1)).map(|_| model.state());
        states.collect::<Result<Vec<_>, _>>()
    });
    let states = match states {
        Ok(states) => states,
        Err(error) => return Answer::Broken(error.to_string()).write(&mut io::stdout().lock()),
    };
    Answer::Ready.write(&mut io::stdout().lock())?;
    let desk = Arc::new(Desk::new(states.len()));
    for state in states {
        let desk = Arc::clone(&desk);
        // The threads end with the process.
        thread::Builder::new().spawn(move || work(state, &desk))?;
    }
    let mut input = BufReader::with_capacity(64 * 1024, io::stdin().lock());
    while let Some(order) = Order::read(&mut input)? {
        match order {
            Order::Job(job) => desk.add(job),
            Order::Cancel(id) => {
                if desk.cancel(id) {
                    Answer::Stopped(id).write(&mut io::stdout().lock())?;
                }
            }
        }
    }
    Ok(())
}

fn work(mut state: State, desk: &Desk) {
    loop {
        let (job, stop) = desk.next();
        let answer = match state.transcribe(&job.samples, &job.language, &stop) {
            Ok(segments) => {
                let stretches = segments.into_iter().map(|segment| {
                    let end = u32::try_from(segment.end.as_millis()).unwrap_or(u32::MAX);
                    (end, segment.text)
                });
                Answer::Words(job.id, stretches.collect())
            }
            Err(Error::Stopped) => Answer::Stopped(job.id),
            Err(error) => Answer::Failed(job.id, error.to_string()),
        };
        desk.done(job.id);
        let mut out = io::stdout().lock();
        if answer.write(&mut out).and_then(|()| out.flush()).is_err() {
            // The program is gone, and the process ends with its input.
            return;
        }
    }
}

/// What there is to do and what is being done.
#[derive(Debug)]
struct Desk {
    threads: usize,
    jobs: Mutex<Jobs>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    id: u32,
    is_final: bool,
    stop: Arc<AtomicBool>,
}

impl Desk {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            jobs: Mutex::default(),
            more: Condvar::new(),
        }
    }

    /// Jobs that somebody waits for go before those that nobody does, and one of those makes room for them.
    fn add(&self, job: Job) {
        let mut jobs = self.lock();
        if job.is_final {
            let at = jobs.waiting.iter().position(|other| !other.is_final);
            let at = at.unwrap_or(jobs.waiting.len());
            jobs.waiting.insert(at, job);
            let stopping = |running: &&Running| running.stop.load(Ordering::Relaxed);
            let free = self.threads - jobs.running.len().min(self.threads);
            let freed = free + jobs.running.iter().filter(stopping).count();
            let urgent = jobs.waiting.iter().filter(|job| job.is_final).count();
            let idle = |running: &&Running| !running.is_final && !stopping(running);
            if freed < urgent
                && let Some(look) = jobs.running.iter().find(idle)
            {
                look.stop.store(true, Ordering::Relaxed);
            }
        } else {
            jobs.waiting.push_back(job);
        }
        self.more.notify_one();
    }

    /// Stops a job. Returns `true` when it had not begun, and nobody else will answer it.
    fn cancel(&self, id: u32) -> bool {
        let mut jobs = self.lock();
        if let Some(at) = jobs.waiting.iter().position(|job| job.id == id) {
            jobs.waiting.remove(at);
            return true;
        }
        for running in jobs.running.iter().filter(|running| running.id == id) {
            running.stop.store(true, Ordering::Relaxed);
        }
        false
    }

    /// Waits for the next job.
    fn next(&self) -> (Job, Arc<AtomicBool>) {
        let mut jobs = self.lock();
        loop {
            if let Some(job) = jobs.waiting.pop_front() {
                let stop = Arc::new(AtomicBool::new(false));
                jobs.running.push(Running {
                    id: job.id,
                    is_final: job.is_final,
                    stop: Arc::clone(&stop),
                });
                return (job, stop);
            }
            jobs = self.more.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, id: u32) {
        self.lock().running.retain(|running| running.id != id);
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: u32, is_final: bool) -> Job {
        Job {
            id,
            is_final,
            language: String::new(),
            samples: Vec::new(),
        }
    }

    #[test]
    fn what_somebody_waits_for_comes_first_and_stops_what_nobody_does() {
        let desk = Desk::new(1);
        desk.add(job(1, false));
        let (first, stop) = desk.next();
        assert_eq!((first.id, stop.load(Ordering::Relaxed)), (1, false));
        desk.add(job(2, false));
        assert!(!stop.load(Ordering::Relaxed));
        desk.add(job(3, true));
        assert!(stop.load(Ordering::Relaxed));
        desk.add(job(4, true));
        desk.done(1);
        assert_eq!(
            [desk.next().0.id, desk.next().0.id, desk.next().0.id],
            [3, 4, 2]
        );
    }

    #[test]
    fn a_canceled_job_is_not_begun_or_is_stopped() {
        let desk = Desk::new(2);
        desk.add(job(1, true));
        desk.add(job(2, true));
        let (running, stop) = desk.next();
        assert!(desk.cancel(2));
        assert!(!desk.cancel(2));
        assert!(!desk.cancel(running.id));
        assert!(stop.load(Ordering::Relaxed));
    }
}
