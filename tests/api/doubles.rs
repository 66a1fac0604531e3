//! A telephone line that does the least that a call needs, so that the interface can be tested without waiting for
//! speech: the callee answers, is silent for a moment, and hangs up.

use std::time::Duration;

use agentphone::{
    driver::clock,
    line::{
        DialError, DialRequest, Keys, Leg, LegCommand, LegCommands, LegEvent, LegSender, Line,
        Playout, leg_commands, leg_events,
    },
    provider::BoxFuture,
};
use media::{Codec, Packet};

/// Packets of silence after the answer: 100 ms.
const SILENCE_PACKETS: u16 = 5;

/// A line whose callees are named by the request's `scenario`.
#[derive(Debug)]
pub(crate) struct DoubleLine;

impl Line for DoubleLine {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn check(&self, request: &DialRequest) -> Result<(), DialError> {
        match request.scenario.as_deref() {
            None | Some("books" | "never_answers" | "busy" | "stays" | "breaks") => Ok(()),
            Some("panics") => panic!("this scenario shows what a fault of ours looks like"),
            Some(other) => Err(DialError(format!("There is no scenario '{other}'."))),
        }
    }

    fn dial(&self, request: DialRequest) -> BoxFuture<'_, Result<Leg, DialError>> {
        let (to_driver, events) = leg_events(64);
        let (commands, from_driver) = leg_commands(64);
        tokio::spawn(callee(request.scenario, to_driver, from_driver));
        Box::pin(async move {
            Ok(Leg {
                events,
                commands,
                codec: Codec::Pcmu,
                playout_delay: Duration::from_millis(40),
                playout: Playout::OnArrival,
                keys: Keys::Signalled,
            })
        })
    }
}

async fn callee(scenario: Option<String>, events: LegSender, mut commands: LegCommands) {
    let plays = async {
        events.send(LegEvent::Ringing).await?;
        match scenario.as_deref() {
            Some("never_answers") => std::future::pending().await,
            Some("busy") => return events.send(LegEvent::Failed(call::Failure::Busy)).await,
            _ => {}
        }
        events.send(LegEvent::Answered).await?;
        let mut ticker = clock::ticker(Duration::from_millis(20));
        for sequence in 0..SILENCE_PACKETS {
            ticker.tick().await;
            let packet = Packet::new(sequence, u32::from(sequence) * 160, &[0xff; 160]);
            events
                .send(LegEvent::Packet(packet.expect("160 bytes fit")))
                .await?;
        }
        match scenario.as_deref() {
            Some("stays") => return std::future::pending().await,
            Some("breaks") => {
                let lost = LegEvent::Failed(call::Failure::MediaLost);
                return events.send(lost).await;
            }
            _ => {}
        }
        events.send(LegEvent::HungUp).await
    };
    let dropped =
        async { while !matches!(commands.recv().await, None | Some(LegCommand::HangUp)) {} };
    tokio::select! {
        _ = plays => {}
        () = dropped => {}
    }
}
