//! The conversation: sound both ways, and what either side changes in the call while it lasts.
//!
//! Sound is never kept waiting by signalling: requests of ours wait for their answers in tasks of their own, and what
//! the peer asks is answered from what is known.

mod change;
pub(super) mod transfer;

use std::sync::Arc;

use call::Failure;
use rsipstack::{
    dialog::{
        dialog::{DialogState, DialogStateReceiver, TerminatedReason, TransactionHandle},
        invite_dialog::InviteDialog,
    },
    sip::{Header, HeadersExt, Request, Response, StatusCode},
    transaction::key::TransactionRole,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Shared,
    attempt::common_headers,
    call::at,
    failure::Failed,
    gate::Place,
    reason::Reason,
    sound::{Heard, Sound},
    timer::SessionTimer,
};
use crate::line::{LegCommand, LegCommands, LegEvent, LegSender};

/// How a conversation ended.
#[derive(Debug)]
pub(super) enum TalkEnd {
    /// The callee has hung up.
    HungUp,
    /// It broke.
    Failed(Failed),
    /// We do not want it any more; the peer was told.
    NotWanted,
    /// The callee was connected elsewhere.
    Transferred,
}

/// A request of ours that waits for its answer.
type Asked = AbortOnDropHandle<Option<Response>>;

/// See the module's documentation.
pub(super) struct Talk {
    shared: Arc<Shared>,
    dialog: InviteDialog,
    place: Arc<Place>,
    sound: Sound,
    domain: String,
    timer: Option<SessionTimer>,
    /// Whether the peer said that it knows UPDATE.
    knows_update: bool,
    refreshing: Option<Asked>,
    /// Whether that request has an offer in it.
    offering: bool,
    /// Whether the answer to an offer of ours is to come with an ACK.
    answer_due: bool,
    /// Whether the call is answered; a call that came in is when its caller has heard of it.
    answered: bool,
}

impl Talk {
    pub(super) fn new(
        shared: Arc<Shared>,
        dialog: InviteDialog,
        place: Arc<Place>,
        sound: Sound,
        domain: String,
    ) -> Self {
        let answered = dialog.role() == TransactionRole::Client;
        Self {
            shared,
            dialog,
            place,
            sound,
            domain,
            timer: None,
            knows_update: false,
            refreshing: None,
            offering: false,
            answer_due: false,
            answered,
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered
    }

    /// Answers a call that came in; `false` when its caller is gone.
    pub(super) fn accept(&mut self, described: String, answer_due: bool) -> bool {
        self.answer_due = answer_due;
        let invite = self.dialog.initial_request();
        self.knows_update = change::allows_update(&invite);
        let mut headers = common_headers();
        headers.extend(self.take_timer(&invite));
        headers.push(Header::ContentType("application/sdp".into()));
        let accepted = self
            .dialog
            .accept(Some(headers), Some(described.into_bytes()));
        accepted.is_ok()
    }

    /// Carries sound until the conversation ends.
    pub(super) async fn run(
        &mut self,
        states: &mut DialogStateReceiver,
        commands: &mut LegCommands,
        events: &LegSender,
    ) -> TalkEnd {
        if self.answered {
            self.sound.answered();
        }
        loop {
            let timer_due = match self.refreshing {
                Some(_) => None,
                None => self.timer.map(|timer| timer.due()),
            };
            tokio::select! {
                biased;
                state = states.recv() => {
                    if let Some(end) = self.on_state(state, events).await {
                        return end;
                    }
                }
                command = commands.recv() => match command {
                    Some(command @ (LegCommand::Packet(_) | LegCommand::PressKeys(_))) => self.sound.send(command),
                    Some(LegCommand::Mark(_) | LegCommand::Clear) => {}
                    Some(LegCommand::Transfer(number)) => {
                        self.transfer(&number, states).await;
                        return TalkEnd::Transferred;
                    }
                    Some(LegCommand::HangUp) | None => {
                        self.hang_up(0, "").await;
                        return TalkEnd::NotWanted;
                    }
                },
                heard = self.sound.hear() => match heard {
                    // The driver does not keep up: what is newest is dropped, as the channel holds 1.3 s already.
                    Heard::Event(LegEvent::Packet(packet)) => { events.try_send(LegEvent::Packet(packet)); },
                    Heard::Event(event) => drop(events.send(event).await),
                    Heard::Lost(why) => {
                        self.hang_up(0, "").await;
                        return TalkEnd::Failed(Failed::carriers(Failure::MediaLost, why));
                    }
                },
                answer = asked(&mut self.refreshing) => {
                    self.refreshing = None;
                    if let Some(end) = self.refreshed(answer).await {
                        return end;
                    }
                }
                () = at(timer_due) => {
                    if let Some(end) = self.on_timer().await {
                        return end;
                    }
                }
            }
        }
    }

    async fn on_state(
        &mut self,
        state: Option<DialogState>,
        events: &LegSender,
    ) -> Option<TalkEnd> {
        match state {
            Some(DialogState::Updated(_, request, handle)) => self.on_offer(&request, handle).await,
            Some(DialogState::Info(_, request, handle)) => match key_of(&request) {
                Some(key) => {
                    answer(&handle, StatusCode::OK).await;
                    let _: Result<_, _> = events.send(LegEvent::Dtmf(key)).await;
                }
                // An empty one asks whether we are still there.
                None if request.body.is_empty() => answer(&handle, StatusCode::OK).await,
                None => answer(&handle, StatusCode::UnsupportedMediaType).await,
            },
            Some(DialogState::Options(_, _, handle)) => {
                let _: Result<_, _> = handle
                    .respond(StatusCode::OK, Some(common_headers()), None)
                    .await;
            }
            Some(DialogState::Notify(_, _, handle)) => answer(&handle, StatusCode::OK).await,
            // Where a call goes is the agent's affair, not its callee's.
            Some(DialogState::Refer(_, _, handle)) => answer(&handle, StatusCode::Decline).await,
            Some(DialogState::Message(_, _, handle)) => {
                answer(&handle, StatusCode::UnsupportedMediaType).await
            }
            Some(DialogState::Publish(_, _, handle)) => {
                answer(&handle, StatusCode::MethodNotAllowed).await
            }
            Some(DialogState::Confirmed(..)) => return self.on_confirmed(events).await,
            Some(DialogState::Terminated(_, reason)) => {
                return Some(self.ended(&reason, &self.place.reasons()));
            }
            None => return Some(TalkEnd::HungUp),
            Some(
                DialogState::Calling(_)
                | DialogState::Trying(_)
                | DialogState::Early(..)
                | DialogState::WaitAck(..),
            ) => {}
        }
        None
    }

    /// The peer has acknowledged something; where our offer was in it, its answer comes with that.
    async fn on_confirmed(&mut self, events: &LegSender) -> Option<TalkEnd> {
        if self.answer_due {
            let ack = self.dialog.last_remote_ack();
            let sdp = ack.and_then(|ack| String::from_utf8(ack.body).ok());
            let accepted = match sdp.filter(|sdp| !sdp.trim().is_empty()) {
                Some(sdp) => Some(self.sound.accept(&sdp).await),
                None => None,
            };
            match accepted {
                Some(Ok(())) => self.answer_due = false,
                // Nothing was changed, so nothing is to be done.
                None if self.answered => self.answer_due = false,
                refused => {
                    let why = match refused {
                        Some(Err(why)) => why,
                        _ => "it does not say where its sound goes".into(),
                    };
                    self.hang_up(488, &why).await;
                    let sentence = format!("The peer's answer about sound cannot be used ({why})");
                    return Some(TalkEnd::Failed(Failed::ours(
                        Failure::LineUnavailable,
                        sentence,
                    )));
                }
            }
        }
        if !self.answered {
            self.answered = true;
            self.sound.answered();
            let _: Result<_, _> = events.send(LegEvent::Answered).await;
        }
        None
    }

    fn ended(&self, reason: &TerminatedReason, reasons: &[Reason]) -> TalkEnd {
        if let TerminatedReason::Timeout = reason {
            return TalkEnd::Failed(Failed::carriers(
                Failure::MediaLost,
                "The peer did not acknowledge the call in time",
            ));
        }
        match reasons.iter().find(|reason| is_fault(reason)) {
            Some(fault) => TalkEnd::Failed(Failed::carriers(
                Failure::MediaLost,
                format!(
                    "The network ended the call by a fault of its own ({} {}{})",
                    fault.protocol,
                    fault.cause.unwrap_or_default(),
                    if fault.text.is_empty() {
                        String::new()
                    } else {
                        format!(", \"{}\"", fault.text)
                    },
                ),
            )),
            None => TalkEnd::HungUp,
        }
    }

    /// Ends the call at the peer's, with the SIP code of what went wrong, or 0. Does not wait for its answer.
    pub(super) async fn hang_up(&mut self, fault: u16, why: &str) {
        let reason = match fault {
            0 => "Q.850;cause=16;text=\"Normal call clearing\"".to_owned(),
            code => {
                let why: String = why
                    .chars()
                    .filter(|c| !matches!(c, '"' | '\\') && !c.is_control())
                    .collect();
                format!("SIP;cause={code};text=\"{why}\"")
            }
        };
        let (dialog, place) = (self.dialog.clone(), self.place.clone());
        let dialogs = self.shared.stack.dialogs.clone();
        self.shared.tasks.spawn(async move {
            if let Err(error) = dialog.bye_with_reason(reason).await {
                tracing::debug!(%error, "a peer was not told that a call is over");
            }
            dialogs.remove_dialog(&dialog.id());
            drop(place);
        });
    }
}

async fn asked(asked: &mut Option<Asked>) -> Option<Response> {
    match asked {
        Some(asked) => asked.await.ok().flatten(),
        None => std::future::pending().await,
    }
}

async fn answer(handle: &TransactionHandle, status: StatusCode) {
    // A peer that has gone meanwhile does not need it.
    let _: Result<_, _> = handle.reply(status).await;
}

/// Whether a reason is a fault of the network and not somebody's wish.
fn is_fault(reason: &Reason) -> bool {
    match (reason.network_cause(), reason.cause) {
        (Some(cause), _) => matches!(cause, 27 | 38 | 41 | 42 | 44 | 47 | 102 | 111),
        (None, Some(cause)) => {
            reason.protocol.eq_ignore_ascii_case("SIP") && matches!(cause, 408 | 500..=599)
        }
        (None, None) => false,
    }
}

/// Returns the key that an INFO tells of, in the form that most exchanges use.
pub(super) fn key_of(request: &Request) -> Option<char> {
    let kind = request.header_value("Content-Type")?.to_ascii_lowercase();
    let body = std::str::from_utf8(&request.body).ok()?;
    let key = if kind.starts_with("application/dtmf-relay") {
        body.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("signal")
                .then_some(value.trim())
        })?
    } else if kind.starts_with("application/dtmf") {
        body.trim()
    } else {
        return None;
    };
    let key = match key {
        "10" => '*',
        "11" => '#',
        key => key.chars().next().filter(|_| key.len() == 1)?,
    };
    "0123456789*#ABCD"
        .contains(key.to_ascii_uppercase())
        .then(|| key.to_ascii_uppercase())
}
