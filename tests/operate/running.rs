//! A disk that fills up while a call runs, on virtual time.

use agentphone::watch::{self, room::Room};
use protocol::{control::Event, rest};

use crate::support::{Setup, polite};

#[tokio::test(start_paused = true)]
async fn without_room_a_running_call_goes_on_and_a_new_one_is_refused() {
    watch::start();
    let room = Room::default();
    let engine = Setup {
        room: room.clone(),
        ..polite()
    }
    .start();
    let id = engine.create().await;
    let says = |event: &Event| matches!(event, Event::CalleeFinal { .. });
    engine.reached(&id, says).await;
    room.set_short(true);
    let refused = engine
        .supervisor
        .create(&engine.caller, engine.request(), Vec::new(), None)
        .await
        .expect_err("there is no room for it");
    assert_eq!((refused.status(), refused.retry_after), (503, Some(30)));
    assert!(refused.message.contains("disk"), "{refused}");
    assert_eq!(engine.credits(), 4, "nothing was taken for it");
    engine.watch(&id).await;
    let call = engine.stored(&id);
    assert_eq!(call.end_reason, Some(rest::EndReason::AgentHungUp));
    // The recording holds the beginning, with a true header.
    let path = engine.supervisor.recording_path(&id);
    let sound = hound::WavReader::open(&path).expect("a recording");
    let recorded = f64::from(sound.duration()) / 8_000.0;
    let lasted = call.duration_seconds.expect("it was answered");
    assert!(
        recorded > 1.0 && recorded < lasted as f64 - 2.0,
        "{recorded} s of {lasted} s"
    );
    room.set_short(false);
    let (second, _) = engine.call().await;
    assert_eq!(second.status, rest::Status::Completed);

    let numbers = watch::render(&watch::Load::default());
    for name in [
        "agentphone_recordings_stopped_total 1",
        "agentphone_felt_silence_seconds_bucket",
        "agentphone_turn_stage_seconds_count{stage=\"wire\"}",
        "agentphone_frames_total",
    ] {
        assert!(numbers.contains(name), "{name} is not in\n{numbers}");
    }
}
