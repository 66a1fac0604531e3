//! Which services and lines a configuration chooses, and what a person should know about each choice. The only
//! place that knows all of them by name.

use std::{path::Path, sync::Arc, time::Duration};

use super::{Config, LineKind, LlmProvider, SttProvider};
use crate::{
    line::{
        Line,
        browser::BrowserLine,
        simulated::{SimulatedLine, SimulatedOptions, catalog},
        sip::SipLine,
        twilio::TwilioLine,
    },
    provider::{
        LanguageModel, ProviderError, ProviderErrorKind, SpeechToText, TextToSpeech,
        anthropic::{self, Anthropic},
        cached::Cached,
        deepgram::Deepgram,
        failover::{Hearing, Thinking},
        flite::Flite,
        openai::{self, OpenAi},
        openai_hearing::OpenAiHearing,
        pocketsphinx::PocketSphinx,
        rules::Rules,
        whisper::Whisper,
    },
    store::Cache,
};

/// What was chosen, ready for calls.
#[derive(Debug, Clone)]
pub struct Services {
    /// The lines, the default first.
    pub lines: Vec<Arc<dyn Line>>,
    /// Hears.
    pub stt: Arc<dyn SpeechToText>,
    /// Thinks.
    pub llm: Arc<dyn LanguageModel>,
    /// Speaks.
    pub tts: Arc<dyn TextToSpeech>,
    /// Those of the lines that stay when the configuration changes.
    pub kept: Kept,
}

/// Lines that are changed in place, because telephones are connected through them.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    pub(super) twilio: Option<Arc<TwilioLine>>,
    pub(super) sip: Option<Arc<SipLine>>,
    pub(super) browser: Option<Arc<BrowserLine>>,
}

/// One choice, for the start-up log, `doctor` and `demo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it does: `line`, `speech to text`, …
    pub role: &'static str,
    /// What is in use, or why it cannot be used and what to do about it.
    pub state: Result<String, String>,
    /// What would serve better, and how to get it.
    pub better: Option<&'static str>,
}

impl Services {
    /// Makes what the configuration chooses. Phrases are remembered in `cache`; carriers reach us at `public_url`.
    /// Must be called inside the runtime.
    ///
    /// # Errors
    /// When a service cannot be made at all.
    pub fn new(config: &Config, cache: Cache, public_url: &str) -> Result<Self, ProviderError> {
        let flite: Arc<dyn TextToSpeech> = Arc::new(Cached::new(Arc::new(Flite), cache.clone()));
        let mut kept = Kept::default();
        Ok(Self {
            lines: lines(config, flite.clone(), public_url, &mut kept)?,
            stt: config.hearing()?,
            llm: config.thinking()?,
            tts: Arc::new(config.speaking(&flite, &cache)?),
            kept,
        })
    }
}

impl Services {
    /// Makes the services that the configuration chooses, and throws them away. Lines are left out: those have sockets.
    ///
    /// # Errors
    /// As [`Services::new`].
    pub fn rehearse(config: &Config) -> Result<(), ProviderError> {
        let flite: Arc<dyn TextToSpeech> = Arc::new(Flite);
        config.hearing()?;
        config.thinking()?;
        config.speaking(&flite, &Cache::none())?;
        Ok(())
    }
}

impl Config {
    pub(super) fn hearing(&self) -> Result<Arc<dyn SpeechToText>, ProviderError> {
        let (limits, breaker) = (self.failover.limits(), self.failover.breaker());
        let recognisers = self.stt.providers.iter().map(|one| self.recogniser(*one));
        let recognisers = recognisers.collect::<Result<_, _>>()?;
        Ok(Arc::new(Hearing::new(recognisers, limits, breaker)))
    }

    pub(super) fn thinking(&self) -> Result<Arc<dyn LanguageModel>, ProviderError> {
        let (limits, breaker) = (self.failover.limits(), self.failover.breaker());
        let models = self.llm.chosen().into_iter().map(|one| self.model(one));
        let models = models.collect::<Result<_, _>>()?;
        Ok(Arc::new(Thinking::new(models, limits, breaker)))
    }

    fn recogniser(&self, provider: SttProvider) -> Result<Arc<dyn SpeechToText>, ProviderError> {
        Ok(match provider {
            SttProvider::PocketSphinx => {
                let stt = PocketSphinx::new(&self.stt.pocketsphinx.models)?;
                stt.prepare();
                Arc::new(stt)
            }
            SttProvider::Deepgram => Arc::new(Deepgram::new(self.deepgram())?),
            SttProvider::OpenAi => Arc::new(OpenAiHearing::new(self.transcription())?),
            SttProvider::Whisper => {
                let stt = Whisper::new(self.whisper())?;
                stt.prepare();
                Arc::new(stt)
            }
        })
    }

    fn model(&self, provider: LlmProvider) -> Result<Arc<dyn LanguageModel>, ProviderError> {
        Ok(match provider {
            LlmProvider::OpenAi => Arc::new(OpenAi::new(self.openai_options())?),
            LlmProvider::Anthropic => Arc::new(Anthropic::new(self.anthropic_options())?),
            LlmProvider::Rules => Arc::new(Rules::new(&self.llm.rules.caller_name)),
        })
    }
}

/// How thoroughly to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// What this machine alone can tell.
    Local,
    /// Services on the network are asked too, which may cost a fraction of a cent.
    Everything,
}

impl Config {
    /// Checks what the configuration chooses, without a call.
    pub async fn parts(&self, check: Check) -> Vec<Part> {
        let config = self.clone();
        let local = tokio::task::spawn_blocking(move || config.line_part());
        let mut stt = Vec::new();
        for provider in &self.stt.providers {
            stt.push(self.stt_part(*provider, check).await);
        }
        let mut llm = Vec::new();
        for provider in self.llm.chosen() {
            llm.push(self.llm_part(provider, check).await);
        }
        let tts = self.tts_parts(check).await;
        match local.await {
            Ok(line) => [vec![line], stt, llm, tts].concat(),
            Err(_) => [stt, llm, tts].concat(),
        }
    }

    fn line_part(&self) -> Part {
        if self.line.default == LineKind::Twilio {
            let first = self.line.twilio.from_phone_numbers.first();
            return Part {
                role: "line",
                state: Ok(format!(
                    "twilio: telephones are rung from {}",
                    first.map_or("no number", String::as_str)
                )),
                better: Some("agentphone doctor --line twilio checks the account and the way back"),
            };
        }
        if self.line.default == LineKind::Sip {
            let trunks = self.line.sip.trunks.iter();
            let names: Vec<_> = trunks.map(|trunk| trunk.server.as_str()).collect();
            return Part {
                role: "line",
                state: Ok(format!(
                    "sip: telephones are rung over {}",
                    names.join(", ")
                )),
                better: Some("agentphone doctor --line sip asks the trunks whether they are there"),
            };
        }
        if self.line.default == LineKind::Browser {
            return Part {
                role: "line",
                state: Ok("browser: calls ring in the web page of their owner".into()),
                better: None,
            };
        }
        let folder = scenario_folder(self);
        let found = catalog::find(&self.line.simulated.scenario, folder);
        Part {
            role: "line",
            state: match (folder, found) {
                (Some(folder), _) if !folder.is_dir() => Err(format!(
                    "the folder of scenarios {} does not exist; make it, or change line.simulated.scenario_dir",
                    folder.display()
                )),
                (_, Err(error)) => Err(error.to_string()),
                (_, Ok(_)) => Ok(format!(
                    "simulated: scenario \"{}\" of {} plays the callee",
                    self.line.simulated.scenario,
                    catalog::list(folder).len()
                )),
            },
            better: if self.line.twilio.is_set() {
                Some("no telephone is rung unless a request says line: \"twilio\"")
            } else {
                Some("no telephone is rung; docs/twilio.md tells how to ring one")
            },
        }
    }

    async fn stt_part(&self, provider: SttProvider, check: Check) -> Part {
        let everything = check == Check::Everything;
        let state = match provider {
            SttProvider::PocketSphinx => {
                let models = self.stt.pocketsphinx.models.clone();
                let local = move || {
                    let stt = PocketSphinx::new(&models).map_err(|error| error.to_string())?;
                    stt.check().map(|what| {
                        format!("{what}; calls in other languages are spoken, and their answers recorded but not understood")
                    })
                };
                blocking(local).await
            }
            SttProvider::Deepgram => match Deepgram::new(self.deepgram()) {
                Ok(stt) if everything => stt.check().await,
                Ok(stt) => Ok(stt.describe()),
                Err(error) => Err(error.to_string()),
            },
            SttProvider::OpenAi => match OpenAiHearing::new(self.transcription()) {
                Ok(stt) if everything => stt.check().await,
                Ok(stt) => Ok(stt.describe()),
                Err(error) => Err(error.to_string()),
            },
            SttProvider::Whisper => {
                let options = self.whisper();
                let local = move || {
                    let stt = Whisper::new(options).map_err(|error| error.to_string())?;
                    stt.check()
                };
                blocking(local).await
            }
        };
        Part {
            role: "speech to text",
            state,
            better: None,
        }
    }

    async fn llm_part(&self, provider: LlmProvider, check: Check) -> Part {
        let role = "language model";
        match provider {
            LlmProvider::OpenAi => Part {
                role,
                state: check_model(
                    self.openai_options(),
                    openai::OPENAI_URL,
                    OpenAi::new,
                    check,
                )
                .await,
                better: None,
            },
            LlmProvider::Anthropic => Part {
                role,
                state: check_model(
                    self.anthropic_options(),
                    anthropic::ANTHROPIC_URL,
                    Anthropic::new,
                    check,
                )
                .await,
                better: None,
            },
            LlmProvider::Rules => Part {
                role,
                state: Ok(
                    "none: built-in rules that book and ask for opening hours and prices, in English; in other languages they say the objective as it is written"
                        .into(),
                ),
                better: Some(
                    "set llm.openai.base_url to a server that speaks OpenAI's chat completions, or llm.anthropic.api_key",
                ),
            },
        }
    }

    fn openai_options(&self) -> openai::Options {
        let chosen = &self.llm.openai;
        openai::Options {
            base_url: chosen.base_url.clone(),
            api_key: chosen.api_key.0.clone(),
            model: chosen.model.clone(),
            ..openai::Options::default()
        }
    }

    fn anthropic_options(&self) -> anthropic::Options {
        let chosen = &self.llm.anthropic;
        anthropic::Options {
            base_url: chosen.base_url.clone(),
            api_key: chosen.api_key.0.clone(),
            model: chosen.model.clone(),
            ..anthropic::Options::default()
        }
    }
}

/// Looks at files, off the threads that carry sound.
async fn blocking(
    check: impl FnOnce() -> Result<String, String> + Send + 'static,
) -> Result<String, String> {
    let found = tokio::task::spawn_blocking(check).await;
    found.unwrap_or_else(|error| Err(error.to_string()))
}

/// Names the model, and asks it something when everything is checked.
async fn check_model<M: LanguageModel>(
    options: openai::Options,
    own: &str,
    make: impl Fn(openai::Options) -> Result<M, ProviderError>,
    check: Check,
) -> Result<String, String> {
    let place = match options.base_url.as_str() {
        "" => own,
        url => url,
    };
    let name = format!("{} at {place}", options.model);
    let model = make(options).map_err(|error| error.to_string())?;
    let question = model.complete("This is a check.".into(), "Answer with the word ok.".into());
    match question {
        Some(question) if check == Check::Everything => match question.await {
            Ok(_) => Ok(format!("{name}, which answers")),
            Err(error) => Err(error.to_string()),
        },
        _ => Ok(name),
    }
}

/// Makes the lines that are configured, the default first; those in `kept` are used as they are, and others put there.
pub(super) fn lines(
    config: &Config,
    voice: Arc<dyn TextToSpeech>,
    public_url: &str,
    kept: &mut Kept,
) -> Result<Vec<Arc<dyn Line>>, ProviderError> {
    let cannot = |error| ProviderError::new(ProviderErrorKind::Unsupported, error);
    let mut lines: Vec<Arc<dyn Line>> = vec![Arc::new(simulated(config, voice))];
    if kept.twilio.is_none() && config.line.twilio.is_set() {
        let line = config.line.twilio.line(public_url).map_err(cannot)?;
        kept.twilio = Some(Arc::new(line));
    }
    if kept.sip.is_none() && config.line.sip.is_set() {
        kept.sip = Some(Arc::new(config.line.sip.line().map_err(cannot)?));
    }
    let browser = kept.browser.clone();
    let browser = browser.unwrap_or_else(|| Arc::new(config.line.browser.line()));
    lines.extend(kept.twilio.clone().map(|line| line as Arc<dyn Line>));
    lines.extend(kept.sip.clone().map(|line| line as Arc<dyn Line>));
    lines.push(browser.clone());
    kept.browser = Some(browser);
    let default = config.line.default.name();
    lines.sort_by_key(|line| line.name() != default);
    Ok(lines)
}

fn scenario_folder(config: &Config) -> Option<&Path> {
    let folder = config.line.simulated.scenario_dir.as_path();
    (!folder.as_os_str().is_empty()).then_some(folder)
}

fn simulated(config: &Config, voice: Arc<dyn TextToSpeech>) -> SimulatedLine {
    let options = SimulatedOptions {
        scenario: config.line.simulated.scenario.clone(),
        folder: scenario_folder(config).map(Path::to_owned),
        files: config.files_allowed(),
        linger: Duration::from_secs(config.line.simulated.recording_stay_seconds.into()),
        ..SimulatedOptions::default()
    };
    SimulatedLine::new(options, voice)
}
