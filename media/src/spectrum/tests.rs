use super::*;

fn measured(tones: &[(f32, f32)]) -> [Line; 2] {
    let mut spectrum = Spectrum::new();
    for frame in 0..3 {
        let samples = std::array::from_fn(|n| {
            let time = (frame * FRAME + n) as f32 / 8000.0;
            let sum: f32 = tones
                .iter()
                .map(|(hz, peak)| peak * (std::f32::consts::TAU * hz * time).sin())
                .sum();
            sum as i16
        });
        spectrum.hear(&samples);
    }
    spectrum.measure();
    spectrum.lines()
}

#[test]
fn one_tone_is_one_line_at_its_frequency() {
    for hz in [200.0, 425.0, 1004.0, 2100.0, 3400.0] {
        let [first, second] = measured(&[(hz, 8000.0)]);
        assert!((first.hz - hz).abs() < 3.0, "{hz}: {first:?}");
        assert!(first.share > 0.99 && second.share < 0.01, "{hz}");
    }
}

#[test]
fn two_tones_are_two_lines_and_share_the_energy() {
    let [first, second] = measured(&[(770.0, 4000.0), (1336.0, 8000.0)]);
    assert!((first.hz - 1336.0).abs() < 3.0 && (second.hz - 770.0).abs() < 3.0);
    assert!((first.share - 0.8).abs() < 0.03 && (second.share - 0.2).abs() < 0.03);
}

#[test]
fn silence_has_no_lines() {
    assert_eq!(measured(&[]), [Line::default(); 2]);
}
