//! One call as a task: rings in the pages, connects the sound with the one that answers, and passes packets both ways
//! until somebody hangs up. It may wait for the network; the driver's side of it never does.

use std::time::Duration;

use call::Failure;
use tokio::sync::mpsc;

use super::{
    peer::{Peer, PeerEvent, PeerOptions},
    phones::Ring,
    signal::{Ended, Said, ToPage},
};
use crate::{
    driver::clock,
    line::{Cause, LegCommand, LegCommands, LegEvent, LegSender},
};

/// How long the sound may take to be connected after a click.
const CONNECT: Duration = Duration::from_secs(15);
/// How often it is looked whether the page is there, and how many looks it may be away in a row: it may be coming back.
const LOOK: Duration = Duration::from_secs(5);
const LOOKS: u32 = 6;
/// What happens on a connection, on its way here: about a second of packets and some words.
const EVENTS: usize = 64;

/// What a call needs to start.
pub(super) struct Start {
    pub(super) ring: Ring,
    pub(super) ring_timeout: Duration,
    pub(super) peer: PeerOptions,
    pub(super) ssrc: u32,
    pub(super) commands: LegCommands,
    pub(super) events: LegSender,
}

/// How a call ended that was not simply hung up by us.
enum End {
    /// The callee did, or it was us.
    HungUp,
    Failed(Failure, Option<Cause>),
    /// Whoever called is gone; nobody needs to know.
    Gone,
}

/// Runs the call to its end.
pub(super) async fn run(mut start: Start) {
    let end = match start.ring_out().await {
        Ok((peer, events)) => {
            let end = start.talk(&peer, events).await;
            peer.close().await;
            end
        }
        Err(end) => end,
    };
    start.ring.reason = match &end {
        End::Failed(Failure::NoAnswer, _) => Ended::NoAnswer,
        End::Failed(Failure::Rejected, _) | End::HungUp | End::Gone => Ended::HungUp,
        End::Failed(..) => Ended::Failed,
    };
    let Start { ring, events, .. } = start;
    drop(ring);
    // A driver that is gone does not need to know.
    match end {
        End::HungUp => drop(events.send(LegEvent::HungUp).await),
        End::Failed(failure, cause) => {
            if let Some(cause) = cause {
                let _ = events.send(LegEvent::Because(cause)).await;
            }
            let _ = events.send(LegEvent::Failed(failure)).await;
        }
        End::Gone => {}
    }
}

impl Start {
    /// Rings until a page has answered and sound can flow.
    async fn ring_out(&mut self) -> Result<(Peer, mpsc::Receiver<PeerEvent>), End> {
        self.tell(LegEvent::Ringing).await?;
        let deadline = clock::now() + self.ring_timeout;
        let offer = loop {
            tokio::select! {
                said = self.ring.messages.recv() => match said {
                    Some(Said::Offer { sdp }) => break sdp,
                    Some(Said::Decline | Said::HangUp) => {
                        return Err(End::Failed(Failure::Rejected, None));
                    }
                    Some(_) => {}
                    None => return Err(End::Gone),
                },
                ended = hung_up(&mut self.commands) => return Err(ended),
                () = clock::sleep_until(deadline) => {
                    return Err(End::Failed(Failure::NoAnswer, None));
                }
            }
        };
        let (sender, mut events) = mpsc::channel(EVENTS);
        let peer = Peer::new(&self.peer, self.ssrc, sender).await;
        let peer = peer.map_err(|error| {
            tracing::warn!(%error, "no connection to a page can be made");
            End::Failed(
                Failure::LineUnavailable,
                Some(Cause {
                    sentence: "The sound of the browser phone cannot be carried here. See line.browser.bind.".into(),
                    carrier: false,
                }),
            )
        })?;
        match self.connect(&peer, offer, &mut events).await {
            Ok(()) => Ok((peer, events)),
            Err(end) => {
                peer.close().await;
                Err(end)
            }
        }
    }

    async fn connect(
        &mut self,
        peer: &Peer,
        offer: String,
        events: &mut mpsc::Receiver<PeerEvent>,
    ) -> Result<(), End> {
        self.answer(peer, offer).await?;
        let deadline = clock::now() + CONNECT;
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(PeerEvent::Connected) => return self.tell(LegEvent::Answered).await,
                    Some(event) => self.pass_on(event),
                    None => return Err(End::Gone),
                },
                said = self.ring.messages.recv() => self.hear(peer, said).await?,
                ended = hung_up(&mut self.commands) => return Err(ended),
                () = clock::sleep_until(deadline) => return Err(unreachable()),
            }
        }
    }

    /// Passes packets both ways until the end.
    async fn talk(&mut self, peer: &Peer, mut events: mpsc::Receiver<PeerEvent>) -> End {
        let mut look = clock::ticker(LOOK);
        let mut away = 0;
        loop {
            tokio::select! {
                // Sound that goes on without its page is heard by nobody who could be asked for a key.
                _ = look.tick() => {
                    away = if self.ring.is_held() { 0 } else { away + 1 };
                    if away > LOOKS {
                        return End::HungUp;
                    }
                }
                command = self.commands.recv() => match command {
                    Some(LegCommand::Packet(packet)) => peer.send(&packet).await,
                    // Keys go as tones; a page cannot connect anybody to a telephone.
                    Some(LegCommand::PressKeys(_) | LegCommand::Mark(_) | LegCommand::Clear) => {}
                    Some(LegCommand::Transfer(_) | LegCommand::HangUp) => return End::HungUp,
                    None => return End::Gone,
                },
                event = events.recv() => match event {
                    Some(event) => self.pass_on(event),
                    None => return End::Failed(Failure::MediaLost, None),
                },
                said = self.ring.messages.recv() => if let Err(end) = self.hear(peer, said).await {
                    return end;
                },
            }
        }
    }

    async fn answer(&self, peer: &Peer, offer: String) -> Result<(), End> {
        match peer.answer(offer).await {
            Ok(sdp) => {
                let call_id = self.ring.call_id.clone();
                self.ring.tell(&ToPage::Answer { call_id, sdp });
                Ok(())
            }
            Err(error) => {
                tracing::debug!(%error, "a page's offer cannot be answered");
                Err(unreachable())
            }
        }
    }

    /// Takes what the page says of an answered call.
    async fn hear(&self, peer: &Peer, said: Option<Said>) -> Result<(), End> {
        match said {
            Some(Said::Offer { sdp }) => self.answer(peer, sdp).await,
            Some(Said::Candidate { candidate }) => {
                peer.candidate(candidate).await;
                Ok(())
            }
            Some(Said::Key { key }) if is_key(key) => self.tell(LegEvent::Dtmf(key)).await,
            Some(Said::Key { .. } | Said::Decline) => Ok(()),
            Some(Said::HangUp) => Err(End::HungUp),
            None => Err(End::Gone),
        }
    }

    fn pass_on(&self, event: PeerEvent) {
        match event {
            PeerEvent::Candidate(candidate) => {
                let call_id = self.ring.call_id.clone();
                self.ring.tell(&ToPage::Candidate { call_id, candidate });
            }
            // When the driver does not keep up, sound is lost.
            PeerEvent::Packet(packet) => {
                self.events.try_send(LegEvent::Packet(packet));
            }
            // The page looks for a new way; if it finds none, the driver misses the sound.
            PeerEvent::Broken | PeerEvent::Connected => {}
        }
    }

    async fn tell(&self, event: LegEvent) -> Result<(), End> {
        self.events.send(event).await.map_err(|_| End::Gone)
    }
}

/// Waits for whoever called to hang up.
async fn hung_up(commands: &mut LegCommands) -> End {
    loop {
        match commands.recv().await {
            Some(LegCommand::HangUp) => return End::HungUp,
            Some(_) => {}
            None => return End::Gone,
        }
    }
}

fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}

fn unreachable() -> End {
    End::Failed(
        Failure::MediaLost,
        Some(Cause {
            sentence: "The sound between the server and the page could not be connected. Allow UDP between them, or \
                       configure a TURN server (line.browser.turn_urls)."
                .into(),
            carrier: false,
        }),
    )
}
