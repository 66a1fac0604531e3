//! What a scenario is once it was read: settings, steps, and the sounds that its steps make.
//!
//! Decides nothing about how the text is written (`parse`), what the sounds are made of (`sounds`) or when a
//! step is taken (`callee`).

use std::{path::PathBuf, sync::Arc, time::Duration};

use media::{Law, impair::NetworkConfig};

/// One callee: how the line to them behaves, and what they do.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// One sentence for lists of scenarios.
    pub about: String,
    /// Everything above the `---`.
    pub settings: Settings,
    /// What happens when the number is dialed.
    pub reaction: Reaction,
    /// Every sound that a step makes, each once; steps name them by [`SoundId`].
    pub sounds: Vec<Sound>,
}

/// What the callee's line does with a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    /// Rings for [`Settings::ring`], is picked up, and the steps follow.
    Answers(Vec<Step>),
    /// Rings until the caller gives up.
    NeverAnswers,
    /// Rings, then the callee declines.
    Declines,
    /// The line is engaged.
    Busy,
    /// The number does not exist.
    NoSuchNumber,
}

/// The settings of a scenario, with their defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Whose voice says what is written.
    pub voice: String,
    /// How long it rings before it is picked up.
    pub ring: Duration,
    /// The silence after which the callee takes the agent's turn for finished.
    pub patience: Duration,
    /// The longest that the callee stays on the line after picking up.
    pub longest: Duration,
    /// How the line encodes sound.
    pub law: Law,
    /// What the network does to packets; the same in both directions, from different seeds.
    pub network: NetworkConfig,
    /// Speech level over noise level in dB; `None` for a line without noise.
    pub noise: Option<f32>,
    /// Sound around the callee that never ends, 8 kHz, repeated from its start. Scenarios written as text have none.
    pub background: Option<Arc<[i16]>>,
    /// The agent's own sound coming back.
    pub echo: Option<Echo>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            voice: "awb".into(),
            ring: Duration::from_secs(2),
            patience: Duration::from_millis(700),
            longest: Duration::from_secs(15 * 60),
            law: Law::Mu,
            network: NetworkConfig::CLEAN,
            noise: Some(40.0),
            background: None,
            echo: None,
        }
    }
}

/// The agent's own sound, coming back from the far end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Echo {
    /// Gain in dB, at most 0.
    pub gain: f32,
    /// How much later than the sound itself.
    pub delay: Duration,
}

/// Position of a sound in [`Scenario::sounds`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SoundId(pub usize);

/// Something that the agent can hear.
#[derive(Debug, Clone, PartialEq)]
pub enum Sound {
    /// Words, in the scenario's voice.
    Speech(String),
    /// A WAV file; relative paths count from the scenario's own folder.
    Recording(PathBuf),
    /// Samples at 8 kHz, played as they are. Scenarios written as text have none.
    Samples(Arc<[i16]>),
    /// One steady tone.
    Beep {
        /// Frequency in Hz.
        hertz: f32,
        /// How long.
        length: Duration,
    },
    /// A tone of the telephone network.
    Progress(Progress, Duration),
    /// Music on hold.
    Music(Duration),
    /// A cough.
    Cough,
    /// A door slams.
    Door,
}

/// A tone of the telephone network, heard in the sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It rings at the far end.
    Ringback,
    /// The far end is engaged.
    Busy,
    /// The special information tone before an announcement.
    Sit,
}

/// One line of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Do something; the next step follows when it is done.
    Do(Action),
    /// Wait for something.
    Until(Wait),
}

/// A wait: the next step follows when `condition` holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// What is waited for.
    pub condition: Condition,
    /// What may happen meanwhile, in order of precedence. Each fires once per wait.
    pub otherwise: Vec<(Condition, Action)>,
}

/// What the callee can notice. Nothing here knows words: the callee hears sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The agent has been speaking for this long and still is.
    Speaks(Duration),
    /// The agent has spoken since the callee's last words and has now been silent for this long.
    Stops(Duration),
    /// Neither side has made a sound for this long, counted from the start of the wait at the earliest.
    Silence(Duration),
    /// The agent pressed these keys, one after the other.
    Keys(String),
    /// The agent pressed any key.
    AnyKey,
}

/// What the callee can do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make a sound.
    Play(Play),
    /// Say once more what was said or played last.
    Repeat,
    /// Say and hear nothing in particular for a while.
    Pause(Duration),
    /// Press keys.
    Press(String),
    /// Continue with this step.
    GoTo(usize),
    /// Give the wait up and take the next step.
    GoOn,
    /// Put the phone down.
    HangUp,
}

/// How a sound is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Play {
    /// Which.
    pub sound: SoundId,
    /// Breaks off after this long.
    pub at_most: Option<Duration>,
    /// Breaks off when the agent presses a key.
    pub until_key: bool,
    /// Whether the callee takes the turn by it: what the agent said until then is not an answer. A cough
    /// or an "uh-huh" takes nothing.
    pub takes_turn: bool,
}
