//! Adapts the acoustic model to telephones: moves its Gaussians to where the sounds of speech are once a telephone and the
//! repair have been over them.
//!
//! First each frame's state is found (`align`) and the means are estimated anew, the old ones counting as so much evidence
//! (MAP: Gauvain and Lee, 1994), so that what was hardly heard stays where it was; twice, for the second time the frames are
//! aligned by what came of the first. Then they are moved on, away from frames that they make likely for a wrong state (MMI
//! with frames for segments, by extended Baum-Welch: Povey and Woodland, 2002). Half of the way is gone in the end. Variances,
//! weights and transitions stay the package's.

use std::thread;

use agentphone::provider::pocketsphinx::acoustic::{Gaussians, WIDTH};

use crate::{
    align::{self, Pronunciations},
    hmm::{self, DENSITIES, Features, Hmm, Likelihoods, STREAMS},
    sentences::Sentence,
};

/// The first time all sentences are looked at, and a Gaussian of the package is worth so many frames of evidence; …
const FIRST: (usize, f64) = (1, 100.0);
/// … the second time every third of them, and it is worth less.
const SECOND: (usize, f64) = (3, 15.0);
/// How often frames are told apart …
const ROUNDS: usize = 4;
/// … each time looking at every so many-th of them,
const EVERY: usize = 3;
/// how much the sound counts against how frequent a state is,
const SOUND: f32 = 0.2;
/// how slowly a Gaussian moves: evidence for where it is, per frame that it is likely for,
const SLOW: f64 = 2.0;
/// and frames of such evidence besides.
const STAY: f64 = 10.0;
/// How far of the whole way the means are moved in the end. All of it suits four voices a little better and everybody else much
/// worse.
const WAY: f32 = 0.5;
/// Shares of a frame that are not worth counting: of a Gaussian in a state, and of a state.
const LEAST: f32 = 1e-4;
const LEAST_STATE: f32 = 2e-3;

/// A sentence's words, each with every way of saying it, and frames.
type Example<'a> = (Vec<&'a [Vec<u8>]>, Vec<Features>);
/// Frames with their states.
type Path<'a> = (&'a [Features], Vec<u16>);

/// Moves the means of the model, and prints how well it explains the sentences on the way.
///
/// # Errors
/// When a word is not in the dictionary.
pub(crate) fn adapt(
    hmm: &mut Hmm,
    sentences: &[Sentence],
    dictionary: &Pronunciations,
) -> Result<(), String> {
    let mut examples = Vec::new();
    for sentence in sentences {
        let ways = |word: &String| {
            let ways = dictionary.get(word).map(Vec::as_slice);
            ways.ok_or_else(|| format!("no pronunciation is known of {word}"))
        };
        let words = sentence.words.iter().map(ways);
        let words = words.collect::<Result<Vec<_>, _>>()?;
        examples.push((words, hmm::features(&sentence.frames)));
    }
    let base = hmm.means.clone();
    let mut paths = Vec::new();
    for (every, belief) in [FIRST, SECOND] {
        let chosen: Vec<&Example<'_>> = examples.iter().step_by(every).collect();
        let (sums, found) = aligned(hmm, &chosen);
        println!(
            "{} of {} sentences aligned, {} frames, logarithm of likelihood {:.3} a frame",
            found.len(),
            chosen.len(),
            sums.frames,
            sums.score / sums.frames as f64
        );
        sums.estimate(&base, belief, &mut hmm.means);
        paths = found;
    }
    let frequent = frequent(hmm.codebooks.len(), &paths);
    for round in 0..ROUNDS {
        let (right, all) = told_apart(hmm, &paths, &frequent, round);
        println!(
            "told apart, round {round}: logarithm of the right state's share {:.4} a frame",
            right.score / right.frames as f64
        );
        right.refine(&all, &mut hmm.means);
    }
    for (mean, base) in hmm.means.numbers.iter_mut().zip(&base.numbers) {
        *mean = base + WAY * (*mean - base);
    }
    Ok(())
}

/// Evidence for Gaussians: frames and their sum.
#[derive(Debug)]
struct Sums {
    counts: Vec<f64>,
    sums: Vec<f64>,
    /// How well the frames are explained, and their number.
    score: f64,
    frames: usize,
}

impl Sums {
    fn new(hmm: &Hmm) -> Self {
        Self {
            counts: vec![0.0; hmm.means.numbers.len() / WIDTH],
            sums: vec![0.0; hmm.means.numbers.len()],
            score: 0.0,
            frames: 0,
        }
    }

    /// Adds the share of a frame that belongs to a state.
    fn add(
        &mut self,
        hmm: &Hmm,
        frame: &Features,
        likelihoods: &Likelihoods,
        state: usize,
        share: f32,
    ) {
        for (stream, frame) in frame.iter().enumerate() {
            let (each, weights) = hmm.mixed(likelihoods, state, stream);
            let total = hmm::product(each, weights).max(f32::MIN_POSITIVE);
            let group = usize::from(hmm.codebooks[state]) * STREAMS + stream;
            for (density, (each, weight)) in each.iter().zip(weights).enumerate() {
                let part = share * each * weight / total;
                if part > LEAST {
                    let index = group * DENSITIES + density;
                    self.counts[index] += f64::from(part);
                    let sums = &mut self.sums[index * WIDTH..][..WIDTH];
                    for (sum, number) in sums.iter_mut().zip(frame) {
                        *sum += f64::from(part * number);
                    }
                }
            }
        }
    }

    fn join(&mut self, other: &Self) {
        let counts = self.counts.iter_mut().zip(&other.counts);
        let sums = self.sums.iter_mut().zip(&other.sums);
        counts.chain(sums).for_each(|(one, other)| *one += other);
        self.score += other.score;
        self.frames += other.frames;
    }

    /// Moves the means from where they were in `base` to where this evidence has them.
    fn estimate(&self, base: &Gaussians, belief: f64, means: &mut Gaussians) {
        for (index, mean) in means.numbers.iter_mut().enumerate() {
            let before = belief * f64::from(base.numbers[index]);
            *mean = ((before + self.sums[index]) / (belief + self.counts[index / WIDTH])) as f32;
        }
    }

    /// Moves the means towards this evidence, that of the right states, and away from that of all states.
    fn refine(&self, all: &Self, means: &mut Gaussians) {
        for (index, mean) in means.numbers.iter_mut().enumerate() {
            let gaussian = index / WIDTH;
            let stay = SLOW * all.counts[gaussian] + STAY;
            let weight = self.counts[gaussian] - all.counts[gaussian] + stay;
            if weight > 1.0 {
                let moved = self.sums[index] - all.sums[index] + stay * f64::from(*mean);
                *mean = (moved / weight) as f32;
            }
        }
    }
}

/// Does `work` on both halves at the same time.
fn halves<T: Sync, R: Send>(all: &[T], work: impl Fn(&[T]) -> R + Sync) -> [R; 2] {
    let (one, other) = all.split_at(all.len() / 2);
    thread::scope(|scope| {
        let one = scope.spawn(|| work(one));
        let other = work(other);
        [one.join().expect("arithmetic does not panic"), other]
    })
}

/// Returns the states of all frames and the evidence that they are.
fn aligned<'a>(hmm: &Hmm, examples: &[&'a Example<'a>]) -> (Sums, Vec<Path<'a>>) {
    let [(mut sums, mut paths), (other, more)] = halves(examples, |half| {
        let mut sums = Sums::new(hmm);
        let mut paths = Vec::new();
        for (words, frames) in half {
            let Some((path, score)) = align::align(hmm, words, frames) else {
                continue;
            };
            for (frame, state) in frames.iter().zip(&path) {
                let likelihoods = hmm.likelihoods(frame);
                sums.add(hmm, frame, &likelihoods, usize::from(*state), 1.0);
            }
            sums.score += f64::from(score) * frames.len() as f64;
            sums.frames += frames.len();
            paths.push((frames.as_slice(), path));
        }
        (sums, paths)
    });
    sums.join(&other);
    paths.extend(more);
    (sums, paths)
}

/// Returns the logarithm of how frequent each state is.
fn frequent(states: usize, paths: &[Path<'_>]) -> Vec<f32> {
    let mut counts = vec![1.0_f64; states];
    for state in paths.iter().flat_map(|(_, path)| path) {
        counts[usize::from(*state)] += 1.0;
    }
    let total: f64 = counts.iter().sum();
    counts.iter().map(|c| (c / total).ln() as f32).collect()
}

/// Returns the evidence of some frames for their right states, and for all states by how likely they are.
fn told_apart(hmm: &Hmm, paths: &[Path<'_>], frequent: &[f32], round: usize) -> (Sums, Sums) {
    let [(mut right, mut all), (more_right, more)] = halves(paths, |half| {
        let (mut right, mut all) = (Sums::new(hmm), Sums::new(hmm));
        for (frames, path) in half {
            let chosen = frames.iter().zip(path).skip(round % EVERY).step_by(EVERY);
            for (frame, state) in chosen {
                let likelihoods = hmm.likelihoods(frame);
                let shares = shares(hmm, &likelihoods, frequent);
                let state = usize::from(*state);
                right.score += f64::from(shares[state].max(f32::MIN_POSITIVE).ln());
                right.frames += 1;
                right.add(hmm, frame, &likelihoods, state, 1.0);
                for (state, share) in shares.into_iter().enumerate() {
                    if share > LEAST_STATE {
                        all.add(hmm, frame, &likelihoods, state, share);
                    }
                }
            }
        }
        (right, all)
    });
    right.join(&more_right);
    all.join(&more);
    (right, all)
}

/// Returns the share of every state in a frame.
fn shares(hmm: &Hmm, likelihoods: &Likelihoods, frequent: &[f32]) -> Vec<f32> {
    let scores = frequent.iter().enumerate();
    let mut shares: Vec<f32> = scores
        .map(|(state, frequent)| SOUND * hmm.score(likelihoods, state) + frequent)
        .collect();
    let best = shares.iter().copied().fold(f32::MIN, f32::max);
    shares.iter_mut().for_each(|x| *x = (*x - best).exp());
    let sum: f32 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    shares
}
