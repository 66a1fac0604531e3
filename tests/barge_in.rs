//! The barge-in experiment on the real program: a callee who takes the floor, and a callee who coughs.

use std::{path::Path, sync::Arc, time::Duration};

use agentphone::{
    bench::{
        Trial,
        barge_in::{self, What},
        dialogue,
        library::{Library, Part},
        stage::Stage,
    },
    provider::{
        flite::instant::InstantFlite,
        pocketsphinx::{DEFAULT_MODELS, lockstep::LockStep},
    },
};
use call::{CallConfig, Event, PlayoutEvent};

fn trials() -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/audio");
    let library = Library::load(&[folder]).expect("the fixtures can be read");
    let trials = dialogue::barge_in(&library, 1, 1, 1, Part::Tuning).expect("Flite speaks");
    let wanted = ["interruption", "cough", "echo"];
    trials
        .into_iter()
        .filter(|trial| wanted.contains(&trial.group))
        .collect()
}

fn stage() -> Stage {
    Stage {
        stt: Arc::new(LockStep::new(
            Path::new(DEFAULT_MODELS),
            Path::new(env!("CARGO_BIN_EXE_agentphone")),
        )),
        tts: InstantFlite::default(),
        config: CallConfig::default(),
    }
}

#[test]
fn an_interruption_stops_the_agent_and_a_cough_and_its_echo_do_not() {
    let stage = stage();
    let trials = trials();
    assert_eq!(trials.len(), 3);
    let (figures, outcomes) =
        barge_in::measure(&stage, &trials, 2, || (), |_, _, _| ()).expect("they can be played");
    for outcome in &outcomes {
        let interrupts = outcome.what == What::Interruption;
        assert_eq!(outcome.ended, interrupts, "{outcome:?}");
        if interrupts {
            let stop = outcome.stop.expect("the agent was speaking");
            assert!(stop < Duration::from_millis(250), "{stop:?}");
        }
        for resumed in &outcome.resumed {
            assert_eq!(resumed.lost, Duration::ZERO, "{outcome:?}");
            assert!(resumed.repeated <= Duration::from_millis(50), "{outcome:?}");
        }
    }
    assert_eq!(figures.figures.missed_share, Some(0.0));
    assert_eq!(figures.figures.backchannel_ended_share, Some(0.0));
    assert_eq!(
        (figures.figures.echo_ended, figures.figures.echo_trials),
        (0, 1)
    );
}

#[test]
fn the_recording_counts_from_the_same_moment_as_the_log() {
    let stage = stage();
    for trial in trials() {
        let played = stage.play(&trial).expect("it can be played");
        let sent = |event: &Event| matches!(event, Event::Playout(PlayoutEvent::Sent(..)));
        let (at, _) = played
            .log
            .events
            .iter()
            .find(|(_, event)| sent(event))
            .expect("the agent spoke");
        let first = played
            .agent
            .iter()
            .position(|sample| *sample != 0)
            .expect("the agent spoke");
        let first = played.start + Duration::from_micros(first as u64 * 125);
        // Flite's first sample is heard at once.
        assert!(
            (*at..*at + media::FRAME_TIME).contains(&first),
            "{}: {first:?}, {at:?}",
            trial.id
        );
    }
}
