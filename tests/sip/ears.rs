//! Two mouths and two ears: sound that is said into a call, and what is made of the sound that comes out of it, by tones
//! and by words.

use std::{path::Path, time::Duration};

use agentphone::{
    bench::speech::{HeardCall, Score},
    driver::clock,
    line::{Leg, LegCommand, LegEvent},
    provider::{
        SttOptions,
        pocketsphinx::{DEFAULT_MODELS, Steps},
    },
};
use media::{Codec, Downlink, DownlinkConfig, FRAME, FRAME_TIME, Mark, Uplink, UplinkConfig, wav};

/// Samples a second.
const RATE: usize = 8_000;
/// In which a tone is looked for: 40 ms.
const WINDOW: usize = 320;

/// Something that is said: a tone, by which it is found, and a recording: 8 kHz, made by Flite (voice slt) and
/// understood by the recogniser without a fault when nothing is in between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    /// The tone, in Hz.
    pub(crate) tone: f64,
    file: &'static str,
    /// What is said in the recording.
    pub(crate) words: &'static str,
}

/// What is said into calls of ours.
pub(crate) const OURS: Said = Said {
    tone: 1_000.0,
    file: "table.wav",
    words: "Yes, we have a table for two at seven tomorrow evening.",
};
/// What the other side says.
pub(crate) const THEIRS: Said = Said {
    tone: 700.0,
    file: "number.wav",
    words: "What is your phone number, please?",
};

impl Said {
    /// Returns its samples at 8 kHz: half a second of the tone, a pause, the recording, a pause.
    pub(crate) fn samples(&self) -> Vec<i16> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sip/sound");
        let bytes = std::fs::read(path.join(self.file)).expect("a recording");
        let recording = wav::read(&bytes).expect("a recording").samples;
        let tone = (0..RATE / 2).map(|n| {
            let phase = std::f64::consts::TAU * self.tone * n as f64 / RATE as f64;
            (8_000.0 * phase.sin()) as i16
        });
        let pause = || std::iter::repeat_n(0, RATE / 2);
        tone.chain(pause())
            .chain(recording)
            .chain(pause())
            .collect()
    }

    /// Returns what follows the last of its tones that was heard as a whole, up to so long as it takes to say it.
    pub(crate) fn found(&self, heard: &[i16]) -> Option<Vec<i16>> {
        let length = self.samples().len() - RATE / 2;
        let windows: Vec<bool> = heard
            .chunks_exact(WINDOW)
            .map(|window| is_tone(window, self.tone))
            .collect();
        // A third of the windows that it fills; no voice sings that long and that pure.
        let ends = (4..windows.len())
            .filter(|end| windows[end - 4..*end].iter().all(|is| *is) && !windows[*end]);
        let mut whole = ends
            .map(|end| end * WINDOW)
            .filter(|start| start + length <= heard.len());
        let start = whole.next_back()?;
        Some(heard[start..start + length].to_vec())
    }
}

/// Whether a tone is most of what is heard (Goertzel).
fn is_tone(window: &[i16], hertz: f64) -> bool {
    let step = std::f64::consts::TAU * hertz / RATE as f64;
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (n, sample) in window.iter().enumerate() {
        let sample = f64::from(*sample);
        re += sample * (step * n as f64).cos();
        im += sample * (step * n as f64).sin();
        all += sample * sample;
    }
    let part = 2.0 * (re * re + im * im) / (window.len() as f64 * all + 1.0);
    all / window.len() as f64 > 1e5 && part > 0.8
}

/// Recognises what was said, by the program's own recogniser, and sees that no more than this part of the words is wrong.
#[track_caller]
pub(crate) fn understood(sounds: &[(&Said, &[i16])], most: f64) {
    let program = Path::new(env!("CARGO_BIN_EXE_agentphone"));
    let options = SttOptions {
        narrowband: true,
        ..SttOptions::default()
    };
    let mut told = Vec::new();
    for (said, heard) in sounds {
        let Some(sound) = said.found(heard) else {
            told.push((f64::INFINITY, "no tone".to_owned()));
            continue;
        };
        let steps = Steps::worker(program, Path::new(DEFAULT_MODELS), options.clone());
        let start = clock::now();
        let mut ear = HeardCall::new(steps.expect("a recogniser"), start, || Duration::ZERO);
        let heard = ear.hear(&sound, None).expect("words").text;
        told.push((Score::of(said.words, &heard).rate(), heard));
    }
    assert!(told.iter().all(|(faults, _)| *faults <= most), "{told:?}");
}

/// The driver's end of a call: what it says, and what it hears.
pub(crate) struct Talker {
    leg: Leg,
    downlink: Downlink,
    uplink: Uplink,
    ticker: clock::Ticker,
    pub(crate) codec: Codec,
    pub(crate) heard: Vec<i16>,
    pub(crate) pressed: String,
    pub(crate) held: bool,
    pub(crate) answered: bool,
    pub(crate) over: bool,
    mark: u64,
}

impl Talker {
    pub(crate) fn new(leg: Leg) -> Self {
        let codec = leg.codec;
        Self {
            leg,
            downlink: Downlink::new(DownlinkConfig {
                paused: false,
                ..DownlinkConfig::new(codec)
            }),
            uplink: Uplink::new(UplinkConfig::new(codec)),
            ticker: clock::ticker(FRAME_TIME),
            codec,
            heard: Vec::new(),
            pressed: String::new(),
            held: false,
            answered: false,
            over: false,
            mark: 0,
        }
    }

    /// Queues something to be said.
    pub(crate) fn say(&mut self, samples: &[i16]) {
        self.mark += 1;
        let taken = self.downlink.enqueue(Mark(self.mark), samples, 8_000);
        assert_eq!(taken, Ok(samples.len()));
        self.downlink.finish(Mark(self.mark));
    }

    pub(crate) fn command(&self, command: LegCommand) {
        self.leg.commands.try_send(command).expect("a call");
    }

    /// Lets 20 ms pass as often as told.
    pub(crate) async fn pass(&mut self, frames: usize) {
        for _ in 0..frames {
            let now = self.ticker.tick().await;
            while let Ok(event) = self.leg.events.try_recv() {
                match event {
                    LegEvent::Packet(packet) => self.uplink.push(&packet, now),
                    LegEvent::Dtmf(key) => self.pressed.push(key),
                    LegEvent::Sound { codec, .. } => {
                        self.codec = codec;
                        self.uplink.set_codec(codec);
                        self.downlink.set_codec(codec);
                    }
                    LegEvent::Held(held) => self.held = held,
                    LegEvent::Answered => self.answered = true,
                    LegEvent::HungUp => self.over = true,
                    LegEvent::Ringing => {}
                    other => panic!("{other:?}"),
                }
            }
            if self.answered && !self.over {
                let packet = self.downlink.tick().packet;
                let _ = self.leg.commands.try_send(LegCommand::Packet(packet));
            }
            let tick = self.uplink.tick(now, &[0; FRAME]);
            self.heard.extend_from_slice(tick.wire);
        }
    }

    /// Lets time pass, up to 10 s, until something is so.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..500 {
            if is_so(self) {
                return;
            }
            self.pass(1).await;
        }
        panic!("{what} does not happen");
    }
}

#[test]
fn a_tone_is_found_and_what_follows_is_understood() {
    let samples = THEIRS.samples();
    let twice = [&samples[..], &samples[..]].concat();
    let found = THEIRS.found(&twice).expect("a tone");
    assert_eq!(found.len(), samples.len() - RATE / 2);
    assert!(OURS.found(&twice).is_none());
    understood(&[(&THEIRS, &twice)], 0.0);
}
