//! The way from the callee: packets in, and every 20 ms one frame of sound with the edges that were heard in it.
//!
//! [`Uplink`] puts packets in order and fills gaps, makes the frame for the recogniser, and tells speech from noise,
//! tones, music and the agent's own echo. It does not decide what an edge means for the conversation.
//!
//! Edges are looked for in what has arrived, not in what is played: nobody who is to stop for a voice needs to wait until
//! the jitter buffer has evened out its arrival.

use std::time::{Duration, Instant};

mod conceal;
mod delay;
mod edges;
mod jitter;
mod noise;
mod ordered;
mod prosody;

pub use edges::{Edge, Tone};
use edges::{Edges, Findings, MAX_EDGES};
use jitter::{Jitter, Pulled};
pub use jitter::{JitterConfig, JitterStats};
pub use prosody::Prosody;

use crate::{
    Codec, Doubler, FRAME, Packet, WIDE_FRAME,
    echo::EchoGuard,
    music::Music,
    pitch::{Pitch, PitchTracker},
    spectrum::{Line, Spectrum},
    tones::{Heard, ToneDetector},
    vad::{Activity, Vad},
};

/// Frames below this level, in dBFS, hold neither tone nor music nor pitch.
const FAINT: f32 = -60.0;
/// Nor do those this close to the noise, in dB, unless it is so loud, in dBFS, that it may be music without pauses.
const NEAR_NOISE: f32 = 3.0;
const LOUD: f32 = -45.0;
/// A tone this likely to be an echo is the agent's own.
const OWN: f32 = 0.5;
/// The most frames that are looked into at one tick: what arrives at once is caught up with over several.
const MOST_LOOKS: usize = 3;
/// A sender whose timestamps jump by more than this, in samples, has started anew: 0.5 s.
const ANEW: i64 = 4_000;

/// How an [`Uplink`] is set up.
#[derive(Debug, Clone, Copy)]
pub struct UplinkConfig {
    /// How packets are encoded.
    pub codec: Codec,
    /// Limits of the jitter buffer.
    pub jitter: JitterConfig,
}

impl UplinkConfig {
    /// Returns the defaults for a codec.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            jitter: JitterConfig::default(),
        }
    }
}

/// Counts since the start of a call.
pub type UplinkStats = JitterStats;

/// What one tick brings.
#[derive(Debug)]
pub struct UplinkTick<'a> {
    /// The callee's sound at 8 kHz, for the recording.
    pub wire: &'a [i16; FRAME],
    /// The same at 16 kHz, for the recogniser; 2 ms later.
    pub wide: &'a [i16; WIDE_FRAME],
    /// What was heard in the sound that arrived since the last tick, in order; of `wire` it is up to the jitter buffer's delay
    /// ahead.
    pub edges: &'a [Edge],
    /// Whether sound was missing and at least a part of this frame is made up.
    pub concealed: bool,
    /// Whether nobody speaks in this frame, and nothing begins that may be speech.
    pub quiet: bool,
    /// Whether packets come at all; `false` before the first and in long gaps.
    pub flowing: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Uplink {
    jitter: Jitter,
    vad: Vad,
    pitch: PitchTracker,
    spectrum: Spectrum,
    tones: ToneDetector,
    music: Music,
    echo: EchoGuard,
    edges: Edges,
    doubler: Doubler,
    frame: [i16; FRAME],
    /// The frame that is looked into.
    newest: [i16; FRAME],
    heard: Vec<Edge>,
    /// Frames in a row, up to the newest, in which nobody speaks.
    quiet: i64,
    /// Samples sent so far, and how many of them more than the timestamp of the newest frame that was looked into.
    sent: i64,
    apart: i64,
}

impl Uplink {
    /// Makes an uplink that has heard nothing yet. All memory is taken here.
    #[must_use]
    pub fn new(config: UplinkConfig) -> Self {
        Self {
            jitter: Jitter::new(config.codec, config.jitter),
            vad: Vad::new(),
            pitch: PitchTracker::new(),
            spectrum: Spectrum::new(),
            tones: ToneDetector::new(),
            music: Music::new(),
            echo: EchoGuard::new(),
            edges: Edges::new(),
            doubler: Doubler::new(),
            frame: [0; FRAME],
            newest: [0; FRAME],
            heard: Vec::with_capacity(MOST_LOOKS * MAX_EDGES),
            quiet: 0,
            sent: 0,
            apart: 0,
        }
    }

    /// Goes over to another codec. Allocates.
    pub fn set_codec(&mut self, codec: Codec) {
        self.jitter.set_codec(codec);
    }

    /// Takes a packet that arrived at `now`, in whatever order.
    pub fn push(&mut self, packet: &Packet, now: Instant) {
        self.jitter.push(packet, now);
    }

    /// Makes the next 20 ms. Call every 20 ms, with the frame that was sent to the callee last
    /// ([`crate::DownlinkTick::wire`]), of which the callee's sound may hold an echo.
    pub fn tick(&mut self, now: Instant, sent: &[i16; FRAME]) -> UplinkTick<'_> {
        let quiet = self.is_quiet();
        let pulled = self.jitter.pull(&mut self.frame, quiet, now);
        self.echo.send(sent);
        self.sent += FRAME as i64;
        self.heard.clear();
        let mut looks = 0;
        if self.jitter.passed_unseen() {
            // It never came, or not in time: what stands for it tells how the sound went on.
            self.newest = self.frame;
            self.look();
            looks += 1;
        }
        while looks < MOST_LOOKS && self.jitter.look_ahead(&mut self.newest) {
            self.look();
            looks += 1;
        }
        UplinkTick {
            wire: &self.frame,
            wide: self.doubler.process(&self.frame),
            edges: &self.heard,
            quiet,
            concealed: pulled == Pulled::Concealed,
            flowing: pulled != Pulled::Idle,
        }
    }

    /// Whether nobody speaks in what is played next, so that sound may be left out without anybody noticing.
    fn is_quiet(&self) -> bool {
        let ahead = self.jitter.ahead().max(0);
        self.quiet > ahead.div_euclid(FRAME as i64)
    }

    /// Looks into the newest frame.
    fn look(&mut self) {
        let apart = self.sent - self.jitter.seen();
        let later = apart - self.apart;
        self.apart = apart;
        self.echo
            .hear(&self.newest, if later.abs() > ANEW { 0 } else { later });
        let activity = self.vad.process(&self.newest);
        let found = self.listen(activity);
        self.edges.process(found, &mut self.heard);
        self.quiet = if self.edges.is_quiet() {
            self.quiet + 1
        } else {
            0
        };
    }

    /// Looks into the frame for pitch, tones and music.
    fn listen(&mut self, activity: Activity) -> Findings {
        self.pitch.hear(&self.newest);
        self.spectrum.hear(&self.newest);
        let near_noise = activity.level < activity.noise + NEAR_NOISE && activity.level < LOUD;
        let faint = activity.level < FAINT || near_noise;
        let lines = if faint {
            [Line::default(); 2]
        } else {
            self.spectrum.measure();
            self.spectrum.lines()
        };
        let heard = self.tones.hear(lines, activity.level);
        let tonal = self.tones.is_tonal();
        let pitch = if faint {
            Pitch::default()
        } else {
            self.pitch.measure()
        };
        let music = if tonal || faint {
            self.music.pass()
        } else {
            self.music
                .hear(self.spectrum.power(), pitch, activity.level)
        };
        let echo = if faint {
            self.echo.rest();
            0.0
        } else {
            self.echo.judge(activity.level)
        };
        match heard {
            // Keys that the agent presses come back too.
            _ if echo >= OWN => {}
            Some(Heard::Key(key)) => self.heard.push(Edge::Dtmf(key)),
            // Music is full of beeps.
            Some(Heard::Tone(tone)) if !music => self.heard.push(Edge::Tone(tone)),
            Some(Heard::Tone(_)) | None => {}
        }
        Findings {
            activity,
            pitch,
            tonal,
            music,
            echo,
            hiss: !faint && self.echo.hears_hiss(),
        }
    }

    /// Returns the counts of the jitter buffer.
    #[must_use]
    pub const fn stats(&self) -> &UplinkStats {
        self.jitter.stats()
    }

    /// How long sound is kept back at present to even out its arrival.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.jitter.target()
    }
}

#[cfg(test)]
mod tests;
