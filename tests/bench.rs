//! The harness itself: that a trial is played to the real program, that its times are true, and that it comes out the
//! same every time.

use std::{path::Path, sync::Arc, time::Duration};

use agentphone::{
    bench::{
        Cue, Label, Pause, PauseKind, Trial, When, bars,
        capacity::{self, Carried, endurance},
        latency,
        stage::Stage,
        turns,
    },
    provider::{
        flite::instant::InstantFlite,
        pocketsphinx::{DEFAULT_MODELS, lockstep::LockStep},
    },
};
use call::CallConfig;
use media::impair::NetworkConfig;

#[path = "bench/report.rs"]
mod report;

fn stage() -> Stage {
    let program = Path::new(env!("CARGO_BIN_EXE_agentphone"));
    Stage {
        stt: Arc::new(LockStep::new(Path::new(DEFAULT_MODELS), program)),
        tts: InstantFlite::default(),
        config: CallConfig::default(),
    }
}

/// Speech at 8 kHz without the silence around it.
fn speech(voice: &InstantFlite, text: &str) -> Vec<i16> {
    let (samples, rate) = voice.samples(text);
    let mut resampler = media::Resampler::new(rate, 8000).expect("a usual rate");
    let mut out = Vec::new();
    resampler.process(&samples, |piece| out.extend_from_slice(piece));
    resampler.finish(|piece| out.extend_from_slice(piece));
    let loud = |sample: &i16| sample.unsigned_abs() > 300;
    let first = out.iter().position(loud).expect("a sound");
    let last = out.iter().rposition(loud).expect("a sound");
    out[first..=last].to_vec()
}

/// A callee who says "I would like" and, after a pause, "a table for two".
fn trial(pause: Duration) -> Trial {
    let voice = InstantFlite::default();
    let [hello, first, second] =
        ["Hello?", "I would like", "a table for two."].map(|text| speech(&voice, text));
    let silence = vec![0; pause.as_millis() as usize * 8];
    let at = first.len()..first.len() + silence.len();
    let sound = [first, silence, second].concat();
    Trial {
        id: "test".into(),
        seed: 1,
        group: "statement",
        line: "quiet",
        agent: vec!["How can I help you?".into(), "Very well.".into()],
        cues: vec![
            Cue {
                when: When::After(Duration::from_millis(300)),
                sound: hello.into(),
                label: Label::Prelude,
            },
            Cue {
                when: When::AgentStops(Duration::from_millis(400)),
                label: Label::Turn {
                    text: "i would like a table for two".into(),
                    voiced: 0..sound.len(),
                    pauses: vec![Pause {
                        at,
                        kind: PauseKind::Incomplete,
                    }],
                },
                sound: sound.into(),
            },
        ],
        network: NetworkConfig::CLEAN,
        background: None,
        echo: None,
    }
}

#[test]
fn a_trial_is_played_with_true_times_and_always_the_same() {
    let stage = stage();
    let trial = trial(Duration::from_millis(600));
    let played = stage.play(&trial).expect("it can be played");
    let outcomes = turns::judge(&trial, &played);
    let [turn] = outcomes.as_slice() else {
        panic!("one turn: {outcomes:?}");
    };
    assert_eq!(turn.pauses.len(), 1);
    assert!(
        turn.delay > Duration::from_millis(100) && turn.delay < Duration::from_millis(1500),
        "{turn:?}"
    );
    // The cue's sound lies in the recording where its time says, later by the way through the jitter buffer.
    let begin = played.time(1, 0).expect("the cue was played") - played.start;
    let from = (begin.as_micros() / 125) as usize;
    let loud = |sample: &i16| sample.unsigned_abs() > 300;
    let found = played.callee[from..]
        .iter()
        .position(loud)
        .expect("a sound");
    assert!(found <= 8 * 120, "{found} samples after its time");

    let again = stage.play(&trial).expect("it can be played");
    assert_eq!(turns::judge(&trial, &again), outcomes);
    assert_eq!(again.log.events, played.log.events);
    assert_eq!(again.agent, played.agent);
    let fresh = self::stage().play(&trial).expect("it can be played");
    assert_eq!(fresh.log.events, played.log.events);
}

#[test]
fn the_engine_adds_no_more_than_the_wait_for_a_frame() {
    let (stage, trial) = (stage(), trial(Duration::from_millis(600)));
    let measure = || {
        let trials = std::slice::from_ref(&trial);
        let found = latency::measure(&stage, trials, 1, || (), |_, _| ());
        found.expect("it can be played").0
    };
    let found = measure();
    // The hello and the one turn.
    assert_eq!(found.engine_ms.count, 2, "{found:?}");
    assert!(
        found.engine_ms.p99.is_some_and(|ms| ms <= 20.0),
        "{found:?}"
    );
    // What is not computing is the same every time.
    assert_eq!(format!("{found:?}"), format!("{:?}", measure()));
}

/// Holds two calls for three seconds, and returns the bar on processors that they are held to.
async fn bar_of(line: Carried) -> f64 {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = capacity::Options {
        line,
        calls: 2,
        length: Duration::from_secs(3),
        unloaded: 0,
    };
    let program = Path::new(env!("CARGO_BIN_EXE_agentphone"));
    let found = capacity::run(program, &options, |_| ())
        .await
        .expect("it can be run");
    assert_eq!((found.failed, found.dropped), (0, 0), "{found:?}");
    assert!(
        found.cores_per_call > 0.0 && found.idle_mb > 1.0,
        "{found:?}"
    );
    assert!(found.late_frame_ms.p99.is_some(), "{found:?}");
    assert_eq!(found.line, line.as_str());
    let bars = bars::known::capacity(&found);
    assert_eq!(bars[0].measured, Some(found.cores_per_call));
    bars[0].bound
}

#[tokio::test]
async fn the_rig_holds_calls_with_the_program_as_another_process() {
    assert_eq!(bar_of(Carried::Stream).await, 0.0015);
}

#[tokio::test]
async fn the_rig_holds_calls_by_sip_too() {
    assert_eq!(bar_of(Carried::Sip).await, 0.002);
}

#[tokio::test]
async fn memory_is_read_while_short_calls_come_and_go() {
    let options = endurance::Options {
        line: Carried::Sip,
        calls: 2,
        total: 2,
    };
    let program = Path::new(env!("CARGO_BIN_EXE_agentphone"));
    let found = endurance::run(program, &options, |_| ())
        .await
        .expect("it can be run");
    assert_eq!((found.failed, found.dropped), (0, 0), "{found:?}");
    let ended: Vec<_> = found.memory_mb.iter().map(|at| at.ended).collect();
    assert_eq!(ended, [1, 1, 1, 2], "{found:?}");
    assert!(found.memory_mb.iter().all(|at| at.mb > found.idle_mb / 2.0));
}
