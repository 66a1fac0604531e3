//! From what was heard in each frame to edges: when speech starts, goes on and ends.

use std::time::Duration;

use super::prosody::{Memory, Prosody};
use crate::{FRAME_TIME, pitch::Pitch, vad::Activity};

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
    /// Speech goes on; every 100 ms, and at once when it turns out to be an echo, or not to be one.
    Going {
        /// Time since it began, without the silence at its end.
        voiced: Duration,
        /// As in [`Edge::Started`], of the last 100 ms.
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
    /// Music began (`true`) or stopped (`false`). Until it stops, nothing counts as speech.
    Music(bool),
    /// A key was pressed by the callee, sent as a tone in the sound: `0`-`9`, `*`, `#`, `A`-`D`.
    Dtmf(char),
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
/// They are believed from here on where the sound is far above the noise or has a voice's pitch.
const ON_CLEAR: f32 = 0.45;
/// Scores below this are no speech, in the middle of it. The detector falls slowly after speech: the level tells
/// its end.
const OFF: f32 = 0.3;
/// A clear pitch, this far above the noise in dB, makes up for a detector that is in doubt.
const ON_PITCHED: f32 = 0.27;
const ABOVE_PITCHED: f32 = 10.0;
/// Evidence that makes a start: one frame where all speaks for it, two with a good score, four with a clear pitch.
const START: u32 = 4;
/// Weight of silence that makes an end: a frame counts [`SURE`] where nothing is heard, 1 where it is doubtful. So
/// an end takes 100 ms, or 200 ms where speech fades away or dips into noise.
const END: u32 = 10;
const SURE: u32 = 2;
/// Every so many frames of ongoing speech are reported.
const REPORT: u32 = 5;

/// A clear pitch is believed without the detector this far above the noise, in dB.
const ABOVE_LOUD: f32 = 25.0;

/// Speech is louder than the noise by this, in dB.
const ABOVE_NOISE: f32 = 6.0;
/// In the middle of speech less is enough, and only what is below this for sure is silence.
const ABOVE_NOISE_WITHIN: f32 = 1.5;
const SURE_ABOVE_NOISE: f32 = 0.0;
/// Sound that is louder than the noise by this is clear.
const CLEAR: f32 = 20.0;
/// Speech is never quieter than this, in dBFS.
const QUIETEST: f32 = -58.0;
/// Nor weaker than its loudest moment by more than this, in dB; below the second it is over for sure.
const RANGE: f32 = 35.0;
const SURE_RANGE: f32 = 45.0;
/// Where it is never quieter than the first, in dBFS, other voices are heard all the time. Then speech rises above what
/// is always there by the second, and ends below the third of it, in dB …
const CROWDED: f32 = -52.0;
const ABOVE_CROWD: f32 = 13.0;
const ABOVE_CROWD_WITHIN: f32 = 11.0;
/// … unless that is less than so many dB below this callee's own voice.
const BELOW_VOICE: f32 = 7.0;
const BELOW_VOICE_WITHIN: f32 = 11.0;
/// How loud a voice is taken to be before it was heard, in dBFS, and how fast what is known of it rises and falls.
const VOICE: f32 = -22.0;
const VOICE_RISE: f32 = 0.1;
const VOICE_FALL: f32 = 0.002;
/// How fast the loudest moment is forgotten, in dB per frame.
const FORGET: f32 = 0.2;
/// A voice has at least this strength of pitch.
const PITCH_STRENGTH: f32 = 0.75;
/// Sound this likely to be an echo is no evidence of a voice.
const ECHO: f32 = 0.7;
/// The reported likelihood changes by this much of the difference per frame: it remembers 100 ms.
const ECHO_WEIGHT: f32 = 0.3;
/// For so many frames after a tone nothing starts: a frame that a tone fills by half looks like anything, and the
/// detector has not forgotten it.
const AFTER_TONE: u32 = 5;
/// The start of speech is looked for this many frames back.
const LOOK_BACK: u32 = 10;

/// What was found in one frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Findings {
    pub(crate) activity: Activity,
    pub(crate) pitch: Pitch,
    /// The frame is a tone.
    pub(crate) tonal: bool,
    /// Music plays.
    pub(crate) music: bool,
    /// Likelihood that it is the agent's own voice.
    pub(crate) echo: f32,
    /// The agent speaks, and this is a hiss that is not its own.
    pub(crate) hiss: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Edges {
    speaking: bool,
    music: bool,
    /// Frames since the last that was a tone.
    since_tone: u32,
    /// While silent: frames in a row that were loud enough to belong to speech.
    rising: u32,
    /// While silent: evidence of a start in the frames just heard.
    evidence: u32,
    /// While speaking: frames since it began, and how many of the last were silent, as a count and by weight.
    length: u32,
    silent: u32,
    silence: u32,
    /// The loudest moment of late, in dBFS.
    peak: f32,
    /// The level of the callee's voice in its louder moments, in dBFS.
    voice: f32,
    /// Likelihood of an echo, averaged, and as last reported.
    echo: f32,
    reported_echo: f32,
    memory: Memory,
}

impl Edges {
    pub(crate) fn new() -> Self {
        Self {
            speaking: false,
            music: false,
            since_tone: AFTER_TONE,
            rising: 0,
            evidence: 0,
            length: 0,
            silent: 0,
            silence: 0,
            peak: QUIETEST,
            voice: VOICE,
            echo: 0.0,
            reported_echo: 0.0,
            memory: Memory::new(),
        }
    }

    /// Whether sound may be left out now without anybody noticing.
    pub(crate) const fn is_quiet(&self) -> bool {
        !self.speaking && self.rising == 0
    }

    pub(crate) fn process(&mut self, found: Findings, edges: &mut Vec<Edge>) {
        self.since_tone = if found.tonal {
            0
        } else {
            self.since_tone.saturating_add(1)
        };
        self.memory.note(found.pitch, found.activity.level);
        if found.music != self.music {
            self.music = found.music;
            edges.push(Edge::Music(found.music));
            if found.music && self.speaking {
                self.end(edges);
            }
        }
        if self.speaking {
            self.go_on(found, edges);
        } else {
            self.look_for_start(found, edges);
        }
    }

    fn look_for_start(&mut self, found: Findings, edges: &mut Vec<Edge>) {
        let Activity {
            score,
            level,
            noise,
            ambience,
        } = found.activity;
        let above = level - noise;
        let other = self.since_tone < AFTER_TONE || found.music || found.echo >= ECHO;
        let least = QUIETEST.max(self.crowd(ambience, ABOVE_CROWD, BELOW_VOICE));
        if other || level < least || above < ABOVE_NOISE {
            self.rising = 0;
            self.evidence = 0;
            return;
        }
        self.rising += 1;
        let pitched = found.pitch.strength >= PITCH_STRENGTH;
        let clear = above >= CLEAR;
        let evidence = match score {
            score if score >= ON && pitched && clear => START,
            score if score >= ON || score >= ON_CLEAR && (clear || pitched) => START / 2,
            // The detector takes its time after a consonant; a loud, clear pitch is a voice all the same.
            _ if pitched && above >= ABOVE_LOUD => START / 2,
            // Words that begin with an "s" are on their way for a tenth of a second before there is a voice.
            _ if found.hiss && above >= ABOVE_PITCHED => START / 4,
            score if score >= ON_PITCHED && pitched && above >= ABOVE_PITCHED => START / 4,
            _ => 0,
        };
        self.evidence = if evidence > 0 {
            self.evidence + evidence
        } else {
            self.evidence.saturating_sub(START / 4)
        };
        if self.evidence >= START {
            self.speaking = true;
            self.length = self.rising.min(LOOK_BACK);
            self.silent = 0;
            self.silence = 0;
            self.memory.begin(self.length as usize);
            self.peak = level;
            self.echo = found.echo;
            self.reported_echo = found.echo;
            edges.push(Edge::Started {
                voiced: FRAME_TIME * self.length,
                echo: found.echo,
            });
        }
    }

    fn go_on(&mut self, found: Findings, edges: &mut Vec<Edge>) {
        let Activity {
            score,
            level,
            noise,
            ambience,
        } = found.activity;
        self.length += 1;
        self.peak = (self.peak - FORGET).max(level);
        let at_least = |above_noise: f32, range: f32| {
            level >= (noise + above_noise).max(self.peak - range).max(QUIETEST)
        };
        let own = found.tonal || found.echo >= ECHO;
        if !own {
            let speed = if level > self.voice {
                VOICE_RISE
            } else {
                VOICE_FALL
            };
            self.voice += speed * (level - self.voice);
        }
        let crowd = self.crowd(ambience, ABOVE_CROWD_WITHIN, BELOW_VOICE_WITHIN);
        if level >= crowd && at_least(ABOVE_NOISE_WITHIN, RANGE) && score >= OFF && !own {
            self.silent = 0;
            self.silence = 0;
        } else {
            self.silent += 1;
            let sure = !at_least(SURE_ABOVE_NOISE, SURE_RANGE) || found.tonal || level < crowd;
            self.silence += if sure { SURE } else { 1 };
        }
        self.echo += ECHO_WEIGHT * (found.echo - self.echo);
        let turned = (self.echo >= ECHO) != (self.reported_echo >= ECHO);
        if self.silence >= END {
            self.end(edges);
        } else if turned || self.length.is_multiple_of(REPORT) {
            self.reported_echo = self.echo;
            edges.push(Edge::Going {
                voiced: FRAME_TIME * (self.length - self.silent),
                echo: self.echo,
            });
        }
    }

    /// Returns the level below which sound is other people's, in dBFS.
    fn crowd(&self, ambience: f32, above: f32, below_voice: f32) -> f32 {
        if ambience < CROWDED {
            return QUIETEST;
        }
        (ambience + above).min(self.voice - below_voice)
    }

    fn end(&mut self, edges: &mut Vec<Edge>) {
        edges.push(Edge::Ended {
            silence: FRAME_TIME * self.silent,
            voiced: FRAME_TIME * (self.length - self.silent),
            prosody: self.memory.end(self.silent as usize),
        });
        self.speaking = false;
        self.rising = 0;
        self.evidence = 0;
    }
}
