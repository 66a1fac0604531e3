//! Adds and scales samples without wrapping round.

/// Adds `other` to `samples` sample by sample, clipping at full scale, up to the shorter's end.
pub fn add(samples: &mut [i16], other: &[i16]) {
    for (sample, addend) in samples.iter_mut().zip(other) {
        *sample = sample.saturating_add(*addend);
    }
}

/// Multiplies samples by `factor`, clipping at full scale.
pub fn scale(samples: &mut [i16], factor: f32) {
    for sample in samples {
        // `as` saturates.
        *sample = (f32::from(*sample) * factor).round_ties_even() as i16;
    }
}

/// Multiplies samples by a straight line from `first` towards `last`, which the sample after the slice would get.
pub fn ramp(samples: &mut [i16], first: f32, last: f32) {
    let step = (last - first) / samples.len().max(1) as f32;
    for (index, sample) in samples.iter_mut().enumerate() {
        *sample = (f32::from(*sample) * (first + step * index as f32)).round_ties_even() as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_clips_instead_of_wrapping() {
        let mut samples = [30_000, -30_000, 5];
        add(&mut samples, &[10_000, -10_000, -6]);
        assert_eq!(samples, [i16::MAX, i16::MIN, -1]);
    }

    #[test]
    fn scaling_clips_and_rounds() {
        let mut samples = [20_000, -20_000, 3];
        scale(&mut samples, 2.0);
        assert_eq!(samples, [i16::MAX, i16::MIN, 6]);
    }

    #[test]
    fn a_ramp_starts_at_the_first_factor_and_never_reaches_the_last() {
        let mut samples = [1000; 4];
        ramp(&mut samples, 1.0, 0.0);
        assert_eq!(samples, [1000, 750, 500, 250]);
    }
}
