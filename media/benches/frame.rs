//! Nanoseconds per 20 ms frame of each stage of the sound path, and of the whole.
//!
//! `cargo bench -p media`. A frame every 20 ms means that a stage of 2 µs costs 0.0001 of a core.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use media::{
    Codec, Doubler, Downlink, DownlinkConfig, Encoder, FRAME, FRAME_TIME, Law, MAX_PAYLOAD, Mark,
    Packet, Resampler, Uplink, UplinkConfig,
    echo::EchoGuard,
    impair::{Echo, Noise},
    music::Music,
    pitch::PitchTracker,
    recording,
    spectrum::Spectrum,
    tones::ToneDetector,
    vad::Vad,
    wav,
};

type Frame = [i16; FRAME];

fn frames(bytes: &[u8]) -> Vec<Frame> {
    wav::read(bytes)
        .expect("a fixture")
        .samples
        .as_chunks()
        .0
        .to_vec()
}

fn callee() -> Vec<Frame> {
    frames(include_bytes!("../../fixtures/audio/rms-hello.wav"))
}

fn agent() -> Vec<Frame> {
    frames(include_bytes!("../../fixtures/audio/slt-fully-booked.wav"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "any instant to count from will do"
)]
fn epoch() -> Instant {
    Instant::now()
}

/// Runs `work` on one frame after the other, over and over.
fn each<T: Copy>(c: &mut Criterion, name: &str, inputs: &[T], mut work: impl FnMut(&T)) {
    let mut inputs = inputs.iter().cycle();
    c.bench_function(name, |b| b.iter(|| work(inputs.next().expect("endless"))));
}

fn codecs(c: &mut Criterion) {
    for (name, law) in [("ulaw", Law::Mu), ("alaw", Law::A)] {
        let mut codes = [0; FRAME];
        each(c, &format!("g711/{name} encode"), &callee(), |frame| {
            law.encode(black_box(frame), &mut codes);
            black_box(&codes);
        });
        let mut samples = [0; FRAME];
        let codes: [u8; FRAME] = std::array::from_fn(|n| n as u8);
        each(c, &format!("g711/{name} decode"), &[codes], |codes| {
            law.decode(black_box(codes), &mut samples);
            black_box(&samples);
        });
    }
}

/// Codecs that remember: encoding alone, and the whole way from packet to frame less that of G.711 above.
fn wide_codecs(c: &mut Criterion) {
    let start = epoch();
    for (name, codec) in [("g722", Codec::G722), ("opus", Codec::Opus)] {
        let mut encoder = Encoder::new(codec);
        let mut payload = [0; MAX_PAYLOAD];
        each(c, &format!("codec/{name} encode"), &callee(), |frame| {
            black_box(encoder.encode(black_box(frame), &mut payload));
        });
        let mut encoder = Encoder::new(codec);
        let packets: Vec<Packet> = callee()
            .iter()
            .map(|frame| {
                let mut payload = [0; MAX_PAYLOAD];
                let length = encoder.encode(frame, &mut payload);
                Packet::new(0, 0, &payload[..length]).expect("short enough")
            })
            .collect();
        let mut uplink = Uplink::new(UplinkConfig::new(codec));
        let mut n = 0_u32;
        c.bench_function(&format!("whole/uplink by {name}, the callee talks"), |b| {
            b.iter(|| {
                let payload = packets[n as usize % packets.len()];
                let timestamp = n.wrapping_mul(codec.frame_ticks());
                let packet =
                    Packet::new(n as u16, timestamp, payload.payload()).expect("as before");
                let now = start + FRAME_TIME * n;
                uplink.push(&packet, now);
                n += 1;
                black_box(uplink.tick(now, &[0; FRAME]).edges.len())
            });
        });
    }
}

fn resampling(c: &mut Criterion) {
    let mut doubler = Doubler::new();
    each(c, "resample/doubler 8k to 16k", &callee(), |frame| {
        black_box(doubler.process(frame));
    });
    for (from, to) in [
        (8000, 16_000),
        (16_000, 8000),
        (22_050, 8000),
        (24_000, 8000),
        (48_000, 8000),
        (8000, 48_000),
    ] {
        let mut resampler = Resampler::new(from, to).expect("rates in range");
        let input = vec![1000; from as usize / 50];
        c.bench_function(&format!("resample/rubato {from} to {to}"), |b| {
            b.iter(|| {
                resampler.process(&input, |ready| {
                    black_box(ready);
                })
            });
        });
    }
}

fn detection(c: &mut Criterion) {
    let callee = callee();
    let mut vad = Vad::new();
    each(c, "detect/voice", &callee, |frame| {
        black_box(vad.process(frame));
    });
    let mut pitch = PitchTracker::new();
    each(c, "detect/pitch", &callee, |frame| {
        pitch.hear(frame);
        black_box(pitch.measure());
    });
    let mut spectrum = Spectrum::new();
    let mut tones = ToneDetector::new();
    let mut music = Music::new();
    each(c, "detect/spectrum, tones and music", &callee, |frame| {
        spectrum.hear(frame);
        spectrum.measure();
        black_box(tones.hear(spectrum.lines(), -20.0));
        black_box(music.hear(spectrum.power(), Default::default(), -20.0));
    });
}

fn echo(c: &mut Criterion) {
    let agent = agent();
    let callee = callee();
    let mut path = Echo::new(Duration::from_millis(140), -15.0);
    let pairs: Vec<(Frame, Frame)> = agent
        .iter()
        .map(|sent| {
            let mut heard = [0; FRAME];
            path.add(&mut heard, sent);
            (*sent, heard)
        })
        .collect();
    let mut guard = EchoGuard::new();
    each(
        c,
        "echo/an echo along a known path",
        &pairs,
        |(sent, heard)| {
            guard.send(sent);
            guard.hear(heard, 0);
            black_box(guard.judge(-30.0));
        },
    );
    let pairs: Vec<(Frame, Frame)> = agent
        .iter()
        .copied()
        .zip(callee.into_iter().cycle())
        .collect();
    let mut guard = EchoGuard::new();
    each(
        c,
        "echo/a voice while the agent talks",
        &pairs,
        |(sent, heard)| {
            guard.send(sent);
            guard.hear(heard, 0);
            black_box(guard.judge(-30.0));
        },
    );
    let mut guard = EchoGuard::new();
    each(c, "echo/silence", &pairs, |(sent, heard)| {
        guard.send(sent);
        guard.hear(heard, 0);
        guard.rest();
    });
}

/// Packets of these frames, and when they are sent.
fn stream(frames: &[Frame], n: u32) -> Packet {
    let mut codes = [0; FRAME];
    Law::Mu.encode(&frames[n as usize % frames.len()], &mut codes);
    Packet::new(n as u16, n.wrapping_mul(160), &codes).expect("short enough")
}

fn whole(c: &mut Criterion) {
    let start = epoch();
    let mut noise = Noise::new(-60.0, 1);
    let mut quiet = vec![[0; FRAME]; 150];
    quiet.iter_mut().for_each(|frame| noise.add(frame));
    for (name, heard) in [("talks", callee()), ("is silent", quiet)] {
        let packets: Vec<Packet> = (0..heard.len() as u32).map(|n| stream(&heard, n)).collect();
        let mut uplink = Uplink::new(UplinkConfig::new(Codec::Pcmu));
        let mut n = 0_u32;
        c.bench_function(&format!("whole/uplink, the callee {name}"), |b| {
            b.iter(|| {
                let packet = packets[n as usize % packets.len()];
                let packet = Packet::new(n as u16, n.wrapping_mul(160), packet.payload())
                    .expect("as before");
                let now = start + FRAME_TIME * n;
                uplink.push(&packet, now);
                n += 1;
                black_box(uplink.tick(now, &[0; FRAME]).edges.len())
            });
        });
    }
    let speech = agent().concat();
    let mut downlink = Downlink::new(DownlinkConfig {
        paused: false,
        ..DownlinkConfig::new(Codec::Pcmu)
    });
    let mut mark = 0;
    c.bench_function("whole/downlink, speech of 16 kHz", |b| {
        b.iter(|| {
            if downlink.queued() < Duration::from_secs(1) {
                mark += 1;
                downlink
                    .enqueue(Mark(mark), &speech, 16_000)
                    .expect("a common rate");
                downlink.finish(Mark(mark));
            }
            black_box(downlink.tick().sounding)
        });
    });
    let (agent, callee) = (agent(), callee());
    c.bench_function("whole/recording", |b| {
        b.iter(|| {
            black_box(recording::frame(
                black_box(&agent[40]),
                black_box(&callee[40]),
            ))
        });
    });
}

criterion_group!(
    benches,
    codecs,
    wide_codecs,
    resampling,
    detection,
    echo,
    whole
);
criterion_main!(benches);
