//! What changes in a call while it lasts: held, resumed or moved by the peer, and shown to be still there by either side
//! (RFC 3264, RFC 4028).

use std::time::{Duration, Instant};

use call::Failure;
use rsipstack::{
    dialog::dialog::{Dialog, TransactionHandle},
    sip::{
        Contact, HasHeaders, Header, HeadersExt, Method, Request, Response, StatusCode,
        StatusCodeKind, prelude::ToTypedHeader,
    },
    transaction::key::TransactionRole,
};
use tokio_util::task::AbortOnDropHandle;

use super::{Talk, TalkEnd, answer};
use crate::{
    driver::clock,
    line::sip::{
        attempt::{body, common_headers},
        failure::Failed,
        timer::{Refresher, SessionExpires, SessionTimer},
    },
};

impl Talk {
    /// Takes from an answer of the peer who refreshes the session.
    pub(in crate::line::sip) fn agree_timer(&mut self, response: &Response) {
        self.knows_update |= allows_update(response);
        let agreed = response
            .session_expires_header()
            .and_then(|header| SessionExpires::read(header.value()));
        let least = self.shared.options().least_session;
        self.timer = agreed.map(|agreed| {
            let refresher = match agreed.uac {
                Some(false) => Refresher::Peer,
                Some(true) | None => Refresher::We,
            };
            SessionTimer::new(agreed.interval.max(least), refresher, clock::now())
        });
    }
    /// The peer changes the call: holds it, moves it, or shows that it is still there.
    pub(super) async fn on_offer(&mut self, request: &Request, handle: TransactionHandle) {
        let offers = request.method == Method::Invite || !request.body.is_empty();
        if offers && self.refreshing.is_some() && self.offering {
            // Both of us at once: who began the call waits longer (RFC 3261 section 14.1).
            return answer(&handle, StatusCode::RequestPending).await;
        }
        self.knows_update |= allows_update(request);
        let least = self.shared.options().least_session;
        if asks_too_short(request, least) {
            let headers = vec![Header::MinSE(least.as_secs().to_string().into())];
            let _: Result<_, _> = handle
                .respond(StatusCode::SessionIntervalTooSmall, Some(headers), None)
                .await;
            return;
        }
        let described = match String::from_utf8(request.body.clone()) {
            Ok(offer) if !offer.trim().is_empty() => self.sound.answer(&offer).await.map(Some),
            Ok(_) if request.method == Method::Invite => {
                self.answer_due = true;
                Ok(Some(self.sound.offer()))
            }
            Ok(_) => Ok(None),
            Err(_) => Err("it cannot be read".to_owned()),
        };
        let mut headers = common_headers();
        let (status, body) = match described {
            Ok(body) => {
                self.take_target(request.contact_header().ok());
                headers.extend(self.take_timer(request));
                (StatusCode::OK, body)
            }
            Err(why) => {
                tracing::info!(why, "a change of a call's sound was refused");
                headers.push(Header::Warning(
                    "399 agentphone \"Incompatible media format\"".into(),
                ));
                (StatusCode::NotAcceptableHere, None)
            }
        };
        if body.is_some() {
            headers.push(Header::ContentType("application/sdp".into()));
        }
        let _: Result<_, _> = handle
            .respond(status, Some(headers), body.map(String::into_bytes))
            .await;
    }

    /// Takes from a change of the call where the peer wants to be reached from now on (RFC 3261 section 12.2).
    fn take_target(&self, contact: Option<&Contact>) {
        let read = contact.and_then(|contact| Some((contact, contact.typed().ok()?)));
        if let Some((contact, read)) = read {
            let dialog = Dialog::Invite(self.dialog.clone());
            dialog.set_remote_target(read.uri, Some(contact.clone()));
        }
    }

    /// Agrees to the session interval that a request asks for, and starts the timer. Returns what the answer says.
    pub(super) fn take_timer(&mut self, request: &Request) -> Vec<Header> {
        let asked = request
            .session_expires_header()
            .and_then(|header| SessionExpires::read(header.value()));
        let Some(asked) = asked else {
            self.timer = None;
            return Vec::new();
        };
        let peer_can = request.header_contains_token("Supported", "timer")
            || request.header_contains_token("Require", "timer");
        // Who asks shall refresh, if it can and does not want us to.
        let uac = peer_can && asked.uac != Some(false);
        let refresher = if uac { Refresher::Peer } else { Refresher::We };
        let interval = asked.interval.max(self.shared.options().least_session);
        self.timer = Some(SessionTimer::new(interval, refresher, clock::now()));
        let agreed = SessionExpires {
            interval,
            uac: Some(uac),
        };
        let mut headers = vec![Header::SessionExpires(agreed.write().into())];
        if uac {
            headers.push(Header::Require("timer".into()));
        }
        headers
    }

    /// It is time to refresh the session, or the peer has not.
    pub(super) async fn on_timer(&mut self) -> Option<TalkEnd> {
        let timer = self.timer?;
        match timer.refresher() {
            Refresher::We => {
                self.refresh(timer.interval());
                None
            }
            Refresher::Peer => {
                self.hang_up(408, "Session expired").await;
                Some(TalkEnd::Failed(Failed::carriers(
                    Failure::MediaLost,
                    "The peer did not show for a whole session interval that it still has the call",
                )))
            }
        }
    }

    fn refresh(&mut self, interval: Duration) {
        let wanted = SessionExpires {
            interval,
            uac: Some(true),
        };
        let mut headers = common_headers();
        headers.push(Header::SessionExpires(wanted.write().into()));
        let least = self.shared.options().least_session;
        headers.push(Header::MinSE(least.as_secs().to_string().into()));
        let (dialog, update) = (self.dialog.clone(), self.knows_update);
        self.offering = !update;
        let described = self.sound.offer();
        self.refreshing = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let answer = if update {
                dialog.update(Some(headers), None).await
            } else {
                headers.push(Header::ContentType("application/sdp".into()));
                dialog
                    .reinvite(Some(headers), Some(described.into_bytes()))
                    .await
            };
            answer.ok().flatten()
        })));
    }

    pub(super) async fn refreshed(&mut self, answer: Option<Response>) -> Option<TalkEnd> {
        let now = clock::now();
        let Some(answer) = answer else {
            return self.try_later(now).await;
        };
        match (
            answer.status_code.kind(),
            u16::from(answer.status_code.clone()),
        ) {
            (StatusCodeKind::Successful, _) => {
                if let Some(sdp) = body(&answer)
                    && let Err(why) = self.sound.accept(&sdp).await
                {
                    tracing::warn!(
                        why,
                        "a peer's refresh of a call changed its sound to what cannot be used"
                    );
                }
                self.take_target(answer.contact_header().ok());
                self.agree_timer(&answer);
                None
            }
            (_, 491) => {
                self.sound.withdraw();
                let wait = after_glare(self.dialog.role());
                if let Some(timer) = &mut self.timer {
                    timer.again_at(now + wait);
                }
                None
            }
            (_, 422) => {
                let least = answer
                    .header_value("Min-SE")
                    .and_then(|value| value.trim().parse().ok());
                if let (Some(timer), Some(least)) = (self.timer, least) {
                    let interval = timer.interval().max(Duration::from_secs(least));
                    self.timer = Some(SessionTimer::new(interval, Refresher::We, now));
                    self.refresh(interval);
                }
                None
            }
            (_, 405 | 501) if self.knows_update => {
                self.knows_update = false;
                let interval = self.timer.map(|timer| timer.interval());
                self.refresh(interval.unwrap_or(self.shared.options().least_session));
                None
            }
            (_, 408 | 481) => {
                self.hang_up(0, "").await;
                Some(TalkEnd::Failed(Failed::carriers(
                    Failure::MediaLost,
                    "The peer does not know the call any more",
                )))
            }
            _ => {
                self.sound.withdraw();
                self.try_later(now).await
            }
        }
    }

    async fn try_later(&mut self, now: Instant) -> Option<TalkEnd> {
        if let Some(timer) = &mut self.timer {
            timer.again(now);
        }
        None
    }
}

/// How long is waited after both have asked at once: longer by who has begun the call, in steps of 10 ms (RFC 3261
/// section 14.1).
fn after_glare(role: TransactionRole) -> Duration {
    let steps = match role {
        TransactionRole::Client => fastrand::u64(210..=400),
        TransactionRole::Server => fastrand::u64(0..=200),
    };
    Duration::from_millis(10 * steps)
}

/// Whether a message says that its sender knows UPDATE.
pub(super) fn allows_update(message: &impl HasHeaders) -> bool {
    message.headers().iter().any(|header| match header {
        Header::Allow(methods) => {
            let mut methods = methods.value().split(',');
            methods.any(|method| method.trim().eq_ignore_ascii_case("UPDATE"))
        }
        _ => false,
    })
}

/// Whether a request asks for a shorter session interval than we agree to.
fn asks_too_short(request: &Request, least: Duration) -> bool {
    request
        .session_expires_header()
        .and_then(|header| SessionExpires::read(header.value()))
        .is_some_and(|asked| asked.interval < least)
}
