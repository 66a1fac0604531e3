use super::*;
use crate::{
    FRAME_TIME, Law,
    impair::{Network, NetworkConfig},
    testing::epoch,
};

/// A sender of 20 ms packets whose samples tell their place: a slow ramp that µ-law keeps apart.
struct Sender {
    sequence: u16,
    timestamp: u32,
    sent: u32,
}

impl Sender {
    fn new(sequence: u16, timestamp: u32) -> Self {
        Self {
            sequence,
            timestamp,
            sent: 0,
        }
    }

    fn next(&mut self) -> Packet {
        let code = code(self.sent);
        let packet = Packet::new(
            self.sequence.wrapping_add(self.sent as u16),
            self.timestamp.wrapping_add(self.sent * FRAME as u32),
            &[code; FRAME],
        )
        .unwrap();
        self.sent += 1;
        packet
    }
}

/// The code of packet number `n`: never silence, and different for 100 in a row.
fn code(n: u32) -> u8 {
    0x80 + (n % 100) as u8
}

/// Which packet number a sample stands for, near `expected`.
fn number(sample: i16) -> u32 {
    u32::from(Law::Mu.encode_sample(sample) - 0x80)
}

fn jitter(initial: u64) -> Jitter {
    let initial = Duration::from_millis(initial);
    Jitter::new(
        Codec::Pcmu,
        JitterConfig {
            initial,
            ..JitterConfig::default()
        },
    )
}

fn pull(jitter: &mut Jitter, quiet: bool, now: Instant) -> ([i16; FRAME], Pulled) {
    let mut frame = [0; FRAME];
    let pulled = jitter.pull(&mut frame, quiet, now);
    (frame, pulled)
}

#[test]
fn packets_come_out_in_order_after_the_initial_delay() {
    let (mut jitter, mut sender, start) = (jitter(40), Sender::new(7, 1000), epoch());
    for tick in 0..50 {
        let now = start + FRAME_TIME * tick;
        jitter.push(&sender.next(), now);
        let (frame, pulled) = pull(&mut jitter, false, now);
        assert_eq!(pulled, Pulled::Real);
        if tick < 2 {
            assert_eq!(frame, [0; FRAME]);
        } else {
            // The very first sound fades in.
            let from = if tick == 2 { 80 } else { 0 };
            assert!(
                frame[from..]
                    .iter()
                    .all(|sample| number(*sample) == tick - 2)
            );
        }
    }
    let stats = jitter.stats();
    assert_eq!((stats.received, stats.concealed, stats.late), (50, 0, 0));
}

#[test]
fn swapped_doubled_and_odd_sized_packets_make_no_difference() {
    let (mut jitter, start) = (jitter(60), epoch());
    // 10, 30 and 40 ms packets, pairs swapped, every third doubled; values count 10 ms pieces.
    let mut pieces = Vec::new();
    let (mut at, mut n) = (0_u32, 0_u16);
    while at < 40 * 80 {
        let len = [80, 240, 320][usize::from(n) % 3];
        let payload: Vec<u8> = (at..at + len).map(|at| code(at / 80)).collect();
        pieces.push((at, Packet::new(n, at, &payload).unwrap()));
        at += len;
        n += 1;
    }
    for pair in pieces.chunks_mut(2) {
        pair.reverse();
    }
    let mut next = pieces.into_iter().peekable();
    for tick in 0..20 {
        let now = start + FRAME_TIME * tick;
        while let Some((at, packet)) = next.next_if(|(at, _)| *at <= tick * 160 + 160) {
            jitter.push(&packet, now);
            if at % 3 == 0 {
                jitter.push(&packet, now);
            }
        }
        let (frame, _) = pull(&mut jitter, false, now);
        for (index, sample) in frame.iter().enumerate() {
            // The first packet pushed begins at 80, the delay is 60 ms, and the first 10 ms fade in.
            let place = (tick * 160 + index as u32).checked_sub(480 - 80);
            if let Some(place @ 160..) = place {
                assert_eq!(number(*sample), place / 80, "tick {tick}");
            }
        }
    }
    assert!(jitter.stats().duplicate > 0);
    assert_eq!(jitter.stats().concealed, 0);
}

#[test]
fn a_lost_packet_is_concealed_and_costs_no_time() {
    let (mut jitter, mut sender, start) = (jitter(40), Sender::new(0, 0), epoch());
    for tick in 0..60 {
        let now = start + FRAME_TIME * tick;
        let packet = sender.next();
        if tick % 10 != 5 {
            jitter.push(&packet, now);
        }
        let (frame, pulled) = pull(&mut jitter, false, now);
        let due = tick.wrapping_sub(2);
        if tick >= 2 && due % 10 == 5 {
            assert_eq!(pulled, Pulled::Concealed);
        } else if tick >= 2 {
            assert_eq!(number(frame[159]), due);
        }
    }
    assert_eq!(jitter.stats().concealed, 6);
}

#[test]
fn numbers_may_wrap() {
    let (mut jitter, start) = (jitter(40), epoch());
    let mut sender = Sender::new(u16::MAX - 3, u32::MAX - 1600);
    for tick in 0..50 {
        let now = start + FRAME_TIME * tick;
        jitter.push(&sender.next(), now);
        let (frame, _) = pull(&mut jitter, false, now);
        if tick >= 2 {
            assert_eq!(number(frame[80]), tick - 2);
        }
    }
    assert_eq!(jitter.stats().rejected, 0);
}

#[test]
fn the_delay_shrinks_in_quiet_until_nothing_is_kept() {
    let (mut jitter, mut sender, start) = (jitter(120), Sender::new(0, 0), epoch());
    for tick in 0..500 {
        let now = start + FRAME_TIME * tick;
        jitter.push(&sender.next(), now);
        let (frame, _) = pull(&mut jitter, tick % 100 > 50, now);
        if tick == 499 {
            assert_eq!(number(frame[0]), 99, "packet 499 is played as it comes");
        }
    }
    assert_eq!(jitter.target(), Duration::ZERO);
    assert_eq!(jitter.stats().concealed, 0);
    assert_eq!(jitter.stats().dropped, 960);
}

#[test]
fn the_delay_does_not_shrink_in_speech() {
    let (mut jitter, mut sender, start) = (jitter(120), Sender::new(0, 0), epoch());
    for tick in 0..500 {
        let now = start + FRAME_TIME * tick;
        jitter.push(&sender.next(), now);
        pull(&mut jitter, false, now);
    }
    assert_eq!(jitter.stats().dropped, 0);
}

#[test]
fn a_stall_delays_sound_but_loses_none_within_the_limit() {
    let (mut jitter, mut sender, start) = (jitter(20), Sender::new(0, 0), epoch());
    let mut heard = Vec::new();
    for tick in 0..100 {
        let now = start + FRAME_TIME * tick;
        let packet = sender.next();
        // Packets 30 to 37 arrive together, 160 ms late.
        if !(30..38).contains(&tick) {
            if tick == 38 {
                let mut late = Sender::new(0, 0);
                let mut packets: Vec<_> = (0..38).map(|_| late.next()).collect();
                for packet in packets.drain(30..) {
                    jitter.push(&packet, now);
                }
            }
            jitter.push(&packet, now);
        }
        let (frame, pulled) = pull(&mut jitter, false, now);
        if pulled == Pulled::Real && frame[159] != 0 {
            heard.push(number(frame[159]));
        }
    }
    heard.dedup();
    assert!(heard.is_sorted_by(|a, b| a + 1 == *b), "{heard:?}");
    assert_eq!(heard[0], 0);
}

#[test]
fn a_sender_that_pauses_is_not_mistaken_for_loss() {
    let (mut jitter, mut sender, start) = (jitter(20), Sender::new(0, 0), epoch());
    let mut idle = 0;
    for tick in 0..400 {
        let now = start + FRAME_TIME * tick;
        let packet = sender.next();
        // Silence suppression: 4 s without packets, timestamps run on.
        if !(100..300).contains(&tick) {
            jitter.push(&packet, now);
        }
        let (frame, pulled) = pull(&mut jitter, true, now);
        idle += u32::from(pulled == Pulled::Idle);
        if tick > 320 {
            assert_eq!(pulled, Pulled::Real);
            assert!(tick % 100 - number(frame[159]) <= 2, "no lasting delay");
        }
    }
    assert!(idle > 180, "{idle}");
    assert!(jitter.stats().concealed <= 4);
    assert_eq!(jitter.stats().rejected, 0);
}

#[test]
fn a_sender_that_starts_again_is_followed_after_one_packet() {
    let (mut jitter, start) = (jitter(20), epoch());
    let (mut first, mut second) = (Sender::new(0, 0), Sender::new(900, 3_000_000_000));
    for tick in 0..100 {
        let now = start + FRAME_TIME * tick;
        let packet = if tick < 50 {
            first.next()
        } else {
            second.next()
        };
        jitter.push(&packet, now);
        let (frame, _) = pull(&mut jitter, false, now);
        if tick > 53 {
            assert_eq!(number(frame[159]), tick - 50 - 1);
        }
    }
    assert_eq!(jitter.stats().rejected, 1);
}

#[test]
fn a_single_packet_from_nowhere_changes_nothing() {
    let (mut jitter, mut sender, start) = (jitter(20), Sender::new(0, 0), epoch());
    for tick in 0..100 {
        let now = start + FRAME_TIME * tick;
        jitter.push(&sender.next(), now);
        if tick % 7 == 3 {
            let stray = Packet::new(1, 0x8000_0000 + tick * 77_777, &[0; 160]).unwrap();
            jitter.push(&stray, now);
        }
        let (frame, _) = pull(&mut jitter, false, now);
        if tick > 0 {
            assert_eq!(number(frame[159]), tick - 1);
        }
    }
}

#[test]
fn drifting_clocks_are_followed() {
    // The sender's clock is 0.05 % fast, then slow: 30 ms a minute.
    for fast in [true, false] {
        let (mut jitter, mut sender, start) = (jitter(20), Sender::new(0, 0), epoch());
        let step = if fast { 19_990 } else { 20_010 };
        let mut due = start;
        for tick in 0..15_000 {
            let now = start + FRAME_TIME * tick;
            while due <= now {
                jitter.push(&sender.next(), due);
                due += Duration::from_micros(step);
            }
            pull(&mut jitter, tick % 200 > 100, now);
            let kept = jitter.end - jitter.play;
            assert!(kept <= 640, "fast {fast}: {kept} samples kept at {tick}");
        }
        let share = jitter.stats().concealed as f64 / 15_000.0;
        assert!(share < 0.02, "fast {fast}: {share}");
    }
}

#[test]
fn networks_as_they_are_conceal_little_more_than_they_lose() {
    for (name, extra, longest) in [
        ("clean", 0.0, 20),
        ("wifi", 0.01, 80),
        ("mobile", 0.02, 120),
        ("congested", 0.04, 240),
    ] {
        let config = NetworkConfig::preset(name).unwrap();
        let mut network = Network::new(config, 7);
        let (mut jitter, mut sender, start) = (jitter(40), Sender::new(0, 0), epoch());
        let ticks = 3_000;
        for tick in 0..ticks {
            let now = start + FRAME_TIME * tick;
            network.send(sender.next(), now);
            while let Some(packet) = network.receive(now) {
                jitter.push(&packet, now);
            }
            pull(&mut jitter, tick % 150 > 75, now);
        }
        let lost = network.lost() as f64 / f64::from(ticks);
        let concealed = jitter.stats().concealed as f64 / f64::from(ticks);
        assert!(
            concealed <= lost + extra,
            "{name}: {concealed} concealed, {lost} lost"
        );
        assert!(
            jitter.target() <= Duration::from_millis(longest),
            "{name}: {:?}",
            jitter.target()
        );
    }
}

#[test]
fn no_packets_make_it_panic_or_grow() {
    let start = epoch();
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut jitter, mut now) = (jitter(40), start);
        let mut timestamp = random.u32(..);
        for _ in 0..500 {
            let flood = if random.u8(..20) == 0 {
                200
            } else {
                random.usize(..4)
            };
            for _ in 0..flood {
                timestamp = match random.u8(..8) {
                    0 => random.u32(..),
                    1 => timestamp.wrapping_sub(random.u32(..20_000)),
                    2 => timestamp.wrapping_add(random.u32(..20_000)),
                    _ => timestamp.wrapping_add(160),
                };
                let payload = vec![random.u8(..); random.usize(..=480)];
                jitter.push(
                    &Packet::new(random.u16(..), timestamp, &payload).unwrap(),
                    now,
                );
            }
            if random.u8(..10) > 0 {
                pull(&mut jitter, random.bool(), now);
            }
            // Time may stand still, jump, or be read out of order.
            now = match random.u8(..30) {
                0 => start,
                1 => now + Duration::from_secs(random.u64(..100_000)),
                _ => now + FRAME_TIME,
            };
        }
        assert!(jitter.end - jitter.play <= RING as i64);
    }
}

/// Packets that come at a tick's very time, a moment before it or a moment after, in quiet and in speech: the buffer settles
/// on one more frame instead of being cut to less than one again and again.
#[test]
fn arrivals_at_the_ticks_time_cost_a_frame_and_not_the_call() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut jitter, mut sender, start) = (jitter(40), Sender::new(0, 0), epoch());
        let mut concealed = 0;
        let mut late = None;
        for tick in 0..3_000 {
            let now = start + FRAME_TIME * tick;
            if let Some(packet) = late.take() {
                jitter.push(&packet, now - FRAME_TIME + Duration::from_micros(300));
            }
            let packet = sender.next();
            if random.bool() {
                jitter.push(&packet, now - Duration::from_micros(300).min(now - start));
            } else {
                late = Some(packet);
            }
            let quiet = tick / 100 % 2 == 0;
            let (_, pulled) = pull(&mut jitter, quiet, now);
            concealed += u32::from(tick > 200 && pulled == Pulled::Concealed);
        }
        assert!(concealed <= 30, "seed {seed}: {concealed} of 2800 frames");
    }
}
