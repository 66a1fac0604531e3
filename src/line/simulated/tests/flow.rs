//! Who speaks when, and how calls begin and end.

use super::*;

async fn play(text: &str, deeds: Vec<Deed>) -> Heard {
    let folder = tempfile::tempdir().unwrap();
    call(
        &line(SimulatedOptions::default()),
        scenario(folder.path(), text),
        deeds,
    )
    .await
}

/// Whether each stretch lies within 20 ms of what is expected.
fn assert_sounding(heard: &Heard, expected: &[(u64, u64)]) {
    let found = heard.sounding();
    let close =
        |(a, b): (&(u64, u64), &(u64, u64))| a.0.abs_diff(b.0) <= 20 && a.1.abs_diff(b.1) <= 20;
    let same = found.len() == expected.len() && found.iter().zip(expected).all(close);
    assert!(same, "expected {expected:?}, found {found:?}");
}

#[tokio::test(start_paused = true)]
async fn it_rings_is_picked_up_and_packets_come_every_20_ms_until_it_hangs_up() {
    let heard = play(
        "---\nwait 500 ms\nsay \"aaaaa\"\nwait 100 ms\nhang up",
        vec![],
    )
    .await;
    let signals = heard.signals();
    assert_eq!(
        signals[..2],
        [(0, "Ringing".into()), (1000, "Answered".into())]
    );
    assert_eq!(signals[2..], [(2100, "HungUp".into())]);
    assert_sounding(&heard, &[(1500, 2000)]);
    let packets = heard.packets();
    assert_eq!(packets.len(), 55);
    for (index, pair) in packets.windows(2).enumerate() {
        assert_eq!(pair[1].0 - pair[0].0, ms(20), "after packet {index}");
        assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1));
        assert_eq!(pair[1].1.timestamp, pair[0].1.timestamp.wrapping_add(160));
    }
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_the_end_of_the_agents_turn_and_not_for_a_pause_in_it() {
    let text = "patience: 700 ms\nring: 1 s\nnoise: none\n---\nsay \"aaaaa\"\nuntil agent stops\nsay \"bb\"\nhang up";
    let agent = vec![Deed::Hums(2000, 3000), Deed::Hums(3500, 4000)];
    let heard = play(text, agent).await;
    // The agent is heard 40 ms late: two packets wait in the callee's telephone.
    assert_sounding(&heard, &[(1000, 1500), (4740, 4940)]);
}

#[tokio::test(start_paused = true)]
async fn a_click_is_no_answer_and_what_was_said_over_the_callee_is_none() {
    let text = "---\nsay \"aaaaaaaaaa\"\nuntil agent stops\nsay \"bb\"\nhang up";
    let agent = vec![
        Deed::Hums(1200, 1900),
        Deed::Hums(2500, 2540),
        Deed::Hums(5000, 5400),
    ];
    assert_sounding(&play(text, agent).await, &[(1000, 2000), (6140, 6340)]);
}

#[tokio::test(start_paused = true)]
async fn it_interrupts_at_the_right_time_or_goes_on_when_the_agent_stops_early() {
    let text = "---\nuntil agent speaks for 1500 ms\n  if agent stops: go on\nsay \"bb\"\nhang up";
    let heard = play(text, vec![Deed::Hums(2000, 6000)]).await;
    assert_sounding(&heard, &[(3540, 3740)]);
    let heard = play(text, vec![Deed::Hums(2000, 3000)]).await;
    assert_sounding(&heard, &[(3740, 3940)]);
}

#[tokio::test(start_paused = true)]
async fn a_murmur_leaves_the_turn_to_the_agent_and_words_take_it() {
    let agent = || vec![Deed::Hums(2000, 4000)];
    let text = |word| {
        format!(
            "---\nuntil agent speaks for 1 s\n{word} \"mmm\"\nuntil agent stops\nsay \"bb\"\nhang up"
        )
    };
    let heard = play(&text("murmur"), agent()).await;
    assert_sounding(&heard, &[(3040, 3340), (4740, 4940)]);
    // Said while the agent fell silent: what it had said until then is no answer to it.
    let text = text("say").replace("mmm", "mmmmmmmmmmmmmmm");
    let heard = play(&text, agent()).await;
    assert_eq!(heard.sounding().len(), 1, "{:?}", heard.sounding());
}

#[tokio::test(start_paused = true)]
async fn silence_has_consequences_one_after_the_other() {
    let text = "ring: 1 s\nnoise: none\nif silence for 5 s: say \"hh\"\nif silence for 3 s: repeat\n\
        if silence for 4 s: hang up\n---\nsay \"aaa\"\nuntil agent stops\nsay \"b\"";
    let heard = play(text, vec![]).await;
    assert_sounding(&heard, &[(1000, 1300), (6300, 6500), (9500, 9800)]);
    assert_eq!(heard.signals().last().unwrap(), &(13_800, "HungUp".into()));
}

#[tokio::test(start_paused = true)]
async fn nobody_stays_on_a_dead_line_nor_for_ever() {
    let heard = play("---\nuntil key 1", vec![]).await;
    assert_eq!(heard.signals().last().unwrap(), &(31_000, "HungUp".into()));
    let heard = play("---\nuntil silence for 45 s\nhang up", vec![]).await;
    assert_eq!(heard.signals().last().unwrap(), &(46_000, "HungUp".into()));
    let heard = play("---\nwait 100 ms", vec![]).await;
    assert_eq!(heard.signals().last().unwrap(), &(11_100, "HungUp".into()));
    let text = "ring: 1 s\nnoise: none\nlongest: 3 s\n---\nlabel a\ncough\ngo to a";
    assert_eq!(play(text, vec![]).await.signals().last().unwrap().0, 4000);
}

#[tokio::test(start_paused = true)]
async fn keys_cut_the_announcement_and_choose_the_way() {
    let menu = "---\nlabel menu\nsay \"mmmmmmmmmm\" until key\nuntil key 1\n  if key 9: go to menu\n  if any key: go to no\n\
        say \"bbbbb\"\npress 5\nhang up\nlabel no\nsay \"n\"\ngo to menu";
    let press = |at, keys: &str| Deed::Does(at, LegCommand::PressKeys(keys.into()));
    let heard = play(menu, vec![press(1500, "1")]).await;
    assert_sounding(&heard, &[(1000, 2020)]);
    let signals = heard.signals();
    assert_eq!(
        signals[2..],
        [(2020, "Dtmf('5')".into()), (2020, "HungUp".into())]
    );
    let heard = play(
        menu,
        vec![press(2500, "3"), press(4000, "9"), press(6000, "w1")],
    )
    .await;
    assert_sounding(
        &heard,
        &[(1000, 2000), (2520, 3620), (4020, 5020), (6020, 6520)],
    );
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_tones_are_keys_and_no_words() {
    let menu = "---\nuntil keys 1#\n  if agent speaks: go to no\nsay \"bbbbb\"\nhang up\nlabel no\ncough\nhang up";
    let mut deeds = Vec::new();
    for (key, at) in [('1', 1500), ('#', 1700)] {
        let mut tone = media::tones::Generator::new(media::tones::Signal::Dtmf(key));
        for sequence in 0..10_u16 {
            let mut payload = [0; FRAME];
            let mut samples = [0; FRAME];
            tone.fill(&mut samples);
            media::Law::Mu.encode(&samples, &mut payload);
            let packet = Packet::new(at as u16 / 20 + sequence, 0, &payload).unwrap();
            let at = at + 20 * u64::from(sequence);
            deeds.push(Deed::Does(at, LegCommand::Packet(packet)));
        }
    }
    let heard = play(menu, deeds).await;
    let [(begin, end)] = heard.sounding()[..] else {
        panic!("{:?}", heard.sounding());
    };
    assert_eq!(end - begin, 500, "it spoke and did not cough");
    assert!((1740..=1840).contains(&begin), "{begin}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_not_picked_up_fail_for_their_reason() {
    let end = async |text: &str| play(text, vec![]).await.signals().pop().unwrap();
    assert_eq!(end("---\nbusy").await, (500, "Failed(Busy)".into()));
    assert_eq!(
        end("---\nno such number").await,
        (500, "Failed(InvalidNumber)".into())
    );
    assert_eq!(
        end("---\ndeclines").await,
        (1000, "Failed(Rejected)".into())
    );
    assert_eq!(
        end("---\nnever answers").await,
        (30_000, "Failed(NoAnswer)".into())
    );
    assert_eq!(
        end("ring: 40 s\n---\nhang up").await,
        (30_000, "Failed(NoAnswer)".into())
    );
    assert_eq!(
        end("ring: 40 s\n---\ndeclines").await,
        (30_000, "Failed(NoAnswer)".into())
    );
}

#[tokio::test(start_paused = true)]
async fn the_agent_may_hang_up_at_any_instant() {
    let text = "---\nsay \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"";
    for at in [0, 20, 500, 980, 1000, 1020, 2000] {
        let hang_up = Deed::Does(at, LegCommand::HangUp);
        let heard = play(text, vec![hang_up]).await;
        let (last, event) = heard.events.last().unwrap();
        assert!(
            last.as_millis() as u64 <= at + 27,
            "{event:?} at {last:?}, hung up at {at}"
        );
        assert!(
            !matches!(event, LegEvent::HungUp),
            "nobody hung up on the agent"
        );
    }
    let transfer = Deed::Does(1500, LegCommand::Transfer("+14155550101".into()));
    let signals = play(text, vec![transfer]).await.signals();
    assert_eq!(signals.last().unwrap(), &(1507, "HungUp".into()));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_leg_ends_the_callee() {
    let folder = tempfile::tempdir().unwrap();
    let line = line(SimulatedOptions::default());
    for wait in [ms(0), ms(500), ms(1500)] {
        let leg = line
            .dial(scenario(folder.path(), "---\nmusic 60 s"))
            .await
            .unwrap();
        let commands = leg.commands.clone();
        clock::sleep(wait).await;
        drop(leg);
        let ended = clock::timeout(ms(100), commands.closed()).await;
        assert!(ended.is_some(), "after {wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_commands_does_not_hold_the_sound_up() {
    let folder = tempfile::tempdir().unwrap();
    let line = line(SimulatedOptions::default());
    let mut leg = line
        .dial(scenario(folder.path(), "---\nsay \"aaaaaaaaaa\"\nhang up"))
        .await
        .unwrap();
    let commands = leg.commands.clone();
    let flood = tokio::spawn(async move {
        let packet = Packet::new(7, 7, &[0; FRAME]).unwrap();
        let mut sent = 0_u64;
        while commands.send(LegCommand::Packet(packet)).await.is_ok() {
            let _: Result<_, _> = commands
                .send(LegCommand::PressKeys("1234567890".into()))
                .await;
            sent += 1;
            if sent.is_multiple_of(1000) {
                clock::sleep(ms(1)).await;
            }
        }
        sent
    });
    let dialed = clock::now();
    let mut packets = 0;
    while let Some(event) = leg.events.recv().await {
        packets += u32::from(matches!(event, LegEvent::Packet(_)));
    }
    assert_eq!(clock::now() - dialed, ms(2000));
    assert_eq!(packets, 50);
    assert!(flood.await.unwrap() > 100_000);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_does_not_read_loses_the_oldest_packets_and_no_signal() {
    let folder = tempfile::tempdir().unwrap();
    let line = line(SimulatedOptions::default());
    let mut leg = line
        .dial(scenario(
            folder.path(),
            "---\npress 1\nmusic 20 s\npress 2\nhang up",
        ))
        .await
        .unwrap();
    clock::sleep(Duration::from_secs(60)).await;
    let mut signals = Vec::new();
    let mut packets = Vec::new();
    while let Some(event) = leg.events.recv().await {
        match event {
            LegEvent::Packet(packet) => packets.push(packet.timestamp),
            other => signals.push(format!("{other:?}")),
        }
    }
    assert_eq!(
        signals,
        ["Ringing", "Answered", "Dtmf('1')", "Dtmf('2')", "HungUp"]
    );
    // What the channel holds is the beginning; of the rest the newest was kept.
    assert!((100..=120).contains(&packets.len()), "{}", packets.len());
    let length = packets[packets.len() - 1].wrapping_sub(packets[0]);
    assert_eq!(length, 20 * 8000 - 160);
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_fails_fails_the_call() {
    let heard = play("---\nwait 1 s\nsay \"unspeakable\"", vec![]).await;
    assert_eq!(heard.signals().pop().unwrap().1, "Failed(LineUnavailable)");
}

#[tokio::test(start_paused = true)]
async fn the_leg_knows_how_late_the_callee_hears() {
    for delay in [0, 60] {
        let folder = tempfile::tempdir().unwrap();
        let probe = Probe::default();
        let line = line(SimulatedOptions {
            probe: Some(probe.clone()),
            ..SimulatedOptions::default()
        });
        let text = format!(
            "ring: 1 s\nnoise: none\nnetwork: clean delay {delay} ms\n---\nwait 3 s\nhang up"
        );
        let request = scenario(folder.path(), &text);
        let claimed = line.dial(request.clone()).await.unwrap().playout_delay;
        call(&line, request, vec![Deed::Hums(2000, 3000)]).await;
        let heard = &probe.calls()[1].heard;
        let first = heard.iter().position(|sample| *sample != 0).unwrap() as u64 / 8;
        // The agent's first packet left 1007 ms after the answer.
        let late = ms(first).saturating_sub(ms(1007));
        assert!(
            late.abs_diff(claimed) <= ms(10),
            "{late:?} late, claimed {claimed:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_probe_tells_what_the_callee_heard_and_felt() {
    let folder = tempfile::tempdir().unwrap();
    let probe = Probe::default();
    let options = SimulatedOptions {
        probe: Some(probe.clone()),
        ..SimulatedOptions::default()
    };
    let text = "---\nsay \"aaaaa\"\nuntil agent stops\nsay \"bb\"\nuntil agent stops\nhang up";
    let agent = vec![Deed::Hums(1800, 2500), Deed::Hums(4000, 5000)];
    call(&line(options), scenario(folder.path(), text), agent).await;
    let calls = probe.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].to, "+14155550100");
    assert_eq!(calls[0].said.len(), calls[0].heard.len());
    // 1500 to 1840 and 3440 to 4040, in frames.
    assert_eq!(calls[0].felt_silences(), [ms(340), ms(600)]);
}
