//! The three services a call needs, as small object-safe traits: hearing, thinking, speaking.
//!
//! Each service is opened per call and gives a pair of bounded channels of plain enums. Vendors differ behind
//! these traits and nowhere else. This file decides the contract; it holds no vendor and no policy (retries,
//! order of preference).
//!
//! **Dropping a stream** is how everything is cancelled: the provider closes its connection or frees its worker
//! and discards what is still to come. Nothing has to be awaited.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::agent::Brief;

pub mod aloud;
pub mod anthropic;
pub mod cached;
pub mod cartesia;
mod chat;
mod clauses;
pub mod deaf;
pub mod deepgram;
pub mod elevenlabs;
pub mod espeak;
pub mod failover;
pub mod flite;
mod http;
pub mod openai;
pub mod openai_hearing;
pub mod openai_speech;
pub mod pocketsphinx;
pub mod remote;
pub mod rules;
pub mod scripted;
mod utterance;
pub mod whisper;

/// A boxed future, so that the traits stay object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Samples in 20 ms at 16 kHz.
pub const STT_FRAME: usize = 320;

/// Returns a BCP 47 language without its region; `en` when empty.
pub(crate) fn primary(language: &str) -> &str {
    match language.split(['-', '_']).next() {
        None | Some("") => "en",
        Some(primary) => primary,
    }
}

/// Returns whether a BCP 47 language is one of those in `list`, whatever its region.
pub(crate) fn is_among(language: &str, list: &str) -> bool {
    let primary = primary(language);
    list.split_whitespace()
        .any(|known| known.eq_ignore_ascii_case(primary))
}

/// Returns whether a BCP 47 language is English of any region; an empty one is.
#[must_use]
pub fn is_english(language: &str) -> bool {
    is_among(language, "en")
}

/// Speech to text.
pub trait SpeechToText: Send + Sync + fmt::Debug {
    /// Returns the name under which the provider is configured, for records and logs.
    fn name(&self) -> &'static str;
    /// Returns whether it understands this BCP 47 language (US English when empty). Defaults to every language.
    fn understands(&self, _language: &str) -> bool {
        true
    }
    /// Opens one recogniser for one call. It lives as long as its stream.
    ///
    /// # Errors
    /// When the service cannot be reached or refuses.
    fn open(&self, options: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>>;
}

/// What a recogniser should know about the call.
#[derive(Debug, Clone, Default)]
pub struct SttOptions {
    /// BCP 47 language tag; `en-US` when empty.
    pub language: String,
    /// Whether the sound came over a telephone band (300-3400 Hz), although frames are always 16 kHz.
    pub narrowband: bool,
    /// Words likely to be said: names, the business, the objective's own words.
    pub hints: Vec<String>,
}

/// An open recogniser.
#[derive(Debug)]
pub struct SttStream {
    /// Sound and flushes in. When full, the driver drops the oldest sound first (it never waits).
    pub input: mpsc::Sender<SttInput>,
    /// Words out. The provider waits when it is full.
    pub events: mpsc::Receiver<SttEvent>,
}

/// What a recogniser is given.
#[derive(Debug, Clone)]
pub enum SttInput {
    /// 20 ms of the callee, 16 kHz mono; silence included, without gaps.
    Audio(Box<[i16; STT_FRAME]>),
    /// Voice detection saw speech begin, `voiced` frames ago.
    SpeechStarted,
    /// What the callee is likely to say from the next utterance on. A recogniser that cannot use it does nothing.
    Expect(call::Expected),
    /// Finish the words of everything before this, and answer with the same mark.
    Flush(u32),
}

/// Who does the work from here on, where several services can do it; see [`failover`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The service, as it is configured.
    pub by: &'static str,
    /// Who was to do it and could not, and why.
    pub instead_of: Option<(&'static str, ProviderError)>,
}

/// What a recogniser says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SttEvent {
    /// From here on this service recognises.
    Served(Served),
    /// The words of the utterance under way, replacing the previous partial.
    Partial(String),
    /// Words that will not change; `mark` answers a flush. May be empty.
    Final {
        /// The words.
        text: String,
        /// The flush that this answers.
        mark: Option<u32>,
    },
    /// What the recogniser itself makes of the callee's turn, if it listens for turns: evidence for whoever decides.
    Hint(call::TurnHint),
    /// The recogniser is gone and could not be replaced. The last event.
    Failed(ProviderError),
}

/// A language model, or something that stands in for one.
pub trait LanguageModel: Send + Sync + fmt::Debug {
    /// Returns the name under which the provider is configured, for records and logs.
    fn name(&self) -> &'static str;
    /// Returns whether it can converse in this BCP 47 language (US English when empty). Defaults to every language.
    fn converses_in(&self, _language: &str) -> bool {
        true
    }
    /// Asks for the next reply. The receiver ends after [`LlmEvent::Done`] or [`LlmEvent::Failed`].
    fn reply(&self, request: LlmRequest) -> mpsc::Receiver<LlmEvent>;
    /// Asks for one complete answer outside the conversation (the judgement after the call), as JSON text, or
    /// `None` when this model cannot judge and the rule-based judge must.
    fn complete(
        &self,
        _system: String,
        _user: String,
    ) -> Option<BoxFuture<'_, Result<String, ProviderError>>> {
        None
    }
    /// As [`LanguageModel::complete`], held to a JSON Schema by services that can do that. Whoever asks checks the answer
    /// all the same.
    fn answer(&self, question: Question) -> Option<BoxFuture<'_, Result<String, ProviderError>>> {
        self.complete(question.system, question.user)
    }
}

/// A question outside the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// Who answers, and how.
    pub system: String,
    /// What is asked.
    pub user: String,
    /// JSON Schema of the answer, an object, in the subset that every vendor takes strictly: every property required, no
    /// others allowed.
    pub schema: Option<serde_json::Value>,
}

/// What a model needs for one reply.
#[derive(Debug, Clone)]
pub struct LlmRequest {
    /// Who calls whom and why. The same for the whole call.
    pub brief: Arc<Brief>,
    /// The conversation as heard so far, oldest first.
    pub history: Vec<call::Message>,
}

/// What a model says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LlmEvent {
    /// What follows is this model's.
    Served(Served),
    /// The next piece of text.
    Text(String),
    /// A tool is used.
    Tool(call::Tool),
    /// Complete.
    Done,
    /// Broken off. The last event.
    Failed(ProviderError),
}

/// Text to speech.
pub trait TextToSpeech: Send + Sync + fmt::Debug {
    /// Returns the name under which the provider is configured, for records and logs.
    fn name(&self) -> &'static str;
    /// Returns whether it has a voice for this BCP 47 language (US English when empty). Defaults to every language.
    fn speaks(&self, _language: &str) -> bool {
        true
    }
    /// Returns what beside language and voice makes it sound as it does, like the model, so that sound can be remembered.
    fn variant(&self) -> String {
        String::new()
    }
    /// Looks whether such a voice could be opened now. It may wait for a program, so it is called from threads that
    /// may wait. Defaults to yes.
    ///
    /// # Errors
    /// When there is no such voice, or what speaks with it is not installed.
    fn check(&self, _options: &TtsOptions) -> Result<(), ProviderError> {
        Ok(())
    }
    /// Opens one voice for one call.
    ///
    /// # Errors
    /// When the service cannot be reached, or has no voice for the language.
    fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>>;
}

/// Which voice.
#[derive(Debug, Clone, Default)]
pub struct TtsOptions {
    /// BCP 47 language tag; `en-US` when empty.
    pub language: String,
    /// The provider's own name of a voice; its default when empty.
    pub voice: String,
}

/// An open voice.
#[derive(Debug)]
pub struct TtsStream {
    /// Clauses in, spoken in order. The driver waits for room (never on the sound path).
    pub input: mpsc::Sender<TtsInput>,
    /// Sound out. The provider waits when it is full.
    pub events: mpsc::Receiver<TtsEvent>,
}

/// What a voice is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TtsInput {
    /// Speak this clause after the ones before it.
    Speak {
        /// Echoed in every event of the clause.
        clause: call::ClauseId,
        /// What to say.
        text: String,
    },
    /// Forget this and every earlier generation, at once.
    Cancel(call::Generation),
}

/// What a voice says.
#[derive(Debug, Clone, PartialEq)]
pub enum TtsEvent {
    /// The sound of the clause that follows is this voice's.
    Served {
        /// Which clause.
        clause: call::ClauseId,
        /// Whose voice.
        served: Served,
    },
    /// The next piece of sound of a clause, mono.
    Audio {
        /// Which clause.
        clause: call::ClauseId,
        /// 16-bit samples.
        samples: Vec<i16>,
        /// Samples per second.
        rate: u32,
    },
    /// When each word of the clause ends, from the clause's start, as far as the provider knows; replaces what it said
    /// before. Only the ends of all words count for what was heard.
    Words {
        /// Which clause.
        clause: call::ClauseId,
        /// One per whitespace-separated word of the text.
        ends: Vec<Duration>,
    },
    /// The clause is complete.
    Done(call::ClauseId),
    /// The clause could not be spoken. Later clauses may still be.
    Failed {
        /// Which clause.
        clause: call::ClauseId,
        /// Why.
        error: ProviderError,
    },
}

impl TtsEvent {
    /// Returns the clause that it is about.
    #[must_use]
    pub fn clause(&self) -> call::ClauseId {
        match self {
            Self::Served { clause, .. }
            | Self::Audio { clause, .. }
            | Self::Words { clause, .. }
            | Self::Failed { clause, .. }
            | Self::Done(clause) => *clause,
        }
    }
}

/// Why a service did not do what it was asked: one opaque type with questions, so that policy never matches vendors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    kind: ProviderErrorKind,
    message: String,
    retry_after: Option<Duration>,
}

/// What policy may want to know of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderErrorKind {
    /// It took too long.
    Timeout,
    /// The key or the permission is wrong.
    Auth,
    /// Too many requests.
    Busy,
    /// The service answered something that breaks its own protocol.
    Protocol,
    /// It cannot do this at all (language, voice, model).
    Unsupported,
    /// It is not there, or went away.
    Unavailable,
}

impl ProviderError {
    /// Makes an error whose message is a sentence that tells a person what to do next.
    pub fn new(kind: ProviderErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Says when the service wants to be asked again at the earliest.
    #[must_use]
    pub fn retry_after(self, wait: Option<Duration>) -> Self {
        Self {
            retry_after: wait,
            ..self
        }
    }

    /// Returns how long the service wants to be left alone, if it said so.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns what happened, for policy.
    #[must_use]
    pub fn kind(&self) -> ProviderErrorKind {
        self.kind
    }

    /// Returns whether the same request may succeed a little later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            ProviderErrorKind::Timeout | ProviderErrorKind::Busy | ProviderErrorKind::Unavailable
        )
    }
}
