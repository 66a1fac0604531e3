//! One INVITE to one address of a trunk, until it is answered, refused, or taken back.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rsipstack::{
    dialog::{
        authenticate::Credential,
        dialog::{DialogState, DialogStateReceiver},
        dialog_layer::DialogLayer,
        invitation::{InviteAsyncResult, InviteOption},
        invite_dialog::InviteDialog,
    },
    platform::JoinHandle,
    sip::{
        Auth, Header, HeadersExt, Host, HostWithPort, Param, Response, Scheme, StatusCodeKind,
        Transport, Uri,
        param::{OtherParam, OtherParamValue},
        typed,
    },
    transport::SipAddr,
};

use super::{
    failure::Refusal,
    gate::{Place, Registry},
    options::{Login, Trunk},
    stack::{METHODS, Route, Stack},
    timer::SessionExpires,
};

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Invitation {
    /// Whom to call, E.164.
    pub(super) to: String,
    /// From which number; `None`: the trunk's user.
    pub(super) from: Option<String>,
    /// Our offer.
    pub(super) offer: String,
    /// The session interval; zero: none.
    pub(super) interval: Duration,
    /// The shortest one that would do.
    pub(super) least: Duration,
}

/// What happens to an attempt.
#[derive(Debug)]
pub(super) enum Step {
    /// The network works on it.
    Trying,
    /// The phone rings, or something is to be heard already: the offer's answer, if there is one.
    Early(u16, Option<String>),
    /// Answered: with the answer to our offer, if there is one.
    Answered(Box<Response>),
    /// Refused.
    Refused(Refusal),
    /// Nothing came of it; a phrase says why.
    Broken(String),
}

/// See the module's documentation.
pub(super) struct Attempt {
    pub(super) dialog: InviteDialog,
    pub(super) states: DialogStateReceiver,
    /// Shared with whatever outlives the call: its end is told in a task of its own.
    pub(super) place: Arc<Place>,
    dialogs: Arc<DialogLayer>,
    finished: Option<JoinHandle<InviteAsyncResult>>,
    _route: Route,
    provisional: bool,
    cancelled: bool,
}

impl Attempt {
    /// Sends the INVITE.
    ///
    /// # Errors
    /// When it cannot even be written; a phrase says why.
    pub(super) fn start(
        stack: &Arc<Stack>,
        registry: &Arc<Registry>,
        trunk: &Trunk,
        target: SipAddr,
        peer: SocketAddr,
        invitation: &Invitation,
    ) -> Result<Self, String> {
        let call_id = call_id().ok_or("the system gives no random numbers")?;
        let to = address(&trunk.number(&invitation.to), &trunk.domain, true)?;
        let route = stack.route(&to, target.clone());
        let option = InviteOption {
            caller: caller(trunk, invitation)?,
            callee: to,
            destination: Some(target),
            contact: stack.contact(&user(trunk, invitation), trunk.transport, peer.ip()),
            offer: Some(invitation.offer.clone().into_bytes()),
            credential: credential(trunk.login.as_ref()),
            headers: Some(headers(trunk, invitation)),
            call_id: Some(call_id.clone()),
            route_set: via_proxy(trunk),
            ..InviteOption::default()
        };
        let (sender, states) = stack.dialogs.new_dialog_state_channel();
        let place = registry.enter(&call_id, trunk.login.as_ref());
        let (dialog, finished) = stack
            .dialogs
            .do_invite_async(option, sender)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            dialog,
            states,
            place: Arc::new(place),
            dialogs: stack.dialogs.clone(),
            finished: Some(finished),
            _route: route,
            provisional: false,
            cancelled: false,
        })
    }

    /// Whether any answer came at all.
    pub(super) fn was_heard_of(&self) -> bool {
        self.provisional
    }

    /// Waits for what happens next. May be given up and called again.
    pub(super) async fn step(&mut self) -> Step {
        loop {
            tokio::select! {
                biased;
                state = self.states.recv() => match state {
                    Some(DialogState::Trying(_)) => {
                        self.provisional = true;
                        return Step::Trying;
                    }
                    Some(DialogState::Early(_, response)) => {
                        self.provisional = true;
                        let code = u16::from(response.status_code.clone());
                        if let Some(tag) = tag(&response) {
                            self.place.begun(self.dialog.id().local_tag, tag);
                        }
                        return Step::Early(code, body(&response));
                    }
                    // What is final is told by the other branch, with the whole answer.
                    Some(_) => {}
                    None => return self.end().await,
                },
                ended = finished(&mut self.finished) => {
                    self.finished = None;
                    return self.read_end(ended);
                }
            }
        }
    }

    async fn end(&mut self) -> Step {
        let ended = finished(&mut self.finished).await;
        self.finished = None;
        self.read_end(ended)
    }

    fn read_end(&mut self, ended: Result<InviteAsyncResult, String>) -> Step {
        self.place.settled();
        match ended {
            Ok(Ok((_, Some(response)))) => match response.status_code.kind() {
                StatusCodeKind::Successful => Step::Answered(Box::new(response)),
                _ => Step::Refused(Refusal::read(&response)),
            },
            Ok(Ok((_, None))) => Step::Broken("it gave no answer".into()),
            Ok(Err(error)) => Step::Broken(match error {
                rsipstack::Error::DialogError(_, _, status) => {
                    return Step::Refused(Refusal::bare(status.into()));
                }
                error => error.to_string(),
            }),
            Err(error) => Step::Broken(error),
        }
    }

    /// Takes the call back for a reason, and waits until that is done: refused, or answered and hung up at once.
    pub(super) async fn cancel(mut self, why: &'static str) {
        if self.finished.is_none() {
            return;
        }
        self.place.leave(why);
        self.cancelled = true;
        if let Err(error) = self.dialog.cancel().await {
            tracing::debug!(%error, "a call could not be taken back at once");
        }
        while !matches!(
            self.step().await,
            Step::Answered(_) | Step::Refused(_) | Step::Broken(_)
        ) {}
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // The library remembers dialogs until it is told not to.
        self.dialogs.remove_dialog(&self.dialog.id());
    }
}

async fn finished(
    handle: &mut Option<JoinHandle<InviteAsyncResult>>,
) -> Result<InviteAsyncResult, String> {
    match handle {
        Some(handle) => handle.await.map_err(|error| error.to_string()),
        None => std::future::pending().await,
    }
}

/// Returns the tag by which the peer names its end.
fn tag(response: &Response) -> Option<String> {
    let tag = response.to_header().ok()?.tag().ok()??;
    Some(tag.value().to_owned())
}

/// Returns the session description of a message, if it has one.
pub(super) fn body(response: &Response) -> Option<String> {
    let text = String::from_utf8(response.body.clone()).ok()?;
    text.contains("v=0").then_some(text)
}

/// Returns a `Call-ID` that nobody guesses.
pub(super) fn call_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns the address of a number or a user in a domain.
pub(super) fn address(user: &str, domain: &str, is_number: bool) -> Result<Uri, String> {
    let host_with_port = HostWithPort::try_from(domain).map_err(|error| error.to_string())?;
    let phone = Param::Other(OtherParam::new("user"), Some(OtherParamValue::new("phone")));
    Ok(Uri {
        scheme: Some(Scheme::Sip),
        auth: Some(Auth {
            user: user.to_owned(),
            password: None,
        }),
        host_with_port,
        params: if is_number { vec![phone] } else { Vec::new() },
        headers: Vec::new(),
    })
}

fn user(trunk: &Trunk, invitation: &Invitation) -> String {
    match (&invitation.from, &trunk.login) {
        (Some(from), _) => trunk.number(from),
        (None, Some(login)) => login.user.clone(),
        (None, None) => "agentphone".into(),
    }
}

fn caller(trunk: &Trunk, invitation: &Invitation) -> Result<Uri, String> {
    address(&user(trunk, invitation), &trunk.domain, false)
}

/// Returns who we are, for the library. What it makes of that is written by `digest`.
pub(super) fn credential(login: Option<&Login>) -> Option<Credential> {
    login.map(|login| Credential {
        username: login.user.clone(),
        password: login.password.clone(),
        realm: None,
        auth_username: None,
    })
}

/// The route through the trunk's proxy, if it has one.
pub(super) fn via_proxy(trunk: &Trunk) -> Vec<typed::Route> {
    let Some((host, port)) = &trunk.proxy else {
        return Vec::new();
    };
    let host = match host.parse() {
        Ok(address) => Host::IpAddr(address),
        Err(_) => Host::from(rsipstack::sip::Domain::from(host.as_str())),
    };
    let mut params = vec![Param::Lr];
    if trunk.transport != Transport::Udp {
        params.insert(0, Param::Transport(trunk.transport));
    }
    let uri = Uri {
        scheme: Some(Scheme::Sip),
        auth: None,
        host_with_port: HostWithPort {
            host,
            port: port.map(Into::into),
        },
        params,
        headers: Vec::new(),
    };
    vec![typed::Route {
        display_name: None,
        uri,
        params: Vec::new(),
    }]
}

/// The headers of an INVITE beside those that every request has.
fn headers(trunk: &Trunk, invitation: &Invitation) -> Vec<Header> {
    let mut headers = common_headers();
    if !invitation.interval.is_zero() {
        let wanted = SessionExpires {
            interval: invitation.interval,
            uac: None,
        };
        headers.push(Header::SessionExpires(wanted.write().into()));
        headers.push(Header::MinSE(invitation.least.as_secs().to_string().into()));
    }
    if let (true, Ok(caller)) = (trunk.asserted_identity, caller(trunk, invitation)) {
        headers.push(Header::PAssertedIdentity(format!("<{caller}>").into()));
    }
    headers
}

/// What is said of us in every request and answer that opens or changes a call.
pub(super) fn common_headers() -> Vec<Header> {
    let allow: Vec<_> = METHODS.iter().map(ToString::to_string).collect();
    vec![
        Header::Allow(allow.join(", ").into()),
        Header::Supported("timer".into()),
    ]
}
