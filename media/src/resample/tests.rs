use super::*;

fn sine(rate: u32, hz: f64, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| {
            let phase = std::f64::consts::TAU * hz * n as f64 / f64::from(rate);
            (10_000.0 * phase.sin()).round() as i16
        })
        .collect()
}

fn convert(from: u32, to: u32, input: &[i16], piece: usize) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to).unwrap();
    let mut output = Vec::new();
    for part in input.chunks(piece) {
        resampler.process(part, |ready| output.extend_from_slice(ready));
    }
    resampler.finish(|ready| output.extend_from_slice(ready));
    output
}

/// Root mean square of the difference, relative to the signal, in dB; the ends are left out.
fn error_db(a: &[i16], b: &[i16]) -> f64 {
    let edge = a.len() / 10;
    let middle = edge..a.len() - edge;
    let error: f64 = a[middle.clone()]
        .iter()
        .zip(&b[middle.clone()])
        .map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2))
        .sum();
    let signal: f64 = a[middle].iter().map(|x| f64::from(*x).powi(2)).sum();
    10.0 * (error / signal).log10()
}

#[test]
fn every_pair_of_rates_keeps_length_time_and_shape() {
    let rates = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];
    for from in rates {
        for to in rates {
            let input = sine(from, 1_000.0, from as usize);
            let output = convert(from, to, &input, 441);
            assert_eq!(output.len(), to as usize, "{from} -> {to}");
            let expected = sine(to, 1_000.0, to as usize);
            let error = error_db(&expected, &output);
            // A block of 441 samples delays by half a sample more than a whole number.
            let odd = from != to && (from == 22_050 || to == 22_050);
            let allowed = if odd { -15.0 } else { -60.0 };
            assert!(error < allowed, "{from} -> {to}: {error:.1} dB");
        }
    }
}

#[test]
fn unusual_rates_work_too() {
    for from in [11_025, 12_345, 31_337, 191_999] {
        let input = sine(from, 100.0, from as usize);
        let output = convert(from, 8_000, &input, 1000);
        assert_eq!(output.len(), 8_000, "{from}");
        // Up to a sample of delay is not made up for.
        let error = error_db(&sine(8_000, 100.0, 8_000), &output);
        assert!(error < -20.0, "{from}: {error:.1} dB");
    }
}

#[test]
fn the_size_of_the_pieces_changes_nothing() {
    let input = sine(22_050, 440.0, 9_000);
    let whole = convert(22_050, 8_000, &input, 9_000);
    for piece in [1, 7, 441, 1_000] {
        assert_eq!(convert(22_050, 8_000, &input, piece), whole, "{piece}");
    }
}

#[test]
fn a_finished_stream_leaves_nothing_behind() {
    let mut resampler = Resampler::new(16_000, 8_000).unwrap();
    let mut first = Vec::new();
    resampler.process(&sine(16_000, 500.0, 5_000), |_| {});
    resampler.finish(|_| {});
    resampler.process(&[0; 3_200], |ready| first.extend_from_slice(ready));
    assert!(first.iter().all(|sample| *sample == 0));
}

#[test]
fn frequencies_that_the_lower_rate_cannot_hold_vanish() {
    let output = convert(16_000, 8_000, &sine(16_000, 6_000.0, 16_000), 320);
    assert!(output[800..7_200].iter().all(|sample| sample.abs() < 4));
}

#[test]
fn rates_out_of_range_are_refused_by_name() {
    for rate in [0, 3_999, 192_001, u32::MAX] {
        assert_eq!(Resampler::new(rate, 8_000).unwrap_err(), RateError { rate });
        assert_eq!(Resampler::new(8_000, rate).unwrap_err().rate, rate);
    }
}

#[test]
fn doubling_keeps_the_telephone_band_and_is_two_milliseconds_late() {
    for hz in [200.0, 1_000.0, 2_500.0, 3_400.0] {
        let mut doubler = Doubler::new();
        let output: Vec<i16> = sine(8_000, hz, 8_000)
            .as_chunks()
            .0
            .iter()
            .flat_map(|frame| *doubler.process(frame))
            .collect();
        let expected = sine(16_000, hz, 16_000);
        let shifted = &expected[..expected.len() - Doubler::DELAY];
        let error = error_db(shifted, &output[Doubler::DELAY..]);
        assert!(error < -38.0, "{hz} Hz: {error:.1} dB");
    }
}

#[test]
fn doubling_passes_full_scale_without_wrapping() {
    let mut doubler = Doubler::new();
    for frame in [[i16::MAX; 160], [i16::MIN; 160], [i16::MAX; 160]] {
        let output = *doubler.process(&frame);
        assert_eq!(output[319], frame[159]);
    }
}
