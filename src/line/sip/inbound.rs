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

use super::{
    Shared,
    attempt::common_headers,
    gate::Place,
    reason::Reason,
    timer::{SHORTEST, SessionExpires},
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
    let id = request.call_id_header()?.value().to_owned();
    let mut dialog = shared.stack.dialogs.match_dialog(transaction);
    if dialog.is_none() && shared.registry.knows(&id) {
        // The library enters a call a moment after its answer; a peer may be faster.
        clock::sleep(SETTING_UP).await;
        dialog = shared.stack.dialogs.match_dialog(transaction);
    }
    let request = &transaction.original;
    match dialog {
        Some(Dialog::Invite(mut dialog)) => {
            if request.method == Method::Bye {
                let reasons = request.headers().iter().filter_map(|header| match header {
                    Header::Reason(reason) => Some(Reason::read(reason.value())),
                    _ => None,
                });
                let reasons: Vec<_> = reasons.flatten().collect();
                shared.registry.note_reasons(&id, reasons);
            }
            dialog.handle(transaction).await
        }
        _ if request.method == Method::Ack => Ok(()),
        _ => {
            shared.tally.unknown_calls.add();
            transaction
                .reply(StatusCode::CallTransactionDoesNotExist)
                .await
        }
    }
}

/// Somebody calls.
async fn invite(shared: &Arc<Shared>, transaction: &mut Transaction) -> rsipstack::Result<()> {
    let call = match read(shared, &transaction.original) {
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
    let dialog =
        shared
            .stack
            .dialogs
            .get_or_create_server_invite(transaction, sender, None, Some(contact));
    let mut dialog = match dialog {
        Ok(dialog) => dialog,
        Err(error) => {
            shared.tally.senseless.add();
            tracing::debug!(%error, "a call that came in is not understood");
            return transaction.reply(StatusCode::BadRequest).await;
        }
    };
    let id = dialog.id();
    let inbound = Box::new(Inbound {
        place: shared.registry.enter(&id.call_id),
        dialog: dialog.clone(),
        states,
        offer: call.offer,
        peer: call.peer,
        domain: call.domain,
    });
    let decide = shared
        .tasks
        .spawn(decide(shared.clone(), inbound, call.to, call.from));
    let handled = dialog.handle(transaction).await;
    drop(decide);
    if !dialog.state().is_confirmed() {
        shared.stack.dialogs.remove_dialog(&id);
    }
    handled
}

/// Asks the engine whether it takes a call, and lets it ring meanwhile.
async fn decide(shared: Arc<Shared>, inbound: Box<Inbound>, to: String, from: String) {
    let dialog = inbound.dialog.clone();
    let Some(id) = super::attempt::call_id() else {
        return refuse(&dialog, 500);
    };
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
struct Call {
    to: String,
    from: String,
    user: String,
    offer: Option<String>,
    peer: IpAddr,
    domain: String,
}

fn read(shared: &Shared, request: &Request) -> Result<Call, (StatusCode, Vec<Header>)> {
    let bad = || (StatusCode::BadRequest, Vec::new());
    if !shared.options().takes_calls {
        return Err((StatusCode::TemporarilyUnavailable, Vec::new()));
    }
    let required = request.header_value("Require").unwrap_or_default();
    let unknown: Vec<_> = required
        .split(',')
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
    if interval.is_some_and(|asked| asked.interval < SHORTEST) {
        let least = Header::MinSE(SHORTEST.as_secs().to_string().into());
        return Err((StatusCode::SessionIntervalTooSmall, vec![least]));
    }
    let user = request.uri.user().unwrap_or_default().to_owned();
    let to = number(&user);
    let options = shared.options();
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
