//! `[stt]`: who hears, and what each recogniser needs. What the keys do to a call is said beside the recognisers.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{Config, Hidden};
use crate::provider::{deepgram, openai_hearing, whisper};

/// `[stt]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Stt {
    /// Recognisers in the order of preference.
    pub providers: Vec<SttProvider>,
    /// The built-in one.
    pub pocketsphinx: PocketSphinx,
    /// Deepgram.
    pub deepgram: Deepgram,
    /// OpenAI's interface.
    pub openai: OpenAiTranscription,
    /// Whisper, on this machine.
    pub whisper: Whisper,
}

/// The recognisers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum SttProvider {
    /// The built-in one.
    PocketSphinx,
    /// Deepgram.
    Deepgram,
    /// OpenAI's interface.
    OpenAi,
    /// Whisper, on this machine.
    Whisper,
}

/// `[stt.pocketsphinx]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct PocketSphinx {
    /// The folder with its models.
    pub models: PathBuf,
}

/// `[stt.deepgram]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Deepgram {
    /// The key.
    pub api_key: Hidden,
    /// Where the service is; empty: Deepgram itself.
    pub base_url: String,
    /// Which model.
    pub model: String,
    /// How sure a model that listens for turns must be to call one over.
    pub end_of_turn_percent: u8,
    /// How sure it must be to say that one may be over.
    pub eager_end_of_turn_percent: u8,
}

/// `[stt.openai]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct OpenAiTranscription {
    /// Where the service is, without a slash at the end; empty: OpenAI itself.
    pub base_url: String,
    /// The key; empty: none is sent.
    pub api_key: Hidden,
    /// Which model.
    pub model: String,
    /// Milliseconds of new sound between two requests about an utterance under way; 0: none.
    pub partial_ms: u32,
}

/// `[stt.whisper]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Whisper {
    /// The name of a model in the data folder, or the path of a file; see [`Config::whisper_model`].
    pub model: String,
    /// Where models are got from, without a slash at the end; empty: where whisper.cpp keeps them.
    pub models_url: String,
    /// Worker processes, each with the model in memory.
    pub workers: u32,
    /// Utterances that a worker recognises at the same time, each on one thread.
    pub parallel: u32,
    /// Milliseconds of new sound between two looks at an utterance under way; 0: none.
    pub partial_ms: u32,
}

impl Config {
    /// Returns the folder of models in a data folder.
    #[must_use]
    pub fn models_folder(data: &std::path::Path) -> PathBuf {
        data.join("models")
    }

    /// Returns the file of the model that is configured: a path when it looks like one, a name in the data folder
    /// otherwise. Empty when none is named.
    #[must_use]
    pub fn whisper_model(&self) -> PathBuf {
        let model = &self.stt.whisper.model;
        if model.is_empty() || model.contains('/') || model.ends_with(".bin") {
            return PathBuf::from(model);
        }
        let data = self.data.folder(|name| std::env::var(name).ok());
        whisper::models::path(&Self::models_folder(&data), model)
    }

    /// What is out of its range; `wrong` is told a sentence for each.
    pub(super) fn check_hearing(&self, wrong: &mut dyn FnMut(String)) {
        let (deepgram, whisper) = (&self.stt.deepgram, &self.stt.whisper);
        let ranges = [
            (
                "deepgram.end_of_turn_percent",
                u32::from(deepgram.end_of_turn_percent),
                50..=100,
            ),
            (
                "deepgram.eager_end_of_turn_percent",
                u32::from(deepgram.eager_end_of_turn_percent),
                30..=90,
            ),
            ("whisper.workers", whisper.workers, 1..=64),
            ("whisper.parallel", whisper.parallel, 1..=64),
            ("whisper.partial_ms", whisper.partial_ms, 0..=10_000),
            ("openai.partial_ms", self.stt.openai.partial_ms, 0..=10_000),
        ];
        for (key, value, range) in ranges {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                wrong(format!(
                    "`stt.{key}` is {value} and must be {least} to {most}."
                ));
            }
        }
        for (key, url, schemes) in [
            (
                "deepgram.base_url",
                &deepgram.base_url,
                &["ws", "wss", "http", "https"][..],
            ),
            (
                "openai.base_url",
                &self.stt.openai.base_url,
                &["http", "https"][..],
            ),
            (
                "whisper.models_url",
                &whisper.models_url,
                &["http", "https"][..],
            ),
        ] {
            let parsed = reqwest::Url::parse(url);
            let good = parsed.is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host());
            if !url.is_empty() && !good {
                let schemes = schemes.join("://, ");
                wrong(format!(
                    "`stt.{key}` is \"{url}\" and must begin with one of {schemes}:// and a host."
                ));
            }
        }
    }

    pub(super) fn deepgram(&self) -> deepgram::Options {
        let settings = self.stt.deepgram.clone();
        deepgram::Options {
            base_url: settings.base_url,
            api_key: settings.api_key.0,
            model: settings.model,
            end_of_turn_percent: settings.end_of_turn_percent,
            eager_percent: settings.eager_end_of_turn_percent,
            ..deepgram::Options::default()
        }
    }

    pub(super) fn transcription(&self) -> openai_hearing::Options {
        let settings = self.stt.openai.clone();
        openai_hearing::Options {
            base_url: settings.base_url,
            api_key: settings.api_key.0,
            model: settings.model,
            look_every: Duration::from_millis(settings.partial_ms.into()),
            ..openai_hearing::Options::default()
        }
    }

    pub(super) fn whisper(&self) -> whisper::Options {
        let settings = &self.stt.whisper;
        whisper::Options {
            model: self.whisper_model(),
            workers: settings.workers as usize,
            parallel: settings.parallel as usize,
            look_every: Duration::from_millis(settings.partial_ms.into()),
            limit: whisper::LIMIT,
        }
    }
}
