//! The acoustic model as calls use it: the package's own with its Gaussians moved to where telephones and the repair put the
//! sounds of speech.
//!
//! How far each is moved was estimated by `speechmodel adapt` and is kept as the difference from one certain model. Where
//! another model is installed, which the file of its means tells, the difference means nothing and is left out.

use sha2::{Digest, Sha256};

/// Numbers in each stream of a frame: cepstra, their slope, the slope of that.
pub const WIDTH: usize = 13;
/// What stands before the numbers of a file of means: a text and a mark of the order of bytes. Behind them is a sum over them,
/// which the library looks at, and we do not: the hash tells more.
const HEADER: &[u8] = b"s3\nversion 1.0\nchksum0 yes\n      endhdr\n\x44\x33\x22\x11";
/// The same without a sum over the numbers at the end, which would be another.
const UNCHECKED: &[u8] = b"s3\nversion 1.0\nendhdr\n\x44\x33\x22\x11";
/// Bytes of a hash.
const HASH: usize = 32;

/// The means of the Gaussians of an acoustic model, or another set of numbers in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussians {
    /// Codebooks: one per phone.
    pub codebooks: usize,
    /// Streams of a frame.
    pub streams: usize,
    /// Gaussians in each codebook for each stream.
    pub densities: usize,
    /// [`WIDTH`] numbers for each density of each stream of each codebook.
    pub numbers: Vec<f32>,
}

impl Gaussians {
    /// Reads a file of means or variances. Returns `None` when it is none, or its streams are not of [`WIDTH`] numbers.
    #[must_use]
    pub fn read(file: &[u8]) -> Option<Self> {
        let rest = file
            .strip_prefix(HEADER)
            .or_else(|| file.strip_prefix(UNCHECKED))?;
        let (words, _) = rest.as_chunks::<4>();
        let mut words = words.iter();
        let mut count = || words.next().map(|word| u32::from_le_bytes(*word) as usize);
        let (codebooks, streams, densities) = (count()?, count()?, count()?);
        for _ in 0..streams {
            if count()? != WIDTH {
                return None;
            }
        }
        let total = count()?;
        let expected = [codebooks, streams, densities, WIDTH]
            .into_iter()
            .try_fold(1_usize, usize::checked_mul)?;
        let numbers: Vec<f32> = words
            .take(total)
            .map(|word| f32::from_le_bytes(*word))
            .collect();
        (total == expected && numbers.len() == total).then_some(Self {
            codebooks,
            streams,
            densities,
            numbers,
        })
    }

    /// Returns the file of these numbers.
    #[must_use]
    pub fn file(&self) -> Vec<u8> {
        let mut file = UNCHECKED.to_vec();
        let counts = [self.codebooks, self.streams, self.densities];
        let widths = std::iter::repeat_n(WIDTH, self.streams);
        let counts = counts.into_iter().chain(widths).chain([self.numbers.len()]);
        file.extend(counts.flat_map(|count| (count as u32).to_le_bytes()));
        file.extend(self.numbers.iter().flat_map(|number| number.to_le_bytes()));
        file
    }

    /// Returns how many sets of numbers share their scales: one per stream of each codebook.
    fn groups(&self) -> usize {
        self.codebooks * self.streams
    }
}

/// Why a model was not adapted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Another model is installed.
    #[error(
        "the acoustic model that is installed is another than the one that was adapted to telephones; it is used as it is, and mishears more"
    )]
    OtherModel,
    /// The adaptation is damaged or of another form.
    #[error(
        "the adaptation of the acoustic model to telephones cannot be read; make it again with `make speech-model`"
    )]
    Damaged,
}

/// Returns the file of means for calls, from that of the package and the bytes of an adaptation.
///
/// # Errors
/// When the adaptation is for another model, or no adaptation.
pub fn adapted(means: &[u8], adaptation: &[u8]) -> Result<Vec<u8>, Unfit> {
    let (base, rest) = adaptation
        .split_first_chunk::<HASH>()
        .ok_or(Unfit::Damaged)?;
    if Sha256::digest(means)[..] != base[..] {
        return Err(Unfit::OtherModel);
    }
    let mut gaussians = Gaussians::read(means).ok_or(Unfit::OtherModel)?;
    let scales = gaussians.groups() * WIDTH;
    let (scales, steps) = rest.split_at_checked(4 * scales).ok_or(Unfit::Damaged)?;
    if steps.len() != gaussians.numbers.len() {
        return Err(Unfit::Damaged);
    }
    let (scales, _) = scales.as_chunks::<4>();
    let per_group = gaussians.densities * WIDTH;
    for (index, (number, step)) in gaussians.numbers.iter_mut().zip(steps).enumerate() {
        let scale = scales[index / per_group * WIDTH + index % WIDTH];
        *number += f32::from(step.cast_signed()) * f32::from_le_bytes(scale);
    }
    Ok(gaussians.file())
}

/// Returns the bytes of the adaptation that moves the means in the file `means` to those of `moved`, in steps of a 127th of
/// the farthest move of each number within its codebook and stream.
///
/// # Errors
/// When `means` is no file of means of the same form.
pub fn difference(means: &[u8], moved: &Gaussians) -> Result<Vec<u8>, Unfit> {
    let base = Gaussians::read(means).ok_or(Unfit::OtherModel)?;
    if base.numbers.len() != moved.numbers.len() {
        return Err(Unfit::OtherModel);
    }
    let per_group = base.densities * WIDTH;
    let moves: Vec<f32> = moved
        .numbers
        .iter()
        .zip(&base.numbers)
        .map(|(moved, base)| moved - base)
        .collect();
    let mut scales = vec![0.0_f32; base.groups() * WIDTH];
    for (index, step) in moves.iter().enumerate() {
        let scale = &mut scales[index / per_group * WIDTH + index % WIDTH];
        *scale = scale.max(step.abs() / 127.0);
    }
    let mut bytes = Sha256::digest(means).to_vec();
    bytes.extend(scales.iter().flat_map(|scale| scale.to_le_bytes()));
    for (index, step) in moves.iter().enumerate() {
        let scale = scales[index / per_group * WIDTH + index % WIDTH];
        let steps = if scale > 0.0 { step / scale } else { 0.0 };
        bytes.push((steps.round_ties_even() as i8).cast_unsigned());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn package() -> Vec<u8> {
        let folder = Path::new(super::super::DEFAULT_MODELS);
        fs::read(folder.join("en-us/means")).unwrap()
    }

    #[test]
    fn a_difference_moves_the_means_to_within_half_a_step() {
        let means = package();
        let base = Gaussians::read(&means).unwrap();
        let mut moved = base.clone();
        let numbers = moved.numbers.iter_mut().enumerate();
        numbers.for_each(|(index, number)| *number += (index % 23) as f32 * 0.1 - 1.1);
        let file = adapted(&means, &difference(&means, &moved).unwrap()).unwrap();
        let read = Gaussians::read(&file).unwrap();
        assert_eq!((read.codebooks, read.streams), (42, 3));
        for (read, moved) in read.numbers.iter().zip(&moved.numbers) {
            assert!((read - moved).abs() <= 0.51 * 1.1 / 127.0, "{read} {moved}");
        }
    }

    #[test]
    fn no_other_model_is_moved_and_nothing_broken_is_applied() {
        let means = package();
        let base = Gaussians::read(&means).unwrap();
        let nowhere = difference(&means, &base).unwrap();
        let same = adapted(&means, &nowhere).unwrap();
        assert_eq!(same, base.file());
        let mut other = means.clone();
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(adapted(&other, &nowhere), Err(Unfit::OtherModel));
        assert_eq!(adapted(&means, &[]), Err(Unfit::Damaged));
        for length in [31, 32, 1000, nowhere.len() - 1] {
            assert!(adapted(&means, &nowhere[..length]).is_err(), "{length}");
        }
        assert_eq!(Gaussians::read(&means[..1000]), None);
        assert_eq!(Gaussians::read(b"s3"), None);
    }
}
