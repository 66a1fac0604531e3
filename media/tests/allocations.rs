//! The sound path takes no memory per frame once it runs: a call's ticks must not wait for an allocator.

use std::time::{Duration, Instant};

use media::{
    Codec, Downlink, DownlinkConfig, Edge, Encoder, FRAME, FRAME_TIME, MAX_PAYLOAD, Mark, Packet,
    Resampler, Uplink, UplinkConfig,
    impair::{Echo, Noise},
    recording, wav,
};

fn speech(bytes: &[u8]) -> Vec<i16> {
    wav::read(bytes).expect("a fixture is a WAV file").samples
}

fn agent() -> Vec<i16> {
    speech(include_bytes!("../../fixtures/audio/slt-fully-booked.wav"))
}

fn callee() -> Vec<i16> {
    speech(include_bytes!("../../fixtures/audio/rms-hello.wav"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "any instant to count from will do"
)]
fn epoch() -> Instant {
    Instant::now()
}

/// Packets of a callee who talks again and again over an echo of the agent, with losses, doubles and swaps.
fn packets(codec: Codec, sent: &[[i16; FRAME]]) -> Vec<Packet> {
    let mut encoder = Encoder::new(codec);
    let words = [callee(), vec![0; 8000]].concat();
    let mut words = words.into_iter().cycle();
    let mut echo = Echo::new(Duration::from_millis(120), -15.0);
    let mut noise = Noise::new(-60.0, 4);
    let mut packets: Vec<Packet> = (0_u32..)
        .zip(sent)
        .map(|(n, sent)| {
            let mut heard: [i16; FRAME] =
                std::array::from_fn(|_| words.next().expect("words repeat without end"));
            echo.add(&mut heard, sent);
            noise.add(&mut heard);
            let mut payload = [0; MAX_PAYLOAD];
            let length = encoder.encode(&heard, &mut payload);
            Packet::new(n as u16, n * codec.frame_ticks(), &payload[..length])
                .expect("a frame fits a packet")
        })
        .filter(|packet| packet.sequence % 29 != 0)
        .collect();
    for at in (5..packets.len() - 1).step_by(31) {
        packets.swap(at, at + 1);
        packets[at - 3] = packets[at - 4];
    }
    packets
}

#[test]
fn a_running_call_allocates_nothing() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
        run(codec);
    }
}

fn run(codec: Codec) {
    let agent = agent();
    let mut downlink = Downlink::new(DownlinkConfig {
        paused: false,
        ..DownlinkConfig::new(codec)
    });
    let mut uplink = Uplink::new(UplinkConfig::new(codec));
    let start = epoch();
    let mut sent = Vec::new();
    for _ in 0..6 {
        sent.extend_from_slice(agent.as_chunks().0);
    }
    let packets = packets(codec, &sent);
    // The first sound of a rate builds its resampler.
    downlink
        .enqueue(Mark(0), &agent[..800], 16_000)
        .expect("a common rate");
    downlink.finish(Mark(0));
    let mut edges = 0;
    let info = allocation_counter::measure(|| {
        let mut waiting = packets.iter().peekable();
        for tick in 0..sent.len() as u32 {
            let now = start + FRAME_TIME * tick;
            while let Some(packet) =
                waiting.next_if(|packet| packet.timestamp <= tick * codec.frame_ticks())
            {
                uplink.push(packet, now);
            }
            if tick % 20 == 0 {
                let mark = Mark(u64::from(tick) / 100 + 1);
                // The queue grows with what comes in, which is not at every frame.
                allocation_counter::opt_out(|| {
                    downlink
                        .enqueue(mark, &agent[..6400], 16_000)
                        .expect("a common rate");
                });
                if tick % 100 == 80 {
                    downlink.finish(mark);
                }
            }
            match tick % 97 {
                30 => downlink.pause(),
                45 => downlink.resume(),
                60 => assert_eq!(downlink.press_keys("12"), 2),
                70 => downlink.drop_marks(|mark| mark.0 % 3 == 1),
                _ => {}
            }
            let down = downlink.tick();
            let up = uplink.tick(now, down.wire);
            edges += up
                .edges
                .iter()
                .filter(|edge| matches!(edge, Edge::Started { .. }))
                .count();
            std::hint::black_box(recording::frame(down.wire, up.wire));
        }
    });
    assert!(edges > 3, "{codec:?}: the callee was heard: {edges}");
    assert_eq!(info.count_total, 0, "{codec:?}");
}

#[test]
fn a_resampler_allocates_nothing_after_it_was_made() {
    for (from, to) in [
        (8000, 16_000),
        (22_050, 8000),
        (24_000, 8000),
        (48_000, 16_000),
        (12_345, 8000),
    ] {
        let mut resampler = Resampler::new(from, to).unwrap();
        let input = vec![100; from as usize / 50];
        let mut made = 0;
        let info = allocation_counter::measure(|| {
            for _ in 0..100 {
                resampler.process(&input, |ready| made += ready.len());
            }
            resampler.finish(|ready| made += ready.len());
        });
        assert_eq!(info.count_total, 0, "{from} -> {to}");
        assert!(made > 0);
    }
}
