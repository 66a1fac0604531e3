//! Placing a call once, though a client that heard no answer asks for it again.
//!
//! A request that brings no idempotency key of its own gets one here, the same for the same wish of the same owner, so that REST
//! returns the call that it placed instead of ringing a second time. For how long, is decided by who asks for the key.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::store::random_u128;

/// Wishes that are remembered; the oldest is forgotten for a new one.
const REMEMBERED: usize = 1_000;

/// What tells wishes apart.
pub(super) type Wish = [u8; 32];

/// The wishes of the recent past. Clients that come by different connections share them.
#[derive(Debug, Default)]
pub struct Retries(Mutex<VecDeque<Placed>>);

/// What came of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    wish: Wish,
    /// The key with which it was asked for.
    pub(super) key: String,
    /// When that was, for the first time.
    pub(super) at: Instant,
    /// The call; none while the answer is not there.
    pub(super) call_id: Option<String>,
}

impl Retries {
    /// Returns what tells the wish of an owner from others.
    pub(super) fn wish(owner: &str, body: &Value) -> Wish {
        let mut hash = Sha256::new();
        hash.update(owner);
        hash.update([0]);
        hash.update(body.to_string());
        hash.finalize().into()
    }

    /// Returns what is known of a wish.
    pub(super) fn find(&self, wish: &Wish) -> Option<Placed> {
        let placed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        placed.iter().find(|placed| placed.wish == *wish).cloned()
    }

    /// Returns the key for a wish: that of the call that it placed, unless that is the one which is `over`.
    pub(super) fn key(&self, wish: Wish, over: Option<&str>, now: Instant) -> String {
        let mut placed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = placed.iter().position(|placed| placed.wish == wish) {
            if over != Some(placed[at].key.as_str()) {
                return placed[at].key.clone();
            }
            placed.remove(at);
        }
        if placed.len() == REMEMBERED {
            placed.pop_front();
        }
        let key = format!("mcp-{:032x}", random_u128());
        placed.push_back(Placed {
            wish,
            key: key.clone(),
            at: now,
            call_id: None,
        });
        key
    }

    /// Notes which call a key placed; none: it was refused, and may be tried anew.
    pub(super) fn note(&self, key: &str, call_id: Option<&str>) {
        let mut placed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = placed.iter().position(|placed| placed.key == key) else {
            return;
        };
        match call_id {
            Some(call_id) => placed[at].call_id = Some(call_id.to_owned()),
            None => drop(placed.remove(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::driver::clock::now as epoch;

    fn wish(owner: &str, number: u32) -> Wish {
        Retries::wish(owner, &json!({ "objective": number }))
    }

    #[test]
    fn the_same_wish_has_the_same_key_until_its_call_is_over() {
        let retries = Retries::default();
        let key = retries.key(wish("a", 1), None, epoch());
        assert_eq!(retries.key(wish("a", 1), None, epoch()), key);
        for other in [wish("b", 1), wish("a", 2)] {
            assert_ne!(retries.key(other, None, epoch()), key);
        }
        retries.note(&key, Some("cl_1"));
        let known = retries.find(&wish("a", 1)).expect("it is known");
        assert_eq!(known.call_id.as_deref(), Some("cl_1"));
        let next = retries.key(wish("a", 1), Some(&key), epoch());
        assert_ne!(next, key);
        // Who came at the same time and saw the first call over gets the new one, too.
        assert_eq!(retries.key(wish("a", 1), Some(&key), epoch()), next);
        retries.note(&next, None);
        assert_eq!(retries.find(&wish("a", 1)), None);
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let retries = Retries::default();
        let first = retries.key(wish("a", 0), None, epoch());
        for number in 1..=REMEMBERED as u32 {
            retries.key(wish("a", number), None, epoch());
        }
        assert_eq!(retries.0.lock().unwrap().len(), REMEMBERED);
        assert_ne!(retries.key(wish("a", 0), None, epoch()), first);
    }
}
