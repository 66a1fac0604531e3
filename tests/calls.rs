//! Whole calls on virtual time: driver, supervisor, sound path, simulated line and store, with scripted services.

mod support;

use std::sync::{Arc, Mutex};

use agentphone::{
    line::{DialError, DialRequest, Leg, Line},
    provider::{
        BoxFuture, LanguageModel, LlmEvent, LlmRequest, ProviderError, ProviderErrorKind,
        SpeechToText, SttOptions, SttStream, scripted::ScriptedReply,
    },
    store::{Attachment, RedbStore, Store},
    supervisor::Policy,
};
use call::Tool;
use protocol::{control::Event, rest};
use support::{Setup, polite};
use tokio::sync::mpsc;

#[tokio::test(start_paused = true)]
async fn a_call_from_ringing_to_goodbye() {
    let engine = polite().start();
    let (call, events) = engine.call().await;

    assert_eq!(call.status, rest::Status::Completed, "{call:?}");
    assert_eq!(call.end_reason, Some(rest::EndReason::AgentHungUp));
    assert_eq!(
        call.transcript.as_deref(),
        Some(
            "Host: nopa good evening\n\
             Agent: Hi, I would like a table for two at seven, please.\n\
             Host: yes that works you are all set\n\
             Agent: Thank you very much. Goodbye."
        )
    );
    assert_eq!(engine.credits(), 4);
    assert!(call.started_at.is_some() && call.ended_at.is_some());

    // The live feed counts without gaps, begins with the queue and ends with the whole call.
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event.seq, place as u64 + 1);
    }
    assert!(matches!(
        events.last().map(|e| &e.event),
        Some(Event::CallEnded { call: ended }) if **ended == call
    ));
    let statuses: Vec<_> = events
        .iter()
        .filter_map(|event| match event.event {
            Event::CallStatus { status } => Some(status),
            _ => None,
        })
        .collect();
    use rest::Status::{Dialing, InProgress, Queued};
    assert_eq!(statuses, [Queued, Dialing, InProgress]);
    assert!(
        events
            .iter()
            .any(|e| matches!(e.event, Event::CalleePartial { .. }))
    );
    assert!(
        events
            .iter()
            .any(|e| matches!(e.event, Event::TurnLatency { .. }))
    );

    // The recording lasts as long as the call, and the turns lie within it.
    let path = engine.supervisor.recording_path(&call.call_id);
    let reader = hound::WavReader::open(path).expect("a recording");
    let recorded_ms = u64::from(reader.duration()) / 8;
    let last = call.turns.last().expect("turns").ended_ms;
    assert!(
        recorded_ms >= last && recorded_ms < last + 5000,
        "{recorded_ms} {last}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_kept_call_replays_to_the_same_actions() {
    let engine = polite().start();
    let (call, _) = engine.call().await;
    let kept = engine
        .store
        .load(&call.call_id, Attachment::Events)
        .expect("the store answers")
        .expect("the events are kept");
    let text = String::from_utf8(kept).expect("text");
    let origin = agentphone::driver::clock::now();
    let recording = call::Recording::read(&text, origin).expect("it reads back");
    assert!(recording.actions.len() > 10, "{}", recording.actions.len());
    recording.replay(origin).expect("the same actions");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_sentence_ends_where_it_was_heard() {
    let engine = Setup {
        scenario: r#"
ring: 1 s
---
wait 400 ms
say "Hello."
until agent speaks for 1500 ms
say "Sorry, wait a moment please, we are closed for the whole day today."
until agent stops
wait 10 s
hang up
"#,
        heard: vec!["hello", "sorry wait a moment please we are closed today"],
        replies: vec![
            ScriptedReply::text(
                "I would like to book a table for two people at seven in the evening, and I \
                 would also like to know whether there is a terrace to sit on.",
            ),
            ScriptedReply::tool("Goodbye.", Tool::HangUp),
        ],
        ..Setup::default()
    }
    .start();
    let (call, events) = engine.call().await;
    let agent = &call.turns[1];
    assert!(agent.interrupted, "{:?}", call.turns);
    assert!(agent.text.ends_with('—'), "{}", agent.text);
    assert!(agent.text.starts_with("I would like"), "{}", agent.text);
    assert!(!agent.text.contains("terrace"), "{}", agent.text);
    assert!(
        events
            .iter()
            .any(|e| matches!(e.event, Event::TurnInterrupted { .. }))
    );
    assert_eq!(call.metrics.expect("metrics").interruptions, 1);
}

#[tokio::test(start_paused = true)]
async fn calls_that_do_not_connect_give_the_credit_back() {
    for (scenario, reason) in [
        ("ring: 1 s\n---\nbusy\n", rest::FailureReason::Busy),
        (
            "ring: 1 s\n---\nnever answers\n",
            rest::FailureReason::NoAnswer,
        ),
        ("ring: 1 s\n---\ndeclines\n", rest::FailureReason::Rejected),
        (
            "ring: 1 s\n---\nno such number\n",
            rest::FailureReason::InvalidNumber,
        ),
    ] {
        let engine = Setup {
            scenario,
            ..polite()
        }
        .start();
        let (call, _) = engine.call().await;
        assert_eq!(call.status, rest::Status::Failed, "{scenario}");
        assert_eq!(call.failure.expect("a reason").reason, reason);
        assert_eq!(call.transcript, None);
        assert_eq!(engine.credits(), 5, "{scenario}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_callee_is_told_who_calls_and_that_it_is_recorded() {
    let engine = Setup {
        policy: Policy {
            disclose_ai: true,
            disclose_recording: true,
            ..Policy::default()
        },
        ..polite()
    }
    .start();
    let (call, _) = engine.call().await;
    let told = "This is an automated assistant calling. This call is recorded.";
    let disclosure = call.disclosure.expect("it is in the record");
    assert_eq!(disclosure.text, told);
    assert_eq!(disclosure.heard, Some(true), "{:?}", call.turns);
    let said = call.turns.iter();
    let said: Vec<_> = said
        .filter(|turn| turn.speaker == rest::Speaker::Agent)
        .map(|turn| turn.text.as_str())
        .collect();
    assert!(said[0].starts_with(told), "{said:?}");
    assert!(!said[1].contains("automated"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_limit_wait_and_can_be_canceled() {
    let engine = Setup {
        max_concurrent: 1,
        ..polite()
    }
    .start();
    let first = engine.create().await;
    let second = engine.create().await;
    let third = engine.create().await;
    assert_eq!(engine.credits(), 2);
    let owner = &engine.caller.account;
    engine
        .supervisor
        .cancel(owner, &second, false)
        .await
        .expect("it can be canceled");
    engine.watch(&second).await;
    let canceled = engine.stored(&second);
    assert_eq!(canceled.status, rest::Status::Canceled);
    assert_eq!(canceled.end_reason, Some(rest::EndReason::Canceled));
    assert_eq!(engine.credits(), 3);
    // Canceling it again is the same answer.
    let again = engine.supervisor.cancel(owner, &second, false).await;
    assert_eq!(again.expect("the same").status, rest::Status::Canceled);

    engine.watch(&first).await;
    assert_eq!(engine.stored(&first).status, rest::Status::Completed);
    engine.watch(&third).await;
    assert_eq!(engine.stored(&third).status, rest::Status::Completed);
    let ended = engine.supervisor.cancel(owner, &third, false).await;
    assert_eq!(
        ended.expect_err("too late").code.as_str(),
        "call_already_ended"
    );
    assert_eq!(engine.credits(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_running_call_that_is_canceled_says_goodbye() {
    let engine = polite().start();
    let id = engine.create().await;
    engine
        .reached(&id, |event| matches!(event, Event::CalleeFinal { .. }))
        .await;
    let owner = &engine.caller.account;
    engine
        .supervisor
        .cancel(owner, &id, false)
        .await
        .expect("it runs");
    engine.watch(&id).await;
    let call = engine.stored(&id);
    assert_eq!(call.status, rest::Status::Canceled);
    let last = &call.turns.last().expect("turns").text;
    assert!(last.contains("Goodbye"), "{:?}", call.turns);
    assert_eq!(engine.credits(), 4);
}

#[tokio::test(start_paused = true)]
async fn draining_ends_running_calls_and_keeps_waiting_ones() {
    let engine = Setup {
        max_concurrent: 1,
        ..polite()
    }
    .start();
    let running = engine.create().await;
    let waiting = engine.create().await;
    engine
        .reached(&running, |event| matches!(event, Event::CalleeFinal { .. }))
        .await;
    engine.supervisor.drain().await;
    assert!(engine.stored(&running).status.is_final());
    assert_eq!(engine.stored(&waiting).status, rest::Status::Queued);
    let request = engine.request();
    let refused = engine
        .supervisor
        .create(&engine.caller, request, Vec::new(), None);
    assert_eq!(refused.await.expect_err("it drains").status(), 503);
    assert_eq!(engine.supervisor.live_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_process_left_is_brought_to_an_end() {
    let store: Arc<dyn Store> = Arc::new(RedbStore::in_memory().expect("a store"));
    let first = Setup {
        max_concurrent: 1,
        ..polite()
    }
    .start_on(store.clone());
    let running = first.create().await;
    let waiting = first.create().await;
    let queued = first.create().await;
    first
        .reached(&running, |event| matches!(event, Event::CalleeFinal { .. }))
        .await;
    // A drain leaves waiting calls queued; one of them is made to look as a killed process leaves a running one.
    first.supervisor.drain().await;
    store
        .update_call(&waiting, &mut |stored| {
            stored.call.status = rest::Status::InProgress;
        })
        .expect("the record changes");
    let credits = first.credits();

    let second = polite().start_on(store.clone());
    let (dispatched, ended) = second
        .supervisor
        .recover()
        .await
        .expect("it reads the records");
    assert_eq!((dispatched, ended), (1, 1));
    assert!(
        second.supervisor.feed(&waiting).is_none(),
        "nobody waits for more of a call that is over"
    );
    let interrupted = second.stored(&waiting);
    assert_eq!(interrupted.status, rest::Status::Failed);
    assert_eq!(
        interrupted.failure.expect("a reason").reason,
        rest::FailureReason::InterruptedByRestart
    );
    assert_eq!(second.credits(), credits + 1);
    second.watch(&queued).await;
    assert_eq!(second.stored(&queued).status, rest::Status::Completed);
    assert_eq!(second.credits(), credits + 1);
}

/// A line that cannot dial, and notes what is on record when it is asked to.
#[derive(Debug)]
struct Noting {
    store: Arc<dyn Store>,
    recorded: Arc<Mutex<Vec<rest::Status>>>,
}

impl Line for Noting {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn check(&self, _: &DialRequest) -> Result<(), DialError> {
        Ok(())
    }

    fn dial(&self, _: DialRequest) -> BoxFuture<'_, Result<Leg, DialError>> {
        let unfinished = self.store.unfinished_calls().expect("the store answers");
        let recorded = unfinished.iter().map(|stored| stored.call.status);
        self.recorded
            .lock()
            .expect("no test panicked with it")
            .extend(recorded);
        Box::pin(async { Err(DialError("There is no dial tone.".into())) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_on_record_as_dialing_before_the_phone_rings() {
    let store: Arc<dyn Store> = Arc::new(RedbStore::in_memory().expect("a store"));
    let recorded = Arc::new(Mutex::default());
    let line = Noting {
        store: store.clone(),
        recorded: Arc::clone(&recorded),
    };
    let engine = Setup {
        line: Some(Arc::new(line)),
        ..polite()
    }
    .start_on(store);
    engine.call().await;
    assert_eq!(*recorded.lock().unwrap(), [rest::Status::Dialing]);
}

/// A model that panics: a fault of ours in the middle of a call.
#[derive(Debug)]
struct Panics;

impl LanguageModel for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }

    fn reply(&self, _request: LlmRequest) -> mpsc::Receiver<LlmEvent> {
        panic!("a fault of ours")
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_call_and_gives_the_credit_back() {
    let engine = Setup {
        llm: Some(Arc::new(Panics)),
        ..polite()
    }
    .start();
    let (call, _) = engine.call().await;
    assert_eq!(call.status, rest::Status::Failed);
    assert_eq!(
        call.failure.expect("a reason").reason,
        rest::FailureReason::Internal
    );
    assert_eq!(engine.credits(), 5);
    assert_eq!(engine.supervisor.live_calls(), 0);
}

/// A recogniser that cannot be opened.
#[derive(Debug)]
struct Deaf;

impl SpeechToText for Deaf {
    fn name(&self) -> &'static str {
        "deaf"
    }

    fn open(&self, _options: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        let message = "The recogniser is not there. Start it.";
        let error = ProviderError::new(ProviderErrorKind::Unavailable, message);
        Box::pin(async move { Err(error) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_there_fails_the_call_with_its_reason() {
    let engine = Setup {
        stt: Some(Arc::new(Deaf)),
        ..polite()
    }
    .start();
    let (call, _) = engine.call().await;
    let failure = call.failure.expect("a reason");
    assert_eq!(failure.reason, rest::FailureReason::SttFailed);
    assert_eq!(failure.at_fault, rest::AtFault::Provider);
    assert!(failure.message.contains("Start it."), "{}", failure.message);
    assert_eq!(engine.credits(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_scenario_that_cannot_be_read_fails_before_dialing() {
    let engine = polite().start();
    let mut request = engine.request();
    request.scenario = Some("/nowhere/at/all.scenario".into());
    let refused = engine
        .supervisor
        .create(&engine.caller, request, Vec::new(), None);
    let error = refused.await.expect_err("it cannot be read");
    assert_eq!(
        (error.status(), error.code.as_str()),
        (422, "invalid_field")
    );
    assert!(
        error.message.contains("/nowhere/at/all.scenario"),
        "{}",
        error.message
    );
    assert_eq!(engine.credits(), 5);
}
