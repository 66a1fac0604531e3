//! Requests that open something: calls that come in, and questions whether we are there. They are from trunks and
//! peers only; the gate let nobody else in. Requests within a call go to that call.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use rsipstack::{
    dialog::{
        dialog::{Dialog, DialogStateReceiver},
        invite_dialog::InviteDialog,
    },
    sip::{HasHeaders, Header, HeadersExt, Host, Method, Request, StatusCode, typed},
    transaction::{TransactionReceiver, transaction::Transaction},
};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Shared,
    attempt::{common_headers, credential},
    gate::Place,
    options::Options,
    reason::Reason,
    timer::SessionExpires,
};
use crate::{driver::clock, line::Incoming};

/// Calls that wait to be taken; further ones find the line engaged.
pub(super) const MOST_WAITING: usize = 64;
/// How long a call that was taken may wait until the engine answers it.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// How long a request within a call waits when that call is just being set up.
const SETTING_UP: std::time::Duration = std::time::Duration::from_millis(100);

/// A call that waits to be answered.
pub(super) struct Inbound {
    pub(super) dialog: InviteDialog,
    pub(super) states: DialogStateReceiver,
    pub(super) place: Place,
    /// What the caller offers; `None`: it wants our offer.
    pub(super) offer: Option<String>,
    pub(super) peer: IpAddr,
    pub(super) domain: String,
}

/// Calls that wait to be answered, by the name under which the engine knows them.
pub(super) type Waiting = HashMap<String, Box<Inbound>>;

/// Serves requests as long as there is a line.
pub(super) async fn serve(shared: std::sync::Weak<Shared>, mut incoming: TransactionReceiver) {
    while let Some(transaction) = incoming.recv().await {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        // A task each, so that none waits for another. What the peer may send is limited by the gate and by the calls
        // that we take.
        tokio::spawn(take(shared, transaction));
    }
}

async fn take(shared: Arc<Shared>, mut transaction: Transaction) {
    let tagged = transaction
        .original
        .to_header()
        .ok()
        .and_then(|to| to.tag().ok().flatten())
        .is_some();
    let outcome = match (tagged, transaction.original.method) {
        (true, _) => within(&shared, &mut transaction).await,
        (false, Method::Invite) => invite(&shared, &mut transaction).await,
        (false, Method::Options) => {
            transaction
                .reply_with(StatusCode::OK, common_headers(), None)
                .await
        }
        (false, Method::Ack) => Ok(()),
        (false, _) => {
            shared.tally.senseless.add();
            transaction
                .reply_with(StatusCode::MethodNotAllowed, common_headers(), None)
                .await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a request could not be dealt with");
    }
}

/// A request within a call.
async fn within(shared: &Arc<Shared>, transaction: &mut Transaction) -> rsipstack::Result<()> {
    let request = &transaction.original;
    let (id, method) = (request.call_id_header()?.value().to_owned(), request.method);
    let mut dialog = shared.stack.dialogs.match_dialog(transaction);
    if is_being_set_up(dialog.as_ref(), method) && shared.registry.knows(&id) {
        // The library enters a call a moment after its answer; a peer may be faster.
        clock::sleep(SETTING_UP).await;
        dialog = shared.stack.dialogs.match_dialog(transaction);
    }
    match dialog {
        Some(dialog) if is_being_set_up(Some(&dialog), method) => early(transaction).await,
        Some(Dialog::Invite(mut dialog)) => {
            if method == Method::Bye {
                let headers = transaction.original.headers().iter();
                let reasons = headers.filter_map(|header| match header {
                    Header::Reason(reason) => Some(Reason::read(reason.value())),
                    _ => None,
                });
                let reasons: Vec<_> = reasons.flatten().collect();
                shared.registry.note_reasons(&id, reasons);
            }
            dialog.handle(transaction).await
        }
        _ if method == Method::Ack => Ok(()),
        _ if is_of_early(shared, &transaction.original, &id) => early(transaction).await,
        _ => {
            shared.tally.unknown_calls.add();
            transaction
                .reply(StatusCode::CallTransactionDoesNotExist)
                .await
        }
    }
}

/// Whether a call is not far enough for a request: the library would leave it without an answer.
fn is_being_set_up(dialog: Option<&Dialog>, method: Method) -> bool {
    let waits = !matches!(
        method,
        Method::Ack | Method::Bye | Method::PRack | Method::Cancel
    );
    match dialog {
        Some(Dialog::Invite(dialog)) => {
            let state = dialog.state();
            waits && !state.is_confirmed() && !state.is_terminated()
        }
        Some(_) => false,
        None => true,
    }
}

/// Whether a request is of a dialog that has begun, whose call is not answered yet.
fn is_of_early(shared: &Shared, request: &Request, id: &str) -> bool {
    let tags = || {
        let ours = request.to_header().ok()?.tag().ok()??;
        let theirs = request.from_header().ok()?.tag().ok()??;
        Some((ours.value().to_owned(), theirs.value().to_owned()))
    };
    tags().is_some_and(|(ours, theirs)| shared.registry.is_early(id, &ours, &theirs))
}

/// A request within a call that is not answered yet. Our offer still waits for its answer then, so that no other can
/// be taken (RFC 3311 section 5.2).
async fn early(transaction: &mut Transaction) -> rsipstack::Result<()> {
    let request = &transaction.original;
    let status = match request.method {
        Method::Invite => StatusCode::RequestPending,
        Method::Update if !request.body.is_empty() => StatusCode::RequestPending,
        Method::Update | Method::Info | Method::Options | Method::PRack => StatusCode::OK,
        // Who was called has no business ending a call that way before it is answered (RFC 3261 section 15).
        Method::Bye => StatusCode::CallTransactionDoesNotExist,
        _ => StatusCode::MethodNotAllowed,
    };
    transaction.reply_with(status, common_headers(), None).await
}

/// Somebody calls.
async fn invite(shared: &Arc<Shared>, transaction: &mut Transaction) -> rsipstack::Result<()> {
    let call = match read(&shared.options(), &transaction.original) {
        Ok(call) => call,
        Err((status, headers)) => {
            shared.tally.senseless.add();
            return transaction.reply_with(status, headers, None).await;
        }
    };
    let (sender, states) = shared.stack.dialogs.new_dialog_state_channel();
    let transport = transaction
        .connection
        .as_ref()
        .map_or(rsipstack::sip::Transport::Udp, |connection| {
            connection.transport()
        });
    let contact = shared.stack.contact(&call.user, transport, call.peer);
    let login = shared.registry.login_at(call.peer);
    let dialog = shared.stack.dialogs.get_or_create_server_invite(
        transaction,
        sender,
        credential(login.as_ref()),
        Some(contact),
    );
    let mut dialog = match dialog {
        Ok(dialog) => dialog,
        Err(error) => {
            shared.tally.senseless.add();
            tracing::debug!(%error, "a call that came in is not understood");
            return transaction.reply(StatusCode::BadRequest).await;
        }
    };
    let (id, name) = (dialog.id(), super::attempt::call_id());
    let inbound = Box::new(Inbound {
        place: shared.registry.enter(&id.call_id, login.as_ref()),
        dialog: dialog.clone(),
        states,
        offer: call.offer,
        peer: call.peer,
        domain: call.domain,
    });
    let name = name.unwrap_or_default();
    let deciding = decide(shared.clone(), name.clone(), inbound, call.to, call.from);
    let deciding = AbortOnDropHandle::new(shared.tasks.spawn(deciding));
    let handled = dialog.handle(transaction).await;
    // It was answered, refused or taken back: nobody has to decide any more.
    drop(deciding);
    shared.waiting().remove(&name);
    if !dialog.state().is_confirmed() {
        shared.stack.dialogs.remove_dialog(&id);
    }
    handled
}

/// Asks the engine whether it takes a call, by a name for it, and lets it ring meanwhile.
async fn decide(shared: Arc<Shared>, id: String, inbound: Box<Inbound>, to: String, from: String) {
    let dialog = inbound.dialog.clone();
    if id.is_empty() {
        // The system gives no random numbers.
        return refuse(&dialog, 500);
    }
    {
        let mut waiting = shared.waiting();
        if waiting.len() >= MOST_WAITING {
            shared.tally.too_many.add();
            drop(waiting);
            return refuse(&dialog, 486);
        }
        waiting.insert(id.clone(), inbound);
    }
    if let Err(error) = dialog.ringing(None, None) {
        tracing::debug!(%error, "a caller was not told that it rings");
    }
    let (take, taken) = oneshot::channel();
    let incoming = Incoming {
        id: id.clone(),
        to,
        from,
        take,
    };
    let asked = shared.incoming.try_send(incoming).is_ok();
    let taken = asked && taken.await.unwrap_or(false);
    if taken {
        clock::sleep(PATIENCE).await;
    }
    if let Some(inbound) = shared.waiting().remove(&id) {
        refuse(&inbound.dialog, if taken { 503 } else { 486 });
    }
}

/// Refuses a call that came in.
pub(super) fn refuse(dialog: &InviteDialog, code: u16) {
    if let Err(error) = dialog.reject(Some(StatusCode::from(code)), None) {
        tracing::debug!(%error, "a call that came in could not be refused");
    }
}

/// What is known of a call that comes in.
pub(super) struct Call {
    pub(super) to: String,
    pub(super) from: String,
    user: String,
    offer: Option<String>,
    peer: IpAddr,
    domain: String,
}

/// Reads who calls whom, and with what sound; or returns what is answered instead.
pub(super) fn read(
    options: &Options,
    request: &Request,
) -> Result<Call, (StatusCode, Vec<Header>)> {
    let bad = || (StatusCode::BadRequest, Vec::new());
    if !options.takes_calls {
        return Err((StatusCode::TemporarilyUnavailable, Vec::new()));
    }
    let required = request.headers().iter().filter_map(|header| match header {
        Header::Require(options) => Some(options.value().to_owned()),
        _ => None,
    });
    let required: Vec<_> = required.collect();
    let unknown: Vec<_> = required
        .iter()
        .flat_map(|options| options.split(','))
        .map(str::trim)
        .filter(|option| !option.is_empty() && !option.eq_ignore_ascii_case("timer"))
        .collect();
    if !unknown.is_empty() {
        let header = Header::Unsupported(unknown.join(", ").into());
        return Err((StatusCode::BadExtension, vec![header]));
    }
    let interval = request
        .session_expires_header()
        .and_then(|header| SessionExpires::read(header.value()));
    let least = options.least_session;
    if interval.is_some_and(|asked| asked.interval < least) {
        let least = Header::MinSE(least.as_secs().to_string().into());
        return Err((StatusCode::SessionIntervalTooSmall, vec![least]));
    }
    let user = request.uri.user().unwrap_or_default().to_owned();
    let to = number(&user);
    let wanted = &options.incoming_numbers;
    if !wanted.is_empty() && !wanted.contains(&to) {
        return Err((StatusCode::NotFound, Vec::new()));
    }
    let from = request
        .from_header()
        .ok()
        .and_then(|from| typed::From::parse(from.value()).ok())
        .ok_or_else(bad)?;
    let offer = match String::from_utf8(request.body.clone()) {
        Ok(body) if body.trim().is_empty() => None,
        Ok(body) => Some(body),
        Err(_) => return Err(bad()),
    };
    let peer = source(request).ok_or_else(bad)?;
    Ok(Call {
        to,
        from: number(from.uri.user().unwrap_or("anonymous")),
        user,
        offer,
        peer,
        domain: from.uri.host_with_port.to_string(),
    })
}

/// Where a request came from: the library notes it in `Via`.
fn source(request: &Request) -> Option<IpAddr> {
    let via = request.top_via_header().ok()?;
    let (_, target) = rsipstack::transport::SipConnection::parse_target_from_via(&via).ok()?;
    match target.host {
        Host::IpAddr(address) => Some(address),
        Host::Domain(_) => None,
    }
}

/// Returns a number in the form that we keep, E.164, where it can be told that it is one of North America or has a
/// country code; anything else as it is.
fn number(user: &str) -> String {
    let digits = user.trim_start_matches('+');
    let only_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match (only_digits, digits.len()) {
        (true, 10) if !user.starts_with('+') => format!("+1{digits}"),
        (true, 11..=15) => format!("+{digits}"),
        _ => user.chars().filter(|c| !c.is_control()).take(64).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_in_one_form() {
        for (written, kept) in [
            ("+14155550100", "+14155550100"),
            ("14155550100", "+14155550100"),
            ("4155550100", "+14155550100"),
            ("100", "100"),
            ("anonymous", "anonymous"),
            ("+123", "+123"),
        ] {
            assert_eq!(number(written), kept);
        }
    }
}
