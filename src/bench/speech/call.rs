//! One call that is only heard: sound as packets of G.711 through the uplink, edges and flushes as the driver and the
//! call core give them, words from the recogniser.
//!
//! Time is counted in ticks of 20 ms; how long a machine takes for anything is measured beside it and changes nothing.

use std::time::{Duration, Instant};

use media::{
    Codec, Edge, FRAME, FRAME_TIME, Law, Packet, Uplink, UplinkConfig, impair::Noise,
    uplink::JitterConfig,
};

use crate::provider::{SttEvent, SttInput, pocketsphinx::Steps};

/// Silence that follows every utterance, until the call core would have answered it.
const AFTER: Duration = Duration::from_millis(1000);
/// What was heard of an utterance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// The final words, of all stretches between flushes.
    pub text: String,
    /// Partial words, with the time in the utterance by which the sound was given that they were made from.
    pub partials: Vec<Partial>,
    /// What each flush that had words to make cost.
    pub finals: Vec<Duration>,
    /// What all of it cost.
    pub cost: Duration,
}

/// Words on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// Sound given so far.
    pub at: Duration,
    /// What the last piece of it cost.
    pub cost: Duration,
    /// All words of the utterance so far.
    pub text: String,
}

/// A call in which the callee speaks and nobody else.
#[derive(Debug)]
pub struct HeardCall {
    uplink: Uplink,
    recogniser: Steps,
    /// What costs are measured with.
    clock: fn() -> Duration,
    start: Instant,
    tick: u32,
    mark: u32,
    flush_at: Option<u32>,
}

impl HeardCall {
    /// Begins a call. `clock` is read around everything that the recogniser does; its zero does not matter.
    #[must_use]
    pub fn new(recogniser: Steps, start: Instant, clock: fn() -> Duration) -> Self {
        let mut config = UplinkConfig::new(Codec::Pcmu);
        config.jitter = JitterConfig {
            initial: Duration::ZERO,
            ..config.jitter
        };
        Self {
            uplink: Uplink::new(config),
            recogniser,
            clock,
            start,
            tick: 0,
            mark: 0,
            flush_at: None,
        }
    }

    /// Hears an utterance (8 kHz) and the silence after it, with noise on the line.
    ///
    /// # Errors
    /// When the recogniser fails.
    pub fn hear(&mut self, sound: &[i16], noise: Option<&mut Noise>) -> Result<Heard, String> {
        let mut samples = sound.to_vec();
        let after = AFTER.as_millis() as usize * 8;
        samples.resize((samples.len() + after).next_multiple_of(FRAME), 0);
        if let Some(noise) = noise {
            noise.add(&mut samples);
        }
        let mut heard = Heard::default();
        let (frames, _) = samples.as_chunks::<FRAME>();
        for (index, frame) in frames.iter().enumerate() {
            let at = FRAME_TIME * (index as u32 + 1);
            self.frame(frame, at, &mut heard)?;
        }
        if self.flush_at.take().is_some() {
            self.flush(&mut heard)?;
        }
        Ok(heard)
    }

    fn frame(
        &mut self,
        frame: &[i16; FRAME],
        at: Duration,
        heard: &mut Heard,
    ) -> Result<(), String> {
        let mut codes = [0; FRAME];
        Law::Mu.encode(frame, &mut codes);
        let packet = Packet::new(self.tick as u16, self.tick * FRAME as u32, &codes)
            .expect("a frame fits into a packet");
        let now = self.start + FRAME_TIME * self.tick;
        self.tick += 1;
        self.uplink.push(&packet, now);
        let tick = self.uplink.tick(now, &[0; FRAME]);
        let wide = Box::new(*tick.wide);
        let mut started = false;
        for edge in tick.edges {
            match edge {
                Edge::Started { .. } => {
                    started = true;
                    self.flush_at = None;
                }
                Edge::Ended { silence, .. } => {
                    // As in the call core.
                    let after = ::call::CallConfig::default().flush_after;
                    let rest = after.saturating_sub(*silence);
                    let ticks = rest.as_millis().div_ceil(FRAME_TIME.as_millis());
                    self.flush_at = Some(self.tick + ticks as u32);
                }
                _ => {}
            }
        }
        self.give(SttInput::Audio(wide), at, heard)?;
        if started {
            self.give(SttInput::SpeechStarted, at, heard)?;
        }
        if self.flush_at.is_some_and(|tick| tick <= self.tick) {
            self.flush_at = None;
            self.flush(heard)?;
        }
        Ok(())
    }

    fn flush(&mut self, heard: &mut Heard) -> Result<(), String> {
        self.mark += 1;
        let before = heard.cost;
        self.give(SttInput::Flush(self.mark), Duration::ZERO, heard)?;
        heard.finals.push(heard.cost - before);
        Ok(())
    }

    fn give(&mut self, input: SttInput, at: Duration, heard: &mut Heard) -> Result<(), String> {
        let before = (self.clock)();
        let events = self.recogniser.input(input)?;
        let cost = (self.clock)().saturating_sub(before);
        heard.cost += cost;
        for event in events {
            match event {
                SttEvent::Partial(text) => heard.partials.push(Partial {
                    at,
                    cost,
                    text: joined(&heard.text, &text),
                }),
                SttEvent::Final { text, .. } => heard.text = joined(&heard.text, &text),
                SttEvent::Hint(_) | SttEvent::Served(_) => {}
                SttEvent::Failed(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }
}

fn joined(before: &str, more: &str) -> String {
    if before.is_empty() || more.is_empty() {
        format!("{before}{more}")
    } else {
        format!("{before} {more}")
    }
}
