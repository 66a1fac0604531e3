//! The phone in a page: a call rings in the web pages of its account, a click answers, and WebRTC carries the sound.
//!
//! Who may open a page is decided by the server, which passes its texts to [`Phones`]; nothing here knows HTTP.

mod peer;
mod phones;
mod signal;
mod talk;

use std::time::Duration;

use self::{peer::CODEC, talk::Start};
pub use self::{
    peer::PeerOptions,
    phones::{PhoneSocket, Phones},
    signal::IceServer,
};
use crate::{
    line::{DialError, DialRequest, Keys, Leg, Line, Playout, leg_commands, leg_events},
    provider::BoxFuture,
};

/// The line's name in requests and records.
pub const NAME: &str = "browser";

/// Events on their way to the driver: about 1.3 s of packets. When full, packets are dropped and signals wait.
const EVENTS: usize = 64;
/// Commands on their way to the page. When full, the driver drops packets and counts them.
const COMMANDS: usize = 64;
/// From sending a packet to hearing it, as browsers have it on a good network: half of a round trip, the browser's
/// jitter buffer, its sound card.
const PLAYOUT_DELAY: Duration = Duration::from_millis(80);

/// See the module's documentation.
#[derive(Debug)]
pub struct BrowserLine {
    phones: Phones,
    options: PeerOptions,
}

impl BrowserLine {
    /// Makes the line. Nothing is bound before a call is answered.
    #[must_use]
    pub fn new(options: PeerOptions) -> Self {
        Self {
            phones: Phones::new(options.ice_servers.clone()),
            options,
        }
    }
}

impl Line for BrowserLine {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, request: &DialRequest) -> Result<(), DialError> {
        if request.scenario.is_some() || request.callee_audio.is_some() {
            return Err(DialError(
                "The line \"browser\" has a person as its callee. Leave scenario and callee_audio out, or use the \
                 line \"simulated\"."
                    .into(),
            ));
        }
        Ok(())
    }

    fn dial(&self, request: DialRequest) -> BoxFuture<'_, Result<Leg, DialError>> {
        Box::pin(async move {
            self.check(&request)?;
            let Some(owner) = request.owner else {
                return Err(DialError(
                    "A call that belongs to nobody rings nowhere.".into(),
                ));
            };
            let (to_driver, events) = leg_events(EVENTS);
            let (commands, from_driver) = leg_commands(COMMANDS);
            let caller = request.callee_name.unwrap_or(request.to);
            let start = Start {
                ring: self.phones.ring(owner.call, owner.account, caller),
                ring_timeout: request.ring_timeout,
                peer: self.options.clone(),
                ssrc: fastrand::Rng::with_seed(request.seed).u32(1..),
                commands: from_driver,
                events: to_driver,
            };
            tokio::spawn(talk::run(start));
            Ok(Leg {
                events,
                commands,
                codec: CODEC,
                playout_delay: PLAYOUT_DELAY,
                playout: Playout::OnArrival,
                keys: Keys::InBand,
            })
        })
    }

    fn phones(&self) -> Option<Phones> {
        Some(self.phones.clone())
    }
}
