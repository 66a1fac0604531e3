//! Who may send requests: trunks, peers, and whoever is in a call with us. Everybody else gets no answer at all, so
//! that a scanner does not even learn that something is here.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rsipstack::{
    sip::{HeadersExt, Host, Request, SipMessage},
    transaction::endpoint::TransportEventInspector,
    transport::{SipAddr, TransportEvent},
};

use super::{options::Network, reason::Reason, tally::Tally};

/// What is known of the calls that exist, and of the trunks' addresses.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By `Call-ID`: why the peer ended the call, once it has said so.
    calls: HashMap<String, Vec<Reason>>,
    /// Addresses that trunks were found at.
    trunks: HashSet<IpAddr>,
    /// Networks whose calls are taken beside those of the trunks.
    peers: Vec<Network>,
}

/// A call's place among those that are known, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    registry: Arc<Registry>,
    id: String,
}

impl Registry {
    /// Makes a call known by its `Call-ID`.
    pub(super) fn enter(self: &Arc<Self>, id: &str) -> Place {
        self.lock().calls.insert(id.to_owned(), Vec::new());
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
        if let Some(place) = self.lock().calls.get_mut(id) {
            *place = reasons;
        }
    }

    /// Makes it known that a trunk is at these addresses.
    pub(super) fn note_trunk(&self, addresses: impl IntoIterator<Item = IpAddr>) {
        self.lock().trunks.extend(addresses);
    }

    /// Forgets all addresses of trunks but these.
    pub(super) fn keep_trunks(&self, addresses: &HashSet<IpAddr>) {
        let mut known = self.lock();
        known.trunks.retain(|address| addresses.contains(address));
    }

    /// Lets these networks in, and no others.
    pub(super) fn set_peers(&self, peers: Vec<Network>) {
        self.lock().peers = peers;
    }

    /// Whether requests of an address are for us whatever they are about.
    fn is_known(&self, address: IpAddr) -> bool {
        let known = self.lock();
        known.trunks.contains(&address.to_canonical())
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
        known.calls.get(&self.id).cloned().unwrap_or_default()
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
    fn admits(&self, request: &Request, from: &SipAddr) -> bool {
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
        Some(event)
    }
}
