//! Telephones at work: so many places, in each one call after another, and what came of all of them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    Carried, callee,
    dialogue::{Outcome, Turn},
    engine::Ready,
    phone::hold,
    sip,
};
use crate::driver::clock;

/// How many calls begin in a second while the load rises.
const RISE: usize = 8;

/// Numbers calls, so that no two are the same at the carrier.
static CALLS: AtomicUsize = AtomicUsize::new(1);

/// See the module's documentation. Clones are the same load.
#[derive(Debug, Clone)]
pub(super) struct Load(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rig: Rig,
    turns: Vec<Turn>,
    /// When set, calls are hung up at once and do not count.
    over: AtomicBool,
    /// Calls that may still begin.
    left: AtomicUsize,
    ended: AtomicUsize,
    outcomes: Mutex<Vec<Outcome>>,
}

#[derive(Debug)]
enum Rig {
    Stream(callee::Rig),
    Sip(sip::Rig),
}

impl Load {
    /// Makes a load of at most `most` calls.
    pub(super) fn new(
        line: Carried,
        ready: &Ready,
        turns: &[Turn],
        most: usize,
    ) -> Result<Self, String> {
        let rig = match (line, ready.sip) {
            (Carried::Sip, Some(line)) => Rig::Sip(sip::Rig { line }),
            (Carried::Sip, None) => return Err("The measured process listens for no SIP.".into()),
            (Carried::Stream, _) => Rig::Stream(callee::Rig {
                url: ready.url.clone(),
                client: reqwest::Client::builder()
                    .no_proxy()
                    .build()
                    .map_err(|error| error.to_string())?,
            }),
        };
        Ok(Self(Arc::new(Inner {
            rig,
            turns: turns.to_vec(),
            over: AtomicBool::new(false),
            left: AtomicUsize::new(most),
            ended: AtomicUsize::new(0),
            outcomes: Mutex::default(),
        })))
    }

    /// Returns what came of the calls that ended before the load was over.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let outcomes = self.0.outcomes.lock();
        outcomes.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how many calls have ended.
    pub(super) fn ended(&self) -> usize {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// Hangs up.
    pub(super) fn end(&self) {
        self.0.over.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Relaxed)
    }

    /// Holds so many calls at once, until no more may begin.
    pub(super) async fn hold(&self, places: usize) {
        let places = (0..places).map(|_| async { while self.one().await {} });
        futures_util::future::join_all(places).await;
    }

    /// Makes one call, if one more may begin; returns whether it did.
    async fn one(&self) -> bool {
        let Inner {
            rig, turns, over, ..
        } = &*self.0;
        let take = |left: usize| left.checked_sub(1);
        let taken = self
            .0
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if taken.is_err() || self.is_over() {
            return false;
        }
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let mut outcome = Outcome::default();
        let held = match rig {
            Rig::Stream(rig) => hold(rig.ring(number), turns, over, &mut outcome).await,
            Rig::Sip(rig) => hold(rig.ring(number), turns, over, &mut outcome).await,
        };
        outcome.failed = held.err();
        self.0.ended.fetch_add(1, Ordering::Relaxed);
        if !self.is_over() {
            let mut outcomes = self
                .0
                .outcomes
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            outcomes.push(outcome);
        }
        true
    }

    /// Begins to hold so many calls, one after another in every place, until the load is over or no more may begin.
    pub(super) fn begin(&self, places: usize) -> Vec<tokio::task::JoinHandle<()>> {
        let place = |index: usize| {
            let load = self.clone();
            // Spread within the second, so that frames of different calls fall together no more than those of strangers do.
            let wait = Duration::from_secs(1) * u32::try_from(index).unwrap_or(0) / RISE as u32
                + Duration::from_micros(fastrand::u64(0..20_000));
            tokio::spawn(async move {
                clock::sleep(wait).await;
                while load.one().await {}
            })
        };
        (0..places).map(place).collect()
    }
}

/// How long it takes until so many places have begun.
pub(super) fn rise(places: usize) -> Duration {
    Duration::from_secs(places.div_ceil(RISE) as u64 + 2)
}
