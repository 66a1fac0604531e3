//! Fits the weights of the decision at the end of a turn: a logistic regression over what the core knew in each silence
//! (`examples`), with whether the callee had finished as its answer.
//!
//! Both answers count the same in all, however many examples each has. A ridge keeps weights small that little speaks
//! for. Newton's method, which for so few weights is a small linear system a step.

use super::examples::Example;

pub mod endings;

/// How strongly weights are held down, but for the first, which is the bias. As strong as this, the length of a turn, which in
/// these dialogues tells more than in life, counts no more than words and voice, and texts that were not fitted are told no worse.
const RIDGE: f64 = 20.0;
const RIDGE_OF_BIAS: f64 = 0.03;
/// Newton converges in a handful of steps.
const STEPS: usize = 40;

/// What came of a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// One weight a feature.
    pub weights: Vec<f64>,
    /// How many ends there were.
    pub ends: usize,
    /// How many pauses.
    pub pauses: usize,
    /// How often an end has better odds than a pause, on the examples of the fit.
    pub separation: f64,
}

/// Fits; `None` without examples of both answers.
#[must_use]
pub fn fit(examples: &[Example]) -> Option<Fit> {
    let (ends, pauses): (Vec<_>, Vec<_>) = examples.iter().partition(|e| e.pause.is_none());
    let count = examples.first()?.features.len();
    if ends.is_empty() || pauses.is_empty() {
        return None;
    }
    let balance = ends.len() as f64 / pauses.len() as f64;
    let mut weights = vec![0.0; count];
    for _ in 0..STEPS {
        let mut gradient: Vec<f64> = (0..count).map(|i| -ridge(i) * weights[i]).collect();
        let mut curve = vec![vec![0.0; count]; count];
        for (i, row) in curve.iter_mut().enumerate() {
            row[i] = ridge(i);
        }
        for example in examples {
            let (answer, share) = match example.pause {
                None => (1.0, 1.0),
                Some(_) => (0.0, balance),
            };
            let chance = 1.0 / (1.0 + (-odds(&weights, example)).exp());
            for (i, a) in example.features.iter().map(|f| f64::from(*f)).enumerate() {
                gradient[i] += share * a * (answer - chance);
                for (j, b) in example.features.iter().map(|f| f64::from(*f)).enumerate() {
                    curve[i][j] += share * chance * (1.0 - chance) * a * b;
                }
            }
        }
        for (weight, step) in weights.iter_mut().zip(solve(curve, gradient)) {
            *weight += step;
        }
    }
    let better = ends
        .iter()
        .flat_map(|end| pauses.iter().map(move |pause| (end, pause)))
        .filter(|(end, pause)| odds(&weights, end) > odds(&weights, pause))
        .count();
    Some(Fit {
        separation: better as f64 / (ends.len() * pauses.len()) as f64,
        ends: ends.len(),
        pauses: pauses.len(),
        weights,
    })
}

fn ridge(index: usize) -> f64 {
    if index == 0 { RIDGE_OF_BIAS } else { RIDGE }
}

fn odds(weights: &[f64], example: &Example) -> f64 {
    let features = example.features.iter().map(|feature| f64::from(*feature));
    weights.iter().zip(features).map(|(w, f)| w * f).sum()
}

/// Solves a symmetric positive definite system by elimination.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for pivot in 0..size {
        for row in pivot + 1..size {
            let factor = matrix[row][pivot] / matrix[pivot][pivot];
            let (upper, lower) = matrix.split_at_mut(row);
            for (below, above) in lower[0][pivot..].iter_mut().zip(&upper[pivot][pivot..]) {
                *below -= factor * above;
            }
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|c| matrix[row][c] * right[c]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::PauseKind;

    fn example(end: bool, features: [f32; 3]) -> Example {
        Example {
            trial: String::new(),
            group: "statement",
            pause: (!end).then_some(PauseKind::Incomplete),
            length: Duration::ZERO,
            features: features.to_vec(),
            words: String::new(),
        }
    }

    #[test]
    fn what_tells_ends_from_pauses_gets_the_weight() {
        let mut random = fastrand::Rng::with_seed(1);
        let examples: Vec<_> = (0..600)
            .map(|index| {
                let end = index % 3 == 0;
                let telling = random.f32() + if end { 0.8 } else { 0.0 };
                example(end, [1.0, telling, random.f32()])
            })
            .collect();
        let fit = fit(&examples).expect("there are both");
        assert!(fit.weights[1] > 1.5, "{fit:?}");
        assert!(fit.weights[2].abs() < 0.6, "{fit:?}");
        assert!(fit.separation > 0.9, "{fit:?}");
        assert_eq!((fit.ends, fit.pauses), (200, 400));
    }

    #[test]
    fn one_answer_alone_fits_nothing() {
        assert_eq!(fit(&[example(true, [1.0, 0.0, 0.0])]), None);
        assert_eq!(fit(&[]), None);
    }
}
