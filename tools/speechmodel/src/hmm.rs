//! The acoustic model of the package, read for adapting it: which states a phone has between its neighbours, and how likely
//! a frame is in each.
//!
//! Formats as in PocketSphinx 5prealpha: `mdef` (binary, `bin_mdef.h`), `means` and `variances` (`s3`), `sendump`
//! (`ptm_mgau.c`). Every phone has one codebook of Gaussians for each of three streams, which its states mix by weights of
//! their own (phonetically tied mixtures).

use std::{collections::HashMap, fs, path::Path};

use agentphone::provider::pocketsphinx::{
    acoustic::{Gaussians, WIDTH},
    features::CEPSTRA,
};

/// Streams of a frame: cepstra, slope, slope of the slope.
pub(crate) const STREAMS: usize = 3;
/// Gaussians in a codebook for each stream.
pub(crate) const DENSITIES: usize = 128;
/// States of a phone.
pub(crate) const STATES: usize = 3;
/// What one step of a weight in `sendump` is: 1024 steps of the logarithm to the base 1.0001.
const WEIGHT_STEP: f32 = 0.102_395;
/// The least variance that the library lets stand.
const LEAST_VARIANCE: f32 = 1e-4;

/// A frame as the model sees it.
pub(crate) type Features = [[f32; WIDTH]; STREAMS];

/// Where in its word a phone stands, as `mdef` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Inside = 0,
    First = 1,
    Last = 2,
    Alone = 3,
}

/// The model.
#[derive(Debug, Clone)]
pub(crate) struct Hmm {
    phones: Vec<String>,
    pub(crate) silence: u8,
    triphones: HashMap<[u8; 4], [u16; STATES]>,
    alone: Vec<[u16; STATES]>,
    /// The codebook of each tied state.
    pub(crate) codebooks: Vec<u8>,
    pub(crate) means: Gaussians,
    variances: Gaussians,
    /// Half of the inverse variances, and what the Gaussians' exponents start from.
    precisions: Vec<f32>,
    constants: Vec<f32>,
    /// `DENSITIES` for each stream of each tied state.
    pub(crate) weights: Vec<f32>,
}

/// How likely a frame is under each Gaussian.
#[derive(Debug, Clone)]
pub(crate) struct Likelihoods {
    /// Relative to the best of its codebook and stream.
    pub(crate) each: Vec<f32>,
    /// Logarithm of the best, for each stream of each codebook.
    best: Vec<f32>,
}

impl Hmm {
    /// Reads the model in this folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let bytes = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let broken = |name: &str| {
            format!(
                "{} is not of the form that is adapted",
                folder.join(name).display()
            )
        };
        let gaussians = |name: &str| {
            Gaussians::read(&bytes(name)?)
                .filter(|g| g.streams == STREAMS && g.densities == DENSITIES)
                .ok_or_else(|| broken(name))
        };
        let (means, variances) = (gaussians("means")?, gaussians("variances")?);
        let mut model =
            definitions(&bytes("mdef")?, means, variances).ok_or_else(|| broken("mdef"))?;
        model.weights =
            weights(&bytes("sendump")?, model.codebooks.len()).ok_or_else(|| broken("sendump"))?;
        model.prepare();
        Ok(model)
    }

    fn prepare(&mut self) {
        let floored = self.variances.numbers.iter().map(|v| v.max(LEAST_VARIANCE));
        self.precisions = floored.clone().map(|variance| 0.5 / variance).collect();
        let variances: Vec<f32> = floored.collect();
        self.constants = variances
            .chunks(WIDTH)
            .map(|of| {
                -0.5 * of
                    .iter()
                    .map(|v| (std::f32::consts::TAU * v).ln())
                    .sum::<f32>()
            })
            .collect();
    }

    /// Returns the number of a phone.
    pub(crate) fn phone(&self, name: &str) -> Option<u8> {
        let found = self.phones.iter().position(|phone| phone == name)?;
        u8::try_from(found).ok()
    }

    /// Returns the name of a phone.
    #[cfg(test)]
    pub(crate) fn name(&self, phone: u8) -> &str {
        &self.phones[usize::from(phone)]
    }

    /// Returns the states of a phone between its neighbours, or those that it has anywhere when the model never saw these.
    pub(crate) fn states(&self, place: Place, phone: u8, left: u8, right: u8) -> [u16; STATES] {
        let places = [
            place,
            Place::Inside,
            Place::First,
            Place::Last,
            Place::Alone,
        ];
        places
            .iter()
            .find_map(|place| self.triphones.get(&[*place as u8, phone, left, right]))
            .copied()
            .unwrap_or(self.alone[usize::from(phone)])
    }

    /// Returns how likely a frame is under every Gaussian.
    pub(crate) fn likelihoods(&self, features: &Features) -> Likelihoods {
        let groups = self.means.codebooks * STREAMS;
        let mut each = vec![0.0; groups * DENSITIES];
        let mut best = vec![f32::MIN; groups];
        for group in 0..groups {
            let frame = &features[group % STREAMS];
            let of = &mut each[group * DENSITIES..][..DENSITIES];
            for (density, slot) in of.iter_mut().enumerate() {
                let index = group * DENSITIES + density;
                let means = &self.means.numbers[index * WIDTH..][..WIDTH];
                let precisions = &self.precisions[index * WIDTH..][..WIDTH];
                let mut away = 0.0;
                for ((x, mean), precision) in frame.iter().zip(means).zip(precisions) {
                    away += (x - mean) * (x - mean) * precision;
                }
                *slot = self.constants[index] - away;
                best[group] = best[group].max(*slot);
            }
            for slot in of {
                *slot = (*slot - best[group]).exp();
            }
        }
        Likelihoods { each, best }
    }

    /// Returns the logarithm of how likely a frame is in a tied state.
    pub(crate) fn score(&self, likelihoods: &Likelihoods, state: usize) -> f32 {
        let codebook = usize::from(self.codebooks[state]);
        (0..STREAMS)
            .map(|stream| {
                let (each, weights) = self.mixed(likelihoods, state, stream);
                let sum = product(each, weights);
                likelihoods.best[codebook * STREAMS + stream] + sum.max(1e-30).ln()
            })
            .sum()
    }

    /// Returns the likelihoods of a state's Gaussians for a stream, and their weights.
    pub(crate) fn mixed<'a>(
        &'a self,
        likelihoods: &'a Likelihoods,
        state: usize,
        stream: usize,
    ) -> (&'a [f32], &'a [f32]) {
        let group = usize::from(self.codebooks[state]) * STREAMS + stream;
        (
            &likelihoods.each[group * DENSITIES..][..DENSITIES],
            &self.weights[(state * STREAMS + stream) * DENSITIES..][..DENSITIES],
        )
    }
}

/// Returns the sum of products, in an order that a processor can do eight at a time.
pub(crate) fn product(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    for (one, other) in one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0) {
        for i in 0..8 {
            sums[i] += one[i] * other[i];
        }
    }
    sums.iter().sum()
}

/// Returns frames with their slopes, as the library computes them (`feat_1s_c_d_dd`): over ±2 frames, and the difference
/// of two such over ±2 one frame on each side, ends repeated.
pub(crate) fn features(cepstra: &[[f32; CEPSTRA]]) -> Vec<Features> {
    let last = cepstra.len() as isize - 1;
    let at = |index: usize, by: isize| &cepstra[(index as isize + by).clamp(0, last) as usize];
    (0..cepstra.len())
        .map(|index| {
            let slope = |middle: isize| -> [f32; WIDTH] {
                let (after, before) = (at(index, middle + 2), at(index, middle - 2));
                std::array::from_fn(|i| after[i] - before[i])
            };
            let (after, before) = (slope(1), slope(-1));
            [
                cepstra[index],
                slope(0),
                std::array::from_fn(|i| after[i] - before[i]),
            ]
        })
        .collect()
}

/// Reads `mdef`: states of phones and triphones.
fn definitions(file: &[u8], means: Gaussians, variances: Gaussians) -> Option<Hmm> {
    let word = |at: usize| {
        let bytes = file.get(at..)?.first_chunk()?;
        usize::try_from(i32::from_le_bytes(*bytes)).ok()
    };
    if !file.starts_with(b"BMDF") {
        return None;
    }
    let head = 12 + word(8)?;
    let (phone_count, all, states) = (word(head)?, word(head + 4)?, word(head + 8)?);
    let (tied, sequences, tree) = (word(head + 16)?, word(head + 24)?, word(head + 32)?);
    let silence = u8::try_from(word(head + 36)?).ok()?;
    if states != STATES || means.codebooks != phone_count {
        return None;
    }
    let names = head + 40;
    let mut at = names;
    let mut phones = Vec::new();
    for _ in 0..phone_count {
        let length = file.get(at..)?.iter().position(|byte| *byte == 0)?;
        phones.push(String::from_utf8(file[at..at + length].to_vec()).ok()?);
        at += length + 1;
    }
    at = names + (at - names).next_multiple_of(4);
    let entries = at + 8 * tree;
    let table = entries + 12 * all + 4;
    let mut codebooks = vec![0; tied];
    let mut triphones = HashMap::new();
    let mut alone = Vec::new();
    for index in 0..all {
        let entry = entries + 12 * index;
        let sequence = word(entry)?;
        if sequence >= sequences {
            return None;
        }
        let mut ids = [0; STATES];
        for (state, id) in ids.iter_mut().enumerate() {
            let at = table + 2 * (sequence * STATES + state);
            *id = u16::from_le_bytes(*file.get(at..)?.first_chunk()?);
        }
        let attributes: [u8; 4] = *file.get(entry + 8..)?.first_chunk()?;
        let phone = if index < phone_count {
            alone.push(ids);
            index as u8
        } else {
            triphones.insert(attributes, ids);
            attributes[1]
        };
        for id in ids {
            *codebooks.get_mut(usize::from(id))? = phone;
        }
    }
    Some(Hmm {
        phones,
        silence,
        triphones,
        alone,
        codebooks,
        means,
        variances,
        precisions: Vec::new(),
        constants: Vec::new(),
        weights: Vec::new(),
    })
}

/// Reads `sendump`: the weights of every tied state, a byte each.
fn weights(file: &[u8], states: usize) -> Option<Vec<f32>> {
    let count = STREAMS * DENSITIES * states;
    let numbers = file.len().checked_sub(count + 8)?;
    let (rows, columns) = (file.get(numbers..)?, file.get(numbers + 4..)?);
    let (rows, columns) = (rows.first_chunk()?, columns.first_chunk()?);
    if u32::from_le_bytes(*rows) as usize != DENSITIES
        || u32::from_le_bytes(*columns) as usize != states
    {
        return None;
    }
    let bytes = &file[numbers + 8..];
    let mut weights = vec![0.0; count];
    for (index, byte) in bytes.iter().enumerate() {
        let (row, state) = (index / states, index % states);
        let (stream, density) = (row / DENSITIES, row % DENSITIES);
        weights[(state * STREAMS + stream) * DENSITIES + density] =
            (-WEIGHT_STEP * f32::from(*byte)).exp();
    }
    Some(weights)
}
