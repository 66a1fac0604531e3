use super::*;

fn tone(hz: f32, from: usize, len: usize) -> Vec<i16> {
    (from..from + len)
        .map(|n| (8000.0 * (std::f32::consts::TAU * hz * n as f32 / 8000.0).sin()) as i16)
        .collect()
}

/// The largest step between neighbours.
fn step(samples: &[i16]) -> i32 {
    samples
        .windows(2)
        .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs())
        .max()
        .unwrap_or(0)
}

#[test]
fn a_vowel_goes_on_through_a_lost_frame_without_a_click() {
    for hz in [80.0, 110.0, 153.0, 190.0] {
        let mut conceal = Conceal::new();
        let mut sound = tone(hz, 0, 800);
        conceal.real(&mut sound);
        let mut gap = [0; 160];
        conceal.missing(&mut gap);
        let mut after = tone(hz, 960, 160);
        conceal.real(&mut after);
        let natural = step(&tone(hz, 0, 800));
        let all = [&sound[640..], &gap, &after].concat();
        assert!(
            step(&all) <= 3 * natural,
            "{hz} Hz: {} against {natural}",
            step(&all)
        );
        let expected = tone(hz, 800, 80);
        let likeness: f64 = gap
            .iter()
            .zip(&expected)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum();
        let energy: f64 = expected.iter().map(|a| f64::from(*a).powi(2)).sum();
        assert!(likeness / energy > 0.9, "{hz} Hz: {}", likeness / energy);
    }
}

#[test]
fn a_long_gap_fades_to_silence_in_sixty_milliseconds() {
    let mut conceal = Conceal::new();
    conceal.real(&mut tone(120.0, 0, 800));
    let mut gap = [0; 800];
    conceal.missing(&mut gap);
    let peak = |range: std::ops::Range<usize>| gap[range].iter().map(|s| s.abs()).max().unwrap();
    assert!(peak(0..80) > 7500);
    assert!(peak(240..320) < 5500);
    assert_eq!(peak(480..800), 0);
    assert!(conceal.is_silent());
}

#[test]
fn sound_after_a_gap_fades_in_and_is_then_untouched() {
    let mut conceal = Conceal::new();
    conceal.missing(&mut [0; 800]);
    let mut sound = [5000; 160];
    conceal.real(&mut sound);
    assert!(sound[..MAX_JOIN].is_sorted() && sound[0] < 100);
    assert_eq!(sound[MAX_JOIN..], [5000; 80]);
}

#[test]
fn losses_of_any_length_in_any_sound_stay_within_range() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut conceal = Conceal::new();
    for _ in 0..2_000 {
        let mut samples = vec![0; random.usize(..500)];
        if random.bool() {
            samples.fill_with(|| random.i16(..));
            conceal.real(&mut samples);
        } else {
            conceal.missing(&mut samples);
        }
        assert!(conceal.past.iter().all(|sample| sample.abs() <= 32_768.0));
    }
}
