//! Where a recording sounds and where it pauses, by energy alone: the truth that the figures are counted from.
//!
//! Frames of 10 ms are loud when their level is above -50 dBFS and within 35 dB of the loudest frame. Stretches shorter
//! than 30 ms that stand apart by more than 100 ms are clicks and count as silence. Deliberately simple, and not the
//! detection under test, with which it shares nothing.

use std::ops::Range;

/// Samples of a frame: 10 ms at 8 kHz.
const FRAME: usize = 80;
/// A frame below this level, in dBFS, is silent whatever else is heard.
const LEAST: f32 = -50.0;
/// A frame this much weaker than the loudest one, in dB, is silent.
const BELOW_PEAK: f32 = 35.0;
/// Loud stretches shorter than this many frames are clicks …
const CLICK: usize = 3;
/// … when no other sound is nearer than this many frames.
const APART: usize = 10;
/// Silences between loud frames that count as pauses: 200 ms.
pub(crate) const PAUSE: usize = 1600;

/// Where there is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voiced {
    /// From the first loud sample to just behind the last.
    pub range: Range<usize>,
    /// Silences of at least 200 ms inside it.
    pub pauses: Vec<Range<usize>>,
}

/// Finds the sound in samples at 8 kHz; `None` when there is none.
#[must_use]
pub(crate) fn find(samples: &[i16]) -> Option<Voiced> {
    find_against(samples, loudest(samples))
}

/// Finds the sound in a piece of something whose loudest frame had this level in dBFS.
pub(crate) fn find_against(samples: &[i16], loudest: f32) -> Option<Voiced> {
    let threshold = LEAST.max(loudest - BELOW_PEAK);
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for (index, frame) in samples.chunks(FRAME).enumerate() {
        if level(frame) <= threshold {
            continue;
        }
        match stretches.last_mut() {
            Some(last) if last.end == index => last.end += 1,
            _ => stretches.push(index..index + 1),
        }
    }
    let clicks: Vec<bool> = (0..stretches.len())
        .map(|at| is_click(&stretches, at))
        .collect();
    let mut click = clicks.into_iter();
    stretches.retain(|_| !click.next().unwrap_or_default());
    let range =
        stretches.first()?.start * FRAME..(stretches.last()?.end * FRAME).min(samples.len());
    let pauses = stretches
        .windows(2)
        .map(|pair| pair[0].end * FRAME..pair[1].start * FRAME)
        .filter(|pause| pause.len() >= PAUSE)
        .collect();
    Some(Voiced { range, pauses })
}

fn is_click(stretches: &[Range<usize>], at: usize) -> bool {
    let stretch = &stretches[at];
    let before = at
        .checked_sub(1)
        .map(|before| stretch.start - stretches[before].end);
    let behind = stretches
        .get(at + 1)
        .map(|behind| behind.start - stretch.end);
    let nearest = before.into_iter().chain(behind).min();
    stretch.len() < CLICK && nearest.is_none_or(|gap| gap > APART)
}

/// Returns the level of the loudest frame, in dBFS.
pub(crate) fn loudest(samples: &[i16]) -> f32 {
    samples.chunks(FRAME).map(level).fold(-96.0, f32::max)
}

/// Returns the level of samples, in dBFS against a full-scale square wave; -96 at least.
pub(crate) fn level(samples: &[i16]) -> f32 {
    let sum: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    let mean = sum / samples.len().max(1) as f64 / (32_768.0 * 32_768.0);
    (10.0 * mean.max(1e-10).log10()).max(-96.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buzz of this amplitude in every range, silence elsewhere.
    fn sound(length: usize, loud: &[(Range<usize>, i16)]) -> Vec<i16> {
        let mut samples = vec![0; length];
        for (range, amplitude) in loud {
            for at in range.clone() {
                samples[at] = if at % 20 < 10 { *amplitude } else { -amplitude };
            }
        }
        samples
    }

    #[test]
    fn sound_and_its_pauses_are_found_to_ten_milliseconds() {
        let samples = sound(
            16_000,
            &[(1600..3200, 3000), (4000..4800, 3000), (8000..12_000, 3000)],
        );
        let found = find(&samples).unwrap();
        assert_eq!(found.range, 1600..12_000);
        // 100 ms are a gap between words, 400 ms a pause.
        assert_eq!(found.pauses, vec![4800..8000]);
    }

    #[test]
    fn clicks_and_faint_sound_are_silence_and_a_lone_word_is_not() {
        let samples = sound(
            16_000,
            &[(800..880, 9000), (4000..6400, 9000), (9600..12_000, 100)],
        );
        assert_eq!(find(&samples).unwrap().range, 4000..6400);
        assert_eq!(find(&sound(8000, &[(80..8000, 90)])), None);
        assert_eq!(find(&[]), None);
        // A plosive just before a vowel belongs to it.
        let samples = sound(8000, &[(800..960, 9000), (1440..3200, 9000)]);
        assert_eq!(find(&samples).unwrap().range, 800..3200);
    }
}
