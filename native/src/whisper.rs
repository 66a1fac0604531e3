//! whisper.cpp: one model, shared by as many states as there are threads; words of a piece of sound.
//!
//! Known faults of the library are kept out here: a file that would make it throw is refused before it sees it ([`file`]),
//! the abort callback is the plain C one (the closure of whisper-rs 0.16 is called through a wrong pointer), and parameters
//! are made once and cloned, for their strings are never freed. What a state computes cannot be stopped inside a pass of the
//! encoder: a stop takes effect after it.

use std::{
    ffi::c_void,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState,
};

pub mod file;

/// Samples in a second.
const RATE: usize = 16_000;
/// Positions of the encoder in a second of sound.
const POSITIONS: usize = 50;
/// The fewest positions to compute. With fewer than these the words get worse before they get cheaper.
const POSITIONS_MIN: usize = 256;
/// Sound up to which words come in one segment by one pass, however the model divides it: 6 s.
const SHORT: usize = 6 * RATE;
/// Silence that is added behind the sound, so that the last word is not at the edge.
const PAD: usize = RATE / 2;
/// The least sound that the library takes: a little more than a second.
const LEAST: usize = RATE + RATE / 10;

/// Why there are no words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file is not a model, or not all of one.
    #[error("{0}")]
    File(String),
    /// The library refused.
    #[error("whisper.cpp could not {0}")]
    Failed(&'static str),
    /// It was asked to stop.
    #[error("it was stopped")]
    Stopped,
}

/// A loaded model. Cheap to share.
pub struct Model {
    context: WhisperContext,
    positions: usize,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").finish_non_exhaustive()
    }
}

/// What one thread computes with.
pub struct State {
    state: WhisperState,
    /// One for each language that was asked for: making them leaks a few bytes.
    params: Vec<(String, FullParams<'static, 'static>)>,
    multilingual: bool,
    positions: usize,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

/// Words of a stretch of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The words.
    pub text: String,
    /// Where they end, from the start of the sound.
    pub end: Duration,
}

impl Model {
    /// Loads a model file of whisper.cpp (`ggml`), after looking whether it is one.
    ///
    /// # Errors
    /// When the file is not a whole model, or the library cannot load it.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let header = file::inspect(path)?;
        whisper_rs::install_logging_hooks();
        let parameters = WhisperContextParameters::default();
        let context = WhisperContext::new_with_params(path, parameters)
            .map_err(|_| Error::Failed("load the model"))?;
        Ok(Self {
            context,
            positions: header.audio_positions,
        })
    }

    /// Returns whether it knows other languages than English.
    #[must_use]
    pub fn is_multilingual(&self) -> bool {
        self.context.is_multilingual()
    }

    /// Makes what a thread needs to compute; some tens of megabytes.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn state(&self) -> Result<State, Error> {
        let state = self
            .context
            .create_state()
            .map_err(|_| Error::Failed("make a state"))?;
        Ok(State {
            state,
            params: Vec::new(),
            multilingual: self.is_multilingual(),
            positions: self.positions,
        })
    }
}

impl State {
    /// Returns the words of `samples` (16 kHz mono, at most 30 s are looked at). `language` is a code of two letters, or
    /// `auto`; a model that knows English only takes no other. It stops soon after `stop` becomes true.
    ///
    /// # Errors
    /// [`Error::Stopped`] after a stop, [`Error::Failed`] when the library fails; the state can be used again either way.
    pub fn transcribe(
        &mut self,
        samples: &[i16],
        language: &str,
        stop: &AtomicBool,
    ) -> Result<Vec<Segment>, Error> {
        let samples = &samples[..samples.len().min(30 * RATE)];
        let mut sound: Vec<f32> = samples.iter().map(|s| f32::from(*s) / 32_768.0).collect();
        sound.resize((sound.len() + PAD).max(LEAST), 0.0);
        let mut params = self.params(language);
        let positions = (sound.len() * POSITIONS).div_ceil(RATE) + 1;
        // As many positions as there is sound: the cost of the encoder falls with them.
        let positions = positions.max(POSITIONS_MIN).min(self.positions);
        params.set_single_segment(samples.len() <= SHORT);
        params.set_audio_ctx(i32::try_from(positions).unwrap_or_default());
        let flag = std::ptr::from_ref(stop).cast_mut().cast::<c_void>();
        // SAFETY: `should_stop` only reads an `AtomicBool` through the pointer, and the library calls it only inside
        // `full` below, while `stop` is borrowed.
        unsafe {
            params.set_abort_callback(Some(should_stop));
            params.set_abort_callback_user_data(flag);
        }
        let done = self.state.full(params, &sound);
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        done.map_err(|_| Error::Failed("recognise the sound"))?;
        let length = Duration::from_millis((samples.len() / (RATE / 1000)) as u64);
        let segments = self.state.as_iter().map(|segment| Segment {
            text: segment.to_str_lossy().unwrap_or_default().trim().to_owned(),
            // Hundredths of a second.
            end: Duration::from_millis(segment.end_timestamp().unsigned_abs() * 10).min(length),
        });
        Ok(segments
            .filter(|segment| !segment.text.is_empty())
            .collect())
    }

    fn params(&mut self, language: &str) -> FullParams<'static, 'static> {
        let language = if self.multilingual { language } else { "en" };
        if let Some((_, known)) = self.params.iter().find(|(known, _)| known == language) {
            return known.clone();
        }
        let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        // More threads than cores that are free are slower than one: they wait for each other by spinning.
        params.set_n_threads(1);
        // The string is leaked, once for each language.
        let known: &'static str = Box::leak(language.to_owned().into_boxed_str());
        params.set_language(Some(known));
        params.set_no_context(true);
        params.set_suppress_blank(true);
        params.set_suppress_nst(true);
        // No second try at another temperature: it costs as much again, when somebody waits.
        params.set_temperature_inc(0.0);
        params.set_print_special(false);
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_timestamps(false);
        self.params.push((language.to_owned(), params.clone()));
        params
    }
}

/// The library asks whether to go on.
unsafe extern "C" fn should_stop(flag: *mut c_void) -> bool {
    // SAFETY: the library hands back the pointer that was set beside this function; see there.
    let flag = unsafe { &*flag.cast::<AtomicBool>() };
    flag.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests;
