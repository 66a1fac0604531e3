//! Which pages are open as phones, and which calls ring or talk in them. A page sees the calls of its account only.
//!
//! It passes messages on and decides one thing: which page a call belongs to once it was answered.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::ids::{AccountId, CallId};
use tokio::sync::mpsc;

use super::signal::{Ended, FromPage, IceServer, Said, ToPage};

/// Messages that wait for a page; one that does not take them is cut off.
const TO_PAGE: usize = 256;
/// Messages that wait for a call. When full, the page's are dropped; browsers send a few dozen.
const TO_CALL: usize = 256;

/// One open page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PageId(u64);

/// The pages and the calls of a line. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Phones(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    ice_servers: Vec<IceServer>,
    pages: HashMap<PageId, Page>,
    calls: HashMap<CallId, Ringing>,
}

#[derive(Debug)]
struct Page {
    account: AccountId,
    out: mpsc::Sender<String>,
}

#[derive(Debug)]
struct Ringing {
    account: AccountId,
    caller: String,
    owner: Option<PageId>,
    to_call: mpsc::Sender<Said>,
}

/// A page's end of the line: dropped when the page is gone.
#[derive(Debug)]
pub struct PhoneSocket {
    phones: Phones,
    page: PageId,
    /// Texts for the page. Ends when the page has to be cut off.
    pub outgoing: mpsc::Receiver<String>,
}

impl Phones {
    /// Makes a line's registry. Pages are told of `ice_servers`.
    pub(super) fn new(ice_servers: Vec<IceServer>) -> Self {
        let phones = Self::default();
        phones.state().ice_servers = ice_servers;
        phones
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is done under the lock that could leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a page as a phone of an account; calls of it that ring already ring there at once.
    #[must_use]
    pub fn open(&self, account: &AccountId) -> PhoneSocket {
        let (out, outgoing) = mpsc::channel(TO_PAGE);
        let mut state = self.state();
        state.next += 1;
        let page = PageId(state.next);
        let ice_servers = state.ice_servers.clone();
        let mut messages = vec![ToPage::Hello { ice_servers }];
        for (call_id, call) in &state.calls {
            if call.account == *account && call.owner.is_none() {
                messages.push(call.ring(call_id));
            }
        }
        for message in messages {
            // The channel is new and has room.
            let _ = out.try_send(message.to_text());
        }
        let account = account.clone();
        state.pages.insert(page, Page { account, out });
        drop(state);
        PhoneSocket {
            phones: self.clone(),
            page,
            outgoing,
        }
    }

    /// Lets a call ring in all pages of its account, those that are opened later too.
    pub(super) fn ring(&self, call_id: CallId, account: AccountId, caller: String) -> Ring {
        let (to_call, messages) = mpsc::channel(TO_CALL);
        let mut state = self.state();
        let call = Ringing {
            account,
            caller,
            owner: None,
            to_call,
        };
        state.tell_account(&call.account, &call.ring(&call_id), None);
        state.calls.insert(call_id.clone(), call);
        drop(state);
        Ring {
            phones: self.clone(),
            call_id,
            messages,
            reason: Ended::HungUp,
        }
    }

    fn take(&self, from: PageId, text: &str) {
        let Ok(message) = serde_json::from_str::<FromPage>(text) else {
            tracing::debug!("a page sent what is no message of a phone");
            return;
        };
        let mut state = self.state();
        let State { pages, calls, .. } = &mut *state;
        let Some(page) = pages.get(&from) else { return };
        let offers = matches!(message.what, Said::Offer { .. });
        let known = calls.get_mut(&message.call_id);
        let Some(call) = known.filter(|call| call.account == page.account) else {
            // A page that comes back may have missed the end.
            if offers {
                let ended = ToPage::Ended {
                    call_id: message.call_id,
                    reason: Ended::HungUp,
                };
                state.tell(from, &ended);
            }
            return;
        };
        let ours = match call.owner {
            Some(owner) if owner == from => true,
            // A page that was cut off comes back as another one, and goes on.
            Some(owner) if !pages.contains_key(&owner) => {
                call.owner = Some(from);
                true
            }
            Some(_) => false,
            None => true,
        };
        if !ours {
            if offers {
                let ended = ToPage::Ended {
                    call_id: message.call_id,
                    reason: Ended::AnsweredElsewhere,
                };
                state.tell(from, &ended);
            }
            return;
        }
        let answered = offers && call.owner.is_none();
        if offers {
            call.owner = Some(from);
        }
        if call.to_call.try_send(message.what).is_err() {
            tracing::debug!(call = %message.call_id, "a page sends more than its call takes");
        }
        if answered {
            let account = call.account.clone();
            let ended = ToPage::Ended {
                call_id: message.call_id,
                reason: Ended::AnsweredElsewhere,
            };
            state.tell_account(&account, &ended, Some(from));
        }
    }
}

impl Ringing {
    fn ring(&self, call_id: &CallId) -> ToPage {
        ToPage::Ring {
            call_id: call_id.clone(),
            caller: self.caller.clone(),
        }
    }
}

impl State {
    fn tell(&mut self, page: PageId, message: &ToPage) {
        let sent = self
            .pages
            .get(&page)
            .map(|page| page.out.try_send(message.to_text()));
        if let Some(Err(_)) = sent {
            // Its socket ends with its channel.
            self.pages.remove(&page);
        }
    }

    fn tell_account(&mut self, account: &AccountId, message: &ToPage, but: Option<PageId>) {
        let pages: Vec<_> = self
            .pages
            .iter()
            .filter(|(id, page)| page.account == *account && Some(**id) != but)
            .map(|(id, _)| *id)
            .collect();
        for page in pages {
            self.tell(page, message);
        }
    }
}

/// What the person at a page holds: it can be put down for them, also when the page is gone.
#[derive(Debug)]
pub struct Receiver {
    phones: Phones,
    page: PageId,
}

impl Receiver {
    /// Hangs up every call that the page has.
    pub fn put_down(&self) {
        let state = self.phones.state();
        let owned = state
            .calls
            .values()
            .filter(|call| call.owner == Some(self.page));
        for call in owned {
            // A call that does not take its messages any more is at its end.
            let _ = call.to_call.try_send(Said::HangUp);
        }
    }
}

impl PhoneSocket {
    /// Returns the receiver of the page.
    #[must_use]
    pub fn receiver(&self) -> Receiver {
        Receiver {
            phones: self.phones.clone(),
            page: self.page,
        }
    }

    /// Takes a text that the page sent.
    pub fn take(&self, text: &str) {
        self.phones.take(self.page, text);
    }
}

impl Drop for PhoneSocket {
    fn drop(&mut self) {
        self.phones.state().pages.remove(&self.page);
    }
}

/// A call's end of the line: dropped when the call is over, of which its pages are told.
#[derive(Debug)]
pub(super) struct Ring {
    phones: Phones,
    pub(super) call_id: CallId,
    /// What pages say, until one has answered, and then that one.
    pub(super) messages: mpsc::Receiver<Said>,
    /// Why it ended, once it is dropped.
    pub(super) reason: Ended,
}

impl Ring {
    /// Returns whether the page that answered is there.
    pub(super) fn is_held(&self) -> bool {
        let state = self.phones.state();
        let owner = state.calls.get(&self.call_id).and_then(|call| call.owner);
        owner.is_some_and(|owner| state.pages.contains_key(&owner))
    }

    /// Says something to the page that answered.
    pub(super) fn tell(&self, message: &ToPage) {
        let mut state = self.phones.state();
        let owner = state.calls.get(&self.call_id).and_then(|call| call.owner);
        if let Some(owner) = owner {
            state.tell(owner, message);
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let mut state = self.phones.state();
        let Some(call) = state.calls.remove(&self.call_id) else {
            return;
        };
        let ended = ToPage::Ended {
            call_id: self.call_id.clone(),
            reason: self.reason,
        };
        match call.owner {
            Some(owner) => state.tell(owner, &ended),
            None => state.tell_account(&call.account, &ended, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u128) -> AccountId {
        AccountId::new(number)
    }

    fn kinds(socket: &mut PhoneSocket) -> Vec<String> {
        let mut kinds = Vec::new();
        while let Ok(text) = socket.outgoing.try_recv() {
            let message: serde_json::Value = serde_json::from_str(&text).unwrap();
            let reason = message["reason"].as_str().unwrap_or_default();
            kinds.push(format!("{} {reason}", message["type"].as_str().unwrap()));
        }
        kinds
    }

    fn offer(call: &CallId) -> String {
        format!(
            r#"{{"type":"offer","call_id":"{}","sdp":"v=0"}}"#,
            call.as_str()
        )
    }

    #[test]
    fn a_call_rings_in_the_pages_of_its_account_and_one_answers() {
        let phones = Phones::new(Vec::new());
        let (mut first, mut stranger) = (phones.open(&account(1)), phones.open(&account(2)));
        let call = CallId::new(1, 1);
        let mut ring = phones.ring(call.clone(), account(1), "Nopa".into());
        let mut late = phones.open(&account(1));
        assert_eq!(kinds(&mut first), ["hello ", "ring "]);
        assert_eq!(kinds(&mut late), ["hello ", "ring "]);
        stranger.take(&offer(&call));
        assert!(ring.messages.try_recv().is_err());
        late.take(&offer(&call));
        assert!(matches!(ring.messages.try_recv(), Ok(Said::Offer { .. })));
        assert_eq!(kinds(&mut first), ["ended answered_elsewhere"]);
        first.take(&offer(&call));
        assert!(ring.messages.try_recv().is_err());
        assert_eq!(kinds(&mut first), ["ended answered_elsewhere"]);
        drop(ring);
        assert_eq!(kinds(&mut late), ["ended hung_up"]);
        assert_eq!(kinds(&mut stranger), ["hello ", "ended hung_up"]);
    }

    #[test]
    fn a_page_that_comes_back_goes_on_with_its_call() {
        let phones = Phones::new(Vec::new());
        let call = CallId::new(1, 1);
        let mut ring = phones.ring(call.clone(), account(1), String::new());
        let page = phones.open(&account(1));
        page.take(&offer(&call));
        drop(page);
        let back = phones.open(&account(1));
        back.take(&offer(&call));
        let offers = std::iter::from_fn(|| ring.messages.try_recv().ok()).count();
        assert_eq!(offers, 2);
        // Whatever it says first, it is the one now.
        drop(back);
        assert!(!ring.is_held());
        let mut back = phones.open(&account(1));
        back.take(&format!(
            r#"{{"type":"key","call_id":"{}","key":"5"}}"#,
            call.as_str()
        ));
        assert_eq!(ring.messages.try_recv(), Ok(Said::Key { key: '5' }));
        assert!(ring.is_held());
        drop(ring);
        assert_eq!(kinds(&mut back), ["hello ", "ended hung_up"]);
        // One that comes back too late learns that it is over; of calls of others it learns the same.
        back.take(&offer(&call));
        assert_eq!(kinds(&mut back), ["ended hung_up"]);
    }

    #[test]
    fn a_receiver_that_is_put_down_ends_the_calls_of_its_page_only() {
        let phones = Phones::new(Vec::new());
        let (page, other) = (phones.open(&account(1)), phones.open(&account(1)));
        let calls = [CallId::new(1, 1), CallId::new(1, 2), CallId::new(1, 3)];
        let mut rings = calls
            .clone()
            .map(|call| phones.ring(call, account(1), String::new()));
        page.take(&offer(&calls[0]));
        other.take(&offer(&calls[1]));
        let receiver = page.receiver();
        drop(page);
        receiver.put_down();
        let said: Vec<_> = rings
            .iter_mut()
            .map(|ring| std::iter::from_fn(|| ring.messages.try_recv().ok()).last())
            .collect();
        assert_eq!(said[0], Some(Said::HangUp));
        assert!(matches!(said[1], Some(Said::Offer { .. })));
        assert_eq!(said[2], None, "it still rings");
    }

    #[test]
    fn a_page_that_takes_nothing_is_cut_off() {
        let phones = Phones::new(Vec::new());
        let mut page = phones.open(&account(1));
        for number in 0..=TO_PAGE {
            drop(phones.ring(CallId::new(1, number as u128), account(1), String::new()));
        }
        let waiting = std::iter::from_fn(|| page.outgoing.try_recv().ok()).count();
        assert_eq!(waiting, TO_PAGE);
        let ended = page.outgoing.try_recv();
        assert_eq!(ended, Err(mpsc::error::TryRecvError::Disconnected));
    }
}
