//! Whisper as the ear: whisper.cpp with a model file of the operator's, offline, in worker processes of this program.
//!
//! A worker loads the model once and works for all calls; what it computes with is bounded, and it is replaced when it dies
//! or hangs (`pool`). Utterances are cut and looked at by [`super::utterance`]. Which models there are, and whether a file is
//! one, is in [`models`]. Dropping the stream cancels its jobs.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use super::{
    BoxFuture, ProviderError, ProviderErrorKind, SpeechToText, SttOptions, SttStream, is_english,
    utterance::{self, Segment, Sound, Transcriber},
};
use crate::driver::clock;

pub mod models;
mod pool;
mod wire;
mod worker;

/// How long the final words of an utterance may take. Whoever waits is in a conversation.
pub const LIMIT: Duration = Duration::from_secs(8);

/// Which model, and how much of the machine it may have.
#[derive(Debug, Clone)]
pub struct Options {
    /// The model file.
    pub model: PathBuf,
    /// Worker processes; each holds the model in memory.
    pub workers: usize,
    /// Jobs that a worker does at the same time, each on one thread.
    pub parallel: usize,
    /// How much new sound there must be for another look at an utterance under way; zero for none.
    pub look_every: Duration,
    /// How long the words of an utterance may take; [`LIMIT`] in calls. A worker that does not heed a stop for as long again
    /// is replaced.
    pub limit: Duration,
}

/// The recogniser as a service of this program.
#[derive(Debug)]
pub struct Whisper {
    ear: Arc<Ear>,
}

#[derive(Debug)]
struct Ear {
    options: Options,
    pool: pool::Pool,
    /// What was found of the file when it had this length and this time of change.
    known: Mutex<Option<(Stamp, Result<String, String>)>>,
}

/// What changes when a file does.
type Stamp = (u64, Option<SystemTime>);

impl Whisper {
    /// Makes the service. Its workers are this very program.
    ///
    /// # Errors
    /// When the program cannot tell its own path.
    pub fn new(options: Options) -> Result<Self, ProviderError> {
        let program = env::current_exe().map_err(|error| {
            let message = format!("the program cannot find itself to start workers: {error}");
            ProviderError::new(ProviderErrorKind::Unavailable, message)
        })?;
        Ok(Self::with_program(options, &program))
    }

    /// As [`Whisper::new`], with the program to start as `PROGRAM worker whisper MODEL THREADS`.
    #[must_use]
    pub fn with_program(options: Options, program: &Path) -> Self {
        let start = pool::Start {
            program: program.to_owned(),
            model: options.model.clone(),
            threads: options.parallel.max(1),
            stuck: options.limit,
        };
        let pool = pool::Pool::new(start, options.workers);
        Self {
            ear: Arc::new(Ear {
                options,
                pool,
                known: Mutex::default(),
            }),
        }
    }

    /// Starts the workers ahead of the first call, if the model can be used. Must be called inside the runtime.
    pub fn prepare(&self) {
        let ear = Arc::clone(&self.ear);
        tokio::spawn(async move {
            let checked = Arc::clone(&ear);
            if let Ok(Ok(_)) = tokio::task::spawn_blocking(move || checked.check()).await {
                ear.pool.prepare();
            }
        });
    }

    /// Returns what is in use. Reads the whole model file, once as long as it does not change.
    ///
    /// # Errors
    /// A sentence that says what is missing and how to get it.
    pub fn check(&self) -> Result<String, String> {
        self.ear.check()
    }
}

impl Ear {
    fn check(&self) -> Result<String, String> {
        let model = &self.options.model;
        if model.as_os_str().is_empty() {
            return Err("no model of Whisper is named; `agentphone models pull base.en` gets one, then set stt.whisper.model".to_owned());
        }
        let stamp = std::fs::metadata(model).map(|file| (file.len(), file.modified().ok()));
        let stamp = stamp.unwrap_or_default();
        // Whoever comes while the file is read waits for what is found.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, found)) = &*known
            && *then == stamp
        {
            return found.clone();
        }
        let found =
            models::verify(model, |_| {}).map(|what| format!("{what}, {}", model.display()));
        *known = Some((stamp, found.clone()));
        found
    }
}

impl SpeechToText for Whisper {
    fn name(&self) -> &'static str {
        "whisper"
    }

    fn understands(&self, language: &str) -> bool {
        // Models of English are named so; a file of another name may know all languages.
        let name = self.ear.options.model.file_stem().unwrap_or_default();
        is_english(language) || !name.to_string_lossy().contains(".en")
    }

    fn open(&self, options: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        Box::pin(async move {
            if !self.understands(&options.language) {
                let message = format!(
                    "This model of Whisper understands English only, not {}; choose one without .en in its name.",
                    options.language
                );
                return Err(ProviderError::new(ProviderErrorKind::Unsupported, message));
            }
            let ear = Arc::clone(&self.ear);
            // Off the threads that carry sound.
            let checked = tokio::task::spawn_blocking(move || ear.check()).await;
            let problem = match checked {
                Ok(Ok(_)) => return Ok(utterance::open(self.ear.clone(), options)),
                Ok(Err(problem)) => problem,
                Err(error) => error.to_string(),
            };
            let message = format!("Whisper cannot be used: {problem}.");
            Err(ProviderError::new(ProviderErrorKind::Unavailable, message))
        })
    }
}

impl Transcriber for Ear {
    fn transcribe(&self, sound: Sound) -> BoxFuture<'static, Result<Vec<Segment>, ProviderError>> {
        let language = match sound.language.split(['-', '_']).next() {
            None | Some("") => "en",
            Some(primary) => primary,
        };
        let words = self
            .pool
            .transcribe(language.to_lowercase(), sound.samples, sound.is_final);
        let limit = self.options.limit;
        Box::pin(async move {
            let late = || {
                let message =
                    "Whisper took too long to recognise an utterance; choose a smaller model.";
                Err(ProviderError::new(ProviderErrorKind::Timeout, message))
            };
            clock::timeout(limit, words).await.unwrap_or_else(late)
        })
    }

    fn look_every(&self) -> Option<Duration> {
        let every = self.options.look_every;
        (!every.is_zero()).then_some(every)
    }
}

/// Runs a worker; see [`crate::worker`].
pub(crate) fn run_worker(model: &Path, threads: usize) -> ExitCode {
    worker::run(model, threads)
}
