//! How much of one signal can be made from another by a short filter: least squares, solved directly.

use crate::dsp::dot;

/// Taps of the filter: 4 ms at 2 kHz, half of it before the delay that was asked for.
pub(super) const TAPS: usize = 8;
/// Keeps the equations solvable where the source hardly varies: relative to its energy.
const RIDGE: f32 = 1e-3;

/// A path from one signal to another.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Path {
    taps: [f32; TAPS],
}

/// Returns the column of the source that a tap sees. `first` is the sample at the time of the target's first.
fn column(source: &[f32], first: usize, tap: usize, len: usize) -> &[f32] {
    let start = first + TAPS / 2 - tap;
    &source[start..start + len]
}

/// Returns the path that makes the most of `target` from `source`, and the share of its energy that it makes.
///
/// `first` is the sample of `source` at the time of the first of `target`; the source must reach [`TAPS`] further on
/// both sides.
pub(super) fn fit(source: &[f32], first: usize, target: &[f32]) -> (Path, f32) {
    let column = |tap| column(source, first, tap, target.len());
    let mut products = [[0.0; TAPS]; TAPS];
    let mut wanted = [0.0; TAPS];
    for row in 0..TAPS {
        wanted[row] = dot(column(row), target);
        for (other, product) in products[row].iter_mut().enumerate().take(row + 1) {
            *product = dot(column(row), column(other));
        }
        products[row][row] = products[row][row] * (1.0 + RIDGE) + 1.0;
    }
    let taps = solved(products, wanted);
    let made = dot(&taps, &wanted);
    let share = (made / (dot(target, target) + 1.0)).clamp(0.0, 1.0);
    (Path { taps }, share)
}

impl Path {
    /// Returns the share of the energy of `target` that this path makes from `source`; 0 where it makes none.
    pub(super) fn share(&self, source: &[f32], first: usize, target: &[f32]) -> f32 {
        let columns: [_; TAPS] =
            std::array::from_fn(|tap| column(source, first, tap, target.len()));
        let mut left = 0.0;
        for (index, wanted) in target.iter().enumerate() {
            let made: f32 = columns
                .iter()
                .zip(&self.taps)
                .map(|(column, tap)| column[index] * tap)
                .sum();
            left += (wanted - made) * (wanted - made);
        }
        (1.0 - left / (dot(target, target) + 1.0)).max(0.0)
    }
}

/// Solves A·x = b for a symmetric positive A, of which the lower half is given, by Cholesky's decomposition.
fn solved(mut a: [[f32; TAPS]; TAPS], mut b: [f32; TAPS]) -> [f32; TAPS] {
    for row in 0..TAPS {
        for column in 0..=row {
            let known: f32 = (0..column).map(|k| a[row][k] * a[column][k]).sum();
            let left = a[row][column] - known;
            a[row][column] = if row == column {
                left.max(f32::MIN_POSITIVE).sqrt()
            } else {
                left / a[column][column]
            };
        }
    }
    for row in 0..TAPS {
        let known: f32 = (0..row).map(|k| a[row][k] * b[k]).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    for row in (0..TAPS).rev() {
        let known: f32 = (row + 1..TAPS).map(|k| a[k][row] * b[k]).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    b
}
