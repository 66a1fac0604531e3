//! What the band repair is fitted on: speech as it was spoken beside what comes out of a telephone, in bands.
//!
//! Flite's voices and human ones speak, slower and faster too, which moves pitch and formants as other throats would: eight
//! voices become forty speakers. Loudness varies as on real lines, and so does what is heard beside the voice: nearly
//! nothing, noise of several colours, other people.

use std::ops::Range;

use agentphone::{
    bench::speech::sound,
    provider::pocketsphinx::{
        features::{LogMel, MelBands},
        repair::{Around, LOWER, NOISY, Shape},
    },
};
use media::{Doubler, FRAME, Law, impair::Noise};

/// By how many samples the doubled telephone sound is late.
const LATE: usize = 30;
/// How much faster than it was synthesised speech is played.
const SPEEDS: [f64; 6] = [1.0, 0.86, 0.93, 1.0, 1.07, 1.15];
/// Frames softer than the loudest by this (natural logarithm of power) hold no speech …
const SOFT: f32 = 9.0;
/// … and only every so many-th of them is an example.
const SOFT_EVERY: usize = 4;
/// Silence before a sentence, as the gate gives it: 100 to 400 ms, in samples.
const BEFORE: Range<usize> = 1_600..6_400;
/// Silence after a sentence that is heard, until the flush: 200 ms, in samples.
const AFTER: usize = 3_200;
/// Of so many noisy lines, one is full of voices.
const CROWDED: usize = 5;
/// How loud a sentence is, in dBFS (`sound::level`).
const VOICE: f32 = -22.0;
/// Voices in a crowd.
const TALKERS: usize = 5;

/// How loud a room is that nobody notices, and one that is heard, in dBFS.
const SILENT_ROOM: Range<f32> = -75.0..-55.0;
const ROOM: Range<f32> = -75.0..-45.0;
/// How loud the noise of a noisy line is; voices are at -22 dBFS.
const NOISE: Range<f32> = -68.0..-26.0;

/// One frame: what a guess is made from, and what should come out.
pub(crate) type Example = (Vec<f32>, Vec<f32>);

/// Makes examples of sentences.
#[derive(Debug)]
pub(crate) struct Telephone {
    random: fastrand::Rng,
    /// Sentences before, for a crowd.
    others: Vec<Vec<i16>>,
}

impl Telephone {
    pub(crate) fn new(random: fastrand::Rng) -> Self {
        Self {
            random,
            others: Vec::new(),
        }
    }

    /// Returns the examples of one sentence, spoken at 16 kHz, for a network of this shape. `index` chooses the speed.
    pub(crate) fn examples(&mut self, spoken: &[i16], index: usize, shape: Shape) -> Vec<Example> {
        let noisy = shape == NOISY;
        let [spoken, heard] = self.called(spoken, index, noisy);
        let mut pairs = pairs(&spoken, &heard, if noisy { SOFT_EVERY } else { usize::MAX });
        for (inputs, outputs) in &mut pairs {
            inputs.truncate(shape.inputs);
            outputs.drain(..outputs.len() - shape.outputs);
        }
        pairs
    }

    /// Returns one sentence, spoken at 16 kHz, as it is said in a call, and the same with what is heard beside it on a
    /// noisy line, before the telephone. `index` chooses the speed.
    fn called(&mut self, spoken: &[i16], index: usize, noisy: bool) -> [Vec<i16>; 2] {
        let speed = SPEEDS[index % SPEEDS.len()];
        let played = (f64::from(sound::WIDEBAND) / speed / 100.0).round() as u32 * 100;
        let mut sentence = sound::resampled(spoken, sound::WIDEBAND, played);
        sound::level(&mut sentence);
        let mut spoken = vec![0; self.random.usize(BEFORE)];
        spoken.extend_from_slice(&sentence);
        // Rooms are never silent, and the logarithm of nothing teaches nothing.
        let room = self.between(if noisy { SILENT_ROOM } else { ROOM });
        Noise::new(room, self.random.u64(..)).add(&mut spoken);
        let mut heard = spoken.clone();
        if noisy {
            self.lay_over(&mut heard);
            self.others.push(sentence);
        }
        let gain = 10_f32.powf(self.between(-6.0..6.0) / 20.0);
        media::mix::scale(&mut spoken, gain);
        media::mix::scale(&mut heard, gain);
        [spoken, heard]
    }

    /// Returns one sentence, spoken at 16 kHz, as it comes out of a call's uplink. `index` chooses the speed.
    pub(crate) fn heard(&mut self, spoken: &[i16], index: usize, noisy: bool) -> Vec<i16> {
        let mut spoken = spoken.to_vec();
        spoken.resize(spoken.len() + AFTER, 0);
        let [_, heard] = self.called(&spoken, index, noisy);
        telephone(&heard)
    }

    fn between(&mut self, range: Range<f32>) -> f32 {
        range.start + (range.end - range.start) * self.random.f32()
    }

    /// Adds what is heard beside the voice.
    fn lay_over(&mut self, sound: &mut [i16]) {
        let level = self.between(NOISE);
        let crowded = self.random.usize(..CROWDED) == 0 && self.others.len() >= TALKERS;
        if !crowded && self.random.bool() {
            Noise::new(level, self.random.u64(..)).add(sound);
        } else if !crowded {
            coloured(sound, level, &mut self.random);
        } else {
            let each = 10_f32.powf((level - VOICE) / 20.0) / (TALKERS as f32).sqrt();
            for _ in 0..TALKERS {
                let other = &self.others[self.random.usize(..self.others.len())];
                let from = self.random.usize(..other.len());
                let talk = other.iter().cycle().skip(from).take(sound.len());
                let mut talk: Vec<i16> = talk.copied().collect();
                media::mix::scale(&mut talk, each);
                media::mix::add(sound, &talk);
            }
        }
    }
}

/// Returns an example for every frame with speech, and for every so many-th without.
fn pairs(spoken: &[i16], heard: &[i16], soft_every: usize) -> Vec<Example> {
    let narrow = bands(&telephone(heard));
    let mut late = vec![0; LATE];
    late.extend_from_slice(spoken);
    let wide = bands(&late);
    let loudest = wide.iter().map(loudness).fold(f32::MIN, f32::max);
    let mut around = Around::new();
    let questions = narrow.iter().filter_map(|frame| around.push(*frame));
    let mut soft = 0_usize;
    questions
        .zip(&wide)
        .filter(|(_, wide)| {
            let speech = loudness(wide) >= loudest - SOFT;
            soft += usize::from(!speech);
            speech || soft.is_multiple_of(soft_every)
        })
        .map(|(asked, wide)| {
            let outputs = wide.iter().enumerate().map(|(band, wide)| {
                let from = if band < LOWER {
                    asked.frame[band]
                } else {
                    asked.level
                };
                wide - from
            });
            (asked.inputs.to_vec(), outputs.collect())
        })
        .collect()
}

/// Adds noise of another colour each time: white noise through one pole, from rumbling to hissing, of a level in dBFS.
fn coloured(sound: &mut [i16], level: f32, random: &mut fastrand::Rng) {
    let pole = random.f32() * 1.9 - 0.95;
    // The pole passes 1/(1-p²) of the power 1/3 of even noise of ±1.
    let scale = 32_768.0 * 10_f32.powf(level / 20.0) * (3.0 * (1.0 - pole * pole)).sqrt();
    let mut state = 0.0;
    for sample in sound {
        state = pole * state + random.f32() * 2.0 - 1.0;
        *sample = (f32::from(*sample) + scale * state).round_ties_even() as i16;
    }
}

fn bands(sound: &[i16]) -> Vec<LogMel> {
    let mut frames = Vec::new();
    MelBands::new().push(sound, &mut frames);
    frames
}

fn loudness(frame: &LogMel) -> f32 {
    frame[..LOWER].iter().sum::<f32>() / LOWER as f32
}

/// Returns sound at 16 kHz as it comes out of a call's uplink, again at 16 kHz.
fn telephone(wide: &[i16]) -> Vec<i16> {
    let narrow = sound::resampled(wide, sound::WIDEBAND, sound::TELEPHONE);
    let mut doubler = Doubler::new();
    let mut out = Vec::with_capacity(wide.len());
    for frame in narrow.as_chunks::<FRAME>().0 {
        let mut codes = [0; FRAME];
        Law::Mu.encode(frame, &mut codes);
        let decoded = codes.map(|code| Law::Mu.decode_byte(code));
        out.extend_from_slice(doubler.process(&decoded));
    }
    out
}

#[cfg(test)]
mod tests {
    use native::flite::Voice;

    use super::*;

    #[test]
    fn both_sides_of_the_telephone_are_aligned() {
        // Below the telephone's limit the two must be the same, frame by frame, wherever there is speech.
        let mut spoken = sound::spoken(Voice::Kal16, "A table for two, please.").unwrap();
        sound::level(&mut spoken);
        let narrow = bands(&telephone(&spoken));
        let mut late = vec![0; LATE];
        late.extend_from_slice(&spoken);
        let (aligned, early) = (bands(&late), bands(&late[LATE..]));
        let difference = |wide: &[LogMel]| -> f32 {
            let speech = narrow.iter().zip(wide).filter(|(n, _)| loudness(n) > 10.0);
            let (sum, count) = speech.fold((0.0, 0), |(sum, count), (n, w)| {
                let bands = n[2..15].iter().zip(&w[2..15]);
                (
                    sum + bands.map(|(a, b)| (a - b).abs()).sum::<f32>(),
                    count + 13,
                )
            });
            sum / count as f32
        };
        assert!(difference(&aligned) < 0.3, "{}", difference(&aligned));
        assert!(difference(&aligned) < 0.5 * difference(&early));
    }
}
