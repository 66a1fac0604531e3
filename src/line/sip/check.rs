//! Whether telephones can be rung: each trunk is looked up, asked whether it is there, and registered at where that is
//! wanted. Nothing is dialed.

use std::{net::SocketAddr, time::Duration};

use rsipstack::sip::HeadersExt;

use super::{
    Options, Shared, SipLine,
    register::{self, Denied},
    trunk::Lane,
};
use crate::driver::clock;

/// How one thing stands: a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It works.
    Good(String),
    /// It works, and something about it should be known.
    Note(String),
    /// It does not work, and this is what to do.
    Bad(String),
}

/// Checks every trunk. `running` says that a server is running with the same configuration, whose port and whose
/// registrations are left alone.
pub async fn check(mut options: Options, running: bool) -> Vec<(&'static str, Found)> {
    if running {
        options.listen.set_port(0);
        options.tls.listen = None;
    }
    let trunks = std::mem::take(&mut options.trunks);
    let listen = options.listen;
    let line = match SipLine::new(options) {
        Ok(line) => line,
        Err(problem) => return vec![("sip", Found::Bad(problem))],
    };
    let mut found = vec![match running {
        true => (
            "sip",
            Found::Good("its port is in use by a running server".into()),
        ),
        false => (
            "sip",
            Found::Good(format!("can listen at {listen}, over UDP and TCP")),
        ),
    }];
    if trunks.is_empty() {
        found.push((
            "trunk",
            Found::Note("there is none, so no telephone can be rung".into()),
        ));
    }
    for trunk in trunks {
        let lane = Lane::new(trunk);
        found.extend(check_trunk(&line.shared, &lane, running).await);
    }
    found
}

async fn check_trunk(
    shared: &Shared,
    lane: &std::sync::Arc<Lane>,
    running: bool,
) -> Vec<(&'static str, Found)> {
    let name = &lane.trunk.name;
    let addresses = match shared.addresses(lane).await {
        Ok(addresses) => addresses,
        Err(why) => {
            let problem =
                format!("{name} cannot be found ({why}); check server of the trunk, and DNS");
            return vec![("trunk", Found::Bad(problem))];
        }
    };
    let mut found = Vec::new();
    let mut good = None;
    for peer in addresses {
        let asked = ask(shared, lane, peer).await;
        if !matches!(asked, Found::Bad(_)) {
            good.get_or_insert(peer);
        }
        found.push(("trunk", asked));
    }
    if let (Some(peer), Some(wanted)) = (good, lane.trunk.register) {
        found.push((
            "registration",
            register(shared, lane, peer, wanted, running).await,
        ));
    }
    found
}

async fn ask(shared: &Shared, lane: &Lane, peer: SocketAddr) -> Found {
    let name = &lane.trunk.name;
    let begun = clock::now();
    match register::options(&shared.stack, &lane.trunk, peer).await {
        Err(why) => Found::Bad(format!(
            "{name} at {peer} does not answer OPTIONS ({why}); check server and transport of the trunk, its list of \
             allowed addresses, and the firewall"
        )),
        Ok(answer) => {
            let took = (clock::now() - begun).as_millis();
            let who = answer.header_value("Server").or_else(|| {
                answer
                    .user_agent_header()
                    .map(|header| header.value().to_owned())
            });
            let who = who.map_or_else(String::new, |who| format!(", it is {}", tame(&who)));
            let status = u16::from(answer.status_code.clone());
            let told = format!("{name} at {peer} answered OPTIONS with {status} in {took} ms{who}");
            let ours = shared.stack.address_towards(peer.ip());
            let seen = answer.via_received().map(|seen| seen.host.to_string());
            match seen {
                Some(seen) if seen != ours.to_string() => Found::Note(format!(
                    "{told}. It sees us at {seen}, while we say {ours}: set line.sip.public_address to {seen}, and let \
                     the router pass the ports of line.sip.listen and line.sip.rtp_ports"
                )),
                _ => Found::Good(told),
            }
        }
    }
}

async fn register(
    shared: &Shared,
    lane: &Lane,
    peer: SocketAddr,
    wanted: Duration,
    running: bool,
) -> Found {
    let name = &lane.trunk.name;
    // A running server holds the registration; taking back one that was never made only shows that we may.
    let asked = if running { Duration::ZERO } else { wanted };
    let mut registration = None;
    let registered = register::register(shared, &lane.trunk, peer, &mut registration, asked).await;
    match registered {
        Err(Denied::Gone(why) | Denied::Final(why)) => {
            Found::Bad(format!("{name} does not register us: {why}"))
        }
        Ok(_) if running => Found::Good(format!("{name} accepts the user and the password")),
        Ok(granted) => {
            let taken_back =
                register::register(shared, &lane.trunk, peer, &mut registration, Duration::ZERO);
            if taken_back.await.is_err() {
                tracing::debug!(trunk = name, "a registration was not taken back");
            }
            Found::Good(format!(
                "{name} registered us for {} s, which was taken back again",
                granted.as_secs()
            ))
        }
    }
}

/// What a server calls itself, fit for a line.
fn tame(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}
