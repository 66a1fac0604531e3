//! One call as a task: placed or answered, rung, carried, and ended at the carrier's too.
//!
//! Whatever happens, the far end is not left on a line that nobody listens to: a call that we end, lose or give up
//! is hung up by REST, even when the carrier's id of it shows only later.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use call::Failure;
use protocol::twilio::{api::NewCall, twiml};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    Shared,
    dial::{self, Placed},
    failure::{self, Failed},
    registry::{OpenStream, Signal, Ticket},
    status::{Change, Told, answered_by},
    talk::{Talk, TalkEnd},
};
use crate::{
    driver::clock,
    line::{LegCommand, LegCommands, LegEvent, LegSender},
};

/// How long a stream may take to come after the call was answered.
const STREAM_LIMIT: Duration = Duration::from_secs(10);
/// How much longer than its ring time a call is waited for that may have been made, to end it.
const STRAY_GRACE: Duration = Duration::from_secs(60);

/// How a call begins.
#[derive(Debug)]
pub(super) enum Start {
    /// It is dialed, and may ring so long.
    Dial(Box<NewCall>, Duration),
    /// It came in.
    Answer,
}

/// How the ringing ended.
enum Rung {
    Stream(Box<OpenStream>),
    Failed(Failed),
    HungUp,
    NotWanted,
}

/// Asking for the call, as long as it goes on.
struct Placing {
    task: Option<AbortOnDropHandle<Placed>>,
    stop: CancellationToken,
    /// Whether a call may exist whose id is not known.
    uncertain: bool,
    ring: Duration,
}

/// See the module's documentation.
pub(super) struct CallTask {
    shared: Arc<Shared>,
    ticket: Ticket,
    signals: mpsc::Receiver<Signal>,
    commands: LegCommands,
    events: LegSender,
    told: Told,
}

impl CallTask {
    pub(super) fn new(
        shared: Arc<Shared>,
        ticket: Ticket,
        signals: mpsc::Receiver<Signal>,
        commands: LegCommands,
        events: LegSender,
    ) -> Self {
        Self {
            shared,
            ticket,
            signals,
            commands,
            events,
            told: Told::default(),
        }
    }

    /// Carries the call to its end.
    pub(super) async fn run(mut self, start: Start) {
        let mut placing = self.begin(start);
        match self.ring(&mut placing).await {
            Rung::Stream(stream) => {
                // Whatever is still being asked, the call is here.
                drop(placing);
                self.talk(*stream).await;
            }
            Rung::Failed(failed) => {
                self.fail(failed).await;
                self.take_back(placing).await;
            }
            Rung::HungUp => self.tell(LegEvent::HungUp).await,
            Rung::NotWanted => self.take_back(placing).await,
        }
    }

    fn begin(&self, start: Start) -> Placing {
        let stop = CancellationToken::new();
        let (task, ring) = match start {
            Start::Answer => (None, STREAM_LIMIT),
            Start::Dial(call, ring) => {
                let (shared, handle) = (self.shared.clone(), self.ticket.handle.clone());
                let stop = stop.clone();
                let place = async move { dial::place(&shared, &handle, &call, &stop).await };
                (Some(AbortOnDropHandle::new(tokio::spawn(place))), ring)
            }
        };
        Placing {
            task,
            stop,
            uncertain: false,
            ring,
        }
    }

    /// Waits for the stream, or for the reason why there will be none.
    async fn ring(&mut self, placing: &mut Placing) -> Rung {
        // An incoming call is answered already.
        let mut stream_due = placing.task.is_none().then(|| clock::now() + STREAM_LIMIT);
        loop {
            tokio::select! {
                biased;
                placed = asked(&mut placing.task) => {
                    placing.task = None;
                    match placed {
                        Placed::Made(_) | Placed::Stopped => {}
                        Placed::Refused(failed) => return Rung::Failed(failed),
                        Placed::Unknown(failed) => {
                            placing.uncertain = true;
                            return Rung::Failed(failed);
                        }
                    }
                }
                Some(signal) = self.signals.recv() => match self.on_ringing_signal(signal).await {
                    Ok(Some(Change::Answered)) => {
                        stream_due.get_or_insert_with(|| clock::now() + STREAM_LIMIT);
                    }
                    Ok(_) => {}
                    Err(rung) => return rung,
                },
                command = self.commands.recv() => match command {
                    None | Some(LegCommand::HangUp) => return Rung::NotWanted,
                    // Nothing can be heard or done before the answer.
                    Some(_) => {}
                },
                () = at(stream_due) => return Rung::Failed(Failed::ours(
                    Failure::LineUnavailable,
                    format!(
                        "Twilio answered the call and its stream did not reach {}; check server.public_url with \
                         agentphone doctor --line twilio",
                        self.shared.options().stream_url()
                    ),
                )),
            }
        }
    }

    /// Deals with what the carrier tells before the stream is there. `Err` ends the ringing.
    async fn on_ringing_signal(&mut self, signal: Signal) -> Result<Option<Change>, Rung> {
        match signal {
            Signal::Stream(stream) => Err(Rung::Stream(stream)),
            Signal::StreamFailed(words) => Err(Rung::Failed(Failed::ours(
                Failure::LineUnavailable,
                format!(
                    "Twilio could not open its stream to {} ({words}); check server.public_url with agentphone \
                     doctor --line twilio",
                    self.shared.options().stream_url()
                ),
            ))),
            Signal::Stray(sid) => {
                self.end_stray(sid);
                Ok(None)
            }
            // Who answered is told again when the conversation has begun.
            Signal::AnsweredBy(who) => {
                self.told.answered_by = Some(who);
                Ok(None)
            }
            Signal::Status(callback) => {
                let change = self.told.take(&callback);
                match change {
                    Change::Nothing => self.shared.tally.late.add(),
                    Change::Ringing => self.tell(LegEvent::Ringing).await,
                    Change::Answered => {}
                    Change::Over => {
                        return Err(match failure::of_status(&callback) {
                            Some(failed) => Rung::Failed(failed),
                            None => Rung::HungUp,
                        });
                    }
                }
                Ok(Some(change))
            }
        }
    }

    async fn talk(&mut self, stream: OpenStream) {
        let OpenStream {
            socket,
            start,
            done,
        } = stream;
        let sid = start.call.clone();
        self.tell(LegEvent::Answered).await;
        if let Some(who) = self.told.answered_by.take() {
            self.tell(LegEvent::AnsweredBy(answered_by(who))).await;
        }
        let talk = Talk::new(self.shared.clone(), socket, start);
        let (end, socket) = talk
            .run(
                &mut self.signals,
                &mut self.commands,
                &self.events,
                &mut self.told,
            )
            .await;
        match end {
            TalkEnd::HungUp => self.tell(LegEvent::HungUp).await,
            TalkEnd::Broken => {
                let sentence = "Twilio's stream broke off without saying that the call had ended";
                self.fail(Failed::carriers(Failure::MediaLost, sentence))
                    .await;
                self.shared.api().hang_up(&sid).await;
            }
            TalkEnd::NotWanted => self.shared.api().hang_up(&sid).await,
            TalkEnd::Transfer(number) => {
                if !self.shared.api().instruct(&sid, twiml::dial(&number)).await {
                    tracing::error!(sid, "a call could not be transferred and is ended");
                    self.shared.api().hang_up(&sid).await;
                }
            }
        }
        drop((socket, done));
    }

    /// Makes sure that no phone rings, or is held, for a call that nobody wants.
    async fn take_back(&mut self, mut placing: Placing) {
        placing.stop.cancel();
        if placing.task.is_some() {
            match asked(&mut placing.task).await {
                Placed::Made(_) | Placed::Refused(_) | Placed::Stopped => {}
                Placed::Unknown(_) => placing.uncertain = true,
            }
        }
        if self.told.over.is_some() {
            return;
        }
        if let Some(sid) = self.ticket.handle.sid() {
            self.shared.api().hang_up(&sid).await;
            return;
        }
        if !placing.uncertain {
            return;
        }
        let patience = placing.ring + STRAY_GRACE;
        let heard = clock::timeout(patience, async {
            while let Some(signal) = self.signals.recv().await {
                if let Signal::Status(callback) = &signal
                    && self.told.take(callback) == Change::Over
                {
                    return None;
                }
                if let Some(sid) = self.ticket.handle.sid() {
                    return Some(sid);
                }
            }
            None
        });
        if let Some(Some(sid)) = heard.await {
            self.shared.api().hang_up(&sid).await;
        }
    }

    /// A second call was made of one request: it is ended before anybody has to wonder.
    fn end_stray(&self, sid: String) {
        tracing::warn!(
            sid,
            "the carrier made a call twice; the second one is ended"
        );
        let shared = self.shared.clone();
        self.shared
            .tasks
            .spawn(async move { shared.api().hang_up(&sid).await });
    }

    async fn fail(&self, failed: Failed) {
        if let Some(cause) = failed.cause {
            self.tell(LegEvent::Because(cause)).await;
        }
        self.tell(LegEvent::Failed(failed.failure)).await;
    }

    async fn tell(&self, event: LegEvent) {
        // A driver that is gone does not need to know.
        let _: Result<_, _> = self.events.send(event).await;
    }
}

/// Waits for what came of asking; for ever when nothing is asked.
async fn asked(task: &mut Option<AbortOnDropHandle<Placed>>) -> Placed {
    match task {
        Some(task) => task.await.unwrap_or_else(|_| {
            Placed::Unknown(Failed::ours(
                Failure::Internal,
                "Asking for the call broke off by a fault of ours",
            ))
        }),
        None => std::future::pending().await,
    }
}

/// Waits for an instant; for ever when there is none.
pub(super) async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => clock::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
