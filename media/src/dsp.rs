//! Small sums that several stages share, written so that the compiler uses vector instructions.

/// Sums of products are kept in this many lanes: floating-point addition is not associative, so one running sum
/// would forbid vector instructions.
const LANES: usize = 8;

/// The level of a full-scale square wave, the reference of all levels in dBFS here.
const FULL_SCALE: f32 = 32_768.0;

/// Levels are never reported below this, so that logarithms stay finite.
pub(crate) const FLOOR_DBFS: f32 = -96.0;

/// Returns the sum of products of two slices, up to the shorter's end.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    let mut lanes = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Returns the mean square of samples; 0 for none.
pub(crate) fn power(samples: &[i16]) -> f32 {
    // A frame of the loudest samples sums to less than 2^63.
    let sum: i64 = samples
        .iter()
        .map(|sample| i64::from(i32::from(*sample) * i32::from(*sample)))
        .sum();
    if samples.is_empty() {
        0.0
    } else {
        sum as f32 / samples.len() as f32
    }
}

/// Returns the level of a mean square, in dBFS, from [`FLOOR_DBFS`] up.
pub(crate) fn dbfs(power: f32) -> f32 {
    (10.0 * (power / (FULL_SCALE * FULL_SCALE)).max(1e-12).log10()).max(FLOOR_DBFS)
}

/// Returns the ratio of amplitudes that `db` stands for.
pub(crate) fn amplitude(db: f32) -> f32 {
    10.0_f32.powf(db / 20.0)
}
