//! The built-in scenarios, played to their ends against an agent who says nothing and one who answers everything.

use super::*;

/// What an agent does that only knows when the callee is silent.
#[derive(Clone, Copy, PartialEq)]
enum Agent {
    Silent,
    /// Hums for 2.5 s when the callee has been silent for 600 ms after sounding, or for 5 s after the last hum;
    /// presses a key first if told to.
    Talkative {
        key: Option<char>,
    },
}

/// How a call went.
#[derive(Debug)]
struct Outcome {
    lasted: Duration,
    last: String,
    /// How often the callee began to sound, pauses up to 500 ms not counted.
    stretches: u32,
}

async fn play(name: &str, agent: Agent) -> Outcome {
    let request = DialRequest {
        scenario: Some(name.into()),
        ..request()
    };
    let mut leg = line(SimulatedOptions::default())
        .dial(request)
        .await
        .unwrap();
    let dialed = clock::now();
    let mut payload = [0; FRAME];
    Law::Mu.encode(&hum(FRAME, 8000), &mut payload);
    let (mut quiet, mut stretches, mut hums, mut sequence, mut key) = (0, 0, 0, 0, None);
    let mut patience = 30;
    if let Agent::Talkative { key: wanted } = agent {
        key = wanted;
    }
    loop {
        let event = leg.events.recv().await.expect("a last event");
        let packet = match event {
            LegEvent::Packet(packet) => packet,
            LegEvent::HungUp | LegEvent::Failed(_) => {
                let lasted = clock::now() - dialed;
                let last = format!("{event:?}");
                return Outcome {
                    lasted,
                    last,
                    stretches,
                };
            }
            _ => continue,
        };
        // The noise of the scenarios stays below this but for the loudest line.
        if loudest(&packet) > 3000 {
            stretches += u32::from(quiet > 25 || stretches == 0);
            quiet = 0;
            patience = 30;
        } else {
            quiet += 1;
        }
        if agent == Agent::Silent {
            continue;
        }
        if quiet >= patience && hums == 0 {
            hums = 125;
            if let Some(key) = key.take() {
                leg.commands
                    .send(LegCommand::PressKeys(key.into()))
                    .await
                    .ok();
                hums = 0;
            }
        }
        if hums > 0 {
            hums -= 1;
            sequence += 1;
            let packet = Packet::new(sequence, 0, &payload).unwrap();
            leg.commands.send(LegCommand::Packet(packet)).await.ok();
            if hums == 0 {
                (quiet, patience) = (0, 250);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_callee_gives_a_silent_agent_up() {
    for (name, _) in catalog::list(None) {
        let outcome = play(&name, Agent::Silent).await;
        assert!(
            outcome.lasted < Duration::from_secs(120),
            "{name}: {outcome:?}"
        );
        assert!(
            outcome.last != "Failed(LineUnavailable)",
            "{name}: {outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_conversation_with_a_talkative_agent_comes_to_its_end() {
    // How often the callee speaks when everything it says is answered.
    let turns = [
        ("books", 5),
        ("closed", 3),
        ("echo", 5),
        ("full", 4),
        ("opening-hours", 3),
        ("refuses", 3),
        ("wrong-number", 3),
    ];
    for (name, turns) in turns {
        let outcome = play(name, Agent::Talkative { key: None }).await;
        assert_eq!(outcome.last, "HungUp", "{name}");
        assert_eq!(outcome.stretches, turns, "{name}: {outcome:?}");
        assert!(
            outcome.lasted < Duration::from_secs(90),
            "{name}: {outcome:?}"
        );
    }
    for (name, _) in catalog::list(None) {
        if name != "menu" {
            let outcome = play(&name, Agent::Talkative { key: None }).await;
            assert!(
                outcome.lasted < Duration::from_secs(180),
                "{name}: {outcome:?}"
            );
        }
    }
    let outcome = play("menu", Agent::Talkative { key: Some('1') }).await;
    assert_eq!(outcome.last, "HungUp");
    assert!(outcome.lasted < Duration::from_secs(120), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn real_words_are_spoken_at_the_level_that_noise_assumes() {
    let folder = tempfile::tempdir().unwrap();
    let probe = Probe::default();
    let options = SimulatedOptions {
        probe: Some(probe.clone()),
        ..SimulatedOptions::default()
    };
    let line = SimulatedLine::new(options, Arc::new(crate::provider::flite::Flite));
    let text = "\"The only table I have left is at eight thirty.\"";
    for voice in parse::VOICES {
        let text = format!("ring: 1 s\nvoice: {voice}\n---\nsay {text}\nhang up");
        call(&line, scenario(folder.path(), &text), vec![]).await;
        let said = probe.calls().pop().unwrap().said;
        let seconds = said.len() as f64 / 8000.0;
        assert!((1.5..5.0).contains(&seconds), "{voice} took {seconds} s");
        let power = |frame: &[i16]| {
            frame.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / frame.len() as f64
        };
        let frames: Vec<f64> = said
            .chunks(FRAME)
            .map(power)
            .filter(|power| *power > 10_000.0)
            .collect();
        let level =
            10.0 * (frames.iter().sum::<f64>() / frames.len() as f64 / 32_768_f64.powi(2)).log10();
        assert!(
            (-24.0..-20.0).contains(&level),
            "{voice} speaks at {level} dB"
        );
    }
}
