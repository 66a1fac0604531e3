//! The jitter buffer: packets in any order, at any time; 160 samples out at every tick.
//!
//! It keeps *samples*, placed by timestamp in a ring of half a second, so packets of any length, doubled, swapped or
//! overlapping need no special case, and a flood cannot grow it. Packets of codecs that remember are decoded when all before them
//! is there or its time has come (see [`super::ordered`]); their places are taken before. The delay follows the network (see [`Delay`]):
//! it grows by waiting when nothing is there, and shrinks by leaving out sound in quiet moments.

use std::time::{Duration, Instant};

mod ahead;

use super::{conceal::Conceal, delay::Delay, noise::ComfortNoise, ordered::Decoding};
use crate::{Codec, FRAME, Packet, wire_time};

/// Samples in the ring: 512 ms.
const RING: usize = 4096;
/// A packet from further in the future than this, going by the time since the last one, is not believed: 0.5 s.
const EARLY: i64 = 4_000;
/// Nor is one that is later than this: 2 s.
const LATE: i64 = 16_000;
/// The delay shrinks when it was too long by this much at each of the last [`PATIENCE`] ticks: 10 ms.
const SLACK: i64 = 80;
const PATIENCE: u32 = 10;
/// It grows, where there is quiet to grow in, when it is too short by this much: 20 ms.
const SHORT: i64 = FRAME as i64;

/// Waiting never lasts longer than this, whatever is configured: what comes later must still fit the ring.
const MAX_HELD: i64 = 2_400;

/// Limits of the delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JitterConfig {
    /// The delay to begin with. Defaults to 40 ms.
    pub initial: Duration,
    /// Sound is given up as lost rather than waited for longer than this. Defaults to 240 ms; at most 300 ms count.
    pub longest: Duration,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(40),
            longest: Duration::from_millis(240),
        }
    }
}

/// Counts since the start of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JitterStats {
    /// Packets given to the buffer.
    pub received: u64,
    /// Packets whose sound had all been there already.
    pub duplicate: u64,
    /// Packets that came after their time to be played.
    pub late: u64,
    /// Packets that were not believed: empty, or with a timestamp from nowhere.
    pub rejected: u64,
    /// Frames that were lost and mended from the packet after them.
    pub recovered: u64,
    /// Frames of which at least a part had to be made up while sound was due.
    pub concealed: u64,
    /// Samples left out to shorten the delay.
    pub dropped: u64,
    /// Frames put in to lengthen it.
    pub inserted: u64,
}

/// Where samples that a decoder gives come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Their packet.
    Packet,
    /// The packet after theirs, which was lost.
    Recovered,
    /// The past alone.
    Guessed,
}

/// What a tick's frame is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulled {
    /// Nothing has ever arrived, or nothing for so long that it is a pause: silence.
    Idle,
    /// Sound as it was sent.
    Real,
    /// At least partly made up.
    Concealed,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Jitter {
    codec: Codec,
    decoding: Decoding,
    config: JitterConfig,
    samples: Box<[i16; RING]>,
    present: [u64; RING / 64],
    /// Of those present, the ones that a decoder made up.
    guessed: [u64; RING / 64],
    conceal: Conceal,
    /// What is heard while the sender says that nothing is.
    noise: ComfortNoise,
    delay: Delay,
    /// The instant from which arrivals are counted: that of the first packet.
    origin: Option<Instant>,
    /// Timestamp of the last believed packet, as sent and unwrapped, and when it arrived.
    last: (u32, i64, i64),
    /// Timestamp that would make an unbelievable packet's successor believable.
    candidate: Option<u32>,
    /// Timestamp of the next sample to play, unwrapped.
    play: i64,
    /// Timestamp of the next sample to look at ahead of its time.
    seen: i64,
    /// Timestamp after the newest sample that is in the ring.
    end: i64,
    /// Timestamp of the first sample after the last (re)start: what is missing before it was never sent.
    begun: i64,
    /// Samples made up without moving on, while waiting for sound that may still come.
    held: i64,
    /// For how many ticks the delay was too long, and by how much at least.
    long: (u32, i64),
    stats: JitterStats,
}

impl Jitter {
    pub(crate) fn new(codec: Codec, config: JitterConfig) -> Self {
        Self {
            codec,
            decoding: Decoding::of(codec),
            config,
            samples: Box::new([0; RING]),
            present: [0; RING / 64],
            guessed: [0; RING / 64],
            conceal: Conceal::new(),
            noise: ComfortNoise::new(),
            delay: Delay::new(in_samples(config.initial)),
            origin: None,
            last: (0, 0, 0),
            candidate: None,
            play: 0,
            seen: 0,
            end: 0,
            begun: 0,
            held: 0,
            long: (0, 0),
            stats: JitterStats::default(),
        }
    }

    pub(crate) const fn stats(&self) -> &JitterStats {
        &self.stats
    }

    /// How long sound is kept beyond the fastest packets' transit, as wished at present.
    pub(crate) fn target(&self) -> Duration {
        wire_time(self.delay.target().max(0) as u64)
    }

    /// Goes over to another codec: what comes is another stream.
    pub(crate) fn set_codec(&mut self, codec: Codec) {
        if codec != self.codec {
            let stats = self.stats;
            *self = Self::new(codec, self.config);
            self.stats = stats;
        }
    }

    /// Takes a packet.
    pub(crate) fn push(&mut self, packet: &Packet, now: Instant) {
        self.stats.received += 1;
        if let Some(level) = packet.noise() {
            self.noise.begin(level);
            return;
        }
        let Some(length) = self.length(packet) else {
            self.stats.rejected += 1;
            return;
        };
        self.noise.end();
        let Some(origin) = self.origin else {
            self.origin = Some(now);
            return self.restart(packet, length, 0);
        };
        let arrival = in_samples(now.saturating_duration_since(origin));
        let (last_sent, last_timestamp, last_arrival) = self.last;
        let ticks = i64::from(packet.timestamp.wrapping_sub(last_sent) as i32);
        let step = ticks / self.codec.ticks_per_sample();
        let ahead = step - (arrival - last_arrival);
        if !(-LATE..=EARLY).contains(&ahead) {
            let ticks = self.codec.ticks_per_sample();
            let after = packet.timestamp.wrapping_add((length * ticks) as u32);
            let expected = self.candidate.replace(after);
            // Two in a row from the same nowhere: the sender started again.
            let near = |from: u32| packet.timestamp.wrapping_sub(from) < (EARLY * ticks) as u32;
            if expected.is_some_and(near) {
                return self.restart(packet, length, arrival);
            }
            self.stats.rejected += 1;
            return;
        }
        self.candidate = None;
        let timestamp = last_timestamp + step;
        if step > 0 {
            self.last = (packet.timestamp, timestamp, arrival);
        }
        self.delay.note(arrival, timestamp);
        self.place(packet, length, timestamp);
    }

    /// Returns how many samples of 8 kHz a packet holds; `None` when it holds none.
    fn length(&self, packet: &Packet) -> Option<i64> {
        let length = match &self.decoding {
            Decoding::AtOnce(_) => packet.payload().len(),
            Decoding::InOrder(ordered) => ordered.length(packet)?,
        };
        (length > 0).then_some(length as i64)
    }

    /// Makes the next 160 samples. `quiet`: the callee is silent, so sound may be left out or put in.
    pub(crate) fn pull(&mut self, frame: &mut [i16; FRAME], quiet: bool, now: Instant) -> Pulled {
        let Some(origin) = self.origin else {
            frame.fill(0);
            return Pulled::Idle;
        };
        let now = in_samples(now.saturating_duration_since(origin));
        let excess = now - self.delay.base() - self.delay.target() - self.play;
        if self.end <= self.play {
            return self.underrun(frame, excess);
        }
        self.catch_up();
        self.decode_until(self.play + FRAME as i64);
        if quiet && excess < -SHORT {
            self.stats.inserted += 1;
            self.conceal.missing(frame);
            return Pulled::Real;
        }
        let drop = self.surplus(excess, quiet);
        if drop > 0 && self.read_shortened(frame, drop) {
            return Pulled::Real;
        }
        self.read(frame, excess)
    }

    /// Begins anew with `packet`, as if it were the first.
    fn restart(&mut self, packet: &Packet, length: i64, arrival: i64) {
        let timestamp = i64::from(packet.timestamp) / self.codec.ticks_per_sample();
        self.present.fill(0);
        self.guessed.fill(0);
        if let Decoding::InOrder(ordered) = &mut self.decoding {
            ordered.restart();
        }
        self.delay = Delay::new(self.delay.target());
        self.delay.note(arrival, timestamp);
        self.last = (packet.timestamp, timestamp, arrival);
        self.candidate = None;
        self.play = timestamp - self.delay.target();
        self.seen = timestamp;
        self.end = timestamp;
        self.begun = timestamp;
        self.held = 0;
        self.place(packet, length, timestamp);
    }

    /// Puts a packet's samples into the ring, or takes their places there.
    fn place(&mut self, packet: &Packet, length: i64, timestamp: i64) {
        let end = timestamp + length;
        if end <= self.play {
            self.stats.late += 1;
            return;
        }
        if end - self.play > RING as i64 {
            self.skip_to(end - RING as i64);
        }
        if let Decoding::InOrder(ordered) = &self.decoding
            && ordered.is_full()
        {
            self.stats.rejected += 1;
            return;
        }
        let mut new = false;
        match &self.decoding {
            Decoding::AtOnce(law) => {
                let law = *law;
                for (code, at) in packet.payload().iter().zip(timestamp..) {
                    if at >= self.play && !self.has(at) {
                        let slot = slot(at);
                        self.samples[slot] = law.decode_byte(*code);
                        self.present[slot / 64] |= 1 << (slot % 64);
                        new = true;
                    }
                }
            }
            Decoding::InOrder(_) => {
                for at in timestamp.max(self.play)..end {
                    if !self.has(at) {
                        let slot = slot(at);
                        self.present[slot / 64] |= 1 << (slot % 64);
                        new = true;
                    }
                }
            }
        }
        if let Decoding::InOrder(ordered) = &mut self.decoding
            && new
        {
            ordered.insert(timestamp, length, packet);
        }
        self.end = self.end.max(end);
        if !new {
            self.stats.duplicate += 1;
        }
    }

    /// Decodes what is to be played before `limit`, and has the decoder mend what is missing there.
    fn decode_until(&mut self, limit: i64) {
        let Decoding::InOrder(ordered) = &mut self.decoding else {
            return;
        };
        let (play, samples) = (self.play, &mut self.samples);
        let (present, guessed) = (&mut self.present, &mut self.guessed);
        let recovered = &mut self.stats.recovered;
        ordered.decode_until(limit, |from, made, origin| {
            for (sample, at) in made.iter().zip(from..) {
                if at < play {
                    continue;
                }
                let slot = slot(at);
                let bit = 1 << (slot % 64);
                samples[slot] = *sample;
                present[slot / 64] |= bit;
                if origin == Origin::Guessed {
                    guessed[slot / 64] |= bit;
                }
            }
            if origin == Origin::Recovered {
                *recovered += 1;
            }
        });
    }

    /// Nothing is there to play: waits for it, or moves on if that has lasted too long.
    fn underrun(&mut self, frame: &mut [i16; FRAME], excess: i64) -> Pulled {
        if self.noise.fill(frame) {
            self.play += FRAME as i64;
            self.conceal.real(frame);
            return Pulled::Real;
        }
        if self.may_wait(excess) {
            self.held += FRAME as i64;
        } else {
            self.play += FRAME as i64;
        }
        let over = self.conceal.is_silent();
        self.conceal.missing(frame);
        if over {
            Pulled::Idle
        } else {
            self.stats.concealed += 1;
            Pulled::Concealed
        }
    }

    /// Once sound is there again after waiting, decides whether what was waited for is lost.
    fn catch_up(&mut self) {
        if self.held > 0 {
            // What was made up meanwhile stands for what is missing, as far as it reaches.
            let gap = (self.play..self.end)
                .take_while(|at| !self.has(*at))
                .count() as i64;
            self.skip_to(self.play + gap.min(self.held));
            self.held = 0;
        }
    }

    /// Returns how many samples should be left out now.
    fn surplus(&mut self, excess: i64, quiet: bool) -> i64 {
        if excess > in_samples(self.config.longest).min(MAX_HELD) + self.delay.target() {
            return excess;
        }
        // What is left when this frame is played. A packet that comes just after the tick one time and just before it another
        // leaves nothing every other time, however long its sound is kept.
        let spare = self.end - self.play - FRAME as i64;
        if excess.min(spare) <= SLACK {
            self.long = (0, i64::MAX);
            return 0;
        }
        let surplus = self.long.1.min(excess).min(spare);
        self.long = (self.long.0.saturating_add(1), surplus);
        if !quiet || self.long.0 < PATIENCE {
            return 0;
        }
        let drop = self.long.1.min(FRAME as i64);
        self.long = (0, i64::MAX);
        drop
    }

    /// Plays the next frame gliding into the one `drop` samples later; `false` if either is not wholly there.
    fn read_shortened(&mut self, frame: &mut [i16; FRAME], drop: i64) -> bool {
        let count = FRAME as i64;
        let drop = drop.min(self.end - self.play - count);
        let here = self.play..self.play + count;
        let there = self.play + drop..self.play + drop + count;
        if drop <= 0 || !here.chain(there).all(|at| self.has(at)) {
            return false;
        }
        self.decode_until(self.play + drop + count);
        for (index, sample) in frame.iter_mut().enumerate() {
            let at = self.play + index as i64;
            let weight = (index + 1) as f32 / (FRAME + 1) as f32;
            let (first, second) = (self.samples[slot(at)], self.samples[slot(at + drop)]);
            let value = f32::from(first) * (1.0 - weight) + f32::from(second) * weight;
            *sample = value.round_ties_even() as i16;
        }
        self.conceal.real(frame);
        self.stats.dropped += drop as u64;
        self.skip_to(self.play + drop + count);
        true
    }

    /// Whether sound that is not there yet is waited for.
    fn may_wait(&self, excess: i64) -> bool {
        let longest = in_samples(self.config.longest).min(MAX_HELD);
        self.held < longest && excess < longest
    }

    /// Plays the next frame, made up where sound is missing.
    fn read(&mut self, frame: &mut [i16; FRAME], excess: i64) -> Pulled {
        let mut lost = false;
        let mut done = 0;
        while done < FRAME {
            let at = self.play + done as i64;
            let real = self.has(at);
            let count = (at..self.play + FRAME as i64)
                .take_while(|at| self.has(*at) == real)
                .count();
            let part = &mut frame[done..done + count];
            if real {
                for (sample, at) in part.iter_mut().zip(at..) {
                    let slot = slot(at);
                    *sample = self.samples[slot];
                    lost |= self.guessed[slot / 64] >> (slot % 64) & 1 == 1;
                }
                self.conceal.real(part);
            } else {
                lost |= at + count as i64 > self.begun;
                self.conceal.missing(part);
            }
            done += count;
        }
        // What is missing at the end may still come; it is waited for as if there was nothing at all.
        let missing = self.play + FRAME as i64 - self.end;
        if missing > 0 && self.may_wait(excess) {
            self.held += missing;
            self.skip_to(self.end);
        } else {
            self.skip_to(self.play + FRAME as i64);
        }
        if lost {
            self.stats.concealed += 1;
            Pulled::Concealed
        } else {
            Pulled::Real
        }
    }

    fn has(&self, at: i64) -> bool {
        let slot = slot(at);
        at < self.end && self.present[slot / 64] >> (slot % 64) & 1 == 1
    }

    /// Moves on to `play` and makes the ring ready for what comes.
    fn skip_to(&mut self, play: i64) {
        if play - self.play >= RING as i64 {
            self.present.fill(0);
            self.guessed.fill(0);
        } else {
            for at in self.play..play {
                let slot = slot(at);
                self.present[slot / 64] &= !(1 << (slot % 64));
                self.guessed[slot / 64] &= !(1 << (slot % 64));
            }
        }
        self.play = self.play.max(play);
    }
}

/// Returns the place of a timestamp in the ring.
const fn slot(at: i64) -> usize {
    at.rem_euclid(RING as i64) as usize
}

/// A time in samples of 8 kHz.
fn in_samples(time: Duration) -> i64 {
    i64::try_from(time.as_micros() / 125).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests;
