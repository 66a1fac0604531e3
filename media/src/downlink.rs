//! The way to the callee: speech is queued under marks, and every 20 ms one packet leaves.
//!
//! [`Downlink`] decides what the callee hears at each tick: queued speech, keys being pressed, or silence. It knows
//! how much of each mark's speech has been sent, stops within one frame, and goes on a little before where it
//! stopped. It does not know what the speech says, nor when it is heard.

use std::time::Duration;

use crate::{Codec, Encoder, FRAME, MAX_PAYLOAD, Packet, mix, resample::RateError, wire_time};

mod keys;
mod queue;
mod samples;

use keys::Keys;
use queue::Queue;

/// Length of the fades around a pause, in samples: 5 ms.
const FADE: usize = 40;
/// Names one piece of speech. The caller chooses the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub u64);

/// How a [`Downlink`] is set up.
#[derive(Debug, Clone, Copy)]
pub struct DownlinkConfig {
    /// How packets are encoded.
    pub codec: Codec,
    /// How much speech the queue holds. Defaults to 6 s: longer than a clause, so that what comes before the first sound
    /// never waits for room, and little memory.
    pub capacity: Duration,
    /// Whether it starts paused, so that speech can be queued before the call is answered. Defaults to `true`.
    pub paused: bool,
    /// Sequence number of the first packet. Defaults to 0.
    pub sequence: u16,
    /// Timestamp of the first packet. Defaults to 0.
    pub timestamp: u32,
}

impl DownlinkConfig {
    /// Returns the defaults for a codec.
    #[must_use]
    pub const fn new(codec: Codec) -> Self {
        Self {
            codec,
            capacity: Duration::from_secs(6),
            paused: true,
            sequence: 0,
            timestamp: 0,
        }
    }
}

/// How far the speech under one mark has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which speech.
    pub mark: Mark,
    /// Sent to the line up to here, counted from the start of the mark's speech. Never falls: what is repeated
    /// after a pause was counted before.
    pub position: Duration,
    /// All of it was sent and no more will come. Reported exactly once, as the mark's last progress.
    pub finished: bool,
}

/// What one tick sends.
#[derive(Debug)]
pub struct DownlinkTick<'a> {
    /// The packet for the line.
    pub packet: Packet,
    /// The same sound before it was encoded, for the recording and for the echo guard.
    pub wire: &'a [i16; FRAME],
    /// Marks that advanced or finished, in order of playout.
    pub progress: &'a [Progress],
    /// Whether any speech or key tone is in this packet.
    pub sounding: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Downlink {
    codec: Codec,
    encoder: Encoder,
    sequence: u16,
    timestamp: u32,
    queue: Queue,
    keys: Keys,
    paused: bool,
    /// Whether the last frame carried speech, so that silence must not follow at once.
    speaking: bool,
    /// Whether the next speech starts in the middle of a word and has to fade in.
    fade_in: bool,
    /// What is left to send of speech that was stopped: its fade to silence.
    fade_out: Option<[i16; FADE]>,
    frame: [i16; FRAME],
    progress: Vec<Progress>,
}

impl Downlink {
    /// Makes a downlink with an empty queue. All memory but the resampler's is taken here.
    #[must_use]
    pub fn new(config: DownlinkConfig) -> Self {
        let samples = config.capacity.as_millis().min(3_600_000) as usize * 8;
        Self {
            codec: config.codec,
            encoder: Encoder::new(config.codec),
            sequence: config.sequence,
            timestamp: config.timestamp,
            queue: Queue::new(samples),
            keys: Keys::new(),
            paused: config.paused,
            speaking: false,
            fade_in: false,
            fade_out: None,
            frame: [0; FRAME],
            progress: Vec::with_capacity(queue::MAX_PROGRESS),
        }
    }

    /// Queues speech under `mark`, at `rate` samples per second; returns how many of `samples` were taken.
    ///
    /// Fewer than given are taken when the queue is full: give the rest again later. Marks play in the order of
    /// their first sound; sound of a mark that is no longer the newest goes to that mark's end, before all later
    /// ones. Sound under a mark that was finished or dropped is taken and thrown away. The first sound of another
    /// rate than before builds a resampler, which allocates.
    ///
    /// # Errors
    /// When `rate` is outside what [`crate::resample`] accepts.
    pub fn enqueue(&mut self, mark: Mark, samples: &[i16], rate: u32) -> Result<usize, RateError> {
        self.queue.push(mark, samples, rate)
    }

    /// Says that no more sound will come under `mark`. A mark without any sound finishes too, in its turn.
    ///
    /// Returns `false` when too many marks wait for this one to be noted: say it again later.
    pub fn finish(&mut self, mark: Mark) -> bool {
        self.queue.finish(mark)
    }

    /// Goes over to another codec. Allocates.
    pub fn set_codec(&mut self, codec: Codec) {
        if codec != self.codec {
            self.codec = codec;
            self.encoder = Encoder::new(codec);
        }
    }

    /// Stops speech at once: the next frame holds 5 ms of fade and no more. Nothing queued is lost, and more can
    /// be queued. Keys are still sent.
    pub fn pause(&mut self) {
        if !self.paused {
            self.paused = true;
            self.cut(self.queue.peek());
        }
    }

    /// Lets speech go on from up to 40 ms before where it stopped, never from after.
    pub fn resume(&mut self) {
        if self.paused {
            self.paused = false;
            self.fade_in = self.queue.rewind();
        }
    }

    /// Whether [`Downlink::pause`] is in force.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Drops the unsent speech of every mark for which `drop` says so, and forgets those marks: they report no
    /// more progress, and sound that still arrives under them is thrown away.
    pub fn drop_marks(&mut self, drop: impl FnMut(Mark) -> bool) {
        let next = self.queue.peek();
        if self.queue.drop_marks(drop) {
            self.cut(next);
        }
    }

    /// Sends keys as tones, `0`-`9`, `*`, `#`, `A`-`D`, with `w` for half a second of waiting; speech rests
    /// meanwhile. Anything else is passed over.
    ///
    /// Returns how many characters were taken; at most 64 keys wait at a time.
    pub fn press_keys(&mut self, keys: &str) -> usize {
        self.keys.press(keys)
    }

    /// Whether keys are being sent or wait to be.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// How much speech waits to be sent.
    #[must_use]
    pub fn queued(&self) -> Duration {
        wire_time(self.queue.len() as u64)
    }

    /// Whether there is nothing left to send: no speech, no unfinished mark, no key.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.keys.is_empty()
    }

    /// Makes the packet of this tick. Call every 20 ms: the ticks are the clock of the packets' timestamps.
    pub fn tick(&mut self) -> DownlinkTick<'_> {
        self.progress.clear();
        self.frame.fill(0);
        let mut sounding = !self.keys.is_empty();
        if sounding {
            self.cut(self.queue.peek());
            self.keys.fill(&mut self.frame);
        } else if !self.paused {
            sounding = self.speak();
        }
        if let Some(fade) = self.fade_out.take() {
            mix::add(&mut self.frame, &fade);
        }
        let mut payload = [0; MAX_PAYLOAD];
        let length = self.encoder.encode(&self.frame, &mut payload);
        let packet = Packet::new(self.sequence, self.timestamp, &payload[..length])
            .expect("a payload is no longer than the longest");
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.codec.frame_ticks());
        DownlinkTick {
            packet,
            wire: &self.frame,
            progress: &self.progress,
            sounding,
        }
    }

    /// Fills the frame from the queue; whether there was anything.
    fn speak(&mut self) -> bool {
        let made = self.queue.take(&mut self.frame, &mut self.progress);
        if self.fade_in && made > 0 {
            let end = made.min(FADE);
            mix::ramp(&mut self.frame[..end], 0.0, 1.0);
            self.fade_in = false;
        }
        self.speaking = made == FRAME;
        made > 0
    }

    /// Breaks off the speech under way, of which `next` would have been sent now.
    fn cut(&mut self, mut next: [i16; FADE]) {
        if self.speaking {
            self.speaking = false;
            self.fade_in = true;
            mix::ramp(&mut next, 1.0, 0.0);
            self.fade_out = Some(next);
        }
    }
}

#[cfg(test)]
mod tests;
