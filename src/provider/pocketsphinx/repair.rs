//! Puts back what a telephone line takes away: the log-mel bands above 3.1 kHz, which it cuts off, and those below, over
//! which it lays its noise.
//!
//! Both are a function of the lower bands in eleven frames around and of the noise that was heard so far (`floor`): a small
//! network of two hidden layers, fitted on speech by `speechmodel repair`. The upper bands are guessed; of the lower ones
//! only the difference is, so that a clean line keeps what it has. Levels are taken relative to the lower bands, so that the
//! guess does not depend on how loud the line is.

use std::collections::VecDeque;

use super::{
    features::{BANDS, LogMel},
    floor::Floor,
};

/// Frames on each side of the one that is repaired: the delay is 50 ms.
pub const CONTEXT: usize = 5;
/// Bands that a telephone passes: the triangle of the next begins at 3.06 kHz, where its filters do.
pub const LOWER: usize = 18;
/// Numbers that a guess is made from: the lower bands of all frames, and of the noise.
pub const INPUTS: usize = HEARD + LOWER;
/// Those of them that are bands of frames.
pub const HEARD: usize = (2 * CONTEXT + 1) * LOWER;
/// The most units in a layer.
const WIDEST: usize = 256;

/// A line is quiet where its softest moments are this far below the loudest, in natural logarithms of power (39 dB), and
/// noisy where they are less far by the second.
const QUIET_BELOW: f32 = 9.0;
const BETWEEN: f32 = 1.5;
/// How loud the loudest moments are taken to be at first: those of a voice at -22 dBFS.
const SPEECH: f32 = 12.0;
/// How fast both are forgotten, per frame: 1 dB in a second.
const FORGET: f32 = 0.0025;

/// How many numbers go into a network, are in each of its two hidden layers, and come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Of [`INPUTS`], the first so many.
    pub inputs: usize,
    /// Units in each hidden layer, at most 256.
    pub hidden: usize,
    /// Of [`BANDS`], the last so many.
    pub outputs: usize,
}

/// The network for a quiet line: the upper bands from what is heard.
pub const QUIET: Shape = Shape {
    inputs: HEARD,
    hidden: 160,
    outputs: BANDS - LOWER,
};
/// The network for a noisy line: all bands, and the noise is evidence.
pub const NOISY: Shape = Shape {
    inputs: INPUTS,
    hidden: 256,
    outputs: BANDS,
};

impl Shape {
    /// Returns how many coefficients a network of this shape has.
    #[must_use]
    pub const fn coefficients(self) -> usize {
        let Self {
            inputs,
            hidden,
            outputs,
        } = self;
        (inputs + hidden + outputs) * hidden + 2 * hidden + outputs
    }
}

/// The repair of one call's sound, one stretch after another.
#[derive(Debug)]
pub struct Repair {
    quiet: Network,
    noisy: Network,
    around: Around,
}

/// The frames around the next one to repair, and the noise so far.
#[derive(Debug)]
pub struct Around {
    /// Padded at the start by repetition.
    frames: VecDeque<LogMel>,
    floor: Floor,
    loudness: Loudness,
}

/// The loudest and the softest that was heard of late, in natural logarithms of power, as the mean of the lower bands.
#[derive(Debug)]
struct Loudness {
    loudest: f32,
    softest: f32,
}

/// What the network is asked about one frame.
#[derive(Debug, Clone)]
pub struct Question {
    /// What the guess is made from, relative to `level`.
    pub inputs: [f32; INPUTS],
    /// The mean of the lower bands of all frames around.
    pub level: f32,
    /// The frame.
    pub frame: LogMel,
    /// How noisy the line is: 0 quiet, 1 noisy.
    pub noisy: f32,
}

/// Layers of units that are zero below zero (rectified linear); the last is linear.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    shape: Shape,
    /// Per layer, a row of weights per unit before it.
    pub weights: [Vec<f32>; 3],
    /// Per layer, what its units start from.
    pub biases: [Vec<f32>; 3],
}

impl Network {
    /// Reads coefficients as [`Network::bytes`] writes them. Returns `None` when their number is not that of the shape.
    #[must_use]
    pub fn read(shape: Shape, bytes: &[u8]) -> Option<Self> {
        let Shape {
            inputs,
            hidden,
            outputs,
        } = shape;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() || numbers.len() != shape.coefficients() || hidden > WIDEST {
            return None;
        }
        let mut numbers = numbers.iter().map(|n| f32::from_le_bytes(*n));
        let mut take = |count| numbers.by_ref().take(count).collect();
        Some(Self {
            shape,
            weights: [
                take(inputs * hidden),
                take(hidden * hidden),
                take(hidden * outputs),
            ],
            biases: [take(hidden), take(hidden), take(outputs)],
        })
    }

    /// Returns what goes in and comes out.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Returns the coefficients as little-endian 32-bit floats: the weights of the three layers, then the biases.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let all = self.weights.iter().chain(&self.biases).flatten();
        all.flat_map(|number| number.to_le_bytes()).collect()
    }

    /// Returns the guess for these inputs, a number for each output.
    pub fn guess<'a>(&self, inputs: &[f32], outputs: &'a mut [f32; BANDS]) -> &'a [f32] {
        let (mut first, mut second) = ([0.0; WIDEST], [0.0; WIDEST]);
        let first = &mut first[..self.shape.hidden];
        self.layer(0, &inputs[..self.shape.inputs], first);
        first.iter_mut().for_each(|unit| *unit = unit.max(0.0));
        let second = &mut second[..self.shape.hidden];
        self.layer(1, first, second);
        second.iter_mut().for_each(|unit| *unit = unit.max(0.0));
        let outputs = &mut outputs[..self.shape.outputs];
        self.layer(2, second, outputs);
        outputs
    }

    fn layer(&self, index: usize, before: &[f32], units: &mut [f32]) {
        units.copy_from_slice(&self.biases[index]);
        for (value, row) in before
            .iter()
            .zip(self.weights[index].chunks_exact(units.len()))
        {
            for (unit, weight) in units.iter_mut().zip(row) {
                *unit += value * weight;
            }
        }
    }
}

impl Repair {
    /// Makes a repair with a network for quiet lines and one for noisy ones.
    #[must_use]
    pub fn new(quiet: Network, noisy: Network) -> Self {
        Self {
            quiet,
            noisy,
            around: Around::new(),
        }
    }

    /// Begins a new stretch of sound of the same call.
    pub fn reset(&mut self) {
        self.around.frames.clear();
    }

    /// Takes a frame; returns the repaired one [`CONTEXT`] frames before, once there is one.
    pub fn push(&mut self, frame: LogMel) -> Option<LogMel> {
        let asked = self.around.push(frame)?;
        let mut repaired = asked.frame;
        let mut guess = [0.0; BANDS];
        let upper = self.quiet.guess(&asked.inputs, &mut guess);
        for (band, guess) in repaired[LOWER..].iter_mut().zip(upper) {
            *band = asked.level + guess;
        }
        if asked.noisy > 0.0 {
            let all = self.noisy.guess(&asked.inputs, &mut guess);
            for (index, (band, guess)) in repaired.iter_mut().zip(all).enumerate() {
                let from = if index < LOWER {
                    asked.frame[index]
                } else {
                    asked.level
                };
                *band += asked.noisy * (from + guess - *band);
            }
        }
        Some(repaired)
    }

    /// Returns the last frames; the stretch is over.
    pub fn finish(&mut self) -> Vec<LogMel> {
        let last = self.around.frames.back().copied();
        let frames = last.map(|last| (0..CONTEXT).filter_map(|_| self.push(last)).collect());
        self.reset();
        frames.unwrap_or_default()
    }
}

impl Around {
    /// Begins a call.
    #[must_use]
    pub fn new() -> Self {
        Self {
            frames: VecDeque::with_capacity(2 * CONTEXT + 1),
            floor: Floor::new(),
            loudness: Loudness {
                loudest: SPEECH,
                softest: f32::MAX,
            },
        }
    }

    /// Takes a frame; returns what is asked about the one [`CONTEXT`] frames before, once there is one.
    pub fn push(&mut self, frame: LogMel) -> Option<Question> {
        let floor = self.floor.hear(&frame);
        let noisy = self.loudness.noisy(&frame);
        if self.frames.is_empty() {
            self.frames.extend([frame; CONTEXT]);
        } else if self.frames.len() > 2 * CONTEXT {
            self.frames.pop_front();
        }
        self.frames.push_back(frame);
        if self.frames.len() <= 2 * CONTEXT {
            return None;
        }
        let lower = self.frames.iter().flat_map(|frame| &frame[..LOWER]);
        let level = lower.clone().sum::<f32>() / (INPUTS - LOWER) as f32;
        let mut inputs = [0.0; INPUTS];
        for (slot, band) in inputs.iter_mut().zip(lower.chain(&floor)) {
            *slot = band - level;
        }
        Some(Question {
            inputs,
            level,
            frame: self.frames[CONTEXT],
            noisy,
        })
    }
}

impl Loudness {
    /// Takes a frame; returns how noisy the line is, 0 to 1.
    fn noisy(&mut self, frame: &LogMel) -> f32 {
        let level = frame[..LOWER].iter().sum::<f32>() / LOWER as f32;
        self.loudest = (self.loudest - FORGET).max(level);
        self.softest = (self.softest + FORGET).min(level);
        ((QUIET_BELOW - (self.loudest - self.softest)) / BETWEEN).clamp(0.0, 1.0)
    }
}

impl Default for Around {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use native::flite::{Next, Voice};

    use super::{super::features::MelBands, *};

    fn nothing(shape: Shape) -> Network {
        Network::read(shape, &vec![0; 4 * shape.coefficients()]).unwrap()
    }

    /// A network whose guess is the level of the middle frame's first band, for every upper band.
    fn copying() -> Network {
        let mut network = nothing(QUIET);
        network.weights[0][CONTEXT * LOWER * QUIET.hidden] = 1.0;
        network.weights[1][0] = 1.0;
        network.weights[2][..QUIET.outputs].fill(1.0);
        network
    }

    fn committed() -> Repair {
        use super::super::recogniser::{BAND_REPAIR, NOISE_REPAIR};
        Repair::new(
            Network::read(QUIET, BAND_REPAIR).unwrap(),
            Network::read(NOISY, NOISE_REPAIR).unwrap(),
        )
    }

    fn frame(first: f32) -> LogMel {
        let mut frame = [0.0; BANDS];
        frame[0] = first;
        frame
    }

    #[test]
    fn coefficients_survive_being_written() {
        let network = copying();
        assert_eq!(Network::read(QUIET, &network.bytes()), Some(network));
        assert_eq!(Network::read(QUIET, &[0; 4]), None);
        assert_eq!(Network::read(NOISY, &copying().bytes()), None);
    }

    #[test]
    fn every_frame_comes_out_once_with_its_upper_bands_guessed() {
        let mut repair = Repair::new(copying(), nothing(NOISY));
        let mut out: Vec<LogMel> = (1..=10)
            .filter_map(|i| repair.push(frame(i as f32)))
            .collect();
        assert_eq!(out.len(), 10 - CONTEXT);
        out.extend(repair.finish());
        assert_eq!(out.len(), 10);
        for (index, frame) in out.iter().enumerate() {
            let said = (index + 1) as f32;
            assert!((frame[0] - said).abs() < 1e-6);
            assert!((frame[BANDS - 1] - said).abs() < 1e-4, "{index}: {frame:?}");
        }
    }

    #[test]
    fn loudness_moves_the_guess_and_nothing_else() {
        let guesses = |louder: f32| {
            let mut repair = committed();
            let mut out = Vec::new();
            for i in 0..20 {
                let frame = std::array::from_fn(|band| {
                    10.0 + louder + ((i * 7 + band * 3) % 11) as f32 / 3.0
                });
                out.extend(repair.push(frame));
            }
            out
        };
        for (soft, loud) in guesses(0.0).iter().zip(&guesses(3.0)) {
            for (soft, loud) in soft.iter().zip(loud) {
                assert!((loud - soft - 3.0).abs() < 1e-3, "{soft} {loud}");
            }
        }
    }

    /// A sentence after half a second of silence, with noise of a level in dBFS.
    fn sentence(noise: Option<f32>) -> Vec<LogMel> {
        let mut sound = vec![0; 8_000];
        Voice::Rms
            .speak("I'd like a table for two at seven thirty.", |piece| {
                sound.extend_from_slice(piece.samples);
                Next::More
            })
            .unwrap();
        if let Some(level) = noise {
            media::impair::Noise::new(level, 1).add(&mut sound);
        }
        let mut frames = Vec::new();
        MelBands::new().push(&sound, &mut frames);
        frames
    }

    #[test]
    fn a_quiet_line_keeps_what_it_has_and_a_noisy_one_is_brought_nearer_to_the_voice() {
        let clean = sentence(Some(-80.0));
        let repaired = |frames: &[LogMel]| -> Vec<LogMel> {
            let mut repair = committed();
            let mut out: Vec<_> = frames.iter().filter_map(|f| repair.push(*f)).collect();
            out.extend(repair.finish());
            out
        };
        for (before, after) in clean.iter().zip(repaired(&clean)) {
            assert_eq!(before[..LOWER], after[..LOWER]);
        }
        let noisy = sentence(Some(-40.0));
        let away = |frames: &[LogMel]| -> f32 {
            let bands = |frames: &[LogMel]| -> Vec<f32> {
                frames
                    .iter()
                    .flat_map(|frame| frame[..LOWER].to_vec())
                    .collect()
            };
            let pairs = bands(frames).into_iter().zip(bands(&clean));
            pairs.map(|(one, other)| (one - other).abs()).sum()
        };
        let (before, after) = (away(&noisy), away(&repaired(&noisy)));
        assert!(after < 0.6 * before, "{after} of {before}");
    }
}
