//! Starts workers, and keeps one started ahead of the next call, so that loading the models never delays words.

use std::{io, path::PathBuf, process::Stdio, sync::Mutex};

use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A running worker, which loads its models first.
#[derive(Debug)]
pub(super) struct Worker {
    /// Killed when this is dropped.
    pub(super) child: Child,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
}

/// Where workers come from.
#[derive(Debug)]
pub(super) struct Pool {
    program: PathBuf,
    models: PathBuf,
    spare: Mutex<Option<Worker>>,
}

impl Pool {
    pub(super) fn new(program: PathBuf, models: PathBuf) -> Self {
        Self {
            program,
            models,
            spare: Mutex::new(None),
        }
    }

    /// Returns a worker, the spare one if it is alive, and starts the next spare.
    ///
    /// # Errors
    /// When no process can be started.
    pub(super) fn take(&self) -> io::Result<Worker> {
        let spare = self.lock().take().and_then(alive);
        let worker = match spare {
            Some(worker) => worker,
            None => self.start()?,
        };
        self.prepare();
        Ok(worker)
    }

    /// Makes sure that a spare worker is there. A failure shows when it is needed.
    pub(super) fn prepare(&self) {
        let mut spare = self.lock();
        *spare = spare.take().and_then(alive);
        if spare.is_none() {
            *spare = self.start().ok();
        }
    }

    fn start(&self) -> io::Result<Worker> {
        let mut child = Command::new(&self.program)
            .args(["worker", "speech"])
            .arg(&self.models)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a worker was started without its pipes");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        Ok(Worker {
            child,
            stdin,
            stdout,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Worker>> {
        self.spare
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn alive(mut worker: Worker) -> Option<Worker> {
    matches!(worker.child.try_wait(), Ok(None)).then_some(worker)
}
