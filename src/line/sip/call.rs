//! One call as a task: placed over one trunk after the other or answered, rung, carried, and ended at the peer's too.
//!
//! Whatever happens, no phone rings on for a call that nobody wants: an INVITE that may still be answered is taken
//! back, and answered after all, it is hung up.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use call::Failure;
use rsipstack::{dialog::dialog::DialogStateReceiver, sip::Response};

use super::{
    Shared,
    attempt::{Attempt, Invitation, Step, body},
    early::Early,
    failure::{Failed, Refusal, of_refusal},
    inbound::Inbound,
    sound::{Heard, Sound},
    talk::{Talk, TalkEnd},
    trunk::{Claim, Full, Lane},
};
use crate::{
    driver::clock,
    line::{LegCommand, LegCommands, LegEvent, LegSender},
};

/// So many T1 without any answer, and the next address is tried, if there is one.
const PATIENCE: u32 = 16;

/// Why a call is taken back: nobody wants it any more …
const NOT_WANTED: &str = "Q.850;cause=16;text=\"Normal call clearing\"";
/// … or nobody has answered in time.
const RANG_OUT: &str = "Q.850;cause=19;text=\"No answer from user\"";

/// How a call begins.
pub(super) enum Start {
    /// It is dialed, and may ring so long.
    Dial {
        to: String,
        from: Option<String>,
        ring: Duration,
    },
    /// It came in.
    Answer(Box<Inbound>),
}

/// How trying ended.
enum Tried {
    Answered(Attempt, Box<Response>),
    /// This is what the call failed of.
    Failed(Failed),
    /// This address or trunk does not do; another one may.
    Next(Failed),
    NotWanted,
}

/// See the module's documentation.
pub(super) struct CallTask {
    shared: Arc<Shared>,
    commands: LegCommands,
    events: LegSender,
    rang: bool,
}

impl CallTask {
    pub(super) fn new(shared: Arc<Shared>, commands: LegCommands, events: LegSender) -> Self {
        Self {
            shared,
            commands,
            events,
            rang: false,
        }
    }

    /// Carries the call to its end.
    pub(super) async fn run(mut self, start: Start) {
        match start {
            Start::Dial { to, from, ring } => self.dial(to, from, ring).await,
            Start::Answer(inbound) => self.answer(*inbound).await,
        }
    }

    async fn dial(&mut self, to: String, from: Option<String>, ring: Duration) {
        let deadline = clock::now() + ring;
        let mut last = None;
        for lane in self.shared.lanes_for(from.as_deref()) {
            let claim = match lane.claim(clock::now()) {
                Ok((claim, wait)) if wait.is_zero() => claim,
                Ok((claim, wait)) => {
                    if !self.wait_wanted(wait).await {
                        return;
                    }
                    claim
                }
                Err(full) => {
                    last = Some(full_trunk(&lane, full));
                    continue;
                }
            };
            let number = from.clone().or_else(|| lane.trunk.numbers.first().cloned());
            let invitation = Invitation {
                to: to.clone(),
                from: number,
                offer: String::new(),
                interval: self.shared.options().session_interval,
                least: self.shared.options().least_session,
            };
            match self.try_lane(&lane, claim, invitation, deadline).await {
                Some(failed) => last = Some(failed),
                None => return,
            }
        }
        let failed = last.unwrap_or_else(|| {
            Failed::ours(
                Failure::LineUnavailable,
                "No trunk may call from this number; see from_phone_numbers of line.sip.trunks",
            )
        });
        self.fail(failed).await;
    }

    /// Tries one trunk's addresses. Returns why the next trunk is to be tried; `None` when the call is over.
    async fn try_lane(
        &mut self,
        lane: &Arc<Lane>,
        claim: Claim,
        mut invitation: Invitation,
        deadline: Instant,
    ) -> Option<Failed> {
        let name = &lane.trunk.name;
        let addresses = match self.shared.addresses(lane).await {
            Ok(addresses) => addresses,
            Err(why) => {
                return Some(Failed::ours(
                    Failure::LineUnavailable,
                    format!("{name} cannot be found ({why}); check server of the trunk, and DNS"),
                ));
            }
        };
        let mut last = None;
        let count = addresses.len();
        for (index, peer) in addresses.into_iter().enumerate() {
            let mut sound = match Sound::open(&self.shared, peer.ip()) {
                Ok(sound) => sound,
                Err(failed) => {
                    self.fail(failed).await;
                    return None;
                }
            };
            invitation.offer = sound.offer();
            let patient = index + 1 == count;
            let tried = self
                .try_address(lane, peer, &invitation, &mut sound, (deadline, patient))
                .await;
            match tried {
                Tried::Answered(attempt, response) => {
                    lane.works(peer);
                    self.talk_after(attempt, &response, sound, &lane.trunk.domain)
                        .await;
                    drop(claim);
                    return None;
                }
                Tried::Failed(failed) => {
                    self.fail(failed).await;
                    return None;
                }
                Tried::NotWanted => return None,
                Tried::Next(failed) => {
                    lane.failed(peer, clock::now());
                    let why = failed.cause.as_ref().map(|cause| cause.sentence.as_str());
                    tracing::info!(
                        trunk = name,
                        ?why,
                        "an address of a trunk did not take a call"
                    );
                    last = Some(failed);
                    if clock::now() >= deadline {
                        break;
                    }
                }
            }
        }
        last
    }

    async fn try_address(
        &mut self,
        lane: &Arc<Lane>,
        peer: SocketAddr,
        invitation: &Invitation,
        sound: &mut Sound,
        (deadline, patient): (Instant, bool),
    ) -> Tried {
        let (shared, trunk) = (self.shared.clone(), &lane.trunk);
        let unreachable = |why: String| {
            Tried::Next(Failed::ours(
                Failure::LineUnavailable,
                format!(
                    "{} cannot be reached at {peer} ({why}); check server and transport of the trunk, and the network",
                    trunk.name
                ),
            ))
        };
        let target = match shared.stack.reach(peer, trunk.transport, &trunk.host).await {
            Ok(target) => target,
            Err(why) => return unreachable(why),
        };
        let start = |invitation: &Invitation| {
            let (stack, registry) = (&shared.stack, &shared.registry);
            Attempt::start(stack, registry, trunk, target.clone(), peer, invitation)
        };
        let mut invitation = invitation.clone();
        let mut attempt = match start(&invitation) {
            Ok(attempt) => attempt,
            Err(why) => return unreachable(why),
        };
        let mut early = None;
        let impatient = (!patient).then(|| clock::now() + PATIENCE * shared.options().t1);
        loop {
            let until = [Some(deadline), early.as_ref().and_then(Early::hopeless_at)];
            let until = until.into_iter().flatten().min();
            let unheard = impatient.filter(|_| !attempt.was_heard_of());
            tokio::select! {
                biased;
                step = attempt.step() => match step {
                    Step::Trying => {}
                    Step::Early(code, sdp) => {
                        if let Some(sdp) = sdp
                            && sound.accept(&sdp).await.is_ok()
                        {
                            early.get_or_insert_with(|| Early::new(media::Codec::Pcmu));
                        }
                        if code == 180 {
                            self.ringing().await;
                        }
                    }
                    Step::Answered(response) => return Tried::Answered(attempt, response),
                    Step::Refused(refusal) => match raised(&refusal, invitation.interval) {
                        None => return self.refused(lane, &attempt, &refusal, early.as_ref()),
                        Some(interval) => {
                            invitation.interval = interval;
                            invitation.least = interval;
                            attempt = match start(&invitation) {
                                Ok(attempt) => attempt,
                                Err(why) => return unreachable(why),
                            };
                        }
                    },
                    Step::Broken(why) => return unreachable(why),
                },
                command = self.commands.recv() => if let None | Some(LegCommand::HangUp) = command {
                    self.take_back(attempt, NOT_WANTED);
                    return Tried::NotWanted;
                },
                heard = sound.hear(), if early.is_some() => match (heard, &mut early) {
                    (Heard::Event(LegEvent::Packet(packet)), Some(early)) => early.push(&packet, clock::now()),
                    (Heard::Event(LegEvent::Sound { codec, keys }), Some(early)) => {
                        early.set_codec(codec);
                        self.tell(LegEvent::Sound { codec, keys }).await;
                    }
                    _ => {}
                },
                rings = next_tick(&mut early) => if rings {
                    self.ringing().await;
                },
                () = at(until) => {
                    let failed = self.gave_up(lane, &attempt, early.as_ref());
                    let rang_out = failed.failure == Failure::NoAnswer;
                    self.take_back(attempt, if rang_out { RANG_OUT } else { NOT_WANTED });
                    return Tried::Failed(failed);
                }
                () = at(unheard) => {
                    self.take_back(attempt, NOT_WANTED);
                    return unreachable("it does not answer".into());
                }
            }
        }
    }

    /// What a refusal means, and whether another address or trunk is tried.
    fn refused(
        &self,
        lane: &Lane,
        attempt: &Attempt,
        refusal: &Refusal,
        early: Option<&Early>,
    ) -> Tried {
        let rang = self.rang || early.is_some();
        let mut failed = of_refusal(refusal, &lane.trunk.name, rang);
        if let Some(told) = early.and_then(Early::told) {
            failed = failed.and(told);
        }
        if refusal.code == 408 && !attempt.was_heard_of() {
            return Tried::Next(Failed::carriers(
                Failure::LineUnavailable,
                format!(
                    "{} does not answer; check server and transport of the trunk, and its firewall",
                    lane.trunk.name
                ),
            ));
        }
        // Once the phone rings, nobody is rung again.
        match refusal.is_the_trunks() && !rang {
            true => Tried::Next(failed),
            false => Tried::Failed(failed),
        }
    }

    /// The ring time is over.
    fn gave_up(&self, lane: &Lane, attempt: &Attempt, early: Option<&Early>) -> Failed {
        if let Some(failed) = early.and_then(Early::failure) {
            return failed;
        }
        if !attempt.was_heard_of() {
            return Failed::carriers(
                Failure::LineUnavailable,
                format!(
                    "{} does not answer; check server and transport of the trunk, and its firewall",
                    lane.trunk.name
                ),
            );
        }
        let failed = Failed::ours(Failure::NoAnswer, "Nobody answered within the ring time");
        match early.and_then(Early::told) {
            Some(told) => failed.and(told),
            None => failed,
        }
    }

    async fn talk_after(
        &mut self,
        attempt: Attempt,
        response: &Response,
        mut sound: Sound,
        domain: &str,
    ) {
        let agreed = match body(response) {
            Some(sdp) => sound.accept(&sdp).await,
            // What was said before the answer holds.
            None if sound.is_agreed() => Ok(()),
            None => Err("the answer does not say where its sound goes".to_owned()),
        };
        let mut attempt = attempt;
        let mut talk = Talk::new(
            self.shared.clone(),
            attempt.dialog.clone(),
            attempt.place.clone(),
            sound,
            domain.to_owned(),
        );
        talk.agree_timer(response);
        if let Err(why) = agreed {
            talk.hang_up(488, &why).await;
            return self
                .fail(Failed::ours(
                    Failure::LineUnavailable,
                    format!("The call was answered with a sound that we cannot use ({why}); see line.sip.codecs and line.sip.srtp"),
                ))
                .await;
        }
        self.carry(talk, &mut attempt.states).await;
    }

    async fn answer(&mut self, inbound: Inbound) {
        let Inbound {
            dialog,
            mut states,
            place,
            offer,
            peer,
            domain,
            ..
        } = inbound;
        let id = dialog.id();
        let mut sound = match Sound::open(&self.shared, peer) {
            Ok(sound) => sound,
            Err(failed) => {
                super::inbound::refuse(&dialog, 503);
                return self.fail(failed).await;
            }
        };
        let described = match &offer {
            Some(offer) => sound.answer(offer).await,
            None => Ok(sound.offer()),
        };
        let described = match described {
            Ok(described) => described,
            Err(why) => {
                super::inbound::refuse(&dialog, 488);
                let sentence = format!(
                    "The caller offers a sound that we cannot use ({why}); see line.sip.codecs and line.sip.srtp"
                );
                return self
                    .fail(Failed::ours(Failure::LineUnavailable, sentence))
                    .await;
            }
        };
        let mut talk = Talk::new(self.shared.clone(), dialog, Arc::new(place), sound, domain);
        if !talk.accept(described, offer.is_none()) {
            return self.tell(LegEvent::HungUp).await;
        }
        self.carry(talk, &mut states).await;
        // The library remembers dialogs until it is told not to.
        self.shared.stack.dialogs.remove_dialog(&id);
    }

    async fn carry(&mut self, mut talk: Talk, states: &mut DialogStateReceiver) {
        if talk.is_answered() {
            self.tell(LegEvent::Answered).await;
        }
        match talk.run(states, &mut self.commands, &self.events).await {
            TalkEnd::HungUp => self.tell(LegEvent::HungUp).await,
            TalkEnd::Failed(failed) => self.fail(failed).await,
            TalkEnd::NotWanted | TalkEnd::Transferred => {}
        }
    }

    async fn ringing(&mut self) {
        if !self.rang {
            self.rang = true;
            self.tell(LegEvent::Ringing).await;
        }
    }

    /// Takes a call back without letting anybody wait for it.
    fn take_back(&self, attempt: Attempt, why: &'static str) {
        self.shared.tasks.spawn(attempt.cancel(why));
    }

    /// Waits for the turn of a call; `false` when nobody wants it any more.
    async fn wait_wanted(&mut self, wait: Duration) -> bool {
        let until = clock::now() + wait;
        loop {
            tokio::select! {
                () = clock::sleep_until(until) => return true,
                command = self.commands.recv() => if let None | Some(LegCommand::HangUp) = command {
                    return false;
                },
            }
        }
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

/// The session interval with which a trunk is asked again that wants a longer one.
fn raised(refusal: &Refusal, interval: Duration) -> Option<Duration> {
    let least = refusal.least_interval.filter(|_| refusal.code == 422)?;
    (least > interval && !interval.is_zero()).then_some(least)
}

fn full_trunk(lane: &Lane, full: Full) -> Failed {
    let what = match full {
        Full::Calls => "has all the calls that its max_calls allows",
        Full::Rate => "has too many calls waiting for its calls_per_second",
    };
    Failed::ours(
        Failure::LineUnavailable,
        format!("{} {what}; try again later, or raise it", lane.trunk.name),
    )
}

/// Listens to the next 20 ms of what comes before the answer; for ever when nothing does.
async fn next_tick(early: &mut Option<Early>) -> bool {
    match early {
        Some(early) => early.next().await,
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
