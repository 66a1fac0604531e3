use super::*;
use crate::{FRAME_TIME, Packet, dsp, testing::epoch};
use std::time::Duration;

/// Sends packets every 20 ms; returns the number and delay of each that arrived, in order of arrival.
fn send(config: NetworkConfig, seed: u64, count: u32) -> Vec<(u16, Duration)> {
    let (mut network, start) = (Network::new(config, seed), epoch());
    let mut arrived = Vec::new();
    for tick in 0..count + 100 {
        let now = start + FRAME_TIME * tick;
        if tick < count {
            network.send(Packet::new(tick as u16, tick * 160, &[1]).unwrap(), now);
        }
        while let Some(at) = network.next_arrival().filter(|at| *at <= now) {
            let packet = network.receive(now).unwrap();
            let sent = start + FRAME_TIME * u32::from(packet.sequence);
            arrived.push((packet.sequence, at - sent));
        }
    }
    arrived
}

#[test]
fn a_clean_network_changes_nothing() {
    let arrived = send(NetworkConfig::CLEAN, 1, 500);
    let expected: Vec<_> = (0..500).map(|n| (n, Duration::ZERO)).collect();
    assert_eq!(arrived, expected);
}

#[test]
fn the_same_seed_gives_the_same_network() {
    let config = NetworkConfig::CONGESTED;
    assert_eq!(send(config, 7, 2_000), send(config, 7, 2_000));
    assert_ne!(send(config, 7, 2_000), send(config, 8, 2_000));
}

#[test]
fn losses_have_the_wished_share_and_burst_length() {
    for (loss, burst) in [(0.01, 1.0), (0.05, 3.0), (0.2, 5.0)] {
        let config = NetworkConfig {
            loss,
            burst,
            ..NetworkConfig::CLEAN
        };
        let count = 60_000;
        let arrived = send(config, 3, count);
        let lost = 1.0 - arrived.len() as f64 / f64::from(count);
        assert!((lost / loss - 1.0).abs() < 0.15, "{lost} lost of {loss}");
        let gaps: Vec<u16> = arrived
            .windows(2)
            .map(|pair| pair[1].0.wrapping_sub(pair[0].0) - 1)
            .filter(|gap| *gap > 0)
            .collect();
        let mean = gaps.iter().map(|gap| f64::from(*gap)).sum::<f64>() / gaps.len() as f64;
        let wanted = burst.max(1.0);
        assert!(
            (mean / wanted - 1.0).abs() < 0.15,
            "bursts of {mean}, not {wanted}"
        );
    }
}

#[test]
fn presets_delay_as_they_say() {
    for name in ["wifi", "mobile", "congested"] {
        let config = NetworkConfig::preset(name).unwrap();
        let arrived = send(config, 5, 5_000);
        assert!(
            arrived.iter().all(|(_, delay)| *delay >= config.delay),
            "{name}"
        );
        let mean = arrived.iter().map(|(_, d)| d.as_secs_f64()).sum::<f64>() / arrived.len() as f64;
        let least = (config.delay + config.jitter.mul_f64(0.9)).as_secs_f64();
        assert!((least..least * 2.0).contains(&mean), "{name}: {mean}");
        let ordered = arrived.is_sorted_by_key(|(number, _)| *number);
        assert_eq!(ordered, !config.reorder, "{name}");
    }
    assert_eq!(NetworkConfig::preset("perfect"), None);
}

#[test]
fn doubled_packets_arrive_twice() {
    let config = NetworkConfig {
        duplicate: 1.0,
        ..NetworkConfig::CLEAN
    };
    assert_eq!(send(config, 1, 100).len(), 200);
}

#[test]
fn a_flood_is_bounded() {
    let (mut network, start) = (Network::new(NetworkConfig::MOBILE, 1), epoch());
    for n in 0..10_000_u32 {
        network.send(Packet::new(n as u16, n, &[1]).unwrap(), start);
    }
    let mut arrived = 0;
    while network.receive(start + Duration::from_secs(60)).is_some() {
        arrived += 1;
    }
    assert!(arrived <= 256);
    assert_eq!(arrived + network.lost(), 10_000);
}

#[test]
fn noise_has_its_level_and_its_seed() {
    for level in [-70.0, -40.0, -20.0] {
        let mut samples = vec![0; 80_000];
        Noise::new(level, 4).add(&mut samples);
        let found = dsp::dbfs(dsp::power(&samples));
        assert!((found - level).abs() < 0.5, "{found} for {level}");
        let mut again = vec![0; 80_000];
        Noise::new(level, 4).add(&mut again);
        assert_eq!(samples, again);
    }
}

#[test]
fn an_echo_is_later_and_weaker() {
    let mut echo = Echo::new(Duration::from_millis(30), -20.0);
    let mut sent = vec![0; 400];
    sent[10] = 10_000;
    let mut heard = vec![0; 400];
    for (heard, sent) in heard.chunks_mut(100).zip(sent.chunks(100)) {
        echo.add(heard, sent);
    }
    let mut expected = vec![0; 400];
    expected[250] = 1000;
    assert_eq!(heard, expected);
    let mut at_once = [1; 3];
    Echo::new(Duration::ZERO, 0.0).add(&mut at_once, &[5, 6, 7]);
    assert_eq!(at_once, [6, 7, 8]);
}
