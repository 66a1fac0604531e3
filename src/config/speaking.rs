//! `[tts]`: who speaks, in which order, and what a person should know about each voice service.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;

use super::{Check, Config, Hidden, Part};
use crate::{
    driver::clock,
    provider::{
        ProviderError, TextToSpeech, TtsOptions,
        aloud::Aloud,
        cached::Cached,
        cartesia::{self, Cartesia},
        elevenlabs::{self, ElevenLabs},
        espeak,
        failover::{Speaking, Voice},
        flite,
        openai_speech::{self, OpenAiSpeech},
    },
    store::Cache,
};

/// How long a service on the network may take to answer when it is checked.
const PATIENCE: Duration = Duration::from_secs(10);

/// `[tts]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Tts {
    /// Voice services in the order of preference.
    pub providers: Vec<TtsProvider>,
    /// The built-in one.
    pub flite: Flite,
    /// The separate program.
    pub espeak: Espeak,
    /// OpenAI, or a server with its interface.
    pub openai: OpenAiVoice,
    /// ElevenLabs.
    pub elevenlabs: RemoteVoice,
    /// Cartesia.
    pub cartesia: RemoteVoice,
}

/// The synthesisers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum TtsProvider {
    /// The built-in one, for English.
    Flite,
    /// The separate program.
    Espeak,
    /// OpenAI's interface, over HTTP.
    OpenAi,
    /// ElevenLabs, over a WebSocket.
    ElevenLabs,
    /// Cartesia, over a WebSocket.
    Cartesia,
}

/// `[tts.flite]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Flite {
    /// Its name of a voice.
    pub voice: String,
}

/// `[tts.espeak]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Espeak {
    /// Its name of a voice; empty: the one of the language.
    pub voice: String,
}

/// `[tts.elevenlabs]`, `[tts.cartesia]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct RemoteVoice {
    /// Where the service is, without a slash at the end; empty: the vendor's own.
    pub base_url: String,
    /// The key.
    pub api_key: Hidden,
    /// Which model.
    pub model: String,
    /// The service's id of a voice.
    pub voice: String,
}

/// `[tts.openai]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct OpenAiVoice {
    /// Where the service is, without a slash at the end; empty: OpenAI itself.
    pub base_url: String,
    /// The key; empty: none is sent.
    pub api_key: Hidden,
    /// Which model.
    pub model: String,
    /// The service's name of a voice.
    pub voice: String,
    /// How to speak, in words.
    pub instructions: String,
}

impl Tts {
    /// The voice of calls that name none, by the service's own name.
    fn voice(&self, provider: TtsProvider) -> &str {
        match provider {
            TtsProvider::Flite => &self.flite.voice,
            TtsProvider::Espeak => &self.espeak.voice,
            TtsProvider::OpenAi => &self.openai.voice,
            TtsProvider::ElevenLabs => &self.elevenlabs.voice,
            TtsProvider::Cartesia => &self.cartesia.voice,
        }
    }

    /// Addresses of services, by their keys.
    pub(super) fn addresses(&mut self) -> [(&'static str, &mut String); 3] {
        [
            ("tts.openai.base_url", &mut self.openai.base_url),
            ("tts.elevenlabs.base_url", &mut self.elevenlabs.base_url),
            ("tts.cartesia.base_url", &mut self.cartesia.base_url),
        ]
    }
}

impl Config {
    /// The voices of calls, as one that fails over; `flite` is the one that the simulated callee uses too.
    ///
    /// # Errors
    /// When one of them cannot be made.
    pub(super) fn speaking(
        &self,
        flite: &Arc<dyn TextToSpeech>,
        cache: &Cache,
    ) -> Result<Aloud, ProviderError> {
        let mut voices = Vec::new();
        for provider in &self.tts.providers {
            let remembered = |service| -> Arc<dyn TextToSpeech> {
                Arc::new(Cached::new(service, cache.clone()))
            };
            let service = match provider {
                TtsProvider::Flite => flite.clone(),
                other => remembered(self.voice_service(*other)?),
            };
            voices.push(Voice {
                service,
                voice: self.tts.voice(*provider).to_owned(),
            });
        }
        let failover = &self.failover;
        let speaking = Speaking::new(voices, failover.limits(), failover.breaker());
        Ok(Aloud::new(Arc::new(speaking)))
    }

    /// # Errors
    /// When it cannot be made of its settings.
    fn voice_service(&self, provider: TtsProvider) -> Result<Arc<dyn TextToSpeech>, ProviderError> {
        let tts = &self.tts;
        Ok(match provider {
            TtsProvider::Flite => Arc::new(flite::Flite),
            TtsProvider::Espeak => Arc::new(espeak::Espeak::default()),
            TtsProvider::OpenAi => Arc::new(OpenAiSpeech::new(openai_speech::Options {
                base_url: tts.openai.base_url.clone(),
                api_key: tts.openai.api_key.0.clone(),
                model: tts.openai.model.clone(),
                voice: tts.openai.voice.clone(),
                instructions: tts.openai.instructions.clone(),
            })?),
            TtsProvider::ElevenLabs => Arc::new(ElevenLabs::new(elevenlabs::Options {
                base_url: tts.elevenlabs.base_url.clone(),
                api_key: tts.elevenlabs.api_key.0.clone(),
                model: tts.elevenlabs.model.clone(),
                voice: tts.elevenlabs.voice.clone(),
            })?),
            TtsProvider::Cartesia => Arc::new(Cartesia::new(cartesia::Options {
                base_url: tts.cartesia.base_url.clone(),
                api_key: tts.cartesia.api_key.0.clone(),
                model: tts.cartesia.model.clone(),
                voice: tts.cartesia.voice.clone(),
            })?),
        })
    }

    /// Asks a service on the network for a connection, if it may be asked.
    async fn check_voice_service(
        &self,
        provider: TtsProvider,
        check: Check,
    ) -> Result<String, String> {
        let service = self
            .voice_service(provider)
            .map_err(|error| error.to_string())?;
        let name = format!("{}, voice {}", service.name(), self.tts.voice(provider));
        if check == Check::Local {
            return Ok(name);
        }
        match clock::timeout(PATIENCE, service.open(TtsOptions::default())).await {
            Some(Ok(_)) => Ok(format!("{name}, which answers")),
            Some(Err(error)) => Err(error.to_string()),
            None => Err(format!(
                "{name} does not answer within {} s",
                PATIENCE.as_secs()
            )),
        }
    }

    /// Checks every voice service in its place.
    pub(super) async fn tts_parts(&self, check: Check) -> Vec<Part> {
        let mut parts = Vec::new();
        for (place, provider) in self.tts.providers.iter().enumerate() {
            let config = self.clone();
            let mut better = None;
            let state = match provider {
                // These may wait for a program.
                TtsProvider::Flite => blocking(move || config.check_flite()).await,
                TtsProvider::Espeak => match blocking(move || config.check_espeak()).await {
                    Ok(state) if place > 0 => Ok(format!(
                        "{state}, for languages that those before it lack, and when they fail"
                    )),
                    // Behind a voice for English, its absence is no fault of the configuration.
                    Err(problem) if place > 0 => {
                        better = Some("install the package espeak-ng (apt-get install espeak-ng)");
                        Ok(format!(
                            "nothing for languages other than English: {problem}"
                        ))
                    }
                    state => state,
                },
                remote => self.check_voice_service(*remote, check).await,
            };
            parts.push(Part {
                role: "text to speech",
                state,
                better,
            });
        }
        parts
    }

    fn check_espeak(&self) -> Result<String, String> {
        let espeak = espeak::Espeak::default();
        let version = espeak.version()?;
        let options = TtsOptions {
            voice: self.tts.espeak.voice.clone(),
            ..TtsOptions::default()
        };
        espeak.check(&options).map_err(|error| error.to_string())?;
        Ok(version)
    }

    fn check_flite(&self) -> Result<String, String> {
        let wanted = self.tts.flite.voice.as_str();
        let voices = flite::Flite::voices();
        if !wanted.is_empty() && !voices.contains(&wanted) {
            return Err(format!(
                "there is no voice \"{wanted}\"; set tts.flite.voice to one of {}",
                voices.join(", ")
            ));
        }
        flite::Flite::check()
    }
}

/// Runs a check on a thread that may wait.
async fn blocking(
    check: impl FnOnce() -> Result<String, String> + Send + 'static,
) -> Result<String, String> {
    let checked = tokio::task::spawn_blocking(check).await;
    checked.unwrap_or_else(|_| Err("the check itself failed; please report it".to_owned()))
}
