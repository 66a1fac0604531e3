//! Plays a trial to the real program: supervisor, driver, core, sound path and simulated line, on the virtual clock.
//!
//! Only the services stand in: the recogniser computes in lock-step, the model answers at once, the voice speaks at once.
//! So every figure is the engine's own, and the same on any machine. What a trial means is decided elsewhere.

use std::{sync::Arc, time::Duration};

use call::{CallConfig, Event, LineEvent};
use media::FRAME_TIME;
use protocol::rest;
use tempfile::TempDir;

use super::{Trial, When, trial::Label};
use crate::{
    bus::Bus,
    driver::clock,
    line::{
        DialError, DialRequest, Leg, Line,
        simulated::{
            Probe, SimulatedLine, SimulatedOptions, Tracks,
            scenario::{
                Action, Condition, Play, Reaction, Scenario, Settings as LineSettings, Sound,
                SoundId, Step, Wait,
            },
        },
    },
    provider::{
        BoxFuture, SpeechToText,
        flite::instant::InstantFlite,
        scripted::{ScriptedModel, ScriptedReply},
    },
    store::{Attachment, KeyId, RedbStore, Store},
    supervisor::{Caller, CreateAnswer, Parts, Policy, Settings, Supervisor},
};

/// How long the callee's phone rings: a whole number of frames, so that the answer is dealt with at a tick and recordings begin with it.
const RING: Duration = Duration::from_millis(100);
/// A callee who waits for the agent gives up after this much silence.
const GIVE_UP: Duration = Duration::from_secs(6);
/// The silence after the agent's last words at which the callee hangs up: longer than any laugh for which it falls silent.
const LAST_SILENCE: Duration = Duration::from_secs(3);

/// What plays trials. Clones share the services.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The recogniser.
    pub stt: Arc<dyn SpeechToText>,
    /// The agent's voice.
    pub tts: InstantFlite,
    /// How the core behaves, but for the first message.
    pub config: CallConfig,
}

/// A trial that was played. All times count from the start of the call.
#[derive(Debug, Clone)]
pub struct Played {
    /// When each cue began: the time at which its first sample was spoken, a frame before its packet left the callee.
    /// `None` for cues that the call never came to.
    pub cues: Vec<Option<Duration>>,
    /// What the core was given and what it did.
    pub log: call::Recording,
    /// The agent's sound as it left for the line, 8 kHz, and when its first sample did.
    pub agent: Vec<i16>,
    /// The callee's sound as it came out of the jitter buffer, 8 kHz, on the same clock.
    pub callee: Vec<i16>,
    /// The time of the first sample of both: the frame of the tick at which the answer was dealt with is the first.
    pub start: Duration,
    /// Both sides as the callee lived them.
    pub tracks: Tracks,
    /// The finished record.
    pub call: rest::Call,
}

/// Why a trial could not be played.
#[derive(Debug, thiserror::Error)]
#[error("The trial {trial} could not be played: {why}.")]
pub struct StageError {
    trial: String,
    why: String,
}

impl Stage {
    /// Plays a trial to its end, in a runtime of its own.
    ///
    /// # Errors
    /// When a part of the program does not do what it must; the sentence names the trial.
    pub fn play(&self, trial: &Trial) -> Result<Played, StageError> {
        let failed = |why: String| StageError {
            trial: trial.id.clone(),
            why,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        runtime.block_on(self.call(trial)).map_err(failed)
    }

    async fn call(&self, trial: &Trial) -> Result<Played, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let store: Arc<dyn Store> = Arc::new(RedbStore::in_memory().map_err(text)?);
        let probe = Probe::default();
        let supervisor = self.supervisor(trial, &folder, store.clone(), probe.clone());
        let account = store
            .create_account("bench", 1, clock::wall())
            .map_err(text)?;
        let caller = Caller {
            account: account.id,
            key: KeyId::new(1),
            test: false,
            scopes: protocol::rest::Scopes::default(),
        };
        let request = rest::CreateCall::parse(REQUEST.as_bytes(), &rest::Offer::default())
            .map_err(|error| format!("{error:?}"))?
            .call;
        let created = supervisor.create(&caller, request, Vec::new(), None).await;
        let id = match created.map_err(|error| format!("{error:?}"))? {
            CreateAnswer::Created(created) => created.data.call_id,
            CreateAnswer::Replayed(_) => return Err("its call was not created".into()),
        };
        wait_for_end(&supervisor, &id).await;
        let call = store.call(&id).map_err(text)?.ok_or("its call was lost")?;
        let log = store.load(&id, Attachment::Events).map_err(text)?;
        let log = String::from_utf8(log.ok_or("its events were not kept")?).map_err(text)?;
        let log = call::Recording::read(&log, clock::now()).map_err(text)?;
        let answered = answered(&log).ok_or("nobody answered")?;
        let path = supervisor.recording_path(&id);
        let [agent, callee] = read_recording(&path)?;
        let tracks = probe.calls().pop().ok_or("its line was never dialed")?;
        let cue = |index: usize| {
            let begun = tracks
                .sounds
                .iter()
                .find(|(sound, _)| *sound == SoundId(index));
            let at = |sample: usize| (answered + samples(sample)).saturating_sub(FRAME_TIME);
            begun.map(|(_, sample)| at(*sample))
        };
        Ok(Played {
            cues: (0..trial.cues.len()).map(cue).collect(),
            log,
            agent,
            callee,
            start: answered,
            tracks,
            call: call.call,
        })
    }

    fn supervisor(
        &self,
        trial: &Trial,
        folder: &TempDir,
        store: Arc<dyn Store>,
        probe: Probe,
    ) -> Supervisor {
        let options = SimulatedOptions {
            probe: Some(probe),
            ..SimulatedOptions::default()
        };
        let line = StageLine {
            line: SimulatedLine::new(options, Arc::new(self.tts.clone())),
            scenario: scenario(trial),
            seed: trial.seed,
        };
        let (first, rest) = match trial.agent.split_first() {
            Some((first, rest)) => (first.clone(), rest),
            None => (String::new(), [].as_slice()),
        };
        // The first two are never asked for: the opening is given, and a hello is answered by it.
        let unasked = [ScriptedReply::text(&first), ScriptedReply::text(&first)];
        let said = rest.iter().map(|text| ScriptedReply::text(text));
        let config = CallConfig {
            first_message: Some(first),
            ..self.config.clone()
        };
        Supervisor::new(Parts {
            store,
            bus: Bus::default(),
            lines: vec![Arc::new(line)],
            stt: self.stt.clone(),
            llm: Arc::new(ScriptedModel::new(
                unasked.into_iter().chain(said).collect(),
            )),
            tts: Arc::new(self.tts.clone()),
            reader: None,
            watch: crate::watch::Watch::default(),
            settings: Settings {
                max_concurrent: 1,
                policy: Policy::default(),
                ring_timeout: Duration::from_secs(20),
                drain: Duration::ZERO,
                call: config,
                recordings: folder.path().to_path_buf(),
                buy_credits_url: String::new(),
            },
        })
    }
}

impl Played {
    /// Returns the time of a position in a cue's sound; `None` for cues that the call never came to.
    #[must_use]
    pub fn time(&self, cue: usize, sample: usize) -> Option<Duration> {
        Some((*self.cues.get(cue)?)? + samples(sample))
    }

    /// Returns when each reply of the agent was decided: the time of its first spoken clause, in order.
    #[must_use]
    pub fn decisions(&self) -> Vec<Duration> {
        let first = |(at, action): &(Duration, call::Action)| match action {
            call::Action::Speak { clause, .. } if clause.index == 0 => Some(*at),
            _ => None,
        };
        self.log.actions.iter().filter_map(first).collect()
    }
}

/// The length of so many samples at 8 kHz.
#[must_use]
pub fn samples(count: usize) -> Duration {
    Duration::from_micros(count as u64 * 125)
}

/// What every trial's call asks for; the agent's words are the trial's own.
const REQUEST: &str = r#"{"to_phone_number": "+14155551234", "objective": "Talk to the callee."}"#;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

async fn wait_for_end(supervisor: &Supervisor, id: &protocol::ids::CallId) {
    let Some(feed) = supervisor.feed(id) else {
        return;
    };
    let mut changed = feed.subscribe();
    let mut seen = 0;
    loop {
        let batch = feed.read(seen, usize::MAX);
        seen += batch.events.len() as u64;
        if batch.ended || changed.changed().await.is_err() {
            break;
        }
    }
    // The feed is closed when everything is kept; the call is forgotten right after.
    while supervisor.live_calls() > 0 {
        tokio::task::yield_now().await;
    }
}

fn answered(log: &call::Recording) -> Option<Duration> {
    let is_answer = |event: &Event| *event == Event::Line(LineEvent::Answered);
    let found = log.events.iter().find(|(_, event)| is_answer(event));
    found.map(|(at, _)| *at)
}

fn read_recording(path: &std::path::Path) -> Result<[Vec<i16>; 2], String> {
    let mut reader = hound::WavReader::open(path).map_err(text)?;
    let mut channels = [Vec::new(), Vec::new()];
    for (index, sample) in reader.samples::<i16>().enumerate() {
        channels[index % 2].push(sample.map_err(text)?);
    }
    Ok(channels)
}

/// Puts a trial into the words of the simulated line.
fn scenario(trial: &Trial) -> Scenario {
    let wait = |condition, silence| {
        Step::Until(Wait {
            condition,
            otherwise: vec![(Condition::Silence(silence), Action::GoOn)],
        })
    };
    let mut steps = Vec::new();
    for (index, cue) in trial.cues.iter().enumerate() {
        steps.push(match cue.when {
            When::After(length) => Step::Do(Action::Pause(length)),
            When::AgentStops(silence) => wait(Condition::Stops(silence), GIVE_UP),
            When::AgentSpeaks(length) => wait(Condition::Speaks(length), GIVE_UP),
        });
        steps.push(Step::Do(Action::Play(Play {
            sound: SoundId(index),
            at_most: None,
            until_key: false,
            takes_turn: !matches!(cue.label, Label::Disturbance { .. }),
        })));
    }
    steps.push(wait(Condition::Stops(LAST_SILENCE), GIVE_UP));
    steps.push(Step::Do(Action::HangUp));
    let defaults = LineSettings::default();
    Scenario {
        about: String::new(),
        settings: LineSettings {
            ring: RING,
            network: trial.network,
            noise: defaults.noise.filter(|_| trial.background.is_none()),
            background: trial.background.clone(),
            echo: trial.echo,
            ..defaults
        },
        reaction: Reaction::Answers(steps),
        sounds: trial
            .cues
            .iter()
            .map(|cue| Sound::Samples(Arc::clone(&cue.sound)))
            .collect(),
    }
}

/// The simulated line with the trial as its only callee.
#[derive(Debug)]
struct StageLine {
    line: SimulatedLine,
    scenario: Scenario,
    seed: u64,
}

impl Line for StageLine {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn check(&self, _request: &DialRequest) -> Result<(), DialError> {
        Ok(())
    }

    fn dial(&self, request: DialRequest) -> BoxFuture<'_, Result<Leg, DialError>> {
        let request = DialRequest {
            seed: self.seed,
            ..request
        };
        let leg = self.line.play(&request, self.scenario.clone());
        Box::pin(async move { leg })
    }
}
