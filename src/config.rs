//! What an operator can set: one struct a section, with the defaults of `agentphone.example.toml`, which
//! documents every key and is also the list of known keys.
//!
//! Reading files and the environment is in `config/load.rs`. Nothing here says what a setting does to a call.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::Deserialize;

mod accounts;
mod browser;
mod carrier;
mod failover;
mod hearing;
mod load;
mod operation;
mod reload;
mod renew;
mod services;
mod sip;
mod site;
mod speaking;
#[cfg(test)]
mod tests;
pub mod thinking;

pub use self::{
    accounts::{Contact, Disclosure, Limits, Outside, Retention, Stripe},
    browser::Browser,
    carrier::{Carrier, Reception, Twilio},
    failover::Failover,
    hearing::{Deepgram, OpenAiTranscription, PocketSphinx, Stt, SttProvider, Whisper},
    load::ConfigError,
    operation::{Tls, Trace, Webhooks},
    reload::{Changes, NEED_RESTART, Reading, needs_restart},
    renew::Renewal,
    services::{Check, Kept, Part, Services},
    sip::{Encryption, Sip, SoundCodec, Trunk, TrunkTransport},
    site::{Net, Website},
    speaking::{Espeak, Flite, OpenAiVoice, RemoteVoice, Tts, TtsProvider},
    thinking::{Anthropic, Patience},
};

/// The whole configuration. `Config::default()` is what an empty file means.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP interface.
    pub server: Server,
    /// Where things are kept.
    pub data: Data,
    /// Limits of calls.
    pub calls: Calls,
    /// How calls are made.
    pub line: Line,
    /// Speech to text.
    pub stt: Stt,
    /// Who thinks.
    pub llm: Llm,
    /// Text to speech.
    pub tts: Tts,
    /// When one service gives way to the next.
    pub failover: Failover,
    /// What is read about a callee.
    pub website: Website,
    /// Where requests to strangers' addresses may go.
    pub net: Net,
    /// Credits.
    pub billing: Billing,
    /// How much an account may do.
    pub limits: Limits,
    /// How long things are kept.
    pub retention: Retention,
    /// Whom the program may call, and when.
    pub contact: Contact,
    /// What those who are called are told.
    pub disclosure: Disclosure,
    /// Telling requesters' own servers.
    pub webhooks: Webhooks,
    /// Traces of calls.
    pub trace: Trace,
    /// What is logged.
    pub log: Log,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// By which clients reach the server, without a slash at the end; empty: from the listening address.
    pub public_url: String,
    /// Creations a minute and key.
    pub creations_per_minute: u32,
    /// Other requests a minute and key.
    pub reads_per_minute: u32,
    /// Largest request body in bytes.
    pub max_body_bytes: usize,
    /// Connections at the same time.
    pub max_connections: usize,
    /// Connections at the same time from one address.
    pub max_connections_per_address: usize,
    /// Encryption.
    pub tls: Tls,
}

/// `[data]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The data folder; empty: the user's own, see [`Data::folder`].
    pub dir: PathBuf,
    /// See [`Data::reserve`].
    pub min_free_mib: u32,
}

/// `[calls]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// Calls at the same time.
    pub max_concurrent: usize,
    /// See [`Calls::ring_timeout`].
    pub ring_timeout_seconds: u32,
    /// See [`Calls::max_duration`].
    pub max_duration_seconds: u32,
    /// Scales every silence that is needed before the agent takes its turn, 0.5 to 3.0.
    pub patience: f32,
    /// See [`Calls::drain`].
    pub drain_seconds: u32,
    /// See [`Calls::upgrade`].
    pub upgrade_seconds: u32,
    /// Whether premium-rate numbers may be called.
    pub allow_premium: bool,
}

/// `[line]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The line of calls whose request names none.
    pub default: LineKind,
    /// The simulated line.
    pub simulated: Simulated,
    /// Telephones through Twilio; see [`Twilio::is_set`].
    pub twilio: Twilio,
    /// Telephones through SIP trunks; see [`Sip::is_set`].
    pub sip: Sip,
    /// The phone in a page.
    pub browser: Browser,
}

/// The ways a call can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum LineKind {
    /// A callee played by a scenario.
    Simulated,
    /// A telephone, through Twilio.
    Twilio,
    /// A telephone, through a SIP trunk.
    Sip,
    /// A page of the owner.
    Browser,
}

impl LineKind {
    /// Returns the line's name in requests and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Twilio => "twilio",
            Self::Sip => "sip",
            Self::Browser => "browser",
        }
    }
}

/// `[line.simulated]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Simulated {
    /// Scenarios beside the built-in ones; empty: none.
    pub scenario_dir: PathBuf,
    /// The scenario of calls whose request names none.
    pub scenario: String,
    /// Whether requests may name files of this machine; see [`Config::files_allowed`].
    pub files: FileUse,
    /// How long the callee stays in silence after a recording was played as the callee.
    pub recording_stay_seconds: u32,
}

/// When requests may name files of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum FileUse {
    /// As long as only programs of this machine can reach the server.
    Auto,
    /// Whoever can reach it.
    Always,
    /// Not at all.
    Never,
}

/// `[llm]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Llm {
    /// Who thinks, in the order of preference; empty: see [`Llm::chosen`].
    pub providers: Vec<LlmProvider>,
    /// The built-in rules.
    pub rules: Rules,
    /// A language model behind OpenAI's interface.
    pub openai: OpenAi,
    /// A language model behind Anthropic's interface.
    pub anthropic: Anthropic,
    /// How long it is waited for.
    pub patience: Patience,
}

/// `[llm.rules]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The name under which it books when the objective names nobody.
    pub caller_name: String,
}

/// Who can think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum LlmProvider {
    /// The built-in rules.
    Rules,
    /// A language model behind OpenAI's interface.
    OpenAi,
    /// A language model behind Anthropic's interface.
    Anthropic,
}

/// `[llm.openai]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct OpenAi {
    /// Where the service is, without a slash at the end; empty: OpenAI itself.
    pub base_url: String,
    /// The key; empty: none is sent.
    pub api_key: Hidden,
    /// Which model.
    pub model: String,
}

/// `[billing]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Billing {
    /// Credits of a new account.
    pub free_credits: u32,
    /// Where credits can be bought; empty: see [`Config::buy_credits_url`].
    pub buy_credits_url: String,
    /// Credits sold through Stripe; see [`Stripe::is_set`].
    pub stripe: Stripe,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A filter as of the crate `tracing-subscriber`.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
    /// Whether numbers and words may appear.
    pub reveal: bool,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// A text that never appears in `Debug`.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(transparent)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "not set" } else { "…" })
    }
}

impl Data {
    /// Returns how many bytes of the disk are kept back for the end of running calls.
    #[must_use]
    pub fn reserve(&self) -> u64 {
        u64::from(self.min_free_mib) << 20
    }

    /// Returns the data folder: the one that is set, or the user's own by the XDG rules. `env` reads a variable
    /// of the environment.
    #[must_use]
    pub fn folder(&self, env: impl Fn(&str) -> Option<String>) -> PathBuf {
        if !self.dir.as_os_str().is_empty() {
            return self.dir.clone();
        }
        let set = |name| {
            env(name)
                .filter(|value| value.starts_with('/'))
                .map(PathBuf::from)
        };
        set("XDG_DATA_HOME")
            .or_else(|| set("HOME").map(|home| home.join(".local/share")))
            .unwrap_or_else(|| PathBuf::from("."))
            .join("agentphone")
    }
}

/// Whether a web address names this machine as only itself knows it.
fn is_local(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl Calls {
    /// Returns how long the phone may ring.
    #[must_use]
    pub fn ring_timeout(&self) -> Duration {
        Duration::from_secs(self.ring_timeout_seconds.into())
    }

    /// Returns the longest call that a request may ask for.
    #[must_use]
    pub fn max_duration(&self) -> Duration {
        Duration::from_secs(self.max_duration_seconds.into())
    }

    /// Returns how long running calls get to come to their own ends when a new program takes over.
    #[must_use]
    pub fn upgrade(&self) -> Duration {
        Duration::from_secs(self.upgrade_seconds.into())
    }

    /// Returns how long running calls get when the program stops.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }
}

impl Llm {
    /// Returns who thinks, in the order of preference. When that is not set: a language model when one is configured, the
    /// built-in rules otherwise.
    #[must_use]
    pub fn chosen(&self) -> Vec<LlmProvider> {
        let configured = !self.openai.base_url.is_empty() || !self.openai.api_key.0.is_empty();
        match self.providers.as_slice() {
            [] if configured => vec![LlmProvider::OpenAi],
            [] if !self.anthropic.api_key.0.is_empty() => vec![LlmProvider::Anthropic],
            [] => vec![LlmProvider::Rules],
            chosen => chosen.to_vec(),
        }
    }
}

impl Config {
    /// Returns the address by which clients reach a server that listens at `bound`, without a slash at the end.
    #[must_use]
    pub fn public_url(&self, bound: SocketAddr) -> String {
        if self.server.public_url.is_empty() {
            let scheme = if self.server.tls.is_set() {
                "https"
            } else {
                "http"
            };
            format!("{scheme}://{bound}")
        } else {
            self.server.public_url.clone()
        }
    }

    /// Returns whether requests may name files of this machine, with [`FileUse::Auto`] decided: the server must listen
    /// on the loopback interface, and `public_url` must not promise it to others (a proxy on this machine would).
    #[must_use]
    pub fn files_allowed(&self) -> bool {
        match self.line.simulated.files {
            FileUse::Always => true,
            FileUse::Never => false,
            FileUse::Auto => {
                let public = &self.server.public_url;
                self.server.listen.ip().is_loopback() && (public.is_empty() || is_local(public))
            }
        }
    }

    /// Returns where credits can be bought; `public_url` as of [`Config::public_url`].
    #[must_use]
    pub fn buy_credits_url(&self, public_url: &str) -> String {
        if self.billing.buy_credits_url.is_empty() {
            format!("{public_url}/billing")
        } else {
            self.billing.buy_credits_url.clone()
        }
    }
}
