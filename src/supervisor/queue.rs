//! Whose call is next. Calls wait until there is a place for them: among all calls, among those of their account, and
//! in the pace of their line.
//!
//! It is fair between accounts: a free place goes to the account with the fewest running calls, and among equals to the
//! one that has waited longest since its last. Within an account calls go in the order of their creation. What a call
//! does with its place is not decided here; it gives it back by dropping its [`Place`].

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use protocol::ids::{AccountId, CallId};
use tokio::sync::oneshot;

use crate::driver::clock;

/// How many calls may run, and how fast they may follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    /// Calls at the same time.
    pub(super) concurrent: usize,
    /// Calls of one account at the same time.
    pub(super) concurrent_per_account: usize,
    /// Calls that are dialed on one line in a second; `None`: as fast as they come.
    pub(super) per_second_and_line: Option<f64>,
}

impl Limits {
    fn pause(self) -> Option<Duration> {
        let per_second = self.per_second_and_line.filter(|rate| *rate > 0.0)?;
        Some(Duration::from_secs_f64(1.0 / per_second))
    }
}

/// All calls that wait or run. Clones are the same queue.
#[derive(Debug, Clone)]
pub(super) struct Queue(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    limits: Limits,
    /// Whether no call is given a place for now.
    held: bool,
    running: usize,
    accounts: HashMap<AccountId, Account>,
    /// When the next call of a line may be dialed.
    lines: HashMap<String, Instant>,
    /// Counts places given, to know who had one last.
    turn: u64,
    /// When [`Queue::dispatch`] will be called because of a line's pace.
    alarm: Option<Instant>,
}

#[derive(Debug, Default)]
struct Account {
    running: usize,
    served: u64,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    call: CallId,
    line: String,
    tell: oneshot::Sender<Place>,
}

/// The right of a call to run.
#[derive(Debug)]
pub(super) struct Place {
    queue: Queue,
    account: AccountId,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.leave(&self.account);
    }
}

/// A call's stand in the queue. Dropped, it has left.
#[derive(Debug)]
pub(super) struct Ticket {
    queue: Queue,
    account: AccountId,
    call: CallId,
    told: oneshot::Receiver<Place>,
}

impl Ticket {
    /// Waits for a place. Cancel safe; nothing comes any more when the queue is gone.
    pub(super) async fn place(&mut self) -> Option<Place> {
        (&mut self.told).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        if let Some(account) = state.accounts.get_mut(&self.account) {
            account.waiting.retain(|waiting| waiting.call != self.call);
        }
        state.forget(&self.account);
        // A place that was given and not taken goes back with the receiver's value.
    }
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(State {
            limits,
            held: false,
            running: 0,
            accounts: HashMap::new(),
            lines: HashMap::new(),
            turn: 0,
            alarm: None,
        })))
    }

    /// Lets a call wait for its turn on `line`.
    pub(super) fn join(&self, account: &AccountId, call: &CallId, line: &str) -> Ticket {
        let (tell, told) = oneshot::channel();
        let waiting = Waiting {
            call: call.clone(),
            line: line.to_owned(),
            tell,
        };
        let mut state = self.lock();
        let entry = state.accounts.entry(account.clone()).or_default();
        entry.waiting.push_back(waiting);
        drop(state);
        self.dispatch();
        Ticket {
            queue: self.clone(),
            account: account.clone(),
            call: call.clone(),
            told,
        }
    }

    /// Takes a place at once, for a call that cannot wait, or nothing when all are taken.
    pub(super) fn take(&self, account: &AccountId) -> Option<Place> {
        let mut state = self.lock();
        if state.running >= state.limits.concurrent {
            return None;
        }
        state.enter(account);
        Some(self.place(account))
    }

    /// Lets other limits hold. Calls that run are not touched, even when there are more than there may be.
    pub(super) fn set_limits(&self, limits: Limits) {
        self.lock().limits = limits;
        self.dispatch();
    }

    /// Lets all calls wait, whatever places are free, or goes on. Calls that cannot wait are not touched.
    pub(super) fn hold(&self, held: bool) {
        self.lock().held = held;
        self.dispatch();
    }

    /// Returns how many places are taken.
    pub(super) fn running(&self) -> usize {
        self.lock().running
    }

    /// Returns at which place of the queue each waiting call stands, from 1.
    pub(super) fn positions(&self) -> HashMap<CallId, u32> {
        let state = self.lock();
        // The accounts in the order in which they would be served, if no running call ended meanwhile.
        let mut order: BTreeMap<(usize, u64, &AccountId), VecDeque<&CallId>> = BTreeMap::new();
        for (id, account) in &state.accounts {
            if !account.waiting.is_empty() {
                let calls = account
                    .waiting
                    .iter()
                    .map(|waiting| &waiting.call)
                    .collect();
                order.insert((account.running, account.served, id), calls);
            }
        }
        let mut positions = HashMap::new();
        let mut turn = state.turn;
        while let Some(((running, _, id), mut calls)) = order.pop_first() {
            if let Some(call) = calls.pop_front() {
                let position = u32::try_from(positions.len() + 1).unwrap_or(u32::MAX);
                positions.insert(call.clone(), position);
            }
            if !calls.is_empty() {
                turn += 1;
                order.insert((running + 1, turn, id), calls);
            }
        }
        positions
    }

    fn leave(&self, account: &AccountId) {
        let mut state = self.lock();
        state.running = state.running.saturating_sub(1);
        if let Some(entry) = state.accounts.get_mut(account) {
            entry.running = entry.running.saturating_sub(1);
        }
        state.forget(account);
        drop(state);
        self.dispatch();
    }

    /// Gives away the places that are free.
    fn dispatch(&self) {
        let now = clock::now();
        loop {
            let mut state = self.lock();
            match state.next(now) {
                Next::Call(account, waiting) => {
                    state.enter(&account);
                    if let Some(pause) = state.limits.pause() {
                        state.lines.insert(waiting.line, now + pause);
                    }
                    drop(state);
                    // Whoever does not wait any more gives it back by not taking it; that comes here again.
                    let _ = waiting.tell.send(self.place(&account));
                }
                Next::At(time) => {
                    let sooner = state.alarm.is_none_or(|alarm| time < alarm || alarm <= now);
                    if sooner {
                        state.alarm = Some(time);
                        self.wake_at(time);
                    }
                    return;
                }
                Next::Nobody => return,
            }
        }
    }

    fn wake_at(&self, time: Instant) {
        let queue = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            clock::sleep_until(time).await;
            if let Some(queue) = queue.upgrade() {
                Self(queue).dispatch();
            }
        });
    }

    fn place(&self, account: &AccountId) -> Place {
        Place {
            queue: self.clone(),
            account: account.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Next {
    /// This call of this account.
    Call(AccountId, Waiting),
    /// Nobody before this time.
    At(Instant),
    /// Nobody until something changes.
    Nobody,
}

impl State {
    /// Finds the call whose turn it is, and takes it out of the queue.
    fn next(&mut self, now: Instant) -> Next {
        if self.held || self.running >= self.limits.concurrent {
            return Next::Nobody;
        }
        let mut best: Option<((usize, u64, AccountId), usize)> = None;
        let mut soonest: Option<Instant> = None;
        for (id, account) in &self.accounts {
            if account.running >= self.limits.concurrent_per_account {
                continue;
            }
            let mut ready = None;
            for (index, waiting) in account.waiting.iter().enumerate() {
                match self.lines.get(&waiting.line) {
                    Some(at) if *at > now => {
                        soonest = Some(soonest.map_or(*at, |soonest| soonest.min(*at)));
                    }
                    // A call on another line does not wait for this one's pace.
                    _ => {
                        ready = Some(index);
                        break;
                    }
                }
            }
            if let Some(index) = ready {
                let rank = (account.running, account.served, id.clone());
                if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                    best = Some((rank, index));
                }
            }
        }
        let found = best.and_then(|((_, _, id), index)| {
            let account = self.accounts.get_mut(&id)?;
            Some((account.waiting.remove(index)?, id))
        });
        match (found, soonest) {
            (Some((waiting, id)), _) => Next::Call(id, waiting),
            (None, Some(time)) => Next::At(time),
            (None, None) => Next::Nobody,
        }
    }

    fn enter(&mut self, account: &AccountId) {
        self.running += 1;
        self.turn += 1;
        let turn = self.turn;
        let entry = self.accounts.entry(account.clone()).or_default();
        entry.running += 1;
        entry.served = turn;
    }

    /// Forgets an account that has nothing here any more.
    fn forget(&mut self, account: &AccountId) {
        let gone = |account: &Account| account.running == 0 && account.waiting.is_empty();
        if self.accounts.get(account).is_some_and(gone) {
            self.accounts.remove(account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(n: u128) -> AccountId {
        AccountId::new(n)
    }

    fn call(n: u64) -> CallId {
        CallId::new(n, 0)
    }

    fn limits(concurrent: usize, per_account: usize, per_second: Option<f64>) -> Queue {
        Queue::new(Limits {
            concurrent,
            concurrent_per_account: per_account,
            per_second_and_line: per_second,
        })
    }

    async fn has_place(ticket: &mut Ticket) -> Option<Place> {
        clock::timeout(Duration::ZERO, ticket.place())
            .await
            .flatten()
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_account_does_not_keep_others_waiting() {
        let queue = limits(1, 10, None);
        let (busy, small) = (account(1), account(2));
        let mut first = queue.join(&busy, &call(0), "a");
        let running = has_place(&mut first).await.unwrap();
        let mut many: Vec<_> = (1..4).map(|n| queue.join(&busy, &call(n), "a")).collect();
        let mut one = queue.join(&small, &call(9), "a");
        let positions = queue.positions();
        // The one with nothing running goes first, then the others in their order.
        assert_eq!(positions[&call(9)], 1);
        assert_eq!([1, 2, 3].map(|n| positions[&call(n)]), [2, 3, 4]);
        drop(running);
        assert!(has_place(&mut many[0]).await.is_none());
        let running = has_place(&mut one).await.unwrap();
        drop(running);
        for ticket in &mut many {
            drop(has_place(ticket).await.unwrap());
        }
        assert!(queue.positions().is_empty());
        drop((first, many, one));
        assert!(queue.lock().accounts.is_empty());
    }

    /// Finds the ticket that has a place, and gives that back.
    async fn next_with_place(tickets: &mut [(usize, Ticket)]) -> Option<usize> {
        for (at, (_, ticket)) in tickets.iter_mut().enumerate() {
            if has_place(ticket).await.is_some() {
                return Some(at);
            }
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn equals_take_turns() {
        let queue = limits(1, 10, None);
        let accounts = [account(1), account(2), account(3)];
        let mut holder = queue.join(&account(9), &call(99), "a");
        let held = has_place(&mut holder).await.unwrap();
        let mut tickets = Vec::new();
        for (n, account) in accounts.iter().enumerate() {
            for k in 0..3 {
                let id = call((n * 10 + k) as u64);
                tickets.push((n, queue.join(account, &id, "a")));
            }
        }
        let told = queue.positions();
        drop(held);
        let mut order = Vec::new();
        while let Some(at) = next_with_place(&mut tickets).await {
            let (n, ticket) = tickets.swap_remove(at);
            order.push((n, told[&ticket.call]));
        }
        assert!(tickets.is_empty());
        let owners: Vec<_> = order.iter().map(|(n, _)| *n).collect();
        for round in owners.chunks(3) {
            let mut round = round.to_vec();
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2], "{owners:?}");
        }
        let mut positions: Vec<_> = order.iter().map(|(_, position)| *position).collect();
        positions.sort_unstable();
        assert_eq!(positions, (1..=9).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_has_its_own_limit() {
        let queue = limits(10, 2, None);
        let mut tickets: Vec<_> = (0..3)
            .map(|n| queue.join(&account(1), &call(n), "a"))
            .collect();
        let mut places = Vec::new();
        for ticket in &mut tickets[..2] {
            places.push(has_place(ticket).await.unwrap());
        }
        assert!(has_place(&mut tickets[2]).await.is_none());
        let mut other = queue.join(&account(2), &call(7), "a");
        assert!(has_place(&mut other).await.is_some());
        // Calls that cannot wait are bounded by the limit of all calls only.
        assert!(queue.take(&account(1)).is_some());
        places.pop();
        assert!(has_place(&mut tickets[2]).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_is_dialed_in_its_pace() {
        let queue = limits(100, 100, Some(2.0));
        let start = clock::now();
        let mut tickets: Vec<_> = (0..4)
            .map(|n| queue.join(&account(1), &call(n), "slow"))
            .collect();
        let mut other = queue.join(&account(1), &call(9), "other");
        assert!(has_place(&mut other).await.is_some());
        let mut places = Vec::new();
        for (n, ticket) in tickets.iter_mut().enumerate() {
            places.push(ticket.place().await.unwrap());
            let at = (clock::now() - start).as_secs_f64();
            assert!((at - n as f64 * 0.5).abs() < 0.01, "{n} at {at}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_frees_his_place() {
        let queue = limits(1, 1, None);
        let ticket = queue.join(&account(1), &call(0), "a");
        let mut next = queue.join(&account(2), &call(1), "a");
        // It has a place and was never asked for it.
        drop(ticket);
        assert!(has_place(&mut next).await.is_some());
        assert!(queue.take(&account(3)).is_some());
    }
}
