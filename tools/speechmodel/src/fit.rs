//! Fits the network of the band repair: squared error, by Adam (Kingma and Ba, 2015) with a rate that falls to nothing.
//!
//! All arithmetic is in a fixed order, so the same examples and seed give the same network.

use agentphone::provider::pocketsphinx::{
    features::BANDS,
    repair::{Network, Shape},
};

use crate::pairs::Example;

/// Examples between two steps.
const BATCH: usize = 256;
/// The first step's rate.
const RATE: f32 = 0.002;
/// Noise on the scaled inputs, which keeps the network from learning the voices by heart.
const BLUR: f32 = 0.05;

/// Mean and deviation of each input and output; the network is fitted on scaled numbers.
struct Scale {
    inputs: Vec<(f32, f32)>,
    outputs: Vec<(f32, f32)>,
}

/// Returns a network of this shape fitted on these examples, each seen `rounds` times.
pub(crate) fn fit(
    shape: Shape,
    examples: &[Example],
    rounds: usize,
    random: &mut fastrand::Rng,
) -> Network {
    let scale = Scale {
        inputs: spread(examples.iter().map(|(inputs, _)| inputs), shape.inputs),
        outputs: spread(examples.iter().map(|(_, outputs)| outputs), shape.outputs),
    };
    let mut adam = Adam::new(shape, random);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let steps = rounds * examples.len().div_ceil(BATCH);
    let mut step = 0;
    for _ in 0..rounds {
        random.shuffle(&mut order);
        for batch in order.chunks(BATCH) {
            // Two halves at the same time, added in the same order whatever is done first.
            let (one, other) = batch.split_at(batch.len() / 2);
            let seeds = [random.u64(..), random.u64(..)];
            let half = |half: &[usize], seed| {
                let mut random = fastrand::Rng::with_seed(seed);
                let mut gradient = Gradient::new(shape);
                for index in half {
                    let (inputs, outputs) = scale.scaled(&examples[*index], &mut random);
                    gradient.add(&adam.network, &inputs, &outputs);
                }
                gradient
            };
            let gradient = std::thread::scope(|scope| {
                let one = scope.spawn(|| half(one, seeds[0]));
                let mut other = half(other, seeds[1]);
                other.join(&one.join().expect("arithmetic does not panic"));
                other
            });
            let rate =
                0.5 * RATE * (1.0 + (std::f32::consts::PI * step as f32 / steps as f32).cos());
            step += 1;
            adam.step(&gradient, rate, batch.len());
        }
    }
    scale.unscaled(adam.network)
}

/// Returns the share of each band's variance that the network explains.
pub(crate) fn explained(network: &Network, examples: &[Example]) -> Vec<f32> {
    let width = network.shape().outputs;
    let means = spread(examples.iter().map(|(_, outputs)| outputs), width);
    let mut errors = vec![0.0; width];
    let mut guesses = [0.0; BANDS];
    for (inputs, outputs) in examples {
        let guesses = network.guess(inputs, &mut guesses);
        for ((error, guess), output) in errors.iter_mut().zip(guesses).zip(outputs) {
            *error += f64::from(guess - output).powi(2);
        }
    }
    let count = examples.len() as f64;
    let share = |(error, (_, deviation)): (f64, &(f32, f32))| {
        (1.0 - error / count / f64::from(*deviation).powi(2)) as f32
    };
    errors.into_iter().zip(&means).map(share).collect()
}

fn spread<'a>(rows: impl Iterator<Item = &'a Vec<f32>>, width: usize) -> Vec<(f32, f32)> {
    let mut sums = vec![(0.0_f64, 0.0_f64); width];
    let mut count = 0.0;
    for row in rows {
        count += 1.0;
        for ((sum, squares), value) in sums.iter_mut().zip(row) {
            *sum += f64::from(*value);
            *squares += f64::from(*value).powi(2);
        }
    }
    sums.into_iter()
        .map(|(sum, squares)| {
            let mean = sum / count;
            let deviation = (squares / count - mean * mean).max(1e-6).sqrt();
            (mean as f32, deviation as f32)
        })
        .collect()
}

impl Scale {
    fn scaled(&self, example: &Example, random: &mut fastrand::Rng) -> Example {
        let scaled = |(value, (mean, deviation)): (&f32, &(f32, f32))| (value - mean) / deviation;
        // The sum of four even distributions is close to a normal one; its deviation is 0.577.
        let mut blurred = |value: f32| {
            let sum: f32 = (0..4).map(|_| random.f32() - 0.5).sum();
            value + sum * BLUR / 0.577
        };
        let (inputs, outputs) = example;
        let inputs = inputs.iter().zip(&self.inputs).map(scaled);
        (
            inputs.map(&mut blurred).collect(),
            outputs.iter().zip(&self.outputs).map(scaled).collect(),
        )
    }

    /// Moves the scaling into the first and the last layer.
    fn unscaled(&self, mut network: Network) -> Network {
        let shape = network.shape();
        let rows = network.weights[0].chunks_exact_mut(shape.hidden);
        for (row, (mean, deviation)) in rows.zip(&self.inputs) {
            for (weight, bias) in row.iter_mut().zip(&mut network.biases[0]) {
                *weight /= deviation;
                *bias -= *weight * mean;
            }
        }
        for row in network.weights[2].chunks_exact_mut(shape.outputs) {
            for (weight, (_, deviation)) in row.iter_mut().zip(&self.outputs) {
                *weight *= deviation;
            }
        }
        for (bias, (mean, deviation)) in network.biases[2].iter_mut().zip(&self.outputs) {
            *bias = *bias * deviation + mean;
        }
        network
    }
}

/// A sum of gradients, in the shape of a network.
struct Gradient(Network);

impl Gradient {
    fn new(shape: Shape) -> Self {
        Self(zero(shape))
    }

    /// Adds the sum of other examples.
    fn join(&mut self, other: &Self) {
        let others = other.0.weights.iter().chain(&other.0.biases).flatten();
        for (sum, other) in all_mut(&mut self.0).zip(others) {
            *sum += other;
        }
    }

    /// Adds the gradient of half the squared error of one example.
    fn add(&mut self, network: &Network, inputs: &[f32], outputs: &[f32]) {
        let mut first = forward(network, 0, inputs);
        first.iter_mut().for_each(|unit| *unit = unit.max(0.0));
        let mut second = forward(network, 1, &first);
        second.iter_mut().for_each(|unit| *unit = unit.max(0.0));
        let mut error = forward(network, 2, &second);
        for (value, output) in error.iter_mut().zip(outputs) {
            *value -= output;
        }
        let error = self.backward(network, 2, &second, &error);
        let error = self.backward(network, 1, &first, &error);
        self.backward(network, 0, inputs, &error);
    }

    /// Adds a layer's part, and returns the error of the units before it.
    fn backward(
        &mut self,
        network: &Network,
        layer: usize,
        before: &[f32],
        error: &[f32],
    ) -> Vec<f32> {
        for (bias, error) in self.0.biases[layer].iter_mut().zip(error) {
            *bias += error;
        }
        let sums = self.0.weights[layer].chunks_exact_mut(error.len());
        let rows = network.weights[layer].chunks_exact(error.len());
        before
            .iter()
            .zip(sums.zip(rows))
            .map(|(value, (sum, row))| {
                // A unit that is zero passes nothing on; inputs need no error.
                if *value == 0.0 {
                    return 0.0;
                }
                for (sum, error) in sum.iter_mut().zip(error) {
                    *sum += value * error;
                }
                if layer == 0 { 0.0 } else { dot(row, error) }
            })
            .collect()
    }
}

/// A sum of products in eight lanes, which compilers can keep in one register.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for (a, b) in a8.iter().zip(b8) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

fn forward(network: &Network, layer: usize, before: &[f32]) -> Vec<f32> {
    let mut units = network.biases[layer].clone();
    let rows = network.weights[layer].chunks_exact(units.len());
    for (value, row) in before.iter().zip(rows).filter(|(value, _)| **value != 0.0) {
        for (unit, weight) in units.iter_mut().zip(row) {
            *unit += value * weight;
        }
    }
    units
}

fn zero(shape: Shape) -> Network {
    let zeros = vec![0; 4 * shape.coefficients()];
    Network::read(shape, &zeros).expect("this is the number of coefficients")
}

/// The network on its way, with the running means of its gradient and of the gradient's square.
struct Adam {
    network: Network,
    mean: Network,
    square: Network,
    steps: i32,
}

impl Adam {
    fn new(shape: Shape, random: &mut fastrand::Rng) -> Self {
        let mut network = zero(shape);
        let before = [shape.inputs, shape.hidden, shape.hidden];
        for (layer, width) in network.weights.iter_mut().zip(before) {
            let reach = (3.0 / width as f32).sqrt();
            layer.fill_with(|| (2.0 * random.f32() - 1.0) * reach);
        }
        Self {
            network,
            mean: zero(shape),
            square: zero(shape),
            steps: 0,
        }
    }

    fn step(&mut self, gradient: &Gradient, rate: f32, examples: usize) {
        self.steps += 1;
        let (keep, keep_square) = (0.9_f32, 0.999_f32);
        let (started, square_started) = (
            1.0 - keep.powi(self.steps),
            1.0 - keep_square.powi(self.steps),
        );
        let parameters = all_mut(&mut self.network).zip(all_mut(&mut self.mean));
        let gradients = gradient
            .0
            .weights
            .iter()
            .chain(&gradient.0.biases)
            .flatten();
        for (((parameter, mean), square), gradient) in
            parameters.zip(all_mut(&mut self.square)).zip(gradients)
        {
            let gradient = gradient / examples as f32;
            *mean = keep * *mean + (1.0 - keep) * gradient;
            *square = keep_square * *square + (1.0 - keep_square) * gradient * gradient;
            *parameter -= rate * (*mean / started) / ((*square / square_started).sqrt() + 1e-8);
        }
    }
}

fn all_mut(network: &mut Network) -> impl Iterator<Item = &mut f32> {
    network
        .weights
        .iter_mut()
        .chain(&mut network.biases)
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        inputs: 200,
        hidden: 160,
        outputs: 7,
    };

    #[test]
    fn a_curved_function_is_learned_and_the_same_every_time() {
        let mut random = fastrand::Rng::with_seed(1);
        let examples: Vec<Example> = (0..4000)
            .map(|_| {
                let inputs: Vec<f32> = (0..SHAPE.inputs)
                    .map(|_| random.f32() * 4.0 + 3.0)
                    .collect();
                let curved = (inputs[0] - 5.0).abs() + inputs[1];
                (inputs, vec![curved; SHAPE.outputs])
            })
            .collect();
        let fitted = || fit(SHAPE, &examples, 20, &mut fastrand::Rng::with_seed(2));
        let network = fitted();
        for share in explained(&network, &examples) {
            assert!(share > 0.9, "{share}");
        }
        assert_eq!(fitted(), network);
    }
}
