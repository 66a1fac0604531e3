//! The sounds of a scenario as samples at 8 kHz: recordings read, tones and noises made, speech levelled.
//!
//! Decides loudness and shape, not when a sound is heard. Speaks no words: those come from a voice (`voice`). The
//! sounds of bodies and rooms are made in `noises`.

use std::{f32::consts::TAU, path::Path, sync::Arc, time::Duration};

use media::{
    Resampler,
    resample::RateError,
    tones::{Generator, Signal},
    wav,
};

use super::scenario::{Progress, Sound};
use crate::line::DialError;

pub(crate) mod noises;

/// Level of speech, in dB of full scale, measured over its louder parts: a usual level on telephone lines.
pub(crate) const SPEECH_LEVEL: f32 = -22.0;

/// Samples per second of everything here.
pub(crate) const RATE: u32 = 8000;

/// The longest recording that is read, in bytes: an hour at 8 kHz, a few minutes at the highest rates.
const LONGEST_RECORDING: u64 = 64 * 1024 * 1024;

/// Makes a sound; `None` for speech. Reads the disk for recordings, whose relative paths count from `folder`.
///
/// # Errors
/// When a recording cannot be used; the sentence names its file.
pub(super) fn make(
    sound: &Sound,
    folder: &Path,
    seed: u64,
) -> Result<Option<Arc<[i16]>>, DialError> {
    let samples = match sound {
        Sound::Speech(_) => return Ok(None),
        Sound::Samples(samples) => return Ok(Some(Arc::clone(samples))),
        Sound::Recording(file) => recording(&folder.join(file))?,
        Sound::Beep { hertz, length } => {
            let (hz, length) = (f64::from(*hertz), *length);
            tone(Signal::Beep { hz, length }, length)
        }
        Sound::Progress(progress, length) => {
            let signal = match progress {
                Progress::Ringback => Signal::Ringback,
                Progress::Busy => Signal::Busy,
                Progress::Sit => Signal::Sit,
            };
            tone(signal, *length)
        }
        Sound::Music(length) => music(*length),
        Sound::Cough => noises::cough(seed),
        Sound::Door => noises::door(seed),
    };
    Ok(Some(samples.into()))
}

/// Reads a WAV file as samples at 8 kHz, as loud as it is.
///
/// # Errors
/// When it cannot be read or is no WAV file with sound; the sentence names the file.
pub(super) fn recording(file: &Path) -> Result<Vec<i16>, DialError> {
    let fail = |why: &dyn std::fmt::Display| {
        DialError(format!(
            "The recording {} cannot be used: {why}.",
            file.display()
        ))
    };
    let metadata = std::fs::metadata(file).map_err(|error| fail(&error))?;
    if !metadata.is_file() {
        return Err(fail(&"it is not a file"));
    }
    if metadata.len() > LONGEST_RECORDING {
        let most = LONGEST_RECORDING / 1024 / 1024;
        return Err(fail(&format!(
            "it has more than {most} MiB; cut it into pieces"
        )));
    }
    let bytes = std::fs::read(file).map_err(|error| fail(&error))?;
    let sound = wav::read(&bytes).map_err(|error| fail(&error))?;
    resample(&sound.samples, sound.rate).map_err(|error| fail(&error))
}

/// Brings samples to 8 kHz.
///
/// # Errors
/// When the rate is beyond reason.
pub(crate) fn resample(samples: &[i16], rate: u32) -> Result<Vec<i16>, RateError> {
    resample_to(samples, rate, RATE)
}

/// Brings samples from one rate to another.
///
/// # Errors
/// When a rate is beyond reason.
pub(crate) fn resample_to(samples: &[i16], rate: u32, wanted: u32) -> Result<Vec<i16>, RateError> {
    if rate == wanted {
        return Ok(samples.to_vec());
    }
    let mut resampler = Resampler::new(rate, wanted)?;
    let mut out = Vec::with_capacity(samples.len() * wanted as usize / rate as usize + 1);
    resampler.process(samples, |piece| out.extend_from_slice(piece));
    resampler.finish(|piece| out.extend_from_slice(piece));
    Ok(out)
}

/// Brings speech of this rate to [`SPEECH_LEVEL`], so that every voice is as loud as the scenario's noise assumes.
pub(crate) fn level(samples: &mut [i16], rate: u32) {
    // Frames of 20 ms.
    let frames = samples.chunks((rate / 50).max(1) as usize).map(power);
    let loudest = frames.clone().fold(0.0, f32::max);
    // Frames 30 dB below the loudest are pauses.
    let (sum, count) = frames
        .filter(|power| *power > loudest / 1000.0)
        .fold((0.0, 0.0), |(sum, count), power| (sum + power, count + 1.0));
    if sum > 0.0 {
        let wanted = amplitude(SPEECH_LEVEL) * 32_768.0;
        media::mix::scale(samples, wanted / (sum / count).sqrt());
    }
}

pub(crate) fn power(samples: &[i16]) -> f32 {
    let sum: f32 = samples.iter().map(|&s| f32::from(s) * f32::from(s)).sum();
    sum / samples.len().max(1) as f32
}

pub(crate) fn amplitude(decibels: f32) -> f32 {
    10.0_f32.powf(decibels / 20.0)
}

fn samples(length: Duration) -> usize {
    (length.as_millis() * u128::from(RATE) / 1000) as usize
}

fn tone(signal: Signal, length: Duration) -> Vec<i16> {
    let mut out = vec![0; samples(length)];
    Generator::new(signal).fill(&mut out);
    out
}

/// Four chords, broken into notes of a quarter second with the overtones of a plucked string.
fn music(length: Duration) -> Vec<i16> {
    const CHORDS: [[f32; 4]; 4] = [
        [261.6, 329.6, 392.0, 523.3],
        [220.0, 329.6, 440.0, 523.3],
        [349.2, 440.0, 523.3, 698.5],
        [392.0, 493.9, 587.3, 784.0],
    ];
    const NOTE: usize = RATE as usize / 4;
    let mut out = vec![0.0; samples(length)];
    for (index, start) in (0..out.len()).step_by(NOTE).enumerate() {
        let chord = CHORDS[index / 8 % 4];
        // The tune, which rings on into the next notes, above the held root.
        pluck(
            &mut out[start..],
            chord[[0, 2, 1, 3, 2, 1, 3, 2][index % 8]],
            1.0,
        );
        if index % 4 == 0 {
            pluck(&mut out[start..], chord[0] / 2.0, 0.8);
        }
    }
    out.into_iter()
        .map(|sample| (sample * 2400.0) as i16)
        .collect()
}

/// Adds one note of a second.
fn pluck(out: &mut [f32], hertz: f32, loudness: f32) {
    for (at, sample) in out.iter_mut().take(RATE as usize).enumerate() {
        let time = at as f32 / RATE as f32;
        let envelope = loudness * (time / 0.01).min(1.0) * (-3.0 * time).exp() * (1.0 - time);
        let overtones = [1.0, 0.5, 0.25, 0.12].iter().zip([1.0, 2.0, 3.0, 4.0]);
        let wave: f32 = overtones
            .map(|(gain, n)| gain * (TAU * hertz * n * time).sin())
            .sum();
        *sample += envelope * wave;
    }
}
