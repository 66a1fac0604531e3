//! What the band repair is fitted on: speech as it went into a telephone beside what came out, in bands.
//!
//! Flite's voices and human ones speak, slower and faster too, which moves pitch and formants as other throats would: eight
//! voices become forty speakers. Loudness and noise vary as on real lines.

use agentphone::{
    bench::speech::sound,
    provider::pocketsphinx::{
        features::{LogMel, MelBands},
        repair::{CONTEXT, FIRST_GUESSED, GUESSED, INPUTS, inputs},
    },
};
use media::{Doubler, FRAME, Law, impair::Noise};

/// By how many samples the doubled telephone sound is late.
const LATE: usize = 30;
/// How much faster than it was synthesised speech is played.
const SPEEDS: [f64; 6] = [1.0, 0.86, 0.93, 1.0, 1.07, 1.15];
/// Frames softer than the loudest by this (natural logarithm of power) hold no speech.
const SOFT: f32 = 9.0;

/// One frame: what a guess is made from, and what should come out.
pub(crate) type Example = ([f32; INPUTS], [f32; GUESSED]);

/// Returns the examples of one sentence, spoken at 16 kHz. `index` chooses speed, loudness and noise.
pub(crate) fn examples(spoken: &[i16], index: usize, random: &mut fastrand::Rng) -> Vec<Example> {
    let speed = SPEEDS[index % SPEEDS.len()];
    let played = (f64::from(sound::WIDEBAND) / speed / 100.0).round() as u32 * 100;
    let mut spoken = sound::resampled(spoken, sound::WIDEBAND, played);
    sound::level(&mut spoken);
    let gain = 10_f64.powf((random.f64() * 12.0 - 6.0) / 20.0);
    for sample in &mut spoken {
        *sample = (f64::from(*sample) * gain).clamp(-32_768.0, 32_767.0) as i16;
    }
    // Rooms are never silent, and the logarithm of nothing teaches nothing.
    Noise::new(-45.0 - 30.0 * random.f32(), index as u64).add(&mut spoken);
    let narrow = bands(&telephone(&spoken));
    let mut wide = vec![0; LATE];
    wide.extend_from_slice(&spoken);
    let wide = bands(&wide);
    let loudest = narrow.iter().map(loudness).fold(f32::MIN, f32::max);
    let middle = wide.iter().skip(CONTEXT);
    narrow
        .windows(2 * CONTEXT + 1)
        .zip(middle)
        .filter(|(around, _)| loudness(&around[CONTEXT]) >= loudest - SOFT)
        .map(|(around, wide)| {
            let (inputs, level) = inputs(around.iter());
            (
                inputs,
                std::array::from_fn(|band| wide[FIRST_GUESSED + band] - level),
            )
        })
        .collect()
}

fn bands(sound: &[i16]) -> Vec<LogMel> {
    let mut frames = Vec::new();
    MelBands::new().push(sound, &mut frames);
    frames
}

fn loudness(frame: &LogMel) -> f32 {
    frame[..FIRST_GUESSED].iter().sum::<f32>() / FIRST_GUESSED as f32
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
