//! Sound to features, as the acoustic model was trained on them: 25 log-mel bands every 10 ms, then 13 cepstra.
//!
//! This is sphinxbase's front end (`fe_sigproc.c`) with the settings of the model's `feat.params`, except that its
//! noise removal is left out. It exists here because a band-limited sound is repaired between the two steps
//! (`repair`). Mean normalisation and derivatives are the recogniser's own.

use std::{f32::consts::PI, fmt, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

/// Bands of a frame.
pub const BANDS: usize = 25;
/// Cepstra of a frame.
pub const CEPSTRA: usize = native::pocketsphinx::CEPSTRA;
/// Natural logarithms of the power in each band.
pub type LogMel = [f32; BANDS];

const RATE: f32 = 16_000.0;
/// Samples between frames: 10 ms.
pub const HOP: usize = 160;
/// Samples in a frame: 25.625 ms.
const WINDOW: usize = 410;
const FFT: usize = 512;
const LOWEST: f32 = 130.0;
const HIGHEST: f32 = 6800.0;
const PREEMPHASIS: f32 = 0.97;
/// Power that counts as nothing, of samples that reach 32767.
const FLOOR: f32 = 1e-4;
const LIFTER: f32 = 22.0;

/// Cuts sound into frames and measures their bands.
pub struct MelBands {
    fft: Arc<dyn RealToComplex<f32>>,
    hamming: Vec<f32>,
    filters: Vec<Filter>,
    /// Samples of frames that are not complete; starts at the next frame's first sample.
    samples: Vec<f32>,
    /// The sample before that.
    before: f32,
    input: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

/// A triangle over the spectrum.
struct Filter {
    first: usize,
    weights: Vec<f32>,
}

impl MelBands {
    /// Makes the tables.
    #[must_use]
    pub fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(FFT);
        let hamming = (0..WINDOW)
            .map(|i| 0.54 - 0.46 * (2.0 * PI * i as f32 / (WINDOW - 1) as f32).cos())
            .collect();
        Self {
            input: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
            hamming,
            filters: filters(),
            samples: Vec::with_capacity(2 * WINDOW),
            before: 0.0,
        }
    }

    /// Begins a new stretch of sound.
    pub fn reset(&mut self) {
        self.samples.clear();
        self.before = 0.0;
    }

    /// Takes 16 kHz samples and appends every frame that they complete.
    pub fn push(&mut self, samples: &[i16], frames: &mut Vec<LogMel>) {
        self.samples.extend(samples.iter().map(|s| f32::from(*s)));
        let mut from = 0;
        while self.samples.len() - from >= WINDOW {
            frames.push(self.frame(from));
            self.before = self.samples[from + HOP - 1];
            from += HOP;
        }
        self.samples.drain(..from);
    }

    fn frame(&mut self, from: usize) -> LogMel {
        let frame = &self.samples[from..from + WINDOW];
        let mut before = self.before;
        for ((slot, sample), window) in self.input.iter_mut().zip(frame).zip(&self.hamming) {
            *slot = (sample - PREEMPHASIS * before) * window;
            before = *sample;
        }
        self.input[WINDOW..].fill(0.0);
        self.fft
            .process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch)
            .expect("all three buffers were made by this transform");
        std::array::from_fn(|band| {
            let filter = &self.filters[band];
            let power: f32 = self.spectrum[filter.first..]
                .iter()
                .zip(&filter.weights)
                .map(|(bin, weight)| bin.norm_sqr() * weight)
                .sum();
            (power + FLOOR).ln()
        })
    }
}

impl Default for MelBands {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MelBands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MelBands")
            .field("waiting", &self.samples.len())
            .finish_non_exhaustive()
    }
}

/// Returns the triangles: equally spaced in mel, corners rounded to the spectrum's points, each of unit area.
fn filters() -> Vec<Filter> {
    let mel = |hertz: f32| 2595.0 * (1.0 + hertz / 700.0).log10();
    let hertz = |mel: f32| 700.0 * (10.0_f32.powf(mel / 2595.0) - 1.0);
    let step = RATE / FFT as f32;
    let (low, high) = (mel(LOWEST), mel(HIGHEST));
    let width = (high - low) / (BANDS + 1) as f32;
    let corner = |index: usize| {
        let point = hertz(low + index as f32 * width) / step;
        (point + 0.5).floor() * step
    };
    (0..BANDS)
        .map(|band| {
            let (left, centre, right) = (corner(band), corner(band + 1), corner(band + 2));
            let area = 2.0 / (right - left);
            let first = (left / step).round() as usize;
            let last = (right / step).round() as usize;
            let weights = (first..=last)
                .map(|bin| {
                    let at = bin as f32 * step;
                    let rising = (at - left) / (centre - left);
                    let falling = (right - at) / (right - centre);
                    rising.min(falling) * area
                })
                .collect();
            Filter { first, weights }
        })
        .collect()
}

/// Turns bands into liftered cepstra.
#[derive(Debug)]
pub struct Cepstra {
    /// Row per cepstrum: the cosine basis with its scale and lifter.
    basis: [[f32; BANDS]; CEPSTRA],
}

impl Cepstra {
    /// Makes the tables.
    #[must_use]
    pub fn new() -> Self {
        let bands = BANDS as f32;
        Self {
            basis: std::array::from_fn(|i| {
                let order = i as f32;
                let scale = if i == 0 { 1.0 / bands } else { 2.0 / bands }.sqrt();
                let lifter = 1.0 + LIFTER / 2.0 * (order * PI / LIFTER).sin();
                std::array::from_fn(|band| {
                    (PI / bands * order * (band as f32 + 0.5)).cos() * scale * lifter
                })
            }),
        }
    }

    /// Returns the cepstra of a frame.
    #[must_use]
    pub fn of(&self, bands: &LogMel) -> [f32; CEPSTRA] {
        self.basis.map(|row| {
            row.iter()
                .zip(bands)
                .map(|(basis, band)| basis * band)
                .sum()
        })
    }
}

impl Default for Cepstra {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use native::{
        flite::{Next, Voice},
        pocketsphinx::{Decoder, Model, Setting},
    };

    use super::*;

    fn speech() -> Vec<i16> {
        let mut sound = Vec::new();
        Voice::Kal16
            .speak("A table for two at seven thirty.", |piece| {
                sound.extend_from_slice(piece.samples);
                Next::More
            })
            .unwrap();
        sound
    }

    fn frames(sound: &[i16], chunk: usize) -> Vec<LogMel> {
        let (mut bands, mut frames) = (MelBands::new(), Vec::new());
        for piece in sound.chunks(chunk) {
            bands.push(piece, &mut frames);
        }
        frames
    }

    #[test]
    fn frames_do_not_depend_on_how_the_sound_is_cut() {
        let sound = speech();
        let whole = frames(&sound, sound.len());
        assert_eq!(whole.len(), (sound.len() - WINDOW) / HOP + 1);
        assert_eq!(frames(&sound, 1), whole);
        assert_eq!(frames(&sound, 333), whole);
    }

    #[test]
    fn cepstra_are_those_of_the_models_own_front_end() {
        let models = Path::new(super::super::DEFAULT_MODELS);
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().to_string_lossy().into_owned();
        let mut decoder = Decoder::new(&Model {
            acoustic: models.join("en-us"),
            dictionary: models.join("cmudict-en-us.dict"),
            language: vec![(models.join("en-us.lm.bin"), 1.0)],
            options: vec![
                ("-mfclogdir", Setting::Text(log)),
                ("-remove_noise", Setting::Int(0)),
                ("-remove_silence", Setting::Int(0)),
            ],
        })
        .unwrap();
        let sound = speech();
        decoder.start().unwrap();
        decoder.process_raw(&sound).unwrap();
        decoder.end().unwrap();
        drop(decoder);

        let file = std::fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        let (numbers, _) = bytes[4..].as_chunks::<4>();
        let theirs: Vec<f32> = numbers.iter().map(|n| f32::from_ne_bytes(*n)).collect();
        let cepstra = Cepstra::new();
        let ours = frames(&sound, 320);
        assert!(ours.len() > 100);
        for (index, (bands, theirs)) in ours.iter().zip(theirs.chunks(CEPSTRA)).enumerate() {
            for (ours, theirs) in cepstra.of(bands).iter().zip(theirs) {
                assert!(
                    (ours - theirs).abs() < 0.01,
                    "frame {index}: {ours} is not {theirs}"
                );
            }
        }
    }
}
