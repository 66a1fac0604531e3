//! The simulated line: a callee played by a scenario, over real G.711 packets with the faults of real lines.
//!
//! The callee hears the agent's sound, never its text. Everything of chance comes from the call's seed. Decides
//! which scenario plays; `docs/scenarios.md` describes their language.

mod callee;
pub mod catalog;
mod ear;
mod earpiece;
pub mod parse;
mod probe;
pub mod scenario;
pub(crate) mod sounds;
mod task;
mod voice;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use media::{FRAME_TIME, impair::NetworkConfig};

pub use self::probe::{Probe, Tracks};
use self::{
    catalog::Found,
    scenario::{Action, Condition, Play, Reaction, Scenario, Settings, Sound, SoundId, Step, Wait},
    task::Start,
    voice::{Prepared, Voice},
};
use crate::{
    line::{DialError, DialRequest, Keys, Leg, Line, Playout, leg_commands, leg_events},
    provider::{BoxFuture, TextToSpeech},
};

/// Events on their way to the driver: about 1.3 s of packets. When full, they wait in the line, and the oldest
/// packets are dropped there.
const EVENTS: usize = 64;
/// Commands on their way to the callee. When full, the driver drops packets and counts them.
const COMMANDS: usize = 64;

/// How the simulated line behaves where a request does not say.
#[derive(Debug, Clone)]
pub struct SimulatedOptions {
    /// The scenario when a request names none. Defaults to [`catalog::DEFAULT`].
    pub scenario: String,
    /// A folder of scenarios that can be named beside the built-in ones, and before them. Defaults to none.
    pub folder: Option<PathBuf>,
    /// Whether requests may name files (a scenario by its path, a recording). Defaults to `true`; a server that
    /// strangers can reach must refuse, because the sound of any WAV file it can read could be asked for.
    pub files: bool,
    /// How long the callee stays on the line in silence after a `callee_audio` was played. Defaults to 20 s.
    pub linger: Duration,
    /// Where the sound of both sides is collected. Defaults to nowhere.
    pub probe: Option<Probe>,
}

impl Default for SimulatedOptions {
    fn default() -> Self {
        Self {
            scenario: catalog::DEFAULT.into(),
            folder: None,
            files: true,
            linger: Duration::from_secs(20),
            probe: None,
        }
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct SimulatedLine {
    options: SimulatedOptions,
    voice: Arc<Voice>,
}

impl SimulatedLine {
    /// Makes a line whose callees speak with the voices of `service`, which must know the voices of
    /// [`parse::VOICES`].
    #[must_use]
    pub fn new(options: SimulatedOptions, service: Arc<dyn TextToSpeech>) -> Self {
        let voice = Arc::new(Voice::new(service));
        Self { options, voice }
    }

    /// Finds the scenario of a request and makes its sounds but for the spoken ones.
    fn load(options: &SimulatedOptions, request: &DialRequest) -> Result<Loaded, DialError> {
        let name = request.scenario.as_deref();
        let forbidden = |what| {
            Err(DialError(format!(
                "{what} cannot be used: this server does not let requests name files of its machine. Its operator can \
                 allow it with line.simulated.files = \"always\"."
            )))
        };
        if !options.files && name.is_some_and(catalog::is_path) {
            return forbidden("The scenario file");
        }
        let found = match (name, &request.callee_audio) {
            (None, Some(_)) => None,
            (name, _) => {
                let name = name.unwrap_or(&options.scenario);
                Some(catalog::find(name, options.folder.as_deref())?)
            }
        };
        let (mut scenario, folder) = match found {
            Some(Found {
                scenario, folder, ..
            }) => (scenario, folder.unwrap_or_default()),
            None => (quiet_line(), PathBuf::new()),
        };
        if let Some(file) = &request.callee_audio {
            if !options.files {
                return forbidden("The callee's recording");
            }
            play_only(&mut scenario, file, options.linger);
        }
        let make = |sound| sounds::make(sound, &folder, request.seed);
        let sounds = scenario.sounds.iter().map(make).collect::<Result<_, _>>()?;
        Ok(Loaded { scenario, sounds })
    }
}

/// A scenario and the sounds of it that need no voice.
struct Loaded {
    scenario: Scenario,
    sounds: Vec<Option<Arc<[i16]>>>,
}

impl Line for SimulatedLine {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn scenarios(&self) -> Option<Vec<(String, String)>> {
        Some(catalog::list(self.options.folder.as_deref()))
    }

    fn check(&self, request: &DialRequest) -> Result<(), DialError> {
        Self::load(&self.options, request).map(|_| ())
    }

    fn dial(&self, request: DialRequest) -> BoxFuture<'_, Result<Leg, DialError>> {
        Box::pin(async move {
            let options = self.options.clone();
            let asked = request.clone();
            // Reading files and making music takes a while.
            let loading = tokio::task::spawn_blocking(move || Self::load(&options, &asked));
            let Ok(loaded) = loading.await else {
                return Err(DialError("The scenario could not be made ready.".into()));
            };
            Ok(self.start(&request, loaded?))
        })
    }
}

impl SimulatedLine {
    /// Starts a scenario that was not written as text. Its recordings count from the working folder.
    ///
    /// # Errors
    /// When one of its sounds cannot be made; the sentence says why.
    pub(crate) fn play(&self, request: &DialRequest, scenario: Scenario) -> Result<Leg, DialError> {
        let make = |sound| sounds::make(sound, Path::new(""), request.seed);
        let sounds = scenario.sounds.iter().map(make).collect::<Result<_, _>>()?;
        Ok(self.start(request, Loaded { scenario, sounds }))
    }

    /// Starts the callee's task and the one that speaks for it.
    fn start(&self, request: &DialRequest, loaded: Loaded) -> Leg {
        let Loaded { scenario, sounds } = loaded;
        let (event_sender, events) = leg_events(EVENTS);
        let (commands, command_receiver) = leg_commands(COMMANDS);
        let prepared = Arc::new(Prepared::new(sounds));
        let settings = scenario.settings;
        let texts = (0..)
            .zip(scenario.sounds)
            .filter_map(|(index, sound)| match sound {
                Sound::Speech(text) => Some((SoundId(index), text)),
                _ => None,
            });
        let (voice, texts) = (Arc::clone(&self.voice), texts.collect::<Vec<_>>());
        let (name, ready) = (settings.voice.clone(), Arc::clone(&prepared));
        tokio::spawn(async move { voice.prepare(&name, texts, &ready).await });
        let leg = Leg {
            events,
            commands,
            codec: settings.law.codec(),
            playout_delay: playout_delay(&settings.network),
            playout: Playout::OnArrival,
            keys: Keys::Signalled,
        };
        let probe = self.options.probe.clone();
        tokio::spawn(task::run(Start {
            settings,
            reaction: scenario.reaction,
            prepared,
            ring_timeout: request.ring_timeout,
            seed: request.seed,
            probe: probe.map(|probe| {
                let call = probe.open(&request.to);
                (probe, call)
            }),
            commands: command_receiver,
            events: event_sender,
        }));
        leg
    }
}

/// Returns how long sound takes to the callee's ear: the network, the packets that the earpiece waits for after the
/// first, and half a frame for the clocks that do not tick together.
fn playout_delay(network: &NetworkConfig) -> Duration {
    network.delay + network.jitter + FRAME_TIME * (earpiece::DEPTH as u32 - 1) + FRAME_TIME / 2
}

/// A line on which a recording is played as it is.
fn quiet_line() -> Scenario {
    Scenario {
        about: "A recording is the callee.".into(),
        settings: Settings {
            noise: None,
            ..Settings::default()
        },
        reaction: Reaction::Busy,
        sounds: Vec::new(),
    }
}

/// Puts one recording in the place of whatever the callee did.
fn play_only(scenario: &mut Scenario, file: &Path, linger: Duration) {
    scenario.sounds = vec![Sound::Recording(file.to_owned())];
    let recording = Play {
        sound: SoundId(0),
        at_most: None,
        until_key: false,
        takes_turn: true,
    };
    let stay = Wait {
        condition: Condition::Silence(linger),
        otherwise: Vec::new(),
    };
    scenario.reaction = Reaction::Answers(vec![
        Step::Do(Action::Play(recording)),
        Step::Until(stay),
        Step::Do(Action::HangUp),
    ]);
}
