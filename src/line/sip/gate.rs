//! Who may send requests: trunks, peers, and whoever is in a call with us. Everybody else gets no answer at all, so
//! that a scanner does not even learn that something is here.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rsipstack::{
    sip::{Header, HeadersExt, Host, Method, Request, Response, SipMessage, Version},
    transaction::endpoint::TransportEventInspector,
    transport::{SipAddr, TransportEvent},
};

use super::{
    digest::{Answers, Asked},
    options::{Login, Network},
    reason::Reason,
    tally::Tally,
};

/// Dialogs that may have begun at the same time where a call is forked to several telephones.
const MOST_EARLY: usize = 16;

/// What is known of the calls that exist, and of the trunks' addresses.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By `Call-ID`.
    calls: HashMap<String, Noted>,
    /// Addresses that trunks were found at, and who we are to them.
    trunks: HashMap<IpAddr, Option<Login>>,
    /// Networks whose calls are taken beside those of the trunks.
    peers: Vec<Network>,
}

/// What is known of one call.
#[derive(Debug, Default)]
struct Noted {
    /// Why the peer ended it, once it has said so.
    reasons: Vec<Reason>,
    /// Why we take it back.
    leaving: Option<&'static str>,
    /// Dialogs that have begun and may become the call: our tag and the peer's.
    early: Vec<(String, String)>,
    /// Who we are in it.
    answers: Answers,
}

/// A call's place among those that are known, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    registry: Arc<Registry>,
    id: String,
}

impl Registry {
    /// Makes a call known by its `Call-ID`, and who we say we are in it.
    pub(super) fn enter(self: &Arc<Self>, id: &str, login: Option<&Login>) -> Place {
        let noted = Noted {
            answers: Answers::of(login.cloned()),
            ..Noted::default()
        };
        self.lock().calls.insert(id.to_owned(), noted);
        Place {
            registry: self.clone(),
            id: id.to_owned(),
        }
    }

    /// Whether a call is known.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.lock().calls.contains_key(id)
    }

    /// Notes why a call was ended.
    pub(super) fn note_reasons(&self, id: &str, reasons: Vec<Reason>) {
        if let Some(noted) = self.lock().calls.get_mut(id) {
            noted.reasons = reasons;
        }
    }

    /// Whether a call with these tags, ours and the peer's, has begun and is not answered yet.
    pub(super) fn is_early(&self, id: &str, ours: &str, theirs: &str) -> bool {
        let known = self.lock();
        let noted = known.calls.get(id);
        noted.is_some_and(|noted| {
            noted
                .early
                .iter()
                .any(|(a, b)| (a.as_str(), b.as_str()) == (ours, theirs))
        })
    }

    /// Takes an answer that asks who we are; `None` when it belongs to no call that is known.
    pub(super) fn ask(&self, response: &Response) -> Option<Asked> {
        let id = response.call_id_header().ok()?.value();
        let mut known = self.lock();
        Some(known.calls.get_mut(id)?.answers.ask(response))
    }

    /// Writes into a request of ours what is to be said of us in its call.
    pub(super) fn complete(&self, request: &mut Request) {
        let Ok(id) = request.call_id_header().map(|id| id.value().to_owned()) else {
            return;
        };
        let mut known = self.lock();
        let Some(noted) = known.calls.get_mut(&id) else {
            return;
        };
        noted.answers.write(request);
        if let (Method::Cancel, Some(why)) = (request.method, noted.leaving) {
            request.headers.push(Header::Reason(why.into()));
        }
    }

    /// Makes it known that a trunk is at these addresses, and who we are to it.
    pub(super) fn note_trunk(
        &self,
        addresses: impl IntoIterator<Item = IpAddr>,
        login: Option<&Login>,
    ) {
        let mut known = self.lock();
        for address in addresses {
            known.trunks.insert(address, login.cloned());
        }
    }

    /// Returns who we are to the trunk at an address.
    pub(super) fn login_at(&self, address: IpAddr) -> Option<Login> {
        let known = self.lock();
        known.trunks.get(&address.to_canonical()).cloned().flatten()
    }

    /// Forgets all addresses of trunks but these.
    pub(super) fn keep_trunks(&self, addresses: &HashSet<IpAddr>) {
        let mut known = self.lock();
        known
            .trunks
            .retain(|address, _| addresses.contains(address));
    }

    /// Lets these networks in, and no others.
    pub(super) fn set_peers(&self, peers: Vec<Network>) {
        self.lock().peers = peers;
    }

    /// Whether requests of an address are for us whatever they are about.
    fn is_known(&self, address: IpAddr) -> bool {
        let known = self.lock();
        known.trunks.contains_key(&address.to_canonical())
            || known.peers.iter().any(|network| network.holds(address))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Returns why the peer ended the call, as far as it said.
    pub(super) fn reasons(&self) -> Vec<Reason> {
        let known = self.registry.lock();
        let noted = known.calls.get(&self.id);
        noted.map(|noted| noted.reasons.clone()).unwrap_or_default()
    }

    /// Notes why we take the call back, as a `Reason` says it.
    pub(super) fn leave(&self, why: &'static str) {
        if let Some(noted) = self.registry.lock().calls.get_mut(&self.id) {
            noted.leaving = Some(why);
        }
    }

    /// Notes a dialog that has begun: our tag and the peer's.
    pub(super) fn begun(&self, ours: String, theirs: String) {
        if let Some(noted) = self.registry.lock().calls.get_mut(&self.id) {
            let tags = (ours, theirs);
            if noted.early.len() < MOST_EARLY && !noted.early.contains(&tags) {
                noted.early.push(tags);
            }
        }
    }

    /// Forgets the dialogs that have begun: the call is answered, or over.
    pub(super) fn settled(&self) {
        if let Some(noted) = self.registry.lock().calls.get_mut(&self.id) {
            noted.early.clear();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.lock().calls.remove(&self.id);
    }
}

/// See the module's documentation.
pub(super) struct Gate {
    pub(super) registry: Arc<Registry>,
    pub(super) tally: Arc<Tally>,
}

impl Gate {
    /// Whether a request may come in.
    pub(super) fn admits(&self, request: &Request, from: &SipAddr) -> bool {
        let Host::IpAddr(address) = from.addr.host else {
            return false;
        };
        let of_a_call = || {
            let tag = request
                .to_header()
                .ok()
                .and_then(|to| to.tag().ok().flatten());
            let id = request.call_id_header().map(|id| id.value().to_owned());
            tag.is_some() && id.is_ok_and(|id| self.registry.knows(&id))
        };
        self.registry.is_known(address) || of_a_call()
    }
}

/// Whether an answer is one by its first line and by the numbers in it.
fn is_sound(response: &Response) -> bool {
    let counts = response.cseq_header().is_ok_and(|cseq| cseq.seq().is_ok());
    let length = response.header_value("Content-Length");
    let measures = length.is_none_or(|length| length.trim().parse::<u32>().is_ok());
    let status = u16::from(response.status_code.clone());
    response.version == Version::V2 && (100..700).contains(&status) && counts && measures
}

#[async_trait::async_trait]
impl TransportEventInspector for Gate {
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        if let TransportEvent::Incoming(SipMessage::Request(request), _, from) = &event
            && !self.admits(request, from)
        {
            self.tally.strangers.add();
            tracing::debug!(%from, "a request of a stranger was dropped");
            return None;
        }
        if let TransportEvent::Incoming(SipMessage::Response(response), ..) = &event
            && !is_sound(response)
        {
            // The library would take it for the last word.
            self.tally.senseless.add();
            return None;
        }
        Some(event)
    }
}
