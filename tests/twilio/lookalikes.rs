//! Whole calls through the carriers that look like Twilio, in their own messages.

use std::sync::Arc;

use agentphone::{line::Line, provider::scripted::ScriptedReply};
use call::Tool;
use protocol::{
    control::Event,
    rest::{EndReason, FailureReason, Speaker},
    twilio::stream::{self, Dialect},
};

use super::{
    Plan, Rig, Setup, Step, TO, booking, ms, polite,
    standin::{Reaction, carrier::Carrier, phone::Seen},
};

const CARRIERS: [Carrier; 2] = [Carrier::SignalWire, Carrier::Telnyx];

fn rig(carrier: Carrier) -> Rig {
    Rig::with(|options| {
        options.dialect = match carrier {
            Carrier::Twilio => Arc::new(stream::Twilio) as Arc<dyn Dialect>,
            Carrier::SignalWire => Arc::new(stream::SignalWire),
            Carrier::Telnyx => Arc::new(stream::Telnyx),
        };
    })
}

fn plan(carrier: Carrier, steps: Vec<Step>) -> Plan {
    Plan {
        carrier,
        ..Plan::answers(steps)
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_from_ringing_to_a_goodbye() {
    for carrier in CARRIERS {
        let rig = rig(carrier);
        let (call, _) = rig.call(plan(carrier, polite()), booking()).await;
        assert_eq!(
            call.end_reason,
            Some(EndReason::AgentHungUp),
            "{carrier:?} {call:?}"
        );
        assert_eq!(
            call.transcript.as_deref(),
            Some(
                "Host: hello this is nopa\n\
                 Agent: Hi, I would like a table for two at seven, please.\n\
                 Host: yes that works see you then\n\
                 Agent: Thank you very much. Goodbye."
            ),
            "{carrier:?}"
        );
        let report = rig.standin.report(TO);
        assert_eq!(report.faults, Vec::<String>::new(), "{carrier:?}");
        assert_eq!(report.clears(), 0, "{carrier:?}");
        let marks = report
            .seen
            .iter()
            .filter(|(_, seen)| matches!(seen, Seen::Mark(_)));
        assert_eq!(report.played.len(), marks.count(), "{carrier:?}");
        assert!(report.most_ahead <= ms(300), "{:?}", report.most_ahead);
        for gap in &report.gaps {
            assert!(*gap < ms(900), "{carrier:?} {gap:?}");
        }
        let counts = rig.line.counts();
        assert_eq!(
            (counts.unreadable, counts.foreign, counts.odd_frames),
            (0, 0, 0),
            "{counts:?}"
        );
        // It is asked to end the call in the same words as Twilio.
        let [made] = &rig.standin.calls()[..] else {
            panic!("one call")
        };
        assert_eq!(
            made.updates,
            [("Status".to_owned(), "completed".to_owned())]
        );
        let codec = made
            .field("Twiml")
            .expect("instructions")
            .contains(r#"codec="PCMU""#);
        assert!(codec, "{carrier:?}");
        // SignalWire's callbacks are signed as Twilio's; Telnyx's cannot be checked, and the stream alone must do.
        let answers = rig.standin.state().answers.clone();
        let wanted = if carrier == Carrier::Telnyx { 403 } else { 204 };
        assert!(
            answers.len() >= 4 && answers.iter().all(|(_, status)| *status == wanted),
            "{answers:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn interruptions_keys_hang_ups_and_breaks() {
    for carrier in CARRIERS {
        let setup = || Setup {
            heard: vec!["hello", "sorry we are closed today"],
            replies: vec![
                ScriptedReply::text(
                    "I would like to book a table for two people at seven in the evening, and I would also like to \
                     know whether there is a terrace to sit on.",
                ),
                ScriptedReply::tool("Goodbye then.", Tool::HangUp),
            ],
            ..Setup::default()
        };
        let begin = vec![Step::Wait(ms(300)), Step::Say(1), Step::Hears(ms(1_500))];
        let mut cuts_in = begin.clone();
        cuts_in.extend([Step::Say(6), Step::Key('5'), Step::Stay]);
        let rig = rig(carrier);
        let (call, events) = rig.call(plan(carrier, cuts_in), setup()).await;
        let report = rig.standin.report(TO);
        assert_eq!(report.clears(), 1, "{carrier:?}");
        assert!(call.turns[1].interrupted, "{carrier:?} {:?}", call.turns);
        let key = |event: &Event| {
            matches!(
                event,
                Event::Dtmf {
                    key: '5',
                    from: Speaker::Callee
                }
            )
        };
        assert!(events.iter().any(|event| key(&event.event)), "{carrier:?}");

        for (last, end, failure) in [
            (Step::HangUp, Some(EndReason::CalleeHungUp), None),
            (Step::Drop, None, Some(FailureReason::MediaLost)),
        ] {
            let rig = self::rig(carrier);
            let mut steps = begin.clone();
            steps.push(last);
            let (call, _) = rig.call(plan(carrier, steps), setup()).await;
            assert_eq!(call.end_reason, end, "{carrier:?} {call:?}");
            assert_eq!(
                call.failure.map(|failure| failure.reason),
                failure,
                "{carrier:?}"
            );
        }
    }
}

/// What is known of a call that nobody takes: by SignalWire's callbacks; with Telnyx, that nobody took it in time.
#[tokio::test(start_paused = true)]
async fn a_callee_who_is_engaged() {
    for (carrier, reason) in [
        (Carrier::SignalWire, FailureReason::Busy),
        (Carrier::Telnyx, FailureReason::NoAnswer),
    ] {
        let rig = rig(carrier);
        let plan = Plan {
            carrier,
            reaction: Reaction::Busy,
            ..Plan::default()
        };
        let (call, _) = rig.call(plan, booking()).await;
        assert_eq!(
            call.failure.expect("a reason").reason,
            reason,
            "{carrier:?}"
        );
    }
}

/// A stream or a callback with Twilio's header is none of SignalWire's.
#[tokio::test(start_paused = true)]
async fn each_carrier_has_a_header_of_its_own() {
    let rig = rig(Carrier::SignalWire);
    let reach = super::Reach::Memory(rig.line.endpoints().expect("paths"));
    let url = "wss://phone.example/lines/twilio/media";
    let signature = super::standin::sign(url, &[]);
    assert_eq!(reach.open(url, &signature, 1024).await.err(), Some(403));
    let header = Carrier::SignalWire.header();
    assert!(reach.open_as(header, url, &signature, 1024).await.is_ok());
    assert_eq!(rig.line.counts().forged, 1);
}
