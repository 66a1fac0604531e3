//! Sound on its way to a carrier that holds what it is sent: how far ahead of the clock it may be, what of it was
//! heard, and what has to be sent again after a clear.
//!
//! Two truths are kept apart. *By the clock* a frame is played when its turn has come since it was sent; that paces
//! sending and places sound in the recording. *Heard* is what the carrier's marks confirm, plus the time since the
//! last of them, but never past the next mark that is still out. Frames are kept until they were heard, so that
//! after a clear speech goes on a little before where it was stopped, and nothing is skipped. A mark that a clear
//! has overtaken is forgotten: when it comes back, it confirms nothing. Time comes in as an argument.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use call::{Generation, PlayoutEvent};
use media::{FRAME, FRAME_TIME, mix};

use crate::line::PlayoutMark;

/// How far ahead of the clock sound is sent: enough for a network that hesitates, little to clear.
const LEAD: Duration = Duration::from_millis(200);
/// A mark follows at least so many frames after the last one: every 100 ms.
const FRAMES_PER_MARK: u64 = 5;
/// Sound that may be out without having been confirmed; beyond it, sending waits for the carrier.
const MOST_UNHEARD: u64 = 250;
/// Frames that are played again when speech goes on after a clear: 40 ms.
const REPEATED: u64 = 2;
/// How long a carrier that has never sent a mark back is waited for before the clock is believed.
const MARK_PATIENCE: Duration = Duration::from_millis(2500);
/// How much later than by the clock the last sound may be heard before the call core counts it as heard.
const OVERDUE: Duration = Duration::from_millis(1500);
/// The fade with which sound goes on in the middle of a word: 5 ms.
const FADE: usize = 40;

/// 20 ms of sound and what it means for the clauses in it.
#[derive(Debug, Clone)]
pub(super) struct Sounding {
    /// The sound, 8 kHz.
    pub(super) samples: [i16; FRAME],
    /// What is true once it was heard.
    pub(super) heard: Vec<PlayoutEvent>,
    /// Whether it is a key's tone, which is never taken back.
    pub(super) key: bool,
}

impl Sounding {
    fn is_of(&self, generation: Generation) -> bool {
        self.heard.iter().any(|event| {
            let (PlayoutEvent::Sent(clause, _)
            | PlayoutEvent::Heard(clause, _)
            | PlayoutEvent::Finished(clause)) = event;
            clause.generation == generation
        })
    }

    fn ends_clause(&self) -> bool {
        let ends = |event: &PlayoutEvent| matches!(event, PlayoutEvent::Finished(_));
        self.heard.iter().any(ends)
    }
}

/// A frame that was sent.
#[derive(Debug)]
struct Sent {
    frame: Sounding,
    /// When the clock says that it has been played.
    due: Instant,
}

/// A mark that is out.
#[derive(Debug, Clone, Copy)]
struct Out {
    mark: PlayoutMark,
    /// The frames before this number are confirmed by it.
    end: u64,
    /// When the clock expects it back.
    due: Instant,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Sent and kept: the last ones that were heard, then all that were not. The first one's number is `first`.
    sent: VecDeque<Sent>,
    first: u64,
    /// Frames before this number were heard, by mark or by estimate.
    heard: u64,
    /// Frames before this number were confirmed by a mark, and when.
    confirmed: u64,
    confirmed_at: Option<Instant>,
    marks: VecDeque<Out>,
    next_mark: u64,
    since_mark: u64,
    /// Whether a mark ever came back.
    marks_work: bool,
    /// Cleared and unheard, to be sent again first.
    again: VecDeque<Sounding>,
    /// Whether speech is kept back.
    held: bool,
    /// Whether anything was sent since the last clear.
    dirty: bool,
    fade_in: bool,
    /// When the clock says that everything sent has been played.
    played_at: Option<Instant>,
    /// Frames that the clock has not played.
    air: VecDeque<[i16; FRAME]>,
    playout_delay: Duration,
    /// Marks that came back after a clear had overtaken them.
    pub(super) void_marks: u64,
}

impl Ahead {
    /// Makes one that keeps speech back until [`Ahead::release`].
    pub(super) fn new(playout_delay: Duration) -> Self {
        Self {
            sent: VecDeque::new(),
            first: 0,
            heard: 0,
            confirmed: 0,
            confirmed_at: None,
            marks: VecDeque::new(),
            next_mark: 0,
            since_mark: 0,
            marks_work: false,
            again: VecDeque::new(),
            held: true,
            dirty: false,
            fade_in: false,
            played_at: None,
            air: VecDeque::new(),
            playout_delay,
            void_marks: 0,
        }
    }

    /// How much sound the carrier has, by the clock.
    pub(super) fn lead(&self, now: Instant) -> Duration {
        self.played_at
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    /// Whether one more frame may be sent now.
    pub(super) fn has_room(&self, now: Instant) -> bool {
        self.lead(now) + FRAME_TIME <= LEAD && self.unheard() < MOST_UNHEARD
    }

    /// Whether speech is kept back.
    pub(super) const fn is_held(&self) -> bool {
        self.held
    }

    fn end(&self) -> u64 {
        self.first + self.sent.len() as u64
    }

    fn unheard(&self) -> u64 {
        self.end() - self.heard
    }

    /// Returns the next frame that has to be sent again, if there is one that may be.
    pub(super) fn again(&mut self) -> Option<Sounding> {
        let at = if self.held {
            self.again.iter().position(|frame| frame.key)?
        } else {
            0
        };
        self.again.remove(at)
    }

    /// Notes that a frame is sent now. Returns the frame as it is to be sent, and the mark to send after it.
    pub(super) fn send(
        &mut self,
        mut frame: Sounding,
        now: Instant,
    ) -> ([i16; FRAME], Option<PlayoutMark>) {
        let empty = self.unheard() == 0;
        if empty {
            // Nothing is out: from here the carrier's clock starts again, at the first mark of this stretch.
            self.confirmed = self.end();
            self.confirmed_at = None;
        }
        if std::mem::take(&mut self.fade_in) {
            mix::ramp(&mut frame.samples[..FADE], 0.0, 1.0);
        }
        let samples = frame.samples;
        let played_at = self.played_at.map_or(now, |at| at.max(now)) + FRAME_TIME;
        let due = played_at + self.playout_delay;
        self.played_at = Some(played_at);
        self.air.push_back(samples);
        self.dirty = true;
        self.since_mark += 1;
        let mark = (empty || self.since_mark >= FRAMES_PER_MARK || frame.ends_clause())
            .then(|| self.new_mark(due, self.end() + 1));
        self.sent.push_back(Sent { frame, due });
        (samples, mark)
    }

    fn new_mark(&mut self, due: Instant, end: u64) -> PlayoutMark {
        let mark = PlayoutMark(self.next_mark);
        self.next_mark += 1;
        self.since_mark = 0;
        self.marks.push_back(Out { mark, end, due });
        mark
    }

    /// Something comes true once all that was sent has been heard. Returns the mark to send for it.
    ///
    /// # Errors
    /// Gives the events back when they are true already.
    pub(super) fn attach(
        &mut self,
        events: Vec<PlayoutEvent>,
    ) -> Result<PlayoutMark, Vec<PlayoutEvent>> {
        let out = self.unheard() > 0;
        let Some(last) = self.sent.back_mut().filter(|_| out) else {
            return Err(events);
        };
        last.frame.heard.extend(events);
        let due = last.due;
        Ok(self.new_mark(due, self.end()))
    }

    /// A mark came back.
    pub(super) fn on_mark(&mut self, mark: PlayoutMark, now: Instant) {
        self.marks_work = true;
        let Some(at) = self.marks.iter().position(|out| out.mark == mark) else {
            self.void_marks += 1;
            return;
        };
        // A mark confirms everything before it, marks that were lost on the way included.
        let end = self.marks[at].end;
        self.marks.drain(..=at);
        if end > self.confirmed {
            self.confirmed = end;
            self.confirmed_at = Some(now);
        }
    }

    /// Returns everything that became true by what was heard until now.
    pub(super) fn heard(&mut self, now: Instant, events: &mut Vec<PlayoutEvent>) {
        let heard = match self.unheard() {
            0 => self.heard,
            _ => self.estimate(now).clamp(self.heard, self.end()),
        };
        while self.heard < heard {
            let at = usize::try_from(self.heard - self.first).unwrap_or(usize::MAX);
            if let Some(sent) = self.sent.get(at) {
                events.extend(&sent.frame.heard);
            }
            self.heard += 1;
        }
        while self.heard - self.first > REPEATED {
            self.sent.pop_front();
            self.first += 1;
        }
    }

    fn estimate(&self, now: Instant) -> u64 {
        let by_clock = self.first + self.sent.partition_point(|sent| sent.due <= now) as u64;
        if self.believes_the_clock(now) {
            return by_clock;
        }
        let since = self
            .confirmed_at
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let frames = since.as_millis() / FRAME_TIME.as_millis();
        let estimate = self.confirmed + u64::try_from(frames).unwrap_or(u64::MAX);
        // What a mark has not confirmed was not heard to its end.
        let limit = self.marks.front().map_or(self.end(), |out| out.end - 1);
        self.confirmed.max(estimate.min(limit).min(by_clock))
    }

    /// A carrier that never sent any mark back does not know marks.
    fn believes_the_clock(&self, now: Instant) -> bool {
        let waited = |out: &Out| now.saturating_duration_since(out.due) > MARK_PATIENCE;
        !self.marks_work && self.marks.front().is_some_and(waited)
    }

    /// Keeps speech back from now on. Returns whether the carrier has to forget what it has.
    pub(super) fn hold(&mut self) -> bool {
        self.held = true;
        self.fade_in = true;
        self.take_back(|_| true)
    }

    /// Lets speech go on, from a little before where it was heard to stop.
    pub(super) fn release(&mut self) {
        self.held = false;
    }

    /// Forgets the speech of a generation. Returns whether the carrier has to forget what it has.
    pub(super) fn drop_generation(&mut self, generation: Generation) -> bool {
        let unheard = self.sent.iter().skip(self.heard_kept());
        let out = unheard.filter(|sent| sent.frame.is_of(generation)).count() > 0;
        let clear = out && self.take_back(|frame| !frame.is_of(generation));
        self.again.retain(|frame| !frame.is_of(generation));
        clear
    }

    /// The callee speaks though the call core takes all for heard: what the carrier may still hold is forgotten.
    pub(super) fn callee_speaks(&mut self, now: Instant) -> bool {
        let late = self.lead(now).is_zero()
            && self
                .played_at
                .is_some_and(|at| now.saturating_duration_since(at) > self.playout_delay + OVERDUE);
        let all_sent = self.again.is_empty() && !self.held;
        all_sent && late && self.unheard() > 0 && self.take_back(|_| false)
    }

    fn heard_kept(&self) -> usize {
        usize::try_from(self.heard - self.first).unwrap_or(usize::MAX)
    }

    /// Takes back what was not heard, and keeps those frames of it for which `keep` says so.
    fn take_back(&mut self, keep: impl Fn(&Sounding) -> bool) -> bool {
        let key = |sent: &Sent| sent.frame.key;
        if !self.dirty || self.sent.iter().skip(self.heard_kept()).any(key) {
            // A tone that is cut and sent again would be two keys.
            return false;
        }
        let end = self.end();
        let from = if self.unheard() == 0 {
            self.sent.len()
        } else {
            self.heard_kept().saturating_sub(REPEATED as usize)
        };
        let mut back: VecDeque<_> = self
            .sent
            .drain(from..)
            .map(|sent| sent.frame)
            .filter(|frame| keep(frame))
            .collect();
        self.fade_in |= !back.is_empty();
        back.append(&mut self.again);
        self.again = back;
        self.sent.clear();
        // Numbers go on, so that none stands for two frames.
        self.first = end;
        self.heard = end;
        self.confirmed = end;
        self.confirmed_at = None;
        self.marks.clear();
        self.since_mark = 0;
        self.played_at = None;
        self.air.clear();
        self.dirty = false;
        true
    }

    /// Whether nothing waits to be sent again.
    pub(super) fn has_nothing_to_repeat(&self) -> bool {
        self.again.is_empty()
    }

    /// Returns what the clock plays in this frame's time.
    pub(super) fn on_air(&mut self) -> [i16; FRAME] {
        self.air.pop_front().unwrap_or([0; FRAME])
    }
}

#[cfg(test)]
mod tests;
