//! Calls that come in.

use agentphone::{provider::scripted::ScriptedReply, supervisor::Reception};
use call::Tool;
use protocol::rest::{Direction, EndReason, Status};

use super::{FROM, PUBLIC, Rig, Setup, Step, ms};

const CALLER: &str = "+14155557777";

fn voice() -> String {
    format!("{PUBLIC}/lines/twilio/voice")
}

fn setup() -> Setup {
    Setup {
        heard: vec!["do you have a table tonight"],
        replies: vec![
            ScriptedReply::text("Nopa, good evening, how can I help?"),
            ScriptedReply::tool("We do. Goodbye.", Tool::HangUp),
        ],
        ..Setup::default()
    }
}

fn receive(rig: &Rig, engine: &super::Engine) {
    use agentphone::line::Line;
    let reception = Reception {
        account: engine.caller.account.clone(),
        objective: "Answer questions about tables".into(),
        instructions: None,
        first_message: None,
        language: "en-US".into(),
        max_duration_seconds: 600,
    };
    let calls = rig.line.incoming().expect("a line that takes calls");
    let (supervisor, line) = (engine.supervisor.clone(), rig.line.clone());
    tokio::spawn(async move {
        {
            let desk = tokio::sync::watch::channel(Some(reception)).1;
            supervisor.receive(line, calls, desk).await
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_caller_reaches_the_agent_and_the_call_is_recorded() {
    let rig = Rig::with(|options| options.incoming_numbers = vec![FROM.into()]);
    let engine = rig.engine(setup());
    receive(&rig, &engine);
    let steps = vec![Step::Quiet, Step::Say(4), Step::Stay];
    let taken = rig.standin.call_in(CALLER, FROM, &voice(), steps).await;
    assert!(taken.is_some());
    let page = engine.store.list_calls(
        &engine.caller.account,
        &agentphone::store::ListCalls {
            limit: 10,
            status: None,
            before: None,
        },
    );
    let calls = page.expect("the store answers").calls;
    let [call] = &calls[..] else {
        panic!("{calls:?}")
    };
    let id = call.call.call_id.clone();
    engine.watch(&id).await;
    let call = engine.stored(&id);
    assert_eq!(call.status, Status::Completed, "{call:?}");
    assert_eq!(call.direction, Direction::Inbound);
    assert_eq!(
        (
            call.to_phone_number.as_str(),
            call.from_phone_number.as_deref()
        ),
        (CALLER, Some(FROM))
    );
    assert_eq!(call.end_reason, Some(EndReason::AgentHungUp));
    assert_eq!(
        call.transcript.as_deref(),
        Some(
            "Agent: Nopa, good evening, how can I help?\nHost: do you have a table tonight\nAgent: We do. Goodbye."
        )
    );
    assert_eq!(engine.credits(), 5);
    // The agent speaks first, and soon.
    let report = rig.standin.calls()[0]
        .report
        .lock()
        .expect("a report")
        .clone();
    assert!(report.seen[0].0 < ms(1_000), "{:?}", report.seen[0]);
}

#[tokio::test(start_paused = true)]
async fn calls_that_cannot_be_taken_find_the_line_engaged() {
    // Another number.
    let rig = Rig::with(|options| options.incoming_numbers = vec!["+14155550199".into()]);
    let engine = rig.engine(setup());
    receive(&rig, &engine);
    assert!(
        rig.standin
            .call_in(CALLER, FROM, &voice(), Vec::new())
            .await
            .is_none()
    );
    // No place.
    let rig = Rig::with(|options| options.incoming_numbers = vec![FROM.into()]);
    let engine = rig.engine(Setup {
        max_concurrent: 0,
        ..setup()
    });
    receive(&rig, &engine);
    assert!(
        rig.standin
            .call_in(CALLER, FROM, &voice(), Vec::new())
            .await
            .is_none()
    );
    // Nobody takes calls at all.
    let rig = Rig::with(|options| options.incoming_numbers = vec![FROM.into()]);
    let _engine = rig.engine(setup());
    assert!(
        rig.standin
            .call_in(CALLER, FROM, &voice(), Vec::new())
            .await
            .is_none()
    );
}
