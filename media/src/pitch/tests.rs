use super::*;

/// Pulses through a decaying resonance: a crude vowel.
fn vowel(hz: f32, len: usize) -> Vec<i16> {
    let period = 8000.0 / hz;
    (0..len)
        .map(|n| {
            let since = (n as f32 % period) / 8000.0;
            let ring = (-since * 300.0).exp() * (std::f32::consts::TAU * 600.0 * since).cos();
            (8000.0 * ring) as i16
        })
        .collect()
}

fn measured(samples: &[i16]) -> Pitch {
    let mut tracker = PitchTracker::new();
    for frame in samples.as_chunks().0 {
        tracker.hear(frame);
    }
    tracker.measure()
}

#[test]
fn voices_of_all_heights_are_measured_to_two_percent() {
    for hz in [75.0, 98.0, 120.0, 155.0, 210.0, 260.0, 330.0] {
        let pitch = measured(&vowel(hz, 800));
        assert!(pitch.strength > 0.8, "{hz}: {pitch:?}");
        assert!((pitch.hz / hz - 1.0).abs() < 0.02, "{hz}: {pitch:?}");
    }
}

#[test]
fn noise_and_silence_have_none() {
    let mut random = fastrand::Rng::with_seed(1);
    let noise: Vec<i16> = (0..800).map(|_| random.i16(-8000..8000)).collect();
    assert!(measured(&noise).strength < 0.5);
    assert_eq!(measured(&[0; 800]).strength, 0.0);
}

#[test]
fn extremes_do_not_overflow() {
    let square: Vec<i16> = (0..800)
        .map(|n| if n / 40 % 2 == 0 { i16::MAX } else { i16::MIN })
        .collect();
    let pitch = measured(&square);
    assert!((pitch.hz - 100.0).abs() < 2.0, "{pitch:?}");
    assert!(pitch.strength <= 1.0);
}
