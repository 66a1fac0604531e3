use super::*;
use crate::{
    FRAME_TIME,
    impair::{Echo, Noise},
    testing::{Ear, SPEECH, edges_of, epoch, extent, noisy, silence, speech},
};

fn millis(time: Duration) -> i64 {
    time.as_millis() as i64
}

/// A recording after one and a half seconds of silence and before two, with faint line noise.
fn in_silence(samples: &[i16]) -> Vec<i16> {
    noisy([&silence(1500), samples, &silence(2000)].concat(), -70.0)
}

#[test]
fn speech_starts_within_a_tenth_of_a_second_and_knows_since_when() {
    for (name, _) in SPEECH {
        let samples = speech(name);
        let (first, _) = extent(&samples);
        let began = 1500 + millis(first);
        let edges = edges_of(&in_silence(&samples));
        let (at, Edge::Started { voiced, echo }) = edges[0] else {
            panic!("{name}: {:?}", edges[0]);
        };
        let delay = millis(at) - began;
        assert!((0..=100).contains(&delay), "{name}: {delay} ms");
        let error = millis(at - voiced) - began;
        assert!(
            (-80..=80).contains(&error),
            "{name}: start is off by {error} ms"
        );
        assert_eq!(echo, 0.0);
    }
}

#[test]
fn speech_ends_soon_and_knows_since_when() {
    for (name, _) in SPEECH {
        let samples = speech(name);
        let (_, last) = extent(&samples);
        let ended = 1500 + millis(last);
        let edges = edges_of(&in_silence(&samples));
        let Some((at, Edge::Ended { silence, .. })) = edges.last() else {
            panic!("{name}: {:?}", edges.last());
        };
        let delay = millis(*at) - ended;
        assert!((60..=240).contains(&delay), "{name}: {delay} ms");
        let error = millis(*at - *silence) - ended;
        assert!(
            (-80..=120).contains(&error),
            "{name}: end is off by {error} ms"
        );
    }
}

#[test]
fn starts_and_ends_alternate_and_lengths_add_up() {
    for (name, _) in SPEECH {
        let mut began = None;
        for (at, edge) in edges_of(&in_silence(&speech(name))) {
            match edge {
                Edge::Started { voiced, .. } => {
                    assert!(began.is_none(), "{name}");
                    began = Some(at - voiced);
                }
                Edge::Going { voiced, .. } => {
                    let length = at - began.expect("only after a start");
                    assert!(voiced <= length && voiced + Duration::from_millis(200) >= length);
                }
                Edge::Ended {
                    silence, voiced, ..
                } => {
                    assert_eq!(
                        at - silence - voiced,
                        began.take().expect("only after a start")
                    );
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        assert_eq!(began, None, "{name}");
    }
}

#[test]
fn long_speech_is_reported_every_hundred_milliseconds() {
    let edges = edges_of(&in_silence(&speech("slt-fully-booked")));
    let times: Vec<i64> = edges.iter().map(|(at, _)| millis(*at)).collect();
    let began = edges
        .iter()
        .position(|(_, edge)| matches!(edge, Edge::Going { .. }))
        .unwrap();
    for (index, pair) in times.windows(2).enumerate().skip(began) {
        if matches!(edges[index + 1].1, Edge::Going { .. }) {
            assert!(pair[1] - pair[0] <= 120, "{pair:?}");
        }
    }
    let count = edges
        .iter()
        .filter(|(_, edge)| matches!(edge, Edge::Going { .. }))
        .count();
    assert!(count >= 20, "{count} in three seconds");
}

#[test]
fn noise_is_not_speech_at_any_level() {
    for level in [-65.0, -50.0, -40.0, -30.0] {
        let edges = edges_of(&noisy(silence(20_000), level));
        assert_eq!(edges, [], "{level} dBFS");
    }
}

#[test]
fn noise_that_rises_suddenly_is_not_speech() {
    let sound = [noisy(silence(5_000), -60.0), noisy(silence(5_000), -35.0)].concat();
    assert_eq!(edges_of(&sound), []);
}

#[test]
fn clicks_and_slams_are_not_speech() {
    let mut random = fastrand::Rng::with_seed(5);
    let mut sound = silence(20_000);
    for _ in 0..20 {
        let at = random.usize(..sound.len() - 4_000);
        for (index, sample) in sound[at..at + 2_000].iter_mut().enumerate() {
            let decay = (-(index as f32) / 500.0).exp();
            *sample = ((random.f32() - 0.5) * 24_000.0 * decay) as i16;
        }
    }
    assert_eq!(edges_of(&sound), []);
}

#[test]
fn speech_in_noise_is_found() {
    for (name, _) in SPEECH {
        let samples = speech(name);
        let level = crate::dsp::dbfs(crate::dsp::power(&samples));
        let sound = [&silence(1500), &samples[..], &silence(1000)].concat();
        let edges = edges_of(&noisy(sound, level - 15.0));
        assert!(
            matches!(edges.first(), Some((_, Edge::Started { .. }))),
            "{name}"
        );
        assert!(
            matches!(edges.last(), Some((_, Edge::Ended { .. }))),
            "{name}"
        );
    }
}

/// Plays the agent's words over an echo path and, from 2.5 s on, the callee's over them.
fn over_echo(delay: u64, gain: f32, callee: &[i16]) -> Vec<(Duration, Edge)> {
    let agent = [
        silence(200),
        speech("slt-fully-booked"),
        silence(100),
        speech("slt-fully-booked"),
    ]
    .concat();
    let mut path = Echo::new(Duration::from_millis(delay), gain);
    let mut noise = Noise::new(-65.0, delay);
    let mut ear = Ear::new();
    let mut edges = Vec::new();
    for (index, sent) in agent.as_chunks().0.iter().enumerate() {
        let mut heard = [0; FRAME];
        let from = (index * FRAME)
            .checked_sub(20_000)
            .filter(|from| *from < callee.len());
        if let Some(from) = from {
            let words = &callee[from..callee.len().min(from + FRAME)];
            heard[..words.len()].copy_from_slice(words);
        }
        path.add(&mut heard, sent);
        noise.add(&mut heard);
        edges.extend(ear.frame(&heard, sent));
    }
    edges
}

#[test]
fn an_echo_is_known_as_one_within_a_tenth_of_a_second() {
    for gain in [-10.0, -18.0, -25.0, -40.0] {
        for delay in [30, 85, 140, 300] {
            let mut doubt = Duration::ZERO;
            let mut began = None;
            for (at, edge) in over_echo(delay, gain, &[]) {
                match edge {
                    Edge::Started { echo, .. } | Edge::Going { echo, .. } if echo < 0.5 => {
                        let began = *began.get_or_insert(at);
                        doubt = doubt.max(at - began);
                    }
                    _ => began = None,
                }
            }
            assert!(
                doubt <= Duration::from_millis(100),
                "{gain} dB, {delay} ms: {doubt:?}"
            );
        }
    }
}

#[test]
fn a_known_echo_is_not_even_a_start() {
    for (gain, delay) in [(-10.0, 60), (-20.0, 200)] {
        let late = over_echo(delay, gain, &[])
            .into_iter()
            .filter(|(at, _)| *at > Duration::from_secs(4))
            .count();
        assert_eq!(late, 0, "{gain} dB, {delay} ms");
    }
}

#[test]
fn a_voice_on_top_of_an_echo_is_heard() {
    for name in ["rms-hello", "rms-hold", "rms-seven-thirty"] {
        let callee = speech(name);
        let began = 2500 + millis(extent(&callee).0);
        for gain in [-10.0, -15.0, -25.0] {
            for delay in [30, 140, 300] {
                let edges = over_echo(delay, gain, &callee);
                let found = edges.iter().find(|(at, edge)| {
                    let sure = matches!(edge, Edge::Started { echo, .. } | Edge::Going { echo, .. } if *echo < 0.5);
                    sure && millis(*at) >= began
                });
                let delay_of = found.map(|(at, _)| millis(*at) - began);
                assert!(
                    delay_of.is_some_and(|time| time <= 200),
                    "{name} over {gain} dB, {delay} ms: {delay_of:?}"
                );
            }
        }
    }
}

/// Something with the time of its tick.
type Timed<T> = (Duration, T);

/// Hears samples whose packets come 0 to 60 ms late while `agent` is sent; returns the edges, and the frames as they were played,
/// with the time of the tick.
fn unevenly(heard: &[i16], agent: &[i16]) -> (Vec<Timed<Edge>>, Vec<Timed<[i16; FRAME]>>) {
    let (mut uplink, start) = (Uplink::new(UplinkConfig::new(Codec::Pcmu)), epoch());
    let mut random = fastrand::Rng::with_seed(4);
    let mut coming: Vec<(Duration, Packet)> = Vec::new();
    let (mut edges, mut played) = (Vec::new(), Vec::new());
    let sent = agent.as_chunks::<FRAME>().0.iter().copied();
    let mut sent = sent.chain(std::iter::repeat([0; FRAME]));
    for (index, frame) in (0_u32..).zip(heard.as_chunks::<FRAME>().0) {
        let mut codes = [0; FRAME];
        crate::Law::Mu.encode(frame, &mut codes);
        let packet = Packet::new(index as u16, index * 160, &codes).unwrap();
        let at = FRAME_TIME * index;
        coming.push((at + Duration::from_millis(random.u64(..60)), packet));
        for (_, packet) in coming.extract_if(.., |(due, _)| *due <= at) {
            uplink.push(&packet, start + at);
        }
        let tick = uplink.tick(start + at, &sent.next().unwrap());
        edges.extend(tick.edges.iter().map(|edge| (at, *edge)));
        played.push((at, *tick.wire));
    }
    (edges, played)
}

#[test]
fn a_voice_is_known_before_the_jitter_buffer_plays_it() {
    for name in ["rms-hello", "rms-hold", "slt-no"] {
        let (edges, played) = unevenly(&in_silence(&speech(name)), &[]);
        let (known, Edge::Started { voiced, .. }) = edges[0] else {
            panic!("{name}: {:?}", edges[0]);
        };
        let loud = |frame: &[i16; FRAME]| crate::dsp::dbfs(crate::dsp::power(frame)) > -50.0;
        let (begun, _) = played.iter().find(|(_, frame)| loud(frame)).unwrap();
        let delay = known.saturating_sub(*begun);
        assert!(
            delay + FRAME_TIME * 2 <= voiced,
            "{name}: {delay:?} after it was played, {voiced:?} of it heard"
        );
        assert!(matches!(edges.last(), Some((_, Edge::Ended { .. }))));
    }
}

#[test]
fn an_echo_is_known_however_unevenly_it_comes() {
    let agent = [
        silence(200),
        speech("slt-fully-booked"),
        silence(100),
        speech("slt-fully-booked"),
    ]
    .concat();
    for (delay, gain) in [(30, -10.0), (140, -18.0), (300, -25.0)] {
        let mut path = Echo::new(Duration::from_millis(delay), gain);
        let mut noise = Noise::new(-65.0, delay);
        let mut heard = vec![0; agent.len()];
        for (heard, sent) in heard
            .as_chunks_mut::<FRAME>()
            .0
            .iter_mut()
            .zip(agent.as_chunks::<FRAME>().0)
        {
            path.add(heard, sent);
            noise.add(heard);
        }
        let (edges, _) = unevenly(&heard, &agent);
        let late = edges.iter().filter(|(at, edge)| {
            let voice = matches!(edge, Edge::Started { echo, .. } | Edge::Going { echo, .. } if *echo < 0.5);
            voice && *at > Duration::from_secs(4)
        });
        assert_eq!(late.count(), 0, "{delay} ms, {gain} dB");
    }
}

#[test]
fn keys_that_the_agent_presses_are_not_the_callees() {
    let mut downlink = crate::Downlink::new(crate::DownlinkConfig {
        paused: false,
        ..crate::DownlinkConfig::new(Codec::Pcmu)
    });
    assert_eq!(downlink.press_keys("159#"), 4);
    let mut path = Echo::new(Duration::from_millis(90), -14.0);
    let mut ear = Ear::new();
    for _ in 0..100 {
        let sent = *downlink.tick().wire;
        let mut heard = [0; FRAME];
        path.add(&mut heard, &sent);
        assert_eq!(ear.frame(&heard, &sent), []);
    }
}

#[test]
fn the_wide_frame_is_the_wire_frame_two_milliseconds_later() {
    let (mut uplink, start) = (Uplink::new(UplinkConfig::new(Codec::Pcmu)), epoch());
    let (mut wire, mut wide) = (Vec::new(), Vec::new());
    for (index, frame) in (0_u32..).zip(speech("rms-hold").as_chunks::<FRAME>().0) {
        let mut codes = [0; FRAME];
        crate::Law::Mu.encode(frame, &mut codes);
        let now = start + FRAME_TIME * index;
        uplink.push(
            &Packet::new(index as u16, index * 160, &codes).unwrap(),
            now,
        );
        let tick = uplink.tick(now, &[0; FRAME]);
        wire.extend_from_slice(tick.wire);
        wide.extend_from_slice(tick.wide);
    }
    // Every second sample of the wide frame is one of the wire, as it was.
    let late = Doubler::DELAY;
    let every_second: Vec<i16> = wide.into_iter().skip(late).step_by(2).collect();
    assert_eq!(every_second, wire[..every_second.len()]);
}

#[test]
fn losses_are_flagged_and_counted() {
    let (mut uplink, start) = (Uplink::new(UplinkConfig::new(Codec::Pcmu)), epoch());
    let mut flagged = 0;
    for tick in 0..100_u32 {
        let now = start + FRAME_TIME * tick;
        if tick % 10 != 7 {
            uplink.push(
                &Packet::new(tick as u16, tick * 160, &[0x90; 160]).unwrap(),
                now,
            );
        }
        let tick = uplink.tick(now, &[0; FRAME]);
        assert!(tick.flowing);
        flagged += u64::from(tick.concealed);
    }
    assert_eq!(flagged, uplink.stats().concealed);
    assert!((9..=10).contains(&flagged), "{flagged}");
}

#[test]
fn without_packets_there_is_silence() {
    let (mut uplink, start) = (Uplink::new(UplinkConfig::new(Codec::Pcma)), epoch());
    for tick in 0..50 {
        let tick = uplink.tick(start + FRAME_TIME * tick, &[0; FRAME]);
        assert!(!tick.flowing && !tick.concealed && tick.edges.is_empty());
        assert_eq!(*tick.wire, [0; FRAME]);
    }
}

#[test]
fn no_packets_make_it_panic() {
    let start = epoch();
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let codecs = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];
        let codec = codecs[random.usize(..codecs.len())];
        let mut uplink = Uplink::new(UplinkConfig::new(codec));
        let mut sent = [0; FRAME];
        for tick in 0..200 {
            let now = start + FRAME_TIME * tick;
            for _ in 0..random.usize(..4) {
                let mut payload = vec![0; random.usize(..=480)];
                random.fill(&mut payload);
                let timestamp = tick * 160 + random.u32(..2000);
                uplink.push(&Packet::new(tick as u16, timestamp, &payload).unwrap(), now);
            }
            sent.fill_with(|| random.i16(..));
            let tick = uplink.tick(now, &sent);
            assert!(tick.edges.len() <= MAX_EDGES);
        }
    }
}
