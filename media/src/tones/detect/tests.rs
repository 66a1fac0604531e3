use super::*;
use crate::{
    Edge,
    impair::Noise,
    mix,
    testing::{SPEECH, edges_of, noisy, silence, speech},
    tones::{Generator, Signal},
};
use std::time::Duration;

/// A second of silence, `millis` of a signal, a second of silence, and line noise.
fn on_a_line(signal: Signal, millis: usize, noise: f32) -> Vec<i16> {
    let mut tone = silence(millis);
    Generator::new(signal).fill(&mut tone);
    noisy([silence(1000), tone, silence(1000)].concat(), noise)
}

fn edges(sound: &[i16]) -> Vec<Edge> {
    edges_of(sound).into_iter().map(|(_, edge)| edge).collect()
}

fn beep(hz: f64, millis: u64) -> Signal {
    Signal::Beep {
        hz,
        length: Duration::from_millis(millis),
    }
}

#[test]
fn call_progress_is_named_and_is_not_speech() {
    let cases = [
        (Signal::Ringback, 12_000, vec![Tone::Ringback; 2]),
        (Signal::Busy, 6_000, vec![Tone::Busy]),
        (Signal::Reorder, 6_000, vec![Tone::Busy]),
        (Signal::Sit, 1_500, vec![Tone::Sit]),
        (Signal::FaxAnswer, 3_000, vec![Tone::Fax]),
    ];
    for noise in [-75.0, -45.0] {
        for (signal, millis, wanted) in &cases {
            let wanted: Vec<Edge> = wanted.iter().map(|tone| Edge::Tone(*tone)).collect();
            assert_eq!(
                edges(&on_a_line(*signal, *millis, noise)),
                wanted,
                "{signal:?}"
            );
        }
    }
}

#[test]
fn a_calling_fax_is_known_by_its_second_tone() {
    let heard = edges(&on_a_line(Signal::FaxCalling, 5_000, -70.0));
    assert_eq!(heard, [Edge::Tone(Tone::Beep), Edge::Tone(Tone::Fax)]);
}

#[test]
fn beeps_of_every_pitch_and_length_are_named_once() {
    for hz in [420.0, 440.0, 800.0, 1000.0, 1400.0, 2000.0] {
        for millis in [120, 250, 500, 1000] {
            let heard = edges(&on_a_line(beep(hz, millis), 1_200, -60.0));
            assert_eq!(heard, [Edge::Tone(Tone::Beep)], "{hz} Hz, {millis} ms");
        }
    }
}

#[test]
fn foreign_cadences_of_one_tone_are_understood() {
    let repeated = |on: usize, off: usize| {
        let mut sound = Vec::new();
        for _ in 0..3 {
            let mut tone = silence(on + off);
            Generator::new(beep(425.0, on as u64)).fill(&mut tone);
            sound.extend(tone);
        }
        noisy([silence(500), sound, silence(500)].concat(), -65.0)
    };
    // Until it comes again, a single tone may be a mailbox.
    let busy = [Tone::Beep, Tone::Busy, Tone::Busy].map(Edge::Tone);
    assert_eq!(edges(&repeated(500, 500)), busy);
    let ringing = [Tone::Beep, Tone::Ringback, Tone::Ringback].map(Edge::Tone);
    assert_eq!(edges(&repeated(1000, 4000)), ringing);
}

#[test]
fn ringback_with_holes_is_not_busy() {
    for length in [40, 60, 80, 120, 180] {
        for at in (200..1_900).step_by(150) {
            let mut sound = on_a_line(Signal::Ringback, 2_500, -55.0);
            // The tone begins after a second.
            let hole = (1_000 + at) * 8..(1_000 + at + length) * 8;
            sound[hole].fill(0);
            let heard = edges(&sound);
            let busy = heard.contains(&Edge::Tone(Tone::Busy));
            assert!(!busy, "{length} ms lost after {at} ms: {heard:?}");
        }
    }
}

#[test]
fn all_keys_are_heard_once_each() {
    let keys = "0123456789*#ABCD";
    for noise in [-75.0, -35.0] {
        let mut sound = silence(500);
        for key in keys.chars() {
            let mut tone = silence(200);
            Generator::new(Signal::Dtmf(key)).fill(&mut tone);
            sound.extend(tone);
        }
        sound.extend(silence(500));
        let wanted: Vec<Edge> = keys.chars().map(Edge::Dtmf).collect();
        assert_eq!(edges(&noisy(sound, noise)), wanted, "noise {noise}");
    }
}

/// A key made by hand: two frequencies off by `off`, levels in dBFS of their peaks, some milliseconds long.
fn key(off: f64, row_db: f64, column_db: f64, millis: usize) -> Vec<i16> {
    let tone = (0..millis * 8).map(|n| {
        let time = n as f64 / 8000.0;
        let one = |hz: f64, db: f64| {
            10_f64.powf(db / 20.0) * (std::f64::consts::TAU * hz * (1.0 + off) * time).sin()
        };
        ((one(770.0, row_db) + one(1336.0, column_db)) * 32_767.0) as i16
    });
    noisy([silence(500), tone.collect(), silence(500)].concat(), -65.0)
}

#[test]
fn keys_are_taken_within_the_tolerances_of_the_standard() {
    for off in [-0.015, 0.0, 0.015] {
        for (row, column) in [
            (-10.0, -10.0),
            (-8.0, -12.0),
            (-16.0, -10.0),
            (-25.0, -25.0),
        ] {
            for length in [50, 65, 100] {
                let heard = edges(&key(off, row, column, length));
                assert_eq!(heard, [Edge::Dtmf('5')], "{off} {row} {column} {length} ms");
            }
        }
    }
}

#[test]
fn what_is_too_short_too_skewed_or_off_key_is_no_key() {
    for sound in [
        key(0.0, -10.0, -10.0, 20),
        key(0.0, -10.0, -25.0, 100),
        key(0.0, -25.0, -8.0, 100),
        key(0.06, -10.0, -10.0, 100),
    ] {
        let keys = edges(&sound)
            .into_iter()
            .filter(|edge| matches!(edge, Edge::Dtmf(_)))
            .count();
        assert_eq!(keys, 0);
    }
}

#[test]
fn a_key_disturbed_for_a_moment_is_one_key() {
    let mut sound = key(0.0, -10.0, -10.0, 400);
    for sample in &mut sound[5200..5260] {
        *sample = 0;
    }
    assert_eq!(edges(&sound), [Edge::Dtmf('5')]);
}

#[test]
fn speech_presses_no_keys_and_makes_no_tones() {
    for (name, _) in SPEECH {
        for gain in [1.0, 0.3, 0.05] {
            for noise in [-75.0, -50.0] {
                let mut samples = speech(name);
                mix::scale(&mut samples, gain);
                let sound = [silence(500), samples, silence(500)].concat();
                for edge in edges(&noisy(sound, noise)) {
                    let voice = matches!(
                        edge,
                        Edge::Started { .. } | Edge::Going { .. } | Edge::Ended { .. }
                    );
                    assert!(voice, "{name}: {edge:?}");
                }
            }
        }
    }
}

#[test]
fn speech_after_a_beep_starts_in_time() {
    let mut tone = silence(400);
    Generator::new(beep(1000.0, 400)).fill(&mut tone);
    let sound = noisy(
        [silence(500), tone, speech("slt-yes"), silence(500)].concat(),
        -65.0,
    );
    let heard = edges(&sound);
    assert!(heard.contains(&Edge::Tone(Tone::Beep)) || matches!(heard[0], Edge::Started { .. }));
    assert!(
        heard
            .iter()
            .any(|edge| matches!(edge, Edge::Started { .. }))
    );
}

#[test]
fn noise_makes_no_tones() {
    let mut sound = silence(60_000);
    Noise::new(-30.0, 8).add(&mut sound);
    assert_eq!(edges(&sound), []);
}
