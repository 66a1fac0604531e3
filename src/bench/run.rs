//! Plays many trials on all cores, in any order, and gives their results in the trials' order.

use std::{
    panic,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    Trial,
    stage::{Played, Stage, StageError},
};

/// Plays every trial on `threads` threads and keeps what `judge` makes of each. `done` hears of every finished trial.
///
/// # Errors
/// The first trial, in the order of the trials, that could not be played.
pub fn play_all<T: Send>(
    stage: &Stage,
    trials: &[Trial],
    threads: usize,
    done: impl Fn() + Sync,
    judge: impl Fn(&Trial, &Played) -> T + Sync,
) -> Result<Vec<T>, StageError> {
    play_each(trials, threads, done, |trial| {
        stage.play(trial).map(|played| judge(trial, &played))
    })
}

/// Does as [`play_all`], for trials that need a stage each.
///
/// # Errors
/// The first trial, in the order of the trials, of which `play` gives an error.
pub fn play_each<T: Send>(
    trials: &[Trial],
    threads: usize,
    done: impl Fn() + Sync,
    play: impl Fn(&Trial) -> Result<T, StageError> + Sync,
) -> Result<Vec<T>, StageError> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<T, StageError>>>> =
        Mutex::new(trials.iter().map(|_| None).collect());
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(trial) = trials.get(index) else {
                return;
            };
            let result = play(trial);
            results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
            done();
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                panic::resume_unwind(panic);
            }
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().flatten().collect()
}
