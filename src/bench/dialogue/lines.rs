//! What the lines of trials are like: quiet, noisy, full of voices, echoing, losing packets.
//!
//! Every twentieth trial of a group has the same line, so that each kind of line meets each kind of dialogue. µ-law at
//! 8 kHz is on all of them: the simulated line does that. Levels of noise and babble are those of speech (-22 dBFS) less
//! the distance named.

use std::{sync::Arc, time::Duration};

use media::impair::{NetworkConfig, Noise};
use native::flite::Voice;

use super::{
    texts::{self, Shape},
    voices::Voices,
};
use crate::{
    bench::library::{Kind, Library, LibraryError, Part},
    line::simulated::{scenario::Echo, sounds},
};

/// Different backgrounds of each kind.
const TRACKS: usize = 3;
/// How long a background is before it repeats: 10 s.
const TRACK: usize = 10 * sounds::RATE as usize;
/// Voices in a babble.
const TALKERS: usize = 6;
/// Distances of noise and babble from speech, in dB.
const DISTANCES: [f32; 3] = [20.0, 10.0, 5.0];
/// What is left of noise on a quiet line, in dB below speech.
const QUIET: f32 = 45.0;

/// A kind of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kindness {
    /// Nearly no noise.
    Quiet,
    /// Steady noise at one of [`DISTANCES`].
    Noise(usize),
    /// Voices at one of [`DISTANCES`].
    Babble(usize),
    /// The agent's own sound comes back.
    Echo,
    /// Packets get lost in bursts.
    Loss,
}

/// How often each kind comes up.
const SHARES: [Kindness; 20] = [
    Kindness::Quiet,
    Kindness::Noise(0),
    Kindness::Quiet,
    Kindness::Babble(0),
    Kindness::Quiet,
    Kindness::Echo,
    Kindness::Quiet,
    Kindness::Loss,
    Kindness::Quiet,
    Kindness::Noise(1),
    Kindness::Quiet,
    Kindness::Babble(1),
    Kindness::Quiet,
    Kindness::Noise(2),
    Kindness::Noise(0),
    Kindness::Echo,
    Kindness::Babble(0),
    Kindness::Loss,
    Kindness::Quiet,
    Kindness::Babble(2),
];

/// The line of one trial.
#[derive(Debug, Clone)]
pub(super) struct LineOf {
    /// For figures by line.
    pub(super) name: &'static str,
    /// What the network does.
    pub(super) network: NetworkConfig,
    /// What is heard all the time.
    pub(super) background: Option<Arc<[i16]>>,
    /// The agent's own sound coming back.
    pub(super) echo: Option<Echo>,
}

/// Backgrounds, made once.
#[derive(Debug)]
pub(super) struct Lines {
    quiet: Vec<Arc<[i16]>>,
    noise: [Vec<Arc<[i16]>>; 3],
    babble: [Vec<Arc<[i16]>>; 3],
}

impl Lines {
    pub(super) fn new(
        library: &Library,
        part: Part,
        seed: u64,
        voices: &mut Voices,
    ) -> Result<Self, LibraryError> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut tracks = Vec::new();
        for _ in 0..TRACKS {
            tracks.push(babble(library, part, &mut random, voices)?);
        }
        let mut noises = |distance: f32| -> Vec<Arc<[i16]>> {
            (0..TRACKS)
                .map(|_| noise(distance, random.u64(..)))
                .collect()
        };
        let babble = |distance: f32| {
            let quieter = |track: &Vec<i16>| {
                let mut track = track.clone();
                media::mix::scale(&mut track, sounds::amplitude(-distance));
                track.into()
            };
            tracks.iter().map(quieter).collect()
        };
        Ok(Self {
            quiet: noises(QUIET),
            noise: DISTANCES.map(&mut noises),
            babble: DISTANCES.map(babble),
        })
    }

    /// Returns the line of the trial at `index` of a group.
    pub(super) fn draw(&self, index: usize, random: &mut fastrand::Rng) -> LineOf {
        self.of(SHARES[index % SHARES.len()], random)
    }

    /// Returns a line of a kind.
    pub(super) fn of(&self, kind: Kindness, random: &mut fastrand::Rng) -> LineOf {
        let name = match kind {
            Kindness::Quiet => "quiet",
            Kindness::Noise(at) => ["noise at 20 dB", "noise at 10 dB", "noise at 5 dB"][at],
            Kindness::Babble(at) => ["babble at 20 dB", "babble at 10 dB", "babble at 5 dB"][at],
            Kindness::Echo => "echo",
            Kindness::Loss => "loss",
        };
        let tracks = match kind {
            Kindness::Noise(at) => &self.noise[at],
            Kindness::Babble(at) => &self.babble[at],
            _ => &self.quiet,
        };
        // Every fourth quiet line is digital silence.
        let silent = kind == Kindness::Quiet && random.u32(..4) == 0;
        LineOf {
            name,
            network: network(kind, random),
            background: random.choice(tracks).filter(|_| !silent).cloned(),
            echo: (kind == Kindness::Echo).then(|| echo(-10.0, random)),
        }
    }
}

/// An echo of -40 dB up to `loudest`, 30 to 300 ms late.
pub(super) fn echo(loudest: f32, random: &mut fastrand::Rng) -> Echo {
    Echo {
        gain: loudest - (loudest + 40.0) * random.f32(),
        delay: Duration::from_millis(random.u64(30..=300)),
    }
}

/// Up to 4 ms of jitter everywhere; on lossy lines up to 15 ms, and up to 5 % lost in bursts of up to four. The way
/// itself takes no time: what it takes in the world comes on top of every figure.
fn network(kind: Kindness, random: &mut fastrand::Rng) -> NetworkConfig {
    let clean = NetworkConfig {
        jitter: Duration::from_micros(random.u64(0..4000)),
        ..NetworkConfig::CLEAN
    };
    match kind {
        Kindness::Loss => NetworkConfig {
            loss: 0.005 + 0.045 * random.f64(),
            burst: 1.0 + 3.0 * random.f64(),
            jitter: Duration::from_micros(random.u64(2000..15_000)),
            ..clean
        },
        _ => clean,
    }
}

fn noise(distance: f32, seed: u64) -> Arc<[i16]> {
    let mut track = vec![0; TRACK];
    Noise::new(sounds::SPEECH_LEVEL - distance, seed).add(&mut track);
    track.into()
}

/// Several voices at once, at the level of speech: half of them recorded, as far as there are recordings.
fn babble(
    library: &Library,
    part: Part,
    random: &mut fastrand::Rng,
    voices: &mut Voices,
) -> Result<Vec<i16>, LibraryError> {
    let recorded: Vec<_> = library
        .part(part)
        .filter(|recording| recording.kind == Kind::Speech)
        .collect();
    let sentences = texts::answers(Shape::Whole, part);
    let mut sum = vec![0.0_f32; TRACK];
    for talker in 0..TALKERS {
        let mut at = 0;
        while at < TRACK {
            let spoken;
            let samples: &[i16] = match random.choice(&recorded) {
                Some(recording) if talker % 2 == 0 => &recording.sound,
                _ => {
                    let voice = Voice::ALL[talker % Voice::ALL.len()];
                    let text = random
                        .choice(&sentences)
                        .map_or("hello", |answer| answer.text);
                    spoken = voices.say(voice, text)?;
                    &spoken.samples
                }
            };
            for (sum, sample) in sum[at..].iter_mut().zip(samples) {
                *sum += f32::from(*sample);
            }
            at += samples.len() + random.usize(800..4000);
        }
    }
    let mut track: Vec<i16> = sum
        .into_iter()
        .map(|sample| (sample / (TALKERS as f32).sqrt()) as i16)
        .collect();
    sounds::level(&mut track, sounds::RATE);
    Ok(track)
}
