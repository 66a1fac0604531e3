//! Which trunk a call goes over, and when: in the order of the configuration, each within its limits.
//!
//! A trunk that is full is passed over; one that may not take a call in this second is waited for, a little. What
//! goes wrong with a trunk's address keeps it from being tried first for a while.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::options::Trunk;

/// How long a call waits for its turn at a trunk that takes only so many a second.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long an address that failed is tried last.
const REST: Duration = Duration::from_secs(30);

/// A trunk with what is going on over it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) trunk: Trunk,
    calls: AtomicUsize,
    /// When the next call may begin.
    next: Mutex<Option<Instant>>,
    /// Addresses that failed, and until when they are tried last.
    resting: Mutex<HashMap<SocketAddr, Instant>>,
}

/// A call's place on a trunk, until it is dropped.
#[derive(Debug)]
pub(super) struct Claim(Arc<Lane>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why a trunk takes no call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// It has all the calls that it may have.
    Calls,
    /// Too many calls wait for their turn.
    Rate,
}

impl Lane {
    pub(super) fn new(trunk: Trunk) -> Arc<Self> {
        Arc::new(Self {
            trunk,
            calls: AtomicUsize::new(0),
            next: Mutex::new(None),
            resting: Mutex::default(),
        })
    }

    /// Takes a place for a call, which may begin after the wait that is returned with it.
    pub(super) fn claim(self: &Arc<Self>, now: Instant) -> Result<(Claim, Duration), Full> {
        let most = self.trunk.max_calls.unwrap_or(usize::MAX);
        let taken = self
            .calls
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |calls| {
                (calls < most).then_some(calls + 1)
            });
        taken.map_err(|_| Full::Calls)?;
        let claim = Claim(self.clone());
        let Some(rate) = self.trunk.calls_per_second else {
            return Ok((claim, Duration::ZERO));
        };
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.map_or(now, |next| next.max(now));
        let wait = turn.saturating_duration_since(now);
        if wait > LONGEST_WAIT {
            return Err(Full::Rate);
        }
        *next = Some(turn + Duration::from_secs_f64(1.0 / rate));
        Ok((claim, wait))
    }

    /// Notes that an address does not work.
    pub(super) fn failed(&self, address: SocketAddr, now: Instant) {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.retain(|_, until| *until > now);
        resting.insert(address, now + REST);
    }

    /// Notes that an address works.
    pub(super) fn works(&self, address: SocketAddr) {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.remove(&address);
    }

    /// Puts those that failed of late behind the others.
    pub(super) fn in_order(&self, mut addresses: Vec<SocketAddr>, now: Instant) -> Vec<SocketAddr> {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.sort_by_key(|address| resting.get(address).is_some_and(|until| *until > now));
        addresses
    }
}

#[cfg(test)]
mod tests {
    use rsipstack::sip::Transport;

    use super::*;
    use crate::driver::clock;

    fn lane(max_calls: Option<usize>, calls_per_second: Option<f64>) -> Arc<Lane> {
        Lane::new(Trunk {
            name: "acme".into(),
            host: "192.0.2.1".into(),
            port: None,
            transport: Transport::Udp,
            domain: "192.0.2.1".into(),
            proxy: None,
            login: None,
            numbers: Vec::new(),
            register: None,
            max_calls,
            calls_per_second,
            keep_alive: None,
            asserted_identity: false,
            without_plus: false,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_at_once_than_allowed() {
        let lane = lane(Some(2), None);
        let (first, _) = lane.claim(clock::now()).unwrap();
        let _second = lane.claim(clock::now()).unwrap();
        assert_eq!(lane.claim(clock::now()).unwrap_err(), Full::Calls);
        drop(first);
        assert!(lane.claim(clock::now()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_a_second_than_allowed() {
        let lane = lane(None, Some(2.0));
        let now = clock::now();
        let waits: Vec<_> = (0..12)
            .map(|_| lane.claim(now).map(|(_, wait)| wait.as_millis()))
            .collect();
        let expected: Vec<_> = (0..12)
            .map(|n| {
                if n <= 10 {
                    Ok(n * 500)
                } else {
                    Err(Full::Rate)
                }
            })
            .collect();
        assert_eq!(waits, expected);
        // Those that were refused hold no place.
        let later = now + Duration::from_secs(60);
        assert_eq!(lane.claim(later).unwrap().1, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_failed_is_tried_last_for_a_while() {
        let lane = lane(None, None);
        let [a, b]: [SocketAddr; 2] =
            ["192.0.2.1:5060", "192.0.2.2:5060"].map(|text| text.parse().unwrap());
        let now = clock::now();
        lane.failed(a, now);
        assert_eq!(lane.in_order(vec![a, b], now), [b, a]);
        assert_eq!(
            lane.in_order(vec![a, b], now + Duration::from_secs(31)),
            [a, b]
        );
        lane.failed(a, now);
        lane.works(a);
        assert_eq!(lane.in_order(vec![a, b], now), [a, b]);
    }
}
