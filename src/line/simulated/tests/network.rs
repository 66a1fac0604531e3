//! Chance and faults: the same for one seed, as often as the scenario says.

use super::*;

fn recording(folder: &Path, seconds: usize) -> PathBuf {
    let file = folder.join("callee.wav");
    let samples = hum(seconds * 8000, 8000);
    let format = media::wav::Format {
        channels: 1,
        rate: 8000,
    };
    let mut bytes = media::wav::header(format, samples.len() as u64 * 2).to_vec();
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(&file, bytes).unwrap();
    file
}

async fn packets(text: &str, seconds: usize, seed: u64) -> Vec<(Duration, Packet)> {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path(), seconds);
    let request = DialRequest {
        seed,
        ..scenario(folder.path(), text)
    };
    let agent = vec![Deed::Hums(0, 1_000_000)];
    call(&line(SimulatedOptions::default()), request, agent)
        .await
        .packets()
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_the_same_packets_at_the_same_times_byte_for_byte() {
    let text = "network: congested\nnoise: 20 dB\necho: -20 dB after 100 ms\n---\ncough\nplay callee.wav\ndoor\nhang up";
    let plain = |packets: Vec<(Duration, Packet)>| -> Vec<_> {
        let parts =
            |(at, p): (Duration, Packet)| (at, p.sequence, p.timestamp, p.payload().to_vec());
        packets.into_iter().map(parts).collect()
    };
    let first = plain(packets(text, 5, 42).await);
    let second = plain(packets(text, 5, 42).await);
    for (index, (a, b)) in first.iter().zip(&second).enumerate() {
        assert!(
            a == b,
            "packet {index}: {:?} {} and {:?} {}",
            a.0,
            a.1,
            b.0,
            b.1
        );
    }
    assert_eq!(first.len(), second.len());
    let other = plain(packets(text, 5, 43).await);
    let payloads = |calls: &[(Duration, u16, u32, Vec<u8>)]| -> Vec<_> {
        calls.iter().map(|call| call.3.clone()).collect()
    };
    assert_ne!(payloads(&first), payloads(&other));
}

#[tokio::test(start_paused = true)]
async fn losses_are_as_many_and_as_long_as_the_scenario_says() {
    let text = "network: clean loss 3 % bursts of 3 delay 50 ms jitter 10 ms\n---\nplay callee.wav\nhang up";
    let packets = packets(text, 300, 9).await;
    let (first, last) = (packets[0].1.sequence, packets[packets.len() - 1].1.sequence);
    let sent = f64::from(last.wrapping_sub(first)) + 1.0;
    let lost = 1.0 - packets.len() as f64 / sent;
    assert!((0.02..0.04).contains(&lost), "{lost}");
    let gaps = packets
        .windows(2)
        .map(|pair| pair[1].1.sequence.wrapping_sub(pair[0].1.sequence) - 1);
    let gaps: Vec<f64> = gaps.filter(|gap| *gap > 0).map(f64::from).collect();
    let burst = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!((2.4..3.6).contains(&burst), "{burst}");
}

#[tokio::test(start_paused = true)]
async fn noise_has_the_level_that_was_asked_for() {
    let text = "noise: 10 dB\nring: 20 ms\n---\nwait 10 s\nhang up";
    let packets = packets(text, 1, 3).await;
    let mut power = 0.0;
    for (_, packet) in &packets {
        let mut samples = [0; FRAME];
        media::Law::Mu.decode(packet.payload(), &mut samples);
        power += samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / FRAME as f64;
    }
    let level = 10.0 * (power / packets.len() as f64 / 32_768_f64.powi(2)).log10();
    assert!(
        (level + 32.0).abs() < 0.5,
        "{level} dB, expected 10 dB below speech at -22 dB"
    );
}

#[tokio::test(start_paused = true)]
async fn the_agent_comes_back_as_an_echo_as_late_and_as_weak_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let text = "ring: 1 s\nnoise: none\necho: -12 dB after 200 ms\n---\nwait 3 s\nhang up";
    let agent = vec![Deed::Hums(2000, 2500)];
    let heard = call(
        &line(SimulatedOptions::default()),
        scenario(folder.path(), text),
        agent,
    )
    .await;
    let [(begin, end)] = heard.sounding()[..] else {
        panic!("{:?}", heard.sounding());
    };
    assert!(
        (2220..=2260).contains(&begin) && (2720..=2760).contains(&end),
        "{begin} to {end}"
    );
    let peak = heard
        .packets()
        .iter()
        .map(|(_, packet)| loudest(packet))
        .max()
        .unwrap();
    // 5000 by 12 dB.
    assert!((1180..1330).contains(&peak), "{peak}");
}

#[tokio::test(start_paused = true)]
async fn a_law_is_spoken_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let text = "ring: 1 s\nnoise: none\ncodec: pcma\n---\nwait 1 s\nhang up";
    let line = line(SimulatedOptions::default());
    let mut leg = line.dial(scenario(folder.path(), text)).await.unwrap();
    assert_eq!(leg.codec, media::Codec::Pcma);
    let mut silence = 0;
    while let Some(event) = leg.events.recv().await {
        if let LegEvent::Packet(packet) = event {
            assert!(
                packet
                    .payload()
                    .iter()
                    .all(|byte| *byte == media::Law::A.silence())
            );
            silence += 1;
        }
    }
    assert_eq!(silence, 50);
}
