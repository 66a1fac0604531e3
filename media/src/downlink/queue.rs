//! Speech waiting to be sent: samples, and the marks that own stretches of them.

use std::collections::VecDeque;

use super::{FADE, Mark, Progress, samples::Samples};
use crate::{
    resample::{RateError, Resampler},
    wire_time,
};

/// The most marks that wait; a reply of ten sentences has some thirty.
const MAX_MARKS: usize = 256;
/// The most marks that report progress in one tick; further ones report in the next.
pub(super) const MAX_PROGRESS: usize = 16;
/// How many marks that are over are remembered, to throw away sound that comes too late for them.
const MAX_OVER: usize = 64;
/// What one block of the resampler may give beyond an exact count of samples.
const SLACK: usize = 704;
/// Marks that a call begins with room for.
const FEW_MARKS: usize = 16;

/// The rate of the queue.
const WIRE_RATE: u32 = 8000;

/// One mark's stretch of the samples.
#[derive(Debug, Clone, Copy)]
struct Segment {
    mark: Mark,
    /// Samples of it that wait.
    waiting: usize,
    /// Samples of it that were sent, less what is to be repeated.
    sent: usize,
    /// The largest `sent` ever reported.
    reported: usize,
    /// No more sound comes.
    complete: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Queue {
    samples: Samples,
    segments: VecDeque<Segment>,
    over: VecDeque<Mark>,
    capacity: usize,
    resampler: Option<Resampler>,
    /// Whose speech the resampler holds the end of.
    resampling: Option<Mark>,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            samples: Samples::new(),
            segments: VecDeque::with_capacity(FEW_MARKS),
            over: VecDeque::with_capacity(MAX_OVER),
            capacity,
            resampler: None,
            resampling: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Takes sound for a mark; returns how many samples were taken.
    pub(super) fn push(
        &mut self,
        mark: Mark,
        samples: &[i16],
        rate: u32,
    ) -> Result<usize, RateError> {
        self.prepare(rate)?;
        if self.over.contains(&mark) {
            return Ok(samples.len());
        }
        let Some(index) = self.segment(mark) else {
            return Ok(0);
        };
        if self.segments[index].complete {
            return Ok(samples.len());
        }
        let free = self.capacity.saturating_sub(self.samples.len()) as u64;
        let fit = free * u64::from(rate) / u64::from(WIRE_RATE);
        let taken = usize::try_from(fit).map_or(samples.len(), |fit| samples.len().min(fit));
        if rate == WIRE_RATE || self.resampling != Some(mark) {
            self.flush_resampler();
        }
        let room = (taken as u64 * u64::from(WIRE_RATE) / u64::from(rate)) as usize;
        self.samples.reserve(room + SLACK);
        if rate == WIRE_RATE {
            self.samples.push(&samples[..taken]);
            self.settle(index, taken);
            return Ok(taken);
        }
        self.resampling = Some(mark);
        let before = self.samples.len();
        if let Some(resampler) = &mut self.resampler {
            let queue = &mut self.samples;
            resampler.process(&samples[..taken], |ready| queue.push(ready));
        }
        self.settle(index, self.samples.len() - before);
        Ok(taken)
    }

    /// Notes that a mark is complete; `false` when there is no room to note it.
    pub(super) fn finish(&mut self, mark: Mark) -> bool {
        if self.over.contains(&mark) {
            return true;
        }
        if self.resampling == Some(mark) {
            self.flush_resampler();
        }
        let index = self.segment(mark);
        if let Some(index) = index {
            self.segments[index].complete = true;
        }
        index.is_some()
    }

    /// Fills `out` with speech and reports progress; returns how many samples it got.
    pub(super) fn take(&mut self, out: &mut [i16], progress: &mut Vec<Progress>) -> usize {
        let mut made = 0;
        while let Some(segment) = self.segments.front_mut() {
            if progress.len() == MAX_PROGRESS {
                break;
            }
            let count = segment.waiting.min(out.len() - made);
            self.samples.take(&mut out[made..made + count]);
            made += count;
            segment.waiting -= count;
            segment.sent += count;
            let finished = segment.complete && segment.waiting == 0;
            if segment.sent > segment.reported || finished {
                segment.reported = segment.reported.max(segment.sent);
                progress.push(Progress {
                    mark: segment.mark,
                    position: wire_time(segment.reported as u64),
                    finished,
                });
            }
            if !finished {
                break;
            }
            let mark = segment.mark;
            self.segments.pop_front();
            self.samples.forget();
            self.forget(mark);
        }
        made
    }

    /// Puts the last samples sent back to the front; whether there were any.
    pub(super) fn rewind(&mut self) -> bool {
        let Some(segment) = self.segments.front_mut() else {
            return false;
        };
        let count = self.samples.rewind();
        segment.waiting += count;
        segment.sent -= count;
        segment.sent > 0
    }

    /// Returns the next samples without taking them, silence where there are none.
    pub(super) fn peek(&self) -> [i16; FADE] {
        let mut next = self.samples.unsent();
        std::array::from_fn(|_| next.next().copied().unwrap_or(0))
    }

    /// Drops marks and their sound; whether the one being sent was among them.
    pub(super) fn drop_marks(&mut self, mut drop: impl FnMut(Mark) -> bool) -> bool {
        let mut first_dropped = false;
        let mut at = 0;
        let mut index = 0;
        while let Some(segment) = self.segments.get(index).copied() {
            if !drop(segment.mark) {
                at += segment.waiting;
                index += 1;
                continue;
            }
            self.samples.remove(at, segment.waiting);
            if index == 0 && segment.sent > 0 {
                first_dropped = true;
            }
            if index == 0 {
                self.samples.forget();
            }
            self.segments.remove(index);
            self.forget(segment.mark);
            if self.resampling == Some(segment.mark) {
                self.resampling = None;
                if let Some(resampler) = &mut self.resampler {
                    resampler.reset();
                }
            }
        }
        first_dropped
    }

    /// Makes sure that there is a resampler for `rate`, if one is needed.
    fn prepare(&mut self, rate: u32) -> Result<(), RateError> {
        let fits = self.resampler.as_ref().is_some_and(|r| r.from() == rate);
        if rate != WIRE_RATE && !fits {
            let new = Resampler::new(rate, WIRE_RATE)?;
            self.flush_resampler();
            self.resampler = Some(new);
        }
        Ok(())
    }

    /// Moves what the resampler holds back to the end of its mark's sound.
    fn flush_resampler(&mut self) {
        let (Some(mark), Some(resampler)) = (self.resampling.take(), &mut self.resampler) else {
            return;
        };
        let before = self.samples.len();
        let queue = &mut self.samples;
        resampler.finish(|ready| queue.push(ready));
        let count = self.samples.len() - before;
        match self.segments.iter().position(|s| s.mark == mark) {
            Some(index) => self.settle(index, count),
            None => self.samples.remove(before, count),
        }
    }

    /// Returns the place of a mark's segment, a new last one if it had none; `None` when too many wait.
    fn segment(&mut self, mark: Mark) -> Option<usize> {
        if let Some(index) = self.segments.iter().position(|s| s.mark == mark) {
            return Some(index);
        }
        if self.segments.len() == MAX_MARKS {
            return None;
        }
        self.segments.push_back(Segment {
            mark,
            waiting: 0,
            sent: 0,
            reported: 0,
            complete: false,
        });
        Some(self.segments.len() - 1)
    }

    /// Moves the newest `count` samples to the end of the segment at `index`.
    fn settle(&mut self, index: usize, count: usize) {
        let later: usize = self
            .segments
            .iter()
            .skip(index + 1)
            .map(|s| s.waiting)
            .sum();
        if later > 0 {
            self.samples.bring_forward(count, later);
        }
        self.segments[index].waiting += count;
    }

    fn forget(&mut self, mark: Mark) {
        if self.over.len() == MAX_OVER {
            self.over.pop_front();
        }
        self.over.push_back(mark);
    }
}
