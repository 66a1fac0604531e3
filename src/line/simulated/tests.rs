//! Whole calls on the simulated line, on a paused clock, with an agent that is nothing but tones at given times.

mod files;
mod flow;
mod heard;
mod network;
mod shipped;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use media::{FRAME, Law, Packet};

use super::*;
use crate::{
    driver::clock,
    line::{LegCommand, LegEvent},
    provider::{ProviderError, ProviderErrorKind, TtsEvent, TtsInput, TtsOptions, TtsStream},
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A voice that hums: 100 ms for each character, at 16 kHz. It cannot say "unspeakable".
#[derive(Debug)]
struct Hum;

impl TextToSpeech for Hum {
    fn name(&self) -> &'static str {
        "hum"
    }

    fn open(&self, _: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        let (input, mut orders) = tokio::sync::mpsc::channel(4);
        let (out, events) = tokio::sync::mpsc::channel(4);
        tokio::spawn(async move {
            while let Some(order) = orders.recv().await {
                let TtsInput::Speak { clause, text } = order else {
                    continue;
                };
                if text == "unspeakable" {
                    let error = ProviderError::new(ProviderErrorKind::Unavailable, "no");
                    let _: Result<_, _> = out.send(TtsEvent::Failed { clause, error }).await;
                    return;
                }
                let samples = hum(text.chars().count() * 1600, 16_000);
                let rate = 16_000;
                let audio = TtsEvent::Audio {
                    clause,
                    samples,
                    rate,
                };
                let _: Result<_, _> = out.send(audio).await;
                let _: Result<_, _> = out.send(TtsEvent::Done(clause)).await;
            }
        });
        Box::pin(async move { Ok(TtsStream { input, events }) })
    }
}

fn hum(samples: usize, rate: u32) -> Vec<i16> {
    let wave = |at: usize| (at as f32 * 300.0 * std::f32::consts::TAU / rate as f32).sin();
    (0..samples).map(|at| (wave(at) * 5000.0) as i16).collect()
}

fn line(options: SimulatedOptions) -> SimulatedLine {
    SimulatedLine::new(options, Arc::new(Hum))
}

fn request() -> DialRequest {
    DialRequest {
        to: "+14155550100".into(),
        ring_timeout: Duration::from_secs(30),
        seed: 1,
        scenario: None,
        callee_audio: None,
        ..DialRequest::default()
    }
}

/// Writes a scenario into a folder and returns a request for it. Without settings the line is perfect.
fn scenario(folder: &Path, text: &str) -> DialRequest {
    let text = match text.starts_with("---") {
        true => format!("ring: 1 s\nnoise: none\n{text}"),
        false => text.to_owned(),
    };
    let file = folder.join("test.scenario");
    std::fs::write(&file, text).unwrap();
    DialRequest {
        scenario: Some(file.to_str().unwrap().to_owned()),
        ..request()
    }
}

#[expect(clippy::large_enum_variant, reason = "a test has a handful of them")]
/// What the agent does, in time since it dialed.
enum Deed {
    /// Hums from here to there.
    Hums(u64, u64),
    /// Sends a command.
    Does(u64, LegCommand),
}

/// One call from the agent's side.
struct Heard {
    events: Vec<(Duration, LegEvent)>,
}

impl Heard {
    /// Everything but sound, with its time.
    fn signals(&self) -> Vec<(u64, String)> {
        let signals = self
            .events
            .iter()
            .filter(|(_, event)| !matches!(event, LegEvent::Packet(_)));
        signals
            .map(|(at, event)| (at.as_millis() as u64, format!("{event:?}")))
            .collect()
    }

    fn packets(&self) -> Vec<(Duration, Packet)> {
        let packet = |(at, event): &(Duration, LegEvent)| match event {
            LegEvent::Packet(packet) => Some((*at, *packet)),
            _ => None,
        };
        self.events.iter().filter_map(packet).collect()
    }

    /// When the callee was heard: begin and end in ms, gaps up to 60 ms closed.
    fn sounding(&self) -> Vec<(u64, u64)> {
        let mut stretches: Vec<(u64, u64)> = Vec::new();
        for (at, packet) in self.packets() {
            if loudest(&packet) < 300 {
                continue;
            }
            let at = at.as_millis() as u64;
            match stretches.last_mut().filter(|(_, end)| at <= *end + 60) {
                Some(last) => last.1 = at + 20,
                None => stretches.push((at, at + 20)),
            }
        }
        stretches
    }
}

fn loudest(packet: &Packet) -> u16 {
    let mut samples = [0; FRAME];
    Law::Mu.decode(packet.payload(), &mut samples);
    samples
        .iter()
        .map(|sample| sample.unsigned_abs())
        .max()
        .unwrap_or_default()
}

/// Dials and plays the agent until the line says goodbye, at most for ten minutes. Silence is not sent.
async fn call(line: &SimulatedLine, request: DialRequest, mut deeds: Vec<Deed>) -> Heard {
    let mut leg = line.dial(request).await.unwrap();
    let dialed = clock::now();
    let since = |now: Instant| now.duration_since(dialed);
    let tone = hum(FRAME, 8000);
    let mut payload = [0; FRAME];
    Law::Mu.encode(&tone, &mut payload);
    // Two clocks of one phase would race each other.
    let mut next = dialed + ms(7);
    let mut events = Vec::new();
    let mut sequence = 0;
    while since(clock::now()) < Duration::from_secs(600) {
        tokio::select! {
            biased;
            event = leg.events.recv() => match event {
                Some(event) => events.push((since(clock::now()), event)),
                None => break,
            },
            () = clock::sleep_until(next) => {
                let now = since(next).as_millis() as u64;
                next += ms(20);
                let mut index = 0;
                while index < deeds.len() {
                    let command = match &deeds[index] {
                        Deed::Hums(from, to) if (*from..*to).contains(&now) => {
                            sequence += 1;
                            let packet = Packet::new(sequence, 0, &payload).unwrap();
                            Some(LegCommand::Packet(packet))
                        }
                        Deed::Does(at, _) if *at <= now => match deeds.remove(index) {
                            Deed::Does(_, command) => Some(command),
                            Deed::Hums(..) => None,
                        },
                        _ => {
                            index += 1;
                            continue;
                        }
                    };
                    index += 1;
                    if let Some(command) = command {
                        let _: Result<_, _> = leg.commands.send(command).await;
                    }
                }
            }
        }
    }
    Heard { events }
}
