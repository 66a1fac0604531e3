//! What the callee's sounds are to the agent's ear: the scenario's beep is a beep there, and its music is music.

use media::{Edge, Tone, Uplink, UplinkConfig};

use super::*;

/// The edges that the agent's side finds in a scenario's sound, with their times in ms since the answer.
async fn edges(steps: &str) -> Vec<(u64, Edge)> {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("ring: 1 s\nnoise: 40 dB\n---\nwait 1 s\n{steps}\nwait 1 s\nhang up");
    let heard = call(
        &line(SimulatedOptions::default()),
        scenario(folder.path(), &text),
        vec![],
    )
    .await;
    let mut uplink = Uplink::new(UplinkConfig::new(media::Codec::Pcmu));
    let start = clock::now();
    let mut found = Vec::new();
    for (index, (_, packet)) in (0_u32..).zip(heard.packets()) {
        let now = start + media::FRAME_TIME * index;
        uplink.push(&packet, now);
        let tick = uplink.tick(now, &[0; FRAME]);
        found.extend(tick.edges.iter().map(|edge| (u64::from(index) * 20, *edge)));
    }
    found
}

#[tokio::test(start_paused = true)]
async fn tones_are_recognised_for_what_they_are() {
    let tones = async |steps: &str| -> Vec<Tone> {
        let edges = edges(steps).await;
        let tone = |(_, edge): &(u64, Edge)| match edge {
            Edge::Tone(tone) => Some(*tone),
            _ => None,
        };
        edges.iter().filter_map(tone).collect()
    };
    assert_eq!(tones("beep 1000 Hz 500 ms").await, [Tone::Beep]);
    assert_eq!(tones("beep 440 Hz 400 ms").await, [Tone::Beep]);
    assert_eq!(tones("tone ringback 3 s").await, [Tone::Ringback]);
    assert_eq!(tones("tone busy 3 s").await, [Tone::Busy]);
    assert_eq!(tones("tone sit 1200 ms").await, [Tone::Sit]);
}

#[tokio::test(start_paused = true)]
async fn music_on_hold_is_music_and_no_long_speech() {
    let edges = edges("music 12 s\nwait 5 s").await;
    let began = edges.iter().find(|(_, edge)| *edge == Edge::Music(true));
    let Some((began, _)) = began else {
        panic!("no music in {edges:?}");
    };
    assert!(*began < 4000, "music was only known after {began} ms");
    let ended = edges.iter().find(|(_, edge)| *edge == Edge::Music(false));
    assert!(ended.is_some_and(|(at, _)| *at > 13_000), "{edges:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cough_and_a_door_are_loud_enough_to_disturb() {
    for steps in ["cough", "door"] {
        let edges = edges(steps).await;
        let started = |(_, edge): &(u64, Edge)| matches!(edge, Edge::Started { .. });
        assert!(edges.iter().any(started), "{steps}: {edges:?}");
    }
}
