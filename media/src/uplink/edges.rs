//! From scores to edges: when speech starts, goes on and ends.

use std::time::Duration;

use crate::{FRAME_TIME, vad::Activity};

/// The most edges in one tick.
pub(crate) const MAX_EDGES: usize = 8;

/// An edge in the callee's sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Edge {
    /// Speech began.
    Started {
        /// How long it has been going on already: the delay of the detection.
        voiced: Duration,
        /// Likelihood that this is the agent's own voice coming back, 0.0 (surely not) to 1.0 (surely).
        echo: f32,
    },
    /// Speech goes on; every 100 ms, and at once when its echo likelihood changes much.
    Going {
        /// Time since it began.
        voiced: Duration,
        /// As in [`Edge::Started`], of the last 200 ms.
        echo: f32,
    },
    /// Speech ended.
    Ended {
        /// How long it has been over already.
        silence: Duration,
        /// How long it was, the silence not counted.
        voiced: Duration,
        /// How it ended.
        prosody: Prosody,
    },
    /// A tone that is not speech was recognised.
    Tone(Tone),
    /// Music began (`true`) or stopped (`false`).
    Music(bool),
    /// A key was pressed by the callee, sent as a tone in the sound: `0`-`9`, `*`, `#`, `A`-`D`.
    Dtmf(char),
}

/// The shape of the last syllables before a silence. Zero where it could not be measured.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prosody {
    /// Pitch movement over the last 300 ms of voice, in semitones (negative: falling).
    pub pitch_slope: f32,
    /// Energy of the last 200 ms relative to the whole stretch, in dB (negative: fading).
    pub energy_drop: f32,
    /// Length of the last voiced run; it is lengthened before a pause that ends nothing.
    pub last_voiced: Duration,
}

/// Tones that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// One steady tone of 0.1 to 1 s: a voice mailbox starts recording.
    Beep,
    /// The far end's phone rings.
    Ringback,
    /// Busy or reorder.
    Busy,
    /// Special information tone before an announcement.
    Sit,
    /// A fax or modem.
    Fax,
}

/// Scores from here on are speech.
const ON: f32 = 0.6;
/// Scores from here down are none; between the two it stays as it was.
const OFF: f32 = 0.35;
/// Frames of speech that make a start.
const START: u32 = 2;
/// Frames of silence that make an end.
const END: u32 = 6;
/// Every so many frames of ongoing speech are reported.
const REPORT: u32 = 5;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Edges {
    speaking: bool,
    /// Frames in a row that speak against the present state.
    against: u32,
    /// Frames since speech began.
    length: u32,
}

impl Edges {
    pub(crate) const fn new() -> Self {
        Self {
            speaking: false,
            against: 0,
            length: 0,
        }
    }

    /// Whether sound may be left out now without anybody noticing.
    pub(crate) const fn is_quiet(&self) -> bool {
        !self.speaking && self.against == 0
    }

    pub(crate) fn process(&mut self, activity: Activity, edges: &mut Vec<Edge>) {
        if self.speaking {
            self.length += 1;
            self.against = if activity.score < OFF {
                self.against + 1
            } else {
                0
            };
            if self.against == END {
                edges.push(Edge::Ended {
                    silence: FRAME_TIME * self.against,
                    voiced: FRAME_TIME * (self.length - self.against),
                    prosody: Prosody::default(),
                });
                self.speaking = false;
                self.against = 0;
            } else if self.length.is_multiple_of(REPORT) {
                edges.push(Edge::Going {
                    voiced: FRAME_TIME * self.length,
                    echo: 0.0,
                });
            }
            return;
        }
        self.against = if activity.score >= ON {
            self.against + 1
        } else {
            0
        };
        if self.against == START {
            edges.push(Edge::Started {
                voiced: FRAME_TIME * self.against,
                echo: 0.0,
            });
            self.speaking = true;
            self.length = self.against;
            self.against = 0;
        }
    }
}
