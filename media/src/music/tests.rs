use std::time::Duration;

use crate::{
    Edge,
    testing::{Ear, SPEECH, edges_of, noisy, silence, speech},
};

/// Chords of an electric piano with a melody over them, 100 beats a minute.
fn piece(millis: usize) -> Vec<i16> {
    const CHORDS: [[f32; 3]; 4] = [
        [261.6, 329.6, 392.0],
        [220.0, 277.2, 329.6],
        [349.2, 440.0, 523.3],
        [392.0, 493.9, 587.3],
    ];
    const MELODY: [f32; 6] = [523.3, 659.3, 587.3, 784.0, 698.5, 659.3];
    let beat = 4800;
    (0..millis * 8)
        .map(|n| {
            let time = n as f32 / 8000.0;
            let chord = CHORDS[n / (4 * beat) % CHORDS.len()];
            let note = MELODY[n / beat % MELODY.len()];
            let since = (n % beat) as f32 / beat as f32;
            let voice = |hz: f32| {
                let wave = std::f32::consts::TAU * hz * time;
                wave.sin() + 0.4 * (2.0 * wave).sin() + 0.2 * (3.0 * wave).sin()
            };
            let chord: f32 = chord.iter().map(|hz| voice(*hz)).sum();
            (900.0 * chord * (1.0 - 0.5 * since) + 2500.0 * voice(note) * (1.0 - 0.7 * since))
                as i16
        })
        .collect()
}

fn music_edges(edges: &[(Duration, Edge)]) -> Vec<(u64, bool)> {
    edges
        .iter()
        .filter_map(|(at, edge)| match edge {
            Edge::Music(on) => Some((at.as_millis() as u64, *on)),
            _ => None,
        })
        .collect()
}

#[test]
fn music_is_known_within_three_seconds_and_until_a_voice_comes_back() {
    let sound = [
        silence(1000),
        piece(12_000),
        silence(300),
        speech("slt-fully-booked"),
        silence(500),
    ]
    .concat();
    let edges = edges_of(&noisy(sound, -65.0));
    let music = music_edges(&edges);
    assert_eq!(music.len(), 2, "{music:?}");
    assert!(
        music[0].1 && (2000..4000).contains(&music[0].0),
        "{music:?}"
    );
    assert!(
        !music[1].1 && (13_000..15_500).contains(&music[1].0),
        "{music:?}"
    );
    let voice = edges
        .iter()
        .any(|(at, edge)| at.as_millis() > 13_000 && matches!(edge, Edge::Started { .. }));
    assert!(voice, "the voice after the music");
}

#[test]
fn music_that_plays_is_not_speech() {
    let edges = edges_of(&noisy([silence(1000), piece(20_000)].concat(), -65.0));
    let began = music_edges(&edges)[0].0;
    for (at, edge) in &edges {
        if at.as_millis() as u64 > began {
            panic!("{edge:?} at {at:?}");
        }
    }
    let Some((_, before)) = edges
        .iter()
        .rev()
        .find(|(_, edge)| !matches!(edge, Edge::Music(_)))
    else {
        return;
    };
    assert!(
        matches!(before, Edge::Ended { .. }),
        "what had started has ended: {before:?}"
    );
}

#[test]
fn music_that_stops_is_over_after_a_second() {
    let edges = edges_of(&noisy([piece(8_000), silence(3_000)].concat(), -65.0));
    let music = music_edges(&edges);
    assert_eq!(music.len(), 2, "{music:?}");
    assert!((8_500..10_500).contains(&music[1].0), "{music:?}");
}

#[test]
fn talking_is_not_music_however_long() {
    for noise in [-70.0, -45.0] {
        let mut ear = Ear::new();
        for _ in 0..3 {
            for (name, _) in SPEECH {
                let sound = noisy([speech(name), silence(150)].concat(), noise);
                assert_eq!(music_edges(&ear.hear(&sound)), [], "{name}");
            }
        }
    }
}
