//! Connecting a callee elsewhere: by REFER (RFC 3515), which the peer carries out and reports on.

use std::time::Duration;

use rsipstack::{
    dialog::dialog::{DialogState, DialogStateReceiver},
    sip::{Header, HeadersExt, Request, StatusCode, StatusCodeKind},
    transaction::key::TransactionRole,
};
use tokio_util::task::AbortOnDropHandle;

use super::{Talk, answer};
use crate::{driver::clock, line::sip::attempt::address};

/// How long a peer may take to connect a callee elsewhere before we leave.
const TRANSFER: Duration = Duration::from_secs(30);

impl Talk {
    /// Asks the peer to connect the callee elsewhere, and leaves when it has, or when it takes too long.
    pub(super) async fn transfer(&mut self, number: &str, states: &mut DialogStateReceiver) {
        let Ok(target) = address(number, &self.domain, true) else {
            return self.hang_up(0, "").await;
        };
        let by = self.dialog.initial_request();
        let by = match self.dialog.role() {
            TransactionRole::Client => by.from_header().map(|from| from.value().to_owned()),
            TransactionRole::Server => by.to_header().map(|to| to.value().to_owned()),
        };
        let by = by
            .ok()
            .map(|by| by.split(";tag=").next().unwrap_or_default().to_owned());
        let headers = by.map(|by| vec![Header::ReferredBy(by.into())]);
        let dialog = self.dialog.clone();
        let refer = async move {
            dialog
                .refer(format!("<{target}>").as_str(), headers, None)
                .await
        };
        let mut refer = AbortOnDropHandle::new(tokio::spawn(refer));
        let (until, mut accepted) = (clock::now() + TRANSFER, None);
        loop {
            tokio::select! {
                answered = &mut refer, if accepted.is_none() => {
                    let status = answered.ok().and_then(Result::ok).flatten();
                    let taken = status.is_some_and(|answer| answer.status_code.kind() == StatusCodeKind::Successful);
                    accepted = Some(taken);
                    if !taken {
                        tracing::error!("a call could not be transferred and is ended");
                        return self.hang_up(0, "").await;
                    }
                }
                state = states.recv() => match state {
                    Some(DialogState::Notify(_, request, handle)) => {
                        let reported = reported(&request);
                        answer(&handle, StatusCode::OK).await;
                        if let Some(code) = reported.filter(|code| *code >= 200) {
                            if code >= 300 {
                                tracing::error!(code, "a call could not be transferred and is ended");
                            }
                            return self.hang_up(0, "").await;
                        }
                    }
                    Some(DialogState::Terminated(..)) | None => return,
                    Some(DialogState::Updated(_, request, handle)) => self.on_offer(&request, handle).await,
                    Some(_) => {}
                },
                () = clock::sleep_until(until) => return self.hang_up(0, "").await,
            }
        }
    }
}

/// Returns the status of the new call that a NOTIFY reports (`message/sipfrag`).
pub(in crate::line::sip) fn reported(request: &Request) -> Option<u16> {
    let body = std::str::from_utf8(&request.body).ok()?;
    let line = body
        .lines()
        .find_map(|line| line.strip_prefix("SIP/2.0 "))?;
    line.split(' ').next()?.parse().ok()
}
