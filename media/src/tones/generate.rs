//! Making tones at 8 kHz.

use std::{f64::consts::TAU, time::Duration};

/// Frequencies of the rows of the keypad, in Hz (ITU-T Q.23).
pub(super) const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
/// Frequencies of its columns, in Hz.
pub(super) const COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
pub(super) const KEYS: [&str; 4] = ["123A", "456B", "789C", "*0#D"];

/// Each edge of a tone is a ramp of this many samples, so that it does not click.
const EDGE: u32 = 16;

/// Returns row and column frequency of a key in Hz, or `None` for what is not a key.
#[must_use]
pub fn dtmf_pair(key: char) -> Option<(f64, f64)> {
    let key = key.to_ascii_uppercase();
    KEYS.iter().zip(ROWS).find_map(|(keys, row)| {
        let column = keys.chars().position(|other| other == key)?;
        Some((row, COLUMNS[column]))
    })
}

/// Tones that telephone networks and machines make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal {
    /// The phone rings at the far end: 440 + 480 Hz, 2 s of 6 s, without end.
    Ringback,
    /// Engaged: 480 + 620 Hz, half of each second, without end.
    Busy,
    /// The network is full: 480 + 620 Hz, half of each half second, without end.
    Reorder,
    /// The three rising tones before "the number you have dialed", vacant-code form: 985, 1429, 1777 Hz.
    Sit,
    /// A voice mailbox: one tone.
    Beep {
        /// Its frequency.
        hz: f64,
        /// Its length.
        length: Duration,
    },
    /// One key, 100 ms of tone and 100 ms of pause; anything that is not a key is 200 ms of silence.
    Dtmf(char),
    /// Half a second of silence, as between keys.
    Wait,
    /// A fax machine answers: 2100 Hz for 3 s.
    FaxAnswer,
    /// A fax machine calls: 1100 Hz, half a second of 3.5 s, without end.
    FaxCalling,
}

/// One stretch of a signal: up to two tones for a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Frequencies in Hz and levels in dBm0; a level below -100 is silence.
    pub tones: [(f64, f64); 2],
    /// How many samples it lasts.
    pub samples: u32,
}

impl Segment {
    /// A stretch of silence.
    #[must_use]
    pub const fn silence(millis: u32) -> Self {
        Self::pair((0.0, f64::NEG_INFINITY), (0.0, f64::NEG_INFINITY), millis)
    }

    const fn one(hz: f64, level: f64, millis: u32) -> Self {
        Self::pair((hz, level), (0.0, f64::NEG_INFINITY), millis)
    }

    const fn pair(a: (f64, f64), b: (f64, f64), millis: u32) -> Self {
        Self {
            tones: [a, b],
            samples: millis * 8,
        }
    }
}

/// The longest signal has this many segments.
const MAX_SEGMENTS: usize = 4;

/// Makes the samples of one signal, piece by piece, without allocating.
#[derive(Debug, Clone)]
pub struct Generator {
    segments: [Segment; MAX_SEGMENTS],
    count: usize,
    endless: bool,
    index: usize,
    /// Samples already made of the current segment.
    at: u32,
}

impl Generator {
    /// Makes a generator at the start of `signal`.
    #[must_use]
    pub fn new(signal: Signal) -> Self {
        let call_progress = |a, b, level, on, off| {
            let on = Segment::pair((a, level), (b, level), on);
            (vec2(on, Segment::silence(off)), true)
        };
        let ((segments, count), endless) = match signal {
            Signal::Ringback => call_progress(440.0, 480.0, -19.0, 2000, 4000),
            Signal::Busy => call_progress(480.0, 620.0, -24.0, 500, 500),
            Signal::Reorder => call_progress(480.0, 620.0, -24.0, 250, 250),
            Signal::Sit => (sit(), false),
            Signal::Beep { hz, length } => {
                let millis = length.as_millis().min(60_000) as u32;
                (vec1(Segment::one(hz, -13.0, millis)), false)
            }
            Signal::Dtmf(key) => (dtmf(key), false),
            Signal::Wait => (vec1(Segment::silence(500)), false),
            Signal::FaxAnswer => (vec1(Segment::one(2100.0, -13.0, 3000)), false),
            Signal::FaxCalling => (
                vec2(Segment::one(1100.0, -13.0, 500), Segment::silence(3000)),
                true,
            ),
        };
        let mut generator = Self {
            segments,
            count,
            endless,
            index: 0,
            at: 0,
        };
        generator.step_over();
        generator
    }

    /// Fills `out` with the next samples; returns how many belong to the signal, the rest is silence.
    pub fn fill(&mut self, out: &mut [i16]) -> usize {
        let mut made = 0;
        for sample in out {
            *sample = match self.next_sample() {
                Some(value) => {
                    made += 1;
                    value
                }
                None => 0,
            };
        }
        made
    }

    /// Whether all samples of the signal have been made.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.index >= self.count
    }

    fn next_sample(&mut self) -> Option<i16> {
        let segment = self.segments[..self.count].get(self.index)?;
        let edge = self.at.min(segment.samples - 1 - self.at).min(EDGE);
        let time = f64::from(self.at) / 8_000.0;
        let value: f64 = segment
            .tones
            .iter()
            .filter(|(_, level)| *level > -100.0)
            .map(|(hz, level)| peak(*level) * (TAU * hz * time).sin())
            .sum();
        self.at += 1;
        self.step_over();
        Some((value * f64::from(edge) / f64::from(EDGE)).round() as i16)
    }

    /// Moves on from a segment that is over, past those without length; an endless signal has one with length.
    fn step_over(&mut self) {
        while !self.is_finished() && self.at >= self.segments[self.index].samples {
            self.at = 0;
            self.index += 1;
            if self.endless && self.index == self.count {
                self.index = 0;
            }
        }
    }
}

/// Returns the amplitude of a sine of `level` dBm0.
fn peak(level: f64) -> f64 {
    32_124.0 * 10.0_f64.powf((level - 3.17) / 20.0)
}

const fn vec1(a: Segment) -> ([Segment; MAX_SEGMENTS], usize) {
    let none = Segment::silence(0);
    ([a, none, none, none], 1)
}

const fn vec2(a: Segment, b: Segment) -> ([Segment; MAX_SEGMENTS], usize) {
    let none = Segment::silence(0);
    ([a, b, none, none], 2)
}

const fn sit() -> ([Segment; MAX_SEGMENTS], usize) {
    (
        [
            Segment::one(985.2, -24.0, 380),
            Segment::one(1428.5, -24.0, 380),
            Segment::one(1776.7, -24.0, 380),
            Segment::silence(0),
        ],
        3,
    )
}

fn dtmf(key: char) -> ([Segment; MAX_SEGMENTS], usize) {
    match dtmf_pair(key) {
        // The high group is sent 2 dB louder, because lines attenuate it more.
        Some((row, column)) => vec2(
            Segment::pair((row, -10.0), (column, -8.0), 100),
            Segment::silence(100),
        ),
        None => vec1(Segment::silence(200)),
    }
}
