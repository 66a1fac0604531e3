//! PocketSphinx as the ear: US English, offline, streaming, one worker process per call.
//!
//! A call's decoder and its running cepstral mean live in the worker, which knows nothing of calls; this side cuts
//! the sound into utterances (`gate`), keeps a worker ready (`pool`), and survives the worker's death (`session`).
//! Dropping the stream ends the call's worker.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use tokio::sync::mpsc;

use super::{
    BoxFuture, ProviderError, ProviderErrorKind, SpeechToText, SttOptions, SttStream, is_english,
};

pub mod acoustic;
pub mod features;
mod floor;
pub mod front;
pub(in crate::provider) mod gate;
pub mod lockstep;
mod normalise;
mod pool;
pub mod recogniser;
pub mod repair;
mod session;
mod steps;
pub(in crate::provider) mod wire;
mod worker;

pub use steps::Steps;

/// Where Debian's package `pocketsphinx-en-us` puts the models.
pub const DEFAULT_MODELS: &str = "/usr/share/pocketsphinx/model/en-us";
/// Frames and flushes on their way in: one second. When full, the driver drops the oldest sound.
const INPUT: usize = 50;
/// Words on their way out. The session waits when they are not fetched, and merges partials.
const EVENTS: usize = 16;

/// The recogniser as a service of this program.
#[derive(Debug)]
pub struct PocketSphinx {
    models: PathBuf,
    pool: Arc<pool::Pool>,
}

impl PocketSphinx {
    /// Makes the service over the models in this folder ([`DEFAULT_MODELS`] on Debian), whose workers are this very
    /// program.
    ///
    /// # Errors
    /// When the program cannot tell its own path.
    pub fn new(models: &Path) -> Result<Self, ProviderError> {
        let program = env::current_exe().map_err(|error| {
            let message = format!("the program cannot find itself to start workers: {error}");
            ProviderError::new(ProviderErrorKind::Unavailable, message)
        })?;
        Ok(Self::with_program(models, &program))
    }

    /// As [`PocketSphinx::new`], with the program to start as `PROGRAM worker speech FOLDER`.
    #[must_use]
    pub fn with_program(models: &Path, program: &Path) -> Self {
        Self {
            models: models.to_owned(),
            pool: Arc::new(pool::Pool::new(program.to_owned(), models.to_owned())),
        }
    }

    /// Starts a worker ahead of the first call, and warns when its acoustic model cannot be adapted to telephones. Must be
    /// called inside the runtime.
    pub fn prepare(&self) {
        if self.complete().is_ok()
            && let Err(reason) = recogniser::adaptable(&self.models)
        {
            tracing::warn!(models = %self.models.display(), "{reason}");
        }
        self.pool.prepare();
    }

    /// Returns what is in use.
    ///
    /// # Errors
    /// A sentence that says what is missing and how to get it.
    pub fn check(&self) -> Result<String, String> {
        self.complete()?;
        let adapted = match recogniser::adaptable(&self.models) {
            Ok(()) => String::new(),
            Err(reason) => format!("; {reason}"),
        };
        Ok(format!(
            "PocketSphinx, US English, models in {}{adapted}",
            self.models.display()
        ))
    }

    /// Returns whether no model is missing.
    fn complete(&self) -> Result<(), String> {
        let needed = ["en-us/mdef", "en-us/means", "en-us.lm.bin"];
        for file in needed {
            let path = self.models.join(file);
            if !path.is_file() {
                return Err(format!(
                    "the speech model {} is missing; install the package pocketsphinx-en-us, or set the model folder",
                    path.display()
                ));
            }
        }
        Ok(())
    }
}

impl SpeechToText for PocketSphinx {
    fn name(&self) -> &'static str {
        "pocketsphinx"
    }

    fn understands(&self, language: &str) -> bool {
        is_english(language)
    }

    fn open(&self, options: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        Box::pin(async move {
            if !self.understands(&options.language) {
                return Err(ProviderError::new(
                    ProviderErrorKind::Unsupported,
                    format!(
                        "PocketSphinx understands English only, not {}; choose another recogniser for this language",
                        options.language
                    ),
                ));
            }
            let unavailable =
                |message: String| ProviderError::new(ProviderErrorKind::Unavailable, message);
            self.complete().map_err(unavailable)?;
            let worker = self.pool.take().map_err(|error| {
                unavailable(format!(
                    "no worker for speech recognition can be started: {error}"
                ))
            })?;
            let (input, orders) = mpsc::channel(INPUT);
            let (out, events) = mpsc::channel(EVENTS);
            let session = session::Session::new(Arc::clone(&self.pool), worker, options);
            tokio::spawn(session.run(orders, out));
            Ok(SttStream { input, events })
        })
    }
}

/// Returns our language model of phone conversations, in ARPA's format, for what else is counted from it.
#[must_use]
pub fn phone_model() -> &'static str {
    recogniser::phone_model()
}

/// Runs a worker; see [`crate::worker`].
pub(crate) fn run_worker(models: &Path) -> ExitCode {
    worker::run(models)
}
