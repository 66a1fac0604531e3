//! How calls go and end.

use agentphone::{line::Line, provider::scripted::ScriptedReply};
use call::{CallConfig, Tool};
use protocol::{
    control::Event,
    rest::{AnsweredBy, AtFault, EndReason, FailureReason, Status},
};

use super::{
    Plan, Rig, Setup, Step, TO, booking, ms, polite, request,
    standin::{Reaction, phone::Seen},
};

#[tokio::test(start_paused = true)]
async fn a_call_from_ringing_to_a_goodbye_that_is_heard_in_full() {
    let rig = Rig::new();
    let (call, events) = rig.call(Plan::answers(polite()), booking()).await;
    assert_eq!(call.status, Status::Completed, "{call:?}");
    assert_eq!(call.end_reason, Some(EndReason::AgentHungUp));
    assert_eq!(call.line, "twilio");
    assert_eq!(
        call.transcript.as_deref(),
        Some(
            "Host: hello this is nopa\n\
             Agent: Hi, I would like a table for two at seven, please.\n\
             Host: yes that works see you then\n\
             Agent: Thank you very much. Goodbye."
        )
    );
    let report = rig.standin.report(TO);
    assert_eq!(report.faults, Vec::<String>::new());
    // Every sound that was sent was played before the line was closed, and so was every mark.
    let sent: usize = report
        .seen
        .iter()
        .map(|(_, seen)| if let Seen::Media(len) = seen { *len } else { 0 })
        .sum();
    let words = 50 * "Hi,Iwouldlikeatablefortwoatseven,please.Thankyouverymuch.Goodbye.".len();
    let spoken = words + 40 * 15;
    assert!(
        sent / 8 >= spoken - 100 && sent / 8 <= spoken + 200,
        "{} {spoken}",
        sent / 8
    );
    assert_eq!(report.clears(), 0);
    assert_eq!(report.cleared, Vec::<String>::new());
    let marks = report
        .seen
        .iter()
        .filter(|(_, seen)| matches!(seen, Seen::Mark(_)))
        .count();
    assert_eq!(report.played.len(), marks);
    // The carrier was told to end the call.
    let [made] = &rig.standin.calls()[..] else {
        panic!("one call")
    };
    assert_eq!(
        made.updates,
        [("Status".to_owned(), "completed".to_owned())]
    );
    assert_eq!(made.field("Timeout"), Some("20"));
    let rings = events
        .iter()
        .filter(|e| {
            matches!(
                e.event,
                Event::CallStatus {
                    status: Status::InProgress
                }
            )
        })
        .count();
    assert_eq!(rings, 1);
    let counts = rig.line.counts();
    assert_eq!(
        (counts.forged, counts.unreadable, counts.unknown_calls),
        (0, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn the_agent_answers_soon_after_the_callee() {
    let rig = Rig::new();
    rig.call(Plan::answers(polite()), booking()).await;
    let report = rig.standin.report(TO);
    assert_eq!(report.gaps.len(), 2, "{:?}", report.gaps);
    for gap in report.gaps {
        assert!(gap < ms(900), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_do_not_connect_say_why_and_whose_fault_it_is() {
    for (reaction, reason, fault) in [
        (Reaction::Busy, FailureReason::Busy, AtFault::Callee),
        (Reaction::NoAnswer, FailureReason::NoAnswer, AtFault::Callee),
        (
            Reaction::Failed(404),
            FailureReason::InvalidNumber,
            AtFault::Callee,
        ),
        (
            Reaction::Failed(608),
            FailureReason::NetworkBlocked,
            AtFault::Carrier,
        ),
        (
            Reaction::Failed(503),
            FailureReason::LineUnavailable,
            AtFault::Carrier,
        ),
        (
            Reaction::AnswersWithoutStream,
            FailureReason::LineUnavailable,
            AtFault::Us,
        ),
    ] {
        let rig = Rig::new();
        let plan = Plan {
            reaction: reaction.clone(),
            ..Plan::default()
        };
        let (call, _) = rig.call(plan, booking()).await;
        assert_eq!(call.status, Status::Failed, "{reaction:?}");
        let failure = call.failure.expect("a reason");
        assert_eq!(
            (failure.reason, failure.at_fault),
            (reason, fault),
            "{}",
            failure.message
        );
        assert_eq!(call.duration_seconds, None, "{reaction:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn late_repeated_and_disordered_callbacks_leave_the_right_state() {
    let rig = Rig::new();
    let plan = Plan {
        unruly: true,
        ..Plan::answers(polite())
    };
    let (call, _) = rig.call(plan, booking()).await;
    assert_eq!(call.status, Status::Completed);
    assert_eq!(call.end_reason, Some(EndReason::AgentHungUp));
    let rig = Rig::new();
    let plan = Plan {
        unruly: true,
        ..Plan::default()
    };
    let (call, _) = rig.call(plan, booking()).await;
    assert_eq!(call.failure.expect("a reason").reason, FailureReason::Busy);
    assert!(
        rig.standin
            .state()
            .answers
            .iter()
            .all(|(_, status)| *status == 204)
    );
}

#[tokio::test(start_paused = true)]
async fn the_callee_hangs_up() {
    let rig = Rig::new();
    let steps = vec![Step::Say(2), Step::Hears(ms(600)), Step::HangUp];
    let (call, _) = rig.call(Plan::answers(steps), booking()).await;
    assert_eq!(call.status, Status::Completed);
    assert_eq!(call.end_reason, Some(EndReason::CalleeHungUp));
    // Only what was heard is in the transcript.
    let agent = &call.turns.last().expect("a turn").text;
    assert!(agent.ends_with('—') && agent.len() < 30, "{agent}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_no_hang_up() {
    let rig = Rig::new();
    let steps = vec![Step::Say(2), Step::Hears(ms(600)), Step::Drop];
    let (call, _) = rig.call(Plan::answers(steps), booking()).await;
    assert_eq!(call.status, Status::Failed, "{call:?}");
    let failure = call.failure.expect("a reason");
    assert_eq!(
        (failure.reason, failure.at_fault),
        (FailureReason::MediaLost, AtFault::Carrier)
    );
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_known_by_the_carrier_too() {
    let rig = Rig::with(|options| options.machine_detection = true);
    let steps = vec![Step::Wait(ms(600)), Step::Say(30), Step::Stay];
    let plan = Plan {
        answered_by: Some((ms(2_000), "machine_start")),
        ..Plan::answers(steps)
    };
    let (call, _) = rig.call(plan, booking()).await;
    assert_eq!(call.end_reason, Some(EndReason::Voicemail), "{call:?}");
    assert_eq!(call.answered_by, Some(AnsweredBy::Voicemail));
    let made = &rig.standin.calls()[0];
    assert_eq!(made.field("MachineDetection"), Some("Enable"));
    assert_eq!(made.field("AsyncAmd"), Some("true"));
}

/// Asynchronous detection may take half a minute. Whoever has answered the agent by then is no machine.
#[tokio::test(start_paused = true)]
async fn a_late_verdict_does_not_end_a_conversation() {
    let rig = Rig::with(|options| options.machine_detection = true);
    let plan = Plan {
        answered_by: Some((ms(6_800), "machine_start")),
        ..Plan::answers(polite())
    };
    let (call, events) = rig.call(plan, booking()).await;
    assert_eq!(call.end_reason, Some(EndReason::AgentHungUp), "{call:?}");
    assert_eq!(call.answered_by, Some(AnsweredBy::Human));
    assert_eq!(call.turns.len(), 4, "{:?}", call.turns);
    assert!(
        events.iter().any(|event| matches!(&event.event, Event::Warning { message } if message.contains("machine"))),
        "the verdict came in time to be wrong"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_is_canceled_while_it_rings_and_in_conversation() {
    for ring in [ms(10_000), ms(1_000)] {
        let rig = Rig::new();
        let plan = Plan {
            ring,
            ..Plan::answers(vec![Step::Say(2), Step::Stay])
        };
        rig.standin.plan(TO, plan);
        let engine = rig.engine(booking());
        let id = engine.create_with(request()).await.data.call_id;
        agentphone::driver::clock::sleep(ms(4_000)).await;
        let canceled = engine
            .supervisor
            .cancel(&engine.caller.account, &id, true)
            .await;
        canceled.expect("it runs");
        engine.watch(&id).await;
        rig.line.settle().await;
        rig.standin.settled().await;
        assert_eq!(engine.stored(&id).status, Status::Canceled);
        assert_eq!(rig.standin.calls()[0].updates.len(), 1, "{ring:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_duration_ends_with_a_goodbye() {
    let rig = Rig::new();
    let setup = Setup {
        replies: vec![ScriptedReply::text("Hello."); 20],
        heard: vec!["hello"; 20],
        ..Setup::default()
    };
    let talkative = (0..20)
        .flat_map(|_| [Step::Say(2), Step::Wait(ms(4_000))])
        .collect();
    rig.standin.plan(TO, Plan::answers(talkative));
    let engine = rig.engine(setup);
    let mut request = request();
    request.max_duration_seconds = 20;
    let id = engine.create_with(request).await.data.call_id;
    engine.watch(&id).await;
    rig.standin.settled().await;
    let call = engine.stored(&id);
    assert_eq!(call.end_reason, Some(EndReason::MaxDuration), "{call:?}");
    let goodbye = CallConfig::default().phrases.goodbye;
    // The callee goes on talking over it.
    let agent = |turn: &&protocol::rest::Turn| turn.speaker == protocol::rest::Speaker::Agent;
    let last = call.turns.iter().rev().find(agent).expect("turns");
    assert_eq!(last.text, goodbye);
    assert!(call.duration_seconds <= Some(20));
    // Nothing of it is taken back, and all of it comes out of the earpiece.
    let seen = rig.standin.report(TO).seen;
    let clear = seen.iter().rposition(|(_, seen)| *seen == Seen::Clear);
    let sent: usize = seen[clear.map_or(0, |at| at + 1)..]
        .iter()
        .map(|(_, seen)| {
            if let Seen::Media(length) = seen {
                *length
            } else {
                0
            }
        })
        .sum();
    let spoken: usize = goodbye
        .split_whitespace()
        .map(|word| word.len() * 50 + 40)
        .sum();
    assert!(sent / 8 + 100 >= spoken, "{} {spoken}", sent / 8);
    assert_eq!(rig.standin.calls()[0].field("TimeLimit"), Some("140"));
}

#[tokio::test(start_paused = true)]
async fn keys_go_both_ways() {
    let rig = Rig::new();
    let setup = Setup {
        heard: vec!["press one for reservations"],
        replies: vec![
            ScriptedReply::text("Hello."),
            ScriptedReply::tool("", Tool::PressKeys("1".into())),
            ScriptedReply::tool("Goodbye.", Tool::HangUp),
        ],
        ..Setup::default()
    };
    let steps = vec![
        Step::Say(5),
        Step::Wait(ms(3_000)),
        Step::Key('#'),
        Step::Wait(ms(300)),
        Step::HangUp,
    ];
    let (_, events) = rig.call(Plan::answers(steps), setup).await;
    let keys: Vec<_> = events
        .iter()
        .filter_map(|event| match event.event {
            Event::Dtmf { key, from } => Some((key, from)),
            _ => None,
        })
        .collect();
    use protocol::rest::Speaker::{Agent, Callee};
    assert_eq!(keys, [('1', Agent), ('#', Callee)]);
    // The key is in the sound: two tones, 697 and 1209 Hz, and nothing else as strong.
    let heard: Vec<i16> = rig
        .standin
        .report(TO)
        .heard
        .concat()
        .into_iter()
        .map(super::standin::sound::decode)
        .collect();
    let power = |frequency: f64| {
        heard
            .chunks(400)
            .map(|chunk| {
                let (mut sin, mut cos) = (0.0, 0.0);
                for (n, sample) in chunk.iter().enumerate() {
                    let phase = std::f64::consts::TAU * frequency * n as f64 / 8_000.0;
                    sin += f64::from(*sample) * phase.sin();
                    cos += f64::from(*sample) * phase.cos();
                }
                sin.hypot(cos)
            })
            .fold(0.0, f64::max)
    };
    let (low, high) = (power(697.0), power(1_209.0));
    assert!(low > 5.0 * power(852.0), "{low} {}", power(852.0));
    assert!(high > 5.0 * power(1_477.0), "{high} {}", power(1_477.0));
}

#[tokio::test(start_paused = true)]
async fn a_transfer_is_the_carriers_to_make() {
    let rig = Rig::new();
    let setup = Setup {
        heard: vec!["can I speak to the customer"],
        replies: vec![
            ScriptedReply::text("Hello."),
            ScriptedReply::tool("One moment.", Tool::Transfer("+14155559876".into())),
        ],
        ..Setup::default()
    };
    let steps = vec![Step::Quiet, Step::Say(5), Step::Stay];
    let mut request = request();
    request.transfer_to = Some("+14155559876".into());
    let (call, _) = rig.call_with(Plan::answers(steps), setup, request).await;
    assert_eq!(call.end_reason, Some(EndReason::Transferred), "{call:?}");
    let made = &rig.standin.calls()[0];
    let [(field, twiml)] = &made.updates[..] else {
        panic!("{:?}", made.updates)
    };
    assert_eq!(field, "Twiml");
    assert!(
        twiml.contains("<Dial><Number>+14155559876</Number></Dial>"),
        "{twiml}"
    );
}

/// The stand-in's sockets are in memory, so this is about us alone.
#[tokio::test(start_paused = true)]
async fn a_hundred_calls_at_once_do_not_mix() {
    let rig = Rig::new();
    let engine = rig.engine(Setup {
        max_concurrent: 100,
        credits: 100,
        ..booking()
    });
    let mut ids = Vec::new();
    for n in 0..100 {
        let to = format!("+1415555{:04}", 2000 + n);
        let steps = vec![Step::Say(2), Step::Quiet, Step::HangUp];
        rig.standin.plan(&to, Plan::answers(steps));
        let mut request = request();
        request.to_phone_number = to;
        ids.push(engine.create_with(request).await.data.call_id);
    }
    for id in &ids {
        engine.watch(id).await;
        let call = engine.stored(id);
        assert_eq!(call.end_reason, Some(EndReason::CalleeHungUp), "{call:?}");
        assert_eq!(call.turns.len(), 2, "{:?}", call.turns);
        assert!(!call.turns[1].interrupted, "{:?}", call.turns);
    }
    rig.standin.settled().await;
    for call in rig.standin.calls() {
        let report = call.report.lock().expect("a report").clone();
        assert_eq!(report.faults, Vec::<String>::new());
        assert_eq!(report.clears(), 0);
        assert!(report.most_ahead <= ms(300), "{:?}", report.most_ahead);
    }
}
