use super::*;

fn playing() -> Downlink {
    Downlink::new(DownlinkConfig {
        paused: false,
        ..DownlinkConfig::new(Codec::Pcmu)
    })
}

/// A signal whose value tells its place, and which G.711 does not matter for: [`DownlinkTick::wire`] is read.
fn counting(from: i16, len: usize) -> Vec<i16> {
    (0..len).map(|n| from + n as i16).collect()
}

fn play(downlink: &mut Downlink, ticks: usize) -> (Vec<i16>, Vec<Progress>) {
    let mut sound = Vec::new();
    let mut progress = Vec::new();
    for _ in 0..ticks {
        let tick = downlink.tick();
        sound.extend_from_slice(tick.wire);
        progress.extend_from_slice(tick.progress);
    }
    (sound, progress)
}

#[test]
fn packets_count_up_and_carry_what_was_queued() {
    let mut downlink = Downlink::new(DownlinkConfig {
        paused: false,
        sequence: u16::MAX,
        timestamp: u32::MAX - 159,
        ..DownlinkConfig::new(Codec::Pcma)
    });
    assert_eq!(downlink.enqueue(Mark(1), &[1000; 160], 8000), Ok(160));
    let first = downlink.tick();
    assert_eq!(
        (first.packet.sequence, first.packet.timestamp),
        (u16::MAX, u32::MAX - 159)
    );
    assert_eq!(first.packet.payload(), [0xFA; 160]);
    assert!(first.sounding);
    let second = downlink.tick();
    assert_eq!((second.packet.sequence, second.packet.timestamp), (0, 0));
    assert_eq!(second.packet.payload(), [0xD5; 160]);
    assert!(!second.sounding);
}

#[test]
fn marks_play_in_order_and_finish_once() {
    let mut downlink = playing();
    let all = counting(1, 500);
    downlink.enqueue(Mark(7), &all[..200], 8000).unwrap();
    downlink.enqueue(Mark(8), &all[200..], 8000).unwrap();
    assert!(downlink.finish(Mark(7)));
    assert!(downlink.finish(Mark(8)));
    assert!(downlink.finish(Mark(9)), "a mark without sound");
    let (sound, progress) = play(&mut downlink, 5);
    assert_eq!(sound[..500], all);
    let seen: Vec<_> = progress
        .iter()
        .map(|p| (p.mark.0, p.position.as_micros(), p.finished))
        .collect();
    assert_eq!(
        seen,
        [
            (7, 20_000, false),
            (7, 25_000, true),
            (8, 15_000, false),
            (8, 35_000, false),
            (8, 37_500, true),
            (9, 0, true),
        ]
    );
    assert!(downlink.is_idle());
}

#[test]
fn sound_for_an_earlier_mark_lands_before_later_marks() {
    let mut downlink = playing();
    downlink.enqueue(Mark(1), &counting(1, 50), 8000).unwrap();
    downlink.enqueue(Mark(2), &counting(101, 60), 8000).unwrap();
    downlink.enqueue(Mark(1), &counting(51, 50), 8000).unwrap();
    downlink.finish(Mark(1));
    let (sound, _) = play(&mut downlink, 1);
    assert_eq!(sound, counting(1, 160));
}

#[test]
fn a_pause_fades_within_five_milliseconds_and_repeats_at_most_forty() {
    let mut downlink = playing();
    let all = counting(1000, 8000);
    downlink.enqueue(Mark(1), &all, 8000).unwrap();
    play(&mut downlink, 10);
    downlink.pause();
    let (fade, progress) = play(&mut downlink, 3);
    assert_eq!(fade[0], all[1600]);
    assert!(fade[..40].is_sorted_by(|a, b| a > b));
    assert!(fade[40..].iter().all(|sample| *sample == 0));
    assert_eq!(progress, []);
    downlink.resume();
    let (sound, progress) = play(&mut downlink, 3);
    assert_eq!(
        sound[40..],
        all[1600 - 320 + 40..1600 + 160],
        "40 ms again, then on"
    );
    assert!(sound[..40].is_sorted(), "fades in");
    let positions: Vec<_> = progress.iter().map(|p| p.position.as_millis()).collect();
    assert_eq!(positions, [220], "what is repeated is not counted twice");
}

#[test]
fn a_pause_before_the_answer_keeps_everything() {
    let mut downlink = Downlink::new(DownlinkConfig::new(Codec::Pcmu));
    let all = counting(5, 320);
    downlink.enqueue(Mark(1), &all, 8000).unwrap();
    let (silence, _) = play(&mut downlink, 5);
    assert!(silence.iter().all(|sample| *sample == 0));
    downlink.resume();
    assert_eq!(play(&mut downlink, 2).0, all);
}

/// A field report on another engine: 158 frames were lost over five rejected interruptions, because what came
/// in during a pause pushed out what waited.
#[test]
fn pauses_never_lose_or_reorder_a_sample() {
    let mut random = fastrand::Rng::with_seed(620);
    for round in 0..50 {
        let mut downlink = playing();
        let all: Vec<i16> = (0..12_000).map(|n| (n % 30_000) as i16 + 1).collect();
        let mut given = 0;
        let mut next = 0;
        let mut fades = false;
        for tick in 0..2_000 {
            if given < all.len() && random.u8(..4) == 0 {
                let count = random.usize(1..1_000).min(all.len() - given);
                given += downlink
                    .enqueue(Mark(1), &all[given..given + count], 8000)
                    .unwrap();
            }
            match random.u8(..20) {
                0 => downlink.pause(),
                1..=3 => {
                    fades |= downlink.is_paused();
                    downlink.resume();
                }
                _ => {}
            }
            let paused = downlink.is_paused();
            let frame = downlink.tick().wire.to_vec();
            if paused {
                continue;
            }
            // A value is a place in the signal, except where it fades in.
            let skipped = if fades { 40 } else { 0 };
            for value in frame.into_iter().skip(skipped).filter(|value| *value > 0) {
                let place = usize::from(value.unsigned_abs()) - 1;
                let on = if fades {
                    place <= next + 80
                } else {
                    place <= next
                };
                assert!(on, "round {round} tick {tick}: skipped {next}..{place}");
                assert!(
                    place + 320 >= next,
                    "round {round} tick {tick}: fell back to {place}"
                );
                fades = false;
                next = next.max(place + 1);
            }
        }
        assert_eq!(next, all.len(), "round {round}: everything was sent");
    }
}

#[test]
fn a_full_queue_takes_what_fits_and_loses_nothing() {
    let mut downlink = playing();
    let all = vec![1; 8000 * 31];
    assert_eq!(downlink.enqueue(Mark(1), &all, 8000), Ok(8000 * 6), "6 s");
    assert_eq!(downlink.enqueue(Mark(1), &all[..10], 8000), Ok(0));
    play(&mut downlink, 1);
    assert_eq!(downlink.enqueue(Mark(1), &all, 8000), Ok(160));
    assert_eq!(downlink.queued(), Duration::from_secs(6));
}

#[test]
fn other_rates_keep_clause_time() {
    for rate in [16_000, 22_050, 24_000, 48_000] {
        let mut downlink = playing();
        let second: Vec<i16> = vec![500; rate as usize];
        for mark in [Mark(1), Mark(2)] {
            for part in second.chunks(700) {
                assert_eq!(downlink.enqueue(mark, part, rate), Ok(part.len()));
            }
            downlink.finish(mark);
        }
        let (_, progress) = play(&mut downlink, 100);
        let ends: Vec<_> = progress.iter().filter(|p| p.finished).collect();
        assert_eq!(ends.len(), 2);
        assert!(
            ends.iter().all(|p| p.position == Duration::from_secs(1)),
            "{rate} Hz"
        );
    }
}

#[test]
fn dropped_marks_fall_silent_and_stay_so() {
    let mut downlink = playing();
    downlink.enqueue(Mark(1), &[4000; 400], 16_000).unwrap();
    downlink.enqueue(Mark(1), &[4000; 800], 8000).unwrap();
    downlink.enqueue(Mark(2), &[5000; 800], 8000).unwrap();
    downlink.enqueue(Mark(3), &[6000; 160], 8000).unwrap();
    play(&mut downlink, 1);
    downlink.drop_marks(|mark| mark != Mark(3));
    assert_eq!(
        downlink.enqueue(Mark(1), &[4000; 800], 8000),
        Ok(800),
        "thrown away"
    );
    assert_eq!(downlink.queued(), Duration::from_millis(20));
    downlink.finish(Mark(1));
    downlink.finish(Mark(3));
    let (sound, progress) = play(&mut downlink, 2);
    assert!(sound[0] > 3500, "the cut fades: {}", sound[0]);
    assert_eq!(sound[100], 6000);
    assert_eq!(progress.len(), 1);
    assert!(downlink.is_idle());
}

#[test]
fn keys_interrupt_speech_which_then_goes_on() {
    let mut downlink = playing();
    downlink.enqueue(Mark(1), &counting(1, 1600), 8000).unwrap();
    play(&mut downlink, 2);
    assert_eq!(downlink.press_keys("1w?#"), 4);
    let (keys, progress) = play(&mut downlink, 45);
    assert_eq!(progress, [], "two keys and half a second: 900 ms");
    assert!(keys[400].abs() > 100);
    let (sound, _) = play(&mut downlink, 1);
    assert_eq!(sound[40..], counting(361, 120));
    let many = "5".repeat(100);
    assert_eq!(downlink.press_keys(&many), 64);
}

#[test]
fn no_sequence_of_calls_makes_it_panic() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut downlink = Downlink::new(DownlinkConfig {
            capacity: Duration::from_millis(500),
            ..DownlinkConfig::new(Codec::Pcmu)
        });
        for _ in 0..300 {
            let mark = Mark(random.u64(..6));
            match random.u8(..12) {
                0..=3 => {
                    let samples: Vec<i16> =
                        (0..random.usize(..2000)).map(|_| random.i16(..)).collect();
                    let rates = [8000, 16_000, 22_050, 12_345, 24_000];
                    let rate = rates[random.usize(..rates.len())];
                    let taken = downlink.enqueue(mark, &samples, rate).unwrap();
                    assert!(taken <= samples.len());
                }
                4 => assert!(downlink.finish(mark)),
                5 => downlink.pause(),
                6 | 7 => downlink.resume(),
                8 => downlink.drop_marks(|other| other == mark),
                9 => assert!(downlink.press_keys("1x") <= 2),
                _ => {
                    play(&mut downlink, random.usize(..10));
                }
            }
            assert!(downlink.queued() <= Duration::from_millis(600));
        }
    }
}
