//! Recognising tones: keys, call progress, mailbox beeps, fax.
//!
//! A frame is *tonal* when one or two lines of its spectrum hold nearly all of its energy above the range of a
//! voice's fundamental. Runs of tonal frames with the same lines are then named by frequency, length and cadence,
//! so that foreign call progress tones are understood too. A vowel that looks tonal for a frame names nothing.

use crate::{
    spectrum::Line,
    tones::generate::{COLUMNS, KEYS, ROWS},
    uplink::Tone,
};

/// One or two lines with this share of the energy make a frame tonal: the tone is 9 dB above all else.
const TONAL: f32 = 0.89;
/// The second line counts from this share of the energy.
const SECOND: f32 = 0.04;
/// Lines below this are the fundamental of a voice, in Hz; the lowest signal is 350 Hz.
const LOWEST: f32 = 330.0;
/// Tones below this level are not taken seriously, in dBFS.
const QUIETEST: f32 = -50.0;
/// Lines of one run stay within this, in Hz.
const STEADY: f32 = 20.0;
/// Two tones in this range are one line that wanders, because 32 ms cannot resolve them, and a level that beats.
const BEATING: std::ops::RangeInclusive<f32> = 400.0..=520.0;
/// A level that varies by more than this, in dB, beats.
const BEAT: f32 = 0.8;

/// A key's lines may be this far off, relatively: 1.5 % in the standard, and 2 % for our own measurement.
const KEY_TOLERANCE: f32 = 0.035;
/// The column of a key may be louder than its row by this, or softer, in dB.
const TWIST: std::ops::RangeInclusive<f32> = -10.0..=8.0;
/// Frames that a key must last: of 40 ms, two fill the spectrum well enough.
const KEY_FRAMES: u32 = 2;

/// Fax and modem answer, in Hz, and how long until it is believed: half a second.
const FAX: std::ops::RangeInclusive<f32> = 2075.0..=2125.0;
const FAX_FRAMES: u32 = 25;
/// A fax machine that calls repeats this tone, in Hz.
const FAX_CALLING: std::ops::RangeInclusive<f32> = 1062.0..=1138.0;
/// The three special information tones, in Hz, and how long each is until it is believed.
const SPECIAL: [std::ops::RangeInclusive<f32>; 3] =
    [880.0..=1020.0, 1340.0..=1460.0, 1740.0..=1810.0];
const SPECIAL_FRAMES: u32 = 6;
/// Longer bursts of a call progress tone are ringback, shorter ones busy or reorder: 0.7 s.
const RINGBACK_FRAMES: u32 = 35;
/// The shortest burst of busy or reorder: 0.16 s.
const BUSY_FRAMES: u32 = 8;
/// The shortest pause between two bursts of busy or reorder: 0.2 s. A shorter one is a hole that lost packets left.
const BUSY_PAUSE: u32 = 10;
/// The second tone of busy lies here, in Hz, the first in [`BEATING`].
const BUSY: std::ops::RangeInclusive<f32> = 590.0..=650.0;
/// A beep lasts from 0.1 to 1.1 s.
const BEEP_FRAMES: std::ops::RangeInclusive<u32> = 5..=55;
/// A machine's tone varies by less than this, in dB and in Hz.
const MACHINE_LEVEL: f32 = 1.5;
const MACHINE_HERTZ: f32 = 8.0;
/// After a beep it is quieter by at least this, in dB; in the middle of speech it is not.
const DROP: f32 = 8.0;
/// Frames without a tone after which a tone is over: 60 ms.
const OVER: u32 = 3;
/// A tone that comes again within this many frames is a cadence, not a beep: 5 s.
const CADENCE: u32 = 250;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Nothing tonal.
    None,
    /// A key of the keypad, by row and column.
    Key(usize, usize),
    /// One line, in Hz, or several that beat.
    Single(f32),
    /// Two lines, in Hz, the lower first.
    Pair(f32, f32),
}

/// What was recognised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Heard {
    /// A tone of the network or of a machine.
    Tone(Tone),
    /// A key: `0`-`9`, `*`, `#`, `A`-`D`.
    Key(char),
}

/// A stretch of the same tone.
#[derive(Debug, Clone, Copy)]
struct Run {
    kind: Kind,
    frames: u32,
    /// Lowest and highest level, in dBFS, and frequency, in Hz, between the first frame and the latest, which may be
    /// half filled.
    levels: (f32, f32),
    hertz: (f32, f32),
    latest: (f32, f32),
    /// Whether it was reported already.
    named: bool,
}

impl Kind {
    /// The frequency by which steadiness is judged.
    const fn hertz(self) -> f32 {
        match self {
            Self::Single(hz) | Self::Pair(hz, _) => hz,
            Self::None | Self::Key(..) => 0.0,
        }
    }
}

impl Run {
    const fn new(kind: Kind, level: f32) -> Self {
        Self {
            kind,
            frames: 1,
            levels: (f32::MAX, f32::MIN),
            hertz: (f32::MAX, f32::MIN),
            latest: (level, kind.hertz()),
            named: false,
        }
    }

    fn go_on(&mut self, kind: Kind, level: f32) {
        if self.frames > 1 {
            let (level, hertz) = self.latest;
            self.levels = (self.levels.0.min(level), self.levels.1.max(level));
            self.hertz = (self.hertz.0.min(hertz), self.hertz.1.max(hertz));
        }
        self.latest = (level, kind.hertz());
        self.frames += 1;
    }

    /// Whether it is two tones that beat.
    fn beats(&self) -> bool {
        matches!(self.kind, Kind::Single(hz) if BEATING.contains(&hz))
            && self.levels.1 - self.levels.0 > BEAT
    }

    /// Whether it is as steady as only machines are.
    fn is_steady(&self) -> bool {
        self.levels.1 - self.levels.0 < MACHINE_LEVEL && self.hertz.1 - self.hertz.0 < MACHINE_HERTZ
    }
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct ToneDetector {
    run: Run,
    /// The two runs that ended last, and how many frames ago each did.
    ended: [(Run, u32); 2],
    /// How many of the special information tones came in order.
    special: usize,
}

impl Default for ToneDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl ToneDetector {
    /// Makes a detector that has heard nothing.
    #[must_use]
    pub const fn new() -> Self {
        let none = Run::new(Kind::None, 0.0);
        Self {
            run: none,
            ended: [(none, u32::MAX); 2],
            special: 0,
        }
    }

    /// Whether the last frame was tonal, and so is no evidence of speech.
    #[must_use]
    pub fn is_tonal(&self) -> bool {
        self.run.kind != Kind::None
    }

    /// Hears a frame: the strongest lines of its spectrum, stronger first, and its level in dBFS.
    pub fn hear(&mut self, lines: [Line; 2], level: f32) -> Option<Heard> {
        for (_, ago) in &mut self.ended {
            *ago = ago.saturating_add(1);
        }
        let kind = classify(lines, level);
        if same(self.run.kind, kind) {
            self.run.go_on(kind, level);
            return self.name_running(level);
        }
        let over = std::mem::replace(&mut self.run, Run::new(kind, level));
        if over.kind == Kind::None || over.frames < 2 {
            return None;
        }
        let (before, ago) = self.ended[0];
        if same(before.kind, over.kind) && ago <= over.frames + 1 {
            // One frame was disturbed: it is the same tone still.
            self.ended[0].0.frames += over.frames + 1;
            self.ended[0].0.named |= over.named;
            self.ended[0].1 = 0;
            return None;
        }
        self.ended = [(over, 0), self.ended[0]];
        self.name_busy()
    }

    /// Names a tone that is still sounding.
    fn name_running(&mut self, level: f32) -> Option<Heard> {
        if self.run.kind == Kind::None {
            return self.name_over(level);
        }
        if self.run.named || self.continues() {
            return None;
        }
        let heard = match self.run.kind {
            Kind::Key(row, column) if self.run.frames >= KEY_FRAMES => {
                KEYS[row].chars().nth(column).map(Heard::Key)
            }
            Kind::Single(hz) if FAX.contains(&hz) && self.run.frames >= FAX_FRAMES => {
                Some(Heard::Tone(Tone::Fax))
            }
            Kind::Single(hz) if self.run.frames == SPECIAL_FRAMES => self.step_special(hz),
            _ if self.run.frames >= RINGBACK_FRAMES && self.run.beats() => {
                Some(Heard::Tone(Tone::Ringback))
            }
            _ => None,
        };
        self.run.named = heard.is_some();
        heard
    }

    /// Whether the run goes on with one that was broken off for a frame and was named before.
    fn continues(&self) -> bool {
        let (before, ago) = self.ended[0];
        before.named && ago <= self.run.frames + 1 && same(before.kind, self.run.kind)
    }

    /// Counts the special information tones; names them at the third.
    fn step_special(&mut self, hz: f32) -> Option<Heard> {
        let recent = self.ended[0].1 <= self.run.frames + OVER;
        self.special = if SPECIAL[0].contains(&hz) {
            1
        } else if recent
            && SPECIAL
                .get(self.special)
                .is_some_and(|band| band.contains(&hz))
        {
            self.special + 1
        } else {
            0
        };
        (self.special == SPECIAL.len()).then_some(Heard::Tone(Tone::Sit))
    }

    /// Names busy and reorder, whose two tones nothing else has, as soon as the first burst is over.
    fn name_busy(&mut self) -> Option<Heard> {
        let (over, _) = self.ended[0];
        let Kind::Pair(low, high) = over.kind else {
            return None;
        };
        let busy = BEATING.contains(&low)
            && BUSY.contains(&high)
            && (BUSY_FRAMES..RINGBACK_FRAMES).contains(&over.frames);
        let (before, ago) = self.ended[1];
        let again = before.named && same(before.kind, over.kind) && ago < CADENCE;
        self.ended[0].0.named = busy;
        (busy && !again).then_some(Heard::Tone(Tone::Busy))
    }

    /// Names a single tone once it is certainly over, when its length and what came before it tell what it was.
    fn name_over(&mut self, level: f32) -> Option<Heard> {
        let (over, ago) = self.ended[0];
        let Kind::Single(hz) = over.kind else {
            return None;
        };
        if ago != OVER || over.named {
            return None;
        }
        self.ended[0].0.named = true;
        let (before, before_ago) = self.ended[1];
        let gap = before_ago.saturating_sub(ago + over.frames);
        let again = same(before.kind, over.kind) && (OVER..CADENCE).contains(&gap);
        let progress = again && (LOWEST..700.0).contains(&hz);
        // The bursts of busy are all of one length; what lost packets leave of one long burst is not.
        let regular = gap >= BUSY_PAUSE && before.frames.abs_diff(over.frames) <= over.frames / 4;
        let tone = match over.frames {
            frames if progress && frames >= RINGBACK_FRAMES => Tone::Ringback,
            frames if progress && regular && frames >= BUSY_FRAMES => Tone::Busy,
            _ if again && FAX_CALLING.contains(&hz) => Tone::Fax,
            frames
                if BEEP_FRAMES.contains(&frames)
                    && over.is_steady()
                    && level < over.levels.0 - DROP =>
            {
                Tone::Beep
            }
            _ => return None,
        };
        Some(Heard::Tone(tone))
    }
}

fn classify([first, second]: [Line; 2], level: f32) -> Kind {
    if level < QUIETEST || first.share + second.share < TONAL || first.hz < LOWEST {
        return Kind::None;
    }
    if second.share < SECOND {
        return Kind::Single(first.hz);
    }
    let (low, high) = if first.hz < second.hz {
        (first, second)
    } else {
        (second, first)
    };
    if low.hz < LOWEST {
        return Kind::None;
    }
    if BEATING.contains(&low.hz) && BEATING.contains(&high.hz) {
        return Kind::Single((low.hz + high.hz) / 2.0);
    }
    let twist = 10.0 * (high.share / low.share).log10();
    match (nearest(&ROWS, low.hz), nearest(&COLUMNS, high.hz)) {
        (Some(row), Some(column)) if TWIST.contains(&twist) => Kind::Key(row, column),
        _ => Kind::Pair(low.hz, high.hz),
    }
}

/// Returns which of a keypad's frequencies is meant, if any.
fn nearest(frequencies: &[f64; 4], hz: f32) -> Option<usize> {
    frequencies
        .iter()
        .position(|wanted| (hz / *wanted as f32 - 1.0).abs() < KEY_TOLERANCE)
}

/// Whether two frames hold the same tone.
fn same(a: Kind, b: Kind) -> bool {
    let near = |a: f32, b: f32| (a - b).abs() < STEADY;
    match (a, b) {
        (Kind::None, Kind::None) => true,
        (Kind::Key(..), Kind::Key(..)) => a == b,
        (Kind::Single(a), Kind::Single(b)) => {
            near(a, b) || BEATING.contains(&a) && BEATING.contains(&b)
        }
        (Kind::Pair(a, b), Kind::Pair(c, d)) => near(a, c) && near(b, d),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
