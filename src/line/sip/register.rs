//! Registration at a trunk that wants it, refreshed as long as the line lives; and the question whether a trunk is
//! there, asked every so often.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use rsipstack::{
    dialog::registration::Registration,
    sip::{HeadersExt, Method, Response, SipMessage, StatusCodeKind, typed},
    transaction::{
        key::{TransactionKey, TransactionRole},
        make_tag,
        transaction::Transaction,
    },
    transport::SipAddr,
};

use super::{
    Shared,
    attempt::{address, credential, via_proxy},
    failure::Refusal,
    options::Trunk,
    stack::Stack,
    trunk::Lane,
};
use crate::driver::clock;

/// After a registration failed, it is tried again after this, which doubles …
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// A refresh comes so much before the registration is over, at least.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a question waits for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a trunk's registration stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    /// None is wanted.
    #[default]
    None,
    /// It is being asked for.
    Asking,
    /// It holds.
    Registered,
    /// It was refused; a sentence says what to do.
    Refused(String),
}

/// Keeps a trunk registered. Ends when the line does.
pub(super) async fn keep(
    shared: Weak<Shared>,
    lane: Arc<Lane>,
    wanted: Duration,
    standing: Arc<Mutex<Standing>>,
) {
    let mut registration = None;
    let mut pause = FIRST_PAUSE;
    let note = |new: Standing| {
        let mut standing = standing.lock().unwrap_or_else(PoisonError::into_inner);
        if *standing == new {
            return;
        }
        match &new {
            Standing::Registered => tracing::info!(trunk = lane.trunk.name, "registered"),
            Standing::Refused(why) => {
                tracing::warn!(trunk = lane.trunk.name, why, "not registered")
            }
            Standing::None | Standing::Asking => {}
        }
        *standing = new;
    };
    loop {
        let Some(line) = shared.upgrade() else {
            return;
        };
        let asked = ask_all(&line, &lane, &mut registration, wanted).await;
        drop(line);
        let wait = match asked {
            Ok(granted) => {
                note(Standing::Registered);
                pause = FIRST_PAUSE;
                granted
                    .saturating_sub(MARGIN.max(granted / 10))
                    .max(granted / 2)
            }
            Err(why) => {
                note(Standing::Refused(why));
                pause = (2 * pause).min(LONGEST_PAUSE);
                pause / 2
            }
        };
        clock::sleep(wait.max(Duration::from_secs(1))).await;
    }
}

/// Registers at the first of a trunk's addresses that answers.
async fn ask_all(
    shared: &Shared,
    lane: &Arc<Lane>,
    registration: &mut Option<Registration>,
    wanted: Duration,
) -> Result<Duration, String> {
    let addresses = shared
        .addresses(lane)
        .await
        .map_err(|why| format!("it cannot be found ({why}); check server of the trunk, and DNS"))?;
    let mut last = String::from("it has no address");
    for peer in addresses {
        match register(shared, &lane.trunk, peer, registration, wanted).await {
            Ok(granted) => {
                lane.works(peer);
                return Ok(granted);
            }
            Err(Denied::Final(why)) => return Err(why),
            Err(Denied::Gone(why)) => {
                lane.failed(peer, clock::now());
                last = why;
            }
        }
    }
    Err(last)
}

/// Why a registration was not made.
pub(super) enum Denied {
    /// Another address may do better.
    Gone(String),
    /// It was refused.
    Final(String),
}

/// Registers once. Returns for how long it holds.
pub(super) async fn register(
    shared: &Shared,
    trunk: &Trunk,
    peer: SocketAddr,
    registration: &mut Option<Registration>,
    wanted: Duration,
) -> Result<Duration, Denied> {
    let (stack, registry) = (&shared.stack, &shared.registry);
    let reached = stack.reach(peer, trunk.transport, &trunk.host).await;
    reached.map_err(|why| {
        Denied::Gone(format!(
            "it cannot be reached ({why}); check server and transport"
        ))
    })?;
    let known = registration.get_or_insert_with(|| {
        Registration::new(stack.endpoint.clone(), credential(trunk.login.as_ref()))
    });
    let _known = registry.enter(known.call_id.value(), trunk.login.as_ref());
    let user = trunk
        .login
        .as_ref()
        .map_or("agentphone", |login| &login.user);
    known.contact = Some(typed::Contact {
        display_name: None,
        uri: stack.contact(user, trunk.transport, peer.ip()),
        params: Vec::new(),
    });
    known.outbound_proxy = Some(peer);
    let mut server = address("", &trunk.domain, false).map_err(Denied::Final)?;
    server.auth = None;
    if trunk.transport != rsipstack::sip::Transport::Udp {
        server
            .params
            .push(rsipstack::sip::Param::Transport(trunk.transport));
    }
    known.extra_headers = via_proxy(trunk).into_iter().map(Into::into).collect();
    let mut seconds = wanted.as_secs() as u32;
    for _ in 0..2 {
        let answer = known.register(server.clone(), Some(seconds)).await;
        let answer =
            answer.map_err(|error| Denied::Gone(format!("it does not answer ({error})")))?;
        let status = u16::from(answer.status_code.clone());
        match (answer.status_code.kind(), status) {
            (StatusCodeKind::Successful, _) => {
                return Ok(Duration::from_secs(known.expires().into()));
            }
            (_, 423) => {
                let least = answer.min_expires_header().and_then(|header| {
                    rsipstack::sip::prelude::UntypedHeader::value(header)
                        .trim()
                        .parse()
                        .ok()
                });
                seconds = least.unwrap_or(3600).max(seconds + 1);
            }
            (_, 401 | 403 | 407) => {
                return Err(Denied::Final(format!(
                    "it answered SIP {status}: the user or the password is wrong; check username and password of the trunk"
                )));
            }
            (_, 408 | 500..=599) => {
                return Err(Denied::Gone(format!(
                    "it answered SIP {status}; it may be back soon"
                )));
            }
            _ => {
                let refusal = Refusal::read(&answer);
                return Err(Denied::Final(format!(
                    "it answered SIP {status} {}; check domain and username of the trunk",
                    refusal.phrase
                )));
            }
        }
    }
    Err(Denied::Final(
        "it wants a longer registration each time".into(),
    ))
}

/// Takes registrations back, as far as that goes in the time that is left.
pub(super) async fn leave(shared: &Shared, lanes: &[Arc<Lane>]) {
    for lane in lanes {
        if lane.trunk.register.is_none() {
            continue;
        }
        let Ok(addresses) = shared.addresses(lane).await else {
            continue;
        };
        if let Some(peer) = addresses.first() {
            let mut registration = None;
            let gone = register(
                shared,
                &lane.trunk,
                *peer,
                &mut registration,
                Duration::ZERO,
            );
            if clock::timeout(Duration::from_secs(1), gone).await.is_none() {
                tracing::debug!(
                    trunk = lane.trunk.name,
                    "a registration was not taken back in time"
                );
            }
        }
    }
}

/// Asks a trunk every so often whether it is there, which also keeps the way through a router open.
pub(super) async fn keep_alive(shared: Weak<Shared>, lane: Arc<Lane>, period: Duration) {
    loop {
        {
            let Some(line) = shared.upgrade() else {
                return;
            };
            for peer in line.addresses(&lane).await.unwrap_or_default() {
                match options(&line.stack, &lane.trunk, peer).await {
                    Ok(_) => lane.works(peer),
                    Err(why) => {
                        tracing::info!(trunk = lane.trunk.name, %peer, why, "a trunk does not answer OPTIONS");
                        lane.failed(peer, clock::now());
                    }
                }
            }
        }
        clock::sleep(period).await;
    }
}

/// Asks a trunk whether it is there. Any answer says that it is.
///
/// # Errors
/// When there is none; a phrase says why.
pub(super) async fn options(
    stack: &Stack,
    trunk: &Trunk,
    peer: SocketAddr,
) -> Result<Response, String> {
    let target = stack.reach(peer, trunk.transport, &trunk.host).await?;
    let mut uri = address("", &trunk.domain, false)?;
    uri.auth = None;
    let user = trunk
        .login
        .as_ref()
        .map_or("agentphone", |login| &login.user);
    let contact = stack.contact(user, trunk.transport, peer.ip());
    let from = typed::From {
        display_name: None,
        uri: address(user, &trunk.domain, false)?,
        params: Vec::new(),
    }
    .with_tag(make_tag());
    let to = typed::To {
        display_name: None,
        uri: uri.clone(),
        params: Vec::new(),
    };
    let via = SipAddr::new(trunk.transport, contact.host_with_port.clone());
    let via = stack
        .endpoint
        .get_via(Some(via), None)
        .map_err(|error| error.to_string())?;
    let mut request = stack
        .endpoint
        .make_request(Method::Options, uri, via, from, to, 1, None);
    let contact = typed::Contact {
        display_name: None,
        uri: contact,
        params: Vec::new(),
    };
    request.headers.push(contact.into());
    for route in via_proxy(trunk) {
        request.headers.push(route.into());
    }
    let key = TransactionKey::from_request(&request, TransactionRole::Client)
        .map_err(|error| error.to_string())?;
    let mut transaction = Transaction::new_client(key, request, stack.endpoint.clone(), None);
    transaction.destination = Some(target);
    transaction
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let answered = clock::timeout(PATIENCE, final_answer(&mut transaction));
    answered
        .await
        .unwrap_or_else(|| Err("no answer in time".into()))
}

async fn final_answer(transaction: &mut Transaction) -> Result<Response, String> {
    while let Some(message) = transaction.receive().await {
        if let SipMessage::Response(response) = message
            && response.status_code.kind() != StatusCodeKind::Provisional
        {
            return match u16::from(response.status_code.clone()) {
                // The library's own word that nothing came.
                408 => Err("no answer in time".into()),
                503 => Err("it is not in service".into()),
                _ => Ok(response),
            };
        }
    }
    Err("no answer".into())
}
